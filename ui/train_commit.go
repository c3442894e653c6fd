package ui

import (
	"cmp"
	"slices"
	"strings"

	tea "charm.land/bubbletea/v2"

	"whydrop/checklist/train"
	"whydrop/content"
)

// conclusionForm is the conclusion as it is filled in.
type conclusionForm struct {
	conclusion train.Conclusion
	cursor     int
	scroll     scroll
}

// formField is a line of the form.
type formField struct {
	label, short string
	asks         string // what is to be said there
	text         *string
	open         func(*trainModel) *picker // nil for one in own words
}

// fields are the lines of the form before the last, which hands it in.
func (f *conclusionForm) fields() []formField {
	c := &f.conclusion
	return []formField{
		{label: "Cause", asks: "choose it, or several, or that nothing is wrong", open: (*trainModel).causePicker},
		{label: "Place", asks: "where on the packet's way; of several causes, the place of one", open: (*trainModel).hopPicker},
		{label: "Plan", asks: "what you do about it, once cause and place are final; a wrong step costs", open: (*trainModel).planPicker},
		{label: "What happens, and why", short: "what happens", asks: "explain it in your own words", text: &c.Explanation},
		{label: "What can go wrong with your plan", short: "risk", asks: "in your own words", text: &c.Risk},
		{label: "How you take it back", short: "way back", asks: "in your own words", text: &c.Rollback},
		{label: "How you see that it worked", short: "check", asks: "in your own words", text: &c.Verify},
	}
}

// inForm obeys a key while the conclusion is filled in.
func (m *trainModel) inForm(key string, a action) tea.Cmd {
	f := &m.form
	last := f.last()
	switch {
	case a == actUp:
		f.cursor = max(0, f.cursor-1)
	case a == actDown, key == "tab":
		f.cursor = min(last, f.cursor+1)
	case a == actFirst:
		f.cursor = 0
	case a == actLast:
		f.cursor = last
	case a == actEnter && f.cursor == last, key == "c":
		m.handIn()
	case a == actEnter && f.cursor == place && f.conclusion.Healthy:
		f.on()
	case a == actEnter:
		m.fill(f.fields()[f.cursor])
	case a == actBack:
		m.phase = trainTalking
	case a == actLeave:
		m.confirm = m.leaving()
	}
	return nil
}

// last is the line that hands the form in.
func (f *conclusionForm) last() int { return len(f.fields()) }

// fill has a field of the form filled in.
func (m *trainModel) fill(field formField) {
	named := m.seat.Session.Named() != nil
	switch {
	case named && m.form.cursor <= place:
		m.notice = "Cause and place are final. What is below them is still to be filled in."
		return
	case !named && m.form.cursor == place+1:
		m.settle()
		return
	case field.open != nil:
		m.picker = field.open(m)
		return
	}
	keep := func(text string) tea.Cmd {
		*field.text = text
		m.keepForm()
		return nil
	}
	m.prompt = &prompt{
		label: field.short + ":", short: field.short, line: newText(*field.text), typed: keep, left: keep,
		done: func(text string) tea.Cmd { m.form.on(); return keep(text) },
	}
}

// settle asks whether cause and place are final. The steps to choose from are shown only
// then: they would tell much.
func (m *trainModel) settle() {
	c := m.form.conclusion
	switch {
	case !c.Healthy && len(c.Causes) == 0:
		m.form.cursor = 0
		m.notice = "Name a cause first, or say that nothing is wrong on this host."
		return
	case !c.Healthy && c.Hop == "":
		m.form.cursor = place
		m.notice = "Name the place, too: where on the packet's way it is."
		return
	}
	m.confirm = &confirmation{
		asks: "Cause and place are final then: nothing can be asked or measured any more. Go on to the plan?",
		keys: "y go on, n not yet",
		by: map[string]func() tea.Cmd{"y": func() tea.Cmd {
			if m.done(m.seat.Session.Conclude(m.form.conclusion)) {
				m.form.cursor = place + 1
				m.picker = m.planPicker()
			}
			return nil
		}},
	}
}

// keepForm keeps the form as it stands.
func (m *trainModel) keepForm() {
	m.seat.Draft.Conclusion = m.form.conclusion
	m.keepDraft()
}

// causePicker ticks the causes.
func (m *trainModel) causePicker() *picker {
	c := &m.form.conclusion
	first := m.seat.Session.Suspects()
	for _, id := range c.Causes {
		if !slices.Contains(first, id) {
			first = append(first, id)
		}
	}
	return m.formPicker(&picker{
		title: "Cause:", nothing: "No cause has these words.",
		list: func(words string) []pickItem {
			on := c.Causes
			if c.Healthy {
				on = []string{train.NothingWrong}
			}
			return m.causeItems(words, "You named or suspect", on, first)
		},
		choose: func(id string) tea.Cmd {
			if id == train.NothingWrong {
				c.Healthy, c.Causes, c.Hop = !c.Healthy, nil, ""
			} else {
				c.Healthy, c.Causes = false, toggled(c.Causes, id)
			}
			m.keepForm()
			return nil
		},
	})
}

// toggled is a list with an id that it had not, or without one that it had.
func toggled(ids []string, id string) []string {
	if i := slices.Index(ids, id); i >= 0 {
		return slices.Delete(slices.Clone(ids), i, i+1)
	}
	return append(slices.Clone(ids), id)
}

// formPicker is a picker of several items for the form; leaving it goes to the next
// field.
func (m *trainModel) formPicker(p *picker) *picker {
	p.does, p.stays = "tick or untick", true
	p.left = m.form.on
	return p.opened()
}

// place is the field of the hop, which a host where nothing is wrong has not.
const place = 1

// on goes to the next field that is to be filled in.
func (f *conclusionForm) on() {
	if f.cursor++; f.cursor == place && f.conclusion.Healthy {
		f.cursor++
	}
}

func (m *trainModel) hopPicker() *picker {
	return (&picker{
		title: "Place:", does: "choose", nothing: "No place has these words.",
		list: func(words string) []pickItem {
			var items []pickItem
			for _, h := range m.options.Book.Hops {
				text := strings.ToLower(h.ID + " " + h.Title + " " + h.Means + " " + h.Plainly)
				if strings.Contains(text, words) {
					items = append(items, pickItem{id: h.ID, mark: tick(m.form.conclusion.Hop == h.ID), label: h.Title, about: h.Means})
				}
			}
			return items
		},
		choose: func(id string) tea.Cmd {
			m.form.conclusion.Hop = id
			m.form.on()
			m.keepForm()
			return nil
		},
	}).opened()
}

func (m *trainModel) planPicker() *picker {
	c := &m.form.conclusion
	return m.formPicker(&picker{
		title: "Plan:", nothing: "No step has these words.",
		list: func(words string) []pickItem {
			var items []pickItem
			for _, choice := range m.seat.Session.Menu() {
				if strings.Contains(strings.ToLower(choice.Title+" "+choice.Command), words) {
					items = append(items, pickItem{id: choice.ID, mark: tick(slices.Contains(c.Steps, choice.ID)), label: choice.Title, about: choice.Command})
				}
			}
			return items
		},
		choose: func(id string) tea.Cmd {
			c.Steps = toggled(c.Steps, id)
			m.keepForm()
			return nil
		},
	})
}

// said are the lines of a field as it is filled in; none if it is not.
func (m *trainModel) said(n int, field formField) []string {
	c, hop := m.form.conclusion, m.options.Book.Hop(m.form.conclusion.Hop)
	switch {
	case field.text != nil && *field.text != "":
		return []string{*field.text}
	case n == 0 && c.Healthy:
		return []string{m.seat.Session.Cause(train.NothingWrong).Title}
	case n == place && c.Healthy:
		return []string{"none: nothing is wrong"}
	case n == place && hop != nil:
		return []string{hop.Title}
	case n == 0 || n == 2:
		return m.ticked(n == 0)
	}
	return nil
}

// ticked are the titles of the causes that are ticked, or of the steps of the plan.
func (m *trainModel) ticked(causes bool) []string {
	var all []string
	if causes {
		for _, id := range m.form.conclusion.Causes {
			if cause := m.options.Book.Cause(id); cause != nil {
				all = append(all, cause.Title)
			}
		}
		return all
	}
	for _, choice := range m.seat.Session.Menu() {
		if slices.Contains(m.form.conclusion.Steps, choice.ID) {
			all = append(all, choice.Title)
		}
	}
	return all
}

func (m *trainModel) drawForm(w, h int) []string {
	t, f := m.theme, &m.form
	lines := styled(wrap(m.pickSaying("conclude"), w, ""), t.bold.Render)
	lines = append(lines, "")
	first, last := 0, 0
	fields, final := f.fields(), m.seat.Session.Named() != nil
	for n, field := range fields {
		begin := len(lines)
		mark, style := "  ", t.bold
		if n == f.cursor {
			mark, style = t.pointer+" ", t.cursor
		}
		label := field.label
		if final && n <= place {
			label += " (final)"
		}
		lines = append(lines, mark+style.Render(t.clip(label, w-2)))
		said := m.said(n, field)
		for _, text := range said {
			lines = append(lines, wrap("    "+content.Show(text), w, "    ")...)
		}
		if len(said) == 0 {
			lines = append(lines, styled(wrap("    ("+field.asks+")", w, "    "), t.dim.Render)...)
		}
		if n == f.cursor && field.text != nil && len(said) == 0 {
			lines = append(lines, styled(wrap("    "+train.OwnWordsRule, w, "    "), t.dim.Render)...)
		}
		if n == f.cursor {
			first, last = begin, len(lines)-1
		}
	}
	mark, style := "  ", t.bold
	if f.cursor == len(fields) {
		mark, style, first, last = t.pointer+" ", t.cursor, len(lines), len(lines)+1
	}
	lines = append(lines, "", mark+style.Render("Hand it in"))
	return f.scroll.keep(lines, first, last, h)
}

// formHints are the keys while the form is filled in.
func (m *trainModel) formHints() []trainHint {
	key, f := m.keys.key, &m.form
	hints := []trainHint{{key(actBack), "back"}, {key(actUp) + "/" + key(actDown), "move"}, {key(actLeave), "quit"}}
	enter := "fill it in"
	switch {
	case f.cursor == f.last():
		enter = "hand it in"
	case f.cursor <= place && m.seat.Session.Named() != nil:
		return hints
	}
	return append([]trainHint{{key(actEnter), enter}}, hints...)
}

// handIn asks whether the conclusion is final: first cause and place, then the rest.
func (m *trainModel) handIn() {
	if m.seat.Session.Named() == nil {
		m.settle()
		return
	}
	var empty []string
	for n, field := range m.form.fields() {
		if len(m.said(n, field)) == 0 {
			empty = append(empty, cmp.Or(field.short, strings.ToLower(field.label)))
		}
	}
	asks := "Hand it in? Nothing can be changed then."
	if len(empty) > 0 {
		asks = "Still empty: " + strings.Join(empty, ", ") + ". " + asks
	}
	m.confirm = &confirmation{asks: asks, keys: "y hand it in, n not yet", by: map[string]func() tea.Cmd{"y": m.commit}}
}

func (m *trainModel) commit() tea.Cmd {
	if !m.done(m.seat.Session.Commit(m.form.conclusion)) {
		return nil
	}
	m.seat.Draft = TrainDraft{}
	m.keepDraft()
	return m.beginReview()
}
