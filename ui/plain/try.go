package plain

import (
	"whydrop/checklist"
	"whydrop/checklist/casefile"
	"whydrop/content"
)

// try tries a destination, while nothing else is done.
func (s *session) try(destination string) {
	if s.Try == nil {
		s.pen.say("No destination can be tried from here.")
		return
	}
	s.pen.say("Trying " + content.Show(destination) + ", a few seconds.")
	if s.pen.flush() != nil {
		return // comes up with the next line
	}
	found, err := s.Try(s.ctx, destination)
	if s.ctx.Err() != nil {
		return
	}
	why := ""
	if err != nil {
		why = err.Error()
	} else {
		for _, p := range found.Probes {
			if p.Status != "ok" {
				why = p.Why
			}
		}
	}
	if why != "" {
		s.pen.say("Not tried: " + sentence(why))
		return
	}
	s.concluded = false
	s.tried = checklist.NewTried(found, s.now())
	s.last = &casefile.Tried{At: s.now(), Destination: destination}
	if s.newest != nil {
		s.judge(s.tried.Beside(s.newest, s.now()))
	}
	s.pen.say("Tried. It counts for a minute; e target tells what was found.")
	s.news.repeat = true
}
