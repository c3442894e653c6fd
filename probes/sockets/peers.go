package sockets

import (
	"net/netip"
	"slices"
)

// peers sums up by remote address. Beyond maxPeers addresses only those in
// trouble are still added.
type peers struct {
	look  uint32
	index map[netip.Addr]uint32
	sums  []peerSum // they keep their places as long as addresses stay
	// sick holds the addresses that were in trouble lately, by the last look that
	// saw it. They are reported as long as a window may reach back: their traffic
	// of all looks is what their losses are measured by.
	sick     map[netip.Addr]uint32
	byPrefix map[netip.Prefix]uint32
	prefix   []prefixSum
}

type peerSum struct {
	addr netip.Addr
	here bool   // an address of this host
	seen uint32 // last look with a connection to it
	tally
}

type prefixSum struct {
	prefix netip.Prefix
	peers  uint32
	tally
}

const (
	maxPeers     = 16 << 10
	maxSickPeers = 4 << 10
	keptSick     = 64 // addresses
	sickLooks    = 64 // looks
)

func (p *peers) init() {
	p.sums = p.sums[:0]
	p.index, p.sick, p.byPrefix = map[netip.Addr]uint32{}, map[netip.Addr]uint32{}, map[netip.Prefix]uint32{}
}

func (p *peers) reset(look uint32) {
	p.look = look
}

// of returns the sum of an address, or nil if there is no room for it. place is
// where it was last, and is set anew.
func (p *peers) of(addr netip.Addr, troubled bool, own *egress, place *uint32) *peerSum {
	if int(*place) >= len(p.sums) || p.sums[*place].addr != addr {
		i, ok := p.index[addr]
		if !ok && !p.add(addr, troubled) {
			return nil
		} else if !ok {
			i = uint32(len(p.sums) - 1)
		}
		*place = i
	}
	sum := &p.sums[*place]
	if sum.seen != p.look {
		*sum = peerSum{addr: addr, here: own.isOwn(addr), seen: p.look}
	}
	return sum
}

// add makes room for an address, if there is.
func (p *peers) add(addr netip.Addr, troubled bool) bool {
	room := maxPeers
	if troubled {
		room += maxSickPeers
	}
	if len(p.sums) >= room {
		return false
	}
	p.index[addr] = uint32(len(p.sums))
	p.sums = append(p.sums, peerSum{addr: addr})
	return true
}

// forget drops the addresses that this look did not show.
func (p *peers) forget() {
	for i := 0; i < len(p.sums); {
		if p.sums[i].seen == p.look {
			i++
			continue
		}
		delete(p.index, p.sums[i].addr)
		last := len(p.sums) - 1
		if i != last {
			p.sums[i] = p.sums[last]
			p.index[p.sums[i].addr] = uint32(i)
		}
		p.sums = p.sums[:last]
	}
}

// report returns the addresses most in trouble now, then the busiest, and those
// that were in trouble lately.
func (p *peers) report() []Group {
	var chosen []*peerSum
	for i := range p.sums {
		sum := &p.sums[i]
		if len(chosen) == reportGroups && compareSums(&sum.Sum, &chosen[len(chosen)-1].Sum) <= 0 {
			continue
		}
		at, _ := slices.BinarySearchFunc(chosen, sum, func(have, sum *peerSum) int {
			if compareSums(&sum.Sum, &have.Sum) > 0 {
				return 1
			}
			return -1
		})
		chosen = slices.Insert(chosen, at, sum)
		chosen = chosen[:min(len(chosen), reportGroups)]
	}
	for addr, seen := range p.sick {
		if p.look-seen >= sickLooks {
			delete(p.sick, addr)
		} else if i, ok := p.index[addr]; ok && !slices.Contains(chosen, &p.sums[i]) {
			chosen = append(chosen, &p.sums[i])
		}
	}
	told := make([]Group, len(chosen))
	for i, sum := range chosen {
		told[i] = Group{Name: sum.addr.String(), Here: sum.here, Sum: sum.sum()}
		if _, known := p.sick[sum.addr]; sum.Retrans+uint64(sum.SynRetrying) > 0 && (known || len(p.sick) < keptSick) {
			p.sick[sum.addr] = p.look
		}
	}
	return told
}

// prefixes sums up the addresses by /24 and /64. It has to come before report,
// which sorts the samples.
func (p *peers) prefixes() []Group {
	clear(p.byPrefix)
	p.prefix = p.prefix[:0]
	for i := range p.sums {
		sum := &p.sums[i]
		if sum.here {
			continue
		}
		bits := 24
		if sum.addr.Is6() {
			bits = 64
		}
		prefix, _ := sum.addr.WithZone("").Prefix(bits)
		at, ok := p.byPrefix[prefix]
		if !ok {
			at = uint32(len(p.prefix))
			p.byPrefix[prefix] = at
			p.prefix = append(p.prefix, prefixSum{prefix: prefix})
		}
		into := &p.prefix[at]
		into.peers++
		flows, opening, retrying := into.Flows+sum.Flows, into.SynSent+sum.SynSent, into.SynRetrying+sum.SynRetrying
		into.merge(&sum.Sum)
		into.Flows, into.SynSent, into.SynRetrying = flows, opening, retrying
		for _, rtt := range sum.rtts[:min(sum.n, 1)] {
			into.rtt(rtt)
		}
	}
	return p.severalPeers()
}

// severalPeers returns the prefixes with more than one address: the others tell
// nothing that their one address does not.
func (p *peers) severalPeers() []Group {
	var several []*prefixSum
	for i := range p.prefix {
		if p.prefix[i].peers > 1 {
			several = append(several, &p.prefix[i])
		}
	}
	slices.SortFunc(several, func(a, b *prefixSum) int { return -compareSums(&a.Sum, &b.Sum) })
	told := make([]Group, min(len(several), reportGroups))
	for i := range told {
		told[i] = Group{Name: several[i].prefix.String(), Peers: several[i].peers, Sum: several[i].sum()}
	}
	return told
}
