package ui

import (
	"fmt"
	"slices"

	tea "charm.land/bubbletea/v2"

	"whydrop/checklist"
	"whydrop/content"
)

// flowsScreen shows the lists of the content: the connections, services and
// peers, those in trouble or all.
type flowsScreen struct {
	of    *judgement // that the lists are made of
	lists []*flowList
	at    int // the list that is shown
	page  page
	row   *checklist.ListRow // on the page, as it was seen last
	rowAt string             // the table that it is of
	gone  bool               // it is not in its list any more
}

// update makes the lists of the newest judgement.
func (s *flowsScreen) update(m *model) *flowList {
	if s.lists == nil {
		for _, li := range m.kase.Book.Lists {
			s.lists = append(s.lists, &flowList{list: li})
		}
	}
	if s.of != m.diagnosis {
		first := s.of == nil || s.of.facts == nil
		s.of = m.diagnosis
		for _, l := range s.lists {
			l.load(m.diagnosis)
		}
		if s.follow(); first {
			s.begin()
		}
	}
	if len(s.lists) == 0 {
		return nil
	}
	l := s.lists[s.at]
	l.choose()
	return l
}

func (s *flowsScreen) do(m *model, a action) tea.Cmd {
	l := s.update(m)
	if l == nil {
		return nil
	}
	if s.page.isOpen {
		s.onPage(m, a)
		return nil
	}
	if l.table.move(a, l.tableRows(m.theme)) {
		return nil
	}
	switch a {
	case actNext:
		s.at = (s.at + 1) % len(s.lists)
	case actPrevious:
		s.at = (s.at + len(s.lists) - 1) % len(s.lists)
	case actSort:
		l.order = (l.order + 1) % (len(l.list.Columns) + 1)
		l.change()
	case actFilter:
		l.all = !l.all
		l.change()
	case actEnter, actTick:
		if r := l.here(); r != nil {
			row := *r
			s.row, s.rowAt, s.gone = &row, l.list.Table, false
			s.page.open()
		}
	}
	return nil
}

// begin goes to the list that a named cause stands on, or else to the first with
// anything in trouble.
func (s *flowsScreen) begin() {
	used := s.of.Used(checklist.Named)
	accused := func(l *flowList) bool { return l.trouble > 0 && used[l.list.Table] }
	sick := func(l *flowList) bool { return l.trouble > 0 }
	for _, first := range []func(*flowList) bool{accused, sick} {
		if i := slices.IndexFunc(s.lists, first); i >= 0 {
			s.at = i
			return
		}
	}
}

// onPage obeys an action while a row is open: enter leads to the cause that it
// speaks for.
func (s *flowsScreen) onPage(m *model, a action) {
	if a != actEnter {
		s.page.turn(a, m.layout.bodyHeight)
		return
	}
	if charges := m.diagnosis.SpeakOf(s.row); len(charges) > 0 {
		m.causes = causesScreen{at: charges[0].Finding.Cause.ID}
		m.show(causesID)
	}
}

// follow finds the row that is open in a new judgement.
func (s *flowsScreen) follow() {
	if s.row == nil {
		return
	}
	s.gone = true
	for _, l := range s.lists {
		if l.list.Table != s.rowAt {
			continue
		}
		for i := range l.rows {
			if l.rows[i].Name == s.row.Name {
				row := l.rows[i]
				s.row, s.gone = &row, false
				return
			}
		}
	}
}

func (s *flowsScreen) hints(m *model) []hint {
	if s.page.isOpen {
		hints := []hint{{actBack, "the list"}, {actDown, "scroll"}, {actCopy, "copy"}}
		if len(m.diagnosis.SpeakOf(s.row)) > 0 {
			hints = append(hints, hint{actEnter, "the cause"})
		}
		return hints
	}
	l := s.update(m)
	if l == nil {
		return nil
	}
	filter := "all"
	if l.all {
		filter = "in trouble"
	}
	return []hint{{actNext, "next list"}, {actEnter, "open"}, {actFilter, filter}, {actSearch, "search"}, {actSort, "order"}, {actCopy, "copy"}}
}

// copies are the address and the commands of the row that is open or under the
// cursor.
func (s *flowsScreen) copies(m *model) []copyable {
	l := s.update(m)
	r, list := l.here(), (*content.List)(nil)
	if l != nil {
		list = l.list
	}
	if s.page.isOpen {
		r = s.row
		list = m.kase.Book.List(s.rowAt)
	}
	if r == nil || list == nil {
		return nil
	}
	var items []copyable
	for _, c := range list.Copies {
		if text, complete := r.Copy(c); complete {
			items = append(items, copyable{c.Label, text})
		}
	}
	return items
}

func (s *flowsScreen) search(m *model, text string) {
	s.page.shut()
	if l := s.update(m); l != nil {
		l.query, l.table.at, l.table.index = text, "", 0
		l.change()
	}
}

func (s *flowsScreen) searching() string {
	if s.at < len(s.lists) {
		return s.lists[s.at].query
	}
	return ""
}

func (s *flowsScreen) click(m *model, line, _ int) tea.Cmd {
	l := s.update(m)
	if l == nil || s.page.isOpen {
		return nil
	}
	if l.table.click(line-s.headHeight(m.layout.bodyHeight), l.tableRows(m.theme)) {
		return s.do(m, actEnter)
	}
	return nil
}

// headHeight is how many lines stand above the table.
func (s *flowsScreen) headHeight(h int) int {
	if h < 10 {
		return 1
	}
	return 2
}

func (s *flowsScreen) draw(m *model, w, h int) []string {
	l := s.update(m)
	t := m.theme
	switch {
	case l == nil:
		return []string{t.dim.Render("the content describes no lists")}
	case s.page.isOpen:
		return s.page.draw(m, s.pageLines(m, w), w, h)
	}
	lines := []string{t.sections(s.names(), s.at, w)}
	if s.headHeight(h) > 1 {
		lines = append(lines, t.clip(l.standing(), w))
	}
	if len(l.shown) == 0 {
		return append(append(lines, ""), s.emptyLines(m, l, w)...)
	}
	var below []string
	room := h - len(lines)
	if n := previewHeight(h); n > 0 {
		if len(l.shown)+1 <= h/2-len(lines) {
			n = h - h/2 // the room that a short list leaves
		}
		below = s.preview(m, l, w, n)
	}
	lines = append(lines, l.table.draw(t, l.tableRows(t), w, room-len(below))...)
	for len(lines) < h-len(below) {
		lines = append(lines, "")
	}
	return append(lines, below...)
}

// names are the lists' titles, with how many rows of how many are in trouble.
func (s *flowsScreen) names() []string {
	var names []string
	for _, l := range s.lists {
		if l.looked {
			names = append(names, fmt.Sprintf("%s %d/%d", l.list.Title, l.trouble, len(l.rows)))
		} else {
			names = append(names, l.list.Title+" ?")
		}
	}
	return names
}

// emptyLines say why nothing is shown.
func (s *flowsScreen) emptyLines(m *model, l *flowList, w int) []string {
	why := content.Show(s.unseen(m, l.list))
	text := ""
	switch {
	case m.diagnosis.facts == nil:
		text = "Nothing is measured yet: the first result takes a second."
	case !l.looked && why == "":
		text = "Nobody has looked at these yet."
	case !l.looked:
		text = "Nobody could look at these. " + why
	case l.query != "":
		text = fmt.Sprintf("Nothing here has %q in it. %s changes the search.", l.query, m.keys.key(actSearch))
	case len(l.rows) > 0:
		text = fmt.Sprintf("%s %s shows all %d.", l.list.Empty, m.keys.key(actFilter), len(l.rows))
	default:
		text = l.list.Empty
	}
	lines := wrap(content.Show(text), w, "")
	if l.looked && l.query == "" {
		lines = append(s.signLines(m, w), lines...)
	}
	if l.looked && why != "" {
		lines = append(append(lines, ""), styled(wrap(why, w, ""), m.theme.dim.Render)...)
	}
	return lines
}

// signLines say that something is wrong, where no row of a list tells.
func (s *flowsScreen) signLines(m *model, w int) []string {
	if len(m.diagnosis.Symptoms) == 0 {
		return nil
	}
	lines := wrap("Something is wrong that this list does not show ("+m.keys.key(actCauses)+" tells more):", w, "")
	lines = styled(lines, m.theme.bold.Render)
	for _, sign := range m.diagnosis.Symptoms {
		lines = append(lines, wrap("! "+content.Show(sign), w, "  ")...)
	}
	return append(lines, "")
}

// preview is what there is to say of the row under the cursor, in n lines below
// the list.
func (s *flowsScreen) preview(m *model, l *flowList, w, n int) []string {
	r, t := l.here(), m.theme
	lines := s.rowLines(m, l.list, r, w)
	if why := s.unseen(m, l.list); why != "" && len(lines) < n-1 {
		lines = append(lines, styled(wrap(content.Show(why), w, "  "), t.dim.Render)...)
	}
	if n > 10 {
		lines = append(append(lines, ""), fieldLines(t, m.kase.Book.Facts.TableOf(l.list.Table), l.list.Columns, r.Row, w)...)
	}
	return t.below(lines, w, n)
}

// unseen says what the probe of a list could not see.
func (s *flowsScreen) unseen(m *model, li *content.List) string {
	return m.diagnosis.Unseen(m.kase.Book.Facts.TableOf(li.Table).Probe)
}

// chargeLines are the causes that a row speaks for.
func (s *flowsScreen) chargeLines(m *model, r *checklist.ListRow, w int) []string {
	var lines []string
	for _, c := range m.diagnosis.SpeakOf(r) {
		if c.Finding.Probability < ruledOut {
			continue
		}
		text := fmt.Sprintf("speaks for %s (%s): %s", c.Finding.Cause.Title, checklist.Percent(c.Finding.Probability), c.Says)
		lines = append(lines, wrap(content.Show(text), w, "  ")...)
	}
	return lines
}

// rowLines are a row's name, its trouble in words and the causes that it speaks
// for.
func (s *flowsScreen) rowLines(m *model, li *content.List, r *checklist.ListRow, w int) []string {
	lines := styled(wrap(content.Show(r.Name), w, "  "), m.theme.bold.Render)
	text := r.Trouble()
	if text == "" {
		text = "in no trouble"
	}
	lines = append(lines, wrap(content.Show(text), w, "")...)
	speak := s.chargeLines(m, r, w)
	if len(speak) == 0 {
		speak = []string{"no likely cause names it in particular"}
	}
	return append(lines, speak...)
}

// pageLines are all there is to say of the row that is open.
func (s *flowsScreen) pageLines(m *model, w int) []string {
	li := m.kase.Book.List(s.rowAt)
	var lines []string
	if s.gone {
		lines = styled(wrap("It is not in the list any more: this is how it was seen last.", w, ""), m.theme.warn.Render)
	}
	lines = append(append(lines, s.rowLines(m, li, s.row, w)...), "")
	return append(lines, fieldLines(m.theme, m.kase.Book.Facts.TableOf(s.rowAt), li.Columns, s.row.Row, w)...)
}

// shut shuts the page of a row, or ends the search of the list; the cursor stays on
// its row.
func (s *flowsScreen) shut() bool {
	if s.page.shut() {
		return true
	}
	if s.searching() == "" {
		return false
	}
	l := s.lists[s.at]
	l.query, l.stale, l.held = "", true, l.table.at
	return true
}
