package sockets

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"testing"
	"time"

	"whydrop/probes/sockets/inetdiag"
)

// pairDump shows the same connections at every look.
type pairDump struct {
	shows  []inetdiag.Socket
	err    error
	called chan struct{} // if set: told at each dump
	wait   chan struct{} // if set: a dump takes until it is closed
}

func (d *pairDump) Dump(_ context.Context, r inetdiag.Request, visit func(*inetdiag.Socket)) (bool, error) {
	if d.called != nil {
		close(d.called)
		d.called = nil
		<-d.wait
	}
	for i := range d.shows {
		if s := d.shows[i]; (r.Family == 2) == s.Remote.Addr().Is4() {
			visit(&s)
		}
	}
	return false, d.err
}

func (d *pairDump) Close() error { return nil }

func pairSource(t *testing.T, d *pairDump) *Source {
	s := New()
	s.procRoot = t.TempDir()
	s.dial = func() (dumper, error) { return d, nil }
	s.follow = func() (follower, error) { return nil, errors.New("not here") }
	return s
}

func established(local, remote string, queue uint32) inetdiag.Socket {
	return inetdiag.Socket{
		State: inetdiag.Established, WQueue: queue, UID: 7,
		Local: netip.MustParseAddrPort(local), Remote: netip.MustParseAddrPort(remote),
	}
}

func TestPairsOfALook(t *testing.T) {
	d := &pairDump{shows: []inetdiag.Socket{
		established("10.0.0.1:1000", "10.0.0.2:80", 0),
		established("10.0.0.1:1001", "10.0.0.3:80", 9),
		established("10.0.0.1:1002", "10.0.0.2:80", 0),
		established("127.0.0.1:1003", "127.0.0.1:80", 9), // never leaves the host
		{State: inetdiag.TimeWait, Local: netip.MustParseAddrPort("10.0.0.1:1004"), Remote: netip.MustParseAddrPort("10.0.0.4:80")},
	}}
	s := pairSource(t, d)
	if _, ok := s.Pairs(t.Context()); ok {
		t.Error("pairs before anybody looked")
	}
	look := func() {
		if _, err := s.Look(t.Context()); err != nil && d.err == nil {
			t.Fatal(err)
		}
	}
	look()
	addr := netip.MustParseAddr
	want := []inetdiag.Pair{
		{Local: addr("10.0.0.1"), Remote: addr("10.0.0.3"), UID: 7, Sockets: 1, Sending: 1},
		{Local: addr("10.0.0.1"), Remote: addr("10.0.0.2"), UID: 7, Sockets: 2},
	}
	if got, ok := s.Pairs(t.Context()); !ok || !slices.Equal(got, want) {
		t.Errorf("got %+v, %v, want %+v", got, ok, want)
	}
	d.shows = d.shows[:1]
	s.shared.at = s.shared.at.Add(-pairsRest) // as if that time had passed
	look()
	if got, ok := s.Pairs(t.Context()); !ok || len(got) != 1 || got[0].Sockets != 1 {
		t.Errorf("after a later look: %+v, %v", got, ok)
	}
	d.err = errors.New("broken")
	look()
	if got, ok := s.Pairs(t.Context()); ok {
		t.Errorf("after a look that failed: %+v", got)
	}
}

// TestPairsAwaitTheFirstLook asks while the first look is under way.
func TestPairsAwaitTheFirstLook(t *testing.T) {
	d := &pairDump{
		shows:  []inetdiag.Socket{established("10.0.0.1:1000", "10.0.0.2:80", 0)},
		called: make(chan struct{}), wait: make(chan struct{}),
	}
	s := pairSource(t, d)
	called, looked := d.called, make(chan error, 1)
	go func() { _, err := s.Look(context.Background()); looked <- err }()
	<-called
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, ok := s.Pairs(ended); ok {
		t.Error("pairs of a look that is not over")
	}
	time.AfterFunc(10*time.Millisecond, func() { close(d.wait) })
	if got, ok := s.Pairs(t.Context()); !ok || len(got) != 1 {
		t.Errorf("got %+v, %v", got, ok)
	}
	if err := <-looked; err != nil {
		t.Fatal(err)
	}
}
