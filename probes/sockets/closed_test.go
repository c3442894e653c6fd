package sockets

import (
	"context"
	"net/netip"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"whydrop/probes/sockets/inetdiag"
)

// ends is a kernel that tells of sockets that ended, look by look.
type ends struct {
	looks  [][]inetdiag.Socket
	missed []bool
	closed bool
}

func (e *ends) Close() error { e.closed = true; return nil }

func (e *ends) Read(_ context.Context, visit func(*inetdiag.Socket)) (bool, error) {
	if len(e.looks) == 0 {
		return false, nil
	}
	now, missed := e.looks[0], e.missed[0]
	e.looks, e.missed = e.looks[1:], e.missed[1:]
	for i := range now {
		visit(&now[i])
	}
	return missed, nil
}

func TestConnectionsThatEndAreCounted(t *testing.T) {
	at := func(cookie uint64, retrans, segs uint32, state inetdiag.State) inetdiag.Socket {
		return with(connection(cookie, "203.0.113.1:443"), func(k *inetdiag.Socket) {
			k.State, k.Info.TotalRetrans, k.Info.DataSegsOut = state, retrans, segs
			k.HasMem = state != inetdiag.Close
		})
	}
	dropped := with(at(2, 1, 100, inetdiag.Established), func(k *inetdiag.Socket) { k.Mem.Drops = 7 })
	s, _ := scripted(t,
		[]inetdiag.Socket{at(1, 5, 50, inetdiag.Established), dropped}, // history
		[]inetdiag.Socket{dropped},
		[]inetdiag.Socket{},
	)
	kernel := &ends{missed: make([]bool, 3), looks: [][]inetdiag.Socket{
		{at(9, 1000, 1000, inetdiag.Close)},                                 // before the first look: history
		{at(1, 7, 60, inetdiag.Close), at(3, 2, 10, inetdiag.Close)},        // 3 was never seen
		{at(2, 4, 120, inetdiag.Close), {State: inetdiag.Close, Cookie: 8}}, // 8 never connected
	}}
	s.follow = func() (follower, error) { return kernel, nil }
	f := looksAt(t, s, 3, 0)
	numbers(t, f, map[string]float64{
		"tcp.segs_retrans": 2 + 2 + 3, "tcp.segs_out_data": 10 + 10 + 20, "tcp.flows_retrans": 3, "tcp.sock_drops": 0,
	})
	if row := rowOf(t, f, "peer", "name", "203.0.113.1"); row["retrans"] != 7.0 || row["flows_retrans"] != 3.0 {
		t.Errorf("peer: %v", row)
	}
}

// TestUnusedConnections: only what came to a listener and carried no data counts.
func TestUnusedConnections(t *testing.T) {
	listener := with(connection(1, "0.0.0.0:0"), func(k *inetdiag.Socket) { k.State = inetdiag.Listen })
	end := func(cookie uint64, local uint16, sent, received uint32) inetdiag.Socket {
		return with(connection(cookie, "203.0.113.1:50000"), func(k *inetdiag.Socket) {
			k.State, k.Info.DataSegsOut, k.Info.DataSegsIn = inetdiag.Close, sent, received
			k.Local = netip.AddrPortFrom(k.Local.Addr(), local)
		})
	}
	port := listener.Local.Port()
	s, _ := scripted(t, []inetdiag.Socket{listener}, []inetdiag.Socket{listener})
	kernel := &ends{missed: make([]bool, 2), looks: [][]inetdiag.Socket{
		{end(2, port, 0, 0)}, // before the first look: history
		{end(3, port, 0, 0), end(4, port, 0, 0), end(5, port, 0, 1), end(6, port, 4, 0), end(7, port+1, 0, 0)},
	}}
	s.follow = func() (follower, error) { return kernel, nil }
	numbers(t, looksAt(t, s, 2, 0), map[string]float64{"tcp.ended_unused": 2})
}

// TestTooManyEnds: following them costs the kernel something; beyond a rate it is
// given up, and told.
func TestTooManyEnds(t *testing.T) {
	s, _ := scripted(t, nil, nil, nil)
	kernel := &ends{looks: make([][]inetdiag.Socket, 3), missed: []bool{true, true, false}}
	s.follow = func() (follower, error) { return kernel, nil }
	f := looksAt(t, s, 3, 0)
	told := false
	for _, b := range f.Blind {
		told = told || b.Probe == "sockets" && b.What != ""
	}
	if !kernel.closed || !told {
		t.Errorf("closed: %v, blind spots %v", kernel.closed, f.Blind)
	}
}

// TestShortConnections: a connection that begins and ends between two looks is told
// by the kernel when it ends.
func TestShortConnections(t *testing.T) {
	inNamespace(t)
	listener := listen(t, 8080, 16)
	f := observe(t, 3, 50*time.Millisecond, func(int) {
		for range 10 {
			client := connect(t, 8080)
			server, _, err := unix.Accept(listener)
			if err != nil {
				t.Fatal(err)
			}
			unix.Write(client, make([]byte, 100))
			time.Sleep(time.Millisecond)
			unix.Close(server)
			unix.Close(client)
		}
		time.Sleep(20 * time.Millisecond)
	})
	numbers(t, f, map[string]float64{"tcp.segs_out_data": 20, "tcp.flows_sending": 20, "tcp.flows_retrans": 0})
}
