package record

import (
	"strings"
	"testing"
	"time"

	"whydrop/probes/fact"
)

// between is a recording from one moment to another.
func between(begin, end time.Time) *Recording {
	return Of(Header{}, nil, fact.New(begin.Add(-15*time.Second), 15), fact.New(end.Add(-15*time.Second), 15))
}

func TestMomentsAreRead(t *testing.T) {
	begin := time.Date(2026, 3, 1, 23, 50, 0, 0, time.UTC)
	end := begin.Add(time.Hour)
	here := begin.Add(20 * time.Minute)
	for _, tt := range []struct {
		text, want string
		from       time.Time
	}{
		{"23:59:30", "2026-03-01 23:59:30", time.Time{}},
		{"23:50", "2026-03-01 23:50:00", time.Time{}},
		{"00:10:00", "2026-03-02 00:10:00", time.Time{}},
		{"0:10", "2026-03-02 00:10:00", time.Time{}},
		{"2026-03-02 00:10:00", "2026-03-02 00:10:00", time.Time{}},
		{"2026-03-02T00:10:00Z", "2026-03-02 00:10:00", time.Time{}},
		{"2026-03-02T01:10:00+01:00", "2026-03-02 00:10:00", time.Time{}},
		{"+10m", "2026-03-02 00:00:00", time.Time{}},
		{"-30s", "2026-03-02 00:49:30", time.Time{}},
		{"+0s", "2026-03-01 23:50:00", time.Time{}},
		{"12:00", "is not in the recording, which goes from 2026-03-01 23:50:00 UTC to 2026-03-02 00:50:00 UTC", time.Time{}},
		{"+2h", "is not in the recording", time.Time{}},
		{"2026-03-03 00:00:00", "is not in the recording", time.Time{}},
		{"yesterday", "expected a time such as", time.Time{}},
		{"+soon", "expected a time span", time.Time{}},
		{"", "expected a time such as", time.Time{}},
		{"14:03 CET", "expected a time such as", time.Time{}},
		{"+10m", "2026-03-02 00:20:00", here},
		{"-15m", "2026-03-01 23:55:00", here},
		{"-5h", "is not in the recording", here},
		{"23:55", "2026-03-01 23:55:00", here},
	} {
		got, err := between(begin, end).Moment(tt.text, tt.from)
		told := got.UTC().Format(time.DateTime)
		if err != nil {
			told = err.Error()
		}
		if !strings.Contains(told, tt.want) || err == nil && told != tt.want {
			t.Errorf("%q: %s, want %s", tt.text, told, tt.want)
		}
	}
}

// TestMomentsOfDays: a time that is there on several days needs the day, which is the
// one where one stands. Time goes on at night when clocks are set: it is UTC.
func TestMomentsOfDays(t *testing.T) {
	begin := time.Date(2026, 3, 28, 20, 0, 0, 0, time.UTC) // before summer time begins in Europe
	r := between(begin, begin.Add(72*time.Hour))
	for _, tt := range []struct {
		text string
		from time.Time
		want string
	}{
		{"19:00", time.Time{}, "expected the day too, such as 2026-03-29 19:00:00"},
		{"2026-03-30 19:00", time.Time{}, "2026-03-30 19:00:00"},
		{"19:00", begin.Add(30 * time.Hour), "2026-03-30 19:00:00"},
		{"21:00", begin.Add(71 * time.Hour), "expected the day too, such as 2026-03-28 21:00:00"},
		{"2026-03-29T02:30:00+02:00", time.Time{}, "2026-03-29 00:30:00"},
		{"2026-03-29T02:30:00+01:00", time.Time{}, "2026-03-29 01:30:00"},
		{"+24h", begin, "2026-03-29 20:00:00"},
	} {
		got, err := r.Moment(tt.text, tt.from)
		told := got.UTC().Format(time.DateTime)
		if err != nil {
			told = err.Error()
		}
		if !strings.Contains(told, tt.want) || err == nil && told != tt.want {
			t.Errorf("%q: %s, want %s", tt.text, told, tt.want)
		}
	}
}
