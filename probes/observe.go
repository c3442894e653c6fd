// Package probes looks at the host. It is the only code that touches it: one
// package a source below this one, and here the observer that looks at all of
// them side by side, each with a deadline and a budget, and turns what they
// showed into facts.
package probes

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"whydrop/probes/fact"
)

const (
	// tick is how often cheap sources are looked at.
	tick = 500 * time.Millisecond
	// patience is how long one look may take before it is given up.
	patience = 3 * time.Second
	// budget is the share of time that the looks of one source may take: a
	// source that takes long is looked at less often.
	budget = 0.025
	// maxReadings bounds what is kept of one source in a long session.
	maxReadings = 64
)

// Observer looks at a set of sources.
type Observer struct {
	sources []*watched
	now     func() time.Time
}

// NewObserver makes an observer of the given sources.
func NewObserver(sources ...fact.Source) *Observer {
	o := &Observer{now: time.Now}
	for _, s := range sources {
		w := &watched{source: s}
		if p, ok := s.(fact.Paced); ok {
			w.pace = p.Pace()
		}
		o.sources = append(o.sources, w)
	}
	return o
}

// watched is one source and what it has shown so far.
type watched struct {
	source fact.Source
	pace   fact.Pace

	mu       sync.Mutex // held while the source is in use
	readings []fact.Reading
	due      time.Time
	spent    time.Duration
	err      error
	// stuck is set while a look is under way that was given up.
	stuck chan struct{}
}

// Observe looks at all sources from now for the given time and returns the
// facts. progress, if not nil, is called after every round with the time that
// has passed. Ending ctx ends the observation early; what was seen until then
// is still told.
func (o *Observer) Observe(ctx context.Context, d time.Duration, progress func(time.Duration)) *fact.Facts {
	start := o.now()
	o.round(ctx, first)
	timer := time.NewTicker(tick)
	defer timer.Stop()
	for left := d - o.now().Sub(start); left > 0; left = d - o.now().Sub(start) {
		if progress != nil {
			progress(o.now().Sub(start))
		}
		wait := min(tick, left)
		timer.Reset(wait)
		select {
		case <-ctx.Done():
			d = 0
			continue
		case <-timer.C:
		}
		if d-o.now().Sub(start) > tick/2 {
			o.round(ctx, middle)
		}
	}
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
	defer cancel()
	o.round(last, end)
	return o.facts(start, 0)
}

// Watch looks at all sources until ctx ends and calls each about once a second
// with the facts of the last window.
func (o *Observer) Watch(ctx context.Context, window time.Duration, each func(*fact.Facts)) {
	start := o.now()
	o.round(ctx, first)
	timer := time.NewTicker(tick)
	defer timer.Stop()
	for n := 1; ; n++ {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		phase := middle
		if n%10 == 0 {
			phase = end
		}
		o.round(ctx, phase)
		if n%2 == 0 {
			since := o.now().Add(-window)
			if since.Before(start) {
				since = start
			}
			each(o.facts(since, window))
		}
	}
}

// phase is where in an observation a round of looks stands.
type phase int

const (
	first phase = iota
	middle
	end
)

// round looks at every source that is due, side by side.
func (o *Observer) round(ctx context.Context, p phase) {
	var wg sync.WaitGroup
	for _, w := range o.sources {
		if !w.wants(p, o.now()) {
			continue
		}
		wg.Add(1)
		go func() {
			defer wg.Done()
			w.look(ctx, o.now)
		}()
	}
	wg.Wait()
}

func (w *watched) wants(p phase, now time.Time) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.stuck != nil {
		select {
		case <-w.stuck:
			w.stuck = nil
		default:
			return false
		}
	}
	if errors.Is(w.err, fact.ErrUnavailable) {
		return false
	}
	switch {
	case p == first:
		return true
	case w.pace == fact.Once:
		return false
	case p == end:
		return true
	default:
		return w.pace == fact.EveryTick && !now.Before(w.due)
	}
}

// look reads the source once. A look that takes too long is left behind: the
// source is skipped until it comes back.
func (w *watched) look(ctx context.Context, now func() time.Time) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	type outcome struct {
		data any
		err  error
	}
	done := make(chan outcome, 1)
	back := make(chan struct{})
	begin := now()
	go func() {
		defer close(back)
		data, err := guarded(func() (any, error) { return w.source.Look(ctx) })
		done <- outcome{data, err}
	}()
	var out outcome
	select {
	case out = <-done:
	case <-time.After(patience + 100*time.Millisecond):
		out.err = fmt.Errorf("gave no answer within %v", patience)
	}
	took := now().Sub(begin)
	w.mu.Lock()
	defer w.mu.Unlock()
	select {
	case <-back:
	default:
		if out.err != nil {
			w.stuck = back
		}
	}
	w.spent += took
	w.due = begin.Add(max(tick-tick/10, time.Duration(float64(took)/budget)))
	w.err = out.err
	if out.err == nil {
		w.readings = append(w.readings, fact.Reading{At: begin, Data: out.data})
		if len(w.readings) > maxReadings {
			w.readings = append(w.readings[:0], w.readings[len(w.readings)-maxReadings:]...)
		}
	}
}

// guarded turns a panic in a source into an error: one bad reading must not end
// the diagnosis.
func guarded(read func() (any, error)) (data any, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("broke off: %v", r)
		}
	}()
	return read()
}

// facts turns the readings since a moment into facts. With a window of zero all
// readings count.
func (o *Observer) facts(since time.Time, window time.Duration) *fact.Facts {
	seconds := o.now().Sub(since).Seconds()
	f := fact.New(since, seconds)
	f.Host, _ = os.Hostname()
	f.Kernel = release()
	for _, w := range o.sources {
		f.Probes = append(f.Probes, w.tell(f, since, window))
	}
	return f
}

func (w *watched) tell(f *fact.Facts, since time.Time, window time.Duration) fact.Status {
	w.mu.Lock()
	defer w.mu.Unlock()
	st := fact.Status{Name: w.source.Name(), Status: "ok", Millis: float64(w.spent.Microseconds()) / 1000}
	readings := w.readings
	if window > 0 {
		readings = recent(readings, since)
	}
	err := w.err
	if len(readings) > 0 && w.stuck == nil {
		_, broke := guarded(func() (any, error) { w.source.Facts(readings, f); return nil, nil })
		if broke != nil {
			err = broke
		}
	}
	switch {
	case errors.Is(err, fact.ErrUnavailable):
		st.Status, st.Why = "skipped", err.Error()
	case err != nil:
		st.Status, st.Why = "failed", err.Error()
	case len(readings) == 0:
		st.Status, st.Why = "failed", "no reading"
	}
	return st
}

// recent returns the readings of a window, and one before it as the baseline.
func recent(readings []fact.Reading, since time.Time) []fact.Reading {
	for i := len(readings) - 1; i > 0; i-- {
		if readings[i].At.Before(since) {
			return readings[i:]
		}
	}
	return readings
}
