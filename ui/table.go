package ui

import (
	"fmt"
	"slices"
	"strings"

	"charm.land/lipgloss/v2"
	"github.com/charmbracelet/x/ansi"
)

// table is a place in a list with columns. Only the rows that are to be seen are
// rendered, so that a long list costs no more than a short one. The place is kept
// by the row's name: measurements may move the row, not the cursor off it.
type table struct {
	at     string // name of the row under the cursor
	index  int    // where that was
	scroll scroll
	height int // rows that were drawn last
}

// column is one column of a table.
type column struct {
	head  string
	width int // what it needs
	good  int // what it gets before columns that are not essential
	most  int // what it makes use of where there is room
	rank  int // the columns with the highest rank give way first
	right bool
	// room is how wide it is drawn, 0 if there is no room for it.
	room int
}

// rows are what a table shows.
type rows struct {
	columns []column
	count   int
	name    func(row int) string
	cell    func(row, column, room int) string
	// whole draws a row that does not keep to the columns; nil if all do.
	whole func(row, room int) (string, bool)
	style func(row int) lipgloss.Style
}

// essential is the rank up to which a column is more than nice to have.
const essential = 5

// fitColumns gives the columns their room in w columns of the screen, a space between
// two of them. The one that is needed most is as wide as is good for it before
// any other gets room, up to half of it.
func fitColumns(columns []column, w int) []column {
	out := slices.Clone(columns)
	order := make([]int, len(out))
	for i := range out {
		order[i], out[i].room = i, 0
	}
	slices.SortStableFunc(order, func(a, b int) int { return out[a].rank - out[b].rank })
	left := w + 1
	grow := func(upTo func(c *column) int) {
		for _, i := range order {
			c := &out[i]
			if more := min(left, upTo(c)-c.room); c.room > 0 && more > 0 {
				c.room, left = c.room+more, left-more
			}
		}
	}
	grown := false
	for n, i := range order {
		c := &out[i]
		if n == 0 {
			c.width = max(c.width, min(c.good, w/2))
		}
		if c.rank > essential && !grown {
			grown = true
			grow(func(c *column) int {
				if c == &out[order[0]] {
					return c.most
				}
				return c.good
			})
		}
		if c.width+1 > left {
			if c.rank <= 1 {
				c.room, left = max(0, left-1), 0
			}
			break
		}
		c.room, left = c.width, left-c.width-1
	}
	grow(func(c *column) int { return c.most })
	return out
}

// move obeys an action that moves about, and says whether it was one.
func (tb *table) move(a action, r rows) bool {
	tb.find(r)
	i, page := tb.index, max(1, tb.height-1)
	switch a {
	case actUp:
		i--
	case actDown:
		i++
	case actPageUp:
		i -= page
	case actPageDown:
		i += page
	case actFirst:
		i = 0
	case actLast:
		i = r.count - 1
	default:
		return false
	}
	tb.choose(i, r)
	return true
}

// choose puts the cursor on a row.
func (tb *table) choose(i int, r rows) {
	if r.count == 0 {
		return
	}
	tb.index = min(max(i, 0), r.count-1)
	tb.at = r.name(tb.index)
}

// find looks where the row under the cursor is now, -1 if there is none at all.
// If the row moved, the list is scrolled by as much: the cursor stays where it
// is on the screen. If it is gone, the cursor is on the row that took its place.
func (tb *table) find(r rows) int {
	if r.count == 0 {
		return -1
	}
	if tb.index < r.count && r.name(tb.index) == tb.at {
		return tb.index
	}
	for i := range r.count {
		if r.name(i) == tb.at {
			tb.scroll.top += i - tb.index
			tb.index = i
			return i
		}
	}
	tb.choose(tb.index, r)
	return tb.index
}

// draw returns the heads of the columns and the rows that are to be seen, in at
// most h lines.
func (tb *table) draw(t theme, r rows, w, h int) []string {
	columns := fitColumns(r.columns, w-2)
	var b strings.Builder
	for _, c := range columns {
		t.cellInto(&b, c, c.head)
	}
	lines := []string{t.bold.Render("  " + strings.TrimRight(b.String(), " "))}
	at := tb.find(r)
	tb.height = max(0, min(h-1, r.count))
	first, last := tb.scroll.span(r.count, at, tb.height)
	for i := first; i < last; i++ {
		text := r.line(t, columns, i, w-2)
		if i == at {
			lines = append(lines, t.pointer+" "+t.cursor.Render(text))
			continue
		}
		lines = append(lines, "  "+r.style(i).Render(text))
	}
	return lines
}

// line renders a row.
func (r *rows) line(t theme, columns []column, i, w int) string {
	if r.whole != nil {
		if text, is := r.whole(i, w); is {
			return text
		}
	}
	texts := make([]string, len(columns))
	for j, c := range columns {
		if c.room > 0 {
			texts[j] = r.cell(i, j, c.room)
		}
	}
	var b strings.Builder
	for j := 0; j < len(columns); j++ {
		c, text := columns[j], texts[j]
		for c.room > 0 && ansi.StringWidth(text) > c.room && j+1 < len(columns) && texts[j+1] == "" {
			if j++; columns[j].room > 0 { // it runs on where nothing stands
				c.room, c.right = c.room+columns[j].room+1, false
			}
		}
		t.cellInto(&b, c, text)
	}
	return strings.TrimRight(b.String(), " ")
}

// click puts the cursor on the row in a line of the last drawing, the heads
// being line 0, and says whether it was there already.
func (tb *table) click(line int, r rows) (again bool) {
	if line < 1 || line > tb.height {
		return false
	}
	before := tb.find(r)
	tb.choose(tb.scroll.top+line-1, r)
	return before == tb.index
}

// cellInto writes a cell and the space after it. Text is cut in its middle: of an
// address both ends tell.
func (t theme) cellInto(b *strings.Builder, c column, text string) {
	if c.room <= 0 {
		return
	}
	n := ansi.StringWidth(text)
	if n > c.room {
		text = t.clipMiddle(text, n, c.room)
		n = ansi.StringWidth(text)
	}
	fill := strings.Repeat(" ", max(0, c.room-n))
	if c.right {
		b.WriteString(fill)
	}
	b.WriteString(text)
	if !c.right {
		b.WriteString(fill)
	}
	b.WriteByte(' ')
}

// clipMiddle cuts text of n columns to a width. A sentence is cut at its end,
// anything without spaces in its middle.
func (t theme) clipMiddle(s string, n, width int) string {
	if width < 8 || strings.Contains(s, " ") {
		return t.clip(s, width)
	}
	mark := t.cut(width)
	width -= ansi.StringWidth(mark)
	return ansi.Truncate(s, width/2, "") + mark + ansi.TruncateLeft(s, n-(width-width/2), "")
}

// span moves so that one line of many is to be seen, and returns which are, from
// first to before last.
func (s *scroll) span(count, at, height int) (first, last int) {
	if at >= s.top+height {
		s.top = at - height + 1
	}
	if at >= 0 && at < s.top {
		s.top = at
	}
	s.top = max(0, min(s.top, count-height))
	return s.top, min(count, s.top+height)
}

// atMost cuts lines of a width to a number of them, and shows that it did.
func (t theme) atMost(n int, lines []string, w int) []string {
	if len(lines) <= n {
		return lines
	}
	mark := " " + t.cut(w)
	return append(slices.Clone(lines[:n-1]), ansi.Truncate(lines[n-1], w-ansi.StringWidth(mark), "")+mark)
}

// page is what a row of a list opens: all there is to say of it. Esc shuts it.
type page struct {
	pager
	isOpen bool
}

func (p *page) open() { p.isOpen, p.scroll.top = true, 0 }

// shut says whether it was open.
func (p *page) shut() bool {
	was := p.isOpen
	p.isOpen = false
	return was
}

// previewHeight is how many lines below a list of h lines are for what is under
// its cursor, 0 where there is no room.
func previewHeight(h int) int {
	switch {
	case h < 18:
		return 0
	case h < 30:
		return 7
	}
	return h * 2 / 5
}

// below draws n lines with a rule above them; what has no room is on the page
// that enter opens.
func (t theme) below(lines []string, w, n int) []string {
	out := t.atMost(n, append([]string{t.dim.Render(strings.Repeat(t.rule, w))}, lines...), w)
	for len(out) < n {
		out = append(out, "")
	}
	return out
}

// sections draws the names of several lists, the one that is shown in brackets;
// where there is no room, that one alone, with its place among them.
func (t theme) sections(names []string, at, w int) string {
	line, used := "", 0
	for i, name := range names {
		used += ansi.StringWidth(name) + 2
		if i == at {
			line += t.bold.Render("[" + name + "]")
			continue
		}
		line += " " + name + " "
	}
	if used <= w {
		return line
	}
	return t.apart(t.bold.Render("["+names[at]+"]"), t.dim.Render(fmt.Sprintf("list %d of %d", at+1, len(names))), w)
}
