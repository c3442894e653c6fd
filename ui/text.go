package ui

import (
	"strings"

	"github.com/charmbracelet/x/ansi"
)

// clip cuts a line to a width, with an ellipsis if anything is lost.
func (t theme) clip(s string, width int) string {
	if width <= 0 {
		return ""
	}
	return ansi.Truncate(s, width, t.ellipsis)
}

// pad clips a line and fills it with spaces to exactly a width.
func (t theme) pad(s string, width int) string {
	s = t.clip(s, width)
	return s + strings.Repeat(" ", max(0, width-ansi.StringWidth(s)))
}

// block makes exactly height lines of exactly width columns.
func (t theme) block(lines []string, width, height int) []string {
	out := make([]string, height)
	for i := range out {
		if i < len(lines) {
			out[i] = t.pad(lines[i], width)
		} else {
			out[i] = strings.Repeat(" ", max(0, width))
		}
	}
	return out
}

// wrap breaks text at spaces into lines of a width; lines after the first begin
// with indent.
func wrap(s string, width int, indent string) []string {
	width = max(width, 4)
	var lines []string
	for i, l := range strings.Split(ansi.Wrap(s, max(width-len(indent), 4), ""), "\n") {
		l = strings.TrimRight(l, " ")
		if i > 0 {
			l = indent + strings.TrimLeft(l, " ")
		}
		lines = append(lines, l)
	}
	return lines
}

// meter draws a share between 0 and 1.
func (t theme) meter(share float64, width int) string {
	full := int(share*float64(width) + 0.5)
	full = min(max(full, 0), width)
	return strings.Repeat(t.bar, full) + strings.Repeat(t.barRest, width-full)
}

// scroll is a place in a list of lines that is longer than the screen.
type scroll struct{ top int }

// keep moves so that the lines from first to last are to be seen, and returns
// the visible lines.
func (s *scroll) keep(lines []string, first, last, height int) []string {
	if last >= s.top+height {
		s.top = last - height + 1
	}
	if first < s.top {
		s.top = first
	}
	return s.window(lines, height)
}

// window returns the visible lines.
func (s *scroll) window(lines []string, height int) []string {
	s.top = max(0, min(s.top, len(lines)-height))
	return lines[s.top:min(len(lines), s.top+height)]
}
