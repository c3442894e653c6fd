package ui

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	tea "charm.land/bubbletea/v2"

	"whydrop/checklist/train"
	"whydrop/content"
)

// pickItem is something to choose.
type pickItem struct {
	id    string
	group string // items of one group stand below its name
	mark  string // "[x]", "" for none
	kind  string // stands before the label, "" for none
	label string
	about string // more of it, below the list
}

// picker is a list to choose from. What is typed narrows it.
type picker struct {
	title  string
	does   string // what enter does
	line   line
	items  []pickItem
	cursor int
	scroll scroll
	stale  bool // what was typed last is not searched for yet
	// list returns the items that fit some words in small letters, the best first; all
	// of them for none. What nothing says is shown where nothing fits, empty where there is nothing
	// before something is typed.
	list           func(words string) []pickItem
	nothing, empty string
	// choose takes an item. A picker that stays is left with esc.
	choose func(id string) tea.Cmd
	stays  bool
	left   func()
}

// opened shows a picker with all its items.
func (p *picker) opened() *picker {
	p.line = newLine("")
	p.items = p.list("")
	return p
}

// find lists the items that fit what was typed.
func (p *picker) find() {
	p.items, p.cursor, p.scroll.top, p.stale = p.fitting(), 0, 0, false
}

// fitting are the items that fit what was typed, those that are called so first.
func (p *picker) fitting() []pickItem {
	words := strings.Join(strings.Fields(strings.ToLower(p.line.String())), " ")
	items := p.list(words)
	if words != "" {
		slices.SortStableFunc(items, func(a, b pickItem) int { return cmp.Compare(a.distance(words), b.distance(words)) })
	}
	return items
}

// distance is how far what was typed, in small letters, is from how an item is called:
// it is its name, begins it, is words of it, or less. Parts of words don't count: what a
// search found has its order.
func (i pickItem) distance(words string) int {
	name := strings.ToLower(i.label)
	at := strings.Index(" "+letters(name)+" ", " "+letters(words)+" ")
	switch {
	case words == name || words == strings.ToLower(i.id):
		return 0
	case at == 0:
		return 1
	case at > 0:
		return 2
	}
	return 3
}

// letters is a text of which only letters and digits are left, with one space between
// its words.
func letters(s string) string {
	return strings.Join(strings.FieldsFunc(s, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }), " ")
}

// findSoon is for how long a search waits for more letters: who types fast waits for
// none.
const findSoon = 25 * time.Millisecond

// typed has what is typed in the picker searched for soon, or at once where nothing
// comes later.
func (m *trainModel) typed(p *picker) {
	if m.later == nil {
		p.find()
	} else if !p.stale {
		p.stale = true
		m.later(findSoon, trainFind{p})
	}
}

// pick passes a key to the picker.
func (m *trainModel) pick(k tea.KeyPressMsg) tea.Cmd {
	p := m.picker
	if k.Text == "" && p.stale {
		p.find()
	}
	last := len(p.items) - 1
	switch k.String() {
	case "esc":
		m.picker = nil
		if p.left != nil {
			p.left()
		}
	case "enter":
		if last < 0 {
			return nil
		}
		id := p.items[p.cursor].id
		if !p.stays {
			m.picker = nil
			return p.choose(id)
		}
		cmd := p.choose(id)
		p.items = p.fitting()
		p.cursor = max(0, slices.IndexFunc(p.items, func(i pickItem) bool { return i.id == id }))
		if len(p.items) > 0 && p.items[p.cursor].mark == unticked { // who pressed enter to be done would not see it
			m.notice = "Unticked: " + p.items[p.cursor].label
		}
		return cmd
	case "up", "ctrl+p":
		p.cursor = max(0, p.cursor-1)
	case "down", "ctrl+n":
		p.cursor = max(0, min(last, p.cursor+1))
	case "pgup":
		p.cursor = max(0, p.cursor-m.room()/2)
	case "pgdown":
		p.cursor = max(0, min(last, p.cursor+m.room()/2))
	default:
		before := p.line.String()
		p.line.key(k)
		if p.line.String() != before {
			m.typed(p)
		}
	}
	return nil
}

// drawPicker draws what is typed, the list, and what the cursor is at.
func (m *trainModel) drawPicker(w, h int) []string {
	t, p := m.theme, m.picker
	head := t.bold.Render(t.clip(p.title, w*2/3)) + " "
	lines := []string{head + p.line.view(t, max(4, w-len(p.title)-2))}
	if len(p.items) == 0 && p.line.String() == "" {
		return append(lines, wrap(p.empty, w, "")...)
	}
	if len(p.items) == 0 {
		return append(lines, wrap(p.nothing, w, "")...)
	}
	about := m.aboutItem(w, h)
	rows, first, last := p.rows(t, w)
	room := max(1, h-1-len(about))
	rows = p.scroll.keep(rows, first, last, room)
	lines = append(lines, rows...)
	for range room - len(rows) {
		lines = append(lines, "")
	}
	return append(lines, about...)
}

// aboutItem are the lines below the list.
func (m *trainModel) aboutItem(w, h int) []string {
	t, p := m.theme, m.picker
	text := p.items[p.cursor].about
	if h < 14 || !slices.ContainsFunc(p.items, func(i pickItem) bool { return i.about != "" }) {
		return nil
	}
	var lines []string
	if text != "" {
		lines = wrap(content.Show(text), w, "")
	}
	return t.below(lines, w, min(max(leastAbout, 1+len(lines)), h/2))
}

// leastAbout is how many lines are kept for what there is to say of an item, so that the
// list above seldom moves; it may take half of the screen.
const leastAbout = 4

// rows are the lines of the list, and which are of the item at the cursor.
func (p *picker) rows(t theme, w int) (lines []string, first, last int) {
	group := ""
	for n, i := range p.items {
		if i.group != group {
			group = i.group
			lines = append(lines, t.bold.Render(t.clip(content.Show(group), w)))
		}
		text := i.kind + content.Show(i.label)
		indent := "  "
		if i.mark != "" {
			text, indent = i.mark+" "+text, strings.Repeat(" ", len(i.mark)+1)
		}
		rows := wrap(text, w-2, indent)
		mark := "  "
		if n == p.cursor {
			mark, first, last = t.pointer+" ", len(lines), len(lines)+len(rows)-1
			if n == 0 || p.items[n-1].group != i.group {
				first = max(0, first-1) // with its heading
			}
			rows = styled(rows, t.cursor.Render)
		}
		for _, r := range rows {
			lines, mark = append(lines, mark+r), "  "
		}
	}
	return lines, first, last
}

// tick is the mark of an item that can be ticked.
func tick(is bool) string {
	if is {
		return ticked
	}
	return unticked
}

// askPicker chooses a question.
func (m *trainModel) askPicker() *picker {
	return (&picker{
		title: "Ask:", does: "ask", nothing: m.pickSaying("no-match"),
		list: func(words string) []pickItem {
			if group, err := strconv.Atoi(words); words == "" || err == nil {
				return m.questions(group)
			}
			return m.found(words, train.Asked)
		},
		choose: m.takeStep,
	}).opened()
}

// questions are those of a group, by its number as it stands above them; 0: all.
func (m *trainModel) questions(group int) []pickItem {
	var items []pickItem
	for _, g := range m.options.Book.Groups {
		if group != 0 && g.Number != group {
			continue
		}
		for _, q := range g.Questions {
			items = append(items, m.questionItem(q, fmt.Sprintf("%d. %s", g.Number, g.Title)))
		}
	}
	return items
}

func (m *trainModel) questionItem(q *content.Question, group string) pickItem {
	return pickItem{id: q.ID, group: group, mark: tick(m.seat.Session.Asked(q.ID)), label: q.Ask, about: "Why it is asked: " + q.Why}
}

// measurePicker chooses a probe.
func (m *trainModel) measurePicker() *picker {
	return (&picker{
		title: "Measure:", does: "measure", nothing: m.pickSaying("no-match"),
		list: func(words string) []pickItem {
			if strings.TrimSpace(words) != "" {
				return m.found(words, train.Measured)
			}
			var items []pickItem
			for _, i := range m.seat.Session.Instruments() {
				items = append(items, m.probeItem(i.Probe))
			}
			return items
		},
		choose: m.takeStep,
	}).opened()
}

func (m *trainModel) probeItem(probe string) pickItem {
	item := pickItem{id: probe, mark: tick(m.seat.Session.MeasuredProbe(probe)), label: probe}
	if i := m.options.Book.Instrument(probe); i != nil {
		item.label, item.about = i.Title, i.Shows
	}
	return item
}

// anyPicker searches questions and probes.
func (m *trainModel) anyPicker() *picker {
	return (&picker{
		title: "Ask or measure:", does: "take it", nothing: m.pickSaying("no-match"),
		empty: "Type it in your own words, such as: what changed, or: retransmits, or: mtu.",
		list: func(words string) []pickItem {
			if strings.TrimSpace(words) == "" {
				return nil
			}
			return m.found(words, "")
		},
		choose: m.takeStep,
	}).opened()
}

// found are the questions and probes that fit some words, the best first; only those
// of a kind, if it is not "".
func (m *trainModel) found(words string, kind train.Kind) []pickItem {
	var items []pickItem
	for _, found := range m.seat.Session.Search(words) {
		switch {
		case kind != "" && found.Kind != kind:
		case found.Kind == train.Asked:
			item := m.questionItem(m.options.Book.Question(found.ID), "")
			if kind == "" {
				item.kind = "Ask: "
			}
			items = append(items, item)
		default:
			item := m.probeItem(found.ID)
			if kind == "" {
				item.kind = "Measure: "
			}
			items = append(items, item)
		}
	}
	return items
}

// takeStep asks or measures.
func (m *trainModel) takeStep(id string) tea.Cmd {
	s := m.seat.Session
	if m.options.Book.Question(id) != nil {
		if a, err := s.Ask(id); m.done(err) {
			m.talk.add(m.answered(a, s.Steps()))
		}
		return nil
	}
	if r, err := s.Measure(id); m.done(err) {
		m.talk.add(m.measured(id, r, s.Steps()))
		for _, said := range unasked(r.Remarks) { // below the figures it may be overlooked
			m.notice = strings.TrimSpace(m.notice + " " + said.who + ": " + said.text)
		}
	}
	return nil
}

// suspectPicker states hypotheses and takes them back.
func (m *trainModel) suspectPicker() *picker {
	s := m.seat.Session
	return (&picker{
		title: "Suspect:", does: "tick or untick", nothing: "No cause has these words.", stays: true,
		list: func(words string) []pickItem { return m.causeItems(words, "You suspect", s.Suspects(), s.Suspects()) },
		choose: func(id string) tea.Cmd {
			change, kind := s.Suspect, train.Suspected
			if slices.Contains(s.Suspects(), id) {
				change, kind = s.Drop, train.Dropped
			}
			if m.done(change(id)) {
				m.talk.aside(m, train.Event{Kind: kind, ID: id})
			}
			return nil
		},
	}).opened()
}

// causeItems are the causes that fit some words, those that are ticked marked. For no
// words: that nothing is wrong, the first ones under their heading, then all others in
// the order of the packet's way.
func (m *trainModel) causeItems(words, heading string, on, first []string) []pickItem {
	var items []pickItem
	item := func(c *content.Cause, group string) {
		items = append(items, pickItem{id: c.ID, group: group, mark: tick(slices.Contains(on, c.ID)), label: c.Title, about: c.Happens})
	}
	s := m.seat.Session
	if strings.TrimSpace(words) != "" {
		for _, c := range s.Hypotheses(words) {
			item(c, "")
		}
		return items
	}
	item(s.Cause(train.NothingWrong), "")
	for _, id := range first {
		if id != train.NothingWrong {
			item(s.Cause(id), heading)
		}
	}
	for _, h := range m.options.Book.Hops {
		for _, c := range m.options.Book.Causes {
			if c.Hop == h.ID && !slices.Contains(first, c.ID) {
				item(c, h.Title)
			}
		}
	}
	return items
}
