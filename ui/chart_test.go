package ui

import (
	"math"
	"strings"
	"testing"

	"github.com/charmbracelet/x/ansi"
)

func TestSpark(t *testing.T) {
	tests := []struct {
		name   string
		points []float64
		width  int
		top    float64
		want   string
	}{
		{"nothing was measured", nil, 4, 0, "    "},
		{"measured and nothing there", []float64{0, 0, 0}, 4, 0, " ___"},
		{"the greatest is the top", []float64{0, 1, 7}, 3, 0, "_.#"},
		{"a scale of one's own", []float64{0, 0.5, 1}, 3, 1, "_=#"},
		{"what is tiny is not 0", []float64{0.0001, 0}, 2, 1, "._"},
		{"above the scale", []float64{9}, 1, 1, "#"},
		{"a burst among many stays", []float64{0, 0, 9, 0, 0, 0, 0, 0}, 4, 0, "_#__"},
		{"no number", []float64{math.NaN(), 1}, 2, 0, "_#"},
		{"below 0", []float64{-3, 1}, 2, 0, "_#"},
		{"no room", []float64{1, 2}, 0, 0, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := newTheme(true).spark(tt.points, tt.width, tt.top); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

// A new point moves the chart by whole steps: with as many points as columns,
// what was drawn moves to the left by one.
func TestSparkMovesToTheLeft(t *testing.T) {
	theme, points := newTheme(false), []float64{1, 5, 2, 8}
	before := []rune(theme.spark(points, 4, 8))
	after := []rune(theme.spark(append(points[1:], 3), 4, 8))
	if string(before[1:]) != string(after[:3]) {
		t.Errorf("%q became %q", string(before), string(after))
	}
}

func TestShort(t *testing.T) {
	tests := map[float64]string{
		0: "0", 0.04: "<0.1", 0.44: "0.4", 2.84: "2.8", 3: "3", 42: "42", 47.7: "48", 9999: "9999", 10000: "10.0k",
		12345: "12.3k", 99_949: "99.9k", 123_456: "123k", 999_600: "1.0M", 4.2e9: "4.2G", math.Inf(1): "?",
	}
	for v, want := range tests {
		if got := short(v); got != want {
			t.Errorf("%v is %q, want %q", v, got, want)
		}
	}
}

// Whatever the points, a chart has the width that was asked for, and a number
// for a column few characters.
func FuzzSpark(f *testing.F) {
	f.Add(3.0, 0.0, 1e300, uint8(7), uint16(200))
	f.Fuzz(func(t *testing.T, a, b, top float64, width uint8, n uint16) {
		points := make([]float64, n%300)
		for i := range points {
			points[i] = a
			if i%3 == 0 {
				points[i] = b
			}
		}
		for _, ascii := range []bool{true, false} {
			if got := ansi.StringWidth(newTheme(ascii).spark(points, int(width), top)); got != int(width) {
				t.Errorf("%d columns, want %d", got, width)
			}
		}
		if s := short(a); len(s) > 6 || strings.TrimSpace(s) == "" {
			t.Errorf("%v is %q", a, s)
		}
	})
}
