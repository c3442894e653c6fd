package sockets

import "math"

// Losses sums up how unevenly the retransmissions fall on the connections and on
// the time from look to look: for each connection and look, the segments it sent
// and those of them that it sent again. Connections that send little are taken
// together.
type Losses struct {
	Parts   uint64  // connections and looks, taken one by one, in which data was sent
	Sent    uint64  // segments in them
	Retrans uint64  // of these, sent again
	Squares float64 // sum over the parts of the square of retrans by sent

	pool batch // of connections that sent little, until it is enough for a part
}

type batch struct{ sent, again uint64 }

// partSize is how many segments make a part: of a connection that sends two, a
// single loss is half.
const partSize = 20

func (l *Losses) add(growth *Counters) {
	if growth.SegsOut == 0 {
		return
	}
	p := batch{uint64(growth.SegsOut), uint64(min(growth.Retrans, growth.SegsOut))}
	if p.sent < partSize {
		l.pool.sent += p.sent
		l.pool.again += p.again
		if l.pool.sent < partSize {
			return
		}
		p, l.pool = l.pool, batch{}
	}
	l.Parts++
	l.Sent += p.sent
	l.Retrans += p.again
	l.Squares += float64(p.again) * float64(p.again) / float64(p.sent)
}

func (l *Losses) addLosses(o *Losses) {
	l.Parts += o.Parts
	l.Sent += o.Sent
	l.Retrans += o.Retrans
	l.Squares += o.Squares
}

// What dispersion needs to tell anything.
const (
	leastParts   = 5
	leastRetrans = 8
)

// dispersion returns the variance of the retransmissions in a part divided by what
// it is if each segment is lost with the same chance, independently of all others
// (Pearson's chi-squared by its degrees of freedom): about 1 for random loss, and
// about the size of the runs where several segments are lost together. known is
// false where there is too little of it.
func (l *Losses) dispersion() (d float64, known bool) {
	if l.Parts < leastParts || l.Retrans < leastRetrans || l.Retrans >= l.Sent {
		return 0, false
	}
	share := float64(l.Retrans) / float64(l.Sent)
	chi := l.Squares/share - float64(l.Retrans)
	return math.Max(chi, 0) / (1 - share) / float64(l.Parts-1), true
}
