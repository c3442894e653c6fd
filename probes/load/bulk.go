package load

import (
	"errors"
	"io"
	"math"
	"sync"
	"time"
)

const (
	// sampleEvery is how often bulk connections are asked for their progress.
	sampleEvery = 100 * time.Millisecond
	// stallAfter is how long a bulk connection with something to do has to stand
	// still to be called stalled: more than the usual retransmission timeout.
	stallAfter = 500 * time.Millisecond
)

// bulk moves data on several connections at once, until the time is over or all
// bytes have passed.
func (r *run) bulk() {
	var under sync.WaitGroup
	over := r.start.Add(r.traffic.Duration.Duration())
	for range r.traffic.Open {
		now := time.Now()
		a := r.begin(now, now, false)
		under.Go(func() {
			r.stream(a, over)
			r.add(a, r.ctx.Err() != nil)
		})
	}
	under.Wait()
}

// stream moves data on one connection.
func (r *run) stream(a *attempt, over time.Time) {
	l, err := r.open(a)
	if err != nil {
		return
	}
	if r.traffic.Kind == Up {
		r.push(l, a, over)
	} else {
		r.pull(l, a, over)
	}
	// What has not been sent is thrown away: nothing goes on when this has ended.
	left := true
	if info, err := l.info(); err == nil {
		left = info.Unacked > 0 || info.Notsent_bytes > 0
	}
	l.close(r.traffic.Reset || left || r.traffic.Kind == Down)
}

// perConnection is the rate of one connection in bytes a second.
func (r *run) perConnection() float64 {
	return r.traffic.Mbit * 1e6 / 8 / float64(r.traffic.Open)
}

// push sends until the time is over, and counts what the other end acknowledges.
func (r *run) push(l *line, a *attempt, over time.Time) {
	stop, watched := make(chan struct{}), make(chan bool)
	go func() { watched <- r.watch(l, stop, over) }()
	err := r.write(l, over)
	close(stop)
	stalled := <-watched
	switch {
	case r.ctx.Err() != nil:
		_ = a.fail("send", r.ctx.Err())
	case stalled:
		_ = a.fail("send", errStalled)
	case err != nil:
		_ = a.fail("send", err)
	}
}

// write sends at the rate of one connection until the time is over, the bytes are
// used up or an error ends it.
func (r *run) write(l *line, over time.Time) error {
	if err := l.until(r.ctx, over); err != nil {
		return err
	}
	rate := r.perConnection()
	chunk := noise[:max(1448, min(len(noise), int(rate/50)))]
	begin, sent := time.Now(), 0.0
	for {
		due := begin.Add(time.Duration(sent / rate * float64(time.Second)))
		if !due.Before(over) || !r.wait(due) || r.spend(int64(len(chunk))) != nil {
			return nil
		}
		n, err := l.Write(chunk)
		sent += float64(n)
		if nameOf(err) == "timeout" { // the end of the time
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// watch counts the bytes that are acknowledged and the times in which none are
// although there are some to send. After stop it waits for those that are under way
// until the time is over. It tells whether the connection stood still at the end.
func (r *run) watch(l *line, stop chan struct{}, over time.Time) (stalled bool) {
	tick := time.NewTicker(sampleEvery)
	defer tick.Stop()
	s := newStandstill(r)
	acked, stopped := uint64(1), false // the SYN counts as one
	for {
		info, err := l.info()
		if err != nil {
			return false
		}
		now, waiting := time.Now(), info.Unacked > 0 || info.Notsent_bytes > 0
		if info.Bytes_acked > acked {
			r.moved(int64(min(info.Bytes_acked-acked, math.MaxInt64>>20)))
			acked = info.Bytes_acked
			s.progress(now)
		} else if !waiting {
			s.last = now
		}
		if stopped && (!waiting || !now.Before(over) || r.ctx.Err() != nil) {
			return s.end(now)
		}
		select {
		case <-tick.C:
		case <-stop:
			stop, stopped = nil, true
		}
	}
}

// standstill notices times without progress.
type standstill struct {
	r     *run
	last  time.Time // of the last progress
	moved bool
}

func newStandstill(r *run) *standstill { return &standstill{r: r, last: time.Now()} }

func (s *standstill) progress(now time.Time) {
	s.note(now)
	s.last, s.moved = now, true
}

func (s *standstill) note(now time.Time) {
	if now.Sub(s.last) >= stallAfter {
		s.r.stalled(s.last, now)
	}
}

// end tells whether it stands still for good: for as long as one waits for an answer,
// or from the beginning.
func (s *standstill) end(now time.Time) bool {
	s.note(now)
	still := now.Sub(s.last)
	return still >= s.r.traffic.Timeout.Duration() || !s.moved && still >= stallAfter
}

// pull receives until the time is over.
func (r *run) pull(l *line, a *attempt, over time.Time) {
	if err := l.until(r.ctx, over); err != nil {
		_ = a.fail("send", err)
		return
	}
	s := newStandstill(r)
	took := func(n int64) error {
		s.progress(time.Now())
		r.moved(n)
		return r.spend(n)
	}
	step, err := r.ask(l, took)
	stalled := s.end(time.Now())
	switch {
	case errors.Is(err, errBytes):
	case nameOf(err) == "timeout" && r.ctx.Err() == nil: // the end of the time
		if stalled {
			_ = a.fail(step, errStalled)
		}
	case errors.Is(err, errForeign):
		r.end("foreign")
		_ = a.fail(step, err)
	case err != nil:
		_ = a.fail(step, err)
	}
}

// ask asks for data until an error ends it, and says at which step.
func (r *run) ask(l *line, took func(int64) error) (step string, err error) {
	if r.traffic.HTTP == "" {
		kib := max(1, uint32(r.perConnection()/1024))
		if _, err := l.Write(header{reply: endless, kib: kib}.bytes()); err != nil {
			return "send", err
		}
		if _, err := answer(l.in); err != nil {
			return "wait", err
		}
		if err := discard(l.in, endless, took); err != nil {
			return "read", err
		}
		return "read", io.EOF
	}
	for {
		if _, err := l.Write(r.message); err != nil {
			return "send", err
		}
		h, err := readHead(l.in)
		if err != nil {
			return "wait", err
		}
		if h.status >= 400 {
			return "read", statusError(h.status)
		}
		if err := h.readBody(l.in, took); err != nil || !h.keep {
			return "read", err
		}
	}
}
