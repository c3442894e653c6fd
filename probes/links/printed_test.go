package links

import (
	"reflect"
	"slices"
	"strings"
	"testing"
)

func TestParseStatistics(t *testing.T) {
	for _, c := range []struct {
		text string
		want []Printed
	}{
		{"NIC statistics:\n     rx_packets: 12\n     [0]: rx_discards: 3\n", []Printed{{"rx_packets", 12}, {"[0]: rx_discards", 3}}},
		{"Rx Queue#: 1\r\n  drv dropped rx total: 18446744073709551615\n\n", []Printed{{"Rx Queue#", 1}, {"drv dropped rx total", 1<<64 - 1}}},
		{"no stats available\n", nil},
		{"", nil},
		{"rx_packets: -1\n", nil},
		{"rx_packets 12\n", nil},
		{"rx_packets: 12 packets\n", nil},
		{"x: 18446744073709551616", nil},
		{strings.Repeat("x", 5000) + ": 1", nil},
		{strings.Repeat("x", 300) + ": 1", nil},
	} {
		got, err := ParseStatistics(strings.NewReader(c.text))
		if !reflect.DeepEqual(got, c.want) || (err != nil) != (c.want == nil) {
			t.Errorf("%.40q: %v, %v, want %v", c.text, got, err, c.want)
		}
	}
}

func FuzzParseStatistics(f *testing.F) {
	f.Add("NIC statistics:\n     rx0_drops: 12\n")
	f.Add("[0]: rx_discards: 99999999999999999999")
	f.Add(":::\n:1\n: :1")
	f.Fuzz(func(t *testing.T, text string) {
		all, err := ParseStatistics(strings.NewReader(text))
		if err == nil && len(all) == 0 {
			t.Error("nothing, and no error")
		}
	})
}

func TestPrintedLayout(t *testing.T) {
	before, err := ParseStatistics(strings.NewReader("NIC statistics:\n     rx0_drops: 4\n     rx_packets: 9\n     rx1_drops: 5\n"))
	if err != nil {
		t.Fatal(err)
	}
	drops := glossary{"rx{n}_drops": {Meaning: "ring_overflow"}}
	before[0].Name, before[2].Name = "rx#0_drops", "rx#1_drops" // as the glossary spells the number of a queue
	l := PrintedLayout(drops, "acme", before)
	if c := l.Printed(before); c == nil || len(l.Stats) != 1 || !slices.Equal(c.Values, []uint64{4, 5}) {
		t.Errorf("%+v: %+v, want 4 and 5 of one statistic", l, c)
	}
	if c := l.Printed(before[:2]); c != nil {
		t.Errorf("a printout that ends early is taken for %v: what is absent is unknown", c.Values)
	}
}
