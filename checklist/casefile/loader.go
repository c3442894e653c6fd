package casefile

import (
	"bufio"
	"bytes"
	"compress/flate"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"whydrop/checklist"
	"whydrop/content"
	"whydrop/probes/fact"
)

// loader puts a case together.
type loader struct {
	*Loaded
	book    *content.Book
	events  []checklist.Event
	steps   []checklist.Applied
	answers map[string]answerLine
	group   groupReader
	begun   bool      // its first line was read
	first   time.Time // the earliest that is told
	lost    int       // observations
	size    int64
	unread  map[string]int
	clock   sessionClock
}

// numbers follows the numbers of the lines of a file.
type numbers struct {
	lines   uint64 // the number of the last good one
	damaged []int  // which lines are, counted in the file from 1
	skipped uint64 // numbers that did not come
}

// good says whether a line is whole and has its turn.
func (n *numbers) good(p parsed) bool {
	if p.err != nil || p.n <= n.lines { // or it stood there before: a copy
		n.damaged = append(n.damaged, p.at)
		return false
	}
	n.skipped += p.n - n.lines - 1
	n.lines = p.n
	return true
}

// missing is how many lines are not there at all: each damaged one was one of those
// that did not come.
func (n *numbers) missing() uint64 {
	return n.skipped - min(n.skipped, uint64(len(n.damaged)))
}

func load(path string, f *os.File, book *content.Book) (*Loaded, error) {
	l := &loader{Loaded: &Loaded{Path: path}, book: book, answers: map[string]answerLine{}, unread: map[string]int{}}
	l.Case = checklist.NewCase(book, time.Time{})
	if st, err := f.Stat(); err == nil {
		l.size = st.Size()
	}
	err := eachLine(f, l.take)
	if l.beyond = errors.Is(err, errBeyond); err != nil && !l.beyond {
		return nil, err
	}
	if l.lines == 0 {
		return nil, fmt.Errorf("%s: %w", content.Show(path), ErrNoCase)
	}
	l.observed()
	l.finish()
	return l.Loaded, nil
}

// take takes one line.
func (l *loader) take(p parsed) error {
	if !p.whole {
		l.tail(p)
		return nil
	}
	l.whole = p.end
	if !l.good(p) {
		return nil
	}
	if err := l.line(p.kind, p.data); err != nil {
		if errors.Is(err, ErrNewer) || errors.Is(err, ErrFormat) {
			return err
		}
		l.damaged = append(l.damaged, p.at)
	}
	return nil
}

func (l *loader) tail(p parsed) {
	l.Notes = append(l.Notes, fmt.Sprintf("the last %s has no end: whydrop was ended while it was written, it is left out", counted(p.end-l.whole, "byte")))
}

func counted[N int | int64 | uint64](n N, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// line takes what a line says.
func (l *loader) line(kind string, data []byte) error {
	l.Ended = kind == endKind
	switch kind {
	case beginKind, resumeKind:
		return l.header(kind, data)
	case answerKind:
		return takeInto(data, func(a *answerLine) { l.answers[a.Question] = *a; l.at(a.At) })
	case eventKind:
		return takeInto(data, func(e *eventLine) { l.event(e) })
	case appliedKind:
		return takeInto(data, func(a *appliedLine) { l.applied(a) })
	case triedKind:
		return takeInto(data, func(t *Tried) { l.Tried = append(l.Tried, *t); l.at(t.At) })
	case placeKind:
		return takeInto(data, func(p *Place) { l.Place = *p })
	case verdictKind:
		return takeInto(data, func(v *Verdict) { l.Verdict = *v })
	case seenKind:
		return takeInto(data, l.seen)
	case endKind:
		return takeInto(data, func(e *endLine) { l.at(e.At) })
	default:
		l.unread[kind]++
		return nil
	}
}

func takeInto[T any](data []byte, take func(*T)) error {
	v, err := into[T](data)
	if err == nil {
		take(v)
	}
	return err
}

func (l *loader) at(t time.Time) {
	if t.After(l.Last) {
		l.Last = t
	}
	l.first = earlier(l.first, t)
}

// earlier is the earlier of two times of which either may not be known.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || b.Before(a) && !b.IsZero() {
		return b
	}
	return a
}

// header takes the beginning of a case or of a later session with it.
func (l *loader) header(kind string, data []byte) error {
	h, err := into[Header](data)
	if err != nil {
		return err
	}
	if err := h.readable(); errors.Is(err, ErrNoCase) {
		return err
	} else if err != nil {
		return fmt.Errorf("%s: %w", content.Show(l.Path), err)
	}
	// One who only looked at the case may have done so on another host.
	if kind == beginKind || l.Header.Schema == "" && !h.Recorded {
		l.Header = *h
	}
	l.Latest, l.begun = *h, l.begun || kind == beginKind
	l.at(h.Started)
	l.clock.begins(h)
	return nil
}

// What stands for something that happened and whose line is damaged.
const (
	lostKind = checklist.EventKind("damaged")
	lostText = "what is told here is lost: its line in the case file is damaged"
)

// mostSteps bounds what a number in a file can make of memory.
const mostSteps = 1 << 14

func (l *loader) event(e *eventLine) {
	if e.Event < 0 || e.Event > mostSteps {
		return
	}
	for len(l.events) <= e.Event {
		l.events = append(l.events, checklist.Event{})
	}
	l.events[e.Event] = checklist.Event{At: e.At, Kind: checklist.EventKind(e.Kind), Text: e.Text, Cause: e.Cause}
	l.at(e.At)
}

func (l *loader) applied(a *appliedLine) {
	if a.Step < 0 || a.Step > mostSteps {
		return
	}
	for len(l.steps) <= a.Step {
		l.steps = append(l.steps, checklist.Applied{})
	}
	l.steps[a.Step] = a.Applied
	l.at(a.At)
}

// seen takes an observation. Its group is read when the next one begins.
func (l *loader) seen(s *seenLine) {
	if s.Key {
		l.observed()
		l.group.brief = l.size > wholeFile && l.whole < l.size-wholeEnd
	}
	l.Observations++
	l.at(s.At)
	l.clock.seen(s.At)
	if !l.group.add(s) {
		l.lost++
	}
}

// observed remembers the observations of the group.
func (l *loader) observed() {
	l.lost += l.group.restore(func(s seenLine, f *fact.Facts) {
		if l.begun && !l.Header.Demo && len(l.Header.Replay) == 0 {
			l.Case.Track.Opened(l.Header.Started, s.At, f)
		}
		restoreTrack(l.Case, s, f)
	})
}

// finish puts what was read into the case, and says what is amiss.
func (l *loader) finish() {
	if !l.begun { // what else is there tells about when it began, and where
		l.Header.Started = l.first
		if f := l.Case.Facts; f != nil && l.Header.Schema == "" {
			l.Header.Host, l.Header.Kernel = f.Host, f.Kernel
		}
	}
	l.Case.Started, l.Case.Host, l.Case.Kernel = l.Header.Started, l.Header.Host, l.Header.Kernel
	l.restoreAnswers()
	before := l.Header.Started
	for i, e := range l.events {
		if e.At.IsZero() {
			l.events[i] = checklist.Event{At: before, Kind: lostKind, Text: lostText}
		}
		before = l.events[i].At
	}
	l.Case.Track.Resume(l.events, l.Verdict.Verdict, l.Verdict.Causes)
	before = l.Header.Started
	for _, a := range l.steps {
		if a.At.IsZero() {
			a = checklist.Applied{At: before, Title: lostText, Fate: checklist.Stuck}
		}
		before = a.At
		l.Case.Restore(a)
	}
	l.tell()
}

// restoreAnswers answers what still can be answered. What was said and has no place
// any more is told, not lost: it stays in the file.
func (l *loader) restoreAnswers() {
	for _, id := range sorted(l.answers) {
		line := l.answers[id]
		q := l.book.Question(id)
		if q == nil {
			if len(line.Options) > 0 || line.Note != "" {
				l.note("%s was answered (%s), and is no question of this whydrop", id, strings.Join(append(line.Options, line.Note), " "))
			}
			continue
		}
		a := checklist.Answer{Note: line.Note, At: line.At}
		for _, o := range line.Options {
			if o != content.DontKnow && q.Option(o) == nil {
				l.note("%s was answered %q, which is no answer to it any more", id, o)
				continue
			}
			a.Options = append(a.Options, o)
		}
		if err := l.Case.Answer(id, a); err != nil {
			l.note("%v", err)
		}
	}
}

func (l *loader) note(format string, args ...any) {
	l.Notes = append(l.Notes, content.Show(fmt.Sprintf(format, args...)))
}

// mostTold is how many lines are told by their numbers.
const mostTold = 8

// tell says what is damaged or missing.
func (l *loader) tell() {
	var notes []string
	if l.beyond {
		notes = append(notes, fmt.Sprintf("only the first %d bytes are read", longestFile))
	}
	if n := len(l.damaged); n > 0 {
		where := strings.Trim(fmt.Sprint(l.damaged[:min(n, mostTold)]), "[]")
		if n > mostTold {
			where += " ..."
		}
		notes = append(notes, fmt.Sprintf("%s damaged (%s): what was said in them is not there, answers may be older ones", counted(n, "line"), where))
	}
	if n := l.missing(); n > 0 {
		notes = append(notes, fmt.Sprintf("%s missing: answers may be older ones", counted(n, "line")))
	}
	if l.lost > 0 {
		notes = append(notes, fmt.Sprintf("%s cannot be read", counted(l.lost, "observation")))
	}
	for _, kind := range sorted(l.unread) {
		notes = append(notes, fmt.Sprintf("%s of a kind that this whydrop does not know: %s", counted(l.unread[kind], "line"), content.Show(kind)))
	}
	if !l.begun {
		notes = append(notes, "its beginning is damaged: "+l.beginning())
	}
	notes = append(notes, l.clock.notes...)
	if at := l.unseen(); !at.IsZero() {
		notes = append(notes, "the newest measurements are not in it: what was told at "+moment(at)+" follows from them")
	}
	l.Notes = append(notes, l.Notes...)
}

// unseen is when the newest thing was told that follows from an observation which is not
// there; zero if all are.
func (l *loader) unseen() (at time.Time) {
	for _, e := range l.events {
		follows := e.Kind == checklist.Rose || e.Kind == checklist.Fell || e.Kind == checklist.Changed
		if follows && e.At.After(l.clock.newest) && (at.IsZero() || e.At.After(at)) {
			at = e.At
		}
	}
	return at
}

// beginning says what is not known of a case whose first line is damaged.
func (l *loader) beginning() string {
	when := "it began before what is told first"
	if l.Header.Started.IsZero() {
		when = "when it began is not known"
	}
	if l.Header.Host == "" {
		return "which host it is of is not known, and " + when
	}
	return when
}

// linesOf returns a function that returns the lines of a compressed stream one by
// one, and counts the bytes in them: when they are too many there are no more. Each is
// valid until the next.
func linesOf(stream []byte, plain *int64) func() ([]byte, error) {
	in := bufio.NewReader(io.LimitReader(io.TeeReader(flate.NewReader(bytes.NewReader(stream)), (*counter)(plain)), mostPlain-*plain))
	var buffer []byte
	return func() ([]byte, error) {
		line, _, err := nextLine(in, &buffer)
		return line, err
	}
}

// counter counts what is written to it.
type counter int64

func (c *counter) Write(p []byte) (int, error) {
	*c += counter(len(p))
	return len(p), nil
}
