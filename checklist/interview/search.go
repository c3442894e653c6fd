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
// where they propose one and last where they ask or look, causes where they conclude or
// state one; then what the training finds by single words, and whatever has all of
// them. No words: nothing.
func (n *Interview) Search(words string) Found {
	if e := n.called(words); e != nil {
		return Found{[]*Entry{e}, !e.unwise()}
	}
	if len(n.ear.words(words)) == 0 {
		return Found{}
	}
	h, does := n.ear.hear(words), n.ear.intent(words)
	l := list{untimely: func(e *Entry) bool { return n.untimely(e, does) }}
	best := slices.DeleteFunc(n.meant(words, h, does), func(s scored) bool { return l.postpone(s.entry) })
	causes := n.stated(words, does)
	if len(best) > 0 && len(causes) > 0 && !n.ear.begins(words, slices.Concat(n.ear.verdicts, n.ear.states)) {
		l.add(best[0].entry)
	}
	l.found = append(l.found, causes...)
	for _, s := range best {
		l.add(s.entry)
	}
	for _, m := range n.searcher().Search(words) {
		kind := Question
		if m.Kind == train.Measured {
			kind = Probe
		}
		l.add(n.entries[KeyOf(kind, m.ID)])
	}
	for _, e := range n.script {
		if e.has(words) {
			l.add(e)
		}
	}
	found := l.all()
	return Found{found, n.sure(h, does, best) && found[0] == best[0].entry}
}

// list is what is found, each once. What comes at an untimely moment comes last.
type list struct {
	untimely     func(*Entry) bool
	found, later []*Entry
}

// add adds a line if there is one, and it can be ticked.
func (l *list) add(e *Entry) {
	if e != nil && e.Tickable() && !l.postpone(e) && !slices.Contains(l.found, e) {
		l.found = append(l.found, e)
	}
}

// postpone keeps a line for later if it is untimely.
func (l *list) postpone(e *Entry) bool {
	is := l.untimely(e)
	if is && !slices.Contains(l.later, e) {
		l.later = append(l.later, e)
	}
	return is
}

// all is what was found, at most mostFound.
func (l *list) all() []*Entry {
	all := slices.Concat(l.found, l.later)
	return all[:min(len(all), mostFound)]
}

// untimely says whether a line is a step though nobody proposes one: they ask or look, set
// up an alarm, or only name something before the conclusion.
func (n *Interview) untimely(e *Entry, does intent) bool {
	if e.Key.Kind() != Step {
		return false
	}
	mends := e.choice.Remedy != nil
	return does == asks || does == looks || mends && (does == alarms || does == says && n.verdict == nil)
}

// stated are the causes that somebody names who concludes, or says as it is.
func (n *Interview) stated(words string, does intent) []*Entry {
	var likely []*Entry
	switch concludes := n.ear.begins(words, n.ear.verdicts); {
	case !concludes && does != says:
		return nil
	case concludes:
		likely = n.Conclusions(words)
		return likely[:min(len(likely), mostFound/2)]
	}
	said := n.ear.words(words)
	spoken := n.ear.hear(words).causes()
	for _, e := range n.Conclusions(words) {
		has := 0
		for _, w := range n.ear.words(e.Key.ID() + " " + e.Title) {
			has += rank(slices.Contains(said, w))
		}
		if e != n.healthy && (spoken[e.Key] > 0 || has > 1 && 2*has >= len(said)) && len(likely) < mostFound/4 {
			likely = append(likely, e)
		}
	}
	return likely
}

// sure says whether the best is what was meant: it covers much of what was said, and
// nothing else fits as well. What is said by the way is no conclusion, what is proposed
// is not asked for, and a step that does not help is ticked after a second look.
func (n *Interview) sure(h heard, does intent, best []scored) bool {
	if len(best) == 0 || best[0].score < 0.3*h.whole || len(best) > 1 && best[0].score < 1.2*best[1].score {
		return false
	}
	switch e := best[0].entry; {
	case e.Key.Kind() == Cause || e.unwise():
		return false
	case (does == proposes || does == wishes) && e.Key.Kind() != Step && e.Key.Kind() != Aside:
		step := func(s scored) bool { return s.entry.Key.Kind() == Step }
		return does == wishes && len(h.commands) > 0 && !slices.ContainsFunc(best, step)
	}
	return true
}

// unwise says whether a line is a step that does not help.
func (e *Entry) unwise() bool { return e.Key.Kind() == Step && !e.choice.Right }

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

// meant are the lines that phrases, commands and names mean, the best first: of who
// proposes a change the steps first.
func (n *Interview) meant(words string, h heard, does intent) []scored {
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
		lines := append([]string{Probe + ":" + c.Probe}, c.Also...)
		if c.Instead != "" && !n.shows(c) {
			lines = append([]string{Question + ":" + c.Instead}, lines...)
		}
		give(lines, points)
	}
	named, _ := n.ear.named(words)
	for _, name := range named {
		if d := n.book.Facts.Fact(name); d != nil && !slices.ContainsFunc(spoken(words), n.ear.watches) {
			give([]string{Probe + ":" + d.Probe}, 2*math.Log(1+float64(n.ear.owners)))
		}
	}
	for _, s := range n.proposed(words, h, does) {
		score[s.entry] = max(score[s.entry], s.score)
	}
	var all []scored
	for _, e := range append(slices.Clone(n.script), n.healthy) {
		if score[e] > 0 {
			all = append(all, scored{e, score[e]})
		}
	}
	place := func(s scored) int { return rank(does == proposes && s.entry.Key.Kind() != Step) }
	slices.SortStableFunc(all, func(a, b scored) int {
		return cmp.Or(cmp.Compare(place(a), place(b)), cmp.Compare(b.score, a.score))
	})
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
func (n *Interview) proposed(words string, h heard, does intent) []scored {
	if !(does == proposes || does == wishes && len(h.commands) == 0 || does == says && n.verdict != nil) {
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
		if score := n.fits(said, has[e], having); score > 0 {
			all = append(all, scored{e, 2 * score})
		}
	}
	return all
}

// fits is how well a step fits what was said: 0 if it has less than a third of it, not
// counting words of change, or another setting was named. Having are how many steps have
// a word.
func (n *Interview) fits(said []string, has map[string]float64, having map[string]int) (score float64) {
	covered, of := 0.0, 0.0
	for _, w := range said {
		if has[w] == 0 && strings.Contains(w, "_") {
			return 0
		}
		if has[w] > 0 && !strings.HasPrefix(w, "-") {
			score += has[w] * math.Log(1+float64(3*mostFound)/float64(having[w]))
		}
		if !n.ear.changes[w] {
			covered += has[w]
			of++
		}
	}
	if covered == 0 || 3*covered < of {
		return 0
	}
	return score
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
	said, spoken := n.ear.words(words), n.ear.hear(words).causes()
	causes := n.searcher().SearchCauses(words)
	for _, c := range n.book.Causes {
		if spoken[KeyOf(Cause, c.ID)] > 0 && !slices.Contains(causes, c) {
			causes = append(causes, c)
		}
	}
	type fit struct {
		spoken      float64
		has, likely int
	}
	fits := map[*content.Cause]fit{}
	for _, c := range causes {
		named := n.ear.words(c.ID + " " + c.Title)
		f := fit{spoken: spoken[KeyOf(Cause, c.ID)]}
		for _, w := range said {
			f.has += rank(slices.Contains(named, w))
		}
		herring := slices.ContainsFunc(n.scenario.Herrings, func(h *content.Herring) bool { return h.Cause == c.ID })
		f.likely = 2*rank(n.scenario.Right(c.ID)) + rank(herring)
		fits[c] = f
	}
	slices.SortStableFunc(causes, func(a, b *content.Cause) int {
		return cmp.Or(cmp.Compare(fits[b].spoken, fits[a].spoken), cmp.Compare(fits[b].has, fits[a].has), cmp.Compare(fits[b].likely, fits[a].likely))
	})
	var all []*Entry
	if len(said) == 0 || spoken[Healthy] > 0 {
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

// TickedBy are the lines that are ticked, hints that were given and causes that were
// named, which words mean: one by its id, name or title; all of a kind or section ("hint",
// "plan"); else those that have all of the words; else the first of what Search finds.
func (n *Interview) TickedBy(words string) []*Entry {
	words = strings.ToLower(strings.TrimSpace(words))
	var named, akin, having, meant []*Entry
	ticked := n.ticked()
	for _, e := range ticked {
		switch {
		case words == strings.ToLower(string(e.Key)) || words == strings.ToLower(e.Key.ID()) || words == strings.ToLower(e.Title):
			named = append(named, e)
		case n.byItself(e): // what it counts by is meant
		case words == e.Key.Kind() || words == n.sectionOf(e.Key):
			akin = append(akin, e)
		case e.has(words):
			having = append(having, e)
		}
	}
	for _, e := range n.Search(words).Entries {
		if len(meant) == 0 && slices.ContainsFunc(ticked, func(t *Entry) bool { return t.Key == e.Key }) {
			meant = append(meant, e)
		}
	}
	for _, some := range [][]*Entry{named, akin, having, meant} {
		if len(some) > 0 {
			return some
		}
	}
	return nil
}

// byItself says whether an item of the rubric counts though nobody ticked it.
func (n *Interview) byItself(e *Entry) bool {
	_, ticked := n.ticks[e.Key]
	return e.Key.Kind() == Item && !ticked
}

// ticked are all lines that are ticked, and the causes that were named.
func (n *Interview) ticked() []*Entry {
	var all []*Entry
	for _, e := range n.script {
		if e.Tickable() && n.Has(e.Key) {
			all = append(all, e)
		}
	}
	switch v := n.verdict; {
	case v == nil:
	case v.Healthy:
		all = append(all, n.healthy)
	default:
		for _, id := range v.Causes {
			all = append(all, &Entry{Key: KeyOf(Cause, id), Title: n.book.Cause(id).Title})
		}
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
