package ui

import (
	"os"
	"strings"

	"charm.land/lipgloss/v2"
)

// theme is how things look. Only the sixteen colours of the terminal are used,
// so that it reads well on light and dark backgrounds, and nothing is said by
// colour alone.
type theme struct {
	plain, bold, dim, good, bad, warn, accent, cursor, tab, tabOn lipgloss.Style

	// Glyphs, all one column wide.
	bar, barRest, rule, ellipsis, pointer, ticked, unticked, open, shut, branch string
}

func newTheme(ascii bool) theme {
	s := lipgloss.NewStyle
	t := theme{
		plain: s(), bold: s().Bold(true), dim: s().Faint(true),
		good: s().Foreground(lipgloss.Green), bad: s().Foreground(lipgloss.Red).Bold(true),
		warn: s().Foreground(lipgloss.Magenta), accent: s().Foreground(lipgloss.Blue).Bold(true),
		cursor: s().Reverse(true), tab: s().Faint(true), tabOn: s().Bold(true).Underline(true),
		bar: "█", barRest: "░", rule: "─", ellipsis: "…", pointer: "›",
		ticked: "[x]", unticked: "[ ]", open: "○", shut: "×", branch: "├",
	}
	if ascii {
		t.bar, t.barRest, t.rule, t.ellipsis, t.pointer = "#", ".", "-", "~", ">"
		t.open, t.shut, t.branch = "o", "x", "|"
	}
	return t
}

// asciiOnly says whether the locale promises no more than ASCII.
func asciiOnly() bool {
	for _, name := range []string{"LC_ALL", "LC_CTYPE", "LANG"} {
		if v := os.Getenv(name); v != "" {
			v = strings.ToLower(v)
			return !strings.Contains(v, "utf-8") && !strings.Contains(v, "utf8")
		}
	}
	return true
}
