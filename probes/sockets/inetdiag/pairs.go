package inetdiag

import (
	"cmp"
	"net/netip"
	"slices"
)

// Pair is the two ends between which TCP sockets send, without their ports: one
// route that they need. Pairs that never leave the host are not collected.
type Pair struct {
	Local, Remote netip.Addr
	UID           uint32 // of the first socket found; policy rules can ask for it
	Sockets       int    // all of them
	Sending       int    // those with something to send
	Stalled       int    // established ones whose data was sent again by a timeout, and is not acknowledged yet
	RTO           uint32 // the longest retransmission timeout of these, in us; 0 if tcp_info was not asked for
}

// maxPairs bounds the different pairs kept. A host with more peers is shown in
// part.
const maxPairs = 16 << 10

// Connected are the states in which a socket needs a route, for a Request.
var Connected = Mask(Established, SynSent, SynRecv, FinWait1, CloseWait, LastAck, Closing)

// Pairs collects the pairs of the sockets of a dump. The zero value is ready.
type Pairs struct {
	list  []Pair
	index map[ends]int
}

type ends struct{ local, remote netip.Addr }

// Add takes a socket; one in a state that is not Connected is left out.
func (p *Pairs) Add(s *Socket) {
	opening := s.State == SynSent || s.State == SynRecv || s.State == NewSynRecv
	if !opening && Connected&Mask(s.State) == 0 {
		return
	}
	key := ends{s.Local.Addr(), s.Remote.Addr()}
	if key.remote.IsLoopback() || key.remote.IsUnspecified() {
		return
	}
	i, ok := p.index[key]
	if !ok {
		if len(p.list) >= maxPairs {
			return
		}
		if p.index == nil {
			p.index = map[ends]int{}
		}
		i = len(p.list)
		p.index[key] = i
		p.list = append(p.list, Pair{Local: key.local, Remote: key.remote, UID: s.UID})
	}
	p.list[i].Sockets++
	if opening || s.WQueue > 0 {
		p.list[i].Sending++
	}
	if !opening && s.Timer == TimerRetransmit && s.Retrans > 0 {
		p.list[i].Stalled++
		p.list[i].RTO = max(p.list[i].RTO, s.Info.RTO)
	}
}

// Take returns the pairs, those with the most sockets that have something to
// send first, and begins anew.
func (p *Pairs) Take() []Pair {
	taken := p.list
	slices.SortStableFunc(taken, func(a, b Pair) int { return cmp.Compare(b.Sending, a.Sending) })
	p.list = nil
	clear(p.index)
	return taken
}
