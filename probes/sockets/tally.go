package sockets

import (
	"hash/maphash"
	"net/netip"
	"slices"
)

// recency counts sockets by how many looks ago they did something last.
type recency [64]uint32

// did notes that a socket did it at this look, and when it had before.
func (r *recency) did(look uint32, last *uint32) {
	ago := look - *last
	if *last == 0 || ago >= uint32(len(r)) {
		ago = 0
	}
	r[ago]++
	*last = look
}

// trimmed returns a copy without the zeros at the end.
func trimmed(counts []uint32) []uint32 {
	n := len(counts)
	for n > 0 && counts[n-1] == 0 {
		n--
	}
	return slices.Clone(counts[:n])
}

// reservoir keeps an even sample of the round-trip times it is given.
type reservoir struct {
	samples []RTT
	n       uint32
	random  uint32
}

const sampleSize = 200

func (r *reservoir) add(rtt RTT) {
	r.n++
	if len(r.samples) < sampleSize {
		r.samples = append(r.samples, rtt)
		return
	}
	r.random = r.random*1664525 + 1013904223
	if i := uint64(r.random) * uint64(r.n) >> 32; i < sampleSize {
		r.samples[i] = rtt
	}
}

func (r *reservoir) reset() { r.samples, r.n = r.samples[:0], 0 }

// portUse finds the remote address and port towards which most local ports are
// taken. Each pair of a local address and a remote address and port has a range of
// ephemeral ports of its own. They are counted in two rows of buckets by two
// hashes, and the smaller count is taken: it can only be too high, and only where
// both collide. So millions of TIME-WAIT sockets cost no memory.
type portUse struct {
	seeds [2]maphash.Seed
	rows  [2][1 << 14]uint32
	most  uint32
	to    netip.AddrPort
}

type destination struct {
	local  netip.Addr
	remote netip.AddrPort
}

func newPortUse() *portUse {
	return &portUse{seeds: [2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()}}
}

func (p *portUse) add(local, remote netip.AddrPort) {
	d := destination{local.Addr(), remote}
	n := ^uint32(0)
	for i := range p.rows {
		bucket := &p.rows[i][maphash.Comparable(p.seeds[i], d)%uint64(len(p.rows[i]))]
		*bucket++
		n = min(n, *bucket)
	}
	if n > p.most {
		p.most, p.to = n, remote
	}
}

func (p *portUse) reset() {
	clear(p.rows[0][:])
	clear(p.rows[1][:])
	p.most, p.to = 0, netip.AddrPort{}
}

// peers sums up by remote address. Beyond maxPeers addresses only those in
// trouble are still added.
type peers struct {
	index map[netip.Addr]uint32
	sums  []peerSum
}

type peerSum struct {
	Peer
	rtts [8]uint32
	n    uint32 // round-trip times seen
}

const (
	maxPeers      = 16 << 10
	maxSickPeers  = 4 << 10
	reportedPeers = 40
)

// of returns the sum of an address, or nil if there is no room for it.
func (p *peers) of(addr netip.Addr, troubled bool) *peerSum {
	if i, ok := p.index[addr]; ok {
		return &p.sums[i]
	}
	room := maxPeers
	if troubled {
		room += maxSickPeers
	}
	if len(p.sums) >= room {
		return nil
	}
	p.index[addr] = uint32(len(p.sums))
	p.sums = append(p.sums, peerSum{Peer: Peer{Addr: addr}})
	return &p.sums[len(p.sums)-1]
}

// rtt adds a round-trip time to the sample, replacing older ones in turn.
func (p *peerSum) rtt(us uint32) {
	p.rtts[p.n%uint32(len(p.rtts))] = us
	p.n++
}

func (p *peers) reset() {
	clear(p.index)
	p.sums = p.sums[:0]
}

// worst returns the addresses most in trouble, then the busiest.
func (p *peers) worst() []Peer {
	worst := make([]Peer, 0, reportedPeers+1)
	for i := range p.sums {
		sum := &p.sums[i]
		if len(worst) == reportedPeers && !worse(&sum.Peer, &worst[len(worst)-1]) {
			continue
		}
		if n := min(sum.n, uint32(len(sum.rtts))); n > 0 {
			slices.Sort(sum.rtts[:n])
			sum.RTT = sum.rtts[n/2]
		}
		at, _ := slices.BinarySearchFunc(worst, &sum.Peer, func(have Peer, p *Peer) int {
			if worse(p, &have) {
				return 1
			}
			return -1
		})
		worst = slices.Insert(worst, at, sum.Peer)
		worst = worst[:min(len(worst), reportedPeers)]
	}
	return worst
}

func worse(a, b *Peer) bool {
	if x, y := a.Retrans+a.SynRetrying, b.Retrans+b.SynRetrying; x != y {
		return x > y
	}
	if a.SynSent != b.SynSent {
		return a.SynSent > b.SynSent
	}
	if a.SegsOut != b.SegsOut {
		return a.SegsOut > b.SegsOut
	}
	return a.Flows > b.Flows
}
