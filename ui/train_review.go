package ui

import (
	"slices"
	"strings"

	tea "charm.land/bubbletea/v2"

	"whydrop/checklist/train"
)

// trainReview is what comes after the conclusion: feedback, the candidate's own
// judgement of their words, and what the incident was.
type trainReview struct {
	feedback *train.Feedback // nil while it is worked out
	debrief  *train.Debrief
	advice   []TrainAdvice
	page     int
	scrolls  [len(reviewPages)]scroll
	cursor   int  // of the own words
	seek     bool // it is to be seen, though the page was scrolled elsewhere
	check    train.Check
	// unlearned says that the log of what was trained does not have the last ticks yet.
	unlearned bool
}

// reviewPages are the pages by name.
var reviewPages = [...]string{"Marks", "Steps", "Plan", "Own words", "Ideal way", "What it was", "Next"}

// The pages that are more than lines to read.
const (
	wordsPage = 3
	nextPage  = len(reviewPages) - 1
)

func (r *trainReview) take(msg trainReviewed) {
	if msg.debrief != nil {
		r.debrief = msg.debrief
	}
	if msg.feedback != nil {
		r.feedback = msg.feedback
	}
	if msg.advice != nil {
		r.advice = msg.advice
	}
}

// beginReview has the feedback worked out beside the screen. Until it is there nothing
// else uses the session.
func (m *trainModel) beginReview() tea.Cmd {
	m.phase, m.review = trainReviewing, trainReview{}
	seat := m.seat
	for _, e := range seat.Session.Events() { // of a session that is gone on with
		if e.Check != nil {
			m.review.check = *e.Check
		}
	}
	return m.background(func() tea.Msg {
		msg := trainReviewed{debrief: seat.Session.Debrief(), feedback: seat.Session.Feedback()}
		if seat.Learned != nil {
			msg.advice, msg.err = seat.Learned(seat.Session, msg.feedback)
		}
		return msg
	})
}

// inReview obeys a key after the conclusion.
func (m *trainModel) inReview(key string, a action) tea.Cmd {
	r := &m.review
	switch {
	case a == actLeave:
		return m.leave()
	case r.feedback == nil:
		return nil
	case digit(key) > 0 && digit(key) <= len(reviewPages):
		return m.turnTo(digit(key) - 1)
	case a == actNext, a == actEnter && r.page < nextPage:
		return m.turnTo(min(nextPage, r.page+1))
	case a == actPrevious:
		return m.turnTo(max(0, r.page-1))
	case a == actEnter, a == actBack:
		m.turnTo(nextPage)
		m.toList()
	case key == "e":
		return m.writeScorecard()
	case r.page == wordsPage:
		return m.inWords(a)
	default:
		r.scrolls[r.page].turn(a, m.room()-2)
	}
	return nil
}

// turnTo shows a page. Who leaves their own words has judged them.
func (m *trainModel) turnTo(page int) tea.Cmd {
	r := &m.review
	if r.page == wordsPage && page != wordsPage && !r.feedback.Checked {
		m.recheck()
	}
	m.learn()
	r.page, r.seek = page, true
	return nil
}

// recheck counts the ticks as they are now.
func (m *trainModel) recheck() {
	r := &m.review
	if m.done(m.seat.Session.Check(r.check)) {
		r.feedback, r.unlearned = m.seat.Session.Feedback(), true
	}
}

// learn takes note of how it went, if that changed.
func (m *trainModel) learn() {
	r := &m.review
	if !r.unlearned || m.seat.Learned == nil {
		return
	}
	r.unlearned = false
	advice, err := m.seat.Learned(m.seat.Session, r.feedback)
	r.take(trainReviewed{advice: advice})
	m.tell(err, "what was trained is NOT kept: ")
}

// ownWord is one thing that the candidate judges of their own words.
type ownWord struct {
	head  string // what they said, before the first of a part
	said  string
	model string // what it should say
	on    bool
	flip  func()
	idle  bool // what was said has nothing in it to judge
}

// ownWords are what there is to judge, and the parts in which something was said that
// is not judged: the right plan has nothing to say on them.
func (m *trainModel) ownWords() (all []ownWord, unjudged []string) {
	s, c := m.seat.Session, &m.review.check
	own := s.Concluded()
	idle := !s.Said(own.Explanation)
	for i, k := range s.Scenario().KeyPoints {
		w := ownWord{model: k, idle: idle, on: slices.Contains(c.KeyPoints, i), flip: func() {
			if at := slices.Index(c.KeyPoints, i); at >= 0 {
				c.KeyPoints = slices.Delete(slices.Clone(c.KeyPoints), at, at+1)
			} else {
				c.KeyPoints = append(slices.Clone(c.KeyPoints), i)
			}
		}}
		if i == 0 {
			w.head, w.said = "What happens, and why. You said", own.Explanation
		}
		all = append(all, w)
	}
	step := m.review.debrief.ModelStep()
	for _, part := range []struct {
		head, said, model string
		on                *bool
	}{
		{"What can go wrong", own.Risk, step.Risk, &c.Risk},
		{"The way back", own.Rollback, step.Rollback, &c.Rollback},
		{"How to see that it worked", own.Verify, step.Verify, &c.Verify},
	} {
		if part.model != "" {
			all = append(all, ownWord{head: part.head + ". You said", said: part.said, model: part.model, on: *part.on, flip: func() { *part.on = !*part.on }, idle: !s.Said(part.said)})
		} else if part.said != "" {
			unjudged = append(unjudged, strings.ToLower(part.head))
		}
	}
	return all, unjudged
}

// inWords obeys a key while the own words are judged. Each tick is on disk before the
// next key.
func (m *trainModel) inWords(a action) tea.Cmd {
	r := &m.review
	words, _ := m.ownWords()
	r.seek = true
	switch a {
	case actPageUp, actPageDown, actFirst, actLast:
		r.seek = false
		r.scrolls[wordsPage].turn(a, m.room()-2)
	case actUp:
		r.cursor = max(0, r.cursor-1)
	case actDown:
		r.cursor = max(0, min(len(words)-1, r.cursor+1))
	case actTick:
		switch {
		case r.cursor >= len(words):
		case words[r.cursor].idle:
			m.notice = "There is nothing to judge here: it counts as not said."
		default:
			words[r.cursor].flip()
			m.recheck()
		}
	}
	return nil
}

func (m *trainModel) writeScorecard() tea.Cmd {
	if m.seat.Scorecard == nil {
		return nil
	}
	path, err := m.seat.Scorecard(m.seat.Session)
	if err != nil {
		m.tell(err, "the scorecard was not written: ")
		return nil
	}
	m.notice = "The scorecard: " + path
	return nil
}

// reviewHints are the keys after the conclusion.
func (m *trainModel) reviewHints() []trainHint {
	key := m.keys.key
	r := m.review
	if r.feedback == nil {
		return []trainHint{{key(actLeave), "quit"}}
	}
	hints := []trainHint{{key(actEnter), "next page"}, {key(actPrevious), "page before"}}
	switch r.page {
	case nextPage:
		hints[0].does = "the list of incidents"
	case wordsPage:
		hints = slices.Insert(hints, 0, trainHint{key(actTick), "tick"})
	default:
		hints = append(hints, trainHint{key(actDown), "scroll"})
	}
	hints = append(hints, m.liveHints()...)
	return append(hints, trainHint{"e", "scorecard"}, trainHint{key(actLeave), "quit"})
}
