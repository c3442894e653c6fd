package sockets

import (
	"context"
	"maps"
	"math/rand/v2"
	"net/netip"
	"testing"

	"golang.org/x/sys/unix"

	"whydrop/probes/sockets/inetdiag"
)

// TestMemoryAgainstMap lets sockets come and go and compares with a plain map.
func TestMemoryAgainstMap(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	var m memory
	want := map[uint64]uint32{}
	for look := uint32(1); look <= 60; look++ {
		left := map[uint64]bool{} // at this look: remembered for one more
		for cookie, value := range want {
			if random.IntN(4) == 0 {
				delete(want, cookie)
				left[cookie] = true
				continue
			}
			r, isNew := m.get(cookie)
			if isNew || r.counters.Retrans != value {
				t.Fatalf("look %d: socket %d has %d, want %d (new: %v)", look, cookie, r.counters.Retrans, value, isNew)
			}
			r.seen = look
		}
		for range random.IntN(400) {
			cookie := uint64(random.IntN(3000)) + 1
			r, isNew := m.get(cookie)
			if _, known := want[cookie]; known && isNew {
				t.Fatalf("look %d: socket %d was forgotten", look, cookie)
			}
			want[cookie] = cookie32(cookie, look)
			r.counters.Retrans, r.seen, r.gone = want[cookie], look, false
			delete(left, cookie)
		}
		told := map[uint64]bool{}
		m.forget(look, func(r *remembered) { told[r.cookie] = true })
		if int(m.n) != len(want)+len(left) || !maps.Equal(told, left) {
			t.Fatalf("look %d: %d remembered, want %d and %d that left; told of %d", look, m.n, len(want), len(left), len(told))
		}
		for cookie := range left {
			if m.find(cookie) == nil {
				t.Fatalf("look %d: socket %d was forgotten at once", look, cookie)
			}
		}
	}
}

func cookie32(cookie uint64, look uint32) uint32 { return uint32(cookie)*31 + look }

// herd is a kernel that shows as many connections as are asked for, some of which
// move, without making garbage itself.
type herd struct {
	n, looks int
	socket   inetdiag.Socket
}

func (h *herd) Close() error { return nil }

func (h *herd) Dump(_ context.Context, r inetdiag.Request, visit func(*inetdiag.Socket)) (bool, error) {
	if r.Family != unix.AF_INET {
		return false, nil
	}
	h.looks++
	for i := range h.n {
		h.socket.Cookie = uint64(i) + 1
		h.socket.Remote = netip.AddrPortFrom(netip.AddrFrom4([4]byte{192, 0, byte(i >> 8), byte(i)}), 443)
		h.socket.Info.DataSegsOut, h.socket.Info.TotalRetrans = uint32(i%7*h.looks), uint32(i%1000/999*h.looks)
		visit(&h.socket)
	}
	return false, nil
}

// TestLookMakesNoGarbageForSockets: after the first look, what one costs in memory
// does not grow with the number of sockets.
func TestLookMakesNoGarbageForSockets(t *testing.T) {
	allocations := func(sockets int) float64 {
		s, _ := scripted(t)
		s.dial = func() (dumper, error) { return &herd{n: sockets, socket: connection(1, "192.0.2.1:443")}, nil }
		look := func() {
			if _, err := s.Look(context.Background()); err != nil {
				t.Fatal(err)
			}
		}
		look()
		look()
		return testing.AllocsPerRun(5, look)
	}
	few, many := allocations(2_000), allocations(20_000)
	if many > few+100 {
		t.Errorf("a look at 2,000 sockets allocates %v times, one at 20,000 sockets %v times", few, many)
	}
}
