package checklist

import (
	"cmp"
	"slices"
	"strings"

	"whydrop/content"
)

// HopView is one hop of the decision tree: its causes, what it lost, and why it
// is closed if it is.
type HopView struct {
	Hop    *content.Hop
	Causes []*Finding // ranked
	Drops  float64    // counted in the ledger during the observation
	// Probability of the hop's most probable cause.
	Probability float64
	// Closed says that none of its causes is likely any more; Why is the
	// weightiest fact that closed it.
	Closed bool
	Why    string
}

// closed is the probability under which a branch of the tree counts as closed.
const closed = 0.02

// Hops returns the decision tree: the hops in the order of the packet's way.
func (c *Case) Hops(d *Diagnosis) []HopView {
	views := make([]HopView, 0, len(c.Book.Hops))
	for _, h := range c.Book.Hops {
		v := HopView{Hop: h}
		for _, f := range d.Findings {
			if f.Cause.Hop == h.ID {
				v.Causes = append(v.Causes, f)
				v.Probability = max(v.Probability, f.Probability)
			}
		}
		for _, e := range d.Ledger {
			if e.Hop == h.ID && e.Loss {
				v.Drops += e.Drops
			}
		}
		v.Closed, v.Why = whyClosed(v.Causes)
		views = append(views, v)
	}
	return views
}

// whyClosed says whether all causes of a hop are ruled out by evidence, and the
// weightiest reason.
func whyClosed(causes []*Finding) (bool, string) {
	var best Reason
	for _, f := range causes {
		if f.Probability >= closed || len(f.Against) == 0 {
			return false, ""
		}
		for _, r := range f.Against {
			if r.Weight > best.Weight {
				best = r
			}
		}
	}
	return len(causes) > 0, best.Says
}

// Stop is a hop on the packet's way with what it lost of the packets that go out
// and of those that come in.
type Stop struct {
	HopView
	Sent, Received Lane
	// Outside says that no place of this host counts what is lost there.
	Outside bool
}

// Lane is one direction at a hop.
type Lane struct {
	// Passes says whether packets of this direction pass the hop at all.
	Passes bool
	// Places are the hop's entries of the ledger: what lost most during the
	// observation first, then what ever lost something, what never did, and what
	// nobody could read.
	Places []LedgerEntry
	Lost   float64 // counted during the observation
	// Maybe is what counters grew by that also move for packets that nobody misses.
	Maybe float64
	// Before is what was lost since the counters began, without Lost: history.
	Before float64
	Unread int // places that nobody could read
}

// Way lays the whole ledger along the packet's way: the hops from the application
// down to the wire and beyond.
func Way(hops []HopView, places []LedgerEntry) []Stop {
	stops, at := make([]Stop, len(hops)), map[string]*Stop{}
	for i, v := range hops {
		stops[i] = Stop{HopView: v, Outside: true}
		stops[i].Sent.Passes, stops[i].Received.Passes = v.Hop.Direction != "rx", v.Hop.Direction != "tx"
		at[v.Hop.ID] = &stops[i]
	}
	for _, e := range places {
		s := at[e.Hop]
		if s == nil {
			continue
		}
		s.Outside = false
		if e.Direction == "tx" {
			s.Sent.add(e)
		} else {
			s.Received.add(e)
		}
	}
	for i := range stops {
		stops[i].Sent.sort()
		stops[i].Received.sort()
	}
	return stops
}

func (l *Lane) add(e LedgerEntry) {
	l.Passes = true
	l.Places = append(l.Places, e)
	switch {
	case e.Unknown != "":
		l.Unread++
	case !e.Loss:
		l.Maybe += e.Drops
	default:
		l.Lost += e.Drops
		if e.Total != nil {
			l.Before += max(0, *e.Total-e.Drops)
		}
	}
}

// sort orders the places of a lane.
func (l *Lane) sort() {
	slices.SortStableFunc(l.Places, func(a, b LedgerEntry) int {
		return cmp.Or(cmp.Compare(b.rank(), a.rank()), cmp.Compare(b.Drops, a.Drops), cmp.Compare(b.ever(), a.ever()))
	})
}

func (e LedgerEntry) rank() int {
	switch {
	case e.Unknown != "":
		return 0
	case e.Drops > 0 && e.Loss:
		return 4
	case e.Drops > 0:
		return 3
	case e.ever() > 0:
		return 2
	default:
		return 1
	}
}

func (e LedgerEntry) ever() float64 {
	if e.Total == nil {
		return 0
	}
	return *e.Total
}

// Lack is what could not be looked at for one reason.
type Lack struct {
	Why  string   // what would let one
	What []string // facts and tables, each with its meaning in a few words
}

// Lacks says what the rules of a cause wait for that could not be judged, by the
// reason; first what most are missing for.
func (c *Case) Lacks(d *Diagnosis, f *Finding) []Lack {
	var lacks []Lack
	for _, r := range f.Unknown {
		what, why := c.lack(d, r)
		i := slices.IndexFunc(lacks, func(l Lack) bool { return l.Why == why })
		if i < 0 {
			i = len(lacks)
			lacks = append(lacks, Lack{Why: why})
		}
		if !slices.Contains(lacks[i].What, what) {
			lacks[i].What = append(lacks[i].What, what)
		}
	}
	slices.SortStableFunc(lacks, func(a, b Lack) int { return cmp.Compare(len(b.What), len(a.What)) })
	return lacks
}

func (c *Case) lack(d *Diagnosis, r *content.Rule) (what, why string) {
	if r.Each != "" {
		if t := c.Book.Facts.TableOf(r.Each); t != nil {
			if _, looked := d.facts.table(r.Each); !looked {
				return t.Name + " (" + clause(t.Means) + ")", whyUnread(d.facts.facts, t.Probe)
			}
		}
	}
	for _, name := range r.When.Uses() {
		if _, known := d.facts.Value(name); known {
			continue
		}
		if def := c.Book.Facts.Lookup(name, r.Each); def != nil {
			return strings.TrimPrefix(name, r.Each+".") + " (" + clause(def.Means) + ")", whyUnread(d.facts.facts, def.Probe)
		}
	}
	return "what the rule " + r.ID + " goes by", "not told by this kernel or driver"
}

// clause is the first clause of a text: what a fact means without the details.
func clause(text string) string {
	if i := strings.IndexAny(text, ":;("); i > 0 {
		text = text[:i]
	}
	return strings.TrimRight(text, " .")
}

// Strength says the weight of a reason in a word.
func (r Reason) Strength() string { return strength(r.Weight) }
