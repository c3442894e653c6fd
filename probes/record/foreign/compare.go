package foreign

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"whydrop/probes/counters"
	"whydrop/probes/links"
)

// restarted leaves out the samples before a restart of the host, and of counters
// that count anew: what lies before cannot be compared.
func (e *evidence) restarted(r *rounds) {
	for i := 1; i < len(e.hosts); i++ {
		a, b := e.hosts[i-1], e.hosts[i]
		again := a.boot != "" && b.boot != "" && a.boot != b.boot || b.uptime > 0 && b.uptime+90 < a.uptime
		if again {
			e.note("the host was restarted between %s and %s: what was counted before is left out", a.name, b.name)
			r.leaveOut(func(p *piece) bool { return slices.Contains(e.hosts[:i], p.origin) })
		}
		if a.kernel != "" && b.kernel != "" && a.kernel != b.kernel && !again {
			e.note("%s and %s are of different kernels (%s, %s): they are not compared", a.name, b.name, a.kernel, b.kernel)
			r.leaveOut(func(p *piece) bool { return slices.Contains(e.hosts[:i], p.origin) })
		}
	}
	for _, s := range r.order {
		e.comparable(r, s)
	}
}

// leaveOut takes samples out, but never the last one of a slot.
func (r *rounds) leaveOut(old func(*piece) bool) {
	for s, all := range r.slots {
		var left []*piece
		for i, p := range all {
			if i == len(all)-1 || !old(p) {
				left = append(left, p)
			}
		}
		r.slots[s] = left
	}
}

// comparable settles whether the samples of a slot can be subtracted.
func (e *evidence) comparable(r *rounds, slot string) {
	all := r.slots[slot]
	if ofNstat(all[0]) {
		e.counted(r, all)
		return
	}
	e.uncomparable(r, all)
}

// uncomparable leaves out the samples after which counters fell that never do: they were
// given in the wrong order, or are of another boot or host.
func (e *evidence) uncomparable(r *rounds, all []*piece) {
	for i := len(all) - 1; i > 0; i-- {
		if !e.fell(all[i-1], all[i]) {
			continue
		}
		e.note("%s: the counters in %s are lower than in %s before it: given in the wrong order, restarted, or of another host; not compared", all[i].slot(), all[i].from, all[i-1].from)
		old := all[i]
		r.leaveOut(func(p *piece) bool { return e.before(p, old) })
		return
	}
}

// once takes out the pairs of looks that are the same sample given twice: the same
// texts, and no times that differ.
func (e *evidence) once(pairs [][2]look) [][2]look {
	return slices.DeleteFunc(pairs, func(p [2]look) bool {
		common := 0
		for slot, a := range p[0] {
			b := p[1][slot]
			if b == nil {
				continue
			}
			if !bytes.Equal(a.text, b.text) || !a.at.Equal(b.at) {
				return false
			}
			common++
		}
		if common > 0 {
			e.note("the same sample was given twice: it counts once")
		}
		return common > 0
	})
}

// before tells whether a piece stands before another.
func (e *evidence) before(p, other *piece) bool {
	for i := range e.pieces {
		switch &e.pieces[i] {
		case other:
			return false
		case p:
			return true
		}
	}
	return false
}

// fell tells whether the counters of one sample are lower than those of the one
// before it: a fifth of those that moved.
func (e *evidence) fell(a, b *piece) bool {
	was, is := e.numbers(a), e.numbers(b)
	fell, rose := 0, 0
	for name, v := range is {
		before, have := was[name]
		switch {
		case !have:
		case v < before && before-v < 1<<31: // more is a counter of 32 bits that wrapped
			fell++
		case v > before:
			rose++
		}
	}
	return fell > 0 && fell*4 > rose
}

// numbers are counters of a sample that only ever grow.
func (e *evidence) numbers(p *piece) map[string]uint64 {
	out := map[string]uint64{}
	switch p.kind.name {
	case "ip link", "ip -j link":
		for _, l := range e.printedLinks(look{p.kind.name: p}) {
			for _, field := range []string{"rx_packets", "tx_packets", "rx_bytes", "tx_bytes"} {
				if v, ok := l.stats[field]; ok {
					out[l.link.Name+field] = v
				}
			}
		}
	case "tc qdisc", "tc -j qdisc":
		for _, q := range e.queues(look{p.kind.name: p}) {
			out[fmt.Sprint(q.device, q.queue.Kind, q.queue.Handle, q.queue.Parent)] = q.queue.Packets
		}
	case "/proc/net/softnet_stat":
		r, _ := counters.From(map[string][]byte{"net/softnet_stat": p.text})
		for _, c := range r.CPUs {
			out[fmt.Sprint(c.ID)] = uint64(c.Processed)
		}
	case "ethtool -S":
		printed, _ := links.ParseStatistics(bytes.NewReader(p.text))
		for _, s := range printed {
			if strings.Contains(s.Name, "packets") || strings.Contains(s.Name, "bytes") || strings.HasSuffix(s.Name, "_cnt") {
				out[s.Name] += s.Value
			}
		}
	default:
		for name, v := range e.counts(p) {
			if !strings.Contains(name, ".Curr") {
				out[name] = v
			}
		}
	}
	return out
}
