package casefile

import (
	"bytes"
	"compress/flate"
	"encoding/json"
	"math"
	"sync/atomic"
	"time"

	"whydrop/checklist"
	"whydrop/probes/fact"
	"whydrop/probes/record"
)

const (
	// groupLength and groupTime are after how many observations, and after how long,
	// a compressed stream begins anew. Damage costs the rest of one.
	groupLength = 60
	groupTime   = 5 * time.Minute
	// A session may have so many bytes of observations: to begin with, each second
	// on the average, and for each event more, but never more than all.
	allowedFirst  = 1 << 20
	allowedSecond = 400
	allowedEvent  = 32 << 10
	allowedEvents = 4 << 20
	allowedAll    = 64 << 20
	// leastTold is the least probability of a cause that is written.
	leastTold = 0.005
)

// observer writes observations, beside the keys. take and happened are for one
// goroutine.
type observer struct {
	file   *File
	now    func() time.Time
	began  time.Time
	last   *fact.Facts // that was taken
	events int         // bytes allowed for what happened
	none   bool        // no host is watched
	onward bool        // what is before the one that was taken last was seen already
	wanted chan observation
	ended  chan struct{}
	spent  atomic.Int64 // bytes
	cost   atomic.Int64 // of the last one that was no key frame
	failed atomic.Pointer[error]
}

type observation struct {
	at    time.Time
	facts *fact.Facts
	p     map[string]float64
}

func newObserver(f *File) *observer {
	o := &observer{file: f, now: time.Now, began: time.Now(), wanted: make(chan observation, 1), ended: make(chan struct{})}
	go o.write()
	return o
}

// allowance is how many bytes the observations of a session may take until now.
func (o *observer) allowance(now time.Time) int64 {
	passed := int64(now.Sub(o.began).Seconds() * allowedSecond)
	return min(allowedFirst+passed+int64(min(o.events, allowedEvents)), allowedAll)
}

// source says what is observed.
func (o *observer) source(h Header) { o.none, o.onward = h.Recorded, h.Demo || len(h.Replay) > 0 }

// happened allows closer observation for a while.
func (o *observer) happened() { o.events += allowedEvent }

// need is how much an observation is needed.
type need int

const (
	asRoom need = iota // if there is room for it
	judged             // another verdict follows from it
	final              // it is the last
)

// take takes the newest observation of a case if it is a new one and there is room
// for it, or if it is needed.
func (o *observer) take(s Snapshot, needed need) {
	f := s.Case.Facts
	if o.none || f == nil || f == o.last || s.Diagnosis == nil {
		return
	}
	now := o.now()
	if needed == asRoom && o.onward && o.last != nil && !record.EndOf(f).After(record.EndOf(o.last)) {
		return
	}
	room := o.allowance(now)
	if needed == judged {
		room = allowedAll
	}
	if needed != final && o.spent.Load()+o.cost.Load() > room {
		return
	}
	seen := observation{record.EndOf(f), f, map[string]float64{}}
	for _, found := range s.Diagnosis.Findings {
		if found.Probability >= leastTold {
			seen.p[found.Cause.ID] = math.Round(found.Probability*1000) / 1000
		}
	}
	o.last = f
	select {
	case <-o.wanted: // the writer is behind
	default:
	}
	o.wanted <- seen
}

// end waits until what was taken is handed over, or it is late.
func (o *observer) end(late <-chan time.Time) {
	close(o.wanted)
	select {
	case <-o.ended:
	case <-late:
	}
}

// write writes observations until the end.
func (o *observer) write() {
	defer close(o.ended)
	var g group
	for seen := range o.wanted {
		if seen.at.Sub(g.began) >= groupTime {
			g.n = 0
		}
		key := g.full()
		if key {
			g.began = seen.at
		}
		data, err := g.add(seen.facts)
		if err != nil {
			continue
		}
		text, err := json.Marshal(seenLine{At: seen.at, Key: key, Data: data, Probability: seen.p})
		if err != nil || len(text) > longestLine/2 {
			g = group{}
			continue
		}
		o.spent.Add(int64(len(text)))
		if !key {
			o.cost.Store(int64(len(text)))
		}
		done := make(chan error, 1)
		select {
		case o.file.chunks <- chunk{lines: []entry{{seenKind, text}}, done: done}:
		case <-o.file.ending:
			return
		}
		select {
		case err := <-done:
			if o.failed.Store(&err); err != nil {
				g = group{} // what follows could not be read without it
			}
		case <-o.file.ended:
			return
		}
	}
}

// group is observations in one compressed stream. The zero group is full.
type group struct {
	n        int
	began    time.Time
	encoder  record.Encoder
	out      bytes.Buffer
	squeezer *flate.Writer
	line     []byte
}

// full says whether the next observation begins another group.
func (g *group) full() bool { return g.n == 0 || g.n == groupLength }

// add returns what an observation adds to the stream. After an error the group is
// begun anew.
func (g *group) add(f *fact.Facts) ([]byte, error) {
	if g.full() {
		if err := g.begin(); err != nil {
			return nil, err
		}
	}
	line, err := g.encoder.Append(g.line[:0], f)
	g.line = line
	if err != nil {
		g.n = 0
		return nil, err
	}
	g.out.Reset()
	_, err = g.squeezer.Write(append(line, '\n'))
	if err == nil {
		err = g.squeezer.Flush()
	}
	if err != nil {
		g.n = 0
		return nil, err
	}
	g.n++
	return bytes.Clone(g.out.Bytes()), nil
}

func (g *group) begin() (err error) {
	g.encoder.Reset()
	g.n = 0
	if g.squeezer == nil {
		g.squeezer, err = flate.NewWriter(&g.out, flate.DefaultCompression)
		return err
	}
	g.out.Reset()
	g.squeezer.Reset(&g.out)
	return nil
}

// longestGap is how far apart two observations of one session may be. Between others
// nothing was measured.
const longestGap = 2 * time.Minute

// groupReader puts the observations of a group together again.
type groupReader struct {
	stream  bytes.Buffer
	lines   []seenLine
	broken  bool // an observation is missing: what follows cannot be read
	brief   bool // only the first of the group is wanted
	last    time.Time
	plain   int64         // bytes of what was compressed that were read
	waiting time.Duration // that was measured before the next line that is read
}

// mostStream and mostLines bound what a damaged or hostile file can make of memory.
const (
	mostStream = 16 << 20  // bytes of a compressed stream
	mostPlain  = 512 << 20 // bytes of what all that are read hold
)

// add takes the next line, and says whether it can be used.
func (g *groupReader) add(l *seenLine) bool {
	if l.Key {
		g.stream.Reset()
		g.lines, g.broken = g.lines[:0], false
	} else if len(g.lines) == 0 {
		g.broken = true
	}
	if gap := l.At.Sub(g.last); gap > 0 && gap <= longestGap {
		g.waiting += gap
	}
	g.last = l.At
	if g.broken = g.broken || g.stream.Len()+len(l.Data) > mostStream; g.broken {
		return false
	}
	if g.brief && !l.Key {
		return true
	}
	g.stream.Write(l.Data)
	g.lines = append(g.lines, seenLine{At: l.At, Probability: l.Probability, measured: g.waiting})
	g.waiting = 0
	return true
}

// restore gives back the observations of the group, the oldest first, and how many
// could not be read.
func (g *groupReader) restore(each func(seenLine, *fact.Facts)) (lost int) {
	defer func() { g.lines = g.lines[:0]; g.stream.Reset() }()
	var decoder record.Decoder
	left := linesOf(g.stream.Bytes(), &g.plain)
	for i, l := range g.lines {
		text, err := left()
		if err != nil {
			return len(g.lines) - i
		}
		f, err := decoder.Decode(text)
		if err != nil {
			return len(g.lines) - i
		}
		each(l, f)
	}
	return 0
}

// restoreTrack remembers an observation in the track of a case.
func restoreTrack(c *checklist.Case, l seenLine, f *fact.Facts) {
	p := make(map[string]float64, len(c.Book.Causes))
	for _, cause := range c.Book.Causes {
		p[cause.ID] = l.Probability[cause.ID]
	}
	c.Track.Restore(l.At, l.measured, f, p)
	c.Facts = f
}
