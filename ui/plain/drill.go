package plain

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"whydrop/checklist/drill"
	"whydrop/checklist/progress"
)

// DrillOptions are what the drill on lines works on.
type DrillOptions struct {
	In  io.Reader
	Out io.Writer

	Session *drill.Session
	// Keep adds an answer to the log and returns all that is in it. Its error says why
	// the answer is not kept.
	Keep func(progress.Entry) ([]progress.Entry, error)
	// Place is the name of a hop.
	Place func(hop string) string
	// Ahead says at the end what is due when.
	Ahead func() string

	// Typed says that a person types at a terminal, Shown that Out is the same one, as
	// in Options.
	Typed, Shown bool

	now func() time.Time // of tests
}

// drilling is a drill on lines.
type drilling struct {
	DrillOptions
	pen   *pen
	lines <-chan line
	ctx   context.Context
	stray stray
	ended bool
	gone  error // what is wrong with the input
	// unkept is why an answer is not kept, the first one.
	unkept error
	// Of the answer before.
	took    time.Duration
	verdict drill.Verdict
}

// RunDrill asks the cards of a session on lines until all were answered, the input or
// ctx ends, or the person leaves. A card that was answered and not graded when the
// input ends gets the grade that was proposed, if there is one. A fault of the output
// is an error, and that an answer is not kept.
func RunDrill(ctx context.Context, o DrillOptions) error {
	if o.now == nil {
		o.now = time.Now
	}
	d := &drilling{DrillOptions: o, pen: penFor(ctx, o.Out, o.Typed && o.Shown), ctx: ctx}
	read, stop := context.WithCancel(ctx)
	defer stop()
	d.lines = readLines(o.In, read.Done())
	return guarded("the drill", d.run)
}

func (d *drilling) run() error {
	d.pen.say(fmt.Sprintf("%s. Answer with a number, d for don't know; then grade yourself. ? lists the commands, back grades the last card anew, quit ends. Each grade is kept at once.", countOf(d.Session.Left(), "card")))
	for !d.ended {
		shown, more := d.Session.Card()
		if !more {
			break
		}
		if err := d.card(shown); err != nil {
			return err
		}
	}
	d.end()
	err := d.pen.flush()
	if d.ctx.Err() != nil {
		return nil
	}
	return errors.Join(err, d.gone, d.unkept)
}

// card asks one card, tells the answer and keeps the grade. The error is of the
// output.
func (d *drilling) card(shown drill.Shown) error {
	fresh := d.Session.New()
	d.ask(shown)
	begun := d.now()
	a, ok := d.answer(shown)
	if !ok {
		return d.pen.flush()
	}
	took := d.now().Sub(begun)
	d.explain(shown, a)
	proposed := shown.Propose(a.verdict, took, fresh)
	if a.silent {
		proposed = 0
	}
	if grade, ok := d.grade(proposed, a.verdict); ok {
		d.verdict = a.verdict
		d.keep(grade, took)
	}
	return d.pen.flush()
}

// keep keeps a grade and goes on to the next card.
func (d *drilling) keep(grade drill.Grade, took time.Duration) {
	d.took = took
	e := d.Session.Entry(grade, took)
	entries, err := d.Keep(e)
	if err != nil {
		d.pen.say("This answer is NOT kept: " + sentence(err.Error()))
		if d.unkept == nil {
			d.unkept = fmt.Errorf("not every answer is kept: %w", err)
		}
	}
	d.Session.Next(e, entries, err == nil)
}

// regrade asks for the grade of the card before once more.
func (d *drilling) regrade() {
	e, ok := d.Session.Back()
	if !ok {
		d.pen.say("No card was graded before.")
		return
	}
	shown, _ := d.Session.Card()
	before := drill.Grade(e.Grade)
	d.pen.say("The card before, which was graded " + before.String() + ": " + shown.Ask)
	if shown.What != "" {
		d.pen.item("  ", shown.What)
	}
	if grade, ok := d.grade(before, d.verdict); ok {
		d.keep(grade, d.took)
	}
}

func (d *drilling) ask(shown drill.Shown) {
	p := d.pen
	p.blank()
	head := fmt.Sprintf("%d left, %s", d.Session.Left(), shown.Kind)
	for _, h := range shown.Hops[:min(2, len(shown.Hops))] {
		head += ", " + d.Place(h)
	}
	if d.Session.New() {
		head += ", new"
	}
	p.say(head + ".")
	p.say(shown.Ask)
	switch {
	case shown.What == "":
	case shown.Kind == drill.Command:
		p.whole("  " + shown.What)
	default:
		p.item("  ", shown.What)
	}
	for i := range shown.Choices {
		p.item(strconv.Itoa(i+1)+". ", shown.Text(i))
	}
}

// drillAnswer is what somebody answered.
type drillAnswer struct {
	verdict drill.Verdict
	places  []int // that were chosen
	unsure  bool  // "don't know"
	silent  bool  // of a recall: nothing was said that could be compared
}

// answer reads an answer until one is understood. ok is false where none comes any
// more.
func (d *drilling) answer(shown drill.Shown) (a drillAnswer, ok bool) {
	prompt := map[drill.Form]string{
		drill.Choice: "Answer",
		drill.Order:  "The numbers in order",
		drill.Recall: "Your own words, or Enter",
	}[shown.Form]
	for {
		text, ok := d.read(prompt)
		if !ok {
			return a, false
		}
		back, command := strings.ToLower(text) == "back", d.command(text)
		a, wrong := parseDrill(shown, text)
		understood := wrong == "" && !back && !command
		d.follow(text, understood)
		switch {
		case d.ended:
			return a, false
		case understood:
			return a, true
		case back:
			d.regrade()
			return a, false // the card is asked anew
		case !command:
			d.pen.say(wrong)
		}
	}
}

// parseDrill reads the answer to a card. wrong says what would have been understood.
func parseDrill(shown drill.Shown, text string) (a drillAnswer, wrong string) {
	switch {
	case strings.ToLower(text) == "d":
		return drillAnswer{verdict: drill.Wrong, unsure: true}, ""
	case shown.Form == drill.Recall:
		return drillAnswer{verdict: drill.Right, silent: text == ""}, ""
	}
	n := len(shown.Choices)
	for _, w := range strings.FieldsFunc(text, func(r rune) bool { return r == ' ' || r == ',' || r == ';' || r == '.' }) {
		place, err := strconv.Atoi(w)
		if err != nil || place < 1 || place > n {
			return a, expectedOf(shown)
		}
		a.places = append(a.places, place-1)
	}
	switch {
	case shown.Form == drill.Choice && len(a.places) == 1:
		a.verdict = shown.Choose(a.places[0])
	case shown.Form == drill.Order && len(a.places) == n:
		a.verdict = shown.Arrange(a.places)
	default:
		return a, expectedOf(shown)
	}
	return a, ""
}

func expectedOf(shown drill.Shown) string {
	n := len(shown.Choices)
	if shown.Form == drill.Order {
		return fmt.Sprintf("Expected all numbers from 1 to %d in order, such as 2 1 3, or d for don't know.", n)
	}
	return fmt.Sprintf("Expected a number from 1 to %d, or d for don't know.", n)
}

func (d *drilling) explain(shown drill.Shown, a drillAnswer) {
	p := d.pen
	switch {
	case shown.Form == drill.Recall, a.unsure:
	case a.verdict == drill.Right:
		p.say("Right.")
	case a.verdict == drill.Nearly:
		p.say("Nearly: two neighbours changed places.")
	default:
		p.say("Wrong.")
	}
	switch {
	case shown.Form == drill.Order:
		for i, at := range shown.InOrder() {
			p.item(strconv.Itoa(i+1)+". ", shown.Text(at)+": "+shown.Why(at))
		}
	case shown.Form == drill.Choice && a.verdict != drill.Right:
		if !a.unsure && shown.Why(a.places[0]) != "" {
			p.item("What you chose goes with: ", shown.Why(a.places[0]))
		}
		p.item("The answer: ", shown.Text(shown.Right()))
	case shown.Answer != "":
		p.item("The answer: ", shown.Answer)
	}
	for _, text := range shown.Explain {
		p.say(text)
	}
	p.say("Source: " + strings.Join(shown.Sources, "; "))
}

// grade reads one of the grades that the answer may get; Enter and the end of the input take the proposed one, if it is
// one. Somebody who leaves grades nothing.
func (d *drilling) grade(proposed drill.Grade, v drill.Verdict) (g drill.Grade, ok bool) {
	grades := v.Grades()
	var offers, names []string
	for _, g := range grades {
		offers = append(offers, fmt.Sprintf("%d %s %s", g, g, d.Session.In(g)))
		names = append(names, fmt.Sprintf("%d %s", g, g))
	}
	d.pen.say(strings.Join(offers, ", ") + ".")
	for {
		prompt := "Compare, then grade 1 to 4"
		if proposed > 0 {
			prompt = fmt.Sprintf("Grade, Enter for %s", proposed)
		}
		text, ok := d.read(prompt)
		if !ok {
			return proposed, proposed > 0 && d.ctx.Err() == nil
		}
		for _, g := range grades {
			if word := strings.ToLower(text); word == strconv.Itoa(int(g)) || word == g.String() {
				return g, true
			}
		}
		if text == "" && proposed > 0 {
			return proposed, true
		}
		d.follow(text, false)
		if !d.command(text) {
			d.pen.say("Expected " + oneOf(names) + ".")
		}
		if d.ended {
			return proposed, false
		}
	}
}

// oneOf lists names: "a, b or c".
func oneOf(names []string) string {
	last := len(names) - 1
	if last == 0 {
		return names[0]
	}
	return strings.Join(names[:last], ", ") + " or " + names[last]
}

// command obeys what is understood at every prompt.
func (d *drilling) command(text string) bool {
	switch strings.ToLower(text) {
	case "?", "help":
		d.pen.say("A number chooses an answer; all numbers in order put steps in order, such as 2 1 3; where your own words are asked for, type them and compare, or press Enter and say them aloud; d is don't know. Then 1 to 4 or again, hard, good, easy grade it, Enter takes the proposed grade; what was wrong is 1, again. back grades the last card anew. N and words in capitals stand for what is measured. quit ends.")
	case "q", "quit", "exit":
		d.ended = true
	default:
		return false
	}
	return true
}

// follow ends an input that has gone astray.
func (d *drilling) follow(text string, understood bool) {
	if err := d.stray.follow(text, understood); err != nil && !d.Typed && !understood {
		d.ended, d.gone = true, fmt.Errorf("standard input: %w", err)
	}
}

// read reads a line. There is none when the input or the context ends.
func (d *drilling) read(prompt string) (string, bool) {
	d.pen.prompt(prompt)
	if err := d.pen.flush(); err != nil {
		d.ended, d.gone = true, err
		return "", false
	}
	select {
	case <-d.ctx.Done():
	case l, ok := <-d.lines:
		if !ok || l.err != nil {
			break
		}
		text := clean(l.text)
		switch {
		case !d.Typed:
			d.pen.echo(text)
		case d.Shown:
			d.pen.ended()
		default:
			d.pen.end()
		}
		return text, true
	}
	d.pen.end()
	d.ended = true
	return "", false
}

func (d *drilling) end() {
	all, right, fresh := d.Session.Answered()
	d.pen.blank()
	if all > 0 {
		d.pen.say(fmt.Sprintf("%s, %d known at once, %d new.", countOf(all, "card"), right, fresh))
	}
	for _, c := range d.Session.Missed() {
		d.pen.item("  Not known: ", c.Ask+" "+c.What)
	}
	d.pen.say(d.Ahead())
}
