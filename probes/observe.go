// Package probes looks at the host. It is the only code that touches it: one
// package a source below this one, and here the observer that looks at all of
// them in turn, each with a deadline, all of them within a budget of CPU time,
// and turns what they showed into facts.
package probes

import (
	"cmp"
	"context"
	"os"
	"slices"
	"time"

	"whydrop/probes/fact"
)

const (
	// observeTick is how often cheap sources are looked at in an observation of
	// a few seconds, watchTick in a session, and endsTick those whose pace is
	// EndsOnly in a session, which has no end.
	observeTick = 500 * time.Millisecond
	watchTick   = time.Second
	endsTick    = 5 * time.Second
	// turn is how long a round waits for one source before it goes on to the
	// next. A source that takes longer is looked at beside the others.
	turn = 50 * time.Millisecond
	// patience is how long one look may take before it is given up, grace how
	// much later than that an answer still counts.
	patience = 3 * time.Second
	grace    = 100 * time.Millisecond
	// maxReadings bounds what is kept of one source in a long session.
	maxReadings = 64
)

// Observer looks at a set of sources, once: for one observation or one session.
// Sources that implement io.Closer are closed when it ends.
type Observer struct {
	sources []*watched
	turns   []*watched // the same, in the order in which they are looked at
	now     func() time.Time
	budget  budget

	start  time.Time
	window time.Duration // how far back the facts go; 0 for all the way
}

// NewObserver makes an observer of the given sources.
func NewObserver(sources ...fact.Source) *Observer {
	o := &Observer{now: time.Now, budget: budget{clock: processTime}}
	for _, s := range sources {
		w := &watched{source: s}
		if p, ok := s.(fact.Paced); ok {
			w.pace = p.Pace()
		}
		o.sources = append(o.sources, w)
	}
	o.turns = slices.Clone(o.sources)
	return o
}

// Observe looks at all sources from now for the given time and returns the
// facts. progress, if not nil, is called after every round with the time that
// has passed. Ending ctx ends the observation early; what was seen until then
// is still told.
func (o *Observer) Observe(ctx context.Context, d time.Duration, progress func(time.Duration)) *fact.Facts {
	defer o.close()
	start := o.now()
	o.start, o.budget.brief = start, true
	o.pace(observeTick, 0)
	o.round(ctx, first)
	timer := time.NewTicker(observeTick)
	defer timer.Stop()
	for left := d - o.now().Sub(start); left > 0; left = d - o.now().Sub(start) {
		if progress != nil {
			progress(o.now().Sub(start))
		}
		timer.Reset(min(observeTick, left))
		select {
		case <-ctx.Done():
			d = 0
			continue
		case <-timer.C:
		}
		if d-o.now().Sub(start) > observeTick/2 {
			o.round(ctx, middle)
		}
	}
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
	defer cancel()
	o.await()
	o.round(last, end)
	o.await()
	return o.facts()
}

// Watch looks at all sources until ctx ends and calls each about once a second
// with the facts of the last window; less often where that takes too much CPU
// time, see fact.Facts.Every. A source that is still being looked at then tells
// what it told before.
func (o *Observer) Watch(ctx context.Context, window time.Duration, each func(*fact.Facts)) {
	defer o.close()
	o.start, o.window = o.now(), window
	o.pace(watchTick, endsTick)
	o.round(ctx, first)
	timer := time.NewTicker(watchTick)
	defer timer.Stop()
	for awake := o.start; ; {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		now := o.now()
		if now.Sub(awake) > window {
			o.forget(now)
		}
		awake = now
		o.round(ctx, middle)
		every, due := o.budget.judgement(o.now())
		if !due {
			continue
		}
		f := o.facts()
		f.Every = every.Seconds()
		each(f)
	}
}

// forget begins anew: the process stood still for longer than the window, stopped by
// a signal, and what passed meanwhile is no evidence of the last seconds.
func (o *Observer) forget(now time.Time) {
	o.start = now
	for _, w := range o.sources {
		w.mu.Lock()
		if w.pace != fact.Once {
			w.readings, w.told, w.since = nil, nil, now
		}
		w.mu.Unlock()
	}
}

// pace sets how far apart the looks at each source should be. 0 for ends means
// that such sources are looked at only when the observation begins and ends.
func (o *Observer) pace(tick, ends time.Duration) {
	for _, w := range o.sources {
		switch w.pace {
		case fact.EveryTick:
			w.wanted = tick
		case fact.EndsOnly:
			w.wanted = ends
		}
		w.every = w.wanted
	}
}

// phase is where in an observation a round of looks stands.
type phase int

const (
	first phase = iota
	middle
	end
)

// round looks at every source that is due, one after the other, the cheapest
// first: that takes less CPU time than all at once, what a look takes can be
// told apart, and cheap sources are read close together. It does not wait for
// one that takes long.
func (o *Observer) round(ctx context.Context, p phase) {
	o.budget.allot(o.sources, o.now())
	slices.SortStableFunc(o.turns, func(a, b *watched) int { return cmp.Compare(a.cost(), b.cost()) })
	timer := time.NewTimer(turn)
	defer timer.Stop()
	for _, w := range o.turns {
		if !w.wants(p, o.now()) {
			continue
		}
		back := w.look(ctx, o)
		timer.Reset(turn)
		select {
		case <-back:
		case <-timer.C:
		}
	}
}

// await waits for the looks that are still under way, as long as they may take.
func (o *Observer) await() {
	for _, w := range o.sources {
		back, left := w.underway(o.now())
		if left <= 0 {
			continue
		}
		timer := time.NewTimer(left)
		select {
		case <-back:
		case <-timer.C:
		}
		timer.Stop()
	}
}

// close closes the sources that want to be closed.
func (o *Observer) close() {
	for _, w := range o.sources {
		w.close()
	}
}

// facts turns the readings of the window into facts.
func (o *Observer) facts() *fact.Facts {
	o.budget.allot(o.sources, o.now()) // for what is told of the pace
	f := o.blank()
	f.Here = true
	f.Host, _ = os.Hostname()
	f.Kernel = Release()
	for _, w := range o.sources {
		f.Probes = append(f.Probes, w.tell(f, o))
	}
	return f
}

// blank returns facts about the window that holds nothing yet.
func (o *Observer) blank() *fact.Facts {
	now, since := o.now(), o.start
	if o.window > 0 && now.Sub(since) > o.window {
		since = now.Add(-o.window)
	}
	return fact.New(since, now.Sub(since).Seconds())
}
