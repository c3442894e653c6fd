package ui

import (
	"fmt"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	"whydrop/checklist/train"
)

// TrainLive is what the candidate can do on a host that is there. Its functions are
// called beside the screen.
type TrainLive struct {
	// Shell opens a shell on the host, on the terminal, until it ends.
	Shell func() error
	// Look looks at the host from now on, for as long as Takes.
	Look  func() (*train.Seen, error)
	Takes time.Duration
}

// Messages of a live host.
type (
	trainShell  struct{ err error }
	trainLooked struct {
		seat *TrainSeat
		seen *train.Seen
		err  error
	}
)

// The keys of a live host.
const (
	shellKey  = "s"
	mendedKey = "x"
)

// ofLive says whether a key is one of a live host.
func (m *trainModel) ofLive(key string) bool {
	return m.seat != nil && m.seat.Live != nil && (m.phase == trainTalking || m.phase == trainReviewing) &&
		(key == shellKey || key == mendedKey)
}

// inLive obeys a key of a live host.
func (m *trainModel) inLive(key string) tea.Cmd {
	live, seat := m.seat.Live, m.seat
	switch {
	case key == shellKey && m.surface == nil:
		return nil
	case key == shellKey:
		return m.background(func() tea.Msg { return trainShell{m.surface.Lend(live.Shell)} })
	case m.looking:
		m.notice = "still looking"
		return nil
	}
	m.looking = true
	m.notice = fmt.Sprintf("looking for %v whether the host is mended; go on meanwhile", live.Takes)
	return m.background(func() tea.Msg {
		seen, err := live.Look()
		return trainLooked{seat, seen, err}
	})
}

// looked judges whether the host is mended. While the feedback is worked out the
// session is not free: then that is done after it.
func (m *trainModel) looked(msg trainLooked) {
	switch {
	case msg.seat != m.seat:
		return
	case msg.err != nil:
		m.looking = false
		m.tell(msg.err, "the host was not looked at: ")
		return
	case m.phase == trainReviewing && m.review.feedback == nil:
		m.unjudged = &msg
		return
	}
	m.looking, m.unjudged, m.notice = false, nil, ""
	s := m.seat.Session
	look, err := s.Verify(msg.seen)
	if !m.done(err) {
		return
	}
	over := s.Concluded() != nil
	says := look.Tell(over)
	if over {
		m.review.feedback, m.review.unlearned = s.Feedback(), true
		m.learn()
		m.notice = strings.Join(says, " ")
		return
	}
	m.talk.add(spokenLook(says))
	if m.phase != trainTalking {
		m.notice = strings.Join(says, " ")
	}
}

// spokenLook is the entry of a look whether the host is mended.
func spokenLook(says []string) spoken {
	return spoken{who: "Is it mended", text: strings.Join(says, " ")}
}

// liveHints are the keys of a live host.
func (m *trainModel) liveHints() []trainHint {
	if m.seat == nil || m.seat.Live == nil {
		return nil
	}
	return []trainHint{{shellKey, "shell"}, {mendedKey, "mended?"}}
}

// liveRows are the help on a live host.
func (m *trainModel) liveRows() []helpRow {
	if m.seat == nil || m.seat.Live == nil {
		return nil
	}
	return []helpRow{
		{head: "On the live host"},
		{shellKey, "a shell on it; what you see there is to be measured here, too"},
		{mendedKey, "look whether it is mended: it counts for the cause and the plan"},
	}
}

// lookAgain is the entry of a look in a session that is gone on with.
func lookAgain(e train.Event) spoken { return spokenLook(e.Mending.Tell(false)) }
