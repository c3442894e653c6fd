package links

import (
	"testing"

	"whydrop/probes/fact"
	"whydrop/probes/fact/facttest"
)

// nic makes looks at one card with the statistics of a layout.
func nic(names ...string) func(values ...uint64) *Reading {
	g := glossary{
		"crc":         {Meaning: "crc", Hop: "link", Direction: "rx", Loss: "yes", Link: "rx_crc"},
		"rx{n}_drops": {Meaning: "ring_overflow", Hop: "nic", Direction: "rx", Loss: "yes"},
		"rx_drops":    {Meaning: "ring_overflow", Hop: "nic", Direction: "rx", Loss: "yes", Sums: []string{"rx{n}_drops"}},
		"discards":    {Meaning: "rx_drop", Hop: "nic", Direction: "rx", Loss: "yes", Sums: []string{"rx_drops", "crc", "absent"}},
		"empty":       {Meaning: "ring_empty", Hop: "nic", Direction: "rx", Loss: "maybe", Link: "rx_over"},
		"strange":     {Meaning: "trouble", Hop: "nic", Direction: "both", Loss: "maybe", Guess: true},
	}
	l := newLayout(g, "acme", names)
	return func(values ...uint64) *Reading {
		link := Link{Index: 2, Name: "eth0", Settings: fact.Row{"driver": "acme"}}
		if values != nil {
			link.Counters = l.counters(quads(values...))
		}
		return &Reading{Links: []Link{link}}
	}
}

func TestNicstat(t *testing.T) {
	look := nic("rx#0_drops", "rx#1_drops", "crc", "strange")
	f := observed(look(10, 100, 5, 7), look(), look(14, 120, 5, 0)) // the second look did not read them
	want(t, row(t, f, "nicstat", "eth0 rx{n}_drops"), fact.Row{
		"link": "eth0", "driver": "acme", "stat": "rx{n}_drops", "meaning": "ring_overflow", "hop": "nic", "direction": "rx", "loss": "yes", "guess": false,
		"growth": 24.0, "growth_total": 134.0, "own": 24.0, "part": false, "queues": 2.0, "worst_queue": "1", "worst_growth": 20.0, "restarted": false,
	})
	want(t, row(t, f, "nicstat", "eth0 crc"), fact.Row{"growth": 0.0, "growth_total": 5.0, "standard": "rx_crc", "queues": nil, "worst_queue": nil, "part": false})
	want(t, row(t, f, "nicstat", "eth0 strange"), fact.Row{"growth": 0.0, "growth_total": 0.0, "guess": true, "restarted": true})
	want(t, row(t, f, "nic", "eth0"), fact.Row{
		"driver": "acme", "known": true, "restarted": false, "ring_overflow": 24.0, "ring_overflow_total": 134.0, "crc": 0.0, "crc_total": 5.0,
		"trouble": nil, "no_buffer": nil, // a guess, and what the driver has no statistic for
	})
}

func TestEachPacketOnce(t *testing.T) {
	look := nic("discards", "rx_drops", "rx#0_drops", "rx#1_drops", "crc")
	f := observed(look(0, 0, 0, 0, 0), look(50, 30, 10, 20, 5))
	want(t, row(t, f, "nicstat", "eth0 discards"), fact.Row{"growth": 50.0, "own": 15.0, "part": false})
	want(t, row(t, f, "nicstat", "eth0 rx_drops"), fact.Row{"growth": 30.0, "own": 0.0, "part": true})
	want(t, row(t, f, "nicstat", "eth0 rx{n}_drops"), fact.Row{"growth": 30.0, "own": 30.0, "part": false})
	want(t, row(t, f, "nic", "eth0"), fact.Row{"rx_drop": 15.0, "ring_overflow": 30.0, "ring_overflow_total": 30.0, "crc": 5.0})

	// A driver that shows only the whole: it is no part of anything.
	look = nic("discards")
	want(t, row(t, observed(look(1), look(9)), "nicstat", "eth0 discards"), fact.Row{"growth": 8.0, "own": 8.0, "part": false})
}

func TestOverrun(t *testing.T) {
	look := nic("rx#0_drops")
	both := func(drops, missed uint64) *Reading {
		r := look(drops)
		r.Links[0].Stats = counters("rx_missed", missed)
		return r
	}
	want(t, row(t, observed(both(5, 1), both(9, 2)), "link", "eth0"), fact.Row{"overrun": 4.0, "overrun_total": 9.0})
	want(t, row(t, observed(both(5, 1), both(6, 9)), "link", "eth0"), fact.Row{"overrun": 8.0, "overrun_total": 9.0})
	want(t, row(t, observed(both(5, 1)), "link", "eth0"), fact.Row{"overrun": nil, "overrun_total": 5.0})
	want(t, row(t, observed(nic("crc")(1), nic("crc")(1)), "link", "eth0"), fact.Row{"overrun": nil, "overrun_total": nil})

	// A standard counter in which the driver counts events that are no loss.
	over := func(look func(...uint64) *Reading, n uint64) *Reading {
		r := look(n)
		r.Links[0].Stats = counters("rx_over", n)
		return r
	}
	events := nic("empty")
	want(t, row(t, observed(over(events, 5), over(events, 9)), "link", "eth0"), fact.Row{"overrun": 0.0, "overrun_total": 0.0, "rx_over": 4.0})
	other := nic("crc")
	want(t, row(t, observed(over(other, 5), over(other, 9)), "link", "eth0"), fact.Row{"overrun": 4.0})
}

func TestNicUnknown(t *testing.T) {
	look := nic("crc")
	for _, f := range []*fact.Facts{observed(look(), look()), observed()} {
		if f.Tables["nicstat"] != nil || f.Tables["nic"] != nil {
			t.Error("statistics that nobody read are shown as none that moved")
		}
	}
	f := observed(look(0), look(0))
	if rows, ok := f.Tables["nicstat"]; !ok || len(rows) != 0 {
		t.Errorf("statistics that never counted: %v, want an empty table", rows)
	}
	want(t, row(t, f, "nic", "eth0"), fact.Row{"crc": 0.0, "known": true})
	single := observed(look(3))
	want(t, row(t, single, "nicstat", "eth0 crc"), fact.Row{"growth": nil, "growth_total": 3.0, "restarted": nil})
	want(t, row(t, single, "nic", "eth0"), fact.Row{"crc": nil, "crc_total": 3.0, "restarted": nil})
	guessed := nic("strange")
	want(t, row(t, observed(guessed(1), guessed(2)), "nic", "eth0"), fact.Row{"known": false, "trouble": nil})
}

func TestDriverReset(t *testing.T) {
	look := nic("crc", "rx#0_drops")
	f := observed(look(1000, 7), look(4, 7))
	want(t, row(t, f, "nicstat", "eth0 crc"), fact.Row{"growth": 4.0, "growth_total": 4.0, "restarted": true})
	want(t, row(t, f, "nic", "eth0"), fact.Row{"restarted": true, "crc": 4.0})

	// After a change of its queues the driver shows other statistics: no growth
	// is known, and none is made up.
	other := nic("crc", "rx#0_drops", "rx#1_drops")
	f = observed(look(1000, 7), other(0, 0, 0))
	want(t, row(t, f, "nic", "eth0"), fact.Row{"crc": nil, "crc_total": 0.0, "restarted": nil})
}

func TestManyStatistics(t *testing.T) {
	look := nic("crc")
	last := &Reading{}
	for i := range maxNicstatRows + 50 {
		l := look(uint64(i + 1)).Links[0]
		l.Index = i
		last.Links = append(last.Links, l)
	}
	rows := observed(&Reading{Links: last.Links}, last).Tables["nicstat"]
	if len(rows) != maxNicstatRows || rows[0]["growth_total"] != float64(maxNicstatRows+50) {
		t.Errorf("%d rows, the first %v; want the worst %d", len(rows), rows[0], maxNicstatRows)
	}
}

// TestVocabularyOfNICs: every field that these tables can have is described.
func TestVocabularyOfNICs(t *testing.T) {
	look := nic("discards", "rx_drops", "rx#0_drops", "rx#1_drops", "crc", "strange")
	up, failures := true, uint32(3)
	both := func(values ...uint64) *Reading {
		r := look(values...)
		r.Links[0].Stats = counters("rx_missed", 1)
		r.Links[0].Port = Port{Kind: "bond", State: "active", MII: &up, Failures: &failures}
		r.Queues = []Queue{{Link: 2, Kind: "pfifo", Parent: rootHandle, Counted: true, Drops: 4}}
		return r
	}
	facttest.InVocabulary(t, "../../content/facts/links.yaml", observed(both(0, 0, 0, 0, 0, 0), both(50, 30, 10, 20, 5, 1)))
}

func TestPortFacts(t *testing.T) {
	look := func(failures uint32) *Reading {
		up := true
		return &Reading{Links: []Link{{Index: 2, Name: "eth0", Port: Port{Kind: "bond", State: "backup", MII: &up, Failures: &failures}}}}
	}
	want(t, row(t, observed(look(3), look(5)), "link", "eth0"), fact.Row{"port_state": "backup", "mii_up": true, "link_failures": 2.0, "link_failures_total": 5.0})
	want(t, row(t, observed(&Reading{Links: []Link{{Index: 2, Name: "eth0"}}}), "link", "eth0"), fact.Row{"port_state": nil, "mii_up": nil, "link_failures_total": nil})
}
