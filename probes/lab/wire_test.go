//go:build linux

package lab

import (
	"net/netip"
	"testing"
	"time"
)

// tcpFrame is an Ethernet frame with an IPv4 TCP segment of that size.
func tcpFrame(size int) []byte {
	f := make([]byte, size)
	f[12], f[13], f[23] = 8, 0, 6
	return f
}

func TestWireWays(t *testing.T) {
	arp := make([]byte, 60)
	arp[12], arp[13] = 8, 6
	now := time.Unix(1000, 0)
	for _, tt := range []struct {
		name   string
		way    way
		frame  []byte
		event  string
		copies int
		after  time.Duration // of the first copy
	}{
		{"a plain wire delivers at once", way{}, tcpFrame(1514), "", 1, 0},
		{"delay", way{Delay: 0.02}, tcpFrame(1514), "", 1, 20 * time.Millisecond},
		{"loss", way{Loss: 1}, tcpFrame(1514), "lost", 0, 0},
		{"loss spares ARP", way{Loss: 1}, arp, "", 1, 0},
		{"repeat", way{Repeat: 1}, tcpFrame(1514), "repeated", 2, 0},
		{"late", way{Late: 1, LateBy: 0.01}, tcpFrame(1514), "late", 1, 10 * time.Millisecond},
		{"rate", way{Rate: 1000}, tcpFrame(500), "", 1, 500 * time.Millisecond},
		{"corruption", way{Corrupt: 1}, tcpFrame(1514), "corrupted", 1, 0},
		{"a bad state loses", way{Bad: bad{Enter: 1, Loss: 1}}, tcpFrame(1514), "burst_lost", 0, 0},
		{"a good state does not", way{Bad: bad{Leave: 1, Loss: 1}}, tcpFrame(1514), "", 1, 0},
		{"an outage", way{Every: 1, Outage: 1}, tcpFrame(1514), "outage_lost", 0, 0},
		{"between outages", way{Every: 0.3, Outage: 0.05}, tcpFrame(1514), "", 1, 0},
		{"too large", way{MaxSize: 1400}, tcpFrame(1514), "too_large", 0, 0},
		{"not too large", way{MaxSize: 1500}, tcpFrame(1514), "", 1, 0},
		{"corruption spares segments without data", way{Corrupt: 1}, tcpFrame(66), "", 1, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l := newLine(tt.way)
			if event := l.accept(tt.frame, now); event != tt.event {
				t.Errorf("event %q, expected %q", event, tt.event)
			}
			if len(l.queue) != tt.copies {
				t.Fatalf("%d copies under way, expected %d", len(l.queue), tt.copies)
			}
			if tt.copies > 0 && l.queue[0].at.Sub(now) != tt.after {
				t.Errorf("leaves after %v, expected %v", l.queue[0].at.Sub(now), tt.after)
			}
		})
	}
}

func TestWireQueueOverflows(t *testing.T) {
	l := newLine(way{Rate: 15000, Queue: 5})
	now, drops := time.Unix(1000, 0), 0
	for range 20 {
		if l.accept(tcpFrame(1500), now) == "queue_drops" {
			drops++
		}
	}
	// One frame is being sent, five wait; rounding may admit one more.
	if kept := 20 - drops; kept < 5 || kept > 7 {
		t.Errorf("a queue of 5 kept %d of 20 frames", kept)
	}
}

func TestJitterKeepsTheOrder(t *testing.T) {
	l := newLine(way{Delay: 0.01, Jitter: 0.05})
	last := time.Time{}
	for i := range 200 {
		before := l.last
		l.accept(tcpFrame(200), time.Unix(1000, int64(i)*1e6))
		if l.last.Before(before) || l.last.Before(last) {
			t.Fatal("a frame overtook another")
		}
		last = l.last
	}
}

// TestFloodPacket checks the forged SYN by the receiver's rule: the checksum
// over the segment and its checksum field is zero (RFC 9293, 3.1).
func TestFloodPacket(t *testing.T) {
	f := &flood{}
	to := netip.MustParseAddrPort("10.1.2.3:443")
	from := netip.MustParsePrefix("10.9.8.0/24")
	sources := map[netip.Addr]bool{}
	for i := range 300 {
		p := f.packet(from, to, i)
		src := netip.AddrFrom4([4]byte(p[12:16]))
		if !from.Contains(src) {
			t.Fatalf("source %s is not in %s", src, from)
		}
		sources[src] = true
		if sum := l4Checksum(src.As4(), to.Addr().As4(), 6, p[20:]); sum != 0 {
			t.Fatalf("packet %d: the checksum is wrong by %#x", i, sum)
		}
	}
	if len(sources) != 254 {
		t.Errorf("%d sources of a /24, expected 254", len(sources))
	}
}
