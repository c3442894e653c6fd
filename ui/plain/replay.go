package plain

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"whydrop/checklist"
	"whydrop/probes/fact"
	"whydrop/probes/record"
)

// noRecording is told where one wants to move through time and can't.
const noRecording = "This host is watched now, only a recording can be moved in: whydrop --replay FILE."

// goToMoment goes to a moment of the recording and holds it, tells where that is,
// and what the host shows there.
func (s *session) goToMoment(to string) {
	if s.Player == nil {
		s.pen.say(noRecording)
		return
	}
	if to == "" {
		s.tellMoment()
		return
	}
	if to != "+" && to != "-" { // + 1m is +1m
		to = strings.Join(strings.Fields(to), " ")
		to = strings.TrimPrefix(strings.Replace(strings.Replace(to, "+ ", "+", 1), "- ", "-", 1), "at ")
	}
	i, err := s.Player.Go(to)
	if err != nil {
		s.pen.say("Not there: " + sentence(err.Error()))
		return
	}
	s.paused = true
	if !s.shown(i) {
		s.pen.say("The recording could not be read there in time. a asks again.")
		return
	}
	s.tellMoment()
	s.again()
}

// shown waits until an observation of the recording is shown, and judges it.
func (s *session) shown(i int) bool {
	want := s.Player.Time(i).UnixMicro()
	late := time.NewTimer(patience)
	defer late.Stop()
	for {
		select {
		case <-s.ctx.Done():
			return false
		case <-late.C:
			return false
		case f := <-s.facts:
			if s.newest = f; record.EndOf(f).UnixMicro() != want {
				continue // it was on its way
			}
			s.judge(f)
			return true
		}
	}
}

// tellMoment tells where in the recording one is.
func (s *session) tellMoment() {
	p := s.Player.Position()
	state := "It goes on; at and a time, or pause, hold it."
	switch {
	case p.Paused:
		state = "It is held; pause lets it go on."
	case p.Ended:
		state = "It has ended."
	case p.Speed != 1:
		state = fmt.Sprintf("It goes on at %g times its speed.", p.Speed)
	}
	s.pen.say(fmt.Sprintf("At %s, observation %d of %d, from %s to %s. %s", at(p.Time), p.Index+1, p.Len, at(p.Begin), at(p.End), state))
}

// setSpeed has the recording go on faster or slower.
func (s *session) setSpeed(text string) {
	if s.Player == nil {
		s.pen.say(noRecording)
		return
	}
	if text != "" {
		speed, err := strconv.ParseFloat(strings.TrimSuffix(strings.TrimPrefix(strings.ToLower(text), "x"), "x"), 64)
		if fastest := record.Speeds[len(record.Speeds)-1]; err != nil || !(speed >= record.Speeds[0] && speed <= fastest) {
			s.pen.say(fmt.Sprintf("Not a speed: %s. Expected a number from %g to %g.", brief(text), record.Speeds[0], fastest))
			return
		}
		s.Player.SetSpeed(speed)
	}
	s.tellMoment()
}

// at is a moment of a recording, which may be of several days.
func at(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") }

// remember adds what was judged to the tracks: that of the session, of a recording only
// what was not shown before, and that of what led to the moment that is shown.
func (s *session) remember(f *fact.Facts) {
	at := s.now()
	if s.Player != nil {
		at = record.EndOf(f)
		if !s.past.Follows(s.Player, at) {
			s.past = checklist.ReadPast(s.Player, s.kase, at)
		}
		if s.past.Add(f, s.diagnosis); !at.After(s.furthest) {
			return
		}
		s.furthest = at
	}
	before := len(s.kase.Track.Events())
	s.kase.Track.Add(at, f, s.diagnosis)
	for _, e := range s.kase.Track.Events()[before:] {
		s.news.note(e)
	}
}

// track is how the numbers went until the moment that is shown.
func (s *session) track() *checklist.Track {
	if s.Player != nil && s.past.Track != nil {
		return s.past.Track
	}
	return s.kase.Track
}
