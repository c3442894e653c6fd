package ui

import (
	"fmt"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"

	"whydrop/checklist"
	"whydrop/probes/record"
)

// stride is how far the keys for more than one observation go.
const stride = time.Minute

// replaying are the actions that only a recording has a use for.
var replaying = []action{actStepBack, actStep, actSkipBack, actSkip, actSlower, actFaster}

// moment is the present time of what is shown: of a recording, its own.
func (m *model) moment() time.Time {
	if p := m.options.Player; p != nil {
		return p.Now()
	}
	return m.now()
}

// remembered says whether facts are to be added to the session's track: of a
// recording only what was not shown before.
func (m *model) remembered() bool {
	if m.options.Player == nil {
		return true
	}
	at := record.EndOf(m.kase.Facts)
	if !at.After(m.furthest) {
		return false
	}
	m.furthest = at
	return true
}

// track is how the numbers went until the moment that is shown.
func (m *model) track() *checklist.Track {
	if m.options.Player != nil && m.past.Track != nil {
		return m.past.Track
	}
	return m.kase.Track
}

// led is how a recording came to a moment.
type led struct {
	past checklist.Past
	at   time.Time
}

// follow has the curves of a recording follow what is shown. Where that does not come
// next, what led to it is read beside the screen.
func (m *model) follow() tea.Cmd {
	player := m.options.Player
	if player == nil {
		return nil
	}
	at := record.EndOf(m.kase.Facts)
	next := m.past.Follows(player, at)
	if !next {
		m.past = checklist.Past{}
	}
	m.past.Add(m.kase.Facts, m.diagnosis.Diagnosis)
	if next {
		return nil
	}
	k := m.kase.Copy()
	return m.background(func() tea.Msg { return judgedMsg{led: &led{checklist.ReadPast(player, k, at), at}} })
}

// cameTo takes how a recording came to what is shown, if it still is.
func (m *model) cameTo(l *led) {
	if m.kase.Facts == nil || !record.EndOf(m.kase.Facts).Equal(l.at) {
		return
	}
	m.past = l.past
	m.past.Add(m.kase.Facts, m.diagnosis.Diagnosis)
}

// movePlayer obeys an action that moves in a recording.
func (m *model) movePlayer(a action) {
	p := m.options.Player
	if p == nil {
		m.notice = fmt.Sprintf("%s is for recordings: whydrop --replay FILE", m.keys.key(a))
		return
	}
	switch a {
	case actStepBack:
		p.Step(-1)
	case actStep:
		p.Step(1)
	case actSkipBack:
		p.Skip(-stride)
	case actSkip:
		p.Skip(stride)
	case actSlower:
		p.Slower()
	case actFaster:
		p.Faster()
	}
}

// held says whether nothing moves because the operator wanted it so.
func (m *model) held() bool {
	return m.paused || m.options.Player != nil && m.options.Player.Position().Paused
}

// replayFoot says where in the recording one is, in at most half of w; "" without
// one.
func (m *model) replayFoot(w int) string {
	if m.options.Player == nil || m.welcome {
		return ""
	}
	p := m.options.Player.Position()
	if p.Time.IsZero() {
		return ""
	}
	state := ""
	switch {
	case p.Paused:
		state = " paused"
	case p.Ended:
		state = " end"
	case p.Speed != 1:
		state = fmt.Sprintf(" x%g", p.Speed)
	}
	brief := clock(p.Time) + state
	for _, text := range []string{
		fmt.Sprintf("replay %s UTC, %d of %d%s", p.Time.Format(time.DateTime), p.Index+1, p.Len, state),
		fmt.Sprintf("replay %s, %d/%d%s", clock(p.Time), p.Index+1, p.Len, state), brief,
	} {
		if ansi.StringWidth(text) <= w/2 {
			return text
		}
	}
	return brief
}
