package plain

import (
	"context"
	"strings"
	"testing"
	"time"

	"whydrop/checklist"
	"whydrop/probes/fact"
	"whydrop/probes/record"
)

// replayed has lines typed at a recording of ten minutes, sick in the second half, and
// returns what was said to each from the first that is not about a question on.
func replayed(t *testing.T, typed string) (string, *checklist.Case) {
	t.Helper()
	b, err := book()
	if err != nil {
		t.Fatal(err)
	}
	var all []*fact.Facts
	for i := range 600 {
		h := quietHost
		if i >= 300 {
			h = sickHost
		}
		f := h(b.Facts)
		f.Start, f.Seconds = time.Date(2026, 3, 1, 23, 54, i-15, 0, time.UTC), 15
		all = append(all, f)
	}
	p := record.NewPlayer(record.Of(record.Header{Host: "web1"}, nil, all...), 0)
	said, c, err := talk(t, quietHost, strings.NewReader(typed), func(o *Options) {
		o.Player, o.now = p, p.Now
		o.Watch = func(ctx context.Context, each func(*fact.Facts)) {
			if err := p.Play(ctx, each); err != nil {
				t.Error(err)
			}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(strings.Fields(said), " "), c
}

func TestARecordingIsMovedIn(t *testing.T) {
	const span = " from 2026-03-01 23:54:00 UTC to 2026-03-02 00:03:59 UTC."
	for _, tt := range []struct {
		name, typed string
		hears       []string
	}{
		{"a moment", "at 00:00:30\n", []string{"At 2026-03-02 00:00:30 UTC, observation 391 of 600," + span + " It is held; pause lets it go on.", "PAUSED. FAULT. The accept queue"}},
		{"on and back", "at 00:00:30\nat -5m\n-1m\n", []string{"At 2026-03-01 23:55:30 UTC, observation 91 of 600", "At 2026-03-01 23:54:30 UTC, observation 31 of 600", "PAUSED. HEALTHY"}},
		{"one by one", "at 23:58:59\n+\nat +\nat -\n", []string{"observation 300 of 600", "observation 301 of 600", "observation 302 of 600", "observation 301 of 600"}},
		{"where", "at 23:58:59\nat\n", []string{"observation 300 of 600," + span + " It is held; pause lets it go on. "}},
		{"not there", "at 12:00\nat noon\n+1x\n", []string{"Not there: 2026-03-02 12:00:00 UTC is not in the recording, which goes", `Not there: "noon": expected a time such as 14:03:05`, "Not understood: +1x."}},
		{"speed", "speed 10\nspeed 1000\nspeed no\n", []string{"It goes on at 10 times its speed.", "Not a speed: 1000. Expected a number from 0.25 to 60.", "Not a speed: no."}},
		{"on it goes", "at 23:58:59\npause\n", []string{"Measuring goes on. Q1a answer:"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			said, _ := replayed(t, tt.typed)
			rest := said
			for _, text := range tt.hears {
				at := strings.Index(rest, text)
				if at < 0 {
					t.Fatalf("%q did not come in turn: %s", text, said)
				}
				rest = rest[at+len(text):]
			}
		})
	}
}

// What is said at a moment of a recording has its time, and the history of a number
// is the one that led there.
func TestTimesOfARecording(t *testing.T) {
	said, c := replayed(t, "at 00:00:30\nm late\nat 23:56\nm early\n1\ne TcpExt.ListenOverflows\n")
	var marks []string
	for _, e := range c.Track.Events() {
		if e.Kind == checklist.Marked {
			marks = append(marks, e.Text+e.At.Format(" 15:04:05"))
		}
	}
	if got := strings.Join(marks, ", "); got != "late 00:00:30, early 23:56:00" {
		t.Errorf("marked %s", got)
	}
	if at := c.Answers["Q1a"].At; !at.Equal(time.Date(2026, 3, 1, 23, 56, 0, 0, time.UTC)) {
		t.Errorf("answered at %v", at)
	}
	_, history, _ := strings.Cut(said, "e TcpExt.ListenOverflows")
	if strings.Contains(history, "FAULT") || !strings.Contains(history, "HEALTHY") && strings.Contains(history, "Verdict") {
		t.Errorf("said %s", history)
	}
}

func TestMovingOnAHost(t *testing.T) {
	said, _, err := talk(t, quietHost, strings.NewReader("at 14:03\n+1m\nspeed 2\n"), nil)
	if err != nil || strings.Count(strings.Join(strings.Fields(said), " "), noRecording) != 3 {
		t.Errorf("%v, said %s", err, said)
	}
}
