package ui

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"charm.land/lipgloss/v2"
	"github.com/charmbracelet/x/ansi"
)

func TestColumnsFitEveryWidth(t *testing.T) {
	columns := []column{
		{head: "name", width: 15, good: 40, most: 40, rank: 1}, {head: "process", width: 10, rank: 2}, {head: "nice", width: 8, rank: 6},
		{head: "number", width: 6, rank: 3, right: true}, {head: "trouble", width: 20, good: 40, most: 90, rank: 1},
	}
	for _, tt := range []struct {
		w    int
		want []int
	}{
		{0, []int{0, 0, 0, 0, 0}},
		{10, []int{10, 0, 0, 0, 0}},
		{40, []int{20, 0, 0, 0, 19}},
		{50, []int{29, 0, 0, 0, 20}},
		{80, []int{40, 10, 0, 6, 21}},
		{120, []int{40, 10, 8, 6, 52}},
		{300, []int{40, 10, 8, 6, 90}},
	} {
		var got []int
		for _, c := range fitColumns(columns, tt.w) {
			got = append(got, c.room)
		}
		if !slices.Equal(got, tt.want) {
			t.Errorf("%d columns are shared as %v, want %v", tt.w, got, tt.want)
		}
	}
	for w := range 300 {
		sum := -1
		for _, c := range fitColumns(columns, w) {
			if c.room > 0 {
				sum += c.room + 1
			}
		}
		if sum > w {
			t.Errorf("%d columns of %d are given away", sum, w)
		}
	}
}

func TestCellsAreCutWhereItMattersLeast(t *testing.T) {
	th := newTheme(true)
	for _, tt := range []struct {
		text  string
		room  int
		right bool
		want  string
	}{
		{"42", 6, true, "    42 "},
		{"nginx", 7, false, "nginx   "},
		{"[2001:db8:7c0f:11::1]:443", 16, false, "[2001:...:1]:443 "},
		{"a sentence of some words", 12, false, "a sentenc... "},
		{"界界界界界界", 9, false, "界...界界 "},
		{"abc", 0, false, ""},
	} {
		var b strings.Builder
		th.cellInto(&b, column{room: tt.room, right: tt.right}, tt.text)
		if b.String() != tt.want {
			t.Errorf("%q in %d columns is %q, want %q", tt.text, tt.room, b.String(), tt.want)
		}
	}
}

func numbered(names []string) rows {
	return rows{
		columns: []column{{head: "name", width: 10, rank: 1}}, count: len(names),
		name:  func(i int) string { return names[i] },
		cell:  func(i, _, _ int) string { return names[i] },
		style: func(int) lipgloss.Style { return lipgloss.NewStyle() },
	}
}

// Whatever happens to a list, the cursor is on a row of it that is to be seen,
// on the same one if that is still there, and in the same line if it can be.
func TestCursorStaysOnItsRow(t *testing.T) {
	th := newTheme(true)
	var names []string
	for i := range 100 {
		names = append(names, fmt.Sprintf("row %d", i))
	}
	var tb table
	line := func(names []string, h int) int {
		for i, l := range tb.draw(th, numbered(names), 30, h) {
			if strings.HasPrefix(ansi.Strip(l), "> ") {
				if !strings.HasSuffix(ansi.Strip(l), tb.at) {
					t.Errorf("the cursor is at %q in line %q", tb.at, l)
				}
				return i
			}
		}
		return -1
	}
	line(names, 11)
	for range 50 {
		tb.move(actDown, numbered(names))
	}
	if at := line(names, 11); tb.at != "row 50" || at != 10 {
		t.Fatalf("the cursor is at %q in line %d", tb.at, at)
	}
	more := append([]string{"a", "b", "c"}, names...)
	if at := line(more, 11); tb.at != "row 50" || at != 10 {
		t.Errorf("after more rows the cursor is at %q in line %d", tb.at, at)
	}
	if at := line(names[45:60], 11); tb.at != "row 50" || at < 1 {
		t.Errorf("after fewer rows the cursor is at %q in line %d", tb.at, at)
	}
	if at := line([]string{"row 3", "row 4"}, 11); tb.at != "row 4" || at != 2 {
		t.Errorf("after its row went the cursor is at %q in line %d", tb.at, at)
	}
}

func TestTableMoves(t *testing.T) {
	th := newTheme(true)
	var names []string
	for i := range 100 {
		names = append(names, fmt.Sprintf("row %d", i))
	}
	var tb table
	if got := tb.find(numbered(nil)); got != -1 {
		t.Errorf("the cursor is at %d of nothing", got)
	}
	for _, h := range []int{0, 1, 2, 3, 200} {
		if got := tb.draw(th, numbered(names), 30, h); len(got) > max(h, 1) {
			t.Errorf("%d lines for a list of %d", len(got), h)
		}
	}
	for _, step := range []struct {
		a    action
		want string
	}{{actFirst, "row 0"}, {actUp, "row 0"}, {actLast, "row 99"}, {actDown, "row 99"}, {actPageUp, "row 0"}, {actPageDown, "row 99"}} {
		if tb.move(step.a, numbered(names)); tb.at != step.want {
			t.Errorf("%s led to %s, want %s", step.a, tb.at, step.want)
		}
	}
}

// A text that is too long for its column runs on into empty ones, and never over
// what stands there.
func TestTextRunsIntoEmptyColumns(t *testing.T) {
	columns := []column{{head: "fact", width: 6, rank: 0}, {head: "now", width: 6, right: true, rank: 1}, {head: "chart", width: 6, rank: 1}, {head: "unit", width: 6, rank: 1}}
	cells := [][]string{
		{"name", "10.70.9.9:443", "", ""},
		{"name", "10.70.9.9:443", "", "hosts"},
		{"name", "10.70.9.9:443", "##", "hosts"},
		{"name", "42", "", "hosts"},
	}
	r := rows{columns: columns, count: len(cells), cell: func(i, c, _ int) string { return cells[i][c] }}
	for i, want := range []string{
		"name   10.70.9.9:443", "name   10.70.9.9:443 hosts", "name   10.7.. ##     hosts", "name       42        hosts",
	} {
		if got := r.line(newTheme(true), fitColumns(columns, 40), i, 40); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
