package sockets

import (
	"math/rand/v2"
	"testing"
)

func TestDispersionTellsRunsFromRandomLoss(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	single := func(share float64, of int) (lost uint32) {
		for range of {
			if random.Float64() < share {
				lost++
			}
		}
		return lost
	}
	runs := func(of int) uint32 { // ten at once, in one part of eight
		if random.Float64() < 0.125 {
			return uint32(min(10, of))
		}
		return 0
	}
	for _, tt := range []struct {
		name        string
		parts, of   int
		lost        func(of int) uint32
		least, most float64
	}{
		{"one in a hundred", 60, 400, func(of int) uint32 { return single(0.01, of) }, 0.5, 1.8},
		{"one in five", 60, 100, func(of int) uint32 { return single(0.2, of) }, 0.5, 1.8},
		{"one in fifty, of connections that send two segments", 2000, 2, func(of int) uint32 { return single(0.02, of) }, 0.4, 2},
		{"runs of ten", 60, 100, runs, 5, 20},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var l Losses
			for range tt.parts {
				l.add(&Counters{SegsOut: uint32(tt.of), Retrans: tt.lost(tt.of)})
			}
			d, known := l.dispersion()
			if !known || d < tt.least || d > tt.most {
				t.Errorf("dispersion %.2f (known: %v), expected %g to %g", d, known, tt.least, tt.most)
			}
		})
	}
	t.Run("too little to tell", func(t *testing.T) {
		var l Losses
		for range 20 {
			l.add(&Counters{SegsOut: 100})
		}
		l.add(&Counters{SegsOut: 100, Retrans: 5})
		if d, known := l.dispersion(); known {
			t.Errorf("dispersion %.2f of five losses", d)
		}
	})
}

func TestCountersOfASocketThatBeganAnew(t *testing.T) {
	before, now := Counters{OutOfOrder: 7, Received: 900}, Counters{}
	if got := now.since(&before); got.OutOfOrder != 0 || got.Received != 0 {
		t.Errorf("grew by %d segments, %d bytes although it went back to zero", got.OutOfOrder, got.Received)
	}
	before, now = Counters{SegsIn: ^uint32(0) - 1}, Counters{SegsIn: 3}
	if got := now.since(&before); got.SegsIn != 5 {
		t.Errorf("a counter that wraps grew by %d, expected 5", got.SegsIn)
	}
}
