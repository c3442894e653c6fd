package sockets

import (
	"context"
	"slices"
	"time"

	"whydrop/probes/sockets/inetdiag"
)

// Holes tells how gaps in the sequence of arriving data were filled, of a few
// connections that were watched closely between two looks. A lost segment is
// filled by a retransmission, which can't be there sooner than one round-trip time
// after the segment that showed the gap; one that was only overtaken can.
type Holes struct {
	Quick   uint32 `json:"quick"`   // filled sooner than any retransmission could
	Slow    uint32 `json:"slow"`    // filled so late that it was one, or could have been
	Unclear uint32 `json:"unclear"` // between the two, given how often was looked
	// Missing holds, for slow gaps that were seen to the end, how many segments
	// were missing in each.
	Missing []uint16 `json:"missing,omitempty"`
	// Late and Lost sum up over these gaps the segments that arrived behind them and
	// the ones that were missing.
	Late uint32 `json:"late"`
	Lost uint32 `json:"lost"`
	// Waits holds, for slow gaps, how long the first missing segment took, in
	// least round-trip times.
	Waits []float32 `json:"waits,omitempty"`
}

func (h *Holes) add(o *Holes) {
	h.Quick += o.Quick
	h.Slow += o.Slow
	h.Unclear += o.Unclear
	h.Late += o.Late
	h.Lost += o.Lost
	h.Missing = append(h.Missing, o.Missing...)
	h.Waits = append(h.Waits, o.Waits...)
}

// What watching may cost: the connections watched, for how long after each look,
// and how many gaps are remembered of one watch.
const (
	mostWatched  = 4
	watchFor     = 450 * time.Millisecond
	watchStep    = time.Millisecond
	watchStepMax = 8 * time.Millisecond
	mostMissing  = 64
	// watchableRTT is the round-trip time, microseconds, below which one step takes too
	// long to tell anything.
	watchableRTT = 4000
)

// asker is what is used of inetdiag.Conn.
type asker interface {
	Get(ctx context.Context, k *inetdiag.Socket, extensions inetdiag.Extension, visit func(*inetdiag.Socket)) error
	Close() error
}

// watcher watches the connections with the most arrivals out of order, beside the
// looks: it begins after one and is over before the next.
type watcher struct {
	dial   func() (asker, error)
	conn   asker
	cancel context.CancelFunc
	done   chan Holes // the result of a watch under way, nil for none
}

// collect ends the watch under way and returns what it saw.
func (w *watcher) collect() Holes {
	if w.done == nil {
		return Holes{}
	}
	w.cancel()
	h := <-w.done
	w.done = nil
	return h
}

// begin watches those flows that arrive out of order now. least tells the least
// round-trip time to an address.
func (w *watcher) begin(flows []Flow, least *leastRTTs) {
	worst := worthWatching(flows)
	if len(worst) == 0 || w.dial == nil {
		return
	}
	if w.conn == nil {
		conn, err := w.dial()
		if err != nil {
			return
		}
		w.conn = conn
	}
	var ctx context.Context
	ctx, w.cancel = context.WithTimeout(context.Background(), watchFor)
	w.done = make(chan Holes, 1)
	gaps := make([]gap, len(worst))
	for i := range worst {
		gaps[i].socket = worst[i].Socket
		gaps[i].fastest = least.of(&worst[i].Socket, roundTrip(&worst[i].Socket))
		if heard := worst[i].Socket.Info.RcvRTT; heard > 0 {
			gaps[i].fastest = min(gaps[i].fastest, heard) // a single handshake may have been slow
		}
	}
	go func(conn asker, done chan Holes) { done <- watch(ctx, conn, gaps) }(w.conn, w.done)
}

// worthWatching returns the flows with the most arrivals out of order since the
// previous look whose round-trip time is long enough.
func worthWatching(flows []Flow) []Flow {
	var worst []Flow
	for _, f := range flows {
		if f.Now.OutOfOrder != f.Before.OutOfOrder && f.Looks > 1 && f.Socket.HasMem && f.Socket.Cookie != 0 &&
			f.Socket.State == inetdiag.Established && roundTrip(&f.Socket) >= watchableRTT {
			worst = append(worst, f)
		}
	}
	slices.SortFunc(worst, func(a, b Flow) int {
		return int(int32((b.Now.OutOfOrder - b.Before.OutOfOrder) - (a.Now.OutOfOrder - a.Before.OutOfOrder)))
	})
	return worst[:min(len(worst), mostWatched)]
}

// roundTrip returns the least round-trip time, microseconds; 0 if it is unknown.
func roundTrip(k *inetdiag.Socket) uint32 {
	if rtt, ok := rttOf(k); ok && k.Has(inetdiag.LenRcvOoopack) {
		return rtt.Min
	}
	return 0
}

// watch looks at the sockets again and again until the context ends.
func watch(ctx context.Context, conn asker, gaps []gap) (h Holes) {
	step := watchStepMax
	for i := range gaps {
		step = min(step, time.Duration(gaps[i].fastest)*time.Microsecond/16)
	}
	tick := time.NewTicker(max(step, watchStep))
	defer tick.Stop()
	for {
		for i := range gaps {
			g := &gaps[i]
			if g.over {
				continue
			}
			asked := time.Now()
			err := conn.Get(context.Background(), &g.socket, inetdiag.WithInfo|inetdiag.WithMemory, func(k *inetdiag.Socket) {
				g.see(k, asked, time.Now(), &h)
			})
			g.over = err != nil
		}
		select {
		case <-ctx.Done():
			return h
		case <-tick.C:
		}
	}
}

// gap follows one connection from look to look.
type gap struct {
	socket  inetdiag.Socket
	fastest uint32 // no retransmission comes sooner, microseconds
	over    bool   // the socket can't be looked at any more
	before  glance
	looked  bool
	// still is since when no data has arrived in order, and arrivals how much had
	// arrived out of order by then; told is set when that has been counted.
	still    time.Time
	arrivals uint32
	told     bool
	// open is set while a gap is there that was watched from its beginning:
	// received is where it stands, it began between earliest and latest, and late
	// is what had arrived out of order by then.
	open             bool
	received         uint64
	late             uint32
	earliest, latest time.Time
	filling          bool // it was filled once, other segments may miss
	missing          uint32
	// unread is since when each look found data that the application had not read. It
	// hides whether other segments miss; blurred is set when it did for long, or when
	// nobody looked for long.
	unread  time.Time
	blurred bool
}

// glance is what is compared of one look with the next.
type glance struct {
	from, to time.Time // the look was between
	received uint64
	segments uint32
	late     uint32
	empty    bool // nothing is in the receive queues
	unread   bool // something in order is
}

// see takes one look at the socket, made between two moments.
func (g *gap) see(k *inetdiag.Socket, from, to time.Time, h *Holes) {
	now := glance{
		from: from, to: to, received: k.Info.BytesReceived, segments: k.Info.DataSegsIn, late: k.Info.RcvOoopack,
		empty: k.HasMem && k.RQueue == 0 && k.Mem.RMem == 0, unread: k.RQueue > 0,
	}
	before := g.before
	g.before = now
	if !g.looked || now.received != before.received {
		g.still, g.arrivals, g.told = to, now.late, false
	}
	switch {
	case !g.looked:
		g.looked = true
	case g.open:
		g.follow(&before, &now, h)
	case now.late != before.late && before.empty:
		g.begin(&before, &now, h)
	case !g.told && now.late != g.arrivals && now.from.Sub(g.still) >= g.quick():
		// Its beginning was not seen, but it has been there for long enough.
		g.told = true
		h.Slow++
	}
}

// begin takes the look at which a gap has appeared.
func (g *gap) begin(before, now *glance, h *Holes) {
	if now.empty { // it came and went between two looks
		g.filled(now.to.Sub(before.from), 0, h)
		return
	}
	g.open, g.filling, g.missing, g.blurred, g.unread = true, false, 0, false, time.Time{}
	g.received, g.late, g.earliest, g.latest = now.received, before.late, before.from, now.to
}

// follow takes a look at a connection whose gap is open.
func (g *gap) follow(before, now *glance, h *Holes) {
	if !g.filling && now.received != g.received {
		g.filled(now.to.Sub(g.earliest), before.from.Sub(g.latest), h)
		g.filling = true
	}
	g.missing += grown(now.segments, before.segments) - min(grown(now.late, before.late), grown(now.segments, before.segments))
	if g.filling && now.from.Sub(before.to) >= g.quick()/2 {
		g.blurred = true // looked too late
	}
	if !now.empty {
		g.blur(now)
		return
	}
	g.open = false
	if lasted := now.from.Sub(g.latest); lasted >= g.quick() && !g.blurred && len(h.Missing) < mostMissing {
		late := grown(now.late, g.late)
		// About half of the last step was after the end, with data in order again.
		after := float64(late) / lasted.Seconds() * now.from.Sub(before.from).Seconds() / 2
		missing := max(1, g.missing-min(g.missing, uint32(after+0.5)))
		h.Missing = append(h.Missing, uint16(min(missing, 1<<16-1)))
		h.Late += late
		h.Lost += missing
	}
}

// blur notes that data stays unread. What arrives in order then may fill a gap, or
// follow one that was filled long ago.
func (g *gap) blur(now *glance) {
	switch {
	case !now.unread:
		g.unread = time.Time{}
	case g.unread.IsZero():
		g.unread = now.from
	case now.from.Sub(g.unread) >= g.quick()/4:
		g.blurred = true
	}
}

// quick is the time within which no retransmission can arrive, less what the
// measurement of the least round-trip time may be wrong by.
func (g *gap) quick() time.Duration {
	return time.Duration(g.fastest) * time.Microsecond * 9 / 10
}

// filled judges a gap that was open for no longer than most and no shorter than
// least.
func (g *gap) filled(most, least time.Duration, h *Holes) {
	switch {
	case most < g.quick():
		h.Quick++
	case least >= g.quick():
		h.Slow++
		if len(h.Waits) < mostMissing {
			h.Waits = append(h.Waits, float32((least+most).Microseconds())/2/float32(max(g.fastest, 1)))
		}
	default:
		h.Unclear++
	}
}
