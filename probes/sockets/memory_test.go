package sockets

import (
	"math/rand/v2"
	"testing"
)

// TestMemoryAgainstMap lets sockets come and go and compares with a plain map.
func TestMemoryAgainstMap(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	var m memory
	want := map[uint64]uint32{}
	for look := uint32(1); look <= 60; look++ {
		for cookie, value := range want {
			if random.IntN(4) == 0 {
				delete(want, cookie)
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
			r.counters.Retrans, r.seen = want[cookie], look
		}
		m.forget(look, func(*remembered) {})
		if int(m.n) != len(want) {
			t.Fatalf("look %d: %d remembered, want %d", look, m.n, len(want))
		}
	}
}

func cookie32(cookie uint64, look uint32) uint32 { return uint32(cookie)*31 + look }
