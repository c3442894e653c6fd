package drops

import (
	"net/netip"
	"testing"
	"time"

	"whydrop/probes/fact"
	"whydrop/probes/fact/facttest"
)

// Of a service that many clients cannot reach, the end that they share is told,
// though no flow loses much; a port that only one flow has is not.
func TestEnds(t *testing.T) {
	server, client := netip.MustParseAddr("192.0.2.2"), netip.MustParseAddr("192.0.2.1")
	var flows []FlowSample
	for i := range 30 {
		flows = append(flows, FlowSample{
			Reason: "NETFILTER_DROP", Direction: Received, Protocol: "tcp", Weight: 2, Samples: 1,
			Src: netip.AddrPortFrom(client, uint16(40000+i)), Dst: netip.AddrPortFrom(server, 9092),
		})
	}
	f := fact.New(time.Unix(0, 0), 1)
	New().Facts([]fact.Reading{
		{Data: &Reading{}},
		{Data: &Reading{Flows: flows, Counts: []Count{{"NETFILTER_DROP", "", Received, Tally{120, 120, 120}}}}},
	}, f)
	facttest.InVocabulary(t, "../../content/facts/drops.yaml", f)
	rows := f.Tables["drop_end"]
	if len(rows) != 1 {
		t.Fatalf("ends: %v", rows)
	}
	for field, want := range map[string]any{
		"name": "to 192.0.2.2:9092", "side": "to", "port": 9092.0, "flows": 30.0, "packets": 120.0, "reason": "NETFILTER_DROP",
	} {
		if rows[0][field] != want {
			t.Errorf("%s = %v, want %v", field, rows[0][field], want)
		}
	}
}

// A closed port that one client asks for again and again is told from noise that
// tries ports from addresses that never come back.
func TestClosedPort(t *testing.T) {
	at := func(host byte, from, port uint16) FlowSample {
		return FlowSample{
			Reason: "NO_SOCKET", Direction: Received, Protocol: "tcp", Weight: 1, Samples: 1,
			Src: netip.AddrPortFrom(netip.AddrFrom4([4]byte{192, 0, 2, host}), from),
			Dst: netip.AddrPortFrom(netip.MustParseAddr("198.51.100.7"), port),
		}
	}
	for _, c := range []struct {
		name         string
		flows        []FlowSample
		share, again any
	}{
		{"one client", []FlowSample{at(1, 40001, 9092), at(1, 40002, 9092), at(1, 40003, 9092), at(1, 40004, 9092)}, 1.0, 0.75},
		{"strangers", []FlowSample{at(1, 40001, 23), at(2, 40002, 23), at(3, 40003, 23), at(4, 40004, 445)}, 0.75, 0.0},
		{"nothing", []FlowSample{{Reason: "NETFILTER_DROP", Protocol: "tcp", Weight: 1}}, nil, nil},
	} {
		f := fact.New(time.Unix(0, 0), 1)
		addClosedPort(f, c.flows)
		facttest.InVocabulary(t, "../../content/facts/drops.yaml", f)
		for name, want := range map[string]any{"drops.closed_port_share": c.share, "drops.closed_port_again": c.again} {
			if got := f.Values[name].Now; got != want {
				t.Errorf("%s: %s = %v, want %v", c.name, name, got, want)
			}
		}
	}
}
