package ui

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"
	"unsafe"

	"whydrop/checklist"
)

// stepped is a moment as it is read from a clock that was set forward or back
// since: the time of day is another, what has passed is the same.
func stepped(t *testing.T, at time.Time, by time.Duration) time.Time {
	t.Helper()
	set := at
	*(*uint64)(unsafe.Pointer(&set)) += uint64(by/time.Second) << 30 // the seconds of the time of day
	if set.Sub(at) != 0 || set.Unix() != at.Unix()+int64(by/time.Second) {
		t.Skip("this version of Go keeps moments in another way")
	}
	return set
}

// A clock that is set while the session goes on, by NTP or because the machine
// slept, changes the time of day that is shown and nothing else.
func TestClockIsSet(t *testing.T) {
	for _, by := range []time.Duration{-time.Hour, time.Hour} {
		t.Run(by.String(), func(t *testing.T) {
			o := sitDown(t, 120, 40)
			vocabulary := o.m.kase.Book.Facts
			now, set, total := time.Now(), time.Duration(0), 7.0
			o.m.now = func() time.Time { return stepped(t, now, set) }
			second := func(sick bool) {
				now, total = now.Add(time.Second), total+10
				f := quietHost(vocabulary)
				if sick {
					f = sickHost(vocabulary)
				}
				f.Count("Tcp.OutSegs", 150, total)
				o.send(factsMsg{f})
			}
			o.press("enter")
			for range 30 {
				second(false)
			}
			set = by
			second(true)
			o.see("new at "+clock(o.m.now()), "FAULT")
			o.press("m", "t", "e", "s", "t", "enter")
			o.press("p") // the session stands still for a while
			for range 20 {
				second(true)
			}
			o.press("p")
			second(true)
			if strings.Contains(o.screen(), "new at ") {
				t.Error("it is news for ever")
			}
			// The first point is from when the operator sat down.
			for i, rate := range o.m.kase.Track.Recent("Tcp.OutSegs")[1:] {
				if math.Abs(rate-10) > 0.01 {
					t.Errorf("point %d of the chart is %v a second, want 10", i, rate)
				}
			}
			told := ""
			for _, e := range o.m.kase.Track.Events() {
				told += fmt.Sprintf("%s %s\n", e.Kind, clock(e.At))
			}
			want := fmt.Sprintf("%s %s\n", checklist.Marked, clock(o.m.now().Add(-21*time.Second)))
			if !strings.HasSuffix(told, want) {
				t.Errorf("what happened is %q, at the end should be %q", told, want)
			}
		})
	}
}
