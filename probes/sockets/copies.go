package sockets

import (
	"net/netip"

	"whydrop/probes/sockets/inetdiag"
)

// Copies makes readings of sockets that another tool showed, look by look. Its zero
// value is not ready: see NewCopies.
type Copies struct{ sweep sweep }

// NewCopies begins a series of looks.
func NewCopies() *Copies {
	c := &Copies{}
	c.sweep.init()
	return c
}

// Look completes a reading with the sockets of one look. The settings in it
// (PortRange, Somaxconn and the like) and the owners stay as they are. What ended
// since the look before is not known.
func (c *Copies) Look(r *Reading, all []inetdiag.Socket) {
	c.sweep.groups.egress.ask = func() (map[netip.Addr]int, map[int]string) { return localAddresses(all), nil }
	c.sweep.groups.egress.own = nil
	c.sweep.begin(r)
	// Which ports listen has to be known before the connections pass by.
	for _, listens := range []bool{true, false} {
		for i := range all {
			if k := &all[i]; (k.State == inetdiag.Listen) == listens {
				c.sweep.socket(k)
			}
		}
	}
	r.EndsUnseen = true
	c.sweep.finish()
}

// localAddresses are the addresses of a host that its sockets show, by interfaces that
// are not known.
func localAddresses(all []inetdiag.Socket) map[netip.Addr]int {
	own := map[netip.Addr]int{}
	for i := range all {
		if addr := all[i].Local.Addr(); addr.IsValid() && !addr.IsUnspecified() {
			own[addr.WithZone("")] = unknownLink
		}
	}
	return own
}
