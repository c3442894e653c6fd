package plain

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"whydrop/checklist/train"
	"whydrop/content"
)

// TrainOptions are what a training session on lines works on.
type TrainOptions struct {
	In  io.Reader
	Out io.Writer
	// Session is the session, new or gone on with.
	Session *train.Session
	Book    *content.Book
	// Scorecard writes the scorecard and returns where.
	Scorecard func(*train.Session) (string, error)
	// Shell opens a shell on the sick host until it ends; nil where there is none.
	Shell func(context.Context) error
	// Fixed says whether the host is mended, in sentences; nil for a recorded host.
	Fixed func(context.Context) ([]string, error)
	// Notes are lines for the beginning.
	Notes []string
	// Kept says whether there is something on disk to go on with; nil: there is not.
	Kept func() bool
	// Typed and Shown are as in Options.
	Typed, Shown bool
}

// seat is the candidate's seat on lines.
type seat struct {
	o TrainOptions
	*train.Session
	pen     *pen
	ctx     context.Context
	lines   <-chan line
	stray   stray
	offered []train.Step // what the numbers of the last list stand for
	causes  []*content.Cause
	left    bool // the candidate goes, or the input ended
	lost    bool // something is not on disk
}

// Train leads through a training session until it is over or the candidate leaves.
// The session keeps itself. A fault of the output is an error.
func Train(ctx context.Context, o TrainOptions) error {
	lead, cancel := context.WithCancel(ctx)
	defer cancel()
	t := &seat{o: o, Session: o.Session, ctx: ctx, pen: penFor(ctx, o.Out, o.Typed && o.Shown)}
	t.lines = readLines(o.In, lead.Done())
	return guarded("the training", t.sit)
}

func (t *seat) sit() error {
	t.brief()
	for !t.left && t.Concluded() == nil {
		if t.Named() != nil {
			t.plan()
			continue
		}
		text, ok := t.read(t.clock())
		if !ok {
			break
		}
		t.follow(text, t.obey(text))
	}
	if t.Concluded() != nil {
		t.review()
	} else {
		t.pen.say(t.farewell())
	}
	return t.pen.flush()
}

// follow ends an input that has gone astray.
func (t *seat) follow(text string, understood bool) {
	if err := t.stray.follow(text, understood); err != nil && !t.o.Typed {
		t.pen.say("The input is taken as ended: " + sentence(err.Error()))
		t.left = true
	}
}

// misread says what was expected in place of a line.
func (t *seat) misread(text, expected string) {
	t.pen.say(expected)
	t.follow(text, false)
}

// wait waits for the next line. Meanwhile the session keeps that time goes on.
func (t *seat) wait() (l line, ok bool) {
	beats := time.NewTicker(10 * time.Second)
	defer beats.Stop()
	for {
		select {
		case <-beats.C:
			t.lost = t.Beat() != nil || t.lost // told with the next step, or at the end
		case <-t.ctx.Done():
			return line{}, false
		case l, ok = <-t.lines:
			return l, ok && l.err == nil
		}
	}
}

// read writes a prompt and returns what is answered. ok is false when there is nothing
// more to come: then the candidate has left.
func (t *seat) read(prompt string) (text string, ok bool) {
	if t.left {
		return "", false
	}
	t.pen.prompt(prompt)
	if err := t.pen.flush(); err != nil {
		t.left = true
		return "", false
	}
	if l, more := t.wait(); more {
		t.pen.width = columns(t.o.Out)
		switch {
		case !t.o.Typed:
			t.pen.echo(l.text)
		case t.o.Shown:
			t.pen.ended()
		default:
			t.pen.end()
		}
		if l.lost > 0 {
			t.pen.say(fmt.Sprintf("Only the first %d bytes of this line are taken, %d are not.", longestLine, l.lost))
		}
		return strings.TrimSpace(l.text), true
	}
	t.pen.end()
	t.left = true
	return "", false
}

// farewell says what becomes of a session that is left.
func (t *seat) farewell() string {
	switch {
	case t.lost:
		return "Left. Not everything of the session could be kept."
	case t.o.Kept == nil || !t.o.Kept():
		return "Left. There is nothing of it to go on with later."
	}
	return "Left. The session is kept; whydrop train --resume goes on with it."
}

// clock is the prompt: the time and the steps so far.
func (t *seat) clock() string {
	elapsed := t.Elapsed().Round(time.Second)
	return fmt.Sprintf("%d:%02d, step %d", int(elapsed.Minutes()), int(elapsed.Seconds())%60, t.Steps()+1)
}

// brief tells the incident.
func (t *seat) brief() {
	sc := t.Scenario()
	p := t.pen
	p.say(fmt.Sprintf("%s. Level %d.", sc.Title, sc.Level))
	for _, n := range t.o.Notes {
		p.say(n)
	}
	p.item("Company: ", sentence(sc.Company))
	p.item("Service: ", sentence(sc.Service))
	p.item("You sit at: ", "the "+sentence(sc.Seat))
	if len(sc.People) > 0 {
		p.say("The interviewer can ask for you:")
	}
	for _, who := range sc.People {
		p.item("- ", "the "+who.Role+", who knows "+sentence(who.Knows))
	}
	p.blank()
	p.item("Interviewer: ", sc.Opening)
	if about := t.AboutFigures(); about != "" {
		p.item("Interviewer: ", about)
	}
	p.blank()
	if t.Steps() > 0 {
		p.say(fmt.Sprintf("Steps taken already: %d; log tells them.", t.Steps()))
	}
	p.say("Ask or measure in your own words, such as: what changed, or: retransmits. Then choose by number. commit concludes, ? lists all commands.")
	t.unkept(t.Begin())
}

// unkept tells that what was done is not on disk. It returns any other error.
func (t *seat) unkept(err error) error {
	var not *train.NotKeptError
	if errors.As(err, &not) {
		t.lost = true
		t.pen.say("Careful: " + sentence(not.Error()))
		return nil
	}
	return err
}

// trainVerbs are the commands in the order of the help.
var trainVerbs = []struct{ word, takes, does string }{
	{"WORDS", "", "look for a question or a measurement by these words; a number then takes it"},
	{"Q4a", "", "ask this question of the checklist"},
	{"questions", "", "list the questions"},
	{"m", "NAME", "measure; m alone lists what can be measured, m NAME all shows every figure again"},
	{"h", "WORDS", "say what you suspect, or none if nothing is wrong; h alone lists it, h -1 takes the first back"},
	{"n", "TEXT", "note something for yourself"},
	{"log", "", "what was said and measured so far"},
	{"means", "NAME", "what a figure counts"},
	{"hint", "", "where to look next; each costs up to 1.5 of 24 points, and asks first"},
	{"shell", "", "a shell on the sick host; exit comes back"},
	{"fixed", "", "look whether the host is mended"},
	{"commit", "", "conclude: the cause, the place, the plan; it asks before anything is final"},
	{"quit", "", "leave; what was done is kept"},
}

// obey does what a line says. It says whether it was understood.
func (t *seat) obey(text string) bool {
	word, rest, _ := strings.Cut(text, " ")
	rest = strings.TrimSpace(rest)
	if n, err := strconv.Atoi(text); err == nil {
		return t.take(n)
	}
	switch strings.ToLower(word) {
	case "":
		return true
	case "?", "help":
		t.usage()
	case "quit", "q", "exit":
		t.left = true
	case "questions":
		t.listQuestions()
	case "m", "measure":
		return t.measureBy(rest)
	case "h", "suspect":
		return t.suspectBy(rest)
	case "n", "note":
		return t.noteDown(rest)
	case "log":
		t.tellLog()
	case "means":
		return t.means(rest)
	case "hint":
		t.hint()
	case "shell":
		return t.openShell()
	case "fixed":
		return t.lookFixed()
	case "commit":
		t.commit()
	default:
		return t.askBy(text)
	}
	return true
}

// askBy asks the question that is named, or offers what words may mean.
func (t *seat) askBy(text string) bool {
	if q := t.o.Book.Question(canonical(text)); q != nil {
		return t.ask(q.ID)
	}
	return t.search(text)
}

// canonical is the id of a question as somebody may type it.
func canonical(text string) string {
	text = strings.TrimRight(text, ".?")
	if len(text) < 2 || strings.ToLower(text[:1]) != "q" {
		return text
	}
	return "Q" + strings.ToLower(text[1:])
}

func (t *seat) usage() {
	for _, v := range trainVerbs {
		if v.word == "shell" && t.o.Shell == nil || v.word == "fixed" && t.o.Fixed == nil {
			continue
		}
		t.pen.item(strings.TrimSpace(v.word+" "+v.takes)+": ", v.does)
	}
}

// listQuestions tells the questions by group; a star marks those that were asked.
func (t *seat) listQuestions() {
	for _, g := range t.o.Book.Groups {
		t.pen.say(fmt.Sprintf("%d. %s", g.Number, g.Title))
		for _, q := range g.Questions {
			done := ""
			if t.Asked(q.ID) {
				done = " (asked)"
			}
			t.pen.item("  "+q.ID+" ", q.Ask+done)
		}
	}
}

// search offers what words may mean.
func (t *seat) search(words string) bool {
	t.offered, t.causes = nil, nil
	for _, m := range t.Search(words) {
		if len(t.offered) == 6 {
			break
		}
		t.offered = append(t.offered, m.Step)
		what := "ask "
		if m.Kind == train.Measured {
			what = "measure "
		}
		if m.Done {
			what += "again "
		}
		t.pen.item(strconv.Itoa(len(t.offered))+". ", what+m.ID+": "+m.Title)
	}
	if len(t.offered) == 0 {
		t.pen.item("Interviewer: ", t.pick("no-match"))
		return false
	}
	return true
}

// pick is one of the interviewer's wordings, in turn.
func (t *seat) pick(id string) string {
	all := t.o.Book.Saying(id)
	if len(all) == 0 {
		return "?"
	}
	return all[len(t.Events())%len(all)]
}

// take takes a line of the last list.
func (t *seat) take(n int) bool {
	switch {
	case n >= 1 && n <= len(t.offered):
		step := t.offered[n-1]
		if step.Kind == train.Measured {
			return t.measure(step.ID)
		}
		return t.ask(step.ID)
	case n >= 1 && n <= len(t.causes):
		return t.suspect(t.causes[n-1].ID)
	}
	t.pen.say(fmt.Sprintf("There is no %d to choose. ? lists the commands.", n))
	return false
}

func (t *seat) ask(id string) bool {
	a, err := t.Ask(id)
	if err := t.unkept(err); err != nil {
		t.pen.say(sentence(err.Error()))
		return false
	}
	t.pen.item("You: ", a.Question.Ask)
	t.tellAnswer(a)
	t.tellRemarks(a.Remarks)
	return true
}

func (t *seat) tellAnswer(a *train.Answer) {
	says := a.Says
	if a.Again {
		says = t.pick("again") + says
	}
	t.pen.item(speaker(a.From), says)
}

// speaker is who says something, as the head of what they say.
func speaker(role string) string {
	if role == "" {
		return "Interviewer: "
	}
	return "Interviewer, for the " + content.Show(role) + ": "
}

func (t *seat) tellRemarks(remarks []*content.Remark) {
	for _, r := range remarks {
		t.pen.item("Unasked, the "+content.Show(r.From)+": ", r.Says)
	}
}

// measureBy measures what is named, or lists what can be.
func (t *seat) measureBy(rest string) bool {
	name, all := strings.CutSuffix(rest, " all")
	if name == "" {
		t.offered, t.causes = nil, nil
		for _, i := range t.Instruments() {
			t.offered = append(t.offered, train.Step{Kind: train.Measured, ID: i.Probe})
			t.pen.item(fmt.Sprintf("%d. %s: ", len(t.offered), i.Probe), i.Title)
		}
		return true
	}
	for _, i := range t.Instruments() {
		if strings.EqualFold(i.Probe, name) || strings.EqualFold(i.Title, name) {
			name := i.Probe
			if r := t.Reading(name); all && r != nil {
				t.tellReading(r, true)
				return true
			}
			return t.measure(name)
		}
	}
	if t.o.Book.Instrument(name) != nil {
		return t.measure(name) // which says that nobody has it
	}
	return t.search(rest)
}

func (t *seat) measure(probe string) bool {
	r, err := t.Measure(probe)
	if err := t.unkept(err); err != nil {
		t.pen.say(sentence(err.Error()))
		return false
	}
	t.tellReading(r, false)
	if !slices.Equal(r.Lines(false), r.Lines(true)) {
		t.pen.say("There is more of it: m " + probe + " all")
	}
	t.tellRemarks(r.Remarks)
	return true
}

func (t *seat) tellReading(r *train.Reading, all bool) {
	for _, i := range t.Instruments() {
		if i.Probe == r.Probe {
			t.pen.say(i.Title + ":")
		}
	}
	for _, l := range r.Lines(all) {
		switch l.Kind {
		case train.Heading:
			t.pen.item(" ", l.Text)
		default:
			t.pen.item("   ", l.Text)
		}
	}
}

// means tells what a figure counts, of those that were measured.
func (t *seat) means(name string) bool {
	if d := t.o.Book.Facts.Lookup(name, ""); d != nil && name != "" {
		t.pen.say(name + ": " + sentence(d.Means))
		return true
	}
	if table, field, cut := strings.Cut(name, "."); cut {
		if d := t.o.Book.Facts.Lookup(name, table); d != nil {
			t.pen.say(name + ": " + sentence(d.Means))
			return true
		}
		name = field
	}
	t.pen.say("No figure is called " + brief(name) + ".")
	return false
}

func (t *seat) noteDown(text string) bool {
	if text == "" {
		for _, n := range t.Notes() {
			t.pen.item("- ", n)
		}
		return true
	}
	if err := t.unkept(t.Note(text)); err != nil {
		t.pen.say(sentence(err.Error()))
		return false
	}
	return true
}

// hint tells where to look next, for who wants it in spite of its price.
func (t *seat) hint() {
	t.pen.say("Each hint costs up to 1.5 of 24 points; the same one again costs nothing more.")
	if !t.yes("Take it") {
		return
	}
	says, err := t.Hint()
	if err := t.unkept(err); err != nil {
		says = err.Error()
	}
	t.pen.item("Hint: ", sentence(says))
}
