package links

import (
	"reflect"
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
