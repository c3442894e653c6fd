package ui

import (
	"slices"
	"strings"
	"testing"
)

// What one reads stays where it is when lines come and go above it.
func TestPagerStaysWithTheText(t *testing.T) {
	page := strings.Split("plan|1. first|for: a|risk none|2. second|for: b|risk none|take back x|verify|end", "|")
	tests := []struct {
		name string
		now  []string
		want string // at the top of the screen
	}{
		{"nothing changed", slices.Clone(page), "for: b"},
		{"lines above", append([]string{"plan", "0. new", "for: c", "risk none"}, page[1:]...), "for: b"},
		{"fewer above", append([]string{"plan"}, page[4:]...), "for: b"},
		{"the line itself changed", append(append(slices.Clone(page[:1]), "more", page[1], page[2], page[3], page[4], "for: b, 9 now"), page[6:]...), "for: b, 9 now"},
		{"another text", []string{"a", "b", "c", "d", "e", "f", "g", "h", "i", "j"}, "f"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o := sitDown(t, 80, 24)
			var p pager
			p.draw(o.m, page, 80, 5)
			p.scroll.top = 5
			p.draw(o.m, page, 80, 5)
			if got := p.draw(o.m, tt.now, 80, 5); got[0] != tt.want {
				t.Errorf("%q is at the top, want %q", got[0], tt.want)
			}
		})
	}
}
