package fact

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Clean makes text from outside fit for a fact: valid UTF-8, without control
// characters and the space around it, at most n bytes.
func Clean(s string, n int) string {
	s = s[:min(len(s), 4*n)]
	s = strings.Map(func(r rune) rune {
		if r == utf8.RuneError || !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, strings.ToValidUTF8(strings.TrimSpace(s), "?"))
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}
