package drill

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"whydrop/probes/fact"
)

// recordings are the facts of real faults, by the cause; those with a second fault or
// that nothing tells are left out.
func recordings(t *testing.T) map[string][]*fact.Facts {
	t.Helper()
	files, err := filepath.Glob("../testdata/lab/*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("no recorded facts: %v", err)
	}
	all := map[string][]*fact.Facts{}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var r struct {
			Cause   string      `json:"cause"`
			And     string      `json:"and"`
			NotSeen string      `json:"not_seen"`
			Facts   *fact.Facts `json:"facts"`
		}
		if err := json.Unmarshal(data, &r); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		if r.And == "" && r.NotSeen == "" {
			all[r.Cause] = append(all[r.Cause], r.Facts)
		}
	}
	return all
}

// moved says whether a fact moved on a host: a number, or that of any row. known is
// false where nobody could read it.
func moved(f *fact.Facts, name string) (is, known bool) {
	if v, ok := f.Values[name]; ok {
		n, _ := v.Now.(float64)
		return n > 0, true
	}
	table, field, _ := strings.Cut(name, ".")
	for _, row := range f.Tables[table] {
		n, has := row[field].(float64)
		is, known = is || n > 0, known || has
	}
	return is, known
}

// elsewhere are causes whose signal is counted elsewhere: the machine as a whole gets
// under pressure, and the namespace of whoever was first counts it.
var elsewhere = []string{"socket.tcp-memory"}

// TestRecordedSignals asks hosts that were really sick: what is right moved on some of
// those with the cause, what is wrong on few of them and on fewer.
func TestRecordedSignals(t *testing.T) {
	book, err := shared()
	if err != nil {
		t.Fatal(err)
	}
	d, err := book.Drill()
	if err != nil {
		t.Fatal(err)
	}
	h := &sick{t: t, hosts: recordings(t), facts: map[string][]string{}}
	for _, s := range d.Signals {
		h.facts[s.Shows] = append([]string{s.Fact}, s.Or...)
	}
	looked := 0
	for _, c := range allCards(t) {
		switch c.Kind {
		case Signals:
			if h.signal(c) {
				looked++
			}
		case Causes:
			for _, other := range book.Causes {
				if n, of := h.share(other.ID, c.Whys[0]); slices.Contains(c.Choices[1:], other.Title) && n*3 > of {
					t.Errorf("%s: %s moved on %d of %d hosts with %s, which is wrong", c.ID, c.Whys[0], n, of, other.ID)
				}
			}
		}
	}
	if looked < 20 {
		t.Errorf("%d signals were looked at", looked)
	}
	t.Log(looked, "signals were looked at on", len(h.hosts), "kinds of sick hosts")
}

// sick are the recorded hosts by cause, and the facts that signals are.
type sick struct {
	t     *testing.T
	hosts map[string][]*fact.Facts
	facts map[string][]string
}

// share is on how many of the hosts with a cause a signal moved, and of how many it is
// known.
func (h *sick) share(cause, shows string) (n, of int) {
	for _, f := range h.hosts[cause] {
		any, seen := false, false
		for _, name := range h.facts[shows] {
			is, known := moved(f, name)
			any, seen = any || is, seen || known
		}
		if seen {
			of++
		}
		if any {
			n++
		}
	}
	return n, of
}

// signal judges a card by the hosts with its cause, and says whether there are any.
func (h *sick) signal(c *Card) bool {
	right, of := h.share(c.Subject, c.Choices[0])
	if of > 0 && right == 0 && !slices.Contains(elsewhere, c.Subject) {
		h.t.Errorf("%s: %s is right, and moved on none of %d sick hosts", c.ID, c.Choices[0], of)
	}
	for _, wrong := range c.Choices[1:] {
		if n, of := h.share(c.Subject, wrong); n*3 > of || n > 0 && n >= right {
			h.t.Errorf("%s: %s is wrong, and moved on %d of %d sick hosts (what is right on %d)", c.ID, wrong, n, of, right)
		}
	}
	return of > 0
}
