package content

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestRubric has every group and all six areas in the built-in rubric, each with items
// of every level, and no hint that costs without saying so.
func TestRubric(t *testing.T) {
	book, err := LoadTraining("")
	if err != nil {
		t.Fatal(err)
	}
	r, err := book.Rubric("")
	if err != nil {
		t.Fatal(err)
	}
	groups := map[int]bool{}
	for _, s := range r.Sections {
		groups[s.Group] = true
		levels := map[string]bool{}
		for _, i := range s.Items {
			levels[i.Level] = true
			if strings.HasSuffix(i.Says, ".") {
				t.Errorf("%s: an item is no sentence: %s", i.ID, i.Says)
			}
		}
		for _, l := range r.Levels {
			if !levels[l.ID] {
				t.Errorf("section %s has nothing that a %s does", s.ID, l.ID)
			}
		}
	}
	for _, g := range book.Groups {
		if !groups[g.Number] {
			t.Errorf("no section is about group %d, %s", g.Number, g.Title)
		}
	}
	for _, id := range []string{"clarifying", "measuring", "reasoning", "conclusion", "plan", "communication"} {
		if s := r.Section(id); s == nil || s.Looks == "" {
			t.Errorf("there is no area %s that says what is looked for", id)
		}
	}
}

// TestRubricProblems tells what is wrong with a rubric.
func TestRubricProblems(t *testing.T) {
	book, err := LoadTraining("")
	if err != nil {
		t.Fatal(err)
	}
	head := "levels: [{id: good, title: Good, means: good}]\nminutes: 10\n"
	section := "sections: [{id: a, title: A, weak: w, items: [{id: a.1, level: good, says: Does it}]}]\n"
	for _, tt := range []struct{ text, want string }{
		{head + section, ""},
		{"levels: []\nminutes: 10\n" + section, "expected 1 to 6"},
		{head, "there are no sections"},
		{head + strings.ReplaceAll(section, "level: good", "level: best"), `unknown level "best"`},
		{head + strings.ReplaceAll(section, "says: Does it", "says: Does it, by: [Q99]"), `by "Q99"`},
		{head + strings.ReplaceAll(section, "title: A", "group: 11"), "unknown group 11"},
		{head + section + "pacing: [{until: 11, title: T}]", "none later than minutes"},
		{head + section + "hints: [{id: h, title: H, says: s, costs: c, caps: {b: good}}]", `caps "b"`},
		{head + section + "asides: [null]", "an aside: expected"},
		{head + section + "hints: [null]", "a hint: expected"},
		{head + "sections: [null]", "without an id"},
		{strings.ReplaceAll(head, "10", ".nan") + section, "minutes NaN"},
		{head + section + "colour: red", "colour"},
		{"- 1", "rubric.yaml"},
	} {
		file := filepath.Join(t.TempDir(), "rubric.yaml")
		if err := os.WriteFile(file, []byte(tt.text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := book.Rubric(file)
		switch {
		case tt.want == "" && err != nil:
			t.Errorf("%s: %v", tt.text, err)
		case tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)):
			t.Errorf("%s: %v, want %s", tt.text, err, tt.want)
		}
	}
	if _, err := book.Rubric("/dev/zero"); err == nil {
		t.Error("an endless file was read")
	}
	if _, err := book.Rubric("/nonexistent"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a file that is not there: %v", err)
	}
}
