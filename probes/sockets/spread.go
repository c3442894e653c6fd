package sockets

import (
	"math"

	"whydrop/probes/fact"
)

// spread says whether losses keep to one destination, or where else.
type spread struct {
	word    string // "one-peer", "all", ...
	to      string // the group, where it is one
	part    float64
	traffic float64
	hit     float64 // remote addresses with retransmissions, of those below
	judged  float64 // remote addresses with enough traffic that they should have some
}

// The words of retrans.spread.
const (
	spreadPeer  = "one-peer"
	spreadFew   = "too-few"
	spreadAll   = "all"
	spreadSome  = "some-peers"
	minEvents   = 5  // looks of connections with retransmissions: fewer tell nothing
	minRetrans  = 10 // segments
	mostShare   = 0.8
	timesOthers = 4    // the loss of the one against that of all others
	chance      = 1e-3 // of naming one where all are alike
	shouldHit   = 3    // retransmissions expected of a group before its having none tells
)

// candidates are the kinds of groups of which one may hold the losses, narrow
// ones first: where two fit as well, the first is told.
var candidates = []struct {
	kind Kind
	word string
}{{ByPeer, spreadPeer}, {ByPrefix, "one-prefix"}, {ByService, "one-service"}, {ByEgress, "one-interface"}}

// spreadOf finds the narrowest group, by its share of the traffic, that has nearly
// all retransmissions: far more than its share, and more than chance would give it.
//
// Chance is that each event falls on a group as often as its share of the segments
// says (a binomial test, times the number of groups that were tried). Segments of
// one connection get lost in clumps; so an event is a look at which a connection
// was found to have sent something again, however much.
func spreadOf(all *[kinds][]*merged) spread {
	var total merged
	for _, m := range all[ByDirection] { // all that leaves the host
		total.merge(&m.Sum)
	}
	s := spread{word: spreadFew}
	if total.Retransmitting < minEvents || total.Retrans < minRetrans {
		return s
	}
	s.countPeers(all[ByPeer], &total)
	found := false
	for _, c := range candidates {
		for _, m := range all[c.kind] {
			traffic := ratio(m.Tries, total.Tries)
			if c.kind == ByEgress && m.Name == sameHost || !stands(m, &total, len(all[c.kind])) || found && traffic >= s.traffic {
				continue
			}
			found = true
			s.word, s.to, s.part, s.traffic = c.word, m.Name, ratio(m.Retrans, total.Retrans), traffic
		}
	}
	switch {
	case found || s.judged < 2:
	case s.hit >= mostShare*s.judged:
		s.word = spreadAll
	default:
		s.word = spreadSome
	}
	return s
}

// stands says whether one of so many groups has the losses to itself.
func stands(m, total *merged, groups int) bool {
	events, retrans := float64(m.Retransmitting), float64(m.Retrans)
	others, traffic := less(total.Tries, m.Tries), ratio(m.Tries, total.Tries)
	if others == 0 || events < mostShare*float64(total.Retransmitting) || retrans < mostShare*float64(total.Retrans) {
		return false
	}
	ofOthers := ratio(less(total.Retrans, m.Retrans), others)
	if ratio(m.Retrans, m.Tries) < timesOthers*ofOthers {
		return false
	}
	return float64(groups)*atLeast(m.Retransmitting, total.Retransmitting, traffic) < chance
}

// countPeers counts the remote addresses that should have retransmissions if all
// were alike, and those that do.
func (s *spread) countPeers(peers []*merged, total *merged) {
	for _, m := range peers {
		if float64(m.Tries)*ratio(total.Retrans, total.Tries) < shouldHit {
			continue
		}
		s.judged++
		if m.Retrans > 0 {
			s.hit++
		}
	}
}

func ratio(part, whole uint64) float64 {
	if whole == 0 {
		return 0
	}
	return min(float64(part)/float64(whole), 1)
}

// atLeast returns the chance of k or more of n events, each of which has the
// chance p (the upper tail of the binomial distribution).
func atLeast(k, n uint32, p float64) float64 {
	if p <= 0 || k > n {
		return when(k == 0, 1)
	}
	if p >= 1 {
		return 1
	}
	gamma := func(x uint32) float64 { g, _ := math.Lgamma(float64(x) + 1); return g }
	var tail float64
	for i := k; i <= n; i++ {
		tail += math.Exp(gamma(n) - gamma(i) - gamma(n-i) + float64(i)*math.Log(p) + float64(n-i)*math.Log1p(-p))
	}
	return min(tail, 1)
}

// tell adds the facts.
func (s spread) tell(f *fact.Facts) {
	f.Text("retrans.spread", s.word)
	if s.word == spreadFew {
		return
	}
	f.Gauge("retrans.peers_judged", s.judged)
	f.Gauge("retrans.peers_hit", s.hit)
	if s.to != "" {
		f.Text("retrans.spread_to", s.to)
		f.Gauge("retrans.spread_share", s.part)
		f.Gauge("retrans.spread_traffic_share", s.traffic)
	}
}
