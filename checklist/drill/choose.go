package drill

import (
	"regexp"
	"slices"
	"strings"

	"whydrop/content"
)

// option is something that can be chosen, and what it would be right for.
type option struct{ text, why string }

// offer makes the choices of a card: the right one and the best of the others, which
// come in the order of how well they tempt. What reads the same counts once.
func offer(c *Card, right option, others []option) bool {
	c.Form, c.Choices, c.Whys = Choice, []string{right.text}, []string{right.why}
	for _, o := range others {
		if len(c.Choices) == choices {
			break
		}
		if o.text != "" && !slices.Contains(c.Choices, o.text) {
			c.Choices, c.Whys = append(c.Choices, o.text), append(c.Whys, o.why)
		}
	}
	return len(c.Choices) == choices
}

// givesItselfAway says whether most (two thirds) of the words of a name, such as that of a counter,
// stand in a text that it belongs to and in none of the others.
func givesItselfAway(name, text string, others []string) bool {
	words, own := stems(name), stems(text)
	n := 0
	for w := range words {
		if own[w] && !slices.ContainsFunc(others, func(o string) bool { return stems(o)[w] }) {
			n++
		}
	}
	return n > 0 && 3*n >= 2*len(words)
}

var (
	// humps are the borders between the words of TCPBacklogDrop.
	humps = regexp.MustCompile(`([A-Z])([A-Z][a-z])|([a-z])([A-Z])`)
	words = regexp.MustCompile(`[A-Za-z]+`)
)

// stems are the beginnings of the words of a text that tell something.
func stems(text string) map[string]bool {
	found := map[string]bool{}
	for _, w := range words.FindAllString(strings.ToLower(humps.ReplaceAllString(text, "$1$3 $2$4")), -1) {
		if len(w) > 2 && !slices.Contains(empty, w) {
			found[w[:min(5, len(w))]] = true
		}
	}
	return found
}

// empty are words that stand in many names.
var empty = []string{
	"tcp", "ext", "drop", "drops", "dropped", "fail", "fails", "error", "errors", "packet", "packets", "interface", "counter",
	"second", "third", "column", "proc", "net", "stat", "ethtool", "the", "and", "that", "with", "for", "from", "when", "not",
}

// lookAlikes are the other causes, those first that a cause is confused with, then
// those that are confused with it, then those of the same hop, then the rest from
// near to far.
func (m *maker) lookAlikes(c *content.Cause) []*content.Cause {
	rank := map[string]int{}
	place := map[string]int{}
	for i, h := range m.book.Hops {
		place[h.ID] = i
	}
	var others []*content.Cause
	for _, o := range m.book.Causes {
		if o == c {
			continue
		}
		far := place[o.Hop] - place[c.Hop]
		rank[o.ID] = max(far, -far) + 3
		switch {
		case confusedWith(c, o):
			rank[o.ID] = 0
		case confusedWith(o, c):
			rank[o.ID] = 1
		case o.Hop == c.Hop:
			rank[o.ID] = 2
		}
		others = append(others, o)
	}
	slices.SortStableFunc(others, func(a, b *content.Cause) int { return rank[a.ID] - rank[b.ID] })
	return others
}

// confusedWith says whether b is taken for a.
func confusedWith(a, b *content.Cause) bool {
	return slices.ContainsFunc(a.ConfusedWith, func(with content.Confusion) bool { return with.Cause == b.ID })
}

func lookAlike(a, b *content.Cause) bool { return confusedWith(a, b) || confusedWith(b, a) }

// pointsTo says whether a fact speaks for a cause in any way: by a rule, or by a
// line of the ledger that names it. Then it is no wrong answer.
func (m *maker) pointsTo(fact string, c *content.Cause) bool {
	if c.ToldBy(fact) {
		return true
	}
	return slices.ContainsFunc(m.book.Ledger, func(l *content.LedgerLine) bool {
		return slices.Contains(l.Causes, c.ID) && counts(l, fact)
	})
}

// moves says whether a signal may move for a cause.
func (m *maker) moves(s *content.Signal, c *content.Cause) bool {
	return s.Cause == c.ID || slices.Contains(s.Also, c.ID) || named(s, c) ||
		slices.ContainsFunc(append([]string{s.Fact}, s.Or...), func(fact string) bool { return m.pointsTo(fact, c) })
}

// named says whether what is told of a cause names the counter that a signal is.
func named(s *content.Signal, c *content.Cause) bool {
	return slices.ContainsFunc(append([]string{s.Fact}, s.Or...), func(fact string) bool {
		_, counter, _ := strings.Cut(fact, ".")
		return counter != strings.ToLower(counter) && slices.ContainsFunc(words.FindAllString(c.Happens+" "+c.Notice, -1), func(w string) bool {
			return strings.HasSuffix(w, counter)
		})
	})
}

// counts says whether a line of the ledger is made of a fact.
func counts(l *content.LedgerLine, fact string) bool {
	return slices.Contains(l.Counter.Uses(), fact) || l.Also != nil && slices.Contains(l.Also.Uses(), fact)
}

func (m *maker) signalOf(cause string) *content.Signal {
	for _, s := range m.drill.Signals {
		if s.Cause == cause {
			return s
		}
	}
	return nil
}

// signals ask what moves when a cause is at work. The others are what moves for its
// look-alikes, but for what moves for it too.
func (m *maker) signals() {
	for _, s := range m.drill.Signals {
		cause := m.book.Cause(s.Cause)
		var others []option
		for _, o := range m.lookAlikes(cause) {
			if other := m.signalOf(o.ID); other != nil && !other.Shared && !m.moves(other, cause) {
				others = append(others, option{other.Shows, o.Title})
			}
		}
		c := &Card{
			ID: "signal:" + s.Cause, Kind: Signals, Hops: []string{cause.Hop}, Subject: s.Cause,
			Ask: m.ask("signal", lower(cause.Title)), Explain: []string{m.means(s), cause.Notice}, Sources: cause.Sources,
		}
		if offer(c, option{s.Shows, cause.Title}, others) && !givesItselfAway(s.Shows, cause.Title, c.Choices[1:]) {
			m.add(c)
		}
	}
}

// means says what a signal counts: of several counters, what each does.
func (m *maker) means(s *content.Signal) string {
	if s.Means != "" {
		return s.Shows + ": " + sentence(s.Means)
	}
	said := m.meaning(s.Shows, s.Fact)
	for i, fact := range s.Or {
		_, name, _ := strings.Cut(fact, ".")
		switch {
		case !strings.Contains(s.Shows, name):
		case i == 0:
			said = m.meaning(s.Fact, s.Fact) + " " + m.meaning(fact, fact)
		default:
			said += " " + m.meaning(fact, fact)
		}
	}
	return said
}

// meaning is what a fact means, under a name.
func (m *maker) meaning(name, fact string) string {
	def := m.book.Facts.Fact(fact)
	if def == nil {
		for _, t := range m.book.Facts.Tables() {
			for _, f := range t.Fields {
				if t.Name+"."+f.Name == fact {
					def = f
				}
			}
		}
	}
	if def == nil || def.Means == "" {
		return ""
	}
	return name + ": " + sentence(def.Means)
}

// causes ask which cause a signal points at. The others are look-alikes that it does
// not speak for.
func (m *maker) causes() {
	for _, s := range m.drill.Signals {
		if s.Shared {
			continue
		}
		cause := m.book.Cause(s.Cause)
		var others []option
		for _, o := range m.lookAlikes(cause) {
			if m.moves(s, o) || slices.Contains(cause.Explainers(), o.ID) || slices.Contains(o.Explainers(), cause.ID) {
				continue
			}
			why := ""
			if other := m.signalOf(o.ID); other != nil {
				why = other.Shows
			}
			others = append(others, option{o.Title, why})
		}
		c := &Card{
			ID: "cause:" + s.Cause, Kind: Causes, Hops: []string{cause.Hop}, Subject: s.Cause,
			Ask: m.ask("cause", s.Shows), Explain: []string{m.means(s), cause.Happens}, Sources: cause.Sources,
		}
		if offer(c, option{cause.Title, s.Shows}, others) && !givesItselfAway(s.Shows, cause.Title, c.Choices[1:]) {
			m.add(c)
		}
	}
}

// places ask to which hop a counter of the ledger belongs.
func (m *maker) places() {
	for _, name := range m.drill.Places {
		i := slices.IndexFunc(m.book.Ledger, func(l *content.LedgerLine) bool { return l.Counter.Source == name })
		l, def := m.book.Ledger[i], m.book.Facts.Fact(name)
		hop := m.book.Hop(l.Hop)
		var others []option
		for _, o := range m.otherHops(l, name) {
			others = append(others, option{o.Title + ": " + lower(o.Means), ""})
		}
		c := &Card{
			ID: "place:" + name, Kind: Journey, Hops: []string{l.Hop}, Subject: "counter:" + name,
			Ask: m.ask("place", name), Explain: []string{name + ": " + sentence(def.Means)}, Sources: m.sourcesOf(l),
		}
		if len(c.Sources) > 0 && offer(c, option{hop.Title + ": " + lower(hop.Means), ""}, others) && !givesItselfAway(name, c.Choices[0], c.Choices[1:]) {
			m.add(c)
		}
	}
}

// everywhere is the place that has a part in all others.
const everywhere = "host"

// otherHops are the places that a counter does not belong to, the nearest first.
func (m *maker) otherHops(l *content.LedgerLine, fact string) []*content.Hop {
	at := slices.IndexFunc(m.book.Hops, func(h *content.Hop) bool { return h.ID == l.Hop })
	var others []*content.Hop
	for i := 1; i < len(m.book.Hops); i++ {
		for _, j := range []int{at - i, at + i} {
			if j >= 0 && j < len(m.book.Hops) && m.book.Hops[j].ID != everywhere && !m.belongs(fact, m.book.Hops[j]) {
				others = append(others, m.book.Hops[j])
			}
		}
	}
	return others
}

// belongs says whether a fact has to do with a place: a line of the ledger counts it
// there, or it speaks for a cause there.
func (m *maker) belongs(fact string, h *content.Hop) bool {
	return slices.ContainsFunc(m.book.Ledger, func(l *content.LedgerLine) bool { return l.Hop == h.ID && counts(l, fact) }) ||
		slices.ContainsFunc(m.book.Causes, func(c *content.Cause) bool { return c.Hop == h.ID && m.pointsTo(fact, c) })
}

// sourcesOf are those of the causes behind a line of the ledger, or of a cause at its
// place that its counter points at, or of the step of the journey that names it.
func (m *maker) sourcesOf(l *content.LedgerLine) []string {
	counter := l.Counter.Source
	_, name, _ := strings.Cut(counter, ".")
	for _, id := range l.Causes {
		if c := m.book.Cause(id); c != nil {
			return c.Sources
		}
	}
	for _, c := range m.book.Causes {
		if c.Hop == l.Hop && c.ToldBy(counter) {
			return c.Sources
		}
	}
	for _, s := range m.book.Journey {
		if strings.Contains(s.Happens+s.Loses, name) {
			return s.Sources
		}
	}
	return nil
}
