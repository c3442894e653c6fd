package record

import (
	"fmt"
	"strings"
	"time"
)

// beyond is how far from the recording a moment may be that is taken for its
// beginning or end.
const beyond = time.Minute

// Moment reads a moment of the recording: 14:03:05 or 14:03, with a day before it, as
// RFC 3339, or +10m and -30s. Where no offset is given the time is UTC. from is where one
// stands: + and - count from there, and a time without a day is of that day if the
// recording goes over several. With the zero time, + counts from the beginning and -
// from the end, and a time that is there on several days is an error. So is one that is
// not in the recording.
func (r *Recording) Moment(text string, from time.Time) (time.Time, error) {
	t, err := r.moment(text, from)
	switch begin, end := r.Begin(), r.End(); {
	case err != nil:
		return t, err
	case t.Before(begin.Add(-beyond)) || t.After(end.Add(beyond)):
		return t, fmt.Errorf("%s is not in the recording, which goes from %s to %s", clock(t), clock(begin), clock(end))
	}
	return t, nil
}

func (r *Recording) moment(text string, from time.Time) (time.Time, error) {
	text = strings.TrimSpace(text)
	if text != "" && strings.Contains("+-", text[:1]) {
		d, err := time.ParseDuration(text)
		switch {
		case err != nil:
			return time.Time{}, fmt.Errorf("%q: expected a time span such as +10m or -30s", text)
		case !from.IsZero():
			return from.Add(d), nil
		case text[0] == '-':
			return r.End().Add(d), nil
		}
		return r.Begin().Add(d), nil
	}
	for _, layout := range []string{time.RFC3339, time.DateTime, time.DateTime + " UTC", "2006-01-02 15:04", "2006-01-02 15:04 UTC"} {
		if t, err := time.Parse(layout, text); err == nil {
			return t, nil
		}
	}
	for _, layout := range []string{time.TimeOnly, "15:04", time.TimeOnly + " UTC", "15:04 UTC"} {
		if t, err := time.Parse(layout, text); err == nil {
			return r.ofDay(t.Sub(t.Truncate(24*time.Hour)), from)
		}
	}
	return time.Time{}, fmt.Errorf("%q: expected a time such as 14:03:05, 2026-03-01T14:03:05Z, +10m or -30s", text)
}

// ofDay returns the moment of the recording at a time of day.
func (r *Recording) ofDay(clockTime time.Duration, from time.Time) (time.Time, error) {
	if !from.IsZero() {
		if t := midnight(from).Add(clockTime); r.has(t) {
			return t, nil
		}
	}
	first := midnight(r.Begin()).Add(clockTime)
	if !r.has(first) {
		first = first.AddDate(0, 0, 1) // it goes past midnight
	}
	if next := first.AddDate(0, 0, 1); r.has(first) && r.has(next) {
		return first, fmt.Errorf("the recording goes over several days: expected the day too, such as %s", first.Format(time.DateTime))
	}
	return first, nil
}

// has says whether a moment is in the recording.
func (r *Recording) has(t time.Time) bool {
	return !t.Before(r.Begin().Add(-beyond)) && !t.After(r.End().Add(beyond))
}

func midnight(t time.Time) time.Time { return t.UTC().Truncate(24 * time.Hour) }
