package main

import (
	"bufio"
	"bytes"
	"strings"
	"testing"
	"unicode"

	"whydrop/checklist"
	"whydrop/content"
)

// TestEverythingIsExplained: each name of the content has a page that fits the
// width, but for commands, and shows no unfinished text.
func TestEverythingIsExplained(t *testing.T) {
	book, err := content.Load("")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range book.Entries() {
		a := checklist.Explain(book, e)
		if len(a.Sections) == 0 && e.Kind != content.KindFact && e.Kind != content.KindField {
			t.Errorf("%s %s: nothing is told", e.Kind, e.Name)
		}
		for _, width := range []int{40, 80} {
			for l := range strings.Lines(written(t, a, width, false)) {
				l = strings.TrimSuffix(l, "\n")
				command := strings.Contains(l, "$ ")
				if len([]rune(l)) > width && !command {
					t.Errorf("%s: %d columns and more: %q", e.Name, width, l)
				}
				if !command && (strings.TrimRight(l, " ") != l || strings.Contains(l, "\\x")) {
					t.Errorf("%s: %q", e.Name, l)
				}
			}
		}
	}
}

// TestACauseIsToldWhole: nothing that the content says of a cause is left out.
func TestACauseIsToldWhole(t *testing.T) {
	book, err := content.Load("")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range book.Causes {
		page := strings.Join(strings.Fields(written(t, checklist.Explain(book, content.Entry{Kind: content.KindCause, Name: c.ID}), maxWidth, false)), " ")
		want := append([]string{c.Happens, c.Notice, c.Believed, c.Settle}, c.Sources...)
		for _, r := range append(append([]*content.Rule{}, c.For...), c.Against...) {
			want = append(append(want, r.When.Source), r.Unless...)
		}
		for _, x := range c.ConfusedWith {
			want = append(want, x.Cause, x.Tell)
		}
		for _, r := range c.Remedies {
			want = append(want, r.Title, r.Setting, r.Rollback.Outline(book.Facts, r.Each), r.Risk.Outline(book.Facts, r.Each))
		}
		for _, text := range want {
			if !strings.Contains(page, strings.Join(strings.Fields(text), " ")) {
				t.Errorf("%s: the page lacks %q", c.ID, text)
			}
		}
	}
}

func TestOnlyATerminalGetsStyles(t *testing.T) {
	a := &checklist.Article{Kind: content.KindCause, Name: "a\x1b[2Jb", Title: "T\x07", Sections: []checklist.Section{{Title: "S", Items: []checklist.Item{{Label: "l", Command: "c\x1b"}}}}}
	for _, r := range written(t, a, 80, false) {
		if r != '\n' && !unicode.IsPrint(r) {
			t.Errorf("%U reaches the terminal", r)
		}
	}
	if got := written(t, a, 80, true); !strings.HasPrefix(got, "\x1b[1m") || strings.Contains(got, "[2J") && strings.Contains(got, "\x1b[2J") {
		t.Errorf("%q", got)
	}
	if coloured(&bytes.Buffer{}) {
		t.Error("a buffer is taken for a terminal")
	}
}

func TestCommandsAreParted(t *testing.T) {
	for line, want := range map[string]string{
		"a; b;c":                "a|b|c",
		"awk '{ x; y }'; b":     "awk '{ x; y }'|b",
		`echo "it's; so" ; b`:   `echo "it's; so"|b`,
		"an 'open quote; and b": "an 'open quote; and b",
	} {
		if got := strings.Join(commandsOf(line), "|"); got != want {
			t.Errorf("%s: %s, want %s", line, got, want)
		}
	}
}

func written(t *testing.T, a *checklist.Article, width int, colour bool) string {
	t.Helper()
	var out bytes.Buffer
	if err := showArticle(&sheet{w: bufio.NewWriter(&out), width: width}, a, colour); err != nil {
		t.Fatal(err)
	}
	return out.String()
}
