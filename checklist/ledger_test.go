package checklist

import (
	"testing"

	"whydrop/probes/fact"
)

// place finds an entry of the whole ledger.
func place(t *testing.T, places []LedgerEntry, counter string) LedgerEntry {
	t.Helper()
	for _, e := range places {
		if e.Counter == counter {
			return e
		}
	}
	t.Fatalf("no place %q in the ledger", counter)
	return LedgerEntry{}
}

// The whole ledger tells for every place what it lost now and ever, and for one
// that nobody could read why.
func TestPlaces(t *testing.T) {
	c := newCase(t, "")
	f := facts(map[string]float64{"TcpExt.ListenOverflows": 4, "TcpExt.TCPBacklogDrop": 0})
	f.Values["TcpExt.TCPOFODrop"] = fact.Value{Now: 0.0, Total: new(float64)}
	f.Add("link", fact.Row{
		"name": "eth0", "rx_crc": 3.0, "rx_crc_total": 12.0, "rx_frame": 0.0, "rx_frame_total": 0.0,
	})
	f.Add("link", fact.Row{"name": "eth1", "rx_crc": 0.0, "rx_crc_total": 7.0})
	f.Add("link", fact.Row{"name": "eth2", "rx_crc": 0.0, "rx_crc_total": 0.0})
	f.Probes = []fact.Status{{Name: "filters", Status: "skipped", Why: "needs CAP_NET_ADMIN"}}
	c.Facts = f
	places := c.Places(c.Diagnose())

	number := func(v float64) *float64 { return &v }
	tests := []struct {
		counter string
		drops   float64
		total   *float64
		unknown string
	}{
		{"TcpExt.ListenOverflows", 4, number(1004), ""},
		{"TcpExt.TCPBacklogDrop", 0, number(1000), ""},
		{"TcpExt.TCPOFODrop", 0, number(0), ""},
		{"eth0 rx_crc_errors", 3, number(12), ""},
		{"eth1 rx_crc_errors", 0, number(7), ""},
		{"conntrack.drop", 0, nil, "needs CAP_NET_ADMIN"},
		{"softnet.dropped", 0, nil, "not told by this kernel or driver"},
	}
	for _, tt := range tests {
		e := place(t, places, tt.counter)
		if e.Drops != tt.drops || e.Unknown != tt.unknown || (e.Total == nil) != (tt.total == nil) {
			t.Errorf("%s: %+v", tt.counter, e)
		} else if e.Total != nil && *e.Total != *tt.total {
			t.Errorf("%s: total %v, want %v", tt.counter, *e.Total, *tt.total)
		}
	}
	for _, e := range places {
		if e.Counter == "eth2 rx_crc_errors" {
			t.Error("a link that never lost anything is a place of its own")
		}
	}
}

// The way in runs from the wire up to the application, the way out down again.
func TestPlacesFollowThePacket(t *testing.T) {
	c := newCase(t, "")
	at := map[string]int{}
	for i, h := range c.Book.Hops {
		at[h.ID] = i
	}
	last, out := len(c.Book.Hops), false
	for _, e := range c.Places(c.Diagnose()) {
		if e.Direction == "tx" && !out {
			out, last = true, 0
		}
		switch {
		case e.Direction == "rx" && out:
			t.Fatalf("%s on the way in stands after the way out", e.Counter)
		case e.Direction == "rx" && at[e.Hop] > last, e.Direction == "tx" && at[e.Hop] < last:
			t.Errorf("%s at %s is out of order", e.Counter, e.Hop)
		}
		last = at[e.Hop]
	}
	if !out {
		t.Error("nothing on the way out")
	}
}
