package links

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"whydrop/probes/fact"
)

func TestStatisticsOfEqualNames(t *testing.T) {
	names := ""
	for _, n := range []string{"Rx Queue#", "  drv dropped rx total", "  ucast pkts rx", "  drv dropped rx total", "ring full"} {
		names += n + strings.Repeat("\x00", stringSize-len(n))
	}
	stats := troubling([]byte(names), 5)
	if want := []stat{{1, "drv dropped rx total"}, {3, "drv dropped rx total"}, {4, "ring full"}}; !reflect.DeepEqual(stats, want) {
		t.Fatalf("statistics %v, want %v", stats, want)
	}
	got := sum(stats, quads(1, 40, 999, 2, 0))
	if want := map[string]uint64{"drv dropped rx total": 42}; !reflect.DeepEqual(got, want) {
		t.Errorf("values %v, want %v", got, want)
	}
	if got := troubling([]byte(names), 500); len(got) != 3 {
		t.Errorf("more names than there is room for: %v", got)
	}
	if got := sum(stats, quads(1, 40)); got["drv dropped rx total"] != 40 {
		t.Errorf("fewer values than names: %v", got)
	}
}

// fakeDrivers answers for eth0, and hangs at eth1 until it is released.
type fakeDrivers struct {
	release chan struct{}
	closed  chan struct{}
}

func (d fakeDrivers) settings(l *Link, _ *device) fact.Row {
	if l.Name == "eth1" {
		<-d.release
	}
	return fact.Row{"driver": "fake"}
}

func (d fakeDrivers) statNames(string, uint32) []stat { return []stat{{0, "rx_drops"}} }

func (d fakeDrivers) statistics(*device) map[string]uint64 { return map[string]uint64{"rx_drops": 1} }

func (d fakeDrivers) close() { close(d.closed) }

func TestDriverThatHangs(t *testing.T) {
	reading := func() *Reading {
		return &Reading{Links: []Link{{Index: 1, Name: "lo", Loopback: true}, {Index: 2, Name: "eth0"}, {Index: 3, Name: "eth1"}}}
	}
	fake := func() fakeDrivers { return fakeDrivers{make(chan struct{}), make(chan struct{})} }
	var d drivers
	hanging, r := fake(), reading()
	d.ask(hanging, r, time.Now)
	if r.Silent != "eth1" || r.Links[1].Settings["driver"] != "fake" || r.Links[2].Settings != nil || r.Links[0].Settings != nil {
		t.Errorf("reading %+v, want eth1 silent and eth0 answered", r)
	}
	second, r := fake(), reading()
	d.ask(second, r, time.Now)
	if r.Silent != "eth1" || r.Links[1].Settings != nil {
		t.Errorf("second reading %+v, want no request while the first hangs", r)
	}
	<-second.closed
	close(hanging.release)
	<-hanging.closed
	for d.busy.Load() {
		time.Sleep(time.Millisecond)
	}
	third, r := fake(), reading()
	close(third.release)
	d.next = time.Time{}
	d.ask(third, r, time.Now)
	if r.Silent != "" || r.Links[2].Trouble["rx_drops"] != 1 {
		t.Errorf("third reading %+v, want all drivers to answer again", r)
	}
}
