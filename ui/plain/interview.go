package plain

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"whydrop/checklist/interview"
	"whydrop/content"
)

// InterviewOptions are what the interviewer's seat on lines works on.
type InterviewOptions struct {
	In  io.Reader
	Out io.Writer
	// Interview is new, or one that is gone on with. It keeps itself.
	Interview *interview.Interview
	// Write writes the scorecard and returns where.
	Write func(*interview.Interview) (string, error)
	// Notes are lines for the beginning.
	Notes []string
	// Typed and Shown are as in Options.
	Typed, Shown bool
}

// chair is the interviewer's seat on lines.
type chair struct {
	o       InterviewOptions
	n       *interview.Interview
	pen     *pen
	ctx     context.Context
	lines   <-chan line
	stray   stray
	offered []*interview.Entry // what the numbers of the last list stand for
	asked   string             // in which words the last list was asked for
	at      interview.Key      // what was told last: a note is about it
	due     int                // remarks that were told to be due
	left    bool
	gone    error
}

// Interview holds an interview on lines until the interviewer leaves, or the input or
// ctx ends. A fault of the output is an error.
func Interview(ctx context.Context, o InterviewOptions) error {
	lead, cancel := context.WithCancel(ctx)
	defer cancel()
	c := &chair{o: o, n: o.Interview, ctx: ctx, pen: penFor(ctx, o.Out, o.Typed && o.Shown)}
	c.lines = readLines(o.In, lead.Done())
	return guarded("the interview", c.sit)
}

func (c *chair) sit() error {
	c.brief()
	for !c.left {
		text, ok := c.read()
		if !ok {
			break
		}
		if err := c.stray.follow(text, c.obey(text)); err != nil && !c.o.Typed {
			c.gone = fmt.Errorf("standard input: %w", err)
			break
		}
		c.remind()
	}
	c.pen.say("Left. Everything is kept; whydrop interview --resume goes on.")
	err := c.pen.flush()
	if c.ctx.Err() != nil {
		return nil
	}
	return errors.Join(err, c.gone)
}

// read writes the prompt and returns what is typed. ok is false when there is nothing
// more to come.
func (c *chair) read() (text string, ok bool) {
	clock := interview.Clock(c.n.Elapsed())
	if p, left := c.n.Pace(); p != nil && left > 0 {
		clock += fmt.Sprintf(", %s, %s left", p.Title, interview.Clock(left))
	}
	if c.n.Holding() {
		clock += ", held"
	}
	c.pen.prompt(clock)
	if err := c.pen.flush(); err != nil {
		c.gone = err
		return "", false
	}
	select {
	case <-c.ctx.Done():
	case l, more := <-c.lines:
		if !more || l.err != nil {
			break
		}
		c.pen.width = columns(c.o.Out)
		switch {
		case !c.o.Typed:
			c.pen.echo(l.text)
		case c.o.Shown:
			c.pen.ended()
		default:
			c.pen.end()
		}
		return strings.TrimSpace(l.text), true
	}
	c.pen.end()
	return "", false
}

// brief tells what the interviewer needs first.
func (c *chair) brief() {
	p, sc := c.pen, c.n.Scenario()
	p.say(fmt.Sprintf("Interview: %s, level %d.", sc.Title, sc.Level))
	for _, note := range c.o.Notes {
		p.say(note)
	}
	for _, e := range c.n.Script(interview.PageStory)[:2] {
		c.show(e, false)
	}
	c.told(c.n.Begin())
	if about, text := c.n.Drafted(); text != "" {
		head := "A note was half typed"
		if on := c.n.About(about); on != "" {
			head += ", about: " + on
		}
		p.item(head+" (draft: keep it as it is): ", text)
	}
	p.blank()
	p.say("Type what they said, such as: what changed, or: ethtool -S; then the number ticks it and tells what to say. ? lists the commands.")
}

// told says what is amiss, and whether it was done: what counts but is not on disk was.
func (c *chair) told(err error) bool {
	if err == nil {
		return true
	}
	c.pen.say("Careful: " + sentence(err.Error()))
	var unkept *interview.NotKeptError
	return errors.As(err, &unkept)
}

// remind tells the remarks that are due when there are more of them than before.
func (c *chair) remind() {
	due := c.n.Due()
	if len(due) > c.due {
		for _, e := range due {
			c.pen.item("Drop in now, as the "+e.From+" (then type r): ", e.Title)
		}
	}
	c.due = len(due)
}

// chairVerbs are the commands in the order of the help.
var chairVerbs = []struct{ word, does string }{
	{"WORDS", "find what they said; a number then ticks it and tells what to say"},
	{"Q4a, counters", "tick this question, probe or item of the rubric at once"},
	{"show NUMBER, show Q4a", "tell it without ticking it; show NAME all gives every figure"},
	{"untick Q4a, untick NUMBER, untick WORDS", "take back a tick, a hint or a cause, by its name, its number in the last list or its words"},
	{"r", "the remark that is due was dropped in"},
	{"page NAME", "a page of the script: story, questions, measure, close, rubric"},
	{"c WORDS", "what they conclude: find the cause, a number then names it; c healthy: nothing is wrong; c -: take it back"},
	{"hint, hint NAME", "list the hints; give one"},
	{"n TEXT", "a note about what was told last"},
	{"draft", "keep the note that was half typed on the screen as it is"},
	{"hold", "hold the clock; again goes on"},
	{"level SECTION LEVEL", "put a section, or whole, at a level; level alone lists them"},
	{"name TEXT", "the candidate's name, for the scorecard"},
	{"write", "write the scorecard"},
	{"quit", "leave; everything is kept"},
}

// obey does what a line says. It says whether it was understood.
func (c *chair) obey(text string) bool {
	word, rest, _ := strings.Cut(text, " ")
	if n, err := strconv.Atoi(text); err == nil {
		return c.take(n)
	}
	if text == "" {
		return true
	}
	do := chairCommands[strings.ToLower(word)]
	if rest = strings.TrimSpace(rest); do == nil || rest != "" && c.speech(strings.ToLower(word), rest) {
		return c.find(text)
	}
	return do(c, rest)
}

// speech says whether a line that begins like a command is something that they said:
// "hold on, since when", "page loads are slow".
func (c *chair) speech(word, rest string) bool {
	first, _, _ := strings.Cut(rest, " ")
	switch word {
	case "?", "help", "quit", "q", "exit", "r", "hold", "write", "draft":
		return true
	case "page":
		return !slices.ContainsFunc(interview.Pages, func(p interview.Page) bool { return strings.EqualFold(string(p), rest) }) && strings.Contains(rest, " ")
	case "level":
		return first != content.Whole && c.n.Rubric().Section(first) == nil
	case "hint":
		return strings.Contains(rest, " ")
	}
	return false
}

// chairCommands are the commands by their first word; each says whether the rest was
// understood.
var chairCommands = map[string]func(c *chair, rest string) bool{
	"?": (*chair).usage, "help": (*chair).usage,
	"quit": (*chair).leave, "q": (*chair).leave, "exit": (*chair).leave,
	"show": (*chair).showBy, "untick": (*chair).untick, "r": (*chair).dropIn, "page": (*chair).page,
	"c": (*chair).concludeBy, "hint": (*chair).hint, "level": (*chair).level, "write": (*chair).write,
	"n": (*chair).note, "note": (*chair).note, "draft": (*chair).draft, "hold": (*chair).hold, "name": (*chair).call,
}

func (c *chair) usage(string) bool {
	for _, v := range chairVerbs {
		c.pen.item("  "+v.word+": ", v.does)
	}
	return true
}

func (c *chair) leave(string) bool {
	c.left = true
	return true
}

func (c *chair) note(text string) bool {
	if text == "" {
		c.pen.say("Expected n and a text.")
		return false
	}
	return c.done(c.n.Note(c.at, text), "Noted.")
}

func (c *chair) draft(string) bool {
	about, text := c.n.Drafted()
	if text == "" {
		c.pen.say("No note is half typed.")
		return false
	}
	return c.done(c.n.Note(about, text), "Noted.")
}

func (c *chair) call(name string) bool {
	c.at = ""
	return c.done(c.n.Call(name), "Noted.")
}

func (c *chair) hold(string) bool {
	err := c.n.Hold()
	return c.done(err, "The clock: "+map[bool]string{true: "held.", false: "goes on."}[c.n.Holding()])
}

// done tells what was done, unless it was not.
func (c *chair) done(err error, what string) bool {
	if !c.told(err) {
		return false
	}
	c.pen.say(what)
	return true
}

// take does what a number of the last list stands for.
func (c *chair) take(n int) bool {
	if n < 1 || n > len(c.offered) {
		c.pen.say("Expected a number of the last list.")
		return false
	}
	e := c.offered[n-1]
	if e.Key.Kind() == interview.Cause {
		return c.conclude(e)
	}
	return c.tick(e)
}

// tick ticks a line and tells what to say.
func (c *chair) tick(e *interview.Entry) bool {
	if e.Tickable() && !c.told(c.n.Tick(e.Key)) {
		return false
	}
	c.show(e, false)
	return true
}

// showBy tells a line of the script; what it does not know is something that they said:
// "show me the sockets".
func (c *chair) showBy(what string) bool {
	name, all, _ := strings.Cut(what, " ")
	e := c.named(name)
	n, err := strconv.Atoi(name)
	switch {
	case err == nil && n >= 1 && n <= len(c.offered):
		e = c.offered[n-1]
	case what == "" || err == nil:
		c.pen.say("Expected show and a number of the last list, or a name such as Q4a.")
		return false
	case e == nil || strings.TrimSpace(all) != "" && strings.TrimSpace(all) != "all":
		return c.find("show " + what)
	}
	c.show(e, strings.TrimSpace(all) == "all")
	return true
}

// show tells what belongs to a line of the script.
func (c *chair) show(e *interview.Entry, all bool) {
	p := c.pen
	c.at = e.Key
	mark := ""
	if e.Tickable() && c.n.Has(e.Key) {
		mark = "[x] "
	}
	p.say(strings.TrimSpace(mark + e.Label + " " + e.Title))
	for _, say := range e.Say {
		from := ""
		if e.From != "" {
			from = ", from the " + e.From
		}
		if say != e.Title {
			p.item("  Say"+from+": ", "\""+say+"\"")
		}
	}
	if e.Reading != nil {
		for _, l := range c.n.ReadOut(e, c.asked) {
			p.item("  ", l.Text)
		}
	}
	for _, shows := range e.Shows {
		p.item("  ", shows)
	}
	if e.Reading != nil {
		p.say("  All that was measured:")
		for _, l := range e.Reading.Lines(all) {
			p.item("  ", l.Text)
		}
	}
	for _, know := range e.Know {
		p.item("  ", know)
	}
}

// untick takes back what is meant by a number of the last list, a name or words; where
// that is more than one thing it offers them.
func (c *chair) untick(name string) bool {
	meant := c.n.TickedBy(name)
	if n, err := strconv.Atoi(name); err == nil && n >= 1 && n <= len(c.offered) {
		meant = c.n.TickedBy(string(c.offered[n-1].Key))
	}
	switch {
	case name == "" || len(meant) == 0:
		c.pen.say("Nothing like it is ticked: expected untick and a name such as Q4a, a number of the last list, or words of its title.")
		return false
	case len(meant) > 1:
		c.offered, c.asked = meant, ""
		c.pen.say("Which of these? untick and its number takes it back.")
		c.list(meant)
		return true
	case meant[0].Key == interview.Healthy:
		return c.concludeBy("-")
	case meant[0].Key.Kind() == interview.Cause:
		return c.conclude(meant[0])
	}
	return c.done(c.n.Untick(meant[0].Key), sentence("Taken back: "+meant[0].Title))
}

func (c *chair) dropIn(string) bool {
	if due := c.n.Due(); len(due) > 0 {
		return c.done(c.n.Tick(due[0].Key), "Dropped in.")
	}
	c.pen.say("No remark is due.")
	return true
}

// page lists a page of the script.
func (c *chair) page(name string) bool {
	for _, p := range interview.Pages {
		if !strings.EqualFold(string(p), name) {
			continue
		}
		c.offered, c.asked = c.n.Script(p), ""
		if p == interview.PageStory {
			for _, e := range c.offered {
				c.show(e, false)
			}
			return true
		}
		c.list(c.offered)
		return true
	}
	c.pen.say("Expected page and story, questions, measure, close or rubric.")
	return false
}

func (c *chair) hint(name string) bool {
	k := interview.KeyOf(interview.Hint, name)
	if c.n.Entry(k) != nil && name != "" {
		if !c.told(c.n.Tick(k)) {
			return false
		}
		given := c.n.Hints()
		c.at = k
		c.pen.item("Say: ", given[len(given)-1].Says)
		return true
	}
	for _, h := range c.n.Rubric().Hints {
		c.pen.item("  "+h.ID+": ", "\""+c.n.HintText(h.ID)+"\" Costs: "+h.Costs+".")
	}
	return name == ""
}

// level puts a section at a level, or tells how they stand.
func (c *chair) level(what string) bool {
	words := strings.Fields(what)
	if c.at = ""; len(words) == 2 {
		if words[0] != content.Whole {
			c.at = interview.KeyOf(interview.Section, words[0])
		}
		return c.done(c.n.Decide(words[0], strings.ToLower(words[1])), "Decided.")
	}
	tell := func(id, title string, s interview.Suggestion) {
		text := c.n.LevelTitle(s.Level) + " suggested (" + s.Why + ")"
		if s.Level == interview.Unjudged {
			text = c.n.LevelTitle(s.Level) + " (" + s.Why + ")"
		}
		if level := c.n.Decided(id); level != "" {
			text = c.n.LevelTitle(level) + ", decided; " + text
		}
		c.pen.item("  "+id+", "+title+": ", text)
	}
	for _, s := range c.n.Rubric().Sections {
		tell(s.ID, strings.TrimLeft(c.n.SectionTitle(s), "0123456789 "), c.n.Suggest(s.ID))
	}
	tell(content.Whole, "the whole interview", c.n.SuggestWhole())
	return what == ""
}

func (c *chair) write(string) bool {
	path, err := c.o.Write(c.n)
	if err != nil {
		c.pen.say("The scorecard was not written: " + sentence(err.Error()))
		return true
	}
	c.pen.whole("The scorecard: " + path)
	return true
}
