package ui

import (
	"fmt"
	"math"
	"strings"

	"whydrop/checklist"
	"whydrop/content"
	"whydrop/probes/fact"
)

// evidence is one line of the evidence: a scalar fact, a table, or a row of one.
type evidence struct {
	key   string // its own among all
	name  string
	fact  *content.FactDef  // of a scalar fact, else nil
	table *content.TableDef // of a table and its rows, else nil
	row   fact.Row          // of a row, else nil
	rows  []fact.Row        // of a table
	value fact.Value
	known bool
	moved bool
}

// gather returns all facts and tables of the vocabulary as they were judged, by
// name.
func gather(m *model, into []evidence) []evidence {
	d, book := m.diagnosis, m.kase.Book
	facts, tables := book.Facts.Facts(), book.Facts.Tables()
	for len(facts) > 0 || len(tables) > 0 {
		if len(tables) == 0 || len(facts) > 0 && facts[0].Name < tables[0].Name {
			def := facts[0]
			facts = facts[1:]
			e := evidence{key: def.Name, name: def.Name, fact: def}
			e.value, e.known = d.Value(def.Name)
			e.known = e.known && e.value.Now != nil
			e.moved = e.known && moved(m.track(), &e)
			into = append(into, e)
			continue
		}
		def := tables[0]
		tables = tables[1:]
		e := evidence{key: def.Name, name: def.Name, table: def}
		e.rows, e.known = d.Rows(def.Name)
		e.moved = anyGrew(def, e.rows)
		into = append(into, e)
	}
	return into
}

// moved says whether a counter grew, or anything else changed in the last two
// minutes.
func moved(track *checklist.Track, e *evidence) bool {
	if e.value.Total != nil {
		n, _ := e.value.Now.(float64)
		return n != 0
	}
	if _, number := e.value.Now.(float64); !number || e.name == windowSeconds {
		return false
	}
	return !level(track.Recent(e.key))
}

// windowSeconds is a fact of the observation, not of the host.
const windowSeconds = "window.seconds"

// anyGrew says whether a count of any row grew.
func anyGrew(def *content.TableDef, rows []fact.Row) bool {
	for _, f := range def.Fields {
		if f.Type != content.Count {
			continue
		}
		for _, row := range rows {
			if n, ok := row[f.Name].(float64); ok && n > 0 {
				return true
			}
		}
	}
	return false
}

// rowsOf are the rows of a table.
func (e *evidence) rowsOf() []evidence {
	out := make([]evidence, len(e.rows))
	for i, name := range checklist.RowNames(e.rows) {
		out[i] = evidence{key: e.key + "/" + name, name: name, table: e.table, row: e.rows[i], known: true}
	}
	return out
}

// label is the name as the list shows it, with its mark.
func (e *evidence) label(s *evidenceScreen) string {
	mark := s.mark(e)
	switch {
	case e.table == nil:
		return mark + e.name
	case s.unfolded[e.key]:
		return mark + "- " + e.name
	}
	return mark + "+ " + e.name
}

// now is the value at present: the growth of a counter with a plus.
func (e *evidence) now() string {
	switch {
	case e.fact == nil:
		return content.Show(float64(len(e.rows)))
	case e.value.Total != nil:
		return "+" + content.Show(e.value.Now)
	}
	return e.fact.Show(e.value.Now)
}

func (e *evidence) unit() string {
	if e.fact == nil {
		return "rows"
	}
	return e.fact.Unit
}

func (e *evidence) probe() string {
	if e.fact != nil {
		return e.fact.Probe
	}
	return e.table.Probe
}

// source is the name that rules know it by.
func (e *evidence) source() string {
	if e.fact != nil {
		return e.fact.Name
	}
	return e.table.Name
}

func (e *evidence) means() string {
	if e.fact != nil {
		return e.fact.Means
	}
	return e.table.Means
}

func (e *evidence) byHand() string {
	if e.fact != nil {
		return e.fact.ByHand
	}
	return e.table.ByHand
}

// grown is what a counter grew by, nil for anything else.
func (e *evidence) grown() any {
	if n, ok := e.value.Now.(float64); ok && e.value.Total != nil {
		return n
	}
	return nil
}

// matches says whether a lower-case text is in the name, the meaning, the probe
// or a text of the row.
func (e *evidence) matches(query string) bool {
	has := func(s string) bool { return strings.Contains(strings.ToLower(s), query) }
	if e.row == nil {
		return has(e.name) || has(e.means()) || has(e.probe())
	}
	for _, v := range e.row {
		if text, ok := v.(string); ok && has(text) {
			return true
		}
	}
	return false
}

// named says whether a lower-case text is in the name.
func (e *evidence) named(query string) bool { return strings.Contains(strings.ToLower(e.name), query) }

// summary is a row in one line: what grew first, then what else is not nothing.
func (e *evidence) summary() string {
	var grew, rest []string
	for _, f := range e.table.Fields {
		v, known := e.row[f.Name]
		if !known || v == 0.0 || v == false || v == "" || f.Name == "name" || f.IsTotal() {
			continue
		}
		if f.Type == content.Count {
			grew = append(grew, f.Name+" +"+f.Show(v))
			continue
		}
		rest = append(rest, f.Name+" "+f.Show(v))
	}
	return strings.Join(append(grew, rest...), ", ")
}

// preview is what there is to say of what is under the cursor, for n lines below
// the list.
func (s *evidenceScreen) preview(m *model, w, n int) []string {
	t, e := m.theme, s.here(m)
	if n > 10 {
		return s.pageLines(m, e, w)
	}
	lines := styled(t.atMost(2, wrap(content.Show(e.headline(m)), w, "  "), w), t.bold.Render)
	lines = append(lines, t.atMost(2, wrap(content.Show(e.means()), w, ""), w)...)
	if e.row == nil && e.byHand() != "" {
		lines = append(lines, t.clip("by hand: "+e.byHand(), w))
	}
	return append(lines, s.readerLines(m, e, w, ruledOut)...)
}

// headline is name and value in words.
func (e *evidence) headline(m *model) string {
	switch {
	case !e.known:
		return e.name + ": " + m.why(e)
	case e.row != nil:
		return e.table.Name + " " + e.name
	case e.table != nil:
		return fmt.Sprintf("%s: %d rows", e.name, len(e.rows))
	case e.value.Total == nil:
		return e.name + ": " + e.fact.ShowUnit(e.value.Now)
	}
	text := fmt.Sprintf("%s: +%s", e.name, e.fact.ShowUnit(e.value.Now))
	if n, ok := e.value.Now.(float64); ok && m.diagnosis.facts != nil && m.diagnosis.facts.Seconds > 0 {
		text += fmt.Sprintf(" in %.0f s (%s)", m.diagnosis.facts.Seconds, perSecond(n, m.diagnosis.facts.Seconds))
	}
	return text + ", " + content.Show(*e.value.Total) + " since it began"
}

// readerLines are the causes whose rules use a fact, the most probable first: by
// name those that are at least so likely.
func (s *evidenceScreen) readerLines(m *model, e *evidence, w int, likely float64) []string {
	readers := s.readers[e.source()]
	if len(readers) == 0 {
		return []string{"no rule of a cause uses it"}
	}
	uses := map[*content.Cause]bool{}
	for _, c := range readers {
		uses[c] = true
	}
	var named []string
	for _, f := range m.diagnosis.Findings {
		if uses[f.Cause] && f.Probability >= likely {
			named = append(named, fmt.Sprintf("%s (%s)", f.Cause.Title, checklist.Percent(f.Probability)))
		}
	}
	text := "used for: " + strings.Join(named, "; ")
	switch more := len(readers) - len(named); {
	case len(readers) == 1 && len(named) == 0:
		text = "used for one cause, which is not likely"
	case len(named) == 0:
		text = fmt.Sprintf("used for %d causes, none of them likely", more)
	case more > 0:
		text += fmt.Sprintf("; and %d less likely", more)
	}
	return wrap(content.Show(text), w, "  ")
}

// pageLines are all there is to say of a fact or row.
func (s *evidenceScreen) pageLines(m *model, e *evidence, w int) []string {
	t := m.theme
	lines := styled(wrap(content.Show(e.headline(m)), w, "  "), t.bold.Render)
	lines = append(lines, wrap(content.Show(e.means()), w, "")...)
	if e.row != nil {
		lines = append(append(lines, ""), fieldLines(t, e.table, nil, e.row, w)...)
	}
	lines = append(append(lines, ""), historyLines(m, e, w)...)
	lines = append(lines, wrap("read by the probe "+e.probe(), w, "")...)
	if by := e.byHand(); by != "" {
		lines = append(lines, wrap("by hand: "+by, w, "  ")...)
	}
	lines = append(lines, "")
	return append(lines, s.readerLines(m, e, w, 0)...)
}

// historyLines draw how a number moved in the whole session.
func historyLines(m *model, e *evidence, w int) []string {
	whole := m.track().Whole(e.key)
	top, unit := checklist.Peak(whole), e.unit()
	switch {
	case e.fact == nil || len(whole) < 2:
		return nil
	case top == 0:
		return []string{"0 in the whole session", ""}
	}
	if e.value.Total != nil {
		unit = strings.TrimSpace(unit + " a second")
	}
	lines := []string{m.theme.clip(fmt.Sprintf("the whole session, at most %s %s", short(top), unit), w)}
	return append(append(lines, m.theme.chart(whole, min(w, 120), 5, top)...), "")
}

// chart draws a series as bars of several lines.
func (t theme) chart(points []float64, w, h int, top float64) []string {
	points = condense(points, w)
	lines := make([]string, h)
	steps := len(t.levels) - 1
	for row := range h {
		var b strings.Builder
		for _, p := range points {
			level := 0
			if top > 0 && p > 0 {
				level = max(int(math.Ceil(p/top*float64(h*steps))), 1) - (h-1-row)*steps
			}
			switch {
			case level <= 0 && row == h-1:
				b.WriteString(t.levels[0])
			case level <= 0:
				b.WriteByte(' ')
			default:
				b.WriteString(t.levels[min(level, steps)])
			}
		}
		lines[row] = b.String()
	}
	return lines
}
