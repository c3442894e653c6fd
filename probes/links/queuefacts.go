package links

import (
	"cmp"
	"sort"

	"whydrop/probes/fact"
)

// flow is what one queue did during the window.
type flow struct {
	last                                       *Queue
	looks                                      int
	bytes, packets, drops, overlimits, requeue float64
	early                                      float64 // drops in the first half of the looks
	least, most                                uint32  // packets standing in it
	stood                                      int     // looks at which packets stood in it
}

func (w *flow) add(q *Queue) {
	if p := w.last; p != nil {
		w.bytes += growth(p.Bytes, q.Bytes)
		w.packets += growth(p.Packets, q.Packets)
		w.drops += growth(uint64(p.Drops), uint64(q.Drops))
		w.overlimits += growth(uint64(p.Overlimits), uint64(q.Overlimits))
		w.requeue += growth(uint64(p.Requeues), uint64(q.Requeues))
	}
	if w.looks == 0 || q.Qlen < w.least {
		w.least = q.Qlen
	}
	w.most = max(w.most, q.Qlen)
	if q.Qlen > 0 {
		w.stood++
	}
	w.last = q
	w.looks++
}

// flowsOf follows every queue from look to look.
func flowsOf(looks []*Reading) map[queueKey]*flow {
	flows := map[queueKey]*flow{}
	for n, r := range looks {
		for i := range r.Queues {
			q := &r.Queues[i]
			w := flows[q.key()]
			if w == nil {
				w = &flow{}
				flows[q.key()] = w
			}
			w.add(q)
			if 2*n <= len(looks)-1 {
				w.early = w.drops
			}
		}
	}
	return flows
}

// growth is by how much a counter grew. It may be 32 bits wide: the kernel's are
// for queues, and some drivers count so and only show 64.
func growth(before, after uint64) float64 {
	n, _ := fact.Growth(before, after, 32)
	return float64(n)
}

// queueFacts derives the table qdisc: those that dropped first, at most 256.
func queueFacts(looks []*Reading, seconds float64, f *fact.Facts) {
	flows := flowsOf(looks)
	last := looks[len(looks)-1]
	links := map[int]*Link{}
	for i := range last.Links {
		links[last.Links[i].Index] = &last.Links[i]
	}
	f.Table("qdisc")
	t := newTree(last.Queues)
	var rows []fact.Row
	use := 0.0
	for i := range last.Queues {
		q := &last.Queues[i]
		l := links[q.Link]
		if l == nil {
			continue // it went between the two dumps
		}
		w := flows[q.key()]
		row := queueRow(q, l)
		t.place(i, row)
		if q.Class {
			row["default_fifo_packets"] = t.defaultFifo(i)
		}
		if q.Counted {
			w.totals(row)
			row["own_drops_total"] = t.own(i, func(q *Queue) float64 { return float64(q.Drops) })
		}
		if q.Counted && w.looks > 1 {
			w.fill(row, seconds)
			use = max(use, w.standingUse(seconds))
			row["own_drops"] = t.own(i, func(q *Queue) float64 { return flows[q.key()].drops })
		}
		if ms, ok := t.hold(i, flows); ok {
			row["hold_ms"] = ms
		}
		if q.Counted && !q.Ingress() {
			row["backlog_packets"], row["backlog_bytes"] = float64(q.Qlen), float64(q.Backlog)
			row["backlog_peak"], row["backlog_min"] = float64(w.most), float64(w.least)
		}
		rows = append(rows, row)
	}
	f.Gauge("shaper.standing_use", use)
	sort.SliceStable(rows, func(i, j int) bool { return weight(rows[i]) > weight(rows[j]) })
	for _, row := range rows[:min(len(rows), maxQueueRows)] {
		f.Add("qdisc", row)
	}
}

// weight orders rows by drops, then by what stands in them.
func weight(row fact.Row) float64 {
	drops, _ := row["drops"].(float64)
	standing, _ := row["backlog_peak"].(float64)
	return drops*1e9 + standing
}

// queueRow holds what is configured.
func queueRow(q *Queue, l *Link) fact.Row {
	row := fact.Row{
		"link": l.Name, "kind": q.Kind, "class": q.Class,
		"ingress": q.Ingress(), "shaper": q.Rate > 0, "netem_loss": q.Loss,
		"root": !q.Class && q.Parent == rootHandle, "by_default": q.Handle == 0,
	}
	if q.Handle != 0 {
		row["handle"] = handleText(q.Handle)
	}
	name := l.Name + " " + q.Kind + " " + handleText(q.Handle)
	if q.Handle == 0 && q.Parent != rootHandle {
		name = l.Name + " " + q.Kind + " parent " + handleText(q.Parent)
	}
	row["name"] = name
	row["place"] = l.Name + " root"
	if q.Parent != rootHandle {
		row["parent"] = handleText(q.Parent)
		row["place"] = l.Name + " parent " + handleText(q.Parent)
	}
	if q.Class {
		row["place"] = l.Name + " class " + handleText(q.Handle)
	}
	if q.Rate > 0 {
		row["rate_bps"] = 8 * float64(q.Rate)
	}
	limit := q.LimitPackets
	if q.Kind == "pfifo_fast" {
		limit = l.TxQLen // of each of its three bands
	}
	if limit > 0 {
		row["limit_packets"] = float64(limit)
	}
	if q.LimitBytes > 0 {
		row["limit_bytes"] = float64(q.LimitBytes)
	}
	if q.Burst > 0 {
		row["burst_bytes"] = float64(q.Burst)
	}
	l.packets(row)
	return row
}

// packets says how large a packet on the link is, and how large the ones are that its
// queue gets: senders leave it to the device or to the last moment to cut them.
func (l *Link) packets(row fact.Row) {
	if l.MTU == 0 {
		return
	}
	frame := float64(l.MTU) + ethernetHeader
	row["frame_bytes"], row["packet_bytes"] = frame, frame
	tso, knownTSO := l.Settings["tso"].(bool)
	gso, knownGSO := l.Settings["gso"].(bool)
	if whole := tso || gso || !knownTSO && !knownGSO; whole {
		row["packet_bytes"] = max(frame, float64(cmp.Or(l.GSOMax, gsoLegacyMax)))
	}
}

const (
	ethernetHeader = 14
	gsoLegacyMax   = 65536 // GSO_LEGACY_MAX_SIZE in include/linux/netdevice.h
)

// totals are what it counted since it exists.
func (w *flow) totals(row fact.Row) {
	q := w.last
	row["sent_packets_total"], row["drops_total"] = float64(q.Packets), float64(q.Drops)
	row["overlimits_total"], row["requeues_total"] = float64(q.Overlimits), float64(q.Requeues)
}

func (w *flow) fill(row fact.Row, seconds float64) {
	row["sent_packets"], row["drops"] = w.packets, w.drops
	row["overlimits"], row["requeues"] = w.overlimits, w.requeue
	if w.looks > 2 {
		row["drops_lasting"] = w.early > 0 && w.drops > w.early
	}
	if seconds > 0 {
		row["sent_bps"] = 8 * w.bytes / seconds
	}
}

// standingUse is the share of its rate that a shaper sent while its queue was
// hardly ever empty; 0 for all others.
func (w *flow) standingUse(seconds float64) float64 {
	if q := w.last; q.Rate == 0 || seconds <= 0 || w.looks < 3 || w.stood*5 < w.looks*4 {
		return 0
	}
	return w.bytes / seconds / float64(w.last.Rate)
}

const maxDepth = 16 // of a tree of classes; htb has at most 8 levels

// place says where in the tree a queue stands: leaf, under a shaper, and the
// lowest rate above it.
func (t *tree) place(i int, row fact.Row) {
	row["leaf"] = len(t.children[i]) == 0
	lowest := uint64(0)
	for p, depth := t.parent[i], 0; p >= 0 && depth < maxDepth; p, depth = t.parent[p], depth+1 {
		if r := t.queues[p].Rate; r > 0 && (lowest == 0 || r < lowest) {
			lowest = r
		}
	}
	row["under_shaper"] = lowest > 0
	if lowest > 0 {
		row["shaper_rate_bps"] = 8 * float64(lowest)
	}
}

// defaultFifo is the limit of the fifo that the kernel made with a class, 0 where
// something else stands in it.
func (t *tree) defaultFifo(i int) float64 {
	if len(t.children[i]) == 1 {
		if q := t.queues[t.children[i][0]]; q.Handle == 0 && !q.Class && q.Kind == "pfifo" {
			return float64(q.LimitPackets)
		}
	}
	return 0
}

// hold is for how many milliseconds of its rate a shaper, or a leaf below one,
// has room. A limit in packets is taken for packets as large as those sent, or
// as a full Ethernet frame.
func (t *tree) hold(i int, flows map[queueKey]*flow) (ms float64, ok bool) {
	rate := t.queues[i].Rate
	for p, depth := t.parent[i], 0; rate == 0 && p >= 0 && depth < maxDepth; p, depth = t.parent[p], depth+1 {
		rate = t.queues[p].Rate
	}
	room, ok := t.room(i, flows, maxDepth)
	if rate == 0 || !ok {
		return 0, false
	}
	return 1000 * room / float64(rate), true
}

// room is how many bytes fit into a queue: its own limit, or the least of those
// below it.
func (t *tree) room(i int, flows map[queueKey]*flow, depth int) (bytes float64, ok bool) {
	q := &t.queues[i]
	least := func(n float64) {
		if n > 0 && (!ok || n < bytes) {
			bytes, ok = n, true
		}
	}
	size := 1514.0
	if w := flows[q.key()]; w != nil && w.packets > 0 && w.bytes > 0 {
		size = w.bytes / w.packets
	}
	least(float64(q.LimitBytes))
	least(float64(q.LimitPackets) * size)
	if depth == 0 {
		return bytes, ok
	}
	for _, c := range t.children[i] {
		if n, known := t.room(c, flows, depth-1); known {
			least(n)
		}
	}
	return bytes, ok
}

// own is how many packets were dropped at this very place: what is shown here
// less what its children show, because a parent counts a child's drops again.
func (t *tree) own(i int, drops func(*Queue) float64) float64 {
	own := drops(&t.queues[i])
	for _, c := range t.children[i] {
		own -= t.counted(c, drops, maxDepth)
	}
	return max(0, own)
}

// counted is how many drops the part of the tree below and with i stands for:
// inner classes of htb do not repeat the drops of their leaves.
func (t *tree) counted(i int, drops func(*Queue) float64, depth int) float64 {
	if depth == 0 {
		return 0
	}
	below := 0.0
	for _, c := range t.children[i] {
		below += t.counted(c, drops, depth-1)
	}
	return max(below, drops(&t.queues[i]))
}
