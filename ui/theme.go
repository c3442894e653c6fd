package ui

import (
	"os"
	"strings"

	"charm.land/lipgloss/v2"
)

// theme is how things look. Only colours that read well on light and on dark
// backgrounds are used, of the terminal's own sixteen, and nothing is said by
// colour alone.
type theme struct {
	plain, bold, dim, good, bad, warn, cursor lipgloss.Style

	// Glyphs, all one column wide.
	bar, barRest, rule, border, ellipsis, pointer, open, shut, branch string
}

const ticked, unticked = "[x]", "[ ]"

func newTheme(ascii bool) theme {
	s := lipgloss.NewStyle
	t := theme{
		plain: s(), bold: s().Bold(true), dim: s().Faint(true),
		good: s().Foreground(lipgloss.Green).Bold(true), bad: s().Foreground(lipgloss.Red).Bold(true),
		warn: s().Foreground(lipgloss.Magenta).Bold(true), cursor: s().Reverse(true),
		bar: "█", barRest: "░", rule: "─", border: "│", ellipsis: "…", pointer: "›",
		open: "○", shut: "×", branch: "├",
	}
	if ascii {
		t.bar, t.barRest, t.rule, t.border, t.ellipsis, t.pointer = "#", ".", "-", "|", "~", ">"
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
