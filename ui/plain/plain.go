// Package plain is the walkthrough as questions and answers on lines: for screen
// readers, serial lines and scripts. It writes lines of at most 72 columns, never
// an escape sequence, and nothing a second time; in ASCII, but for names and notes
// on a terminal of UTF-8. Everything that belongs together is written at once, and
// then nothing until the next line is read.
package plain

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
	"time"

	"whydrop/checklist"
	"whydrop/checklist/casefile"
	"whydrop/content"
	"whydrop/probes/fact"
	"whydrop/probes/record"
)

// Options are what the walkthrough works on.
type Options struct {
	In  io.Reader
	Out io.Writer
	// Open loads the content and opens the case. It is called once, after the
	// first lines are written.
	Open func() (*checklist.Case, error)
	// Watch observes the host until the context ends and calls back with each
	// new set of facts.
	Watch func(context.Context, func(*fact.Facts))
	// Redact returns the case and its diagnosis as a redacted report tells them;
	// nil if the report is not redacted.
	Redact func(*checklist.Case) (*checklist.Case, *checklist.Diagnosis)
	// Export writes the incident report and returns where.
	Export func(*checklist.Case, *checklist.Diagnosis) (string, error)
	// Keep is given the case after every line, to keep what was said in it before it
	// is answered, and with new measurements; nil keeps nothing. It must not wait for
	// long. Its error says once what is amiss with the keeping.
	Keep func(casefile.Snapshot) error
	// Resume is where to begin in a case that is gone on with; nil for the first
	// question.
	Resume *casefile.Place
	// Try tries a destination, HOST or HOST:PORT, until the context ends, and
	// returns what it found. It is called only when the operator asks for it: it
	// sends packets. Nil where nothing can be tried.
	Try func(context.Context, string) (*fact.Facts, error)
	// Apply looks at what a step of the plan would change on this host. Its error
	// says why it cannot be applied. Nil where nothing can be.
	Apply func(context.Context, checklist.PlanStep) (checklist.Attempt, error)
	// Player moves in the recording that Watch shows; nil for a host.
	Player *record.Player
	// Amiss brings in words what is amiss with the connection to the host, "" when
	// nothing is any more; nil for this machine.
	Amiss <-chan string
	// Note is one line for the beginning: where the facts come from if not from
	// this host.
	Note string
	// Typed says that a person types at a terminal. Otherwise each line of the
	// input is written behind its prompt, and the end of the input brings the
	// diagnosis.
	Typed bool
	// Shown says that Out is the same terminal, so that what is typed stands in it
	// already, with the end of its line.
	Shown bool
	// Settle is how long the host is observed before the first answer is taken; 0
	// for until something is measured.
	Settle time.Duration

	now func() time.Time // of tests
}

// patience is how much longer than Settle the first measurements are waited for.
const patience = 4 * time.Second

// session is the state of one walkthrough.
type session struct {
	Options
	pen   *pen
	kase  *checklist.Case
	lines <-chan line
	facts mailbox
	ctx   context.Context // of the whole walkthrough

	newest   *fact.Facts // also while paused
	paused   bool
	furthest time.Time // the end of what a recording has shown
	past     checklist.Past
	tried    checklist.Tried
	last     *casefile.Tried // the destination that was tried last
	change   change
	stray    stray

	diagnosis *checklist.Diagnosis
	at        int // question; behind the last one once all were asked
	news      news
	seen      map[string]bool // what was told once and need not be told again
	listed    []string        // the causes by the numbers under which they were told
	rows      []rowName       // the services and connections likewise
	unkept    error           // trouble with the keeping that is not told yet
	concluded bool            // the diagnosis was told as it now stands
	ended     bool
}

// Run leads through the checklist until the operator leaves it, the input or ctx
// ends, and returns the case as it was left (nil if it could not be opened). A
// fault of the output is an error; so is one of whydrop itself, with the case as
// it was.
func Run(ctx context.Context, o Options) (*checklist.Case, error) {
	if o.now == nil {
		o.now = time.Now
		if o.Player != nil { // the time of a recording is its own
			o.now = o.Player.Now
		}
	}
	s := &session{Options: o, pen: penFor(ctx, o.Out, o.Typed && o.Shown), ctx: ctx, facts: newMailbox(), seen: map[string]bool{}}
	s.welcome()
	if err := s.pen.flush(); err != nil {
		return nil, err
	}
	var err error
	if s.kase, err = o.Open(); err != nil {
		return nil, err
	}
	s.resume()
	watch, stop := context.WithCancel(ctx)
	lead, cancel := context.WithCancel(ctx)
	defer cancel()
	watched := make(chan error, 1)
	go func() {
		err := guarded("measuring", func() error { o.Watch(watch, s.facts.put); return nil })
		if err != nil {
			cancel() // without measurements the questions would go on by half
		}
		watched <- err
	}()
	s.lines = readLines(o.In, lead.Done())
	err = guarded("the walkthrough", func() error { return s.lead(lead) })
	s.keep() // however it ended: what was measured since the last line
	stop()
	return s.kase, errors.Join(err, <-watched)
}

// guarded turns a panic into an error, so that the answers are kept.
func guarded(what string, do func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%s broke off, a fault of whydrop, please report it: %v\n%s", what, r, debug.Stack())
		}
	}()
	return do()
}

func (s *session) welcome() {
	p := s.pen
	p.say("whydrop: why does this host drop TCP packets, and what to do about it?")
	sends := "and sends nothing."
	if s.Try != nil {
		sends = "and sends nothing but for the command try."
	}
	reads := "It only reads: it changes nothing, "
	if s.Apply != nil && s.Typed {
		reads = "It only reads; it changes a setting only when you type apply and confirm, "
	}
	p.say("One question at a time, with what this host shows right now. " + reads + sends)
	p.say("Answer with numbers such as 1 or 1 3, d for don't know, or Enter to leave the question open. ? lists all commands, quit ends. Each line is kept before it is answered.")
	if s.Typed && s.Shown {
		p.say("The bell rings when a cause appears while you think; v tells it.")
	}
	if s.Note != "" {
		p.say(s.Note)
	}
}

// lead asks and obeys until the end. What this host shows for the first question
// takes a while; the question itself is there before.
func (s *session) lead(ctx context.Context) error {
	s.opening()
	if err := s.pen.flush(); err != nil {
		return err
	}
	s.settle(ctx)
	if ctx.Err() != nil {
		return s.interrupted()
	}
	if s.question() != nil {
		s.tellHost()
	} else {
		s.conclude() // a case that is gone on with behind the last question
	}
	for !s.ended {
		s.tellAmiss()
		s.tellGone()
		s.tellNews()
		s.pen.prompt(s.prompt())
		s.news.rung = false
		if err := s.pen.flush(); err != nil && ctx.Err() == nil {
			return err
		}
		typed, ok := s.await(ctx)
		if !ok && ctx.Err() != nil {
			return s.interrupted()
		}
		if !ok || typed.err != nil {
			return s.inputEnded(typed.err)
		}
		s.answered(typed)
		astray := s.stray.follow(typed.text, s.decide(typed.text) || s.obey(typed))
		s.keep()
		s.tellUnkept()
		if astray != nil && !s.Typed {
			return s.inputEnded(astray)
		}
	}
	return s.pen.flush()
}

// opening tells the first question, and what is to be waited for.
func (s *session) opening() {
	if s.question() != nil {
		s.tellQuestion()
	}
	if s.kase.Facts != nil {
		s.pen.say("As it was measured before.")
	} else if s.Settle > 0 {
		s.pen.say(fmt.Sprintf("Measuring for %s s.", content.Show(s.Settle.Seconds())))
	} else {
		s.pen.say("Measuring, one moment.")
	}
}

// answered ends the line of a prompt with what was typed behind it.
func (s *session) answered(l line) {
	s.pen.width = columns(s.Out)
	switch {
	case !s.Typed:
		s.pen.echo(l.text)
	case s.Shown:
		s.pen.ended()
	default:
		s.pen.end()
	}
}

// settle waits for the first measurements.
func (s *session) settle(ctx context.Context) {
	if s.kase.Facts != nil { // it was measured before
		s.judge(nil)
		return
	}
	late := time.NewTimer(s.Settle + patience)
	defer late.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-late.C:
			s.judge(nil)
			return
		case f := <-s.facts:
			s.newest = f
			s.judge(f)
			s.keep()
			// A round of looks comes a little before or after its second.
			if f.Seconds+0.5 >= s.Settle.Seconds() {
				return
			}
		}
	}
}

// await returns the next line; meanwhile the measurements go on. There is none
// at the end of the input, and when ctx ends. Where the program was stopped, a
// shell has used the terminal, and what was typed is gone: it is asked again.
func (s *session) await(ctx context.Context) (line, bool) {
	continued := make(chan os.Signal, 1)
	if s.Typed && s.Shown {
		signal.Notify(continued, syscall.SIGCONT)
		defer signal.Stop(continued)
	}
	for {
		select {
		case <-ctx.Done():
			return line{}, false
		case f := <-s.facts:
			s.arrived(f)
		case <-continued:
			s.pen.prompt(s.prompt())
			_ = s.pen.flush() // an error comes up with the next line
		case l, ok := <-s.lines:
			select {
			case f := <-s.facts: // what is told next is of this moment
				s.newest = f
				s.kase.Counted(f)
				if !s.paused {
					s.judge(s.tried.Beside(f, s.now()))
				}
			default:
			}
			return l, ok
		}
	}
}

// interrupted ends by a signal or a hang-up.
func (s *session) interrupted() error {
	s.pen.end()
	s.pen.say("Interrupted.")
	_ = s.pen.flush() // to a terminal that hung up nothing can be told
	return nil
}

// inputEnded ends where nobody will answer any more. A script gets the whole
// diagnosis, a person who pressed Ctrl+D the verdict. why is what is wrong with
// the input, nil at its end.
func (s *session) inputEnded(why error) error {
	s.pen.end()
	if why != nil && !s.Typed {
		s.pen.say("The input is taken as ended: " + sentence(why.Error()))
	}
	if s.Typed {
		s.farewell()
		_ = s.pen.flush() // it may have ended because the terminal is gone
		return nil
	}
	if !s.concluded {
		s.conclude()
	}
	if why != nil {
		why = fmt.Errorf("standard input: %w", why)
	}
	return errors.Join(s.pen.flush(), why)
}

func (s *session) farewell() {
	s.pen.say("Ended. " + s.verdict())
	s.ended = true
}
