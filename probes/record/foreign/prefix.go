package foreign

import (
	"bytes"
	"regexp"
	"slices"
	"strings"
)

// fewQuoted is the least number of neighbouring lines that are taken for a quotation: one
// that begins with ">" alone may be a prompt.
const fewQuoted = 3

// withoutQuotes takes away what mail and chat put in front of quoted lines: "> ", ">> ",
// "| ".
func withoutQuotes(text []byte) []byte {
	const deepest = 8
	for range deepest {
		lines := bytes.SplitAfter(text, []byte{'\n'})
		found := false
		for from := 0; from < len(lines); {
			to := from
			for to < len(lines) && len(lines[to]) > 0 && (lines[to][0] == '>' || lines[to][0] == '|') {
				to++
			}
			if to-from >= fewQuoted {
				found = true
				unquote(lines[from:to])
			}
			from = max(to, from+1)
		}
		if !found {
			return text
		}
		text = bytes.Join(lines, nil)
	}
	return text
}

// unquote takes one mark away from lines, and the blank behind it where all have one.
func unquote(lines [][]byte) {
	spaced := true
	for i := range lines {
		lines[i] = lines[i][1:]
		spaced = spaced && (lines[i][0] == ' ' || lines[i][0] == '\n' || lines[i][0] == '>' || lines[i][0] == '|')
	}
	for i := range lines {
		if spaced && lines[i][0] == ' ' {
			lines[i] = lines[i][1:]
		}
	}
}

// In front of each line stands when it was logged, by whom, or on which host.
var (
	stamp      = regexp.MustCompile(`^(?:\[?(?:\d{4}-\d\d-\d\d[T ])?\d\d:\d\d:\d\d(?:[.,]\d+)?(?:Z|[+-]\d\d:?\d\d)?\]?:?|[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d(?:\.\d+)?)(?: |$)`)
	loggedFrom = regexp.MustCompile(`^[\w.-]+ [\w./()-]+(?:\[\d+\])?:(?: |$)`)
	hostFirst  = regexp.MustCompile(`^\[?[\w.-]+(?:\]|:| \|)?(?: |$)`)
)

// enoughLines tell of a large text that its lines share nothing.
const enoughLines = 1000

// withoutPrefixes takes away what the lines of a text share in front of them, as logs and
// tools that call others on several hosts put it there. Of the ways to read the text the
// one is taken in which most is understood, the plain one first.
func withoutPrefixes(from string, text []byte) []byte {
	ways := [][]byte{text}
	later := text
	if cut, shared := cutShared(text, stamp, false); shared {
		later = cut
		ways = append(ways, cut)
	}
	for _, prefix := range []*regexp.Regexp{loggedFrom, hostFirst} {
		if cut, shared := cutShared(later, prefix, true); shared {
			ways = append(ways, cut)
		}
	}
	if len(ways) == 1 {
		return text
	}
	best, most := text, -1
	for _, way := range ways {
		if n := understoodIn(from, way); n > most {
			best, most = way, n
		}
	}
	return best
}

// understoodIn is how many outputs are found in a text that tell more than of its host.
func understoodIn(from string, text []byte) (n int) {
	for _, p := range split(from, withoutIndent(text)).pieces {
		if !about[p.kind.name] {
			n++
		}
	}
	return n
}

// cutShared cuts what an expression finds off the beginnings of lines, if at least nine
// of ten have it; with same, one and the same.
func cutShared(text []byte, prefix *regexp.Regexp, same bool) (cut []byte, shared bool) {
	lines := bytes.SplitAfter(text, []byte{'\n'})
	first := ""
	all, with := 0, 0
	for i, line := range lines {
		bare := bytes.TrimRight(line, "\n")
		if len(bytes.TrimSpace(bare)) == 0 || bytes.HasPrefix(bare, []byte("```")) {
			continue
		}
		if all++; all == enoughLines && with*2 < all {
			return nil, false
		}
		m := prefix.Find(bare[:min(len(bare), 200)])
		if m == nil {
			continue
		}
		word := strings.TrimRight(string(m), " ")
		if first == "" {
			first = word
		}
		if same && word != first {
			continue
		}
		with++
		lines[i] = line[len(m):]
	}
	if all < fewQuoted || with*10 < all*9 {
		return nil, false
	}
	return slices.Concat(lines...), true
}
