package counters

import (
	"testing"
	"time"

	"whydrop/probes/fact"
)

// What a restart refuses is over before the end; what nobody serves goes on,
// also if clients ask in bursts.
func TestEnded(t *testing.T) {
	for _, c := range []struct {
		name   string
		counts []uint64 // half a second apart
		want   any      // nil: not known
	}{
		{"a burst, then quiet", []uint64{5, 5, 5, 40, 41, 41, 41, 41}, true},
		{"until the end", []uint64{5, 9, 14, 18, 23, 27, 32, 36}, false},
		{"now and then", []uint64{5, 5, 6, 6, 6, 7, 7, 7}, false},
		{"two bursts", []uint64{0, 20, 20, 20, 40, 40, 40, 40}, false},
		{"a burst just now", []uint64{0, 0, 0, 0, 0, 0, 30, 30}, false},
		{"never", []uint64{7, 7, 7, 7, 7, 7, 7, 7}, false},
		{"too few looks", []uint64{0, 30, 30, 30}, nil},
		{"no look", nil, nil},
	} {
		start := time.Unix(1700000000, 0)
		var readings []fact.Reading
		for i, n := range c.counts {
			readings = append(readings, fact.Reading{At: start.Add(time.Duration(i) * time.Second / 2), Data: &Reading{
				SNMP: &MIB{Names: []string{"Tcp.OutRsts"}, Values: []uint64{n}},
			}})
		}
		f := fact.New(start, 4)
		tellEndings(readings, f)
		if got := f.Values["tcp.rsts_ended"].Now; got != c.want {
			t.Errorf("%s: ended = %v, want %v", c.name, got, c.want)
		}
		if _, known := f.Values["tcp.attempt_fails_ended"]; known {
			t.Errorf("%s: a counter that is not there has ended", c.name)
		}
	}
}
