package ui

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"charm.land/lipgloss/v2"

	"whydrop/checklist"
	"whydrop/content"
)

// flowList is one list, and how one looks at it.
type flowList struct {
	list    *content.List
	table   table
	all     bool   // not only what is in trouble
	order   int    // 0: the gravest trouble first; else one more than a column's place
	query   string // what the rows have in them
	rows    []checklist.ListRow
	looked  bool
	trouble int // how many rows are in trouble
	shown   []int
	held    string // the row that stays although it is in trouble no longer
	stale   bool   // shown is to be made anew
	columns []column
}

const (
	// troubleWidth is what the trouble in words needs in a list.
	troubleWidth = 26
	// addressWidth is what a name gets before other columns get anything: a long
	// IPv6 address must not take the room of all of them.
	addressWidth = 26
)

// load takes the rows of a judgement.
func (l *flowList) load(d *judgement) {
	l.rows, l.looked = d.List(l.list)
	l.trouble, l.stale, l.held = 0, true, l.table.at
	for i := range l.rows {
		if l.rows[i].InTrouble() {
			l.trouble++
		}
	}
	l.columns = l.columns[:0]
	for _, c := range l.list.Columns {
		col := column{head: c.Head, width: c.Width, rank: c.Rank, right: c.Of.Type != content.String}
		if !col.right {
			col.most = longest(l.rows, c.Field)
			col.good = min(col.most, addressWidth)
		}
		l.columns = append(l.columns, col)
	}
	l.columns = append(l.columns, column{head: "trouble", width: troubleWidth, good: 34, most: 90, rank: 1})
}

// longest is how many bytes the longest text of a field has.
func longest(rows []checklist.ListRow, field string) int {
	most := 0
	for i := range rows {
		text, _ := rows[i].Row[field].(string)
		most = max(most, len(text))
	}
	return min(most, 48)
}

// choose picks and sorts the rows that are shown.
func (l *flowList) choose() {
	if !l.stale {
		return
	}
	l.stale = false
	query := strings.ToLower(l.query)
	says := make([]bool, len(l.list.Troubles)+1)
	for i, t := range l.list.Troubles {
		says[i] = strings.Contains(strings.ToLower(t.Says.Source), query)
	}
	l.shown = l.shown[:0]
	for i := range l.rows {
		r := &l.rows[i]
		switch {
		case query != "" && !says[r.Kind()] && !matches(r, query):
			continue
		case query == "" && !l.all && !r.InTrouble() && r.Name != l.held:
			continue
		}
		l.shown = append(l.shown, i)
	}
	if l.order == 0 {
		return
	}
	field := l.list.Columns[l.order-1].Field
	slices.SortStableFunc(l.shown, func(a, b int) int { return compare(l.rows[a].Row[field], l.rows[b].Row[field]) })
}

// matches says whether a text of a row has a lower-case text in it.
func matches(r *checklist.ListRow, query string) bool {
	for _, v := range r.Row {
		if text, ok := v.(string); ok && strings.Contains(strings.ToLower(text), query) {
			return true
		}
	}
	return false
}

// compare orders values of a field: large numbers first, texts by the alphabet,
// what is not known last.
func compare(a, b any) int {
	switch x := a.(type) {
	case float64:
		if y, ok := b.(float64); ok {
			return cmp.Compare(y, x)
		}
	case string:
		if y, ok := b.(string); ok {
			return cmp.Compare(x, y)
		}
	case bool:
		if y, ok := b.(bool); ok && x != y {
			if x {
				return -1
			}
			return 1
		}
	}
	switch {
	case a == nil && b != nil:
		return 1
	case a != nil && b == nil:
		return -1
	}
	return 0
}

// change takes another choice or order of the operator's.
func (l *flowList) change() { l.stale, l.held = true, "" }

// tableRows are what the table shows.
func (l *flowList) tableRows(t theme) rows {
	return rows{
		columns: l.columns, count: len(l.shown),
		name: func(i int) string { return l.rows[l.shown[i]].Name },
		cell: func(i, c, room int) string { return l.cell(&l.rows[l.shown[i]], c, room) },
		style: func(i int) lipgloss.Style {
			if (l.all || l.query != "") && l.rows[l.shown[i]].InTrouble() {
				return t.bold
			}
			return t.plain
		},
	}
}

// cell is a value in a column. A number in little room goes without the space
// before its unit: it is not cut as long as it has room at all.
func (l *flowList) cell(r *checklist.ListRow, c, room int) string {
	if c == len(l.list.Columns) {
		return content.Show(r.Trouble())
	}
	of := l.list.Columns[c]
	v, known := r.Row[of.Field]
	if !known {
		return "-"
	}
	text := of.Of.Show(v)
	if _, number := v.(float64); number && len(text) > room {
		return strings.ReplaceAll(text, " ", "")
	}
	return text
}

// here is the row under the cursor, nil if there is none.
func (l *flowList) here() *checklist.ListRow {
	if l == nil || len(l.shown) == 0 {
		return nil
	}
	return &l.rows[l.shown[l.table.find(l.tableRows(theme{}))]]
}

// standing says what is shown, and in which order.
func (l *flowList) standing() string {
	text := fmt.Sprintf("those in trouble: %d of %d", l.trouble, len(l.rows))
	if l.all {
		text = fmt.Sprintf("all %d, %d in trouble", len(l.rows), l.trouble)
	}
	if l.query != "" {
		text = fmt.Sprintf("%d of %d with %q in them", len(l.shown), len(l.rows), l.query)
	}
	if l.order > 0 {
		return text + "; ordered by " + l.list.Columns[l.order-1].Head
	}
	return text + "; the gravest first"
}
