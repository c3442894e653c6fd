package plain

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"whydrop/checklist/train"
	"whydrop/content"
)

// commit asks for the conclusion, a part at a time. An empty line leaves a part out,
// "back" goes on with the interview until cause and place are given: they are final then.
func (t *seat) commit() {
	t.pen.item("Interviewer: ", t.pick("conclude"))
	var c train.Conclusion
	for _, part := range []func(*train.Conclusion) bool{t.concludeCauses, t.concludeHop} {
		if !part(&c) {
			if !t.left {
				t.pen.say("Back to the interview: nothing is concluded yet.")
			}
			return
		}
	}
	if err := t.unkept(t.Conclude(c)); err != nil {
		t.pen.say(sentence(err.Error()))
	}
}

// plan asks for the second half of the conclusion, which nothing comes before.
func (t *seat) plan() {
	c := *t.Named()
	for _, part := range []func(*train.Conclusion) bool{t.concludeSteps, t.concludeWords} {
		if !part(&c) {
			return
		}
	}
	if err := t.unkept(t.Commit(c)); err != nil {
		t.pen.say(sentence(err.Error()))
	}
}

// part reads the answer to one part; ok is false to go back.
func (t *seat) part(prompt string) (text string, ok bool) {
	text, ok = t.read(prompt)
	return text, ok && text != "back"
}

// concludeCauses asks for the causes until an empty line.
func (t *seat) concludeCauses(c *train.Conclusion) bool {
	t.pen.say("What is the cause? It is final once you have named the place, too; the plan comes after that. Give words of it, or its number below; none if nothing is wrong on this host, which is final at once; an empty line when you have named all; back goes on with the interview.")
	found := t.hypotheses()
	t.offered, t.causes = nil, nil
	t.offerSuspects(found)
	for {
		text, ok := t.part("Cause")
		switch {
		case !ok:
			return false
		case text == "" && len(c.Causes) > 0:
			return true
		case text == "none" && len(c.Causes) == 0:
			c.Healthy = true
			return true
		case text == "" || text == "none":
			t.pen.say("Name a cause, or none.")
			continue
		}
		cause := t.chosen(text)
		if cause == nil {
			continue
		}
		if !slices.Contains(c.Causes, cause.ID) {
			c.Causes = append(c.Causes, cause.ID)
		}
		t.pen.say("Named: " + cause.Title + ". Another one, or an empty line.")
	}
}

func (t *seat) hypotheses() []*content.Cause {
	var all []*content.Cause
	for _, id := range t.Suspects() {
		all = append(all, t.o.Book.Cause(id))
	}
	return all
}

// chosen is the cause that a line means; nil after several were offered.
func (t *seat) chosen(text string) *content.Cause {
	if n, err := strconv.Atoi(text); err == nil {
		if n >= 1 && n <= len(t.causes) {
			return t.causes[n-1]
		}
		t.pen.say(fmt.Sprintf("There is no %d to choose.", n))
		return nil
	}
	if c := t.o.Book.Cause(text); c != nil {
		return c
	}
	found := t.SearchCauses(text)
	if len(found) == 1 {
		return found[0]
	}
	t.offerCauses(found, text)
	return nil
}

func (t *seat) concludeHop(c *train.Conclusion) bool {
	if c.Healthy {
		return true
	}
	t.pen.say("At which place on the packet's way?")
	for i, h := range t.o.Book.Hops {
		t.pen.item(strconv.Itoa(i+1)+". ", h.Title)
	}
	for {
		text, ok := t.part("Place")
		n, err := strconv.Atoi(text)
		switch {
		case !ok:
			return false
		case text == "":
			return true
		case err == nil && n >= 1 && n <= len(t.o.Book.Hops):
			c.Hop = t.o.Book.Hops[n-1].ID
			return true
		case t.o.Book.Hop(text) != nil:
			c.Hop = text
			return true
		}
		t.pen.say(fmt.Sprintf("Give a number from 1 to %d.", len(t.o.Book.Hops)))
	}
}

func (t *seat) concludeSteps(c *train.Conclusion) bool {
	menu := t.Menu()
	t.pen.say("What do you do? Give the numbers of the steps that you would take; each wrong one costs.")
	for i, m := range menu {
		t.pen.item(strconv.Itoa(i+1)+". ", m.Title)
		if m.Command != "" {
			t.pen.item("   ", m.Command)
		}
	}
	for {
		text, ok := t.part("Steps")
		if t.left {
			return false
		}
		if !ok {
			t.pen.say("Cause and place are final; now choose the steps.")
			continue
		}
		steps, err := numbers(text, len(menu))
		if err != nil {
			t.pen.say(sentence(err.Error()))
			continue
		}
		for _, n := range steps {
			c.Steps = append(c.Steps, menu[n-1].ID)
		}
		return true
	}
}

// numbers reads numbers from 1 to most.
func numbers(text string, most int) ([]int, error) {
	var all []int
	for _, w := range strings.FieldsFunc(text, func(r rune) bool { return r == ' ' || r == ',' || r == ';' }) {
		n, err := strconv.Atoi(w)
		if err != nil || n < 1 || n > most {
			return nil, fmt.Errorf("%s: expected numbers from 1 to %d", brief(w), most)
		}
		if !slices.Contains(all, n) {
			all = append(all, n)
		}
	}
	return all, nil
}

func (t *seat) concludeWords(c *train.Conclusion) bool {
	t.pen.say("In your own words, each in a line; you judge them yourself afterwards.")
	for _, q := range []struct {
		prompt string
		into   *string
	}{
		{"What happens, and why", &c.Explanation},
		{"What can go wrong with your steps", &c.Risk},
		{"How do you take them back", &c.Rollback},
		{"How do you see that it worked", &c.Verify},
	} {
		text, ok := t.read(q.prompt) // "back" may be an answer here
		if !ok {
			return false
		}
		*q.into = text
	}
	return true
}

// review tells how it went, lets the candidate judge their own words, and tells what
// the incident was.
func (t *seat) review() {
	t.mendAfterwards()
	d := t.Debrief()
	f := t.Feedback()
	if f == nil || d == nil {
		return
	}
	t.tellConclusion(f)
	t.tellSteps(f)
	if !f.Checked && !t.left {
		t.selfCheck(d)
		f = t.Feedback()
	}
	t.tellMarks(f)
	t.tellDebrief(d)
	t.writeScorecard()
}

func (t *seat) tellConclusion(f *train.Feedback) {
	t.pen.heading("Your conclusion")
	for _, c := range f.Causes {
		title := "Nothing is wrong on this host"
		if c.Cause != nil {
			title = c.Cause.Title
		}
		head := "Wrong: "
		switch {
		case c.Right && c.Named && c.Founded:
			head = "Right: "
		case c.Right && c.Named:
			head = "Right, but not founded: "
		case c.Right:
			head = "Missing: "
		}
		t.pen.item(head, title+". "+sentence(c.Why))
	}
	for _, c := range f.Plan {
		head := "Wrong step: "
		if c.Choice.Right {
			head = "Right step: "
		}
		t.pen.item(head, c.Choice.Title+". "+sentence(c.Why))
	}
	for _, m := range f.Missed {
		t.pen.item("Missing step: ", m.Title)
	}
	for _, m := range f.AlsoRight {
		t.pen.item("Also right: ", m.Title)
	}
}

func (t *seat) tellSteps(f *train.Feedback) {
	t.pen.heading("Your steps, and what each could be expected to tell")
	for i, s := range f.Steps {
		line := fmt.Sprintf("%s, %s bits. %s", s.Title, content.Show(s.Event.Bits), sentence(s.Told))
		switch {
		case s.Wasted:
			line += " " + sentence(s.Why)
		case s.Best != "" && s.Event.Best != nil && s.Event.Best.ID != s.Event.ID:
			line += fmt.Sprintf(" Best then: %s, %s bits.", s.Best, content.Show(s.Event.Best.Bits))
		}
		t.pen.item(strconv.Itoa(i+1)+". ", line)
	}
	for _, w := range f.WrongTurns {
		t.pen.item("Wrong turn: ", w.Cause.Title+". "+sentence(w.Why))
	}
	for _, o := range f.Overlooked {
		t.pen.item("Overlooked: ", fmt.Sprintf("%s (measure %s)", strings.TrimSuffix(o.Says, "."), strings.Join(o.Probes, " or ")))
	}
}

// selfCheck shows what the candidate's own words should say, and asks what they said.
func (t *seat) selfCheck(d *train.Debrief) {
	own := t.Concluded()
	var check train.Check
	t.pen.heading("Judge your own words")
	t.pen.item("You said: ", orNothing(own.Explanation))
	for i, k := range d.Scenario.KeyPoints {
		t.pen.item(strconv.Itoa(i+1)+". ", k)
	}
	for {
		text, ok := t.part("Which of these did you say, by number")
		if !ok {
			return
		}
		said, err := numbers(text, len(d.Scenario.KeyPoints))
		if err != nil {
			t.pen.say(sentence(err.Error()))
			continue
		}
		for _, n := range said {
			check.KeyPoints = append(check.KeyPoints, n-1)
		}
		break
	}
	step := d.ModelStep()
	for _, q := range []struct {
		what, own, model string
		into             *bool
	}{
		{"risk", own.Risk, step.Risk, &check.Risk},
		{"way back", own.Rollback, step.Rollback, &check.Rollback},
		{"verification", own.Verify, step.Verify, &check.Verify},
	} {
		if q.own == "" || q.model == "" {
			continue
		}
		t.pen.item("Your "+q.what+": ", q.own)
		t.pen.item("It should say: ", q.model)
		text, ok := t.part("Did it, y or n")
		if !ok {
			return
		}
		*q.into = strings.HasPrefix(strings.ToLower(text), "y")
	}
	if err := t.unkept(t.Check(check)); err != nil {
		t.pen.say(sentence(err.Error()))
	}
}

func orNothing(s string) string {
	if s == "" {
		return "(nothing)"
	}
	return s
}

func (t *seat) tellMarks(f *train.Feedback) {
	t.pen.heading(fmt.Sprintf("Marks: %s of %s", content.Show(f.Total), content.Show(f.Of)))
	for _, m := range f.Marks {
		t.pen.say(fmt.Sprintf("%s: %s of %d", m.Area, content.Show(m.Points), train.MostPoints))
		for _, r := range m.Reasons {
			own := ""
			if r.SelfAssessed {
				own = " (your own judgement)"
			}
			t.pen.item("  ", fmt.Sprintf("%+.2g: %s%s", r.Points, r.Says, own))
		}
	}
}

func (t *seat) tellDebrief(d *train.Debrief) {
	t.pen.heading("What it was")
	if len(d.Truth) == 0 {
		t.pen.say("Nothing is wrong on this host.")
	}
	for _, c := range d.Truth {
		t.pen.say(c.Title + ". " + c.Happens)
		t.pen.say("More: whydrop explain " + c.ID)
	}
	for _, h := range d.Scenario.Herrings {
		t.pen.item("It was not: ", t.o.Book.Cause(h.Cause).Title+", for "+sentence(h.Refuted))
	}
	for _, m := range d.Scenario.Timeline {
		t.pen.item(m.At+" ", m.Says)
	}
	t.pen.heading("A way of an experienced engineer")
	for i, s := range d.Ideal {
		verb := "ask "
		if s.Kind == train.Measured {
			verb = "measure "
		}
		t.pen.item(strconv.Itoa(i+1)+". ", verb+s.ID+": "+sentence(s.Says))
	}
	t.pen.heading("What to do")
	for i, s := range d.Plan {
		t.pen.item(strconv.Itoa(i+1)+". ", s.Remedy.Title+". "+sentence(s.Change))
	}
}

func (t *seat) writeScorecard() {
	if t.o.Scorecard == nil {
		return
	}
	path, err := t.o.Scorecard(t.Session)
	switch {
	case err != nil:
		t.pen.say("The scorecard was not written: " + sentence(err.Error()))
	case path != "":
		t.pen.say("The scorecard: " + path)
	}
}

// offerSuspects lists the hypotheses to choose from, if there are any.
func (t *seat) offerSuspects(found []*content.Cause) {
	if len(found) > 0 {
		t.offerCauses(found, "")
	}
}
