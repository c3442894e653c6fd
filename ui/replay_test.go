package ui

import (
	"context"
	"fmt"
	"testing"
	"time"

	"whydrop/checklist"
	"whydrop/probes/fact"
	"whydrop/probes/record"
)

// replayed is an operator at a recording whose host is sick for two observations,
// well for one and sick again. next waits for what the player shows.
func replayed(t *testing.T, width, height int) (o *operator, next func()) {
	t.Helper()
	o = sitDown(t, width, height)
	vocabulary := o.m.kase.Book.Facts
	var all []*fact.Facts
	for i := range 5 {
		f := sickHost(vocabulary)
		if i == 2 {
			f = quietHost(vocabulary)
		}
		f.Start, f.Seconds = time.Date(2026, 3, 1, 14, 0, i, 0, time.UTC), 15
		all = append(all, f)
	}
	p := record.NewPlayer(record.Of(record.Header{Host: "web1"}, nil, all...), 0)
	p.Pause(true)
	o.m.options.Player = p
	o.m.kase = checklist.NewCase(o.m.kase.Book, all[0].Start)
	o.m.diagnosis, o.m.facts = nil, nil
	shown := make(chan *fact.Facts)
	ctx, stop := context.WithCancel(t.Context())
	played := make(chan error)
	go func() {
		played <- p.Play(ctx, func(f *fact.Facts) {
			select {
			case shown <- f:
			case <-ctx.Done():
			}
		})
	}()
	t.Cleanup(func() {
		stop()
		if err := <-played; err != nil {
			t.Error(err)
		}
	})
	next = func() { o.send(factsMsg{<-shown}) }
	next()
	return o, next
}

func TestARecordingIsMovedIn(t *testing.T) {
	o, next := replayed(t, 100, 30)
	step := func(key, see string) {
		t.Helper()
		o.press(key)
		next()
		o.see(see)
	}
	o.press("enter")
	o.see("PAUSED. FAULT", "replay 2026-03-01 14:00:15 UTC, 1 of 5 paused")
	step(".", "14:00:16 UTC, 2 of 5 paused")
	step(".", "14:00:17 UTC, 3 of 5 paused")
	o.see("PAUSED. HEALTHY")
	step(".", "14:00:18 UTC, 4 of 5 paused")
	events := len(o.m.kase.Track.Events())
	if events == 0 {
		t.Error("nothing happened in the recording")
	}
	// What was seen is not remembered twice.
	step("<", "14:00:15 UTC, 1 of 5")
	step(".", "2 of 5")
	step(".", "3 of 5")
	step(",", "2 of 5")
	if now := len(o.m.kase.Track.Events()); now != events {
		t.Errorf("going back made %d events of %d: %v", now, events, o.m.kase.Track.Events())
	}
	// Marks and answers are of the recording's time.
	o.press("m", "deploy", "enter")
	last := o.m.kase.Track.Events()[events]
	if want := time.Date(2026, 3, 1, 14, 0, 16, 0, time.UTC); !last.At.Equal(want) || last.Text != "deploy" {
		t.Errorf("marked %+v, want at %v", last, want)
	}
	o.press("space")
	for _, a := range o.m.kase.Answers {
		if a.At.Year() != 2026 || a.At.Hour() != 14 {
			t.Errorf("answered %+v", a)
		}
	}
	step(">", "14:00:19 UTC, 5 of 5")
	o.press("p", "+")
	o.see("5 of 5 end")
	o.press("t")
	o.press("?")
	o.see("In the recording", "the observation before, and hold it there")
}

// The curves end at the moment that is shown, wherever one goes, and begin where the
// recording does.
func TestCurvesFollowTheMoment(t *testing.T) {
	o, next := replayed(t, 100, 30)
	o.press("enter")
	const fault = "cause listen.accept-queue-full"
	for _, tt := range []struct {
		key    string
		points int
		named  bool // at the moment that is shown
	}{{".", 2, true}, {".", 3, false}, {".", 4, true}, {",", 3, false}, {"<", 1, true}, {".", 2, true}, {".", 3, false}} {
		o.press(tt.key)
		next()
		points := o.m.track().Recent(fault)
		if len(points) != tt.points || (points[len(points)-1] > 0.5) != tt.named {
			t.Errorf("after %s the curve is %v, want %d points, named %v", tt.key, points, tt.points, tt.named)
		}
	}
	if points := o.m.kase.Track.Recent(fault); len(points) != 4 {
		t.Errorf("the session remembers %v", points)
	}
}

func TestKeysOfARecordingOnAHost(t *testing.T) {
	o := sitDown(t, 80, 24)
	o.press("enter")
	for _, key := range []string{",", ".", "<", ">", "+", "-"} {
		o.press(key)
		o.see(key + " is for recordings")
	}
}

func TestGoldenReplay(t *testing.T) {
	for _, size := range [][2]int{{40, 10}, {80, 24}, {120, 40}} {
		o, next := replayed(t, size[0], size[1])
		o.press("enter", ".")
		next()
		golden(t, fmt.Sprintf("replay-%dx%d", size[0], size[1]), o.screen())
	}
}
