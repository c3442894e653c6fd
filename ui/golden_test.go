package ui

import (
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"whydrop/content"
	"whydrop/probes/fact"
)

var update = flag.Bool("update", false, "write the golden screens anew")

// stuckHost has connections that stand still, and shows no reason.
func stuckHost(v *content.Vocabulary) *fact.Facts {
	f := quietHost(v)
	f.Gauge("tcp.flows_stalled", 3)
	return f
}

// quietHost loses nothing.
func quietHost(v *content.Vocabulary) *fact.Facts {
	f := sickHost(v)
	for name, have := range f.Values {
		if have.Total != nil {
			f.Count(name, 0, *have.Total)
		}
	}
	f.Tables["listener"] = nil
	return f
}

// lengths are how long a page is in all, which changes with the content beyond
// the screen.
var lengths = regexp.MustCompile(`(lines \d+-\d+ of )\d+`)

// TestGoldenScreens draws what the operator sees after some keys. The screens
// hold real questions and causes: after a change of the content they are
// written anew with -update, and read.
func TestGoldenScreens(t *testing.T) {
	tests := []struct {
		name          string
		width, height int
		host          func(*content.Vocabulary) *fact.Facts
		locale        string
		keys          []string
	}{
		{"welcome-80x24", 80, 24, sickHost, "C", nil},
		{"welcome-40x10", 40, 10, sickHost, "C", nil},
		{"walk-80x24", 80, 24, sickHost, "C", []string{"enter", "down", "space"}},
		{"walk-find-out-80x24", 80, 24, sickHost, "C", []string{"enter", "f"}},
		{"walk-note-80x24", 80, 24, sickHost, "C", []string{"enter", "n", "only at night"}},
		{"walk-last-question-80x24", 80, 24, sickHost, "C", []string{"enter", "end"}},
		{"walk-40x10", 40, 10, sickHost, "C", []string{"enter", "down", "down"}},
		{"walk-120x40", 120, 40, sickHost, "C", []string{"enter", "space", "enter", "d"}},
		{"walk-200x60", 200, 60, sickHost, "C", []string{"enter", "space", "enter", "d"}},
		{"walk-unexplained-120x40", 120, 40, stuckHost, "C", []string{"enter", "space"}},
		{"walk-utf8-120x40", 120, 40, sickHost, "C.UTF-8", []string{"enter", "space", "enter", "d"}},
		{"summary-80x24", 80, 24, sickHost, "C", []string{"enter", "end", "enter"}},
		{"summary-40x10", 40, 10, sickHost, "C", []string{"enter", "2"}},
		{"summary-unexplained-80x24", 80, 24, stuckHost, "C", []string{"enter", "2"}},
		{"summary-healthy-80x24", 80, 24, quietHost, "C", []string{"enter", "2"}},
		{"causes-80x24", 80, 24, sickHost, "C", []string{"enter", "2", "down"}},
		{"causes-120x40", 120, 40, sickHost, "C", []string{"enter", "2", "down", "down"}},
		{"tree-80x24", 80, 24, sickHost, "C", []string{"enter", "3"}},
		{"tree-utf8-80x24", 80, 24, sickHost, "C.UTF-8", []string{"enter", "3", "up", "up", "up"}},
		{"plan-80x24", 80, 24, sickHost, "C", []string{"enter", "4"}},
		{"plan-healthy-80x24", 80, 24, quietHost, "C", []string{"enter", "4"}},
		{"report-80x24", 80, 24, sickHost, "C", []string{"enter", "5"}},
		{"help-80x24", 80, 24, sickHost, "C", []string{"enter", "?"}},
		{"leave-80x24", 80, 24, sickHost, "C", []string{"enter", "q"}},
		{"leave-40x10", 40, 10, sickHost, "C", []string{"enter", "q"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o := sitDown(t, tt.width, tt.height)
			t.Setenv("LC_ALL", tt.locale)
			o.m.theme = newTheme(asciiOnly())
			o.send(factsMsg{tt.host(o.m.kase.Book.Facts)})
			got := lengths.ReplaceAllString(o.press(tt.keys...).screen(), "${1}N")
			file := filepath.Join("testdata", tt.name+".golden")
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if got != string(want) {
				t.Errorf("the screen is\n%s\nwant\n%s", got, want)
			}
		})
	}
}
