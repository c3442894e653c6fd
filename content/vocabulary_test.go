package content

import (
	"strings"
	"testing"
)

// What a table shows first and whose counters they are is checked.
func TestScopeAndShow(t *testing.T) {
	for name, tt := range map[string]struct {
		file *file
		want string // of the first problem, "" for none
	}{
		"right":         {&file{Probe: "x", Facts: []*FactDef{{Name: "x.a", Type: Count, Means: "a", Scope: HostWide}}}, ""},
		"unknown scope": {&file{Probe: "x", Facts: []*FactDef{{Name: "x.a", Type: Count, Means: "a", Scope: "galaxy"}}}, `scope "galaxy"`},
		"unknown field": {&file{Probe: "x", Tables: []*TableDef{{Name: "y", Means: "y", Show: []string{"nope"}, Fields: []*FactDef{{Name: "name", Type: String, Means: "name", Holds: "word"}}}}}, `unknown field "nope"`},
		"table's scope": {&file{Probe: "x", Tables: []*TableDef{{Name: "y", Means: "y", Scope: "galaxy", Fields: []*FactDef{{Name: "name", Type: String, Means: "name", Holds: "word"}}}}}, `scope "galaxy"`},
	} {
		l := &loader{book: &Book{Facts: newVocabulary()}}
		l.addFacts("x.yaml", tt.file)
		text := ""
		for _, p := range l.problems {
			text += p.Error() + "\n"
		}
		if tt.want == "" && text != "" || !strings.Contains(text, tt.want) {
			t.Errorf("%s: problems %q: expected %q", name, text, tt.want)
		}
	}
}
