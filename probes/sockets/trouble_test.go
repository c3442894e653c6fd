package sockets

import (
	"testing"

	"whydrop/probes/sockets/inetdiag"
)

func TestASmallSegmentStuckBehindALargeOne(t *testing.T) {
	for _, tt := range []struct {
		name                     string
		queue                    uint32
		unsent, unacked, sackeds uint32
		want                     bool
	}{
		{"one full and a small one, no answer to either", 2000, 0, 2, 0, true},
		{"the small one arrived", 2000, 0, 2, 1, false},
		{"the small one was not sent yet", 2000, 552, 1, 0, false},
		{"full segments only", 2896, 0, 2, 0, false},
		{"the last one is large, too", 2800, 0, 2, 0, false},
		{"a single small one", 300, 0, 1, 0, false},
	} {
		k := &inetdiag.Socket{WQueue: tt.queue}
		k.Info.SndMSS, k.Info.NotsentBytes, k.Info.Unacked, k.Info.Sacked = 1448, tt.unsent, tt.unacked, tt.sackeds
		if got := smallTailStuck(k); got != tt.want {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
	}
}
