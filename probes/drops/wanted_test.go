package drops

import (
	"net/netip"
	"testing"
	"time"

	"whydrop/probes/fact"
)

func TestWanted(t *testing.T) {
	flow := func(from, to uint16, samples uint64) FlowSample {
		a := netip.MustParseAddr("192.0.2.1")
		return FlowSample{
			Reason: firewallDrop, Direction: Received, Protocol: "tcp", Samples: samples, Weight: samples,
			Src: netip.AddrPortFrom(a, from), Dst: netip.AddrPortFrom(a, to),
		}
	}
	for name, c := range map[string]struct {
		flows                  []FlowSample
		port, repeat, listened float64
		busiest                float64
	}{
		"one service":  {[]FlowSample{flow(40000, 8443, 3), flow(40001, 8443, 3)}, 1, 1, 1, 8443},
		"noise":        {[]FlowSample{flow(40000, 22, 1), flow(40001, 23, 1), flow(40002, 445, 1), flow(40003, 3389, 1)}, 0.25, 0, 0, 22},
		"half of each": {[]FlowSample{flow(40000, 8443, 2), flow(40001, 22, 1), flow(40002, 23, 1)}, 0.5, 0.5, 0.5, 8443},
	} {
		f := fact.New(time.Unix(0, 0), 1)
		addWanted(f, c.flows, []uint16{80, 8443})
		for fact, want := range map[string]float64{
			"drops.firewall_port_share": c.port, "drops.firewall_repeated_share": c.repeat, "drops.firewall_listening_share": c.listened,
			"drops.firewall_port": c.busiest,
		} {
			if got, _ := f.Num(fact); got != want {
				t.Errorf("%s: %s = %v, want %v", name, fact, got, want)
			}
		}
	}
}

func TestParseListening(t *testing.T) {
	for line, want := range map[string]struct {
		port         uint16
		loopback, ok bool
	}{
		"   0: 00000000:1F90 00000000:0000 0A 00000000:00000000":                                                 {8080, false, true},
		"   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000":                                                 {8080, true, true},
		"   1: 00000000000000000000000000000000:0016 00000000000000000000000000000000:0000 0A 00000000:00000000": {22, false, true},
		"   1: 00000000000000000000000001000000:0016 00000000000000000000000000000000:0000 0A 00000000:00000000": {22, true, true},
		"   2: 0100007F:1F90 0100007F:9C40 01 00000000:00000000":                                                 {},
		"   2: 0100007F:XXXX 00000000:0000 0A":                                                                   {},
		"":                                                                                                       {},
	} {
		port, loopback, ok := parseListening([]byte(line))
		if port != want.port || loopback != want.loopback || ok != want.ok {
			t.Errorf("%q: %d, %v, %v", line, port, loopback, ok)
		}
	}
}
