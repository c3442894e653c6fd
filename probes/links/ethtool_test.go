package links

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"whydrop/probes/fact"
)

// glossary is a dictionary of names; in a driver's name # stands before the
// number of a queue.
type glossary map[string]Statistic

func (g glossary) Translate(_, stat string) (Statistic, bool) {
	head, rest, numbered := strings.Cut(strings.TrimSpace(stat), "#")
	if !numbered {
		s, ok := g[head]
		s.Name = head
		return s, ok
	}
	queue, tail, _ := strings.Cut(rest, "_")
	s, ok := g[head+"{n}_"+tail]
	s.Name, s.Queue = head+"{n}_"+tail, queue
	return s, ok
}

// block is a list of names as the kernel gives it.
func block(names ...string) []byte {
	out := ""
	for _, n := range names {
		out += n + strings.Repeat("\x00", stringSize-len(n))
	}
	return []byte(out)
}

func TestLayout(t *testing.T) {
	g := glossary{
		"drv dropped rx total": {Meaning: "rx_driver_drop"},
		"rx{n}_drops":          {Meaning: "ring_overflow"},
		"crc":                  {Meaning: "crc"},
	}
	names := splitNames(block("rx#0_drops", "rx#12_drops", "Rx Queue", "  drv dropped rx total", "rx_packets", "  drv dropped rx total", "crc"))
	l := newLayout(g, "nic", names)
	if got := l.counters(quads(10, 11, 0, 40, 999, 2, 7)); !reflect.DeepEqual(got.Values, []uint64{10, 11, 40, 2, 7}) {
		t.Fatalf("values %v of layout %+v", got.Values, l)
	}
	for i, want := range []Known{
		{Shown: "rx{n}_drops", First: 0, Queues: []string{"0", "12"}},
		{Shown: "drv dropped rx total", First: 2, Queues: []string{"0", "1"}},
		{Shown: "crc", First: 4, Queues: []string{"0"}},
	} {
		if k := l.Stats[i]; k.Shown != want.Shown || k.First != want.First || !reflect.DeepEqual(k.Queues, want.Queues) {
			t.Errorf("statistic %d: %+v, want %+v", i, k, want)
		}
	}
	if got := l.counters(quads(10)); !reflect.DeepEqual(got.Values, []uint64{10, 0, 0, 0, 0}) {
		t.Errorf("fewer values than names: %v", got.Values)
	}
	if got := newLayout(g, "nic", splitNames([]byte("crc"))); len(got.Stats) != 0 {
		t.Errorf("half a name was read: %+v", got)
	}
}

// fakeDrivers answers for eth0, and hangs at eth1 until it is released.
type fakeDrivers struct {
	release chan struct{}
	closed  chan struct{}
	names   []byte
}

func (d fakeDrivers) settings(l *Link, dev *device) fact.Row {
	if l.Name == "eth1" {
		<-d.release
	}
	dev.count = uint32(len(d.names) / stringSize)
	return fact.Row{"driver": "fake"}
}

func (d fakeDrivers) statNames(string, uint32) []byte { return d.names }

func (d fakeDrivers) statistics(dev *device) *Counters { return dev.layout.counters(quads(1, 2, 3, 4)) }

func (d fakeDrivers) close() { close(d.closed) }

var crcOnly = glossary{"crc": {Meaning: "crc"}}

func TestDriverThatHangs(t *testing.T) {
	reading := func() *Reading {
		return &Reading{Links: []Link{{Index: 1, Name: "lo", Loopback: true}, {Index: 2, Name: "eth0"}, {Index: 3, Name: "eth1"}}}
	}
	fake := func() fakeDrivers { return fakeDrivers{make(chan struct{}), make(chan struct{}), block("x", "crc")} }
	d := drivers{dictionary: crcOnly}
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
	if r.Silent != "" || r.Links[2].Counters == nil || r.Links[2].Counters.Values[0] != 2 {
		t.Errorf("third reading %+v, want all drivers to answer again", r)
	}
}

// slowDrivers takes its time: each driver is asked for a third of a round.
type slowDrivers struct {
	fakeDrivers
	clock *time.Time
}

func (d slowDrivers) settings(l *Link, dev *device) fact.Row {
	*d.clock = d.clock.Add(roundLimit / 3)
	return d.fakeDrivers.settings(l, dev)
}

// TestSlowDrivers: when a round runs out of time, the next goes on from there.
func TestSlowDrivers(t *testing.T) {
	clock := time.Unix(1_700_000_000, 0)
	d := drivers{dictionary: crcOnly}
	asked := map[string]bool{}
	for range 3 {
		r := &Reading{Links: []Link{{Index: 1, Name: "a"}, {Index: 2, Name: "b"}, {Index: 3, Name: "c"}, {Index: 4, Name: "d"}, {Index: 5, Name: "e"}, {Index: 6, Name: "f"}}}
		d.ask(slowDrivers{fakeDrivers{closed: make(chan struct{})}, &clock}, r, func() time.Time { return clock })
		for _, l := range r.Links {
			if l.Settings != nil {
				asked[l.Name] = true
			}
		}
		if len(asked) < 6 && r.Unasked == 0 {
			t.Error("it is not told that links were left out")
		}
	}
	if len(asked) != 6 {
		t.Errorf("only %v were asked in three rounds", asked)
	}
}

// TestLayoutStays: the names are read again each minute, and values can be
// compared as long as they are the same.
func TestLayoutStays(t *testing.T) {
	d := drivers{dictionary: crcOnly}
	l := &Link{Index: 1, Name: "eth0"}
	at := time.Unix(1_700_000_000, 0)
	ask := func(names ...string) *device {
		at = at.Add(settingsEvery)
		dev := d.device(fakeDrivers{names: block(names...)}, l, at)
		d.known = map[int]*device{1: dev}
		return dev
	}
	first := ask("x", "crc")
	if again := ask("x", "crc"); again == first || again.layout != first.layout {
		t.Error("the layout of the same names is another")
	}
	if moved := ask("crc", "x"); moved.layout == first.layout || moved.layout.Sources[0] != 0 {
		t.Error("the layout of other names is the same")
	}
	quiet := drivers{}
	if dev := quiet.device(fakeDrivers{names: block("crc")}, l, at); dev.layout != nil {
		t.Error("statistics are read without a dictionary")
	}
	veth := &Link{Index: 2, Name: "v", Kind: "veth"}
	if dev := d.device(fakeDrivers{names: block("crc")}, veth, at); dev.layout != nil {
		t.Error("statistics of a veth without XDP are read")
	}
	veth.XDP = true
	if dev := d.device(fakeDrivers{names: block("crc")}, veth, at); dev.layout == nil {
		t.Error("statistics of a veth with XDP are not read")
	}
}
