package ui

import (
	"fmt"
	"slices"
	"strings"

	tea "charm.land/bubbletea/v2"

	"whydrop/checklist"
	"whydrop/content"
)

// journeyScreen shows the packet's way as a picture: the application at the top,
// the wire and what lies beyond at the bottom, a lane for what is sent and one
// for what is received, and beside or below it the place under the cursor.
type journeyScreen struct {
	at      string // hop id, "" until the screen is shown: then where it hurts most
	picture scroll
	detail  scroll
	drawn   []int // for each line of the picture that was drawn last its stop, -1 for none

	place   []string // what is told of a place
	placeOf placeKey
}

// placeKey is what the text about a place depends on.
type placeKey struct {
	of    *judgement
	hop   string
	width int
}

// told is the text about a stop; it is put together once for each judgement.
func (s *journeyScreen) told(m *model, stop checklist.Stop, w int) []string {
	if key := (placeKey{m.diagnosis, stop.Hop.ID, w}); s.placeOf != key {
		s.place, s.placeOf = m.stopLines(stop, w), key
	}
	return s.place
}

// stops is the way of the packet by the newest judgement.
func (s *journeyScreen) stops(m *model) []checklist.Stop { return m.diagnosis.way() }

func (s *journeyScreen) do(m *model, a action) tea.Cmd {
	way := s.stops(m)
	if len(way) == 0 {
		return nil
	}
	i := s.index(way)
	switch a {
	case actUp:
		i--
	case actDown:
		i++
	case actFirst:
		i = 0
	case actLast:
		i = len(way) - 1
	case actNext:
		i = nextWhere(i, len(way), 1, func(i int) bool { return sick(way[i]) })
	case actPrevious:
		i = nextWhere(i, len(way), -1, func(i int) bool { return sick(way[i]) })
	case actPageUp:
		s.detail.top -= max(1, m.layout.bodyHeight/2)
		return nil
	case actPageDown, actTick:
		s.detail.top += max(1, m.layout.bodyHeight/2)
		return nil
	case actEnter:
		m.showCauses(way[i].HopView)
		return nil
	default:
		return nil
	}
	s.choose(way, i)
	return nil
}

func (s *journeyScreen) choose(way []checklist.Stop, i int) {
	s.at, s.detail.top = way[min(max(i, 0), len(way)-1)].Hop.ID, 0
}

func (s *journeyScreen) hints(*model) []hint {
	return []hint{{actDown, "choose"}, {actNext, "next loss"}, {actEnter, "its causes"}, {actPageDown, "read on"}}
}

// copies are the counters of the place under the cursor that moved, and how to
// see them by hand.
func (s *journeyScreen) copies(m *model) []copyable {
	way := s.stops(m)
	if len(way) == 0 {
		return nil
	}
	stop := way[s.index(way)]
	var items []copyable
	for _, l := range []checklist.Lane{stop.Received, stop.Sent} {
		for _, e := range l.Places {
			if e.Drops <= 0 || len(items) > 20 {
				continue
			}
			items = append(items, copyable{"counter", e.Counter})
			if def := m.kase.Book.Facts.Fact(e.Fact); def != nil && def.ByHand != "" {
				items = append(items, copyable{"by hand", def.ByHand})
			}
		}
	}
	if len(items) == 0 {
		items = append(items, copyable{"place", stop.Hop.Title})
	}
	return items
}

func (s *journeyScreen) click(m *model, row, _ int) tea.Cmd {
	if row < len(s.drawn) && s.drawn[row] >= 0 {
		s.choose(s.stops(m), s.drawn[row])
	}
	return nil
}

// index is the stop under the cursor; where there is none yet, the sickest.
func (s *journeyScreen) index(way []checklist.Stop) int {
	worst := 0
	for i, stop := range way {
		if stop.Hop.ID == s.at {
			return i
		}
		if badness(stop) > badness(way[worst]) {
			worst = i
		}
	}
	return worst
}

// badness orders stops by how much they deserve a look.
func badness(s checklist.Stop) float64 {
	b := 0.0
	if s.Sent.Lost+s.Received.Lost > 0 {
		b = 1
	}
	if s.Probability >= ruledOut {
		b += 2 * s.Probability
	}
	return b
}

// sick says whether a place lost something, or a cause there is named.
func sick(s checklist.Stop) bool {
	return s.Probability > checklist.Named || s.Sent.Lost+s.Received.Lost > 0
}

// nextWhere is the next index in a direction for which a condition holds, round
// the end; the one one is at if it holds for no other.
func nextWhere(at, n, step int, holds func(int) bool) int {
	for k := 1; k < n; k++ {
		if i := ((at+step*k)%n + n) % n; holds(i) {
			return i
		}
	}
	return at
}

// showCauses goes to the likeliest cause of a hop.
func (m *model) showCauses(v checklist.HopView) {
	if len(v.Causes) == 0 {
		m.notice = "no cause is known at this place"
		return
	}
	m.causes.goTo(m, v.Causes[0])
	m.show(causesID)
}

// journeyLayout says where the picture, the place under the cursor and the
// balance stand on a screen of a size.
type journeyLayout struct {
	width, rows int  // of the picture
	beside      bool // the place stands beside the picture, else below
	detail      int  // its width
}

// Narrowest is what the picture needs to say everything in words; with more than
// the widest there is nothing to add.
const (
	narrowestPicture = 41
	widestPicture    = 96
)

// arrangeJourney lays out a picture of so many lines: beside the place where the
// screen is low and wide, above it where it is high, alone where it is small.
func arrangeJourney(w, h, lines, balance int) journeyLayout {
	if h < 30 && w >= narrowestPicture+gap+30 {
		width := min(max(narrowestPicture, w/2), 56)
		return journeyLayout{width: width, rows: max(1, h-balance), beside: true, detail: w - width - gap}
	}
	rows := min(lines, max(h-8, h*2/3))
	return journeyLayout{width: min(w, widestPicture), rows: max(1, rows), detail: w}
}

func (s *journeyScreen) draw(m *model, w, h int) []string {
	way, t := s.stops(m), m.theme
	if len(way) == 0 {
		return nil
	}
	at := s.index(way)
	s.at = way[at].Hop.ID
	var balance []string
	if h >= 12 && m.balanced(way) {
		balance = styled(wrap(content.Show(m.diagnosis.Balance.Sentence()), w, "  "), t.dim.Render)
	}
	// A line before the way, and one where it leaves the host.
	l := arrangeJourney(w, h, len(way)+2, len(balance))
	picture, lines := m.picture(way, at, l.width)
	row := slices.Index(lines, at)
	shown := s.picture.keep(picture, max(0, row-1), row, l.rows)
	s.drawn = lines[s.picture.top : s.picture.top+len(shown)]
	detail := s.told(m, way[at], l.detail)
	if !l.beside {
		out := append(slices.Clone(shown), balance...)
		return append(out, m.readOn(&s.detail, detail, w, h-len(out))...)
	}
	right := m.readOn(&s.detail, detail, l.detail, l.rows)
	out := make([]string, 0, h)
	for i := range max(len(shown), len(right)) {
		left, beside := "", ""
		if i < len(shown) {
			left = shown[i]
		}
		if i < len(right) {
			beside = right[i]
		}
		out = append(out, t.pad(left, l.width)+" "+t.dim.Render(t.border)+" "+beside)
	}
	return append(out, balance...)
}

// balanced says whether the balance belongs to the picture. Where there is none,
// what was lost stands for itself.
func (m *model) balanced(way []checklist.Stop) bool {
	return m.diagnosis.Balance.Worth() || !slices.ContainsFunc(way, sick)
}

// readOn is the part of a text that there is room for, below a rule that says
// which part it is if it is not all.
func (m *model) readOn(s *scroll, lines []string, w, h int) []string {
	t := m.theme
	if h < 4 {
		return s.window(lines, h)
	}
	shown := s.window(lines, h-1)
	place := ""
	if len(shown) < len(lines) {
		place = fmt.Sprintf(" lines %d-%d of %d, %s %s", s.top+1, s.top+len(shown), len(lines), m.keys.key(actPageDown), m.keys.key(actPageUp))
	}
	return append([]string{t.dim.Render(strings.Repeat(t.rule, max(0, w-len(place))) + place)}, shown...)
}

// picture draws the way, and says of each line which stop it shows, -1 for none.
func (m *model) picture(way []checklist.Stop, at, w int) (lines []string, stops []int) {
	t := m.theme
	lane := max(6, (w-nameWidth-2)/2)
	window := ""
	if n := m.window(); n > 0 {
		window = fmt.Sprintf("  last %.0f s", n)
	}
	head := t.pad(window, nameWidth) + " " + t.pad("sent "+t.down, lane) + " " + t.pad("received "+t.up, lane)
	lines, stops = append(lines, t.bold.Render(head)), append(stops, -1)
	left := false
	for i, stop := range way {
		if stop.Outside && !left {
			left = true
			text := "  " + t.rule + t.rule + " outside this host "
			lines, stops = append(lines, t.dim.Render(text+strings.Repeat(t.rule, max(0, min(w, nameWidth+2*lane+2)-len([]rune(text)))))), append(stops, -1)
		}
		lines, stops = append(lines, m.stopName(stop, i == at)+" "+m.lanes(way, i, lane)), append(stops, i)
	}
	return lines, stops
}

// lanes are the two lanes of a place. What was lost and is counted nowhere stands
// in the first place outside.
func (m *model) lanes(way []checklist.Stop, i, w int) string {
	s := way[i]
	if named := m.namedCell(s, 2*w+1); named != "" && !m.unlocated(way, i) {
		return named
	}
	sent := m.cell(s, s.Sent, w)
	if m.unlocated(way, i) {
		style := m.theme.bold
		if s.Probability > checklist.Named {
			style = m.theme.bad
		}
		sent = m.theme.pad(style.Render(m.elsewhere(w)), w)
	}
	return sent + " " + m.cell(s, s.Received, w)
}

// namedCell is the cause at a place where one is named although nothing is lost
// there, across both lanes; empty for any other place.
func (m *model) namedCell(s checklist.Stop, w int) string {
	if s.Probability <= checklist.Named || s.Sent.Lost+s.Received.Lost > 0 || len(s.Causes) == 0 {
		return ""
	}
	text := "! " + checklist.Percent(s.Causes[0].Probability) + " " + content.Show(s.Causes[0].Cause.Title)
	return m.theme.pad(m.theme.bad.Render(m.theme.clip(text, w)), w)
}

// unlocated says whether a place is the one at which stands what was lost and is
// counted nowhere.
func (m *model) unlocated(way []checklist.Stop, i int) bool {
	b := m.diagnosis.Balance
	return way[i].Outside && i > 0 && !way[i-1].Outside && b.Worth() && b.Unlocated > 0
}

// elsewhere is what must have been lost beyond this host, or where nobody counts.
func (m *model) elsewhere(w int) string {
	text := "? " + short(m.diagnosis.Balance.Unlocated) + " lost"
	if len(text)+10 <= w {
		text += " elsewhere"
	}
	return text
}

// nameWidth is of what stands before the lanes: the cursor, a mark, the name of
// the place.
const nameWidth = 13

func (m *model) stopName(s checklist.Stop, here bool) string {
	pointer := "  "
	if here {
		pointer = m.theme.pointer + " "
	}
	return pointer + m.markedName(s, here)
}

// markedName is the name of a place; one at which a cause is named stands out.
func (m *model) markedName(s checklist.Stop, here bool) string {
	t, mark, style := m.theme, "  ", m.theme.plain
	if s.Probability > checklist.Named {
		mark, style = "! ", t.bad
	}
	if here {
		style = t.cursor
	}
	return t.pad(mark+style.Render(t.clip(content.Show(s.Hop.Short), 9)), nameWidth-2)
}

// cell is what one lane of a place says in so many columns: what was lost now
// stands out, what was lost before is dim, and what nobody counts is not 0.
func (m *model) cell(s checklist.Stop, l checklist.Lane, w int) string {
	t, line := m.theme, m.theme.border+" "
	switch {
	case !l.Passes:
		return t.dim.Render(t.pad(line, w))
	case l.Lost > 0:
		return m.lostCell(s, l, w)
	case l.Maybe > 0:
		return t.pad("? "+short(l.Maybe)+" maybe", w)
	case l.Before > 0:
		return t.dim.Render(t.pad(line+short(l.Before)+" before", w))
	case len(l.Places) == 0:
		return t.dim.Render(t.pad(line+"-", w))
	case l.Unread == len(l.Places):
		text := "? unread"
		if w > 26 {
			text += ": " + content.Show(l.Places[0].Unknown)
		}
		return t.dim.Render(t.pad(text, w))
	}
	return t.dim.Render(t.pad(line+"0", w))
}

// lostCell adds to what was lost as much as there is room for. A loss that no
// cause is named for, such as what a firewall is there to drop, is no alarm.
func (m *model) lostCell(s checklist.Stop, l checklist.Lane, w int) string {
	t, mark, style := m.theme, "* ", m.theme.bold
	if s.Probability > checklist.Named {
		mark, style = "! ", t.bad
	}
	text := mark + short(l.Lost) + " lost"
	if rate := perSecond(l.Lost, m.window()); rate != "" && w >= len(text)+9 {
		text += ", " + rate
	}
	used, more := len(text), ""
	if points := m.laneSeries(l); points != nil && w >= used+10 {
		more, used = " "+t.spark(points, 8, 0), used+9
	}
	if l.Before > 0 && w >= used+13 {
		more += t.dim.Render(" " + short(l.Before) + " before")
	}
	return t.pad(style.Render(text)+more, w)
}

// laneSeries is how the losses of a lane moved in the last two minutes, as far as
// facts that are counted second by second stand behind them.
func (m *model) laneSeries(l checklist.Lane) []float64 {
	var sum []float64
	for _, e := range l.Places {
		if !e.Loss || e.Fact == "" || e.Drops <= 0 {
			continue
		}
		points := m.track().Recent(e.Fact)
		if len(points) > len(sum) {
			sum = append(make([]float64, len(points)-len(sum)), sum...)
		}
		for i, p := range points {
			sum[len(sum)-len(points)+i] += p
		}
	}
	return sum
}

// journeySide is the journey in small: a line a place; where there is no room for
// all, those that say something.
func (m *model) journeySide(w, h int) []string {
	t, way := m.theme, m.journey.stops(m)
	lane := max(6, (w-nameWidth)/2)
	lines := []string{t.bold.Render(t.pad("Way", nameWidth-1) + t.pad("sent "+t.down, lane+1) + "received " + t.up)}
	quiet := 0
	for i, s := range way {
		if len(way)+1 > h && !sick(s) && !m.unlocated(way, i) {
			quiet++
			continue
		}
		lines = append(lines, m.markedName(s, false)+" "+m.lanes(way, i, lane))
	}
	if quiet > 0 {
		lines = append(lines, t.dim.Render(fmt.Sprintf("  and %d places without a loss", quiet)))
	}
	return lines
}
