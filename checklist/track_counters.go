package checklist

import (
	"time"

	"whydrop/content"
	"whydrop/probes/fact"
)

// lastRead is when a counter was read last. An observation may lack it, or tell once more
// what was told before: then nothing is known of the time since.
type lastRead struct {
	total float64
	at    time.Time // the end of the observation that told it
	told  time.Time // the last observation that holds it, read anew or not
	since int       // points that were set since then without knowing
}

// longestHeld is for how long a counter that is not read is taken to go on as before.
const longestHeld = 10 * time.Second

// probesOf tells which probe yields each scalar fact.
func probesOf(book *content.Book) map[string]string {
	probes := map[string]string{}
	for _, def := range book.Facts.Facts() {
		probes[def.Name] = def.Probe
	}
	return probes
}

// numbers remembers each number of an observation that ended at a moment, which counts
// for several points: of a counter by how much it grew a second since it was read last.
func (t *Track) numbers(at time.Time, f *fact.Facts, points int) {
	idle := t.idle(at, f)
	for name, v := range f.Values {
		if v.Total != nil {
			t.counter(name, *v.Total, at, points, idle[t.probes[name]])
		} else if n, ok := v.Now.(float64); ok {
			t.points(name, n, points)
		}
	}
	for _, p := range t.places {
		if grew, known := t.grew(p, f); known {
			r := t.read[p.name()]
			if r == nil {
				r = &lastRead{at: t.last}
				t.read[p.name()] = r
			}
			t.counter(p.name(), r.total+grew, at, points, idle[p.probe])
		}
	}
	for name, r := range t.read {
		if !r.told.Equal(at) {
			t.unread(name, r, at, points)
		}
	}
	t.last = at
}

// counter remembers by how much a counter grew a second. Where it was not read for a
// while, that is so for all the time since it was.
func (t *Track) counter(name string, total float64, at time.Time, points int, idle bool) {
	r := t.read[name]
	if r == nil {
		if len(t.read) < maxSeries {
			t.read[name] = &lastRead{total: total, at: at, told: at}
		}
		return
	}
	r.told = at
	if idle && total == r.total {
		t.unread(name, r, at, points)
		return
	}
	rate := t.newest(name) // it began anew: without a point all before it would lie too late
	if seconds := at.Sub(r.at).Seconds(); seconds <= 0 {
		r.total = total
		return
	} else if total >= r.total {
		rate = (total - r.total) / seconds
		t.series[name].amend(rate, r.since)
	}
	t.points(name, rate, points)
	r.total, r.at, r.since = total, at, 0
}

// unread sets points for a time in which a counter was not read: what they should be
// comes out when it is.
func (t *Track) unread(name string, r *lastRead, at time.Time, points int) {
	held := t.newest(name)
	if at.Sub(r.at) > longestHeld {
		held = 0
		t.series[name].amend(held, r.since)
	}
	t.points(name, held, points)
	r.since += points
}

// idle are the probes that did not look again since the observation before: none of
// their counters moved, and their pace is slower than that of the observations.
func (t *Track) idle(at time.Time, f *fact.Facts) map[string]bool {
	moved := map[string]bool{}
	for name, v := range f.Values {
		if r := t.read[name]; v.Total != nil && (r == nil || r.total != *v.Total) {
			moved[t.probes[name]] = true
		}
	}
	for _, p := range t.places {
		moved[p.probe] = moved[p.probe] || t.moved(p, f)
	}
	idle := map[string]bool{}
	for _, p := range f.Probes {
		every := time.Duration(p.Every * float64(time.Second))
		slower := float64(every) > 1.25*float64(at.Sub(t.last))
		if !moved[p.Name] && slower && at.Sub(t.looked[p.Name]) < every*3/2 {
			idle[p.Name] = true
		} else {
			t.looked[p.Name] = at
		}
	}
	return idle
}

// newest is the last point of a number, 0 if there is none.
func (t *Track) newest(name string) float64 {
	if s := t.series[name]; s != nil && len(s.ring) > 0 {
		return float64(s.ring[(s.head+len(s.ring)-1)%len(s.ring)])
	}
	return 0
}

// amend sets the last points, which are all the same, to another value.
func (s *series) amend(v float64, points int) {
	if s == nil || points == 0 || len(s.ring) == 0 {
		return
	}
	last := (s.head + len(s.ring) - 1) % len(s.ring)
	more := v - float64(s.ring[last])
	for i := range min(points, len(s.ring)) {
		s.ring[(last-i+len(s.ring))%len(s.ring)] = float32(v)
	}
	n := min(points, s.wait)
	s.sum += more * float64(n)
	for i := len(s.long) - 1; i >= 0 && n < points; i-- {
		part := min(points-n, s.step)
		s.long[i] += float32(more * float64(part) / float64(s.step))
		n += part
	}
}
