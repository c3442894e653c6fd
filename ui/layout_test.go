package ui

import (
	"strings"
	"testing"
)

// sketch draws a layout, a letter for every ten columns and four rows: t tabs,
// verdict and rule, m the screen that one is on, c the causes, j the journey,
// b both of them, k the keys.
func sketch(l layout) string {
	columns := make([]byte, l.width)
	fill := func(from, width int, with byte) {
		for x := from; x < from+width; x++ {
			columns[x] = with
		}
	}
	fill(0, l.width, ' ')
	fill(0, l.mainWidth, 'm')
	x := l.mainWidth
	for _, s := range l.sides {
		letter := byte('c')
		switch {
		case s.both:
			letter = 'b'
		case s.shows == journeyID:
			letter = 'j'
		}
		fill(x+gap, s.width, letter)
		x += gap + s.width
	}
	body := ""
	for x := 5; x < l.width; x += 10 {
		body += string(columns[x])
	}
	rows := []string{}
	for y := 0; y < l.height; y++ {
		row := body
		switch {
		case y < l.header:
			row = strings.Repeat("t", len(body))
		case y >= l.header+l.bodyHeight:
			row = strings.Repeat("k", len(body))
		}
		if y == 0 || y == l.height-1 || y%4 == 3 {
			rows = append(rows, row)
		}
	}
	return strings.Join(rows, "\n")
}

func TestLayoutDrawn(t *testing.T) {
	tests := []struct {
		width, height int
		want          string
	}{
		{40, 10, `
tttt
mmmm
mmmm
kkkk`},
		{40, 7, `
tttt
mmmm
kkkk`},
		{80, 24, `
tttttttt
mmmmmmmm
mmmmmmmm
mmmmmmmm
mmmmmmmm
mmmmmmmm
kkkkkkkk`},
		{120, 30, `
tttttttttttt
mmmmmmmbbbbb
mmmmmmmbbbbb
mmmmmmmbbbbb
mmmmmmmbbbbb
mmmmmmmbbbbb
mmmmmmmbbbbb
mmmmmmmbbbbb
kkkkkkkkkkkk`},
		{200, 24, `
tttttttttttttttttttt
mmmmmmmmmccccc jjjjj
mmmmmmmmmccccc jjjjj
mmmmmmmmmccccc jjjjj
mmmmmmmmmccccc jjjjj
mmmmmmmmmccccc jjjjj
kkkkkkkkkkkkkkkkkkkk`},
	}
	for _, tt := range tests {
		if got := sketch(arrange(tt.width, tt.height)); got != strings.TrimPrefix(tt.want, "\n") {
			t.Errorf("%dx%d is laid out as\n%s", tt.width, tt.height, got)
		}
	}
}

// Whatever the size, the parts fill it and overlap nowhere.
func TestLayoutFillsEverySize(t *testing.T) {
	for width := range 420 {
		for height := range 110 {
			l := arrange(width, height)
			across := l.mainWidth
			for _, s := range l.sides {
				across += gap + s.width
			}
			if across != width || l.mainWidth < 0 || height > 1 && l.header+l.bodyHeight+1 != height {
				t.Fatalf("%dx%d is laid out as %+v", width, height, l)
			}
		}
	}
}
