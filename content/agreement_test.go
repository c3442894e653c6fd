package content

import (
	"reflect"
	"regexp"
	"strings"
	"testing"
)

// TestAgreement renders sentences about one and about many.
func TestAgreement(t *testing.T) {
	book, err := Load("")
	if err != nil {
		t.Fatal(err)
	}
	env := NewEnv(map[string]any{"Tcp.InSegs": 1.0, "Tcp.OutSegs": 12.0, "Tcp.InErrs": 1.2})
	for source, want := range map[string]string{
		"{Tcp.InSegs} segment{s} {was|were} lost":                        "1 segment was lost",
		"{Tcp.OutSegs} segment{s} {was|were} lost":                       "12 segments were lost",
		"{Tcp.InErrs} segment{s} {was|were} lost":                        "1.2 segments were lost",
		"{Tcp.InSegs} of {Tcp.OutSegs} segments {was|were} lost":         "1 of 12 segments was lost",
		"{Tcp.OutSegs} of {Tcp.OutSegs} segments {was|were} lost":        "12 of 12 segments were lost",
		"{Tcp.InSegs} {entry|entries}, {Tcp.OutSegs} {entry|entries}":    "1 entry, 12 entries",
		"{round(Tcp.InSegs * 1.2)} look{s}":                              "1 look",
		"{percent(share(Tcp.InSegs, Tcp.OutSegs))} of them {was|were}":   "8.3 % of them were",
		"{Tcp.AttemptFails} segment{s}":                                  "not known segments",
		"lost singly (dispersion {Tcp.AttemptFails}), in {Tcp.InSegs}":   "lost singly, in 1",
		"lost (of {Tcp.OutSegs}), {Tcp.AttemptFails} of them {is|are} x": "lost (of 12), not known of them are x",
	} {
		text := &Text{Source: source, scope: scope{vocabulary: book.Facts}}
		if err := text.Check(); err != nil {
			t.Errorf("%q: %v", source, err)
			continue
		}
		if said, _ := text.Render(env); said != want {
			t.Errorf("%q says %q, expected %q", source, said, want)
		}
	}
	outline := &Text{Source: "{Tcp.InSegs} segment{s} {was|were} lost", scope: scope{vocabulary: book.Facts}}
	if got, want := outline.Outline(book.Facts, ""), "N segments were lost"; got != want {
		t.Errorf("the outline is %q, expected %q", got, want)
	}
}

// plural finds a noun in the plural that follows a number.
var plural = regexp.MustCompile(`^ (?:[a-z-]+ )?(?:segments|packets|connections|frames|attempts|SYNs|RSTs|retransmissions|sockets|addresses|entries|recoveries|descriptors|listeners|handshakes|probes|timeouts|cookies|requests)\b`)

// aside is a word after a number that is not of the same phrase.
var aside = regexp.MustCompile(`^ (?:in|with|after|of|for|per) `)

// TestNumbersAgree finds the sentences that would speak of "1 segments".
func TestNumbersAgree(t *testing.T) {
	book, err := Load("")
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	everyText(reflect.ValueOf(book), map[uintptr]bool{}, func(text *Text) {
		found++
		var before part
		of := false
		for _, p := range text.compiled() {
			if before.expr != nil && !of && plural.MatchString(p.literal) && !aside.MatchString(p.literal) && isCount(text, before.expr) {
				t.Errorf("%s:%d: {%s}%.40s...: write {s} or {one|more} where the number can be 1", text.File, text.Line, before.expr.Source, p.literal)
			}
			if p.expr == nil {
				of = p.literal == " of "
			}
			before = p
		}
	})
	if found < 1000 {
		t.Errorf("only %d texts were looked at", found)
	}
}

// isCount says whether an expression is a measured number rather than a setting or a text.
func isCount(text *Text, e *Expr) bool {
	for _, name := range e.Uses() {
		def := text.vocabulary.Lookup(name, text.table)
		if def == nil || def.Type == String || strings.HasPrefix(name, "sysctl.") || name == "link.txqueuelen" {
			return false
		}
	}
	return len(e.Uses()) > 0 && !strings.Contains(e.Source, "percent(")
}

// everyText goes through all that a value refers to.
func everyText(v reflect.Value, seen map[uintptr]bool, do func(*Text)) {
	switch v.Kind() {
	case reflect.Pointer:
		if v.IsNil() || seen[v.Pointer()] {
			return
		}
		seen[v.Pointer()] = true
		if text, ok := v.Interface().(*Text); ok {
			do(text)
			return
		}
		everyText(v.Elem(), seen, do)
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				everyText(v.Field(i), seen, do)
			}
		}
	case reflect.Slice, reflect.Array:
		for i := range v.Len() {
			everyText(v.Index(i), seen, do)
		}
	}
}
