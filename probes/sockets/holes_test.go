package sockets

import (
	"testing"
	"time"

	"whydrop/probes/sockets/inetdiag"
)

// arrival is what a look at a receiving socket shows, milliseconds after the first.
type arrival struct {
	ms       int
	received uint64 // bytes in order
	segments uint32
	late     uint32 // segments out of order
	held     uint32 // bytes of receive memory
	unread   uint32 // bytes in order that the application has not read
}

func TestGapsAreToldByHowLongTheyStay(t *testing.T) {
	for _, tt := range []struct {
		name                 string
		rtt                  time.Duration
		arrivals             []arrival
		quick, slow, unclear uint32
		missing              []uint16
	}{
		{"in order", 20 * time.Millisecond, []arrival{{0, 1000, 1, 0, 0, 0}, {5, 2000, 2, 0, 0, 0}, {10, 3000, 3, 0, 0, 0}}, 0, 0, 0, nil},
		{
			"overtaken: filled after 4 of 20 ms", 20 * time.Millisecond,
			[]arrival{{0, 1000, 1, 0, 0, 0}, {2, 1000, 2, 1, 1500, 0}, {4, 1000, 3, 2, 3000, 0}, {6, 4000, 4, 2, 0, 0}},
			1, 0, 0, nil,
		},
		{
			"overtaken and filled between two looks", 20 * time.Millisecond,
			[]arrival{{0, 1000, 1, 0, 0, 0}, {2, 3000, 3, 1, 0, 0}},
			1, 0, 0, nil,
		},
		{
			"lost: filled after a round-trip time", 20 * time.Millisecond,
			[]arrival{{0, 1000, 1, 0, 0, 0}, {2, 1000, 2, 1, 1500, 0}, {12, 1000, 4, 3, 4500, 0}, {24, 1000, 6, 5, 7500, 0}, {26, 8000, 7, 5, 0, 0}},
			0, 1, 0, []uint16{1},
		},
		{
			"four lost at once", 20 * time.Millisecond,
			[]arrival{{0, 1000, 1, 0, 0, 0}, {2, 1000, 2, 1, 1500, 0}, {24, 1000, 4, 3, 4500, 0}, {25, 2000, 5, 3, 4500, 0}, {26, 4000, 7, 3, 4500, 0}, {27, 8000, 8, 3, 0, 0}},
			0, 1, 0, []uint16{4},
		},
		{
			"filled, and the reader is slow: nobody knows how many were missing", 20 * time.Millisecond,
			[]arrival{
				{0, 1000, 1, 0, 0, 0}, {2, 1000, 2, 1, 1500, 0}, {22, 1000, 2, 1, 1500, 0}, {24, 4000, 3, 1, 3000, 3000}, {26, 8000, 7, 1, 7000, 7000},
				{32, 12000, 11, 1, 9000, 9000}, {36, 14000, 13, 1, 5000, 5000}, {40, 14000, 13, 1, 0, 0},
			},
			0, 1, 0, nil,
		},
		{
			"filled, and read a moment later", 20 * time.Millisecond,
			[]arrival{{0, 1000, 1, 0, 0, 0}, {2, 1000, 2, 1, 1500, 0}, {22, 1000, 2, 1, 1500, 0}, {24, 4000, 3, 1, 3000, 3000}, {26, 4000, 3, 1, 3000, 3000}, {28, 4000, 3, 1, 0, 0}},
			0, 1, 0, []uint16{1},
		},
		{
			"too coarse to tell", 20 * time.Millisecond,
			[]arrival{{0, 1000, 1, 0, 0, 0}, {10, 1000, 2, 1, 1500, 0}, {20, 4000, 4, 2, 0, 0}},
			0, 0, 1, nil,
		},
		{
			"its beginning not seen, but it stays", 20 * time.Millisecond,
			[]arrival{{0, 1000, 3, 2, 3000, 0}, {8, 1000, 4, 3, 4500, 0}, {18, 1000, 5, 4, 6000, 0}, {28, 1000, 6, 5, 6000, 0}},
			0, 1, 0, nil,
		},
		{
			"its beginning not seen, and it goes: nothing is told", 20 * time.Millisecond,
			[]arrival{{0, 1000, 3, 2, 3000, 0}, {4, 6000, 4, 2, 0, 0}},
			0, 0, 0, nil,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			g := gap{fastest: uint32(tt.rtt.Microseconds())}
			var h Holes
			for _, a := range tt.arrivals {
				at := time.Unix(1000, int64(a.ms)*1e6)
				k := &inetdiag.Socket{HasMem: true, RQueue: a.unread, Mem: inetdiag.Memory{RMem: a.held}}
				k.Info.BytesReceived, k.Info.DataSegsIn, k.Info.RcvOoopack = a.received, a.segments, a.late
				g.see(k, at, at, &h)
			}
			if h.Quick != tt.quick || h.Slow != tt.slow || h.Unclear != tt.unclear {
				t.Errorf("quick %d, slow %d, unclear %d; expected %d, %d, %d", h.Quick, h.Slow, h.Unclear, tt.quick, tt.slow, tt.unclear)
			}
			if len(h.Missing) != len(tt.missing) || len(tt.missing) > 0 && h.Missing[0] != tt.missing[0] {
				t.Errorf("missing %v, expected %v", h.Missing, tt.missing)
			}
		})
	}
}

func TestWatchedAreTheMostDisturbed(t *testing.T) {
	flow := func(late, rtt uint32) Flow {
		f := Flow{Looks: 3, Now: Counters{OutOfOrder: late}}
		f.Socket = inetdiag.Socket{State: inetdiag.Established, HasMem: true, Cookie: 7, InfoLen: inetdiag.LenTotalRTO}
		f.Socket.Info.RTT, f.Socket.Info.MinRTT = rtt, rtt
		return f
	}
	flows := []Flow{flow(0, 20000), flow(3, 20000), flow(900, 300), flow(50, 20000), flow(7, 20000), flow(9, 20000), flow(8, 20000)}
	var got []uint32
	for _, f := range worthWatching(flows) {
		got = append(got, f.Now.OutOfOrder)
	}
	// The one with 900 is too near: a step of a millisecond tells nothing.
	if want := []uint32{50, 9, 8, 7}; len(got) != 4 || got[0] != want[0] || got[1] != want[1] || got[2] != want[2] || got[3] != want[3] {
		t.Errorf("watched are those with %v arrivals out of order, expected %v", got, want)
	}
}

func TestRunOf(t *testing.T) {
	for _, c := range []struct {
		missing []uint16
		want    float64
	}{
		{[]uint16{1, 1, 1, 1}, 1},
		{[]uint16{1, 1, 2}, 1.5},
		{[]uint16{10, 1, 1}, 8.5}, // ten of twelve were missing in a run of ten
		{[]uint16{1, 1, 60, 1, 1, 1, 1, 1, 1}, 1},
		{[]uint16{1, 20, 1, 20, 20, 1, 1, 1, 1}, 806.0 / 46},
	} {
		if got := runOf(c.missing); got != c.want {
			t.Errorf("%v: %v, want %v", c.missing, got, c.want)
		}
	}
}
