package ui

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"

	"whydrop/checklist/train"
	"whydrop/content"
)

// drawReview draws the page of the review that one is at, below the names of all.
func (m *trainModel) drawReview(w, h int) []string {
	t, r := m.theme, &m.review
	if r.feedback == nil {
		return []string{"working out how it went"}
	}
	lines := []string{t.sections(reviewPages[:], r.page, w)}
	if h > 8 {
		lines = append(lines, "")
	}
	room := max(0, h-len(lines))
	if r.page == wordsPage {
		body, at, around := m.wordsLines(w)
		s := &r.scrolls[wordsPage]
		if r.seek {
			s.keep(body, around[0], around[1], room)
			s.keep(body, at[0], at[1], room)
			r.seek = false
		}
		return append(lines, s.window(body, room)...)
	}
	body := m.pageLines(r.page, w)
	shown := r.scrolls[r.page].window(body, room)
	if below := len(body) - r.scrolls[r.page].top - len(shown); below > 0 && room > 3 {
		shown = r.scrolls[r.page].window(body, room-1)
		more := fmt.Sprintf("%d more lines, %s", len(body)-r.scrolls[r.page].top-len(shown), m.keys.key(actDown))
		shown = append(shown[:len(shown):len(shown)], t.apart("", t.dim.Render(more), w))
	}
	return append(lines, shown...)
}

func (m *trainModel) pageLines(page, w int) []string {
	p := &reviewPage{model: m, theme: m.theme, w: w, f: m.review.feedback, d: m.review.debrief}
	switch reviewPages[page] {
	case "Marks":
		p.marks()
	case "Steps":
		p.steps()
	case "Plan":
		p.plan()
	case "Ideal way":
		p.ideal()
	case "What it was":
		p.truth()
	default:
		p.next()
	}
	return p.lines
}

// reviewPage writes one page.
type reviewPage struct {
	model *trainModel
	theme theme
	w     int
	f     *train.Feedback
	d     *train.Debrief
	lines []string
}

func (p *reviewPage) blank() {
	if len(p.lines) > 0 {
		p.lines = append(p.lines, "")
	}
}

// heading begins a part.
func (p *reviewPage) heading(text string) {
	p.blank()
	p.lines = append(p.lines, styled(wrap(content.Show(text), p.w, ""), p.theme.bold.Render)...)
}

// say writes a paragraph, item one with a head; lines after the first are indented.
func (p *reviewPage) say(text string) {
	p.lines = append(p.lines, wrap(content.Show(text), p.w, "")...)
}

func (p *reviewPage) item(head, text string) {
	p.lines = append(p.lines, wrap(head+content.Show(text), p.w, strings.Repeat(" ", min(4, len(head))))...)
}

// loud is item with a head that stands out.
func (p *reviewPage) loud(head, text string, bad bool) {
	style := p.theme.bold
	if bad {
		style = p.theme.bad
	}
	lines := wrap(head+" "+content.Show(text), p.w, "  ")
	if strings.HasPrefix(lines[0], head) {
		lines[0] = style.Render(head) + lines[0][len(head):]
	}
	p.lines = append(p.lines, lines...)
}

// sentence is text with a capital letter and a full stop.
func sentence(s string) string {
	if s = upper(strings.TrimSpace(s)); s != "" && !strings.ContainsAny(s[len(s)-1:], ".!?\"") {
		s += "."
	}
	return s
}

// marks are the verdict and the marks by area with their reasons.
func (p *reviewPage) marks() {
	for _, c := range p.f.Causes {
		title := "Nothing is wrong on this host"
		if c.Cause != nil {
			title = c.Cause.Title
		}
		head, bad := "Wrong:", true
		switch {
		case c.Right && c.Named && c.Founded:
			head, bad = "Right:", false
		case c.Right && c.Named:
			head, bad = "Right, but not founded:", false
		case c.Right:
			head = "Missed:"
		}
		p.loud(head, sentence(title+": "+c.Why), bad)
	}
	well := ""
	if p.f.Well {
		well = ": done well"
	}
	p.heading(fmt.Sprintf("Together %s of %s points%s", train.Points(p.f.Total), train.Points(p.f.Of), well))
	if p.f.Repeat {
		p.say("A repeat: you had seen the end of this incident before. It is practice, and says little about how the next one goes.")
	}
	if !p.f.Checked {
		p.say(fmt.Sprintf("Your own words count nothing yet: judge them on page %d, %s.", wordsPage+1, reviewPages[wordsPage]))
	}
	for _, a := range p.f.Marks {
		head := fmt.Sprintf("%-12s %4s of %d  %s", a.Area.Title(), train.Points(a.Points), train.MostPoints, p.theme.meter(a.Points/train.MostPoints, 8))
		p.blank()
		p.lines = append(p.lines, p.theme.bold.Render(p.theme.clip(head, p.w)))
		for _, r := range a.Reasons {
			own := ""
			if r.SelfAssessed {
				own = " (your own judgement)"
			}
			p.lines = append(p.lines, wrap(fmt.Sprintf("  %5s  %s", train.Signed(r.Points), content.Show(r.Says)+own), p.w, "         ")...)
		}
	}
}

// steps are what each step was worth.
func (p *reviewPage) steps() {
	if len(p.f.Steps) == 0 {
		p.say("You asked and measured nothing.")
	} else {
		p.say(fmt.Sprintf("You took %s; the ideal way takes %d. Bits: what a step could be expected to tell when you took it; 1 bit halves what is open. Best then: the question, or the measurement, that promised most.", stepsTaken(len(p.f.Steps)), p.f.Ideal))
		p.blank()
		p.stepTable()
	}
	if len(p.f.WrongTurns) > 0 {
		p.heading("Wrong turns")
		for _, t := range p.f.WrongTurns {
			p.item("- ", fmt.Sprintf("after %s you suspected \"%s\", though %s", stepsTaken(t.Step), t.Cause.Title, t.Why))
		}
	}
	if len(p.f.Overlooked) > 0 {
		p.heading("Overlooked")
		for _, o := range p.f.Overlooked {
			p.item("- ", fmt.Sprintf("%s (measure: %s)", strings.TrimSuffix(o.Says, "."), strings.Join(p.instruments(o.Probes), ", or ")))
		}
	}
	if len(p.f.Steps) > 0 {
		p.heading("What each step told")
		for i, s := range p.f.Steps {
			p.item(fmt.Sprintf("%2d. ", i+1), sentence(s.Title)+" "+sentence(s.Told))
		}
	}
	p.coverage()
}

// instruments are probes as they stand in the menu.
func (p *reviewPage) instruments(probes []string) []string {
	var all []string
	for _, probe := range probes {
		name := probe
		if i := p.model.options.Book.Instrument(probe); i != nil {
			name = i.Title
		}
		all = append(all, name)
	}
	return all
}

// stepTable is the steps in columns; below those that were wasted stands why.
func (p *reviewPage) stepTable() {
	t := p.theme
	side := max(6, (p.w-4-6-6-3)/2) // of what was done and what was best
	row := func(cells ...string) string {
		return fmt.Sprintf("%3s %s %5s %s %5s", cells[0], t.pad(cells[1], side), cells[2], t.pad(cells[3], side), cells[4])
	}
	p.lines = append(p.lines, t.bold.Render(t.clip(row("", "You did", "bits", "Best then", "bits"), p.w)))
	for i, s := range p.f.Steps {
		best, bits := "the same", ""
		switch b := s.Event.Best; {
		case b == nil:
			best = "nothing: conclude"
		case s.Best == "":
			best = "hardly anything better"
		case b.ID != s.Event.ID:
			best, bits = p.brief(*b), fmt.Sprintf("%.2f", b.Bits)
		}
		line := row(strconv.Itoa(i+1), p.brief(train.Step{Kind: s.Event.Kind, ID: s.Event.ID}), fmt.Sprintf("%.2f", s.Event.Bits), best, bits)
		p.lines = append(p.lines, strings.TrimRight(t.clip(line, p.w), " "))
		if s.Wasted {
			p.lines = append(p.lines, styled(wrap("    worth nearly nothing: "+content.Show(s.Why), p.w, "    "), t.dim.Render)...)
		}
	}
}

// short is a step in a few words.
func (m *trainModel) short(s train.Step) string {
	if q := m.options.Book.Question(s.ID); q != nil {
		return s.ID + " " + q.Ask
	}
	if i := m.options.Book.Instrument(s.ID); i != nil {
		return i.Title
	}
	return s.ID
}

// brief is a step as it fits in a column: a question by its number and group.
func (p *reviewPage) brief(s train.Step) string {
	for _, g := range p.model.options.Book.Groups {
		for _, q := range g.Questions {
			if q.ID == s.ID {
				return q.ID + " " + g.Title
			}
		}
	}
	return p.model.short(s)
}

// coverage is which groups of the checklist were asked about.
func (p *reviewPage) coverage() {
	p.heading("The checklist")
	for _, g := range p.f.Groups {
		asked := "not asked"
		if len(g.Asked) > 0 {
			asked = fmt.Sprintf("%s, first at step %d", strings.Join(g.Asked, " "), g.First)
		}
		if g.Telling && len(g.Asked) == 0 {
			asked += "; an answer here points to the truth"
		}
		p.item(fmt.Sprintf("%2d. ", g.Group.Number), g.Group.Title+": "+asked)
	}
}

// plan are the steps that were chosen and those that were missed.
func (p *reviewPage) plan() {
	if len(p.f.Plan) == 0 {
		p.say("You chose no step.")
	}
	for _, c := range p.f.Plan {
		head := "Wrong:"
		if c.Choice.Right {
			head = "Right:"
		}
		p.loud(head, sentence(c.Choice.Title+": "+c.Why), !c.Choice.Right)
	}
	for _, c := range p.f.Missed {
		p.loud("Not chosen:", sentence(c.Title), true)
	}
	for _, c := range p.f.AlsoRight {
		p.loud("Also right:", sentence(c.Title), false)
	}
	if len(p.d.Plan) == 0 {
		return
	}
	p.heading("The plan on this host")
	for i, s := range p.d.Plan {
		p.blank()
		p.item(fmt.Sprintf("%d. ", i+1), sentence(s.Remedy.Title)+" "+sentence(s.Change))
		for _, part := range []struct{ head, text string }{{"Why: ", s.Why}, {"Risk: ", s.Risk}, {"Way back: ", s.Rollback}, {"Check: ", s.Verify}} {
			if part.text != "" {
				p.lines = append(p.lines, wrap("   "+part.head+content.Show(part.text), p.w, "     ")...)
			}
		}
	}
}

// ideal is the ideal way and what refutes the false tracks.
func (p *reviewPage) ideal() {
	p.say("The way of an experienced engineer: a question of each of the first groups, then what tells most.")
	for i, s := range p.d.Ideal {
		verb := "Ask: "
		if s.Kind == train.Measured {
			verb = "Measure: "
		}
		p.blank()
		p.lines = append(p.lines, styled(wrap(fmt.Sprintf("%d. %s%s", i+1, verb, content.Show(p.model.short(s.Step))), p.w, "   "), p.theme.bold.Render)...)
		for _, part := range append([]string{s.Says}, s.Parts()...) {
			p.lines = append(p.lines, wrap("   "+content.Show(sentence(part)), p.w, "     ")...)
		}
	}
	if len(p.d.Scenario.Herrings) > 0 {
		p.heading("What it was not")
		for _, h := range p.d.Scenario.Herrings {
			p.item("- ", p.model.options.Book.Cause(h.Cause).Title+": "+h.Refuted)
		}
	}
}

// truth is what it was: the key points, the timeline and the page of the cause.
func (p *reviewPage) truth() {
	if len(p.d.Truth) == 0 {
		p.heading("Nothing is wrong on this host: the alarm was")
	}
	for _, c := range p.d.Truth {
		p.heading(c.Title)
	}
	for _, k := range p.d.Scenario.KeyPoints {
		p.item("- ", k)
	}
	if len(p.d.Scenario.Timeline) > 0 {
		p.heading("How it went")
		for _, at := range p.d.Scenario.Timeline {
			p.item(content.Show(at.At)+" ", at.Says)
		}
	}
	for _, page := range p.d.Pages {
		p.blank()
		p.lines = append(p.lines, p.theme.dim.Render(strings.Repeat(p.theme.rule, p.w)))
		var b strings.Builder
		if err := page.WriteMarkdown(&b); err == nil {
			p.lines = append(p.lines, p.theme.markdown(b.String(), p.w)...)
		}
	}
}

// next is what to do next.
func (p *reviewPage) next() {
	p.heading("What to do next")
	for i, a := range p.model.review.advice {
		p.blank()
		p.item(fmt.Sprintf("%d. ", i+1), upper(a.Do)+": "+a.Command)
		p.lines = append(p.lines, wrap("   "+content.Show(sentence(a.Why)), p.w, "   ")...)
	}
	for _, c := range p.d.Truth {
		p.blank()
		p.item("- ", "Read on: whydrop explain "+c.ID)
	}
	p.blank()
	p.say("e writes the scorecard to a file; " + p.model.keys.key(actEnter) + " shows the list of incidents.")
}

// wordsLines are the own words beside what they should say, which lines, first and last,
// the cursor is at, and which belong to them.
func (m *trainModel) wordsLines(w int) (lines []string, at, around [2]int) {
	t := m.theme
	lines = wrap("Be strict: tick what your words really said. It counts for the plan and the explanation, and is marked as your own judgement.", w, "")
	words, unjudged := m.ownWords()
	for n, word := range words {
		head := len(lines)
		if word.head != "" {
			said := cmp.Or(word.said, "nothing")
			if word.said != "" && word.idle {
				said += " (no word of this incident is in it: it counts as not said)"
			}
			lines = append(lines, "")
			lines = append(lines, styled(wrap(word.head+":", w, ""), t.bold.Render)...)
			lines = append(lines, wrap("  "+content.Show(said), w, "  ")...)
			lines = append(lines, styled(wrap("It should say:", w, ""), t.bold.Render)...)
		}
		box := tick(word.on)
		if word.idle {
			box = "  -"
		}
		mark, rows := "  ", wrap(box+" "+content.Show(word.model), w-2, "    ")
		if n == m.review.cursor {
			mark, at = t.pointer+" ", [2]int{len(lines), len(lines) + len(rows) - 1}
			around = [2]int{head, at[1]}
			rows = styled(rows, t.cursor.Render)
		}
		for _, row := range rows {
			lines, mark = append(lines, mark+row), "  "
		}
	}
	if len(unjudged) > 0 {
		lines = append(append(lines, ""), wrap("Not judged, for the right plan has nothing to say on it: "+strings.Join(unjudged, "; ")+".", w, "")...)
	}
	if m.review.cursor == 0 {
		around[0] = 0
	}
	if m.review.cursor >= len(words)-1 {
		around[1] = len(lines) - 1
	}
	return lines, at, around
}
