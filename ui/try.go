package ui

import (
	"context"
	"fmt"
	"time"

	tea "charm.land/bubbletea/v2"

	"whydrop/content"
	"whydrop/probes/fact"
)

// trial is a destination that the operator wants tried: the only thing that
// sends packets. It is made beside the screen, and can be left.
type trial struct {
	draft string // typed and left, or tried last
	began time.Time
	leave context.CancelFunc // nil while nothing is under way

	found *fact.Facts // what the last one showed
	until time.Time   // for how long it counts
}

type triedMsg struct {
	destination string
	facts       *fact.Facts
	err         error
}

// trialCounts is for how long the outcome of a trial is evidence: what was true
// a while ago may not be true now.
const trialCounts = time.Minute

// try asks for a destination.
func (m *model) try() {
	if m.options.Try == nil {
		m.notice = "no destination can be tried from here"
		return
	}
	m.ask(prompt{
		label: "try HOST:PORT (sends packets there):", line: newLine(m.trial.draft),
		done: m.tryNow,
		left: func(text string) tea.Cmd { m.trial.draft = text; return nil },
	})
}

func (m *model) tryNow(destination string) tea.Cmd {
	if m.trial.leave != nil {
		m.trial.leave()
	}
	m.trial.draft, m.trial.leave = destination, nil
	if destination == "" {
		return nil
	}
	ctx, leave := context.WithCancel(context.Background())
	m.trial.began, m.trial.leave = m.now(), leave
	return m.background(func() tea.Msg {
		facts, err := m.options.Try(ctx, destination)
		if ctx.Err() != nil {
			return nil
		}
		return triedMsg{destination, facts, err}
	})
}

// leaveTrial gives up the trial that is under way, and says whether one was.
func (m *model) leaveTrial() bool {
	if m.trial.leave == nil {
		return false
	}
	m.trial.leave()
	m.trial.leave = nil
	m.notice = "left: " + content.Show(m.trial.draft) + " was not tried to the end"
	return true
}

func (m *model) tried(msg triedMsg) tea.Cmd {
	m.trial.leave = nil
	if msg.err != nil {
		m.notice = "not tried: " + msg.err.Error()
		return nil
	}
	for _, p := range msg.facts.Probes {
		if p.Status != "ok" {
			m.notice = "not tried: " + p.Why
			return nil
		}
	}
	m.trial.found, m.trial.until = msg.facts, m.now().Add(trialCounts)
	m.notice = "tried " + content.Show(msg.destination) + ": it counts for a minute, " + m.keys.key(actEvidence) + " shows what was found"
	if m.facts == nil {
		return nil
	}
	m.facts = m.withTrial(m.facts)
	return m.judge()
}

// withTrial adds what the last trial showed to newer facts, as long as it counts.
func (m *model) withTrial(f *fact.Facts) *fact.Facts {
	if m.trial.found == nil || m.now().After(m.trial.until) {
		return f
	}
	return f.With(m.trial.found)
}

// trialLine says at the foot of the screen that a trial is under way.
func (m *model) trialLine() string {
	return fmt.Sprintf("trying %s, %.0f s; %s leaves it", content.Show(m.trial.draft), m.now().Sub(m.trial.began).Seconds(), m.keys.key(actBack))
}
