package sockets

import (
	"testing"

	"whydrop/probes/sockets/inetdiag"
)

// TestSendBufferThatHoldsBack tells a buffer that is too small from one that is
// full because the path, the peer or the application is the limit.
func TestSendBufferThatHoldsBack(t *testing.T) {
	// A sender over 100 ms: 64 KiB on their way, 147 KiB allowed.
	limited := func(i int) inetdiag.Socket {
		return with(connection(1, "192.0.2.1:873"), func(k *inetdiag.Socket) {
			k.Mem.SndBuf, k.Mem.WMem, k.WQueue = 24000, 70_000, 65536
			k.Info.SndCwnd, k.Info.SndWnd, k.Info.BytesAcked = 104, 285_000, uint64(i)*200_000
		})
	}
	for name, c := range map[string]struct {
		change func(i int, k *inetdiag.Socket)
		holds  float64
		pinned bool
	}{
		"set by hand": {func(int, *inetdiag.Socket) {}, 1, true},
		"grows":       {func(i int, k *inetdiag.Socket) { k.Mem.SndBuf += uint32(i) * 4000 }, 1, false},
		"never quite full: the application writes too little": {
			func(_ int, k *inetdiag.Socket) { k.Mem.SndBuf = 87040 }, 1, false},
		"as large as at first, filled by one write": {
			func(_ int, k *inetdiag.Socket) { k.Mem.SndBuf = 69120 }, 1, false},
		"as large as at first, but the kernel counts waiting": {
			func(i int, k *inetdiag.Socket) {
				k.Mem.SndBuf = 69120
				k.Info.BusyTime, k.Info.SndbufLimited = uint64(i)*500_000, uint64(i)*200_000
			}, 1, true},
		"most of it unsent: the path is the limit": {
			func(_ int, k *inetdiag.Socket) { k.Info.NotsentBytes = 40_000 }, 0, false},
		"congestion window":  {func(_ int, k *inetdiag.Socket) { k.Info.SndCwnd = 46 }, 0, false},
		"window of the peer": {func(_ int, k *inetdiag.Socket) { k.Info.SndWnd = 66_000 }, 0, false},
	} {
		t.Run(name, func(t *testing.T) {
			var looks [][]inetdiag.Socket
			for i := range 6 {
				// The trouble with the round-trip time keeps it among the flows.
				looks = append(looks, []inetdiag.Socket{with(limited(i), func(k *inetdiag.Socket) {
					k.Info.ReordSeen = uint32(i)
					c.change(i, k)
				})})
			}
			s, _ := scripted(t, looks...)
			row := rowOf(t, looksAt(t, s, 6, 0), "flow", "remote", "192.0.2.1:873")
			if row["send_full_share"] != c.holds || row["sndbuf_pinned"] != c.pinned {
				t.Errorf("held back at %v of the looks, pinned %v; want %v, %v", row["send_full_share"], row["sndbuf_pinned"], c.holds, c.pinned)
			}
		})
	}
}

// TestStandingQueue: the least of the fullest queue, not the most at one look.
func TestStandingQueue(t *testing.T) {
	queue := func(cookie uint64, n uint32) inetdiag.Socket {
		return with(connection(cookie, "0.0.0.0:0"), func(k *inetdiag.Socket) {
			k.State, k.RQueue, k.WQueue = inetdiag.Listen, n, 128
		})
	}
	s, _ := scripted(t,
		[]inetdiag.Socket{queue(1, 7), queue(2, 90)},
		[]inetdiag.Socket{queue(1, 5), queue(2, 0)},
		[]inetdiag.Socket{queue(1, 9), queue(2, 40)},
	)
	numbers(t, looksAt(t, s, 3, 0), map[string]float64{"listen.standing_max": 5})
}
