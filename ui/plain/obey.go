package plain

import (
	"strings"

	"whydrop/content"
)

// obey does what a line asks for. What is not understood is told, and the same
// is asked again.
func (s *session) obey(l line) {
	var options []string
	if q := s.question(); q != nil {
		for _, o := range q.Options {
			options = append(options, o.ID)
		}
	}
	c, wrong := parse(l.text, options)
	if wrong != "" {
		s.pen.say(wrong)
		return
	}
	switch c.verb {
	case leaveOpen:
		s.goOn()
	case answer:
		s.choose(c.options...)
		s.move(s.at + 1)
	case dontKnow:
		if s.choose(content.DontKnow) {
			s.move(s.at + 1)
		}
	case takeBack:
		s.choose()
	case note:
		s.addNote(c.text, l.lost)
	case mark:
		s.mark(c.text, l.lost)
	case back:
		s.back()
	case goTo:
		s.goTo(c.text)
	case suggested:
		s.goSuggested()
	default:
		s.show(c)
	}
}

// show obeys the commands that tell something and go nowhere.
func (s *session) show(c command) {
	switch c.verb {
	case again:
		s.again()
	case findOut:
		s.tellFindOut()
	case causes:
		s.tellCauses(c.text)
	case tree:
		s.tellTree()
	case journey:
		s.tellJourney(strings.ToLower(c.text))
	case flows:
		s.tellFlows(c.text)
	case evidence:
		s.tellFacts(c.text)
	case plan:
		s.tellPlan(c.text)
	case report:
		s.writeReport()
	case help:
		s.tellHelp()
	case quit:
		s.farewell()
	}
}

// goOn goes to the next question; behind the last one there is none.
func (s *session) goOn() {
	q := s.question()
	if q == nil {
		s.pen.say("All questions were asked. b goes back to the last, r writes the report, quit ends, ? lists the commands.")
		return
	}
	if !s.earlier().Given() {
		s.pen.say(q.ID + " is left open.")
	}
	s.move(s.at + 1)
}

func (s *session) back() {
	if s.at == 0 {
		s.pen.say("This is the first question.")
		return
	}
	s.move(s.at - 1)
}

func (s *session) again() {
	if s.question() == nil {
		s.conclude()
		return
	}
	s.news.verdict += " " // told again too
	s.ask()
}

// mark notes what the operator says happens now.
func (s *session) mark(text string, lost int) {
	if text == "" {
		text = "marked"
	}
	kept, cut := cutNote(text)
	at := s.now()
	s.kase.Track.Mark(at, kept)
	s.concluded = false
	s.pen.say("Marked at " + clock(at) + ": " + sentence(kept))
	s.tellCut(cut + lost)
}

func (s *session) writeReport() {
	path, err := s.Export(s.kase, s.diagnosis)
	if err != nil {
		s.pen.say("The report could not be written: " + sentence(err.Error()))
		return
	}
	s.pen.say("Report written to:")
	s.pen.whole(path)
}

func (s *session) tellHelp() {
	p := s.pen
	p.item("1 3: ", "answer with these numbers; 1,3 is the same. Several may hold.")
	p.item("Enter: ", "leave the question open, or keep its answer, and go on.")
	for _, u := range usages {
		head := strings.TrimSpace(string(u.verb) + " " + u.takes)
		if u.alone {
			head = string(u.verb) + " or " + head
		}
		p.item(head+": ", u.does+".")
	}
}
