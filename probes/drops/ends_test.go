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
