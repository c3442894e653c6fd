package record

import (
	"context"
	"errors"
	"sync"
	"time"

	"whydrop/probes/fact"
)

// longest is how long a player waits for the next observation at speed 1: where
// nothing was recorded for longer, it goes on.
const longest = 5 * time.Second

// Speeds are those that a player knows, times the recording's own.
var Speeds = []float64{0.25, 0.5, 1, 2, 5, 10, 30, 60}

// Player shows a recording as if the host were watched now. Play runs it; the
// other methods may be called at any time by other goroutines.
type Player struct {
	// Again begins anew after the end; without it the last observation stays.
	Again bool

	recording *Recording

	mu      sync.Mutex
	at      int // the observation that is shown, -1 before the first
	next    int // the one to show next
	hurry   bool
	paused  bool
	speed   float64
	changed chan struct{} // holds one: something above changed
}

// NewPlayer makes a player that stands before an observation and plays at speed 1.
func NewPlayer(r *Recording, first int) *Player {
	return &Player{recording: r, at: -1, next: max(0, min(first, r.Len()-1)), hurry: true, speed: 1, changed: make(chan struct{}, 1)}
}

// Position is where a player stands.
type Position struct {
	Index, Len int       // observation, from 0; of how many
	Time       time.Time // when the observation ended; zero before the first
	Begin, End time.Time // of the recording
	Paused     bool
	Ended      bool // the last is shown, and nothing comes after it
	Speed      float64
}

// Position returns where the player stands.
func (p *Player) Position() Position {
	p.mu.Lock()
	defer p.mu.Unlock()
	pos := Position{Index: p.at, Len: p.recording.Len(), Begin: p.recording.Begin(), End: p.recording.End(), Paused: p.paused, Speed: p.speed}
	if p.at >= 0 {
		pos.Time = p.recording.Time(p.at)
	}
	pos.Ended = !p.Again && p.at == pos.Len-1
	return pos
}

// Now is the present time of the recording: when the observation that is shown, or
// will be first, ended. Of a recording without any it is the zero time.
func (p *Player) Now() time.Time {
	p.mu.Lock()
	i := p.at
	if i < 0 {
		i = p.next
	}
	p.mu.Unlock()
	if i >= p.recording.Len() {
		return time.Time{}
	}
	return p.recording.Time(i)
}

// Pause holds the recording where it is, or lets it go on.
func (p *Player) Pause(on bool) { p.change(func() { p.paused = on }) }

// SetSpeed sets how fast it plays, times the recording's own speed. Speeds that are
// not positive change nothing.
func (p *Player) SetSpeed(speed float64) {
	if speed > 0 {
		p.change(func() { p.speed = speed })
	}
}

// Faster and Slower go to the next of Speeds.
func (p *Player) Faster() {
	p.change(func() {
		for _, s := range Speeds {
			if s > p.speed {
				p.speed = s
				return
			}
		}
	})
}

// Slower is the other way of Faster.
func (p *Player) Slower() {
	p.change(func() {
		slower := p.speed
		for _, s := range Speeds {
			if s < p.speed {
				slower = s
			}
		}
		p.speed = slower
	})
}

// Seek shows an observation at once and goes on from there; one before the first
// is the first, one behind the last the last.
func (p *Player) Seek(i int) {
	p.change(func() { p.seek(i) })
}

// Go shows the newest observation of a moment and holds it there, see
// Recording.Moment: + and - count from where it stands, and alone they are the next
// observation and the one before. It returns which observation it is.
func (p *Player) Go(to string) (i int, err error) {
	p.mu.Lock()
	here := p.aim()
	p.mu.Unlock()
	if here >= p.recording.Len() {
		return 0, errors.New("the recording holds no observation")
	}
	switch to {
	case "+":
		i = min(here+1, p.recording.Len()-1)
	case "-":
		i = max(here-1, 0)
	default:
		t, err := p.recording.Moment(to, p.recording.Time(here))
		if err != nil {
			return 0, err
		}
		i = p.recording.Index(t)
	}
	p.change(func() {
		p.paused = true
		p.seek(i)
	})
	return i, nil
}

// Time returns when observation i of the recording ended.
func (p *Player) Time(i int) time.Time { return p.recording.Time(i) }

// Apart says how many observations one that ended at a moment is behind another, less
// than none if it is before it.
func (p *Player) Apart(from, to time.Time) int {
	return p.recording.Index(to) - p.recording.Index(from)
}

// Before calls back with the last n observations until a moment, the oldest first.
func (p *Player) Before(until time.Time, n int, each func(*fact.Facts)) error {
	last := p.recording.Index(until)
	i := max(0, last-n+1)
	return p.recording.From(i, func(f *fact.Facts) bool {
		each(f)
		i++
		return i <= last
	})
}

// Step holds the recording so many observations further, or back.
func (p *Player) Step(n int) {
	p.change(func() {
		p.paused = true
		p.seek(p.aim() + n)
	})
}

// Skip moves by a time of the recording, back if it is negative; by one observation
// at least.
func (p *Player) Skip(d time.Duration) {
	p.change(func() {
		at := p.aim()
		if at >= p.recording.Len() {
			return
		}
		to := p.recording.Index(p.recording.Time(at).Add(d))
		if d > 0 {
			to = max(to, at+1)
		} else {
			to = min(to, at-1)
		}
		p.seek(to)
	})
}

// aim is the observation that is shown, or will be at once. p.mu is held.
func (p *Player) aim() int {
	if p.hurry {
		return p.next // what an earlier key asked for counts
	}
	return max(0, p.at)
}

// seek shows an observation at once. p.mu is held.
func (p *Player) seek(i int) {
	p.next, p.hurry = max(0, min(i, p.recording.Len()-1)), true
}

// change changes the player and wakes it.
func (p *Player) change(do func()) {
	p.mu.Lock()
	do()
	p.mu.Unlock()
	select {
	case p.changed <- struct{}{}:
	default:
	}
}

// Play calls each with the observations as they are to be shown, until ctx ends.
// An error means that the recording could not be read further.
func (p *Player) Play(ctx context.Context, each func(*fact.Facts)) error {
	for ctx.Err() == nil {
		p.mu.Lock()
		from := p.next
		p.mu.Unlock()
		if from >= p.recording.Len() {
			p.idle(ctx)
			continue
		}
		i := from
		err := p.recording.From(from, func(f *fact.Facts) bool {
			if !p.due(ctx, i) {
				return false
			}
			each(f)
			i++
			return true
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// idle waits at the end of the recording, or lets it begin anew.
func (p *Player) idle(ctx context.Context) {
	if p.Again && p.recording.Len() > 0 {
		p.mu.Lock()
		p.next = 0
		p.mu.Unlock()
		return
	}
	select {
	case <-ctx.Done():
	case <-p.changed:
	}
}

// due waits until observation i is to be shown, and says whether it still is: not
// if ctx ended or another is wanted.
func (p *Player) due(ctx context.Context, i int) bool {
	begin := time.Now()
	for {
		p.mu.Lock()
		wanted, wait := p.next == i, p.wait(i, time.Since(begin))
		if wanted && wait <= 0 {
			p.at, p.next, p.hurry = i, i+1, false
			p.mu.Unlock()
			return true
		}
		p.mu.Unlock()
		if !wanted {
			return false
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return false
		case <-p.changed:
		case <-timer.C:
		}
		timer.Stop()
	}
}

// wait returns for how long observation i is still waited for. p.mu is held.
func (p *Player) wait(i int, waited time.Duration) time.Duration {
	switch {
	case p.hurry:
		return 0
	case p.paused:
		return time.Hour
	}
	apart := longest
	if i > 0 {
		apart = max(0, min(longest, p.recording.Time(i).Sub(p.recording.Time(i-1))))
	} else if p.at >= 0 { // from the end to the beginning
		apart = time.Second
	}
	return time.Duration(float64(apart)/p.speed) - waited
}
