package ui

import (
	"fmt"
	"math"
	"slices"
	"strings"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"

	"whydrop/checklist"
	"whydrop/content"
)

// causesScreen shows the diagnosis: first its summary, then the causes ranked,
// and below what speaks for and against the one under the cursor. Causes that
// nothing speaks for are folded away until one goes there.
type causesScreen struct {
	at     string // cause id, "" for the summary; the place stays when the ranking moves
	query  string // only causes with these words are listed, "" for all
	list   scroll
	detail scroll
	rows   int // of the list, as it was drawn last
	above  int // lines above the list, as it was drawn last
}

// restID stands in the place of a cause for those that are folded away.
const restID = "the rest"

// causeRow is an entry of the list: the summary, a cause, or the folded rest.
type causeRow struct {
	id      string
	finding *checklist.Finding // nil for the summary and the rest
}

// entries is what the screen lists at this moment: what is named, what is
// suspected, and the rest, which is open only while one is there.
func (s *causesScreen) entries(m *model) []causeRow {
	var rows []causeRow
	if s.query != "" {
		for _, f := range m.diagnosis.Findings {
			if s.matches(m, f) {
				rows = append(rows, causeRow{f.Cause.ID, f})
			}
		}
		return rows
	}
	rows = append(rows, causeRow{})
	first, open := map[string]bool{}, s.at == restID
	for _, f := range m.suspects(len(m.diagnosis.Findings)) {
		rows, first[f.Cause.ID] = append(rows, causeRow{f.Cause.ID, f}), true
	}
	var rest []causeRow
	for _, f := range m.diagnosis.Findings {
		if !first[f.Cause.ID] {
			rest = append(rest, causeRow{f.Cause.ID, f})
			open = open || f.Cause.ID == s.at
		}
	}
	if len(rest) > 0 {
		rows = append(rows, causeRow{id: restID})
	}
	if open {
		rows = append(rows, rest...)
	}
	return rows
}

// matches says whether all words of the query are in a cause's name, title or
// place.
func (s *causesScreen) matches(m *model, f *checklist.Finding) bool {
	text := f.Cause.ID + " " + f.Cause.Title
	if h := m.kase.Book.Hop(f.Cause.Hop); h != nil {
		text += " " + h.Title
	}
	text = strings.ToLower(text)
	for _, word := range strings.Fields(strings.ToLower(s.query)) {
		if !strings.Contains(text, word) {
			return false
		}
	}
	return true
}

func (s *causesScreen) search(_ *model, text string) {
	s.query, s.detail.top = strings.TrimSpace(text), 0
}

func (s *causesScreen) searching() string { return s.query }

// shut ends the search; the cursor stays on its cause.
func (s *causesScreen) shut() bool {
	was := s.query != ""
	s.query = ""
	return was
}

func (s *causesScreen) do(m *model, a action) tea.Cmd {
	rows := s.entries(m)
	i := s.index(rows)
	page := max(1, m.layout.bodyHeight/2)
	switch a {
	case actUp:
		s.choose(rows, i-1)
	case actDown:
		s.choose(rows, i+1)
	case actFirst:
		s.choose(rows, 0)
	case actLast:
		s.choose(rows, len(rows)-1)
	case actPageUp:
		s.detail.top -= page
	case actPageDown, actTick:
		s.detail.top += page
	case actEnter:
		if len(rows) > 0 && rows[i].id == restID {
			s.choose(rows, i+1)
			return nil
		}
		m.show(planID)
	}
	return nil
}

func (s *causesScreen) hints(m *model) []hint {
	enter := hint{actEnter, "plan"}
	if s.at == restID {
		enter.words = "look at them"
	}
	return []hint{{actDown, "choose"}, enter, {actPageDown, "read on"}, {actSearch, "search"}}
}

// copies are what would settle the cause under the cursor and its name, or the
// verdict.
func (s *causesScreen) copies(m *model) []copyable {
	rows := s.entries(m)
	if len(rows) == 0 || rows[s.index(rows)].finding == nil {
		return []copyable{{"the verdict", m.kase.Headline(m.diagnosis.Diagnosis)}}
	}
	c := rows[s.index(rows)].finding.Cause
	var items []copyable
	if c.Settle != "" {
		items = append(items, copyable{"to settle it", c.Settle})
	}
	return append(items, copyable{"the cause", c.ID}, copyable{"in words", c.Title})
}

func (s *causesScreen) click(m *model, row, _ int) tea.Cmd {
	if row -= s.above; row >= 0 && row < s.rows {
		s.choose(s.entries(m), s.list.top+row)
	}
	return nil
}

// choose moves to an entry of the list.
func (s *causesScreen) choose(rows []causeRow, i int) {
	if len(rows) > 0 {
		s.at, s.detail.top = rows[min(max(i, 0), len(rows)-1)].id, 0
	}
}

// goTo puts the cursor on a cause; a search that would hide it ends.
func (s *causesScreen) goTo(m *model, f *checklist.Finding) {
	s.at, s.detail.top = f.Cause.ID, 0
	if !s.matches(m, f) {
		s.query = ""
	}
}

// index is the entry under the cursor, the first where that is not in the list.
func (s *causesScreen) index(rows []causeRow) int {
	return max(0, slices.IndexFunc(rows, func(r causeRow) bool { return r.id == s.at }))
}

func (s *causesScreen) draw(m *model, w, h int) []string {
	t, rows := m.theme, s.entries(m)
	at := s.index(rows)
	var lines []string
	if s.query != "" {
		lines = append(lines, t.bold.Render(fmt.Sprintf("%d of %d causes with %q", len(rows), len(m.diagnosis.Findings), content.Show(s.query)))+
			t.dim.Render(", "+m.keys.key(actBack)+" shows all"))
	}
	s.above = len(lines)
	room := h - len(lines)
	if h >= 6 {
		room = min(max(room/3, 1), 12, max(1, len(rows)))
	}
	// Only what is to be seen is drawn.
	shown := s.list.keep(make([]string, len(rows)), at, at, room)
	s.rows = len(shown)
	for i := range shown {
		lines = append(lines, m.causeEntry(rows, s.list.top+i, at, w))
	}
	if h < 6 {
		return lines
	}
	var detail []string
	switch {
	case len(rows) == 0:
		detail = []string{"No cause has these words in its name, title or place."}
	case rows[at].finding != nil:
		detail = m.causeDetail(rows[at].finding, w)
	case rows[at].id == restID:
		detail = m.restLines(w)
	default:
		detail = m.summaryLines(w)
	}
	return append(lines, m.readOn(&s.detail, detail, w, h-len(lines))...)
}

// causeEntry is a line of the list.
func (m *model) causeEntry(rows []causeRow, i, at, w int) string {
	r := rows[i]
	if r.finding != nil {
		return m.causeLine(r.finding, w, i == at)
	}
	text := "Summary"
	if r.id == restID {
		// Before it stand the summary and the causes that are not folded away.
		text = fmt.Sprintf("the rest (%d): ruled out, or nothing speaks for them", len(m.diagnosis.Findings)-(i-1))
	}
	text = m.theme.clip(text, w-2)
	if i == at {
		return m.theme.pointer + " " + m.theme.cursor.Render(text)
	}
	return "  " + text
}

// causeLine is one cause with its probability as a bar, a number, how it moved,
// and words.
func (m *model) causeLine(f *checklist.Finding, w int, here bool) string {
	t, bar := m.theme, 4
	if w >= 76 {
		bar = 8
	}
	text := m.odds(f, bar)
	if w >= 84 {
		text += t.spark(m.causeSeries(f), 8, 1) + "  "
	}
	title := t.clip(content.Show(f.Cause.Title), w-2-ansi.StringWidth(text))
	if here { // what is drawn in reverse is no bar any more
		style := t.plain
		if f.Named() {
			style = t.bad
		}
		return t.pointer + " " + style.Render(text) + t.cursor.Render(title)
	}
	return m.marked(f, text+title)
}

// odds is the probability of a cause as a bar of a width and as a number.
func (m *model) odds(f *checklist.Finding, bar int) string {
	return fmt.Sprintf("%s %6s  ", m.theme.meter(f.Probability, bar), checklist.Percent(f.Probability))
}

// marked puts before a line about a cause how it stands, and makes it stand out as
// much as that deserves.
func (m *model) marked(f *checklist.Finding, text string) string {
	switch {
	case f.Named():
		return m.theme.bad.Render("! " + text)
	case f.Probability < ruledOut:
		return "  " + m.theme.dim.Render(text)
	default:
		return "? " + text
	}
}

// suspects are the causes that are named, and the n most likely others that
// something speaks for and that are worth a look.
func (m *model) suspects(n int) []*checklist.Finding {
	list := m.diagnosis.Named()
	for _, f := range m.diagnosis.Suspects(n) {
		if f.Probability >= ruledOut {
			list = append(list, f)
		}
	}
	return list
}

// causesSide are the causes that are named or that something speaks for, in at
// most h lines. Their weightiest reasons stand below them where that takes the
// room of no other that is named.
func (m *model) causesSide(w, h int) []string {
	t, d := m.theme, m.diagnosis
	suspects, named := m.suspects(8), len(d.Named())
	titles, left := make([][]string, len(suspects)), h-2
	for i, f := range suspects {
		titles[i] = m.causeTitle(f, w)
		if i < named {
			left -= len(titles[i])
		}
	}
	reasons := 3
	if named > 1 {
		reasons = 2
	}
	lines, shown := []string{t.bold.Render("Causes")}, 0
	for i, f := range suspects {
		if i >= named {
			left -= len(titles[i])
			reasons = 1
		}
		if len(lines)+len(titles[i]) >= h {
			break
		}
		lines, shown = append(lines, titles[i]...), i+1
		for _, r := range f.For[:min(reasons, len(f.For))] {
			says := wrap("    + "+content.Show(r.Says), w, "      ")
			if len(says) > left {
				break
			}
			lines, left = append(lines, says...), left-len(says)
		}
	}
	rest := fmt.Sprintf("and %d that are less likely", len(d.Findings)-shown)
	if shown == 0 {
		rest = fmt.Sprintf("%d causes considered, none is likely", len(d.Findings))
	}
	return append(lines, t.dim.Render("  "+rest))
}

// causeTitle is the line of a cause with all of its title, on more lines where
// one is too short.
func (m *model) causeTitle(f *checklist.Finding, w int) []string {
	head := m.odds(f, 4)
	indent := strings.Repeat(" ", ansi.StringWidth(head))
	lines := wrap(content.Show(f.Cause.Title), w-2-len(indent), "")
	for i, l := range lines {
		lines[i] = "  " + indent + l
		if f.Named() {
			lines[i] = m.theme.bad.Render(lines[i])
		}
	}
	lines[0] = m.marked(f, head+strings.TrimLeft(ansi.Strip(lines[0]), " "))
	return lines
}

// summaryLines is the diagnosis in words: what was found, what shows that
// something is wrong, what was lost where, and what to do next.
func (m *model) summaryLines(w int) []string {
	t, d := m.theme, m.diagnosis
	var lines []string
	part := func(title string, entries []string) {
		if len(entries) == 0 {
			return
		}
		lines = append(lines, t.bold.Render(title))
		for _, e := range entries {
			lines = append(lines, wrap(content.Show(e), w, "    ")...)
		}
	}
	lines = append(lines, wrap(m.standing(), w, "")...)
	lines = append(lines, "")
	if len(m.suspects(3)) == 0 {
		lines = append(lines, fmt.Sprintf("%d causes were considered, none is likely.", len(d.Findings)))
	}
	var signs, lost, notes, likely, unlikely []string
	for _, s := range d.Symptoms {
		signs = append(signs, "  ! "+s)
	}
	for _, s := range d.Doubts {
		signs = append(signs, "  ? "+s)
	}
	for _, e := range d.Ledger {
		if !e.Loss {
			continue
		}
		lost = append(lost, fmt.Sprintf("  %s %s: %s (%s)", e.Hop, e.Direction, checklist.Counted(e.Drops, e.Unit), e.Counter))
	}
	for _, n := range d.Notes {
		notes = append(notes, "  - "+n)
	}
	for _, f := range m.suspects(3) {
		entry := []string{fmt.Sprintf("  %s %s", checklist.Percent(f.Probability), f.Cause.Title)}
		for _, r := range f.For[:min(2, len(f.For))] {
			entry = append(entry, "    + "+r.Says)
		}
		if f.Named() {
			likely = append(likely, entry...)
		} else {
			unlikely = append(unlikely, entry...)
		}
	}
	part("Likely causes", likely)
	part("Unlikely, but not ruled out", unlikely)
	part("Signs that something is wrong", signs)
	if d.Balance.Worth() {
		lost = append(lost, "  "+d.Balance.String())
	}
	part("Lost on this host", lost)
	part("Worth knowing", notes)
	lines = append(lines, m.nextLines(w, math.MaxInt)...)
	return append(lines, m.blindLines(w)...)
}

// standing says how far the walk has come and where it goes on.
func (m *model) standing() string {
	total := len(m.kase.Book.Questions())
	text := fmt.Sprintf("%d of %d questions are answered", m.kase.Answered(), total)
	if m.kase.Answered() == total {
		text = "All questions are answered"
	}
	plan, report := m.keys.key(actEnter)+" shows the plan", m.keys.key(actReport)+" writes the report"
	if n := len(m.diagnosis.plan); n > 0 {
		return text + fmt.Sprintf(". Next: %s (%d to do), %s.", plan, n, report)
	}
	if m.diagnosis.Verdict == checklist.Inconclusive && m.mostTelling() != nil {
		return text + ". Next: " + m.keys.key(actSuggested) + " goes to the question that would tell most, " + report + "."
	}
	return text + ". Next: " + plan + ", " + report + "."
}

// nextLines is what would tell most, if anything is left to find out: open
// questions, and what a probe could not see; in at most h lines.
func (m *model) nextLines(w, h int) []string {
	d := m.diagnosis
	if d.Verdict == checklist.Healthy || m.kase.Facts == nil {
		return nil
	}
	var lines []string
	first := m.mostTelling()
	for _, step := range d.Next {
		if len(lines) >= 6 {
			break
		}
		q := m.kase.Book.Question(step.ID)
		if step.Kind == "question" && q != nil {
			text := "  " + q.ID + ": " + q.Ask
			if q == first {
				text += " (" + m.keys.key(actSuggested) + " goes there)"
			}
			lines = append(lines, wrap(text, w, "    ")...)
		}
		for _, b := range m.kase.Facts.Blind {
			if step.Kind == "probe" && b.Probe == step.ID {
				lines = append(lines, wrap("  to see "+unseen(b), w, "    ")...)
			}
		}
	}
	if len(lines) == 0 {
		return nil
	}
	return m.theme.atMost(h, append([]string{m.theme.bold.Render("What would tell most")}, lines...), w)
}
