package ui

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
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

// lengths are how long a page is in all, and how many facts there are, which
// change with the content beyond the screen.
var lengths = regexp.MustCompile(`(lines \d+-\d+ of )\d+|\d{3,}( facts)`)

// paints are the terminal's, by the number that names them in a style.
var paints = map[string]string{
	"1": "bold", "2": "dim", "7": "cursor", "31": "red", "32": "green", "33": "yellow", "34": "blue", "35": "magenta", "36": "cyan",
}

var sgr = regexp.MustCompile("\x1b\\[([0-9;]*)m")

// painted is the screen with its styles as words: {bold red}text{}. Blanks at the
// end of a line are left out, a style that nothing is written in too.
func (o *operator) painted() string {
	var b strings.Builder
	for _, l := range o.m.draw() {
		l = sgr.ReplaceAllStringFunc(l, func(seq string) string {
			codes := sgr.FindStringSubmatch(seq)[1]
			if codes == "" || codes == "0" {
				return "{}"
			}
			var words []string
			for _, c := range strings.Split(codes, ";") {
				if word, ok := paints[c]; ok {
					words = append(words, word)
				} else {
					words = append(words, "?"+c)
				}
			}
			return "{" + strings.Join(words, " ") + "}"
		})
		b.WriteString(strings.TrimRight(l, " ") + "\n")
	}
	return b.String()
}

// TestGoldenColours draws what stands out, and how.
func TestGoldenColours(t *testing.T) {
	for _, size := range [][2]int{{80, 24}, {120, 40}} {
		for _, tt := range []struct {
			name string
			host func(*content.Vocabulary) *fact.Facts
			keys []string
		}{
			{"walk", sickHost, []string{"enter", "space", "down"}},
			{"causes", sickHost, []string{"enter", "2", "down", "down"}},
			{"tree", sickHost, []string{"enter", "3"}},
			{"journey", sickHost, []string{"enter", "4", "up"}},
			{"flows", lossyHost, []string{"enter", "5", "v", "down"}},
			{"plan", sickHost, []string{"enter", "7"}},
			{"healthy", quietHost, []string{"enter", "2"}},
			{"unexplained", stuckHost, []string{"enter", "q"}},
		} {
			name := fmt.Sprintf("colour-%s-%dx%d", tt.name, size[0], size[1])
			t.Run(name, func(t *testing.T) {
				o := sitDown(t, size[0], size[1])
				o.m.theme = newTheme(false)
				o.send(factsMsg{tt.host(o.m.kase.Book.Facts)})
				golden(t, name, lengths.ReplaceAllString(o.press(tt.keys...).painted(), "${1}N${2}"))
			})
		}
	}
}

// golden compares with a file, or writes it.
func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name+".golden")
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
}

// TestGoldenScreens draws what the operator sees after some keys. The screens
// hold real questions and causes: after a change of the content they are
// written anew with -update, and read.
func TestGoldenScreens(t *testing.T) {
	tests := []struct {
		name          string
		width, height int
		host          func(*content.Vocabulary) *fact.Facts
		ascii         bool
		keys          []string
	}{
		{"welcome-80x24", 80, 24, sickHost, true, nil},
		{"welcome-40x10", 40, 10, sickHost, true, nil},
		{"welcome-120x40", 120, 40, sickHost, true, nil},
		{"welcome-200x60", 200, 60, sickHost, true, nil},
		{"walk-80x24", 80, 24, sickHost, true, []string{"enter", "down", "space"}},
		{"walk-find-out-80x24", 80, 24, sickHost, true, []string{"enter", "f"}},
		{"walk-note-80x24", 80, 24, sickHost, true, []string{"enter", "n", "only at night"}},
		{"walk-last-question-80x24", 80, 24, sickHost, true, []string{"enter", "end"}},
		{"walk-40x10", 40, 10, sickHost, true, []string{"enter", "down", "down"}},
		{"walk-measured-40x10", 40, 10, sickHost, true, []string{"enter", "f", "down"}},
		{"walk-120x40", 120, 40, sickHost, true, []string{"enter", "space", "enter", "d"}},
		{"walk-200x60", 200, 60, sickHost, true, []string{"enter", "space", "enter", "d"}},
		{"walk-unexplained-120x40", 120, 40, stuckHost, true, []string{"enter", "space"}},
		{"walk-utf8-120x40", 120, 40, sickHost, false, []string{"enter", "space", "enter", "d"}},
		{"summary-80x24", 80, 24, sickHost, true, []string{"enter", "end", "enter"}},
		{"summary-40x10", 40, 10, sickHost, true, []string{"enter", "2"}},
		{"summary-unexplained-80x24", 80, 24, stuckHost, true, []string{"enter", "2"}},
		{"summary-unexplained-200x60", 200, 60, stuckHost, true, []string{"enter", "2"}},
		{"summary-healthy-80x24", 80, 24, quietHost, true, []string{"enter", "2"}},
		{"causes-80x24", 80, 24, sickHost, true, []string{"enter", "2", "down"}},
		{"causes-120x40", 120, 40, sickHost, true, []string{"enter", "2", "down", "down"}},
		{"causes-200x60", 200, 60, sickHost, true, []string{"enter", "2", "down"}},
		{"causes-utf8-120x40", 120, 40, sickHost, false, []string{"enter", "space", "2", "down"}},
		{"causes-rest-80x24", 80, 24, sickHost, true, []string{"enter", "2", "down", "down", "down"}},
		{"causes-search-80x24", 80, 24, sickHost, true, []string{"enter", "2", "/", "queue"}},
		{"causes-40x10", 40, 10, sickHost, true, []string{"enter", "2", "down"}},
		{"tree-80x24", 80, 24, sickHost, true, []string{"enter", "3"}},
		{"tree-120x40", 120, 40, sickHost, true, []string{"enter", "3", "down"}},
		{"tree-200x60", 200, 60, sickHost, true, []string{"enter", "3"}},
		{"tree-40x10", 40, 10, sickHost, true, []string{"enter", "3", "down"}},
		{"journey-80x24", 80, 24, sickHost, true, []string{"enter", "4"}},
		{"journey-utf8-80x24", 80, 24, sickHost, false, []string{"enter", "4", "down"}},
		{"journey-healthy-80x24", 80, 24, quietHost, true, []string{"enter", "4"}},
		{"journey-no-loss-80x24", 80, 24, lossyHost, true, []string{"enter", "4"}},
		{"journey-120x40", 120, 40, sickHost, true, []string{"enter", "4"}},
		{"journey-200x60", 200, 60, sickHost, true, []string{"enter", "4", "end"}},
		{"journey-40x10", 40, 10, sickHost, true, []string{"enter", "4"}},
		{"tree-utf8-80x24", 80, 24, sickHost, false, []string{"enter", "3", "up", "up", "up"}},
		{"plan-80x24", 80, 24, sickHost, true, []string{"enter", "7"}},
		{"plan-healthy-80x24", 80, 24, quietHost, true, []string{"enter", "7"}},
		{"plan-40x10", 40, 10, sickHost, true, []string{"enter", "7"}},
		{"plan-120x40", 120, 40, sickHost, true, []string{"enter", "7"}},
		{"plan-200x60", 200, 60, sickHost, true, []string{"enter", "7"}},
		{"report-80x24", 80, 24, sickHost, true, []string{"enter", "8"}},
		{"report-40x10", 40, 10, sickHost, true, []string{"enter", "8"}},
		{"report-120x40", 120, 40, sickHost, true, []string{"enter", "8"}},
		{"report-200x60", 200, 60, sickHost, true, []string{"enter", "8"}},
		{"flows-80x24", 80, 24, lossyHost, true, []string{"enter", "5", "down", "down"}},
		{"flows-40x10", 40, 10, lossyHost, true, []string{"enter", "5"}},
		{"flows-120x40", 120, 40, lossyHost, true, []string{"enter", "5", "down"}},
		{"flows-200x60", 200, 60, lossyHost, true, []string{"enter", "5", "v"}},
		{"flows-utf8-80x24", 80, 24, lossyHost, false, []string{"enter", "5", "down"}},
		{"flows-open-80x24", 80, 24, lossyHost, true, []string{"enter", "5", "down", "enter"}},
		{"flows-copy-80x24", 80, 24, lossyHost, true, []string{"enter", "5", "y"}},
		{"pause-80x24", 80, 24, sickHost, true, []string{"enter", "p"}},
		{"mark-80x24", 80, 24, sickHost, true, []string{"enter", "m", "the load test begins"}},
		{"flows-listeners-80x24", 80, 24, sickHost, true, []string{"enter", "5"}},
		{"flows-peers-80x24", 80, 24, lossyHost, true, []string{"enter", "5", "left", "left", "v"}},
		{"flows-search-80x24", 80, 24, lossyHost, true, []string{"enter", "5", "/", "billing"}},
		{"flows-healthy-80x24", 80, 24, quietHost, true, []string{"enter", "5"}},
		{"evidence-80x24", 80, 24, sickHost, true, []string{"enter", "6"}},
		{"evidence-40x10", 40, 10, sickHost, true, []string{"enter", "6"}},
		{"evidence-120x40", 120, 40, sickHost, true, []string{"enter", "6", "/", "overflow", "enter"}},
		{"evidence-200x60", 200, 60, sickHost, true, []string{"enter", "6", "v", "v"}},
		{"evidence-utf8-120x40", 120, 40, sickHost, false, []string{"enter", "6", "v"}},
		{"evidence-open-80x24", 80, 24, sickHost, true, []string{"enter", "6", "/", "ListenOverflows", "enter", "enter"}},
		{"evidence-table-80x24", 80, 24, lossyHost, true, []string{"enter", "6", "/", "listener", "enter", "enter", "down"}},
		{"evidence-unseen-80x24", 80, 24, sickHost, true, []string{"enter", "6", "/", "conntrack", "enter"}},
		{"walk-guarded-80x24", 80, 24, guardedHost, true, []string{"enter"}},
		{"walk-guarded-40x10", 40, 10, guardedHost, true, []string{"enter"}},
		{"walk-guarded-200x60", 200, 60, guardedHost, true, []string{"enter"}},
		{"plan-guarded-80x24", 80, 24, guardedHost, true, []string{"enter", "7"}},
		{"flows-unexplained-80x24", 80, 24, stuckHost, true, []string{"enter", "5"}},
		{"mark-40x10", 40, 10, sickHost, true, []string{"enter", "m", "the load test begins"}},
		{"search-40x10", 40, 10, sickHost, true, []string{"enter", "6", "/", "listen"}},
		{"help-80x24", 80, 24, sickHost, true, []string{"enter", "?"}},
		{"help-40x10", 40, 10, sickHost, true, []string{"enter", "?"}},
		{"help-120x40", 120, 40, sickHost, true, []string{"enter", "?"}},
		{"help-200x60", 200, 60, sickHost, true, []string{"enter", "?"}},
		{"help-journey-80x24", 80, 24, sickHost, true, []string{"enter", "4", "?"}},
		{"leave-80x24", 80, 24, sickHost, true, []string{"enter", "q"}},
		{"leave-40x10", 40, 10, sickHost, true, []string{"enter", "q"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o := sitDown(t, tt.width, tt.height)
			o.m.theme = newTheme(tt.ascii)
			o.send(factsMsg{tt.host(o.m.kase.Book.Facts)})
			got := lengths.ReplaceAllString(o.press(tt.keys...).screen(), "${1}N${2}")
			golden(t, tt.name, got)
		})
	}
}

// TestGoldenWatched draws what the operator sees after some time, when there is
// something to draw charts of.
func TestGoldenWatched(t *testing.T) {
	for _, tt := range []struct {
		name          string
		width, height int
		keys          []string
	}{
		{"watched-walk-200x60", 200, 60, []string{"enter", "enter"}},
		{"watched-walk-120x40", 120, 40, []string{"enter", "enter"}},
		{"watched-causes-120x40", 120, 40, []string{"enter", "2", "down"}},
		{"watched-evidence-80x24", 80, 24, []string{"enter", "6"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			o := sitDown(t, tt.width, tt.height)
			o.m.theme = newTheme(false)
			minutes(o, 90)
			golden(t, tt.name, lengths.ReplaceAllString(o.press(tt.keys...).screen(), "${1}N${2}"))
		})
	}
}
