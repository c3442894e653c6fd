package redact

import (
	"fmt"
	"strings"
	"testing"

	"whydrop/content"
	"whydrop/probes/fact"
)

// TestNamesOfSets: in the place of an address, an interface or a port, a rule may name
// a set, a map or a chain, in whatever field that is shown.
func TestNamesOfSets(t *testing.T) {
	b := book(t)
	r := New(b, []byte("fixed"))
	for _, d := range b.Facts.TableOf("rule").Fields {
		if d.Type != content.String || d.Holds == "word" {
			continue
		}
		for _, rule := range []string{"@initech_peers", "@initech", "vmap @initech-map", "jump initech_in", "-m set --match-set initech src"} {
			row := fact.Row{d.Name: rule}
			if d.Holds == "interface" && !strings.HasPrefix(rule, "@") {
				continue // holds one word
			}
			got := fmt.Sprint(r.Facts(&fact.Facts{Tables: map[string][]fact.Row{"rule": {row}}}).Tables["rule"][0])
			if strings.Contains(got, "initech") {
				t.Errorf("%s: %s became %s", d.Name, rule, got)
			}
		}
	}
	if got := r.Text("addresses in @initech_peers are dropped"); strings.Contains(got, "initech") {
		t.Errorf("a sentence became %q", got)
	}
}
