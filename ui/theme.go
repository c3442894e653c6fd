package ui

import (
	"strings"

	"charm.land/lipgloss/v2"

	"whydrop/ui/tty"
)

// theme is how things look. Of the terminal's own sixteen colours only those are
// used that read well on white, on black and on the backgrounds between: red and
// magenta (green, yellow and cyan fade on white, blue on black), and nothing is
// said by colour alone. What is faint is hard to read on some of them: it is for
// what is also told elsewhere.
type theme struct {
	plain, bold, dim, bad, warn, cursor lipgloss.Style

	// Glyphs, all one column wide but for the ellipsis of ASCII, which has three.
	bar, barRest, rule, border, ellipsis, pointer, open, shut string
	branch, lastBranch                                        string   // of a tree
	down, up                                                  string   // the ways of sent and received packets
	levels                                                    []string // of a sparkline, the first for 0
}

const ticked, unticked = "[x]", "[ ]"

// asciiGlyphs says whether the theme that was asked for ("auto", "unicode",
// "ascii") means the glyphs of ASCII in an environment. The others are of
// ambiguous width by Unicode (UAX #11): in Chinese, Japanese and Korean locales
// terminals may draw them two columns wide, so there they must be asked for.
func asciiGlyphs(asked string, env []string) bool {
	if asked == "auto" {
		return tty.ASCIIOnly(env) || eastAsian(env)
	}
	return asked == "ascii"
}

// eastAsian says whether the locale of characters is Chinese, Japanese or Korean.
func eastAsian(env []string) bool {
	set := map[string]string{}
	for _, entry := range env {
		name, value, _ := strings.Cut(entry, "=")
		set[name] = value
	}
	for _, name := range []string{"LC_ALL", "LC_CTYPE", "LANG"} {
		if locale := strings.ToLower(set[name]); locale != "" {
			language := strings.FieldsFunc(locale, func(r rune) bool { return r < 'a' || r > 'z' })
			return len(language) > 0 && (language[0] == "zh" || language[0] == "ja" || language[0] == "ko")
		}
	}
	return false
}

// faint is the style of what steps back, or plain.
func (t theme) faint(is bool) lipgloss.Style {
	if is {
		return t.dim
	}
	return t.plain
}

func newTheme(ascii bool) theme {
	s := lipgloss.NewStyle
	t := theme{
		plain: s(), bold: s().Bold(true), dim: s().Faint(true),
		bad:  s().Foreground(lipgloss.Red).Bold(true),
		warn: s().Foreground(lipgloss.Magenta).Bold(true), cursor: s().Reverse(true),
		bar: "█", barRest: "░", rule: "─", border: "│", ellipsis: "…", pointer: "›",
		open: "○", shut: "×", branch: "├", lastBranch: "└", down: "▼", up: "▲",
		levels: []string{"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"},
	}
	if ascii {
		t.bar, t.barRest, t.rule, t.border, t.ellipsis, t.pointer = "#", ".", "-", "|", "...", ">"
		t.open, t.shut, t.branch, t.lastBranch, t.down, t.up = "o", "x", "|", "`", "v", "^"
		t.levels = []string{"_", ".", ":", "-", "=", "+", "*", "#"}
	}
	return t
}
