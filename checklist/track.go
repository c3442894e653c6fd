package checklist

import (
	"fmt"
	"math"
	"time"

	"whydrop/probes/fact"
)

// Track remembers how a session went: how every number moved, how the causes
// rose and fell, and what happened when. It stays small however long the session
// is: the last two minutes are kept second by second, the whole of it in ever
// wider steps.
type Track struct {
	first  time.Time // when the first observation ended
	last   time.Time
	gaps   []gap
	read   map[string]*lastRead // counters, by name
	totals map[string]float64   // of the rows of tables
	looked map[string]time.Time // when a probe looked last
	series map[string]*series
	probes map[string]string // which probe yields a fact
	places []placeCounter    // the rows that are added up
	events []Event
	named  map[string]bool
	spells map[string]*spell
	said   Verdict
}

// Event is something that happened at a moment of the session.
type Event struct {
	At   time.Time
	Kind EventKind
	Text string
	// Cause is the id of the one that rose or fell, "" for any other event.
	Cause string
}

// EventKind says what an event is.
type EventKind string

// The kinds of events: the operator marked the moment; a cause came above or
// fell below the line at which it is named; the verdict changed.
const (
	Marked  EventKind = "mark"
	Rose    EventKind = "cause named"
	Fell    EventKind = "cause no longer named"
	Changed EventKind = "verdict"
)

// What was done to the host: a step was applied, it is kept, it went back.
const (
	Applying  EventKind = "applied"
	Keeping   EventKind = "kept"
	Reverting EventKind = "went back"
)

// What became of the case itself: it was left, and gone on with; its report was
// written.
const (
	Left     EventKind = "left"
	Resumed  EventKind = "resumed"
	Exported EventKind = "report written"
)

// done says whether an event is something that the operator did to the host, or said.
func (k EventKind) done() bool {
	return k == Marked || k == Applying || k == Keeping || k == Reverting
}

// rare says whether there are but few such events: these are kept and told first.
func (k EventKind) rare() bool {
	return k.done() || k == Left || k == Resumed || k == Exported
}

// Event limits: a session that flaps for a day must not grow without end.
const maxEvents = 2000

// NewTrack begins to remember.
func NewTrack() *Track {
	return &Track{
		read: map[string]*lastRead{}, totals: map[string]float64{}, looked: map[string]time.Time{},
		series: map[string]*series{}, named: map[string]bool{}, spells: map[string]*spell{},
	}
}

// Add remembers an observation that ended at a moment, and what was made of it.
func (t *Track) Add(at time.Time, f *fact.Facts, d *Diagnosis) {
	t.clock(at, f, 0, 1)
	t.numbers(at, f, 1)
	for _, finding := range d.Findings {
		t.point(CauseSeries(finding.Cause.ID), finding.Probability)
		t.strength(at, f, finding.Cause.ID, finding.Probability)
		t.cause(at, finding)
	}
	if t.said != d.Verdict && t.said != "" {
		t.event(Event{At: at, Kind: Changed, Text: fmt.Sprintf("%s, was %s", d.Verdict, t.said)})
	}
	t.said = d.Verdict
}

// gap is a time between two observations in which nobody watched.
type gap struct{ from, to time.Time }

// longestStep is how far apart two observations may be that lie in one stretch.
const longestStep = 2 * time.Minute

// clockSeries is the name under which the time of the observations is remembered, in
// seconds since the first: the points of all series are means over the same steps, so
// it tells where they lie.
const clockSeries = "time of observation"

// clock remembers when an observation ended, which counts for several points of the time
// that was measured since the one before.
func (t *Track) clock(at time.Time, f *fact.Facts, measured time.Duration, points int) {
	if t.first.IsZero() {
		t.first = at
	} else if at.Sub(t.last) > longestStep && f.Start.After(t.last) && len(t.gaps) < maxSeries {
		t.gaps = append(t.gaps, gap{t.last, f.Start})
	}
	for i := range points {
		ago := measured.Seconds() * float64(points-1-i) / float64(points)
		t.point(clockSeries, at.Sub(t.first).Seconds()-ago)
	}
}

// cause notes that a cause rose above or fell below the line. To fall it must be
// clearly below, so that one at the line does not flap.
func (t *Track) cause(at time.Time, f *Finding) {
	switch is := t.named[f.Cause.ID]; {
	case !is && f.Named():
		t.named[f.Cause.ID] = true
		t.event(Event{at, Rose, f.Cause.Title + " (" + f.Cause.ID + ", " + Percent(f.Probability) + ")", f.Cause.ID})
	case is && f.Probability < Named-0.1:
		delete(t.named, f.Cause.ID)
		t.event(Event{at, Fell, f.Cause.Title + " (" + f.Cause.ID + ")", f.Cause.ID})
	}
}

// Mark notes what the operator says happens at a moment.
func (t *Track) Mark(at time.Time, text string) { t.event(Event{At: at, Kind: Marked, Text: text}) }

// GoOn notes that a case which was written last at a moment is gone on with at another.
// inOrder says that it was left, not killed.
func (t *Track) GoOn(left, at time.Time, inOrder bool) {
	text := "the case was left; until it is gone on with nobody watches"
	if !inOrder {
		text = "whydrop ended without a word; until it is gone on with nobody watches"
	}
	if !left.IsZero() && left.Before(at) {
		t.event(Event{At: left, Kind: Left, Text: text})
	}
	t.event(Event{At: at, Kind: Resumed, Text: "the case is gone on with"})
}

// Export notes that a report of the case was written at a moment; redacted says that it
// has pseudonyms.
func (t *Track) Export(at time.Time, redacted bool) {
	text := "as markdown"
	if redacted {
		text += ", with pseudonyms"
	}
	t.event(Event{At: at, Kind: Exported, Text: text})
}

func (t *Track) event(e Event) {
	if len(t.events) < maxEvents || e.Kind.rare() {
		t.events = append(t.events, e)
	}
}

// Events returns what happened, the oldest first. It stays as it is while the
// session goes on.
func (t *Track) Events() []Event {
	if t == nil {
		return nil
	}
	return t.events[:len(t.events):len(t.events)]
}

// Recent returns how a number moved in the last two minutes, a point an
// observation, the oldest first: of a counter its growth a second, of anything
// else its value. Nil if it was never a number.
func (t *Track) Recent(name string) []float64 {
	if s := t.series[name]; s != nil {
		return s.recent()
	}
	return nil
}

// Whole returns how a number moved in the whole session, in at most 240 steps of
// equal length, each the mean of its observations.
func (t *Track) Whole(name string) []float64 {
	if s := t.series[name]; s != nil {
		return s.whole()
	}
	return nil
}

// CauseSeries is the name under which the probability of a cause is remembered.
func CauseSeries(id string) string { return "cause " + id }

func (t *Track) point(name string, v float64) { t.points(name, v, 1) }

// points remembers a number that was the same so many times.
func (t *Track) points(name string, v float64, times int) {
	s := t.series[name]
	if s == nil && len(t.series) >= maxSeries {
		return
	}
	if s == nil {
		s = &series{step: 1}
		t.series[name] = s
	}
	s.add(v, times)
}

// maxSeries is of how many numbers a track remembers how they went: several times those
// that there are. A file that was made to fill the memory has more.
const maxSeries = 1 << 12

const (
	recentPoints = 120
	wholePoints  = 240
)

// series is one number over time.
type series struct {
	ring []float32 // the newest points
	head int       // where the next goes once the ring is full
	long []float32 // the whole, each the mean of step points
	step int
	sum  float64 // of the points that wait for their step to be full
	wait int
}

func (s *series) add(v float64, times int) {
	for range min(times, recentPoints) {
		if len(s.ring) < recentPoints {
			s.ring = append(s.ring, float32(v))
			continue
		}
		s.ring[s.head] = float32(v)
		s.head = (s.head + 1) % recentPoints
	}
	for times > 0 {
		n := min(times, s.step-s.wait)
		s.sum += v * float64(n)
		s.wait += n
		times -= n
		s.shorten()
	}
}

// shorten ends the step that waits if it is full, and makes steps twice as long when
// there are too many.
func (s *series) shorten() {
	if s.wait < s.step {
		return
	}
	s.long = append(s.long, float32(s.sum/float64(s.wait)))
	s.sum, s.wait = 0, 0
	if len(s.long) < wholePoints {
		return
	}
	for i := range wholePoints / 2 {
		s.long[i] = (s.long[2*i] + s.long[2*i+1]) / 2
	}
	s.long, s.step = s.long[:wholePoints/2], s.step*2
}

func (s *series) recent() []float64 {
	out := make([]float64, 0, len(s.ring))
	for i := range s.ring {
		out = append(out, float64(s.ring[(s.head+i)%len(s.ring)]))
	}
	return out
}

func (s *series) whole() []float64 {
	out := make([]float64, 0, len(s.long)+1)
	for _, v := range s.long {
		out = append(out, float64(v))
	}
	if s.wait > 0 {
		out = append(out, s.sum/float64(s.wait))
	}
	return out
}

// Peak returns the greatest of a series, 0 for none.
func Peak(points []float64) float64 {
	peak := 0.0
	for _, p := range points {
		peak = math.Max(peak, p)
	}
	return peak
}
