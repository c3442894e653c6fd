package content

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const goodList = `lists:
  - table: egress
    title: Interfaces
    empty: Nothing is wrong.
    troubles:
      - {when: egress.retrans > 0, says: "{egress.retrans} sent again"}
    columns:
      - {field: name, head: interface, width: 12, rank: 1}
      - {field: retrans_share, head: again, width: 6, rank: 2}
    copies:
      - {label: the name, text: "{egress.name}"}
`

// What is wrong in a list is told with file, line and what was expected.
func TestListsAreChecked(t *testing.T) {
	tests := []struct{ name, old, changed, want string }{
		{"right", "", "", ""},
		{"no table", "table: egress", "table: egres", `own.yaml:2: a list of egres, which is not a table: expected one of bpf,`},
		{"no title", "    title: Interfaces\n", "", "own.yaml:2: the list of egress: expected title, empty, troubles, columns and copies"},
		{"unknown field", "field: name", "field: nam", `own.yaml:8: the list of egress has a column of the unknown field "nam"`},
		{"a head too long", "width: 12", "width: 5", "own.yaml:8: column name of the list of egress: expected a head, and a width of at least its length"},
		{"a rank twice", "rank: 2", "rank: 1", "own.yaml:9: column retrans_share of the list of egress has rank 1: expected 1 or more, each once"},
		{"no rank", ", rank: 2", "", "own.yaml:9: column retrans_share of the list of egress has rank 0"},
		{"unknown fact", "egress.retrans > 0", "egress.retran > 0", "own.yaml:6: unknown fact retran"},
		{"a number for a condition", "egress.retrans > 0", "egress.retrans", "own.yaml:6: expected bool"},
		{"nothing said", `, says: "{egress.retrans} sent again"`, "", "own.yaml:6: a trouble of the list of egress: expected when and says"},
		{"a copy of nothing", `, text: "{egress.name}"`, "", "own.yaml:11: a copy of the list of egress: expected label and text"},
		{"a copy of what is not there", "{egress.name}", "{egress.nam}", "own.yaml:11: unknown fact nam"},
		{"misspelt key", "empty:", "emty:", "own.yaml:4: field emty not found"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, "own.yaml"), []byte(strings.Replace(goodList, tt.old, tt.changed, 1)), 0o600); err != nil {
				t.Fatal(err)
			}
			book, err := Load(dir)
			switch {
			case tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)):
				t.Errorf("error is\n%v\nwant\n%s", err, tt.want)
			case tt.want == "" && err != nil:
				t.Error(err)
			case tt.want == "" && book.List("egress") == nil:
				t.Error("the list is not there")
			}
		})
	}
}

// Commands that are copied from a list hold numbers and addresses of the kernel
// alone: what a process calls itself must not reach anybody's shell.
func TestCopiedCommandsHoldNoNames(t *testing.T) {
	book := mustLoad(t)
	for _, li := range book.Lists {
		for _, c := range li.Copies {
			for _, name := range c.Text.Uses() {
				_, field, _ := strings.Cut(name, ".")
				def := book.Facts.Field(li.Table, field)
				if def.Type == String && !slices.Contains([]string{"name", "local", "remote"}, field) {
					t.Errorf("%s of %s shows the text %s", c.Label, li.Table, name)
				}
			}
			if li.Table == "service" && slices.Contains(c.Text.Uses(), "service.name") {
				t.Errorf("%s: the name of a service is no address", c.Label)
			}
		}
	}
}

func TestFactsAreShownWithTheirUnits(t *testing.T) {
	for _, tt := range []struct {
		def        FactDef
		v          any
		want, unit string
	}{
		{FactDef{Name: "a.queue", Type: Gauge, Unit: "bytes"}, 2048.0, "2 KiB", "2 KiB"},
		{FactDef{Name: "a.rtt_ms", Type: Gauge, Unit: "ms"}, 2500.0, "2.5 s", "2.5 s"},
		{FactDef{Name: "a.rtt_ms", Type: Gauge, Unit: "ms"}, 0.03, "<0.1 ms", "<0.1 ms"},
		{FactDef{Name: "retrans_share", Type: Number}, 0.0123, "1.2 %", "1.2 %"},
		{FactDef{Name: "a.drops", Type: Count, Unit: "packets"}, 12.0, "12", "12 packets"},
		{FactDef{Name: "state", Type: String}, "ESTAB\x1b", `ESTAB\x1b`, `ESTAB\x1b`},
		{FactDef{Name: "stalled", Type: Flag}, true, "yes", "yes"},
		{FactDef{Name: "market_share", Type: String}, "half", "half", "half"},
	} {
		if got, unit := tt.def.Show(tt.v), tt.def.ShowUnit(tt.v); got != tt.want || unit != tt.unit {
			t.Errorf("%s: %v is shown as %q and %q", tt.def.Name, tt.v, got, unit)
		}
	}
}
