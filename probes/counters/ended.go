package counters

import (
	"time"

	"whydrop/probes/fact"
)

// endings are the flags that tell whether what a counter counts is over: a
// service that was restarted refuses for a moment, one that is down goes on.
var endings = []struct {
	fact, counter string
}{
	{"tcp.rsts_ended", "Tcp.OutRsts"},
	{"tcp.attempt_fails_ended", "Tcp.AttemptFails"},
	{"tcp.estab_resets_ended", "Tcp.EstabResets"},
}

const (
	// endingLooks is the least number of looks that shows an ending.
	endingLooks = 5
	// endingQuiet is the least time for which a counter that ended stood still.
	endingQuiet = time.Second
)

// tellEndings tells which counters have stopped to grow before the last look.
func tellEndings(readings []fact.Reading, f *fact.Facts) {
	for _, e := range endings {
		if over, ok := ended(readings, e.counter); ok {
			f.Flag(e.fact, over)
		}
	}
}

// ended tells whether a counter grew and then stood still for a second or more,
// and for longer than twice the longest time between two growths before. ok is
// false with too few looks.
func ended(readings []fact.Reading, counter string) (over, ok bool) {
	var first, before, grew, last time.Time
	var longest time.Duration
	var value uint64
	looks := 0
	for _, r := range readings {
		d, is := r.Data.(*Reading)
		if !is || d == nil || d.SNMP == nil {
			continue
		}
		v, has := d.SNMP.Get(counter)
		if !has {
			continue
		}
		if looks == 0 {
			first = r.At
		} else if v != value {
			if !grew.IsZero() {
				longest = max(longest, r.At.Sub(grew))
			} else {
				longest = r.At.Sub(before)
			}
			grew = r.At
		}
		value, before, last = v, r.At, r.At
		looks++
	}
	if looks < endingLooks || !last.After(first) {
		return false, false
	}
	quiet := last.Sub(grew)
	return !grew.IsZero() && quiet >= endingQuiet && quiet > 2*longest, true
}
