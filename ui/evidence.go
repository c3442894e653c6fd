package ui

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	tea "charm.land/bubbletea/v2"
	"charm.land/lipgloss/v2"

	"whydrop/checklist"
	"whydrop/content"
)

// evidenceScreen shows every fact: what it is now, how it moved, what it means
// and who makes use of it. A table opens into its rows.
type evidenceScreen struct {
	of       *judgement // that the facts are of
	facts    []evidence // all of the vocabulary
	shown    []evidence
	stale    bool               // shown is to be made anew
	held     string             // what stays although it moves no longer
	used     [2]map[string]bool // what named causes stand on, and what likely ones
	best     map[string]rank    // of each fact since the operator chose what is shown
	ever     map[string]bool    // used since then
	table    table
	columns  []column
	unfolded map[string]bool // tables whose rows are shown
	order    int             // of evidenceOrders
	filter   int             // of evidenceFilters
	query    string
	readers  map[string][]*content.Cause
	page     page
	opened   evidence // on the page, as it was seen last
}

// The orders and filters, as they are named on the screen.
var (
	evidenceOrders  = []string{"used (! ?) first", "by name", "what grew most first", "by probe"}
	evidenceFilters = [...]string{"used or moved", "what reasons stand on", "all"}
)

const (
	byUse = iota
	byName
	byGrowth
	byProbe
)

const (
	usedOrMoved = iota
	onlyUsed
	everything
)

// rank is how much a fact deserves a look.
type rank int

const (
	usedByNamed rank = iota
	usedByLikely
	hasMoved
	stillUsed // by either: a counter that did not grow
	neither
)

// rankOf is the rank of a fact at this moment.
func (s *evidenceScreen) rankOf(e *evidence) rank {
	live := e.moved || e.value.Total == nil
	switch {
	case s.used[0][e.key] && live:
		return usedByNamed
	case s.used[1][e.key] && live:
		return usedByLikely
	case e.moved:
		return hasMoved
	case s.used[1][e.key]:
		return stillUsed
	}
	return neither
}

// mark says before a fact whether a cause uses it, as before a cause.
func (s *evidenceScreen) mark(e *evidence) string {
	switch {
	case s.used[0][e.key]:
		return "! "
	case s.used[1][e.key]:
		return "? "
	}
	return "  "
}

// anew forgets what the facts were: what is used or moves no longer loses its
// place. That is only done for the operator, so that nothing moves by itself.
func (s *evidenceScreen) anew() { s.stale, s.best = true, nil }

// update makes the facts of the newest judgement.
func (s *evidenceScreen) update(m *model) {
	if s.readers == nil {
		s.readers, s.unfolded, s.stale = checklist.Readers(m.kase.Book), map[string]bool{}, true
		s.columns = []column{
			{head: "  fact", width: 24, rank: 1}, {head: "now", width: 9, rank: 2, right: true},
			{head: "last two minutes", width: 16, most: 32, rank: 3}, {head: "total", width: 10, rank: 4, right: true},
			{head: "unit", width: 11, most: 20, rank: 5}, {head: "probe", width: 10, rank: 6},
		}
	}
	if s.of != m.diagnosis {
		s.of, s.stale, s.held = m.diagnosis, true, s.table.at
		s.facts = gather(m, s.facts[:0])
		s.used = [2]map[string]bool{m.diagnosis.Used(checklist.Named), m.diagnosis.Used(ruledOut)}
		s.follow()
	}
	if s.stale {
		s.stale = false
		s.choose(m)
	}
}

// follow finds what is open in a new judgement; what is gone stays as it was.
func (s *evidenceScreen) follow() {
	for i := range s.facts {
		e := &s.facts[i]
		if s.opened.row == nil && e.key == s.opened.key {
			s.opened = *e
			return
		}
		if s.opened.row != nil && e.table == s.opened.table {
			for _, r := range e.rowsOf() {
				if r.key == s.opened.key {
					s.opened = r
					return
				}
			}
		}
	}
}

// choose picks and sorts what is shown.
func (s *evidenceScreen) choose(m *model) {
	query := strings.ToLower(s.query)
	if s.best == nil {
		s.best, s.ever = map[string]rank{}, map[string]bool{}
	}
	s.shown = s.shown[:0]
	for i := range s.facts {
		e := &s.facts[i]
		if had, ever := s.best[e.key]; !ever || had > s.rankOf(e) {
			s.best[e.key] = s.rankOf(e)
		}
		s.ever[e.key] = s.ever[e.key] || s.used[1][e.key]
		if s.shows(e, query) {
			s.shown = append(s.shown, *e)
		}
	}
	s.sort(query)
	s.unfold(query)
	longest := 0
	for i := range s.shown {
		if s.shown[i].row == nil {
			longest = max(longest, len(s.shown[i].label(s)))
		}
	}
	s.columns[0].good, s.columns[0].most = longest, longest
}

// shows says whether a fact is among what is looked for, and is not left out.
// What was shown stays when it is used or moves no longer, until the operator
// chooses anew.
func (s *evidenceScreen) shows(e *evidence, query string) bool {
	switch {
	case query != "":
		return e.matches(query) || s.unfolded[e.key]
	case e.key == s.held, e.table != nil && strings.HasPrefix(s.held, e.key+"/"):
		return true
	case s.filter == usedOrMoved:
		return s.best[e.key] < neither
	case s.filter == onlyUsed:
		return s.ever[e.key]
	}
	return true
}

func (s *evidenceScreen) sort(query string) {
	switch s.order {
	case byUse:
		slices.SortStableFunc(s.shown, func(a, b evidence) int { return cmp.Compare(s.best[a.key], s.best[b.key]) })
	case byGrowth:
		slices.SortStableFunc(s.shown, func(a, b evidence) int { return compare(a.grown(), b.grown()) })
	case byProbe:
		slices.SortStableFunc(s.shown, func(a, b evidence) int { return strings.Compare(a.probe(), b.probe()) })
	}
	if query != "" && s.order <= byName { // what is named so comes before what is only said to be
		slices.SortStableFunc(s.shown, func(a, b evidence) int { return compare(a.named(query), b.named(query)) })
	}
}

// unfold puts the rows of open tables behind them.
func (s *evidenceScreen) unfold(query string) {
	if len(s.unfolded) == 0 {
		return
	}
	var all []evidence
	for _, e := range s.shown {
		all = append(all, e)
		if e.table == nil || !s.unfolded[e.key] {
			continue
		}
		for _, r := range e.rowsOf() {
			if query == "" || e.matches(query) || r.matches(query) {
				all = append(all, r)
			}
		}
	}
	s.shown = all
}

func (s *evidenceScreen) rows(m *model) rows {
	return rows{
		columns: s.columns, count: len(s.shown),
		name: func(i int) string { return s.shown[i].key },
		cell: func(i, c, room int) string { return s.cell(m, &s.shown[i], c, room) },
		whole: func(i, room int) (string, bool) {
			e := &s.shown[i]
			switch {
			case e.row != nil:
				return m.theme.clip("      "+content.Show(e.name)+"  "+content.Show(e.summary()), room), true
			case !e.known:
				return m.theme.clip(m.theme.pad(e.label(s), min(room/2, s.columns[0].most))+"  ? "+content.Show(m.whyShort(e)), room), true
			}
			return "", false
		},
		style: func(i int) lipgloss.Style {
			switch e := &s.shown[i]; {
			case !e.known:
				return m.theme.dim
			case e.moved && e.row == nil && s.filter != usedOrMoved:
				return m.theme.bold
			}
			return m.theme.plain
		},
	}
}

func (s *evidenceScreen) cell(m *model, e *evidence, c, room int) string {
	switch s.columns[c].head {
	case "  fact":
		return e.label(s)
	case "now":
		return content.Show(e.now())
	case "last two minutes":
		if points := m.track().Recent(e.key); e.fact != nil && len(points) > 0 {
			return m.theme.spark(points, room, 0)
		}
		return ""
	case "total":
		if e.value.Total != nil {
			return content.Show(*e.value.Total)
		}
		return ""
	case "unit":
		return e.unit()
	}
	return e.probe()
}

// why says why something is not known.
func (m *model) why(e *evidence) string {
	if m.diagnosis.facts == nil {
		return "not measured yet"
	}
	text := "not known. The probe " + e.probe() + " did not find it on this host"
	if why := m.diagnosis.Unseen(e.probe()); why != "" {
		text = "not known. The probe " + e.probe() + ": " + why
	}
	return text
}

// whyShort is the same for one line of a list.
func (m *model) whyShort(e *evidence) string {
	if why := m.diagnosis.Unseen(e.probe()); why != "" {
		return why
	}
	return "not known here"
}

func (s *evidenceScreen) here(m *model) *evidence {
	if len(s.shown) == 0 {
		return nil
	}
	return &s.shown[s.table.find(s.rows(m))]
}

func (s *evidenceScreen) do(m *model, a action) tea.Cmd {
	s.update(m)
	if s.page.isOpen {
		s.onPage(m, a)
		return nil
	}
	if s.table.move(a, s.rows(m)) {
		return nil
	}
	switch a {
	case actSort:
		s.order = (s.order + 1) % len(evidenceOrders)
		s.held = ""
		s.anew()
	case actFilter:
		s.filter = (s.filter + 1) % len(evidenceFilters)
		s.held = ""
		s.anew()
	case actTick, actNext, actPrevious:
		s.fold(m, a)
	case actEnter:
		switch e := s.here(m); {
		case e == nil:
		case e.table != nil && e.row == nil:
			s.fold(m, actTick)
		default:
			s.opened = *e
			s.page.open()
		}
	}
	return nil
}

// fold opens or shuts the table under the cursor, or that of the row under it.
func (s *evidenceScreen) fold(m *model, a action) {
	e := s.here(m)
	if e == nil || e.table == nil {
		return
	}
	name := e.table.Name
	switch open := s.unfolded[name]; {
	case a == actNext || a == actTick && !open:
		s.unfolded[name] = true
	default:
		delete(s.unfolded, name)
		s.table.at = name
	}
	s.stale = true
}

// onPage obeys an action while a fact is open: enter leads to the likeliest
// cause that makes use of it.
func (s *evidenceScreen) onPage(m *model, a action) {
	if a != actEnter {
		s.page.turn(a, m.layout.bodyHeight)
		return
	}
	if f := s.likeliest(m, &s.opened); f != nil {
		m.causes = causesScreen{at: f.Cause.ID}
		m.show(causesID)
	}
}

// likeliest is the most probable cause that makes use of a fact, nil if none
// does.
func (s *evidenceScreen) likeliest(m *model, e *evidence) *checklist.Finding {
	for _, f := range m.diagnosis.Findings {
		if slices.Contains(s.readers[e.source()], f.Cause) {
			return f
		}
	}
	return nil
}

func (s *evidenceScreen) hints(m *model) []hint {
	s.update(m)
	if s.page.isOpen {
		hints := []hint{{actBack, "the list"}, {actDown, "scroll"}, {actCopy, "copy"}}
		if s.likeliest(m, &s.opened) != nil {
			hints = append(hints, hint{actEnter, "a cause that uses it"})
		}
		return hints
	}
	next := [...]string{"used or moved", "used", "all"}[(s.filter+1)%len(evidenceFilters)]
	return []hint{{actEnter, "open"}, {actSearch, "search"}, {actFilter, next}, {actSort, "order"}, {actCopy, "copy"}}
}

// copies are the fact's name, its value and the command that shows it by hand.
func (s *evidenceScreen) copies(m *model) []copyable {
	s.update(m)
	e := s.here(m)
	if s.page.isOpen {
		e = &s.opened
	}
	if e == nil {
		return nil
	}
	items := []copyable{{"name", e.name}}
	if e.known && e.row == nil {
		items = append(items, copyable{"value", strings.TrimPrefix(e.now(), "+")})
	}
	if by := e.byHand(); by != "" {
		items = append(items, copyable{"see it by hand", by})
	}
	if e.row != nil {
		items = append(items, copyable{"the row", e.summary()})
	}
	return items
}

func (s *evidenceScreen) search(m *model, text string) {
	s.page.shut()
	s.query, s.held, s.table.at, s.table.index = text, "", "", 0
	s.anew()
}

func (s *evidenceScreen) searching() string { return s.query }

func (s *evidenceScreen) click(m *model, line, _ int) tea.Cmd {
	s.update(m)
	if !s.page.isOpen && s.table.click(line-1, s.rows(m)) {
		return s.do(m, actEnter)
	}
	return nil
}

func (s *evidenceScreen) draw(m *model, w, h int) []string {
	s.update(m)
	t := m.theme
	if s.page.isOpen {
		return s.page.draw(m, s.pageLines(m, &s.opened, w), w, h)
	}
	lines := []string{t.clip(s.standing(m), w)}
	if len(s.shown) == 0 {
		return append(append(lines, ""), wrap(content.Show(s.empty(m)), w, "")...)
	}
	var below []string
	if n := previewHeight(h); n > 0 {
		below = m.theme.below(s.preview(m, w, n), w, n)
	}
	r := s.rows(m)
	lines = append(lines, s.table.draw(t, r, w, h-len(lines)-len(below))...)
	for len(lines) < h-len(below) {
		lines = append(lines, "")
	}
	return append(lines, below...)
}

// standing says what is shown.
func (s *evidenceScreen) standing(m *model) string {
	window := ""
	if f := m.diagnosis.facts; f != nil {
		window = fmt.Sprintf("; +N grew by N in the last %.0f s", f.Seconds)
	}
	if s.query != "" {
		return fmt.Sprintf("%d of %d facts with %q, %s%s", len(s.shown), len(s.facts), s.query, evidenceOrders[s.order], window)
	}
	if s.filter == everything {
		return fmt.Sprintf("all %d facts, %s%s", len(s.facts), evidenceOrders[s.order], window)
	}
	return fmt.Sprintf("%s: %d of %d facts, %s%s", evidenceFilters[s.filter], len(s.shown), len(s.facts), evidenceOrders[s.order], window)
}

func (s *evidenceScreen) empty(m *model) string {
	switch {
	case s.query != "":
		return fmt.Sprintf("No fact has %q in its name or meaning. %s changes the search.", s.query, m.keys.key(actSearch))
	case m.diagnosis.facts == nil:
		return "Nothing is measured yet: the first result takes a second."
	case s.filter == onlyUsed:
		return "No cause is likely, so no reason stands on a fact. " + m.keys.key(actFilter) + " shows all facts."
	}
	return "Nothing moved, and no cause is likely. " + m.keys.key(actFilter) + " shows the other facts."
}

// shut shuts the page of a fact, or ends the search; the cursor stays on its row.
func (s *evidenceScreen) shut() bool {
	if s.page.shut() {
		return true
	}
	was := s.query != ""
	if was {
		s.query, s.stale, s.held = "", true, s.table.at
	}
	return was
}
