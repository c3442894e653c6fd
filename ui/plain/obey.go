package plain

import (
	"strings"

	"whydrop/content"
)

// obey does what a line asks for. What is not understood is told, and the same
// is asked again.
func (s *session) obey(l line) (understood bool) {
	var options []string
	if q := s.question(); q != nil {
		for _, o := range q.Options {
			options = append(options, o.ID)
		}
	}
	c, wrong := parse(l.text, options)
	if wrong != "" {
		s.pen.say(wrong)
		return false
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
		shows[c.verb](s, c.text)
	}
	return true
}

// shows are the commands that tell something and go nowhere.
var shows = map[verb]func(s *session, text string){
	again:    func(s *session, _ string) { s.again() },
	findOut:  func(s *session, _ string) { s.tellFindOut() },
	answers:  func(s *session, _ string) { s.tellAnswers() },
	verdict:  func(s *session, _ string) { s.news.repeat = true },
	causes:   (*session).tellCauses,
	tree:     (*session).tellTree,
	journey:  (*session).tellJourney,
	flows:    (*session).tellFlows,
	evidence: (*session).tellFacts,
	plan:     (*session).tellPlan,
	report:   (*session).obeyReport,
	try:      (*session).try,
	apply:    (*session).apply,
	keepIt:   (*session).keepChange,
	undo:     func(s *session, _ string) { s.undoChange() },
	pause:    func(s *session, _ string) { s.pause() },
	moment:   (*session).goToMoment,
	speed:    (*session).setSpeed,
	help:     func(s *session, _ string) { s.tellHelp() },
	quit:     func(s *session, _ string) { s.quit() },
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
	s.news.repeat = true
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

func (s *session) obeyReport(how string) {
	switch strings.ToLower(how) {
	case "":
		s.writeReport()
	case "show":
		s.readReport()
	default:
		s.pen.say("r stands alone, or is r show, which reads the report out.")
	}
}

func (s *session) writeReport() {
	path, err := s.Export(s.kase, s.diagnosis)
	if err != nil {
		s.pen.say("The report could not be written: " + sentence(err.Error()))
		return
	}
	s.kase.Track.Export(s.now(), s.Redact != nil)
	s.pen.say("Report written to:")
	s.pen.whole(path)
}

func (s *session) tellHelp() {
	p := s.pen
	p.item("1 3: ", "answer with these numbers; 1,3 is the same. Several may hold.")
	p.item("Enter: ", "leave the question open, or keep its answer, and go on.")
	for _, u := range usages {
		if u.verb == leaveOpen {
			continue
		}
		head := strings.TrimSpace(string(u.verb) + " " + u.takes)
		if u.alone {
			head = string(u.verb) + " or " + head
		}
		p.item(head+": ", u.does+".")
	}
}
