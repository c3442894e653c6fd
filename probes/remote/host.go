package remote

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"whydrop/probes/fact"
	"whydrop/probes/record"
)

const (
	// old is from what age on the newest observation is told to be old.
	old = 3 * time.Second
	// again is how long the first pause between two attempts to connect is, doubled
	// each time up to seldom.
	again  = time.Second
	seldom = 30 * time.Second
)

// Host is another machine. Its methods are for one goroutine, but for Hello.
type Host struct {
	// Amiss, if not nil, is told in words what is amiss with the connection whenever
	// that changes, each second at most; "" where nothing is. It must not wait.
	Amiss func(string)

	options Options
	program *program
	hello   Hello
	skew    time.Duration // how far its clock is ahead
	waiting *session      // one that has no request yet
}

// Dial connects to a host and starts whydrop there, which then waits. ssh may ask for
// passwords and host keys on the terminal; it is not asked for them again. An error
// says what was tried and what can be done.
func Dial(ctx context.Context, o Options) (*Host, error) {
	if err := o.Check(); err != nil {
		return nil, err
	}
	p, err := load(o.Binary)
	if err != nil {
		return nil, fmt.Errorf("the program to bring: %w", err)
	}
	h := &Host{options: o, program: p}
	s, err := o.open(ctx, p, true, 0)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", show(o.Destination), err)
	}
	h.hello, h.waiting = s.hello, s
	h.skew = s.hello.Now.Sub(s.from).Round(time.Second)
	h.options.Progress = nil // from now on Amiss is told
	return h, nil
}

// Hello is what the host said of itself at first.
func (h *Host) Hello() Hello { return h.hello }

// Destination is how the host was named.
func (h *Host) Destination() string { return show(h.options.Destination) }

// Skew is how far the host's clock is ahead of the one here, in whole seconds, as
// well as the connection lets it be known.
func (h *Host) Skew() time.Duration { return h.skew }

// Close ends the session if it was not used.
func (h *Host) Close() {
	if h.waiting != nil {
		h.waiting.leave()
		h.waiting = nil
	}
}

// leave ends a session as it should end.
func (s *session) leave() {
	s.quiet()
	s.end(true)
}

// Observe has the host make one observation. A connection that breaks meanwhile is an
// error: another one would be of another time.
func (h *Host) Observe(ctx context.Context, r Request) (*fact.Facts, error) {
	s, err := h.session(ctx)
	if err != nil {
		return nil, err
	}
	defer s.leave()
	defer context.AfterFunc(ctx, s.kill)()
	defer time.AfterFunc(r.Observe+silence, s.kill).Stop()
	var seen *fact.Facts
	err = s.follow(r, func(f *fact.Facts) { seen = f })
	var lasting *Lasting
	switch {
	case ctx.Err() != nil:
		return nil, fmt.Errorf("%s: interrupted while it was observed", h.Destination())
	case seen != nil:
		return seen, nil
	case errors.As(err, &lasting):
		return nil, fmt.Errorf("%s: %w", h.Destination(), err)
	}
	return nil, fmt.Errorf("%s: the connection broke: %w", h.Destination(), s.failed())
}

// session is the one that waits, or a new one.
func (h *Host) session(ctx context.Context) (*session, error) {
	if s := h.waiting; s != nil {
		h.waiting = nil
		return s, nil
	}
	return h.options.open(ctx, h.program, false, h.hello.PID)
}

// Watch has the host watched until ctx ends, and calls each with what it shows. A
// connection that breaks is made again, as often as it takes; each is not called
// meanwhile. An error means that it cannot go on.
func (h *Host) Watch(ctx context.Context, r Request, each func(*fact.Facts)) error {
	state := &state{tell: h.Amiss, newest: time.Now()}
	defer state.watch()()
	pause := again
	for {
		got := false
		err := h.once(ctx, r, func(f *fact.Facts) {
			got = true
			state.seen(f)
			each(f)
		})
		var lasting *Lasting
		switch {
		case ctx.Err() != nil:
			return nil
		case errors.As(err, &lasting):
			if err = fmt.Errorf("%s: %w", h.Destination(), err); state.known {
				err = fmt.Errorf("the connection is lost: %w", err)
			}
			state.over(err)
			return err
		case got:
			pause = again
		}
		state.lost(err)
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(pause):
		}
		pause = min(2*pause, seldom)
	}
}

// once watches for as long as one connection lasts.
func (h *Host) once(ctx context.Context, r Request, each func(*fact.Facts)) error {
	s, err := h.session(ctx)
	if err != nil {
		return err
	}
	h.hello.PID = s.hello.PID
	late := time.AfterFunc(silence, s.kill)
	defer late.Stop()
	ended := make(chan struct{})
	defer close(ended)
	go func() {
		select {
		case <-ctx.Done():
			s.leaving()
		case <-ended:
		}
	}()
	err = s.follow(r, func(f *fact.Facts) {
		late.Reset(silence + time.Duration(f.Every*float64(time.Second)))
		if ctx.Err() == nil {
			each(f)
		}
	})
	s.quiet()
	var lasting *Lasting
	if ctx.Err() != nil || errors.As(err, &lasting) {
		s.end(true)
		return err
	}
	return s.failed()
}

// leaving asks the far side to end, and does not wait for it long.
func (s *session) leaving() {
	time.AfterFunc(leaving, s.kill)
	s.quiet()
	_, _ = s.in.Write([]byte("end\n")) // it may be gone
	_ = s.in.Close()
}

// state is what is known of the connection.
type state struct {
	tell func(string)

	mu     sync.Mutex
	newest time.Time     // when the newest observation was new, by the clock here
	ahead  time.Duration // of the host's clock, as little as any observation showed
	known  bool
	broke  time.Time // since when the connection is lost; zero while it is there
	why    string
	done   bool
	said   string
}

// seen takes an observation. One that was long under way is old when it comes: that
// shows against the quickest.
func (s *state) seen(f *fact.Facts) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	under := now.Sub(record.EndOf(f))
	if !s.known || under < s.ahead {
		s.ahead, s.known = under, true
	}
	s.newest, s.broke, s.why = now.Add(-min(under-s.ahead, time.Hour)), time.Time{}, ""
}

func (s *state) lost(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.broke.IsZero() {
		s.broke = time.Now()
	}
	if err != nil {
		s.why = err.Error()
	}
}

func (s *state) over(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.done, s.said = true, err.Error()
	if s.tell != nil {
		s.tell(s.said)
	}
}

// words says what is amiss.
func (s *state) words(now time.Time) string {
	age := now.Sub(s.newest).Truncate(time.Second)
	switch {
	case !s.broke.IsZero() && s.why != "":
		return fmt.Sprintf("connection lost %v ago, trying again (%s)", age, s.why)
	case !s.broke.IsZero():
		return fmt.Sprintf("connection lost %v ago, trying again", age)
	case age > old:
		return fmt.Sprintf("the newest measurements are %v old", age)
	}
	return ""
}

// watch tells what is amiss each second, until the function that it returns is called.
func (s *state) watch() (stop func()) {
	if s.tell == nil {
		return func() {}
	}
	end := make(chan struct{})
	go func() {
		t := time.NewTicker(time.Second)
		defer t.Stop()
		for {
			select {
			case <-end:
				return
			case now := <-t.C:
				s.mu.Lock()
				if words := s.words(now); !s.done && words != s.said {
					s.said = words
					s.tell(words)
				}
				s.mu.Unlock()
			}
		}
	}()
	return func() { close(end) }
}
