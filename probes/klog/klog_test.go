package klog

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"golang.org/x/sys/unix"

	"whydrop/probes/fact"
)

// fakeLog is a log whose records a test adds to. A record that begins with
// "errno" is an error instead.
type fakeLog struct {
	records []string
	at      int
	seeks   int
}

func (l *fakeLog) Read(p []byte) (int, error) {
	if l.at == len(l.records) {
		return 0, unix.EAGAIN
	}
	r := l.records[l.at]
	l.at++
	var errno int
	if _, err := fmt.Sscanf(r, "errno %d", &errno); err == nil {
		return 0, unix.Errno(errno)
	}
	return copy(p, r), nil
}

func (l *fakeLog) SeekEnd() error {
	l.seeks++
	l.at = len(l.records)
	return nil
}

func (l *fakeLog) source(now time.Duration) *Source {
	return &Source{open: func() (device, error) { return l, nil }, now: func() time.Duration { return now }}
}

func see(t *testing.T, s *Source) *Reading {
	t.Helper()
	d, err := s.Look(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return d.(*Reading)
}

func factsOf(rs ...*Reading) *fact.Facts {
	f := fact.New(time.Unix(1700000000, 0), 5)
	var readings []fact.Reading
	for _, r := range rs {
		readings = append(readings, fact.Reading{Data: r})
	}
	New().Facts(readings, f)
	return f
}

const (
	flood  = "6,100,90000000,-;TCP: request_sock_TCP: Possible SYN flooding on port 0.0.0.0:80. Sending cookies.\n"
	full   = "4,101,99500000,-;nf_conntrack: nf_conntrack: table full, dropping packet\n SUBSYSTEM=net\n DEVICE=+net:eth0\n"
	usb    = "6,102,99600000,-;usb 1-1: new high-speed device\n"
	forged = "12,103,99700000,-;nf_conntrack: table full, dropping packet\n" // written by a process: facility 1
	down   = "6,104,99800000,c,caller=T1;ena 0000:00:05.0 eth0: Link is Down\n"
)

func TestLog(t *testing.T) {
	l := &fakeLog{records: []string{flood}}
	s := l.source(100 * time.Second)
	first := see(t, s)
	l.records = append(l.records, full, usb, forged, down)
	f := factsOf(first, see(t, s))
	if f.Values["log.readable"].Now != true {
		t.Error("not readable")
	}
	want := []fact.Row{
		{"text": "TCP: request_sock_TCP: Possible SYN flooding on port 0.0.0.0:80. Sending cookies.", "fresh": false, "age_s": 10.0, "level": 6.0},
		{"text": "nf_conntrack: nf_conntrack: table full, dropping packet", "fresh": true, "age_s": 0.5, "level": 4.0},
		{"text": "ena 0000:00:05.0 eth0: Link is Down", "fresh": true, "age_s": 0.2, "level": 6.0},
	}
	rows := f.Tables["log"]
	if len(rows) != len(want) {
		t.Fatalf("%d messages, want %d: %v", len(rows), len(want), rows)
	}
	for i, w := range want {
		for k, v := range w {
			if rows[i][k] != v {
				t.Errorf("message %d: %s = %v, want %v", i, k, rows[i][k], v)
			}
		}
	}
	if first.Messages[len(first.Messages)-1].Seq != 100 {
		t.Error("the first reading changed afterwards")
	}
}

// In a sliding window what was new once becomes history.
func TestFreshFollowsTheWindow(t *testing.T) {
	l := &fakeLog{}
	s := l.source(100 * time.Second)
	a := see(t, s)
	l.records = append(l.records, full)
	b := see(t, s)
	c := see(t, s)
	for _, w := range []struct {
		window []*Reading
		fresh  bool
	}{{[]*Reading{a, b, c}, true}, {[]*Reading{b, c}, false}, {[]*Reading{c}, false}} {
		rows := factsOf(w.window...).Tables["log"]
		if len(rows) != 1 || rows[0]["fresh"] != w.fresh {
			t.Errorf("window of %d: %v, want fresh %v", len(w.window), rows, w.fresh)
		}
	}
}

func TestTrouble(t *testing.T) {
	t.Run("overwritten while away", func(t *testing.T) {
		l := &fakeLog{}
		s := l.source(time.Second)
		first := see(t, s)
		l.records = append(l.records, fmt.Sprint("errno ", int(unix.EPIPE)), full)
		f := factsOf(first, see(t, s))
		if len(f.Tables["log"]) != 1 || len(f.Blind) != 1 {
			t.Errorf("rows %v, blind %v; want one each", f.Tables["log"], f.Blind)
		}
	})
	t.Run("overwritten before the first look", func(t *testing.T) {
		l := &fakeLog{records: []string{fmt.Sprint("errno ", int(unix.EPIPE)), full}}
		if f := factsOf(see(t, l.source(time.Second))); len(f.Blind) != 0 {
			t.Errorf("blind %v: history has no beginning to miss", f.Blind)
		}
	})
	t.Run("a flood", func(t *testing.T) {
		l := &fakeLog{}
		s := l.source(time.Second)
		first := see(t, s)
		for i := range maxBurst + 10 {
			l.records = append(l.records, fmt.Sprintf("4,%d,1,-;net_ratelimit: %d callbacks suppressed\n", i, i))
		}
		last := see(t, s)
		if l.seeks != 1 || len(last.Messages) != maxKept || !last.Lost {
			t.Errorf("seeks %d, kept %d, lost %v", l.seeks, len(last.Messages), last.Lost)
		}
		if f := factsOf(first, last); len(f.Tables["log"]) != maxKept {
			t.Errorf("%d rows", len(f.Tables["log"]))
		}
	})
	t.Run("long history", func(t *testing.T) {
		l := &fakeLog{}
		for i := range 5 * maxKept {
			l.records = append(l.records, fmt.Sprintf("4,%d,1,-;net %d\n", i, i))
		}
		r := see(t, l.source(time.Second))
		if n := len(r.Messages); n != maxKept || r.Messages[n-1].Text != fmt.Sprint("net ", 5*maxKept-1) {
			t.Errorf("kept %d up to %v", n, r.Messages[n-1])
		}
	})
	t.Run("a failing device", func(t *testing.T) {
		l := &fakeLog{records: []string{fmt.Sprint("errno ", int(unix.EIO))}}
		if _, err := l.source(0).Look(context.Background()); !errors.Is(err, unix.EIO) {
			t.Errorf("got %v", err)
		}
	})
}

func TestRefused(t *testing.T) {
	for _, c := range []struct {
		err   error
		needs string
	}{{unix.EPERM, "CAP_SYSLOG, or kernel.dmesg_restrict=0"}, {unix.EACCES, "CAP_SYSLOG, or kernel.dmesg_restrict=0"}, {fs.ErrNotExist, "to run outside the container"}} {
		s := &Source{open: func() (device, error) { return nil, c.err }, now: func() time.Duration { return 0 }}
		f := factsOf(see(t, s))
		if f.Values["log.readable"].Now != false || len(f.Blind) != 1 || f.Blind[0].Needs != c.needs {
			t.Errorf("%v: %v %v", c.err, f.Values, f.Blind)
		}
		if _, ok := f.Tables["log"]; ok {
			t.Errorf("%v: a table although nothing was read", c.err)
		}
	}
}

func TestRelevant(t *testing.T) {
	for text, want := range map[string]bool{
		"TCP: out of memory -- consider tuning tcp_mem":                      true,
		"TCP: too many orphaned sockets":                                     true,
		"neighbour: arp_cache: neighbor table overflow!":                     true,
		"IPv4: martian source 10.0.0.1 from 10.0.0.2, on dev eth0":           true,
		"swapper/0: page allocation failure: order:0, mode:0x20(GFP_ATOMIC)": true,
		"NETDEV WATCHDOG: eth0 (ixgbe): transmit queue 3 timed out":          true,
		"VFS: file-max limit 1024 reached":                                   true,
		"Out of memory: Killed process 12 (nginx)":                           true,
		"fw: IN=eth0 OUT= SRC=10.0.0.1 PROTO=TCP DPT=80":                     true,
		"e1000e 0000:00:19.0 eno1: Detected Hardware Unit Hang":              true,
		"usb 1-1: new high-speed device number 2 using xhci_hcd":             false,
		"EXT4-fs (sda1): mounted filesystem":                                 false,
		"":                                                                   false,
	} {
		if got := relevant(text); got != want {
			t.Errorf("%q: %v, want %v", text, got, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, r := range []string{flood, full, down, "", ";", "1,2,3;", "4294967295,18446744073709551615,9223372036854775807,-;x", "6,1,1,-;" + strings.Repeat("\\xf0é", 200)} {
		f.Add([]byte(r))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		m, ok := parse(b)
		if !ok {
			return
		}
		if len(m.Text) > maxText || m.Level < 0 || m.Level > 7 || m.At < 0 || strings.Contains(m.Text, "\n") {
			t.Errorf("%+v", m)
		}
		if utf8.Valid(b) && !utf8.ValidString(m.Text) {
			t.Errorf("%q was cut inside a character", m.Text)
		}
		relevant(m.Text)
	})
}

// The log of this kernel, if it may be read: two looks, and neither waits.
func TestThisKernel(t *testing.T) {
	s := New()
	r := see(t, s)
	if r.Refused != "" {
		t.Skip(r.Refused, " needs ", r.Needs)
	}
	if r2 := see(t, s); r2.Next < r.Next {
		t.Errorf("sequence numbers fell from %d to %d", r.Next, r2.Next)
	}
}
