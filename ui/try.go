package ui

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	"whydrop/checklist"
	"whydrop/checklist/casefile"
	"whydrop/content"
	"whydrop/probes/fact"
)

// trial is a destination that the operator wants tried: the only thing that
// sends packets. It is made beside the screen, and can be left.
type trial struct {
	draft string // typed and left, or tried last
	began time.Time
	leave context.CancelFunc // nil while nothing is under way

	tried checklist.Tried // what the last one showed
	last  *casefile.Tried // the same for the case file
	ended time.Time
	risen map[string]bool // causes that rose meanwhile: perhaps by what the trial sent
}

type triedMsg struct {
	destination string
	facts       *fact.Facts
	says        string // what it came to
	err         error
}

// try asks for a destination.
func (m *model) try() {
	if m.options.Try == nil {
		m.notice = "no destination can be tried from here"
		return
	}
	m.ask(prompt{
		label: "try HOST:PORT (sends packets there):", short: "try (sends)", line: newLine(m.trial.draft), offered: m.trial.draft != "",
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
	m.trial.began, m.trial.leave, m.trial.risen = m.now(), leave, map[string]bool{}
	k := m.kase
	return m.background(func() tea.Msg {
		facts, err := m.options.Try(ctx, destination)
		if ctx.Err() != nil {
			return nil
		}
		return triedMsg{destination, facts, outcome(k, facts), err}
	})
}

// leaveTrial gives up the trial that is under way, and says whether one was.
func (m *model) leaveTrial() bool {
	if m.trial.leave == nil {
		return false
	}
	m.trial.leave()
	m.trial.leave, m.trial.ended = nil, m.now()
	m.notice = "left: " + content.Show(m.trial.draft) + " was not tried to the end"
	return true
}

func (m *model) tried(msg triedMsg) tea.Cmd {
	m.trial.leave, m.trial.ended = nil, m.now()
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
	m.trial.tried = checklist.NewTried(msg.facts, m.now())
	says := cmp.Or(msg.says, "tried "+content.Show(msg.destination)+", "+m.keys.key(actEvidence)+" shows what was found")
	m.trial.last = &casefile.Tried{At: m.now(), Destination: msg.destination, Says: msg.says}
	m.notice = says + "; it counts for a minute"
	m.heldTo = m.now().Add(heldFor)
	if m.facts == nil {
		return nil
	}
	m.facts = m.trial.tried.Beside(m.facts, m.now())
	return m.judge()
}

// outcome is what a trial came to, in the words of the content: the signs and notes
// that it shows alone.
func outcome(k *checklist.Case, found *fact.Facts) string {
	if k == nil || found == nil {
		return ""
	}
	alone := checklist.NewCase(k.Book, found.Start)
	alone.Facts = found
	d := alone.Diagnose()
	return strings.Join(slices.Concat(d.Symptoms, d.Notes), "; ")
}

// rose notes a cause that rose while a destination was tried, or while what was
// measured then still counts.
func (t *trial) rose(cause string, at time.Time) {
	if t.risen != nil && (t.leave != nil || at.Before(t.ended.Add(freshFor))) {
		t.risen[cause] = true
	}
}

// ofTrial says whether a cause may be at work only by what a trial sent.
func (m *model) ofTrial(cause string) bool {
	t := &m.trial
	return t.risen[cause] && (t.leave != nil || m.now().Before(t.ended.Add(checklist.TriedCounts+freshFor)))
}

// trialLine says at the foot of the screen that a trial is under way.
func (m *model) trialLine() string {
	return fmt.Sprintf("trying %s, %.0f s; %s leaves it", content.Show(m.trial.draft), m.now().Sub(m.trial.began).Seconds(), m.keys.key(actBack))
}
