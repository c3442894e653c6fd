package train

import "time"

// Begun returns when the session began, the zero time if nothing was done yet.
func (s *Session) Begun() time.Time {
	if len(s.events) == 0 {
		return time.Time{}
	}
	return s.events[0].At
}

// Begin notes the beginning, from which time is counted, or, in a session that was
// made again, that it goes on. Without it time is counted from the first step.
func (s *Session) Begin() error {
	if len(s.events) > 0 {
		return s.do(Event{Kind: Resumed, ID: s.scenario.ID})
	}
	return s.do(Event{Kind: Began, ID: s.scenario.ID, Repeat: s.Repeat})
}

// beats is how long nothing may be kept while time passes.
const beats = 30 * time.Second

// Beat keeps that time goes on, if nothing was kept for half a minute: a session that is
// killed loses no more of it. Before the first event and after the commit it does nothing.
func (s *Session) Beat() error {
	n := len(s.events)
	if n == 0 || s.concluded != nil || s.Now().Sub(s.events[n-1].At) < beats {
		return nil
	}
	return s.do(Event{Kind: Waited})
}

// Elapsed is the time from the beginning to the commit, or until now, without breaks.
func (s *Session) Elapsed() time.Duration {
	var sum time.Duration
	for i, e := range s.events {
		if i > 0 && e.Kind != Resumed {
			sum += max(0, e.At.Sub(s.events[i-1].At)) // a clock may be set back
		}
		if e.Kind == Committed {
			return sum
		}
	}
	if n := len(s.events); n > 0 {
		sum += max(0, s.Now().Sub(s.events[n-1].At))
	}
	return sum
}
