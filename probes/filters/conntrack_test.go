package filters

import (
	"reflect"
	"strings"
	"testing"
)

func TestReadConntrack(t *testing.T) {
	n := func(v float64) *float64 { return &v }
	old := ctPresent{true, true, true, true, true, true}
	all := ctPresent{true, true, true, true, true, true, true, true}
	for _, c := range []struct {
		root string
		want Conntrack
	}{
		{"testdata/4.18", Conntrack{
			Count: n(61440), Max: n(65536), Liberal: n(1), Established: n(86400),
			CPUs: []ctCounters{{0xa10, 3, 0xff, 7}, {1, 0, 1, 0}}, Columns: old,
		}},
		{"testdata/6.1", Conntrack{Count: n(37), Max: n(262144), CPUs: []ctCounters{{0x10, 0, 0, 0, 0, 1, 2, 0}}, Columns: all}},
		{"testdata/none", Conntrack{}}, // the module is not loaded
	} {
		if got := readConntrack(c.root); !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: %+v, want %+v", c.root, got, c.want)
		}
	}
}

func TestParseConntrackStatMalformed(t *testing.T) {
	const header = "entries invalid insert_failed drop early_drop\n"
	for name, raw := range map[string]string{
		"empty":            "",
		"no rows":          header,
		"a column missing": "entries invalid insert_failed early_drop\n1 1 1 1\n",
		"a short row":      header + "1 1 1\n",
		"not hexadecimal":  header + "1 1 1 xyz 1\n",
		"a wide number":    header + "1 1 1 100000000 1\n",
	} {
		if got, _ := parseConntrackStat(raw); got != nil {
			t.Errorf("%s: %v, want unknown", name, got)
		}
	}
}

func FuzzParseConntrackStat(f *testing.F) {
	f.Add("entries invalid insert_failed drop early_drop\n1 2 3 4 5\n")
	f.Add("drop drop drop")
	f.Fuzz(func(t *testing.T, s string) {
		if got, _ := parseConntrackStat(s); len(got) > strings.Count(s, "\n") {
			t.Errorf("%d CPUs of %d lines", len(got), strings.Count(s, "\n")+1)
		}
	})
}
