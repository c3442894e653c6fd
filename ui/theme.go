package ui

import "charm.land/lipgloss/v2"

// theme is how things look. Only colours that read well on light and on dark
// backgrounds are used, of the terminal's own sixteen, and nothing is said by
// colour alone.
type theme struct {
	plain, bold, dim, good, bad, warn, cursor lipgloss.Style

	// Glyphs, all one column wide.
	bar, barRest, rule, border, ellipsis, pointer, open, shut string
	branch, lastBranch                                        string   // of a tree
	down, up                                                  string   // the ways of sent and received packets
	levels                                                    []string // of a sparkline, the first for 0
}

const ticked, unticked = "[x]", "[ ]"

func newTheme(ascii bool) theme {
	s := lipgloss.NewStyle
	t := theme{
		plain: s(), bold: s().Bold(true), dim: s().Faint(true),
		good: s().Foreground(lipgloss.Green).Bold(true), bad: s().Foreground(lipgloss.Red).Bold(true),
		warn: s().Foreground(lipgloss.Magenta).Bold(true), cursor: s().Reverse(true),
		bar: "█", barRest: "░", rule: "─", border: "│", ellipsis: "…", pointer: "›",
		open: "○", shut: "×", branch: "├", lastBranch: "└", down: "▼", up: "▲",
		levels: []string{"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"},
	}
	if ascii {
		t.bar, t.barRest, t.rule, t.border, t.ellipsis, t.pointer = "#", ".", "-", "|", "~", ">"
		t.open, t.shut, t.branch, t.lastBranch, t.down, t.up = "o", "x", "|", "`", "v", "^"
		t.levels = []string{"_", ".", ":", "-", "=", "+", "*", "#"}
	}
	return t
}
