package sockets

import (
	"cmp"
	"slices"

	"whydrop/probes/sockets/inetdiag"
)

// Kind is what the connections of a group have in common.
type Kind uint8

// The kinds of groups. What stays on this host, a connection over loopback or to
// an own address, is in ByPeer and ByEgress alone: nothing can lose it outside.
const (
	ByPeer      Kind = iota // remote address
	ByPrefix                // remote /24 or /64
	ByService               // local port that listens, or remote port
	ByEgress                // interface
	BySize                  // few segments or many since the previous look
	BySegment               // full-size or small segments
	ByDirection             // inbound or outbound
	kinds
)

// kindTables are the tables that the groups are told in.
var kindTables = [kinds]string{"peer", "prefix", "service", "egress", "size", "segment", "direction"}

// Sum is what some connections did since the previous look.
type Sum struct {
	Flows          uint32 `json:"flows"`          // how many there are
	Retransmitting uint32 `json:"retransmitting"` // of these, that sent something again
	FirstTime      uint32 `json:"first_time"`     // of these, for the first time seen
	SynSent        uint32 `json:"syn_sent"`
	SynRetrying    uint32 `json:"syn_retrying"`
	// Tries are data segments and SYNs sent, with retransmissions: what Retrans is
	// a part of.
	Tries         uint64 `json:"tries"`
	SegsOut       uint64 `json:"segs_out"`
	Retrans       uint64 `json:"retrans"`
	DsackDups     uint64 `json:"dsack_dups"`
	Timeouts      uint64 `json:"timeouts"`
	Acked         uint64 `json:"acked"` // bytes
	Busy          uint64 `json:"busy"`  // this and the next three: microseconds
	RwndLimited   uint64 `json:"rwnd_limited"`
	SndbufLimited uint64 `json:"sndbuf_limited"`
	CwndLimited   uint64 `json:"cwnd_limited"`
	RTT           RTT    `json:"rtt"` // medians of a sample of those that sent; zero if unknown
}

// Group is the sum over connections that have something in common.
type Group struct {
	Name    string `json:"name"`
	Port    uint16 `json:"port,omitempty"`    // ByService
	Inbound bool   `json:"inbound,omitempty"` // ByService
	Peers   uint32 `json:"peers,omitempty"`   // ByPrefix: addresses in it
	Here    bool   `json:"here,omitempty"`    // ByPeer: an address of this host
	Sum
}

// change is what a connection did since the previous look.
type change struct {
	growth *Counters
	// limits is growth without the times in which a retransmission timeout was
	// waited for.
	limits  *Counters
	inbound bool
	isNew   bool    // this is the first look that shows it
	place   *uint32 // of its remote address in peers
	again   bool    // it was seen to retransmit before
}

// add counts a connection in.
func (s *Sum) add(k *inetdiag.Socket, c *change) {
	growth, limits := c.growth, c.limits
	s.Flows++
	if k.State == inetdiag.SynSent {
		s.SynSent++
		s.Tries += uint64(growth.Retrans)
		if c.isNew {
			s.Tries++
		}
		if k.Retrans > 0 {
			s.SynRetrying++
		}
	}
	if *growth == (Counters{}) {
		return
	}
	if growth.Retrans > 0 {
		s.Retransmitting++
		if !c.again {
			s.FirstTime++
		}
	}
	s.Tries += uint64(growth.SegsOut)
	s.SegsOut += uint64(growth.SegsOut)
	s.Retrans += uint64(growth.Retrans)
	s.DsackDups += uint64(growth.DsackDups)
	s.Timeouts += uint64(growth.Timeouts)
	s.Acked += growth.Acked
	s.Busy += uint64(limits.Busy)
	s.RwndLimited += uint64(limits.RwndLimited)
	s.SndbufLimited += uint64(limits.SndbufLimited)
	s.CwndLimited += uint64(cwndLimited(k, limits))
}

// cwndLimited returns for how long the congestion window, or pacing, held a
// connection back: the rest of its busy time, if it had data that it might not
// send when it was looked at. The kernel's clock for "busy" also runs while a
// small request waits for its acknowledgement, when nothing holds it back.
func cwndLimited(k *inetdiag.Socket, limits *Counters) uint32 {
	if k.Info.NotsentBytes == 0 || limits.RwndLimited+limits.SndbufLimited >= limits.Busy {
		return 0
	}
	return limits.Busy - limits.RwndLimited - limits.SndbufLimited
}

// merge adds what was seen at another look. Numbers of connections are the most
// at one look, or those that were seen to retransmit for the first time.
func (s *Sum) merge(u *Sum) {
	s.Flows, s.SynSent = max(s.Flows, u.Flows), max(s.SynSent, u.SynSent)
	s.SynRetrying = max(s.SynRetrying, u.SynRetrying)
	s.Retransmitting += u.Retransmitting
	s.FirstTime += u.FirstTime
	s.Tries += u.Tries
	s.SegsOut += u.SegsOut
	s.Retrans += u.Retrans
	s.DsackDups += u.DsackDups
	s.Timeouts += u.Timeouts
	s.Acked += u.Acked
	s.Busy += u.Busy
	s.RwndLimited += u.RwndLimited
	s.SndbufLimited += u.SndbufLimited
	s.CwndLimited += u.CwndLimited
}

// tally is a Sum under way, with a sample of round-trip times.
type tally struct {
	Sum
	rtts [8]RTT
	n    uint32 // round-trip times seen
}

// rtt adds a round-trip time to the sample, replacing older ones in turn.
func (t *tally) rtt(rtt RTT) {
	t.rtts[t.n%uint32(len(t.rtts))] = rtt
	t.n++
}

// sum returns the Sum with the medians of the sample in it.
func (t *tally) sum() Sum {
	if n := min(t.n, uint32(len(t.rtts))); n > 0 {
		sample := t.rtts[:n]
		slices.SortFunc(sample, func(a, b RTT) int { return cmp.Compare(a.Min, b.Min) })
		t.RTT.Min = sample[n/2].Min
		slices.SortFunc(sample, func(a, b RTT) int { return cmp.Compare(a.Now, b.Now) })
		t.RTT.Now = sample[n/2].Now
	}
	return t.Sum
}

// compareGroups orders the worst first, then the busiest.
func compareGroups(a, b *Group) int { return -compareSums(&a.Sum, &b.Sum) }

// compareSums is positive where a fares worse than b, or else is busier.
func compareSums(a, b *Sum) int {
	return cmp.Or(
		cmp.Compare(a.Retrans+uint64(a.SynRetrying), b.Retrans+uint64(b.SynRetrying)),
		cmp.Compare(a.SynSent, b.SynSent),
		cmp.Compare(a.SegsOut, b.SegsOut),
		cmp.Compare(a.Flows, b.Flows),
	)
}

const (
	fewSegments  = 10 // fewer since the previous look: a small transfer
	reportGroups = 40 // of one kind at one look
)

// groups sums up the connections of one look by what they have in common.
type groups struct {
	peers      peers
	services   services
	egress     egress
	sizes      [2]tally // bulk, small
	segments   [2]tally // full-size, small
	directions [2]tally // outbound, inbound
}

func (g *groups) reset(look uint32) {
	g.peers.reset(look)
	g.services.reset()
	g.egress.reset()
	g.sizes, g.segments, g.directions = [2]tally{}, [2]tally{}, [2]tally{}
}

// add counts a connection into each group that it belongs to.
func (g *groups) add(k *inetdiag.Socket, c *change) {
	var into [6]*tally
	growth := c.growth
	p := g.peers.of(k.Remote.Addr(), growth.Retrans > 0 || k.State == inetdiag.SynSent, &g.egress, c.place)
	here := k.Remote.Addr().IsLoopback()
	if p != nil {
		into[0], here = &p.tally, p.here
	}
	into[1] = g.egress.of(k, here)
	if !here {
		into[2] = g.services.of(k, c.inbound)
		into[3] = &g.directions[index(c.inbound)]
		if growth.SegsOut > 0 {
			into[4] = &g.sizes[index(growth.SegsOut < fewSegments)]
			into[5] = &g.segments[index(smallSegments(k))]
		}
	}
	rtt, measured := rttOf(k)
	for _, t := range into {
		if t == nil {
			continue
		}
		t.add(k, c)
		if measured && growth.SegsOut > 0 {
			t.rtt(rtt)
		}
	}
}

func index(second bool) int {
	if second {
		return 1
	}
	return 0
}

// smallSegments says whether a connection's data segments were, on average since
// it began, smaller than half of the segment size.
func smallSegments(k *inetdiag.Socket) bool {
	return k.Has(inetdiag.LenReordSeen) && k.Info.BytesSent < uint64(k.Info.DataSegsOut)*uint64(k.Info.SndMSS)/2
}

// report tells the groups: of each kind those most in trouble, then the busiest.
func (g *groups) report(into *[kinds][]Group) {
	g.peers.forget()
	into[ByPrefix] = worst(g.peers.prefixes())
	into[ByPeer] = g.peers.report()
	into[ByService] = worst(g.services.report())
	into[ByEgress] = worst(g.egress.report())
	into[BySize] = two(&g.sizes, "bulk", "small")
	into[BySegment] = two(&g.segments, "full-size", "small")
	into[ByDirection] = two(&g.directions, "outbound", "inbound")
}

func two(t *[2]tally, first, second string) []Group {
	return []Group{{Name: first, Sum: t[0].sum()}, {Name: second, Sum: t[1].sum()}}
}

func worst(all []Group) []Group {
	slices.SortStableFunc(all, func(a, b Group) int { return compareGroups(&a, &b) })
	return slices.Clone(all[:min(len(all), reportGroups)])
}
