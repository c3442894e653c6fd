package progress

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func answer(card string, grade int, at time.Time) Entry {
	return Entry{At: at, Kind: Drill, Card: card, Grade: grade, Hops: []string{"listen"}, Seconds: 3}
}

func mustOpen(t *testing.T, paths ...string) *Log {
	t.Helper()
	l, err := Open(paths...)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func mustAdd(t *testing.T, l *Log, e Entry) {
	t.Helper()
	if _, err := l.Add(e); err != nil {
		t.Fatal(err)
	}
}

// TestLogComesBack adds entries with all that they can hold, and reads them.
func TestLogComesBack(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state", "progress.log")
	l := mustOpen(t, path)
	full := Entry{
		At: noon, Kind: Train, Session: "s1", Scenario: "checkout", Level: 2, Truths: []string{"listen.accept-queue-full"}, Hops: []string{"listen"},
		Groups: map[int]float64{1: 1, 10: 0.5}, Areas: map[string]float64{"clarifying": 0.25}, Steps: 9, Seconds: 300, Total: 0.7,
	}
	mustAdd(t, l, full)
	mustAdd(t, l, answer("a", 3, noon.Add(time.Minute)))
	got := mustOpen(t, path)
	if fmt.Sprint(got.Entries()) != fmt.Sprint(l.Entries()) || len(got.Entries()) != 2 || fmt.Sprint(got.Entries()[0]) != fmt.Sprint(full) {
		t.Errorf("read\n%v\nwant\n%v", got.Entries(), l.Entries())
	}
	if st, err := os.Stat(path); err != nil || st.Mode().Perm() != 0o600 {
		t.Errorf("the file has mode %v: expected that only its owner can read it", st.Mode())
	}
}

// TestLogDamage cuts, spoils and lengthens the file: what is whole is read, the rest
// is counted, and what is added next is whole.
func TestLogDamage(t *testing.T) {
	for _, tt := range []struct {
		name          string
		spoil         func([]byte) []byte
		kept, damaged int
	}{
		{"nothing", func(b []byte) []byte { return b }, 3, 0},
		{"empty", func([]byte) []byte { return nil }, 0, 0},
		{"cut in the last line", func(b []byte) []byte { return b[:len(b)-5] }, 2, 1},
		{"cut before its end", func(b []byte) []byte { return b[:len(b)-1] }, 3, 0},
		{"a bit turned", func(b []byte) []byte { b[20] ^= 4; return b }, 2, 1},
		{"zeros", func(b []byte) []byte { return append(b, make([]byte, 4096)...) }, 3, 1},
		{"a long line", func(b []byte) []byte { return append(append(bytes.Repeat([]byte("x"), 3*longestLine), '\n'), b...) }, 3, 1},
		{"an empty line", func(b []byte) []byte { return append([]byte("\n"), b...) }, 3, 1},
		{"something else", func([]byte) []byte { return []byte("\x1b[31m no log\r\n00000000 {}\n") }, 0, 2},
	} {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "progress.log")
			l := mustOpen(t, path)
			for i := range 3 {
				mustAdd(t, l, answer(fmt.Sprint(i), 3, noon))
			}
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, tt.spoil(data), 0o600); err != nil {
				t.Fatal(err)
			}
			l = mustOpen(t, path)
			mustAdd(t, l, answer("next", 4, noon))
			again := mustOpen(t, path)
			if got := len(again.Entries()); got != tt.kept+1 || again.Damaged() != tt.damaged || l.Damaged() != tt.damaged {
				t.Errorf("%d entries, %d lines damaged (%d before): expected %d and %d", got, again.Damaged(), l.Damaged(), tt.kept+1, tt.damaged)
			}
			if last := again.Entries()[len(again.Entries())-1]; last.Card != "next" {
				t.Errorf("the last entry is %v", last)
			}
		})
	}
}

// TestLogWrongEntry adds what must not be believed: nothing is written.
func TestLogWrongEntry(t *testing.T) {
	path := filepath.Join(t.TempDir(), "progress.log")
	l := mustOpen(t, path)
	nan := 0.0
	nan /= nan
	for _, e := range []Entry{
		{}, {Kind: Train, Total: 1.1}, {Kind: Train, Total: nan}, {Kind: Train, Groups: map[int]float64{11: 1}}, {Kind: Train, Areas: map[string]float64{"plan": -1}},
		{Kind: Drill, Grade: 3}, {Kind: Drill, Card: "a", Grade: 5}, {Kind: Train, Seconds: -1}, {Kind: Train, Session: strings.Repeat("x", 2*longestLine)},
	} {
		if _, err := l.Add(e); err == nil {
			t.Errorf("%.80v was taken", fmt.Sprint(e))
		}
	}
	if st, err := os.Stat(path); err == nil && st.Size() > 0 {
		t.Errorf("%d bytes were written", st.Size())
	}
}

// TestLogElsewhere has a first place that takes nothing: the second does, and both
// are read.
func TestLogElsewhere(t *testing.T) {
	dir := t.TempDir()
	blocked := filepath.Join(dir, "file", "progress.log")
	if err := os.WriteFile(filepath.Join(dir, "file"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	second := filepath.Join(dir, "second.log")
	l, _ := Open(blocked, second)
	path, err := l.Add(answer("a", 3, noon))
	if err != nil || path != second {
		t.Errorf("kept in %q, %v", path, err)
	}
	l, err = Open(blocked, second)
	if len(l.Entries()) != 1 || err == nil {
		t.Errorf("%d entries, error %v: expected 1, and to be told of the first place", len(l.Entries()), err)
	}
	if _, err := mustOpen(t).Add(answer("a", 3, noon)); err == nil {
		t.Error("an entry was kept nowhere")
	}
}

// TestLogForeign does not follow a link and reads no pipe.
func TestLogForeign(t *testing.T) {
	dir := t.TempDir()
	target, link := filepath.Join(dir, "target"), filepath.Join(dir, "progress.log")
	if err := os.WriteFile(target, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(target, link); err != nil {
		t.Fatal(err)
	}
	l, err := Open(link)
	if !errors.Is(err, ErrForeign) {
		t.Errorf("opened: %v", err)
	}
	if _, err := l.Add(answer("a", 3, noon)); !errors.Is(err, ErrForeign) {
		t.Errorf("added: %v", err)
	}
	if data, _ := os.ReadFile(target); string(data) != "x" {
		t.Errorf("the target was changed to %q", data)
	}
}

// TestLogTogether adds from two logs in turn: each has what the other added.
func TestLogTogether(t *testing.T) {
	path := filepath.Join(t.TempDir(), "progress.log")
	a, b := mustOpen(t, path), mustOpen(t, path)
	for i := range 5 {
		mustAdd(t, a, answer(fmt.Sprint("a", i), 3, noon))
		mustAdd(t, b, answer(fmt.Sprint("b", i), 3, noon))
	}
	if len(a.Entries()) != 9 || len(b.Entries()) != 10 || len(mustOpen(t, path).Entries()) != 10 {
		t.Errorf("a has %d, b %d: expected 9 and 10", len(a.Entries()), len(b.Entries()))
	}
}

// TestLogKilled has processes write at the same time and killed in the middle: every
// line that one of them said was kept is there, and whole.
func TestLogKilled(t *testing.T) {
	path := os.Getenv("PROGRESS_LOG")
	if path != "" { // the child: writes until it is killed
		l := mustOpen(t, path)
		for i := range 100000 {
			name := fmt.Sprintf("%d-%d", os.Getpid(), i)
			mustAdd(t, l, answer(name, 3, noon))
			fmt.Println("kept", name)
		}
		return
	}
	path = filepath.Join(t.TempDir(), "progress.log")
	var outs []*bytes.Buffer
	var children []*exec.Cmd
	for range 3 {
		out := &bytes.Buffer{}
		c := exec.Command(os.Args[0], "-test.run", "TestLogKilled$")
		c.Env, c.Stdout = append(os.Environ(), "PROGRESS_LOG="+path), out
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		outs, children = append(outs, out), append(children, c)
	}
	for late := time.Now().Add(10 * time.Second); time.Now().Before(late); time.Sleep(20 * time.Millisecond) {
		if st, err := os.Stat(path); err == nil && st.Size() > 20000 {
			break
		}
	}
	for _, c := range children {
		_ = c.Process.Kill()
		_ = c.Wait()
	}
	have := map[string]bool{}
	l := mustOpen(t, path)
	for _, e := range l.Entries() {
		have[e.Card] = true
	}
	if l.Damaged() > len(children) || len(have) == 0 {
		t.Errorf("%d lines damaged, %d entries", l.Damaged(), len(have))
	}
	for _, out := range outs {
		for _, said := range strings.Split(out.String(), "\n") {
			if name, ok := strings.CutPrefix(said, "kept "); ok && strings.Count(name, "-") == 1 && !have[name] && strings.HasSuffix(out.String(), "\n") {
				t.Errorf("%s was said to be kept and is not there", name)
			}
		}
	}
}

// FuzzLog reads anything without a panic, and what is added to it is there.
func FuzzLog(f *testing.F) {
	path := filepath.Join(f.TempDir(), "seed.log")
	l, _ := Open(path)
	_, _ = l.Add(answer("a", 3, noon))
	seed, err := os.ReadFile(path)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(seed)
	f.Add([]byte("00000000 {}\n"))
	f.Add([]byte("\x00\n\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		path := filepath.Join(t.TempDir(), "progress.log")
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		l := mustOpen(t, path)
		before := len(l.Entries())
		mustAdd(t, l, answer("added", 2, noon))
		again := mustOpen(t, path)
		if n := len(again.Entries()); n != before+1 || again.Entries()[n-1].Card != "added" {
			t.Fatalf("%d entries, then %d", before, n)
		}
		Summarize(again.Entries(), noon).Next(Outlook{Due: 1, New: 1})
	})
}
