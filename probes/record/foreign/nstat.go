package foreign

import "strings"

// nstatCall is how nstat was called, as far as its options tell (nstat(8)): without
// -a it prints what was counted since it last ran, which a file tells it.
type nstatCall struct {
	known    bool
	absolute bool // -a, or -r, which forgets the file: since the boot
	keeps    bool // -s: the file stays as it is, the next call counts from the same moment
}

func nstatCallOf(p *piece) nstatCall {
	c := nstatCall{known: len(p.command) > 0}
	for _, w := range p.command[min(1, len(p.command)):] {
		switch {
		case w == "--ignore" || w == "--reset":
			c.absolute = true
		case w == "--noupdate":
			c.keeps = true
		case strings.HasPrefix(w, "-") && !strings.HasPrefix(w, "--"):
			c.absolute = c.absolute || strings.ContainsAny(w, "ar")
			c.keeps = c.keeps || strings.Contains(w, "s")
		}
	}
	return c
}

// ofNstat tells whether nstat printed a piece.
func ofNstat(p *piece) bool { return p.kind.name == "nstat" || p.kind.name == "nstat -j" }

// useAbsolute is what to do so that the counters of nstat can be told.
const useAbsolute = "take both samples with nstat -az, and leave the line with that command above each"

// counted settles from when the samples of nstat count: since the boot, so that two
// can be subtracted, or each since the one before, so that the later is the growth.
// Where neither the command nor the numbers tell, they are not compared: taking
// increments for totals, or totals for increments, would tell of a growth that never was.
func (e *evidence) counted(r *rounds, all []*piece) {
	var calls []nstatCall
	known := true
	for _, p := range all {
		calls = append(calls, nstatCallOf(p))
		known = known && calls[len(calls)-1].known
	}
	switch {
	case len(all) == 1 && !known:
		e.noteOnce("nstat: how it was called is not known: with -a it counts since the boot, without it since nstat was last run. " +
			"What it counted is at least what was lost since the counters began (nstat -az tells all)")
	case len(all) == 1 && !calls[0].absolute:
		e.noteOnce("nstat without -a counts since it was last run: more may have been lost since the counters began (nstat -az tells all)")
	case len(all) == 1:
	case known:
		e.countedAsCalled(r, all, calls)
	default:
		e.countedAsSeen(r, all)
	}
}

// countedAsCalled goes by the options.
func (e *evidence) countedAsCalled(r *rounds, all []*piece, calls []nstatCall) {
	absolute, increments, kept := true, true, true
	for i, c := range calls {
		absolute = absolute && c.absolute
		kept = kept && !c.absolute && c.keeps
		increments = increments && (i == 0 || !c.absolute) && (i == len(calls)-1 || !c.keeps)
	}
	switch {
	case absolute:
		e.uncomparable(r, all)
	case kept:
		e.noteOnce("nstat -s counts from the same moment each time: the samples are compared, their totals are not known")
		for _, p := range all {
			e.partial[p] = true
		}
		e.uncomparable(r, all)
	case increments:
		e.incremental(all)
	default:
		e.lastOnly(r, all)
		e.note("nstat was called with different options, so that the samples do not count from the same moment: not compared; %s", useAbsolute)
	}
}

// countedAsSeen goes by the numbers. Totals never fall, and the rarer of them stand
// still; increments of two different times hardly ever agree.
func (e *evidence) countedAsSeen(r *rounds, all []*piece) {
	fell, rose, still := 0, 0, 0
	for i := 1; i < len(all); i++ {
		was, is := e.counts(all[i-1]), e.counts(all[i])
		for name, before := range was {
			now, have := is[name]
			switch {
			case strings.Contains(name, "Curr"): // a gauge
			case now < before && (have || whole(was) && whole(is)):
				fell++
			case now > before:
				rose++
			case now >= telling:
				still++
			}
		}
	}
	switch {
	case fell > 0 && rose > 0:
		e.lastOnly(r, all)
		e.note("nstat: how it was called is not known; some counters are lower than before and others higher, as where each sample counts from the one before, or where they are of different hosts: not compared; %s", useAbsolute)
	case fell > 0:
		e.lastOnly(r, all)
		e.note("nstat: how it was called is not known, and counters are lower than before: run without -a, given in the wrong order, restarted, or of another host; not compared; %s", useAbsolute)
	case still >= 3 || rose == 0:
		e.note("nstat: how it was called is not known; its numbers are taken as those of nstat -a, since the boot: they never fall, and many stand still")
	default:
		e.lastOnly(r, all)
		e.note("nstat: how it was called is not known, and the numbers do not tell whether they count since the boot or each since the one before: not compared; %s", useAbsolute)
	}
}

// telling is the least value of a counter at which its standing still tells of a
// total: that two increments of this size agree has a chance of about 1 in 15.
const telling = 20

// lastOnly leaves out all samples of a slot but the last.
func (e *evidence) lastOnly(r *rounds, all []*piece) {
	r.slots[all[0].slot()] = all[len(all)-1:]
}

// incremental notes that each sample counts from the one before.
func (e *evidence) incremental(all []*piece) {
	for _, p := range all {
		e.increments[p] = true
	}
	e.note("nstat printed what was counted since it was last run: its totals are not known")
}
