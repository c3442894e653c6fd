package probes

import (
	"math"
	"slices"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// share is the part of one core that the whole program may take in a
	// session, and crowded what it may take where the dearest look would
	// otherwise be repeated less often than once in seldom: a host with many
	// sockets. They are 1 and 2 % less a tenth, for what escapes the count. An
	// observation is short, and may take brief.
	share   = 0.009
	crowded = 0.018
	brief   = 0.025
	seldom  = 5 * time.Second
	// least is the part of the allowance that the looks get even if the rest of
	// the program has used it up.
	least = 0.5
	// wallShare is how many times as long as it takes by the clock a look is
	// not repeated: a driver that is slow to answer is not asked all the time.
	wallShare = 4
	// rarest is the longest time between two looks that the budget makes: what is
	// older tells little about now.
	rarest = 15 * time.Second
	// settled is over how long the program's consumption is averaged.
	settled = 10 * time.Second
)

// budget spreads CPU time over the looks, so that the program does not load a
// sick host. The clock is that of the whole process: what other goroutines and
// the garbage collector do for a look counts too.
type budget struct {
	clock func() time.Duration // CPU time of the process so far
	brief bool

	mu      sync.Mutex
	pending int           // looks under way
	begun   int           // looks begun so far
	looks   time.Duration // CPU time of all looks so far

	last      time.Time // of the last allotment
	lastClock time.Duration
	lastLooks time.Duration
	rest      float64 // cores that everything but the looks takes, averaged
	whole     float64 // cores that the program may take

	judged     time.Time // when facts were told last
	judgedRest time.Duration
	judgements []time.Duration // what was done with the facts of the last few times
}

// processTime is the CPU time of this process, user and system
// (CLOCK_PROCESS_CPUTIME_ID).
func processTime() time.Duration {
	var t unix.Timespec
	if unix.ClockGettime(unix.CLOCK_PROCESS_CPUTIME_ID, &t) != nil {
		return 0
	}
	return time.Duration(t.Nano())
}

// bill is what is noted when a look begins.
type bill struct {
	clock time.Duration
	begun int
	alone bool
}

// open notes that a look begins.
func (b *budget) open() bill {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.pending++
	b.begun++
	return bill{b.clock(), b.begun, b.pending == 1}
}

// settle returns the CPU time of a look that took so long by the clock. If
// others were under way beside it, it is charged with no more than the time it
// took: the rest was theirs.
func (b *budget) settle(begin bill, took time.Duration) time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	cpu := b.clock() - begin.clock
	if !begin.alone || b.begun != begin.begun {
		cpu = min(cpu, took)
	}
	b.pending--
	b.looks += cpu
	return cpu
}

// allot sets how often each source is looked at. Sources that take little keep
// their pace, those that take much share evenly what is left.
func (b *budget) allot(sources []*watched, now time.Time) {
	prices := make([]price, len(sources))
	demands := make([]float64, 0, len(sources)) // cores
	dearest := time.Duration(0)
	for i, w := range sources {
		w.mu.Lock()
		prices[i] = w.price
		w.mu.Unlock()
		if w.wanted > 0 {
			demands = append(demands, prices[i].cpu.Seconds()/w.wanted.Seconds())
			dearest = max(dearest, prices[i].cpu)
		}
	}
	each := fairShare(demands, b.allowance(dearest, now))
	for i, w := range sources {
		if w.wanted > 0 {
			p := prices[i]
			w.every = max(w.wanted, min(rarest, time.Duration(float64(p.cpu)/each)), p.wall*wallShare)
		}
	}
}

// allowance is how many cores all looks together may take: the share of the
// program without what the rest of it takes.
func (b *budget) allowance(dearest time.Duration, now time.Time) float64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	clock := b.clock()
	if since := now.Sub(b.last); !b.last.IsZero() && since > 0 {
		took := max(0, (clock-b.lastClock)-(b.looks-b.lastLooks))
		weight := min(1, since.Seconds()/settled.Seconds())
		b.rest += weight * (took.Seconds()/since.Seconds() - b.rest)
	}
	b.last, b.lastClock, b.lastLooks = now, clock, b.looks
	whole := share
	if b.brief {
		whole = brief
	} else if dearest.Seconds() > share*seldom.Seconds() {
		whole = crowded
	}
	b.whole = whole
	return max(whole-b.rest, whole*least)
}

// latest is the longest time between two tellings of facts.
const latest = 5 * time.Second

// judgement returns how far apart facts should be told, and notes that they are
// told now if that time has passed: what is done with them takes CPU time too,
// and may have what the looks don't get. What the operator's keys bring about
// is not meant, so the cheapest of the last few times counts.
func (b *budget) judgement(now time.Time) (every time.Duration, due bool) {
	const remembered = 5
	b.mu.Lock()
	defer b.mu.Unlock()
	every = watchTick
	if len(b.judgements) > 0 && b.whole > 0 {
		takes := slices.Min(b.judgements)
		if b.whole > share {
			every = 2 * watchTick // the looks need it more
		}
		every = min(latest, max(every, time.Duration(float64(takes)/(b.whole*(1-least)))))
	}
	if !b.judged.IsZero() && now.Sub(b.judged) < every-watchTick/10 {
		return every, false
	}
	rest := b.clock() - b.looks
	if !b.judged.IsZero() {
		b.judgements = append(b.judgements, max(0, rest-b.judgedRest))
		b.judgements = b.judgements[max(0, len(b.judgements)-remembered):]
	}
	b.judged, b.judgedRest = now, rest
	return every, true
}

// fairShare returns the most that each demand may have so that all of them
// together stay within the supply: whoever demands less has it all.
func fairShare(demands []float64, supply float64) float64 {
	slices.Sort(demands)
	for i, d := range demands {
		each := supply / float64(len(demands)-i)
		if d > each {
			return each
		}
		supply -= d
	}
	return math.Inf(1)
}

// price is what a look at a source takes, averaged over the last few.
type price struct {
	wall, cpu time.Duration
	looks     int
}

// add takes one more look into the average. The first one also sets the source
// up: it counts for a quarter, and only until there is a second.
func (p *price) add(wall, cpu time.Duration) {
	const memory, setup = 4, 4
	p.looks++
	switch p.looks {
	case 1:
		p.wall, p.cpu = wall/setup, cpu/setup
	case 2:
		p.wall, p.cpu = wall, cpu
	default:
		p.wall += (wall - p.wall) / memory
		p.cpu += (cpu - p.cpu) / memory
	}
}
