package plain

import (
	"slices"
	"strings"
	"testing"
	"unicode"
)

func TestParse(t *testing.T) {
	options := []string{"one", "two", "three"}
	tests := []struct {
		in    string
		verb  verb
		text  string
		ids   string
		wrong string
	}{
		{in: "", verb: leaveOpen},
		{in: "   ", verb: leaveOpen},
		{in: "1", verb: answer, ids: "one"},
		{in: "1 3", verb: answer, ids: "one three"},
		{in: "3,1;1", verb: answer, ids: "three one"},
		{in: "1.", verb: answer, ids: "one"},
		{in: "Two", verb: answer, ids: "two"},
		{in: "0", verb: takeBack},
		{in: "4", wrong: "no answer 4. Expected numbers from 1 to 3"},
		{in: "13", wrong: "no answer 13"},
		{in: "-1", wrong: "no answer -1"},
		{in: "+1m", verb: moment, text: "+1m"},
		{in: "-", verb: moment, text: "-"},
		{in: "at 14:03:05", verb: moment, text: "14:03:05"},
		{in: "at", verb: moment},
		{in: "speed 10", verb: speed, text: "10"},
		{in: "99999999999999999999", wrong: "Not understood"},
		{in: "1 4", wrong: "no answer 4"},
		{in: ",", wrong: "Not understood"},
		{in: "whatever", wrong: "Not understood: whatever"},
		{in: "D", verb: dontKnow},
		{in: "Don't know", verb: dontKnow},
		{in: "d because", wrong: `"d" stands alone, without "because"`},
		{in: "n", wrong: "n needs the text"},
		{in: "n  it's 3 o'clock ", verb: note, text: "it's 3 o'clock"},
		{in: "note 1", verb: note, text: "1"},
		{in: "m", verb: mark},
		{in: "m load test\tbegins", verb: mark, text: "load test begins"},
		{in: "q", wrong: "quit ends"},
		{in: "q Q2a", verb: goTo, text: "Q2a"},
		{in: "g 3", verb: goTo, text: "3"},
		{in: "g", wrong: "g needs a question"},
		{in: "q2a", verb: goTo, text: "q2a"},
		{in: "c 2", verb: causes, text: "2"},
		{in: "c listen.accept-queue-full", verb: causes, text: "listen.accept-queue-full"},
		{in: "quit", verb: quit},
		{in: "EXIT", verb: quit},
		{in: "quit now", wrong: "stands alone"},
		{in: "?", verb: help},
		{in: "help", verb: help},
		{in: "\x1b[A", wrong: "no letter or number"},
		{in: "\x1b[<0;5;8M", wrong: "no letter or number"},
		{in: "\x00\x00", wrong: "no letter or number"},
		{in: "\x1b[200~1 2\x1b[201~", verb: answer, ids: "one two"},
		{in: "n a\x1b[D\x1bOAb\x1b", verb: note, text: "ab"},
		{in: "next", verb: leaveOpen},
		{in: "try db:5432", verb: try, text: "db:5432"},
		{in: "try", wrong: "try needs a destination"},
		{in: "pause", verb: pause},
		{in: "v", verb: verdict},
		{in: "list", verb: answers},
	}
	for _, tt := range tests {
		c, wrong := parse(tt.in, options)
		if tt.wrong != "" {
			if !strings.Contains(wrong, tt.wrong) {
				t.Errorf("parse(%q) says %q, want %q", tt.in, wrong, tt.wrong)
			}
			continue
		}
		if wrong != "" || c.verb != tt.verb || c.text != tt.text || strings.Join(c.options, " ") != tt.ids {
			t.Errorf("parse(%q) is %q %q %v, says %q", tt.in, c.verb, c.text, c.options, wrong)
		}
	}
	if _, wrong := parse("1", nil); !strings.Contains(wrong, "No question is asked now") {
		t.Errorf("without a question it says %q", wrong)
	}
}

// Every word leads to one command.
func TestWordsAreUnique(t *testing.T) {
	seen := map[string]verb{}
	for _, u := range usages {
		for _, w := range append([]string{string(u.verb)}, u.words...) {
			if have, twice := seen[w]; twice {
				t.Errorf("%q stands for %s and for %s", w, have, u.verb)
			}
			seen[w] = u.verb
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"", "1 2,3", "n \xff\x00", "q Q2a", "d", "\x1b[A", "c 99999999999999999999", "n\u202e", "g\u00a03"} {
		f.Add(s)
	}
	options := []string{"one", "two", "three"}
	f.Fuzz(func(t *testing.T, s string) {
		c, wrong := parse(s, options)
		if wrong == "" {
			understood(t, s, c, options)
			return
		}
		if c.verb != "" || c.options != nil || c.text != "" || len(wrong) > 300 {
			t.Errorf("parse(%q) is %v and says %q", s, c, wrong)
		}
		if strings.ContainsFunc(wrong, func(r rune) bool { return r < ' ' || r > '~' }) {
			t.Errorf("parse(%q) says %q", s, wrong)
		}
	})
}

// understood checks what holds of every command that was understood.
func understood(t *testing.T, s string, c command, options []string) {
	if (c.verb == answer) != (len(c.options) > 0) || c.verb != answer && c.verb != leaveOpen && usageOf(string(c.verb)) == nil {
		t.Errorf("parse(%q) is %v", s, c)
	}
	for i, id := range c.options {
		if !slices.Contains(options, id) || slices.Contains(c.options[:i], id) {
			t.Errorf("parse(%q) answers %v", s, c.options)
		}
	}
	if strings.ContainsFunc(c.text, func(r rune) bool { return !unicode.IsPrint(r) }) {
		t.Errorf("parse(%q) has the text %q", s, c.text)
	}
}
