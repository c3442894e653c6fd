package plain

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"whydrop/checklist"
	"whydrop/content"
	"whydrop/probes/fact"
)

// longestNote is how many characters a note or mark may have: what is pasted by
// mistake does not make the report unreadable.
const longestNote = 1000

// question is the one that is asked, nil behind the last.
func (s *session) question() *content.Question {
	if all := s.kase.Book.Questions(); s.at < len(all) {
		return all[s.at]
	}
	return nil
}

func (s *session) prompt() string {
	switch {
	case s.change.asked:
		return "Apply it, y or n"
	case s.change.leaving:
		return "Keep it"
	}
	if q := s.question(); q != nil {
		return q.ID + " answer" + s.state()
	}
	return "What now" + s.state()
}

// state is what a prompt says of the measuring, and of a change that waits.
func (s *session) state() string {
	state := ""
	if s.paused {
		state = " (paused)"
	}
	if s.change.waits {
		state += " (applied, back in " + countdown(s.change.until.Sub(s.now())) + ")"
	}
	return state
}

// ask asks the question.
func (s *session) ask() {
	s.tellQuestion()
	s.tellHost()
}

// tellQuestion tells where one is, the question, and the answers by number.
func (s *session) tellQuestion() {
	p, q := s.pen, s.question()
	p.blank()
	p.say(fmt.Sprintf("Question %d of %d, %s, group %s.", s.at+1, len(s.kase.Book.Questions()), q.ID, s.group(q)))
	p.say(q.Ask)
	for i, o := range q.Options {
		p.item(strconv.Itoa(i+1)+". ", o.Label)
	}
	p.item("d. ", "Don't know")
}

// tellHost tells what this host shows for the question, and what was answered
// already.
func (s *session) tellHost() {
	q := s.question()
	s.tellEvidence(q)
	switch a := s.kase.Answers[q.ID]; {
	case a.Given():
		s.pen.say("Answered so far: " + sentence(said(q, a)))
	case a.Said():
		s.pen.say("Open so far. " + sentence(said(q, a)))
	}
}

func (s *session) group(q *content.Question) string {
	for _, g := range s.kase.Book.Groups {
		if slices.Contains(g.Questions, q) {
			return fmt.Sprintf("%d %s", g.Number, g.Title)
		}
	}
	return ""
}

// tellEvidence tells what this host shows for a question. What can't be seen is
// told with the first question that it bears on, and by "how to find out".
func (s *session) tellEvidence(q *content.Question) {
	if s.kase.Facts == nil {
		s.pen.say("This host: nothing could be measured yet.")
		return
	}
	s.pen.say(fmt.Sprintf("This host, last %.0f s:", s.kase.Facts.Seconds))
	lines := s.diagnosis.Evidence(q)
	for _, e := range lines {
		head := "  "
		if !e.Complete {
			head = "  Not all known: "
		}
		s.pen.item(head, sentence(e.Says))
	}
	told := len(lines)
	for _, text := range s.unseen(q.Probes) {
		if !s.seen[text] {
			s.seen[text] = true
			s.pen.item("  ", text)
			told++
		}
	}
	if told == 0 {
		s.pen.item("  ", "Nothing here bears on the question.")
	}
}

// unseen says what some probes, or with nil all, could not see, and what would
// let them.
func (s *session) unseen(probes []string) []string {
	f := s.kase.Facts
	if f == nil {
		return nil
	}
	var lines []string
	for _, b := range f.Blind {
		if probes == nil || slices.Contains(probes, b.Probe) {
			lines = append(lines, blindText(b))
		}
	}
	for _, st := range f.Probes {
		if st.Status != "ok" && (probes == nil || slices.Contains(probes, st.Name)) {
			lines = append(lines, sentence("Probe "+st.Name+" "+st.Status+": "+content.Show(checklist.WhyNot(st))))
		}
	}
	return lines
}

const cannotSee = "Cannot see "

func blindText(b fact.Blind) string {
	text := cannotSee + content.Show(b.What)
	if b.Needs != "" {
		text += ": needs " + content.Show(b.Needs)
	}
	return sentence(text)
}

// said is an answer in words, with the numbers under which they are asked.
func said(q *content.Question, a checklist.Answer) string {
	var words []string
	for _, id := range a.Options {
		if id == content.DontKnow {
			words = append(words, "don't know")
		}
		for i, o := range q.Options {
			if o.ID == id {
				words = append(words, fmt.Sprintf("%d %s", i+1, o.Label))
			}
		}
	}
	text := strings.Join(words, "; ")
	if a.Note != "" {
		text = strings.TrimPrefix(text+". Note: "+a.Note, ". ")
	}
	return text
}

// tellAnswers tells what was answered so far, and what is open.
func (s *session) tellAnswers() {
	var open []string
	for _, q := range s.kase.Book.Questions() {
		a := s.kase.Answers[q.ID]
		if a.Said() {
			s.pen.item(q.ID+": ", sentence(said(q, a)))
		}
		if !a.Given() {
			open = append(open, q.ID)
		}
	}
	if len(open) > 0 {
		s.pen.say("Open: " + strings.Join(open, ", ") + ".")
	}
	for _, e := range s.kase.Track.Events() {
		if e.Kind == checklist.Marked {
			s.pen.item("Marked at "+clock(e.At)+": ", sentence(e.Text))
		}
	}
}

// tellFindOut tells how to find out, why it is asked, and what can't be seen.
func (s *session) tellFindOut() {
	q := s.question()
	if q == nil {
		s.pen.say(expected(nil))
		return
	}
	s.pen.say("How to find out: " + sentence(q.FindOut))
	s.pen.say("Why it is asked: " + sentence(q.Why))
	for _, text := range s.unseen(q.Probes) {
		s.pen.say(text)
	}
}

// answer records an answer to the question that is asked and judges anew.
func (s *session) answer(a checklist.Answer) bool {
	q := s.question()
	if q == nil {
		s.pen.say(expected(nil))
		return false
	}
	a.At = s.now()
	before := s.earlier()
	if err := s.kase.Answer(q.ID, a); err != nil {
		s.pen.say(sentence(err.Error()))
		return false
	}
	s.concluded = false
	s.judge(nil)
	if a.Said() {
		s.pen.say(q.ID + ": " + sentence(said(q, a)))
	}
	if !a.Given() && (before.Given() || !a.Said()) {
		s.pen.say(q.ID + " is open.")
	}
	return true
}

// choose records the options of an answer; the note stays.
func (s *session) choose(options ...string) bool {
	return s.answer(checklist.Answer{Options: options, Note: s.earlier().Note})
}

// earlier is what was answered to the question that is asked.
func (s *session) earlier() checklist.Answer {
	if q := s.question(); q != nil {
		return s.kase.Answers[q.ID]
	}
	return checklist.Answer{}
}

// addNote adds to the note of the question; "-" removes the note.
func (s *session) addNote(text string, lost int) {
	a := s.earlier()
	whole := text
	switch {
	case text == "-":
		whole = ""
	case a.Note != "":
		whole = a.Note + "; " + text
	}
	kept, cut := cutNote(whole)
	if s.answer(checklist.Answer{Options: a.Options, Note: kept}) {
		s.tellCut(cut + lost)
	}
}

// cutNote cuts a text that is longer than a note may be.
func cutNote(text string) (kept string, lost int) {
	runes := []rune(text)
	if len(runes) <= longestNote {
		return text, 0
	}
	return string(runes[:longestNote]), len(text) - len(string(runes[:longestNote]))
}

func (s *session) tellCut(bytes int) {
	if bytes > 0 {
		s.pen.say(fmt.Sprintf("Only the first %d characters are kept, %d bytes are not.", longestNote, bytes))
	}
}

// move goes to a question; behind the last one stands the diagnosis.
func (s *session) move(to int) {
	last := len(s.kase.Book.Questions())
	s.at = min(max(0, to), last)
	if s.at == last {
		s.conclude()
		return
	}
	s.ask()
}

// find returns the place of a question by its number or id, -1 for none.
func (s *session) find(name string) int {
	all := s.kase.Book.Questions()
	if n, err := strconv.Atoi(name); err == nil && n >= 1 && n <= len(all) {
		return n - 1
	}
	return slices.IndexFunc(all, func(q *content.Question) bool { return strings.EqualFold(q.ID, name) })
}

func (s *session) goTo(name string) {
	i := s.find(name)
	if i < 0 {
		all := s.kase.Book.Questions()
		s.pen.say(fmt.Sprintf("There is no question %s. Expected 1 to %d, or %s to %s.", brief(name), len(all), all[0].ID, all[len(all)-1].ID))
		return
	}
	s.move(i)
}

// goSuggested goes to the open question that is expected to tell most.
func (s *session) goSuggested() {
	for _, step := range s.diagnosis.Next {
		if step.Kind == "question" {
			var about []string
			for _, id := range step.Separates {
				if c := s.kase.Book.Cause(id); c != nil {
					about = append(about, c.Title)
				}
			}
			s.pen.say(step.ID + " would tell most about: " + sentence(strings.Join(about, "; ")))
			s.goTo(step.ID)
			return
		}
	}
	s.pen.say("No open question would tell more.")
	if next := s.next(); len(next) > 0 {
		s.part("What would tell most next", next)
	}
}
