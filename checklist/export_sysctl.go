package checklist

import (
	"fmt"
	"strings"
)

// sysctls writes the sysctls of the plan as a file for sysctl.d(5): sysctl -p takes
// it, and systemd-sysctl at boot. What is no sysctl is told in comments.
func (e *Export) sysctls() []byte {
	var b strings.Builder
	say := func(indent string, t ...stepText) { fmt.Fprintln(&b, comments(indent, t...)) }
	say("", stepText{"", e.title()})
	say("", stepText{"", "For /etc/sysctl.d/90-whydrop.conf; sysctl -p FILE sets it now. A key that is shared by all network namespaces can be set in the first one only."})
	for _, s := range e.Steps {
		fmt.Fprintln(&b)
		say("", stepText{"", s.heading()})
		var lines []Setting
		for _, x := range s.Settings {
			if x.Change.Knob == "sysctl" {
				lines = append(lines, x)
			} else {
				say("  ", stepText{"No sysctl", x.Change.Name() + " to " + x.Change.To})
			}
		}
		if len(lines) == 0 {
			if len(s.Settings) == 0 {
				say("  ", stepText{"No sysctl", s.Change})
			}
			continue
		}
		for _, t := range s.texts() {
			if t.Head != "Change" {
				say("  ", t)
			}
		}
		for _, x := range lines {
			b.WriteString(sysctlLine(x, s.OnRequest()))
		}
	}
	return []byte(b.String())
}

// sysctlLine is a line of the file with what to know about it. What such a file
// cannot say, and what is only taken on request, is a comment.
func sysctlLine(x Setting, onRequest bool) string {
	c := x.Change
	var b strings.Builder
	say := func(head, text string) { fmt.Fprintln(&b, comments("  ", stepText{head, text})) }
	switch {
	case x.Was != nil:
		say("Value before", x.Was.Text)
	default:
		say("Value before", "unknown: "+x.Unread)
	}
	for _, k := range x.Words.Keep {
		if strings.HasPrefix(k.File, "/etc/modules-load.d/") {
			say("Needs the module", fmt.Sprintf("%s first: a line in %s, and modprobe %s now", k.Line, k.File, k.Line))
		}
	}
	line := c.Of + " = " + c.To
	switch {
	case strings.ContainsAny(c.Of, "=*?[]# \t") || strings.HasPrefix(c.Of, "-"):
		say("", "not set here, for its key would mean something else in such a file: "+line)
	case strings.TrimSpace(c.To) != c.To:
		say("", "not set here, for its blanks would be lost: "+line)
	case single(line) != line:
		say("", "not set here, for not all of it can be shown: "+line)
	case onRequest:
		say("", line)
	default:
		b.WriteString(line + "\n")
	}
	return b.String()
}
