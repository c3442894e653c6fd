package interview

import (
	"cmp"
	"math"
	"slices"
	"strings"

	"whydrop/checklist/train"
	"whydrop/content"
)

// mostFound is how many lines a search finds at most.
const mostFound = 12

// Healthy is the line by which somebody concludes that nothing is wrong.
const Healthy Key = Cause + ":healthy"

// Found is what a search finds, the best first.
type Found struct {
	Entries []*Entry
	// Sure says that the first one is what was meant, as far as words can tell: it may be
	// ticked without a second look.
	Sure bool
}

// scored is a line that was found and how well it fits.
type scored struct {
	entry *Entry
	score float64
}

// Search finds what somebody meant by words: a line of the script by its id, by the
// phrases and commands of the content, by the name of a counter or setting; steps first
// where they propose one, causes where they conclude; then what the training finds by
// single words, and whatever has all of them. No words: nothing.
func (n *Interview) Search(words string) Found {
	if e := n.called(words); e != nil {
		return Found{[]*Entry{e}, true}
	}
	if len(n.ear.words(words)) == 0 {
		return Found{}
	}
	h := n.ear.hear(words)
	best := n.meant(words, h)
	concludes := n.ear.begins(words, n.ear.verdicts)
	var found []*Entry
	if concludes {
		causes := n.Conclusions(words)
		found = causes[:min(len(causes), mostFound/2)]
	}
	add := func(e *Entry) {
		if e != nil && e.Tickable() && !slices.Contains(found, e) && len(found) < mostFound {
			found = append(found, e)
		}
	}
	for _, s := range best {
		add(s.entry)
	}
	for _, m := range n.searcher().Search(words) {
		kind := Question
		if m.Kind == train.Measured {
			kind = Probe
		}
		add(n.entries[KeyOf(kind, m.ID)])
	}
	for _, e := range n.script {
		if e.has(words) {
			add(e)
		}
	}
	return Found{found, !concludes && n.sure(words, h, best)}
}

// sure says whether the best is what was meant: it covers much of what was said, and
// nothing else fits as well. What is said by the way is no conclusion, and what is
// proposed is not asked for.
func (n *Interview) sure(words string, h heard, best []scored) bool {
	if len(best) == 0 || best[0].score < 0.3*h.whole || len(best) > 1 && best[0].score < 1.2*best[1].score {
		return false
	}
	switch kind := best[0].entry.Key.Kind(); {
	case kind == Cause:
		return false
	case n.ear.proposes(words) && kind != Step && kind != Aside:
		step := func(s scored) bool { return s.entry.Key.Kind() == Step }
		return len(h.commands) > 0 && !slices.ContainsFunc(best, step)
	}
	return true
}

// called is the line whose id, or name with its kind, was said; nil if it is another's.
func (n *Interview) called(name string) *Entry {
	if e := n.entries[Key(name)]; e != nil && e.Tickable() {
		return e
	}
	for _, kind := range []string{Question, Probe, Item} {
		for _, e := range n.script {
			if e.Key.Kind() == kind && strings.EqualFold(e.Key.ID(), strings.TrimSpace(name)) {
				return e
			}
		}
	}
	return nil
}

// meant are the lines that phrases, commands and names mean, the best first.
func (n *Interview) meant(words string, h heard) []scored {
	score := map[*Entry]float64{}
	give := func(lines []string, points float64) {
		for _, line := range lines { // each less than the one before
			if e := n.line(Key(line)); e != nil {
				score[e] = max(score[e], points)
				points *= 0.8
			}
		}
	}
	for u, points := range h.lines {
		give(u.Lines, points)
	}
	for c, points := range h.commands {
		give(append([]string{Probe + ":" + c.Probe}, c.Also...), points)
	}
	for _, name := range n.ear.named(words) {
		if d := n.book.Facts.Fact(name); d != nil {
			give([]string{Probe + ":" + d.Probe}, 2*math.Log(1+float64(n.ear.owners)))
		}
	}
	for _, s := range n.proposed(words) {
		score[s.entry] = max(score[s.entry], s.score)
	}
	var all []scored
	for _, e := range append(slices.Clone(n.script), n.healthy) {
		if score[e] > 0 {
			all = append(all, scored{e, score[e]})
		}
	}
	slices.SortStableFunc(all, func(a, b scored) int { return cmp.Compare(b.score, a.score) })
	return all
}

// line is a line of the script, or that nothing is wrong; nil if there is none.
func (n *Interview) line(k Key) *Entry {
	if k == Healthy {
		return n.healthy
	}
	return n.entries[k]
}

// proposed are the steps of the plan that have what was said, where somebody proposes
// one; after the conclusion whatever they say may be one.
func (n *Interview) proposed(words string) []scored {
	if !n.ear.proposes(words) && n.verdict == nil {
		return nil
	}
	said := n.ear.words(words)
	has, having := map[*Entry]map[string]float64{}, map[string]int{}
	for _, e := range n.script {
		if e.Key.Kind() == Step {
			has[e] = n.stepWords(e)
			for w := range has[e] {
				having[w]++
			}
		}
	}
	var all []scored
	for _, e := range n.script {
		score, covered, telling := 0.0, 0, false
		for _, w := range said {
			if has[e][w] > 0 && !strings.HasPrefix(w, "-") {
				covered++
				score += has[e][w] * math.Log(1+float64(3*len(has))/float64(having[w]))
				telling = telling || !slices.Contains(n.ear.plans, " "+w+" ") // more than "increase"
			}
		}
		if telling && 3*covered >= len(said) {
			all = append(all, scored{e, score * float64(1+rank(!asks(words)))})
		}
	}
	return all
}

// stepWords are the words of a step: those of its title and command count whole, those
// of what its remedy changes and why less.
func (n *Interview) stepWords(e *Entry) map[string]float64 {
	has := map[string]float64{}
	if r := e.choice.Remedy; r != nil {
		for _, t := range []*content.Text{r.Change, r.Why} {
			for _, w := range n.ear.words(outline(n.book, r, t)) {
				has[w] = 0.4
			}
		}
	}
	for _, w := range n.ear.words(e.Title + " " + e.choice.Command) {
		has[w] = 1
	}
	return has
}

// searcher is a session in which is searched: its state does not matter.
func (n *Interview) searcher() *train.Session {
	if n.seeker == nil {
		n.seeker = train.New(n.book, n.scenario, n.host)
	}
	return n.seeker
}

// has says whether a line has all words in its label, title or heading.
func (e *Entry) has(words string) bool {
	text := strings.ToLower(e.Label + " " + e.Title + " " + e.Head)
	fields := strings.Fields(strings.ToLower(words))
	for _, w := range fields {
		if !strings.Contains(text, w) {
			return false
		}
	}
	return len(fields) > 0
}

// Conclusions are what somebody may conclude, by words, all without them: that nothing
// is wrong, if they mean that or said nothing yet, and the causes that fit. Among causes
// whose names have as much of what was said, what is at work comes first, then what it
// is mistaken for: they are what is mostly said.
func (n *Interview) Conclusions(words string) []*Entry {
	said := n.ear.words(words)
	causes := n.searcher().SearchCauses(words)
	type fit struct{ has, likely int }
	fits := map[*content.Cause]fit{}
	for _, c := range causes {
		named := n.ear.words(c.ID + " " + c.Title)
		f := fit{}
		for _, w := range said {
			f.has += rank(slices.Contains(named, w))
		}
		herring := slices.ContainsFunc(n.scenario.Herrings, func(h *content.Herring) bool { return h.Cause == c.ID })
		f.likely = 2*rank(n.scenario.Right(c.ID)) + rank(herring)
		fits[c] = f
	}
	slices.SortStableFunc(causes, func(a, b *content.Cause) int {
		return cmp.Or(cmp.Compare(fits[b].has, fits[a].has), cmp.Compare(fits[b].likely, fits[a].likely))
	})
	var all []*Entry
	if len(said) == 0 || slices.ContainsFunc(n.meant(words, n.ear.hear(words)), func(s scored) bool { return s.entry == n.healthy }) {
		all = append(all, n.healthy)
	}
	for _, c := range causes {
		e := &Entry{Key: KeyOf(Cause, c.ID), Title: c.Title, Know: []string{c.Happens}}
		if n.scenario.Right(c.ID) {
			e.Label = "right"
		}
		all = append(all, e)
	}
	return all
}

// rank is 1 for what comes first.
func rank(first bool) int {
	if first {
		return 1
	}
	return 0
}
