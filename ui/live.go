package ui

import (
	"sync"
	"time"

	tea "charm.land/bubbletea/v2"

	"whydrop/checklist"
	"whydrop/content"
	"whydrop/probes/fact"
)

// judgement is what one set of facts and answers gave. It is made beside the
// screen, so that no key waits for it, and never changed.
type judgement struct {
	*checklist.Diagnosis
	facts *fact.Facts
	hops  []checklist.HopView
	plan  []checklist.PlanStep
	// answered counts the changes of answers until then.
	answered int
	// way is the packet's way with the whole ledger. It is worked out when it is
	// first asked for: few screens show it.
	way func() []checklist.Stop
	// trouble is what is in trouble, likewise: it stands beside the screen.
	trouble func() []troubled
}

type judgedMsg struct {
	judgement  *judgement
	generation int
	led        *led // how a recording came to what was judged before; then nothing else
}

// measured takes new facts.
func (m *model) measured(f *fact.Facts) tea.Cmd {
	if m.kase != nil {
		m.kase.Counted(f)
	}
	m.facts = m.trial.tried.Beside(f, m.now())
	if m.paused && m.diagnosis != nil {
		return nil
	}
	return m.judge()
}

// judge diagnoses anew, after new facts or a changed answer. While a judgement
// is under way, another is only noted.
func (m *model) judge() tea.Cmd {
	if m.kase == nil {
		return nil
	}
	m.wanted++
	if m.judging {
		return nil
	}
	m.judging = true
	k, generation, answered := m.kase.Copy(), m.wanted, m.answered
	if m.facts != nil && (!m.paused || k.Facts == nil) {
		k.Facts = m.facts
	}
	beside := len(m.layout.sides) > 0
	shown := m.on == journeyID || beside
	return m.background(func() tea.Msg {
		j := judgementOf(k)
		j.answered = answered
		if shown {
			j.way() // here, so that no key waits for it
		}
		if beside {
			j.trouble()
		}
		return judgedMsg{judgement: j, generation: generation}
	})
}

// judgementOf is what a case gives as it stands.
func judgementOf(k *checklist.Case) *judgement {
	d := k.Diagnose()
	j := &judgement{Diagnosis: d, facts: k.Facts, hops: k.Hops(d), plan: k.Plan(d)}
	j.way = sync.OnceValue(func() []checklist.Stop { return checklist.Way(j.hops, k.Places(d)) })
	j.trouble = sync.OnceValue(func() []troubled { return inTrouble(d, k.Book.Lists) })
	return j
}

// judged takes a judgement for what is shown.
func (m *model) judged(msg judgedMsg) tea.Cmd {
	if msg.led != nil {
		m.cameTo(msg.led)
		return nil
	}
	m.judging = false
	fresh := msg.judgement.facts != nil && msg.judgement.facts != m.kase.Facts
	first := m.diagnosis == nil || m.diagnosis.facts == nil // nothing is new yet
	m.diagnosis, m.kase.Facts = msg.judgement, msg.judgement.facts
	var past tea.Cmd
	if fresh {
		past = m.follow()
	}
	if fresh && m.remembered() {
		before := len(m.kase.Track.Events())
		m.kase.Track.Add(m.moment(), m.kase.Facts, m.diagnosis.Diagnosis)
		if !first {
			m.tellNews(m.kase.Track.Events()[before:])
		}
	}
	early := m.typedEarly()
	if msg.generation != m.wanted {
		return tea.Batch(early, past, m.judge())
	}
	return tea.Batch(early, past)
}

// freshFor is for how long something new stands out.
const freshFor = 15 * time.Second

// news is what changed while one was thinking. It stands out in the line of the
// verdict and moves nothing.
type news struct {
	text  string
	until time.Time
}

func (m *model) tellNews(events []checklist.Event) {
	for _, e := range events {
		switch e.Kind {
		case checklist.Rose:
			m.news = news{"new at " + clock(e.At), m.now().Add(freshFor)}
			m.trial.rose(e.Cause, e.At)
		case checklist.Fell:
			m.news = news{"gone at " + clock(e.At) + ": " + e.Text, m.now().Add(freshFor)}
		}
	}
}

// clock is the time of day of a moment, in UTC as everywhere.
func clock(t time.Time) string { return t.UTC().Format("15:04:05") }

// mark asks what happens now. The moment is that of the key, not of the end of
// typing; what was typed and left is there the next time.
func (m *model) mark() {
	at := m.moment()
	m.ask(prompt{
		label: "mark " + clock(at) + ":", short: "mark", line: newLine(m.draft),
		typed: func(text string) tea.Cmd { m.draft = text; return nil },
		done: func(text string) tea.Cmd {
			if text == "" {
				text = "marked"
			}
			m.draft = ""
			m.kase.Track.Mark(at, text)
			m.notice = "marked at " + clock(at) + ": " + content.Show(text)
			return nil
		},
		left: func(text string) tea.Cmd { m.draft = text; return nil },
	})
}

// pause holds the measurements as they are, or goes on.
func (m *model) pause() tea.Cmd {
	if p := m.options.Player; p != nil {
		p.Pause(!p.Position().Paused)
		return nil
	}
	m.paused = !m.paused
	return m.judge()
}
