package sockets

import (
	"net/netip"

	"whydrop/probes/sockets/inetdiag"
)

// leastRTTs remembers the least round-trip time to each remote address that any of
// its connections has seen, in microseconds. A connection that began while a queue
// on the path was full knows no better; an older one to the same address does.
type leastRTTs struct{ to map[netip.Addr]uint32 }

// mostAddresses bounds what is remembered.
const mostAddresses = 4096

// see takes the least round-trip time of one connection.
func (l *leastRTTs) see(k *inetdiag.Socket) {
	rtt, ok := rttOf(k)
	if !ok || rtt.Min == 0 {
		return
	}
	to := k.Remote.Addr()
	if have, known := l.to[to]; known && have <= rtt.Min || !known && len(l.to) >= mostAddresses {
		return
	}
	if l.to == nil {
		l.to = map[netip.Addr]uint32{}
	}
	l.to[to] = rtt.Min
}

// of returns the least round-trip time on the way to a connection's remote
// address, which is own where no other connection knows better.
func (l *leastRTTs) of(k *inetdiag.Socket, own uint32) uint32 {
	if have, known := l.to[k.Remote.Addr()]; known {
		return min(have, own)
	}
	return own
}
