package sockets

import (
	"net/netip"
	"testing"
	"time"

	"whydrop/probes/fact"
	"whydrop/probes/sockets/inetdiag"
)

// Looks at copies are compared as looks at the kernel are, and which ports listen is
// known whatever the order.
func TestCopies(t *testing.T) {
	local, remote := netip.MustParseAddrPort("192.0.2.1:80"), netip.MustParseAddrPort("198.51.100.1:4000")
	look := func(retrans uint32) []inetdiag.Socket {
		return []inetdiag.Socket{
			{State: inetdiag.Established, Local: local, Remote: remote, Cookie: 5, InfoLen: inetdiag.LenSndWnd, Info: inetdiag.Info{TotalRetrans: retrans, DataSegsOut: 10 * retrans}},
			{State: inetdiag.Listen, Local: local, Cookie: 6, RQueue: 3, WQueue: 128},
		}
	}
	c, start := NewCopies(), time.Unix(0, 0)
	var readings []fact.Reading
	for i, n := range []uint32{4, 9} {
		r := &Reading{}
		c.Look(r, look(n))
		readings = append(readings, fact.Reading{At: start.Add(time.Duration(i) * time.Second), Data: r})
	}
	f := fact.New(start, 1)
	New().Facts(readings, f)
	if n, _ := f.Num("tcp.segs_retrans"); n != 5 {
		t.Errorf("tcp.segs_retrans is %v, want 5", f.Values["tcp.segs_retrans"])
	}
	if flows := f.Tables["flow"]; len(flows) != 1 || flows[0]["inbound"] != true {
		t.Errorf("flows %v, want one that is inbound", flows)
	}
	if l := f.Tables["listener"]; len(l) != 1 || l[0]["queue"] != 3.0 || l[0]["limit"] != 128.0 {
		t.Errorf("listeners %v", l)
	}
}
