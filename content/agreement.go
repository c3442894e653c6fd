package content

import (
	"regexp"
	"strings"
)

// agreement is what stands in braces of a text and depends on the number before it:
// {s} for the plural of a noun, {was|were} for words that differ.
type agreement struct{ one, more string }

var agreeing = regexp.MustCompile(`^(?:s|([A-Za-z' -]*)\|([A-Za-z' -]*))$`)

// agreementOf returns nil for what is an expression.
func agreementOf(inBraces string) *agreement {
	m := agreeing.FindStringSubmatch(inBraces)
	switch {
	case m == nil:
		return nil
	case inBraces == "s":
		return &agreement{"", "s"}
	}
	return &agreement{m[1], m[2]}
}

func (a *agreement) with(n counted) string {
	if n.one {
		return a.one
	}
	return a.more
}

// counted is the number that words agree with: the last one, and of "1 of 12" the
// first.
type counted struct {
	one, of bool
}

// passes goes over words between values.
func (c *counted) passes(literal string) { c.of = literal == " of " }

// takes goes over a value.
func (c *counted) takes(v any, known bool) {
	n, number := v.(float64)
	switch {
	case c.of:
		c.of = false
	case known && number:
		c.one = Show(n) == "1"
	case !known:
		c.one = false
	}
}

// idleRemark is a remark in parentheses that tells nothing.
var idleRemark = regexp.MustCompile(` \([^()]*` + Unknown + `[^()]*\)`)

// withoutIdleRemarks leaves out remarks with a value that nobody knows.
func withoutIdleRemarks(s string) string {
	if !strings.Contains(s, Unknown) {
		return s
	}
	return idleRemark.ReplaceAllString(s, "")
}
