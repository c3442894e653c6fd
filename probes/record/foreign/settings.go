package foreign

import (
	"bytes"
	"fmt"
	"strings"
)

// settingFiles are the files below /proc/sys that a command prints; nil if it prints
// anything else.
func settingFiles(words []string) []string {
	if len(words) < 2 || words[0] != "cat" {
		return nil
	}
	var all []string
	for _, w := range words[1:] {
		for _, path := range braces(w) {
			name, ok := strings.CutPrefix(path, "/proc/sys/")
			if !ok {
				return nil
			}
			all = append(all, strings.NewReplacer("/", ".", ".", "/").Replace(name))
		}
	}
	return all
}

// braces writes a{b,c} out, as the shell does.
func braces(word string) []string {
	before, rest, open := strings.Cut(word, "{")
	list, after, closed := strings.Cut(rest, "}")
	if !open || !closed {
		return []string{word}
	}
	var all []string
	for part := range strings.SplitSeq(list, ",") {
		all = append(all, before+part+after)
	}
	return all
}

// namedSettings writes files of /proc/sys as sysctl prints them; others stay as they are.
func namedSettings(p *piece) {
	files := settingFiles(p.command)
	if p.kind.name != "sysctl" || files == nil {
		return
	}
	var out bytes.Buffer
	lines := bytes.Split(bytes.TrimSpace(p.text), []byte{'\n'})
	for i, name := range files[:min(len(files), len(lines))] {
		fmt.Fprintf(&out, "%s = %s\n", name, bytes.TrimSpace(lines[i]))
	}
	p.text = out.Bytes()
}

// joinedSettings puts settings that were asked for one by one into one sample; where one
// comes again, another sample begins.
func joinedSettings(pieces []piece) []piece {
	var out []piece
	last := -1 // the current sample
	var have map[string]string
	for _, p := range pieces {
		if p.kind.name != "sysctl" {
			out = append(out, p)
			continue
		}
		namedSettings(&p)
		more := parseSysctls(string(p.text))
		again := last < 0
		for name := range more {
			_, twice := have[name]
			again = again || twice
		}
		if again {
			last, have = len(out), more
			out = append(out, p)
			continue
		}
		for name, v := range more {
			have[name] = v
		}
		out[last].text = append(out[last].text, p.text...)
	}
	return out
}
