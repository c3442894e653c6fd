package changes

import (
	"context"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"whydrop/probes/fact"
	"whydrop/probes/fact/facttest"
)

const vocabulary = "../../content/facts/changes.yaml"

func see(t testing.TB, s *Source) *Reading {
	t.Helper()
	d, err := s.Look(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return d.(*Reading)
}

func factsOf(s *Source, r *Reading) *fact.Facts {
	f := fact.New(time.Unix(1700000000, 0), 5)
	s.Facts([]fact.Reading{{At: r.At, Data: r}}, f)
	return f
}

// This host: whatever it is, what is told is in the vocabulary and in order.
func TestThisHost(t *testing.T) {
	s := New(map[string]string{"net.ipv4.tcp_sack": "1", "net.core.somaxconn": "4096"})
	r := see(t, s)
	f := factsOf(s, r)
	facttest.InVocabulary(t, vocabulary, f)
	for i, c := range r.Changes {
		t.Logf("%v %s %s: %s (%s -> %s) %s", c.At.Format(time.DateTime), c.Kind, c.Name, c.What, c.Was, c.Is, c.Source)
		if i > 0 && c.At.After(r.Changes[i-1].At) {
			t.Errorf("%v comes after an older change", c)
		}
	}
	for _, b := range f.Blind {
		t.Log(b)
	}
	for _, n := range f.Names() {
		t.Log(n, f.Values[n].Now)
	}
}

func BenchmarkLook(b *testing.B) {
	s := New(nil)
	for b.Loop() {
		see(b, s)
	}
}

// What the operator works under is no service that was started lately.
func TestAncestors(t *testing.T) {
	tree, err := openTree("/")
	if err != nil {
		t.Fatal(err)
	}
	l := &look{tree: tree}
	if mine := l.ancestors(); !slices.Contains(mine, strconv.Itoa(os.Getpid())) || os.Getppid() > 1 && !slices.Contains(mine, strconv.Itoa(os.Getppid())) {
		t.Errorf("ancestors %v, want %d and %d among them", mine, os.Getpid(), os.Getppid())
	}
}
