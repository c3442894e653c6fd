package probes

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"sync"
	"time"

	"whydrop/probes/fact"
)

// watched is one source and what it has shown so far.
type watched struct {
	source fact.Source
	pace   fact.Pace
	wanted time.Duration // between two looks, by its pace; 0 for none but at the ends
	every  time.Duration // between two looks, by its pace and the budget

	mu       sync.Mutex
	readings []fact.Reading
	err      error
	spent    time.Duration // by the clock, all looks together
	price    price
	// began is when the last look began, and back is closed when it is over.
	began  time.Time
	back   chan struct{}
	busy   bool
	closed bool
	// told is what the source told last: while it is looked at, it can't be
	// asked again.
	told *fact.Facts
	// since is from when on readings count.
	since time.Time
}

func (w *watched) cost() time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.price.cpu
}

// wants tells whether the source is due. One that does not come back is left
// alone: there is never more than one look at a source under way.
func (w *watched) wants(p phase, now time.Time) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case w.busy, errors.Is(w.err, fact.ErrUnavailable):
		return false
	case p == first:
		return true
	case w.pace == fact.Once:
		return false
	case p == end:
		return true
	default:
		return w.wanted > 0 && !now.Before(w.began.Add(w.every-w.wanted/10))
	}
}

// look reads the source once, beside the caller. The channel is closed when the
// look is over.
func (w *watched) look(ctx context.Context, o *Observer) <-chan struct{} {
	ctx, cancel := context.WithTimeout(ctx, patience)
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.price.wall > turn {
		_ = w.ask(o.blank()) // what the last look showed, or it would never be told
	}
	w.busy, w.began, w.back = true, o.now(), make(chan struct{})
	bill := o.budget.open()
	go func() {
		defer cancel()
		var data any
		err := guarded(func() (err error) { data, err = w.source.Look(ctx); return err })
		w.mu.Lock()
		defer w.mu.Unlock()
		defer close(w.back)
		took := o.now().Sub(w.began)
		w.spent += took
		w.price.add(took, o.budget.settle(bill, took))
		w.busy, w.err = false, err
		switch {
		case took > patience+grace:
			w.err = tooLate(took)
		case err == nil && !w.began.Before(w.since):
			w.readings = append(w.readings, fact.Reading{At: w.began, Data: data})
			if len(w.readings) > maxReadings {
				w.readings = append(w.readings[:0], w.readings[len(w.readings)-maxReadings:]...)
			}
		}
		if w.closed {
			w.closeSource()
		}
	}()
	return w.back
}

func tooLate(took time.Duration) error {
	return fmt.Errorf("gave no answer within %v, and has been waited for for %v", patience, took.Round(time.Second))
}

// underway returns for how long the look that is under way may still take; 0 if
// there is none, or it has been given up.
func (w *watched) underway(now time.Time) (back <-chan struct{}, left time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.busy {
		left = patience + grace - now.Sub(w.began)
	}
	return w.back, left
}

// guarded turns a panic in a source into an error: one bad reading must not end
// the diagnosis.
func guarded(do func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("broke off: %v", r)
		}
	}()
	return do()
}

// ask has the source make facts of what it showed in the window.
func (w *watched) ask(f *fact.Facts) error {
	w.told = nil
	readings := recent(w.readings, f.Start)
	if len(readings) == 0 {
		return nil
	}
	err := guarded(func() error { w.source.Facts(readings, f); return nil })
	if err == nil {
		w.told = f
	}
	return err
}

// tell adds what the source showed in the window.
func (w *watched) tell(f *fact.Facts, o *Observer) fact.Status {
	w.mu.Lock()
	defer w.mu.Unlock()
	st := fact.Status{
		Name: w.source.Name(), Status: "ok", Millis: float64(w.spent.Microseconds()) / 1000,
		Every: w.every.Seconds(), Adapted: w.adapted(),
	}
	err := w.err
	if waited := o.now().Sub(w.began); w.busy && waited > patience {
		err, w.told = tooLate(waited), nil
	} else if !w.busy {
		if broke := w.ask(o.blank()); broke != nil {
			err = broke
		}
	}
	add(f, w.told)
	switch {
	case errors.Is(err, fact.ErrUnavailable):
		st.Status, st.Why = "skipped", err.Error()
	case err != nil:
		st.Status, st.Why = "failed", err.Error()
	case len(w.readings) == 0:
		st.Status, st.Why = "failed", "no answer yet"
	}
	return st
}

// add copies what one source told into the facts of all.
func add(f, told *fact.Facts) {
	if told == nil {
		return
	}
	maps.Copy(f.Values, told.Values)
	for table, rows := range told.Tables {
		f.Table(table)
		f.Tables[table] = append(f.Tables[table], rows...)
	}
	for _, b := range told.Blind {
		f.CannotSee(b.Probe, b.What, b.Needs)
	}
}

// recent returns the readings since a moment, and one before it as the baseline;
// at least the last two.
func recent(readings []fact.Reading, since time.Time) []fact.Reading {
	for i := len(readings) - 2; i > 0; i-- {
		if readings[i].At.Before(since) {
			return readings[i:]
		}
	}
	return readings
}

// adapted says what the budget has done to the source's pace.
func (w *watched) adapted() string {
	if w.wanted == 0 || w.every < w.wanted*3/2 {
		return ""
	}
	what, took := "of CPU time", w.price.cpu
	if w.price.wall*wallShare > w.every*9/10 {
		what, took = "by the clock", w.price.wall
	}
	return fmt.Sprintf("looked at every %v: one look takes %v %s", seconds(w.every), seconds(took), what)
}

// seconds shows a time in a unit and with the digits that matter: "6.2 s", "150 ms".
func seconds(d time.Duration) string {
	switch {
	case d >= 10*time.Second:
		return fmt.Sprintf("%.0f s", d.Seconds())
	case d >= time.Second:
		return fmt.Sprintf("%.1f s", d.Seconds())
	case d >= 10*time.Millisecond:
		return fmt.Sprintf("%d ms", d.Milliseconds())
	default:
		return fmt.Sprintf("%.1f ms", float64(d.Microseconds())/1000)
	}
}

// close closes the source: at once, or when the look under way is over.
func (w *watched) close() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.busy && !w.closed {
		w.closeSource()
	}
	w.closed = true
}

func (w *watched) closeSource() {
	if c, ok := w.source.(io.Closer); ok {
		_ = guarded(c.Close) // what it read has been told, nothing is lost
	}
}
