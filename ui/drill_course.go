package ui

import (
	"math"
	"os"
	"strings"
)

// ASCIIGlyphs says whether the theme that was asked for ("auto", "unicode", "ascii")
// means ASCII in this environment.
func ASCIIGlyphs(theme string) bool { return asciiGlyphs(theme, os.Environ()) }

// Course draws how marks from 0 to 1 went as one glyph a step, the newest at the
// right: each the mean of its share. Empty for fewer than two marks.
func Course(marks []float64, width int, ascii bool) string {
	if len(marks) < 2 || width <= 0 {
		return ""
	}
	levels := newTheme(ascii).levels
	steps := min(width, len(marks))
	var b strings.Builder
	for i := range steps {
		part := marks[i*len(marks)/steps : (i+1)*len(marks)/steps]
		sum := 0.0
		for _, m := range part {
			sum += m
		}
		level := int(math.Round(sum / float64(len(part)) * float64(len(levels)-1)))
		b.WriteString(levels[min(max(level, 0), len(levels)-1)])
	}
	return b.String()
}
