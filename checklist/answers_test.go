package checklist

import (
	"strings"
	"testing"
	"time"

	"whydrop/content"
)

func TestReadAnswers(t *testing.T) {
	tests := []struct {
		name, file, want string
	}{
		{"mapping", "Q1a: {options: [one-host], note: all day}", ""},
		{"list", "Q1a: [one-host, many-systems]", ""},
		{"word", "Q1a: one-host", ""},
		{"JSON", `{"Q1a": {"options": ["one-host"]}}`, ""},
		{"don't know", "Q1a: dont-know", ""},
		{"no question of that name", "Q1a: one-host\nQ11: x", `f.yaml:2: there is no question "Q11"`},
		{"no option of that name", "Q1a: [one-host, nobody]", `f.yaml:1: question Q1a has no option "nobody": expected one of one-application`},
		{"unknown key", "Q1a: {options: [one-host], notes: x}", "f.yaml:"},
		{"not a mapping", "- Q1a", "f.yaml:"},
		{"broken YAML", "Q1a: [", "f.yaml:"},
		{"empty", "", "f.yaml:"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := newCase(t, "")
			err := c.ReadAnswers("f.yaml", []byte(tt.file))
			if tt.want == "" {
				if err != nil {
					t.Fatal(err)
				}
				if !c.Answers["Q1a"].Given() {
					t.Error("the answer was not taken")
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error is %v, want %s", err, tt.want)
			}
			if len(c.Answers) > 0 {
				t.Errorf("of a wrong file something was taken: %v", c.Answers)
			}
		})
	}
}

func TestAnswersRoundTrip(t *testing.T) {
	c := newCase(t, "")
	want := Answer{Options: []string{"one-host", "many-systems"}, Note: "a: \"quoted\" # note\u202e"}
	if err := c.Answer("Q1a", want); err != nil {
		t.Fatal(err)
	}
	data, err := c.AnswersYAML()
	if err != nil {
		t.Fatal(err)
	}
	back := newCase(t, "")
	if err := back.ReadAnswers("kept.yaml", data); err != nil {
		t.Fatal(err)
	}
	got := back.Answers["Q1a"]
	if strings.Join(got.Options, ",") != strings.Join(want.Options, ",") || got.Note != want.Note {
		t.Errorf("came back as %+v", got)
	}
}

func FuzzReadAnswers(f *testing.F) {
	f.Add([]byte("Q1a: one-host"))
	f.Add([]byte(`{"Q1a": {"options": ["one-host"], "note": "x"}}`))
	f.Add([]byte("&a [*a]"))
	book, err := content.Load("")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		c := NewCase(book, time.Unix(0, 0))
		if err := c.ReadAnswers("f", data); err == nil {
			if _, err := c.AnswersYAML(); err != nil {
				t.Error(err)
			}
		}
	})
}
