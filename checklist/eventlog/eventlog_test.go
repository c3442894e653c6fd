package eventlog

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

type step struct {
	N    int    `json:"n"`
	Kind string `json:"kind"`
	Text string `json:"text,omitempty"`
}

var steps = Form[step]{
	Extension: ".steps",
	Word:      "steps",
	Known:     func(s step) (int, string, bool) { return s.N, s.Kind, s.Kind != "dance" },
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// TestDamage reads what is left of a log: each damaged line costs itself, however long
// its neighbours are, and the line that a kill cut off is told.
func TestDamage(t *testing.T) {
	long := strings.Repeat("x", 2<<20)
	log, err := steps.Create(t.TempDir(), "../a b", time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC))
	must(t, err)
	if name := filepath.Base(log.Path); name != "20260301-090000-___a_b.steps" {
		t.Errorf("the log is called %s", name)
	}
	must(t, log.Append(step{N: 1, Kind: "walk"}))
	must(t, log.Append(step{N: 2, Kind: "walk", Text: long}))
	if _, _, _, err := steps.Resume(log.Path); !errors.Is(err, ErrInUse) {
		t.Errorf("two writers: %v", err)
	}
	must(t, log.Close())
	f, err := os.OpenFile(log.Path, os.O_WRONLY|os.O_APPEND, 0)
	must(t, err)
	_, err = f.WriteString("garbage\n{\"n\":2,\"kind\":\"walk\"}\n{\"n\":3,\"kind\":\"dance\"}\n{\"n\":4,\"kind\":\"wa")
	must(t, err)
	must(t, f.Close())

	_, read, err := steps.Read(log.Path)
	must(t, err)
	log, events, notes, err := steps.Resume(log.Path)
	must(t, err)
	want := []string{"line 3 is damaged", "line 4 is left out: event 2", `line 5 is left out: "dance"`, "line 6 has no end"}
	if len(notes) != len(want) || !slices.EqualFunc(notes, want, strings.HasPrefix) || !slices.Equal(read, notes) {
		t.Errorf("%q", notes)
	}
	must(t, log.Append(step{N: 5, Kind: "walk"}))
	must(t, log.Close())
	after, _, err := steps.Read(log.Path)
	must(t, err)
	if len(events) != 2 || events[1].Text != long || len(after) != 3 || after[2].N != 5 {
		t.Errorf("%d events, then %d", len(events), len(after))
	}
}

// TestEach passes over what is no log, and has the newest first, with two of one second.
func TestEach(t *testing.T) {
	dir := t.TempDir()
	for _, second := range []int{1, 2, 2} {
		log, err := steps.Create(dir, "x", time.Date(2026, 3, 1, 9, 0, second, 0, time.UTC))
		must(t, err)
		must(t, log.Close())
	}
	must(t, unix.Mkfifo(filepath.Join(dir, "20270301-pipe.steps"), 0o600))
	must(t, os.WriteFile(filepath.Join(dir, "notes.txt"), nil, 0o600))
	var names []string
	must(t, steps.Each(dir, func(path string, _ []step) { names = append(names, filepath.Base(path)) }))
	if len(names) != 3 || names[2] != "20260301-090001-x.steps" {
		t.Errorf("%q", names)
	}
	if _, _, err := steps.Read(filepath.Join(dir, "20270301-pipe.steps")); err == nil {
		t.Error("a pipe was read as a log")
	}
	must(t, steps.Each(filepath.Join(dir, "nowhere"), func(string, []step) { t.Error("read") }))
}
