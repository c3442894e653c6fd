package interview

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"whydrop/checklist/train"
	"whydrop/content"
	"whydrop/probes/fact"
)

// output is what a command shows of this host, in lines that can be read out.
type output struct {
	command *content.Command
	lines   []string
	nothing bool // it shows nothing: the lines say so
}

// teller writes what commands show.
type teller struct {
	facts   *fact.Facts
	env     *content.Env
	reading *train.Reading
	answer  func(question string) string
}

func newTeller(f *fact.Facts) *teller {
	values := map[string]any{"window.seconds": f.Seconds}
	for name, v := range f.Values {
		if v.Now != nil {
			values[name] = v.Now
		}
	}
	return &teller{facts: f, env: content.NewEnv(values)}
}

// most is how many lines of each kind are read out of a command.
const (
	mostRead  = 6 // rows
	mostMoved = 6
	mostStill = 8
)

// tell is what a command shows, or that it shows nothing.
func (t *teller) tell(c *content.Command) output {
	o := output{command: c}
	for _, out := range c.Shows {
		o.lines = append(o.lines, t.lines(out)...)
	}
	switch {
	case len(o.lines) > 0:
		return o
	case c.Instead != "":
		o.lines = []string{"As to " + c.Instead + ": " + t.answer(c.Instead)}
	case c.Nothing != "":
		o.lines = []string{c.Nothing}
	}
	o.nothing = true
	return o
}

// shows says whether a command shows something of this host.
func (n *Interview) shows(c *content.Command) bool {
	e := n.entries[KeyOf(Probe, c.Probe)]
	return e != nil && slices.ContainsFunc(e.outputs, func(o output) bool { return o.command == c && !o.nothing })
}

func (t *teller) lines(out *content.Output) []string {
	if out.Each != "" {
		return t.rows(out)
	}
	all := t.counters(out)
	if len(out.Parts) > 0 {
		if text := parts(out, t.env); text != "" {
			all = append(all, text)
		}
	}
	return all
}

// counters tells counters of the facts: those that moved, then what else moved, then some
// of those that stood still: that they did is an answer.
func (t *teller) counters(out *content.Output) []string {
	var moved, still, others []string
	for _, name := range out.Counters {
		text, known := t.fact(name)
		switch {
		case !known:
		case t.moved(name):
			moved = append(moved, text)
		default:
			still = append(still, text)
		}
	}
	for _, f := range t.reading.Moved {
		wanted := slices.ContainsFunc(out.Moved, func(begins string) bool { return strings.HasPrefix(f.Name, begins) })
		if text, known := t.fact(f.Name); known && wanted && !slices.Contains(out.Counters, f.Name) {
			others = append(others, text)
		}
	}
	return slices.Concat(moved, others[:min(mostMoved, len(others))], still[:min(mostStill, len(still))])
}

// moved says whether a counter grew.
func (t *teller) moved(name string) bool {
	grew, _ := t.facts.Values[name].Now.(float64)
	return grew != 0
}

// parts puts the known parts of a line together, "" if the first is not known.
func parts(out *content.Output, env *content.Env) string {
	var known []string
	for i, p := range out.Parts {
		text, complete := p.Render(env)
		switch {
		case complete:
			known = append(known, text)
		case i == 0:
			return ""
		}
	}
	return strings.Join(known, ", ")
}

// rows tells the rows of a table, those with more that moved first.
func (t *teller) rows(out *content.Output) []string {
	type line struct {
		text  string
		moved float64
	}
	var all []line
	for _, row := range t.facts.Tables[out.Each] {
		env := t.env.Row(out.Each, row)
		if out.When != nil {
			if holds, known := out.When.Holds(env); !holds || !known {
				continue
			}
		}
		l := line{text: parts(out, env)}
		var counters []string
		for _, name := range out.Counters {
			grew, known := row[name].(float64)
			if !known {
				continue
			}
			l.moved += grew
			label := name + " "
			if len(out.Counters) == 1 {
				label = ""
			}
			counters = append(counters, label+t.growth(grew, row[content.TotalOf(name)]))
		}
		if l.text == "" {
			continue
		}
		if len(counters) > 0 {
			l.text += ": " + strings.Join(counters, ", ")
		}
		all = append(all, l)
	}
	slices.SortStableFunc(all, func(a, b line) int { return cmp.Compare(b.moved, a.moved) })
	var texts []string
	for _, l := range all[:min(mostRead, len(all))] {
		texts = append(texts, l.text)
	}
	if more := len(all) - mostRead; more > 0 {
		texts = append(texts, fmt.Sprintf("and %d more like these", more))
	}
	return texts
}

// growth is a counter's growth beside its total, moved or not.
func (t *teller) growth(grew float64, total any) string {
	text := fmt.Sprintf("+%s in %s s", content.Show(grew), content.Show(t.facts.Seconds))
	if total, known := total.(float64); known {
		text += fmt.Sprintf(" (total %s)", content.Show(total))
	}
	return text
}

// fact tells a fact by its name: growth and total of a counter, else its value.
func (t *teller) fact(name string) (text string, known bool) {
	v, is := t.facts.Values[name]
	said := strings.TrimPrefix(name, "sysctl.")
	switch grew, number := v.Now.(float64); {
	case !is || v.Now == nil && v.Total == nil:
		return "", false
	case v.Total != nil && number:
		return said + " " + t.growth(grew, *v.Total), true
	case v.Total != nil:
		return fmt.Sprintf("%s: growth not known (total %s)", said, content.Show(*v.Total)), true
	}
	return said + " = " + content.Show(v.Now), true
}

// ReadOut is what a probe shows in lines to be read out, to somebody who asked for it in
// these words: the counters and settings that they named, the commands that they meant;
// what all usual commands show where they meant none. The figures themselves are in
// Entry.Reading.
func (n *Interview) ReadOut(e *Entry, words string) []train.TextLine {
	if e.Reading == nil {
		return nil
	}
	var lines []train.TextLine
	heading := func(text string) { lines = append(lines, train.TextLine{Kind: train.Heading, Text: text}) }
	value := func(text string) { lines = append(lines, train.TextLine{Kind: train.Value, Text: text}) }
	t := newTeller(n.host.facts)
	named, unknown := n.ear.named(words)
	for _, name := range named {
		if d := n.book.Facts.Fact(name); d != nil && d.Probe == e.Reading.Probe {
			if text, known := t.fact(name); known {
				value(text)
			} else {
				value(strings.TrimPrefix(name, "sysctl.") + ": not known of this host")
			}
		}
	}
	for _, name := range unknown {
		value(content.Show(name) + ": not known of this host")
	}
	for _, o := range n.asked(e, words) {
		heading(o.command.Title)
		for _, text := range o.lines {
			value(text)
		}
	}
	return lines
}

// asked are the outputs of a probe's commands that somebody asked for in these words:
// those whose titles they said, else the one that is meant most first; all if none is.
func (n *Interview) asked(e *Entry, words string) []output {
	if named, unknown := n.ear.named(words); len(named)+len(unknown) > 0 {
		return nil
	}
	meant := n.ear.hear(words).commands
	asked := slices.DeleteFunc(slices.Clone(e.outputs), func(o output) bool { return meant[o.command] == 0 })
	if len(asked) == 0 {
		return e.outputs
	}
	slices.SortStableFunc(asked, func(a, b output) int { return cmp.Compare(meant[b.command], meant[a.command]) })
	if said := titled(asked, words); len(said) > 0 {
		return said
	}
	return slices.DeleteFunc(asked, func(o output) bool { return meant[o.command] < meant[asked[0].command]*0.6 })
}

// titled are the outputs whose titles were said, without those whose title is the
// beginning of another one's: ip route of ip route get.
func titled(outputs []output, words string) []output {
	said := " " + strings.Join(strings.Fields(strings.ToLower(words)), " ")
	title := func(o output) string { return " " + strings.ToLower(o.command.Title) }
	is := slices.DeleteFunc(slices.Clone(outputs), func(o output) bool { return !strings.Contains(said, title(o)) })
	return slices.DeleteFunc(slices.Clone(is), func(o output) bool {
		return slices.ContainsFunc(is, func(p output) bool { return p.command != o.command && strings.HasPrefix(title(p), title(o)) })
	})
}
