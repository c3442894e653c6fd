package casefile

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// badDisk is a file whose disk is full, or does not answer, when a test says so.
type badDisk struct {
	*os.File
	mu      sync.Mutex
	full    bool
	noTrunc bool
	gate    chan struct{} // closed when it answers again; nil if it does
}

func (d *badDisk) set(change func()) { d.mu.Lock(); defer d.mu.Unlock(); change() }

func (d *badDisk) Write(p []byte) (int, error) {
	d.mu.Lock()
	gate := d.gate
	d.mu.Unlock()
	if gate != nil {
		<-gate
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.full { // a part of it has room
		n, _ := d.File.Write(p[:len(p)/2])
		return n, unix.ENOSPC
	}
	return d.File.Write(p)
}

func (d *badDisk) Truncate(size int64) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.noTrunc {
		return unix.EIO
	}
	return d.File.Truncate(size)
}

func onBadDisk(t *testing.T) (*session, *badDisk, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "bad.case")
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR|os.O_APPEND, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	d := &badDisk{File: file}
	f := start(d, path, 0, 0, said{})
	h := header()
	h.Schema = Schema
	if err := f.put(chunk{lines: []entry{line(beginKind, h)}}); err != nil {
		t.Fatal(err)
	}
	return &session{t: t, file: f, now: Snapshot{Case: newCase(t)}}, d, path
}

// A full disk is told with the key that it takes nothing of; when there is room
// again, everything is there.
func TestFullDisk(t *testing.T) {
	for _, noTrunc := range []bool{false, true} {
		s, d, path := onBadDisk(t)
		s.answer("Q1a", "before")
		d.set(func() { d.full, d.noTrunc = true, noTrunc })
		c := s.now.Case
		for _, note := range []string{"d", "du", "during"} {
			a := c.Answers["Q1b"]
			a.Note = note
			if err := c.Answer("Q1b", a); err != nil {
				t.Fatal(err)
			}
			if err := s.file.Keep(s.now); !errors.Is(err, unix.ENOSPC) {
				t.Fatalf("%q on a full disk: %v", note, err)
			}
		}
		if l := mustLoad(t, path); len(l.Case.Answers) != 1 {
			t.Errorf("on the full disk there is %v", l.Case.Answers)
		}
		d.set(func() { d.full, d.noTrunc = false, false })
		s.keep()
		l := mustLoad(t, path)
		same(t, l, s.now)
		if damaged := strings.Contains(strings.Join(l.Notes, ""), "damaged"); damaged != noTrunc {
			t.Errorf("notes %q", l.Notes)
		}
		s.close()
	}
}

// A disk that does not answer makes one key wait a little, and no other; what was said
// meanwhile is there when it answers.
func TestSlowDisk(t *testing.T) {
	s, d, path := onBadDisk(t)
	s.answer("Q1a", "before")
	gate := make(chan struct{})
	d.set(func() { d.gate = gate })
	c := s.now.Case
	for i, q := range []string{"Q1b", "Q2a", "Q3a"} {
		if err := c.Answer(q, s.now.Case.Answers["Q1a"]); err != nil {
			t.Fatal(err)
		}
		before := time.Now()
		if err := s.file.Keep(s.now); !errors.Is(err, ErrSlow) {
			t.Errorf("key %d: %v", i, err)
		}
		if waited := time.Since(before); i > 0 && waited > shortWait/2 {
			t.Errorf("key %d waited %v", i, waited)
		}
	}
	if !s.file.Behind() {
		t.Error("nothing is behind")
	}
	d.set(func() { d.gate = nil })
	close(gate)
	for range 100 {
		if !s.file.Behind() {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	s.keep()
	same(t, mustLoad(t, path), s.now)
	s.close()
}

// A file that somebody removed is not written on as if it were there.
func TestRemovedFile(t *testing.T) {
	s := begin(t, t.TempDir())
	s.answer("Q1a", "one")
	if err := os.Remove(s.file.Path()); err != nil {
		t.Fatal(err)
	}
	_ = s.now.Case.Answer("Q1b", s.now.Case.Answers["Q1a"])
	if err := s.file.Keep(s.now); !errors.Is(err, errRemoved) {
		t.Errorf("kept in a file that was removed: %v", err)
	}
	s.file.Abandon()
}

// However long a session is and however large the host, its file stays small; after
// an event the host is seen more closely.
func TestAllowance(t *testing.T) {
	o := &observer{began: began}
	for _, tt := range []struct {
		after time.Duration
		most  int64
	}{{0, 1 << 20}, {time.Hour, 3 << 20}, {24 * time.Hour, 40 << 20}, {1000 * time.Hour, allowedAll}} {
		if got := o.allowance(began.Add(tt.after)); got > tt.most || got < allowedFirst {
			t.Errorf("after %v %d bytes are allowed, want at most %d", tt.after, got, tt.most)
		}
	}
	before := o.allowance(began)
	o.happened()
	if got := o.allowance(began); got <= before {
		t.Errorf("after an event %d bytes are allowed, before %d", got, before)
	}
}
