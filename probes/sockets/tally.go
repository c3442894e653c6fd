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
// halves of a hash, and the smaller count is taken: it can only be too high, and only where
// both collide. So millions of TIME-WAIT sockets cost no memory.
type portUse struct {
	seed maphash.Seed
	rows [2][1 << 14]uint32
	most uint32
	to   netip.AddrPort
}

type destination struct {
	local  netip.Addr
	remote netip.AddrPort
}

func newPortUse() *portUse {
	return &portUse{seed: maphash.MakeSeed()}
}

func (p *portUse) add(local, remote netip.AddrPort) {
	hash := maphash.Comparable(p.seed, destination{local.Addr(), remote})
	n := ^uint32(0)
	for i := range p.rows {
		bucket := &p.rows[i][uint32(hash>>(32*i))%uint32(len(p.rows[i]))]
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
