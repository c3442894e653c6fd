package ui

import (
	"fmt"
	"math"
	"strings"
)

// spark draws how a number moved as one glyph a step, the newest at the right:
// the greatest point of each step between 0 and top, or the greatest of all
// where top is 0. A point at 0 has a glyph of its own: it was measured. Steps
// before the first point are blank.
func (t theme) spark(points []float64, width int, top float64) string {
	if width <= 0 {
		return ""
	}
	points = condense(points, width)
	if top <= 0 {
		for _, p := range points {
			top = math.Max(top, p)
		}
	}
	var b strings.Builder
	b.WriteString(strings.Repeat(" ", width-len(points)))
	last := len(t.levels) - 1
	for _, p := range points {
		level := 0
		if p > 0 && top > 0 {
			level = min(max(int(math.Ceil(p/top*float64(last))), 1), last)
		}
		b.WriteString(t.levels[level])
	}
	return b.String()
}

// condense makes at most width points of many: each the greatest of its share,
// so that a short burst is not smoothed away. Shares are counted from the newest
// point, so that what is drawn moves to the left and does not flicker.
func condense(points []float64, width int) []float64 {
	if width <= 0 || len(points) == 0 {
		return nil
	}
	each := (len(points) + width - 1) / width
	steps := (len(points) + each - 1) / each
	out := make([]float64, steps)
	for i, p := range points {
		if math.IsNaN(p) {
			continue
		}
		step := steps - 1 - (len(points)-1-i)/each
		out[step] = math.Max(out[step], p)
	}
	return out
}

// short is a number in at most five characters, for columns: 0.4, 42, 9999,
// 12.3k, 4.2M. What is not a whole number has two digits that tell.
func short(v float64) string {
	switch a := math.Abs(v); {
	case math.IsNaN(v) || math.IsInf(v, 0):
		return "?"
	case a > 0 && a < 0.1:
		return "<0.1"
	case a < 10 && a != math.Trunc(a):
		return fmt.Sprintf("%.1f", v)
	case a < 9999.5:
		return fmt.Sprintf("%.0f", v)
	}
	for _, unit := range []string{"k", "M", "G", "T", "P"} {
		v /= 1000
		switch a := math.Abs(v); {
		case a < 99.95:
			return fmt.Sprintf("%.1f%s", v, unit)
		case a < 999.5:
			return fmt.Sprintf("%.0f%s", v, unit)
		}
	}
	return fmt.Sprintf("%.0e", v*1e15)
}

// perSecond is a rate for a column, "" where the length of the window is not
// known.
func perSecond(n, seconds float64) string {
	if seconds <= 0 {
		return ""
	}
	return short(n/seconds) + "/s"
}
