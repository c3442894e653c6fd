package interview

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"whydrop/checklist"
	"whydrop/checklist/train"
	"whydrop/content"
)

// Page is a part of the script.
type Page string

// The pages in their order.
const (
	PageStory   Page = "Story"
	PageAsked   Page = "Questions"
	PageMeasure Page = "Measure"
	PageClose   Page = "Close"
	PageRubric  Page = "Rubric"
)

// Pages are all pages in their order.
var Pages = []Page{PageStory, PageAsked, PageMeasure, PageClose, PageRubric}

// Entry is a line of the script: something to read out when asked for, and to tick.
// Its texts are those of the content and of the recorded host, not escaped.
type Entry struct {
	Key  Key
	Page Page
	Head string // the heading under which it stands
	// Label is short: the question's id, the probe's name, a level.
	Label string
	Title string
	From  string   // the role of who says it, "" for the interviewer
	Say   []string // what to say or to read out
	Know  []string // for the interviewer alone
	// Shows is what the figures of a probe speak for or against, the weightiest first.
	Shows []string
	// Reading is what a probe shows; nil for anything else.
	Reading *train.Reading

	group   int // of a question
	item    *content.RubricItem
	choice  train.Choice
	outputs []output // of a probe: what its commands show
}

// Tickable says whether it can be ticked.
func (e *Entry) Tickable() bool { return e.Key.Kind() != Story && e.Key.Kind() != Section }

// Script returns the lines of a page in their order, of all pages for "".
func (n *Interview) Script(p Page) []*Entry {
	if p == "" {
		return n.script
	}
	var lines []*Entry
	for _, e := range n.script {
		if e.Page == p {
			lines = append(lines, e)
		}
	}
	return lines
}

// Entry returns a line of the script, nil if there is none of that key.
func (n *Interview) Entry(k Key) *Entry { return n.entries[k] }

// writer writes the script.
type writer struct {
	n    *Interview
	all  []*Entry
	menu []train.Choice
	why  map[string]string // of a choice of the plan, why it is right or not
}

// write makes the script. A session that knows the truth and has measured everything
// tells the figures and the way there.
func (n *Interview) write() error {
	w := &writer{n: n, why: map[string]string{}}
	s := train.New(n.book, n.scenario, n.host)
	for _, p := range s.Instruments() {
		if _, err := s.Measure(p.Probe); err != nil {
			return err
		}
	}
	w.menu = s.Menu()
	c := train.Conclusion{Healthy: n.scenario.Healthy(), Causes: n.scenario.Truth}
	for _, m := range w.menu {
		c.Steps = append(c.Steps, m.ID)
	}
	if err := s.Commit(c); err != nil {
		return err
	}
	for _, v := range s.Feedback().Plan {
		w.why[v.Choice.ID] = strings.TrimPrefix(strings.TrimPrefix(v.Why, "right: "), "folklore: ")
	}
	n.ideal = s.Debrief().Ideal
	w.story(s.AboutFigures())
	w.questions(train.New(n.book, n.scenario, n.host))
	w.probes(s)
	w.asides()
	w.closing()
	w.rubric()
	n.script, n.entries = w.all, map[Key]*Entry{}
	for _, e := range w.all {
		n.entries[e.Key] = e
	}
	return nil
}

func (w *writer) add(e *Entry) { w.all = append(w.all, e) }

func (w *writer) tell(id, title string, say, know []string) {
	w.add(&Entry{Key: KeyOf(Story, id), Page: PageStory, Head: "The story", Title: title, Say: say, Know: know})
}

// causeTitle is a cause in words.
func (w *writer) causeTitle(id string) string {
	if c := w.n.book.Cause(id); c != nil {
		return c.Title
	}
	return id
}

func (w *writer) story(figures string) {
	sc := w.n.scenario
	know := []string{"They sit at the " + sc.Seat + ". " + sc.Company + ". " + sc.Service + "."}
	if figures != "" {
		know = append(know, "Before the first figure say: \""+figures+"\"")
	}
	w.tell("opening", "Read this out", []string{sc.Opening}, know)
	truth := []string{"Nothing is wrong on this host: the alarm is."}
	if !sc.Healthy() {
		truth = nil
	}
	for _, id := range sc.Truth {
		c := w.n.book.Cause(id)
		truth = append(truth, fmt.Sprintf("%s, at %s (%s). %s", c.Title, w.n.book.Hop(c.Hop).Title, c.ID, c.Happens))
	}
	for _, id := range sc.Accept {
		truth = append(truth, "As right, given the story: "+w.causeTitle(id)+" ("+id+").")
	}
	w.tell("truth", "What it is (do not tell)", nil, truth)
	var people, times, ideal []string
	for _, p := range sc.People {
		people = append(people, p.Role+": knows "+p.Knows)
	}
	if len(people) > 0 {
		w.tell("people", "Who knows what", nil, people)
	}
	for _, m := range sc.Timeline {
		times = append(times, m.At+" "+m.Says)
	}
	if len(times) > 0 {
		w.tell("timeline", "What happened when (for the debrief)", nil, times)
	}
	for i, s := range w.n.ideal {
		verb := "ask: "
		if s.Kind == train.Measured {
			verb = "measure: "
		}
		ideal = append(ideal, fmt.Sprintf("%d. %s%s", i+1, verb, s.Title))
	}
	if len(ideal) > 0 {
		w.tell("ideal", "A good way to it", nil, ideal)
	}
	for i, r := range sc.Remarks {
		e := &Entry{
			Key: KeyOf(Remark, strconv.Itoa(i)), Page: PageStory, Head: "Remarks to drop in unasked", Label: fmt.Sprintf("after %d", r.After),
			Title: r.Says, From: r.From, Say: []string{r.Says}, Know: []string{"After " + StepsTaken(r.After) + "."},
		}
		if r.Misleading {
			e.Know = append(e.Know, "Honest, and leads away from the truth.")
		}
		w.add(e)
	}
	for _, h := range w.n.rubric.Hints {
		w.add(&Entry{
			Key: KeyOf(Hint, h.ID), Page: PageStory, Head: "Hints, if they are stuck", Title: h.Title,
			Know: []string{"Costs: " + h.Costs + "."},
		})
	}
}

// questions adds the questions with what is answered.
func (w *writer) questions(s *train.Session) {
	sc := w.n.scenario
	for _, g := range w.n.book.Groups {
		for _, q := range g.Questions {
			e := &Entry{Key: KeyOf(Question, q.ID), Page: PageAsked, Head: fmt.Sprintf("%d %s", g.Number, g.Title), Label: q.ID, Title: q.Ask, group: g.Number}
			a, err := s.Ask(q.ID)
			if err != nil {
				continue // the book has the question
			}
			e.Say, e.From = []string{a.Says}, a.From
			switch t := sc.Answers[q.ID]; {
			case t == nil:
				e.Know = append(e.Know, "The story says nothing about it: nobody knows.")
			case t.Misleading:
				e.Know = append(e.Know, "Honest, and leads away from the truth.")
			case w.telling(q, t):
				e.Know = append(e.Know, "Points to the truth.")
			}
			w.add(e)
		}
	}
}

// answer is what is said to a question, and by whom.
func (w *writer) answer(question string) string {
	for _, e := range w.all {
		if e.Key != KeyOf(Question, question) {
			continue
		}
		text := "\"" + strings.Join(e.Say, " ") + "\""
		if e.From != "" {
			text += " (" + e.From + ")"
		}
		return text
	}
	return "nobody knows"
}

// telling says whether an answer speaks for the truth.
func (w *writer) telling(q *content.Question, t *content.Telling) bool {
	for _, id := range t.Options {
		if o := q.Option(id); o != nil && slices.ContainsFunc(w.n.scenario.Truth, func(c string) bool { return o.Implies[c] > 0 }) {
			return true
		}
	}
	return false
}

// probes adds what can be measured, with the figures.
func (w *writer) probes(s *train.Session) {
	c := checklist.NewCase(w.n.book, time.Time{})
	c.Facts = w.n.host.facts
	d := c.Diagnose()
	t := newTeller(w.n.host.facts)
	t.answer = w.answer
	for _, i := range s.Instruments() {
		e := &Entry{Key: KeyOf(Probe, i.Probe), Page: PageMeasure, Head: "Figures of the host", Label: i.Probe, Title: i.Title, Reading: s.Reading(i.Probe)}
		if e.Reading.Status != "ok" {
			e.Say = []string{"I don't have that of this host."}
		}
		if len(e.Reading.ByHand) > 0 {
			e.Know = append(e.Know, "Commands: "+strings.Join(e.Reading.ByHand, "; "))
		}
		if len(i.Words) > 0 {
			e.Know = append(e.Know, "Also asked for as: "+strings.Join(i.Words, ", "))
		}
		t.reading = e.Reading
		for _, command := range w.n.ear.speech.Commands {
			if command.Probe != i.Probe || e.Reading.Status != "ok" {
				continue
			}
			o := t.tell(command)
			if e.outputs = append(e.outputs, o); o.nothing && command.Instead != "" {
				e.Know = append(e.Know, command.Nothing)
			}
		}
		e.Shows = w.shows(d, i.Probe)
		w.add(e)
	}
}

// asides adds what candidates ask for and no recording shows.
func (w *writer) asides() {
	for _, a := range w.n.rubric.Asides {
		e := &Entry{Key: KeyOf(Aside, a.ID), Page: PageMeasure, Head: "What no recording shows", Title: a.Title, Say: []string{a.Says}}
		if a.Know != "" {
			e.Know = []string{a.Know}
		}
		w.add(e)
	}
}

// mostShown is how many reasons a probe is shown to give at most.
const mostShown = 3

// shows is what a probe speaks for or against: for the truth, against what it is
// mistaken for, and what may lead astray.
func (w *writer) shows(d *checklist.Diagnosis, probe string) []string {
	var all []string
	tell := func(cause, head string, of func(*checklist.Finding) []checklist.Reason) {
		f := d.Finding(cause)
		if f == nil {
			return
		}
		for _, r := range of(f) {
			text := head + r.Says
			if len(all) < mostShown && w.toldBy(f.Cause, r.Rule, probe) && !slices.Contains(all, text) {
				all = append(all, text)
			}
		}
	}
	speaksFor := func(f *checklist.Finding) []checklist.Reason { return f.For }
	against := func(f *checklist.Finding) []checklist.Reason { return f.Against }
	for _, id := range slices.Concat(w.n.scenario.Truth, w.n.scenario.Accept) {
		tell(id, "Speaks for the truth: ", speaksFor)
	}
	for _, h := range w.n.scenario.Herrings {
		title := w.causeTitle(h.Cause)
		tell(h.Cause, "Speaks against \""+title+"\": ", against)
		tell(h.Cause, "May lead astray, to \""+title+"\": ", speaksFor)
	}
	return all
}

// toldBy says whether a rule of a cause uses facts of a probe.
func (w *writer) toldBy(c *content.Cause, rule, probe string) bool {
	for _, r := range slices.Concat(c.For, c.Against) {
		if r.ID != rule {
			continue
		}
		if t := w.n.book.Facts.TableOf(r.Each); t != nil && t.Probe == probe {
			return true
		}
		for _, name := range r.When.Uses() {
			if d := w.n.book.Facts.Lookup(name, r.Each); d != nil && d.Probe == probe {
				return true
			}
		}
	}
	return false
}

// closing adds what the end is judged by: what it is not, the explanation, the plan.
func (w *writer) closing() {
	sc := w.n.scenario
	for i, p := range sc.KeyPoints {
		w.add(&Entry{Key: KeyOf(Point, strconv.Itoa(i)), Page: PageClose, Head: "Key points to hear in their own words", Label: strconv.Itoa(i + 1), Title: p})
	}
	for _, h := range sc.Herrings {
		w.add(&Entry{
			Key: KeyOf(Herring, h.Cause), Page: PageClose, Head: "Look-alikes that they ruled out", Title: w.causeTitle(h.Cause),
			Know: []string{"Refuted by: " + h.Refuted},
		})
	}
	for _, right := range []bool{true, false} {
		for _, c := range w.menu {
			if c.Right == right {
				w.add(w.step(c))
			}
		}
	}
}

func (w *writer) step(c train.Choice) *Entry {
	e := &Entry{Key: KeyOf(Step, c.ID), Page: PageClose, Head: "Steps they may propose", Label: "wrong", Title: c.Title, choice: c}
	switch {
	case c.Best:
		e.Label = "best"
	case c.Right:
		e.Label = "right"
	case c.Kind == train.AFolklore:
		e.Label = "folklore"
	}
	if c.Command != "" {
		e.Know = append(e.Know, "Such as: "+c.Command)
	}
	why := w.why[c.ID]
	if strings.Contains(why, content.Unknown) && c.Remedy != nil { // in words, where the figures were not seen
		why = outline(w.n.book, c.Remedy, c.Remedy.Why)
	}
	if why != "" {
		e.Know = append(e.Know, why)
	}
	if r := c.Remedy; r != nil && c.Right {
		for _, part := range []struct{ what, text string }{{"Risk", outline(w.n.book, r, r.Risk)}, {"Way back", outline(w.n.book, r, r.Rollback)}, {"How to see that it worked", outline(w.n.book, r, r.Verify)}} {
			if part.text != "" {
				e.Know = append(e.Know, part.what+": "+part.text)
			}
		}
	}
	return e
}

// outline is a text of a remedy with words in the place of what is measured.
func outline(book *content.Book, r *content.Remedy, t *content.Text) string {
	if t == nil {
		return ""
	}
	return strings.Join(strings.Fields(t.Outline(book.Facts, r.Each)), " ")
}

// SectionTitle is a section of the rubric in words.
func (n *Interview) SectionTitle(s *content.RubricSection) string {
	for _, g := range n.book.Groups {
		if s.Group == g.Number {
			return fmt.Sprintf("%d %s", g.Number, g.Title)
		}
	}
	return s.Title
}

// rubric adds the items of the rubric, the areas after the groups.
func (w *writer) rubric() {
	r := w.n.rubric
	for _, s := range r.Sections {
		for _, i := range s.Items {
			e := &Entry{Key: KeyOf(Item, i.ID), Page: PageRubric, Head: w.n.SectionTitle(s), Title: i.Says, item: i}
			if at := r.Level(i.Level); at >= 0 {
				e.Label = r.Levels[at].Title
			}
			if s.Looks != "" {
				e.Know = append(e.Know, s.Looks)
			}
			e.Know = append(e.Know, "Weak: "+s.Weak)
			if len(i.By) > 0 {
				var by []string
				for _, each := range i.By {
					by = append(by, ByWords(each))
				}
				e.Know = append(e.Know, "Ticks itself by: "+strings.Join(by, ", "))
			}
			w.add(e)
		}
	}
}

// HintText is a hint in the words of this moment: what to say.
func (n *Interview) HintText(id string) string {
	h := n.rubric.Hint(id)
	if h == nil {
		return ""
	}
	for _, s := range n.ideal {
		if e := n.idealEntry(s); e != nil && !n.Has(e.Key) {
			return hintText(h, e, s.Says)
		}
	}
	return strings.NewReplacer("{next}", "You have seen enough to conclude.", "{evidence}", "what you have names it.").Replace(h.Says)
}

// idealEntry is the line of the script of a step of the good way, nil if there is none.
func (n *Interview) idealEntry(s train.IdealStep) *Entry {
	if s.Kind == train.Measured {
		return n.entries[KeyOf(Probe, s.ID)]
	}
	return n.entries[KeyOf(Question, s.ID)]
}

// hintText is a hint towards a step of the good way.
func hintText(h *content.RubricHint, e *Entry, evidence string) string {
	next := "You could still ask me this: " + e.Title
	if e.Key.Kind() == Probe {
		next = "You could still look at this: " + strings.ToLower(e.Title[:1]) + e.Title[1:]
		if strings.ToUpper(e.Title[1:3]) == e.Title[1:3] { // an abbreviation: TCP, CPU
			next = "You could still look at this: " + e.Title
		}
		if len(e.outputs) > 0 {
			next += ", such as " + e.outputs[0].command.Title
		}
		next += "."
	}
	return strings.NewReplacer("{next}", next, "{evidence}", evidence).Replace(h.Says)
}
