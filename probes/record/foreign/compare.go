package foreign

import (
	"bytes"
	"slices"
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
// given in the wrong order, or are of another boot or host. What can begin anew by itself
// costs its own samples alone where others show that host and order are right.
func (e *evidence) uncomparable(r *rounds, all []*piece) {
	for i := len(all) - 1; i > 0; i-- {
		if !e.fell(all[i-1], all[i]) {
			continue
		}
		old := all[i]
		if renewable[old.kind.name] && e.vouched(r) {
			r.slots[old.slot()] = all[i:]
			e.note("%s: the counters in %s are lower than in %s before it: they began anew between the two; not compared", old.slot(), printable(old.from, 80), printable(all[i-1].from, 80))
			return
		}
		e.note("%s: the counters in %s are lower than in %s before it: given in the wrong order, restarted or loaded anew, or of another host; not compared", old.slot(), printable(old.from, 80), printable(all[i-1].from, 80))
		r.leaveOut(func(p *piece) bool { return e.before(p, old) })
		return
	}
}

// once takes out the pairs of looks that are the same sample given twice: the same
// texts, and no times that differ.
func (e *evidence) once(r *rounds, pairs [][2]look) [][2]look {
	n := len(pairs)
	pairs = slices.DeleteFunc(pairs, func(p [2]look) bool {
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
		return common > 0
	})
	if len(pairs) < n {
		e.note("the same sample was given twice: it counts once")
	}
	if len(pairs) == 0 && n > 0 {
		r.leaveOut(func(*piece) bool { return true })
	}
	return pairs
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
