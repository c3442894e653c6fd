package ui

import (
	"fmt"
	"time"

	"github.com/charmbracelet/x/ansi"

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
