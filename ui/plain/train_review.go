package plain

import (
	"fmt"
	"strconv"
	"strings"

	"whydrop/checklist/train"
)

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
		t.pen.item(head, title+": "+sentence(c.Why))
	}
	for _, c := range f.Plan {
		head := "Wrong step: "
		if c.Choice.Right {
			head = "Right step: "
		}
		t.pen.item(head, c.Choice.Title+": "+sentence(c.Why))
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
	if len(f.Steps) == 0 {
		t.pen.say("You asked and measured nothing.")
	}
	for i, s := range f.Steps {
		line := fmt.Sprintf("%s (%s bits): %s", s.Title, bits(s.Event.Bits), sentence(s.Told))
		if s.Wasted {
			line += " Worth nearly nothing: " + sentence(s.Why)
		}
		t.pen.item(strconv.Itoa(i+1)+". ", line+" Best then: "+bestThen(s))
	}
	for _, w := range f.WrongTurns {
		t.pen.item("Wrong turn: ", w.Cause.Title+", though "+sentence(w.Why))
	}
	for _, o := range f.Overlooked {
		t.pen.item("Overlooked: ", fmt.Sprintf("%s (measure %s)", strings.TrimSuffix(o.Says, "."), strings.Join(o.Probes, " or ")))
	}
}

// bits are bits as they read well.
func bits(v float64) string { return fmt.Sprintf("%.2f", v) }

// bestThen is the step that promised most when another was taken.
func bestThen(s train.StepReview) string {
	switch b := s.Event.Best; {
	case b == nil:
		return "to conclude."
	case b.ID == s.Event.ID:
		return "this."
	case s.Best == "":
		return "hardly anything better."
	default:
		return fmt.Sprintf("%s, %s bits.", s.Best, bits(b.Bits))
	}
}

// selfCheck shows what the candidate's own words should say, and asks what they said.
func (t *seat) selfCheck(d *train.Debrief) {
	own := t.Concluded()
	var check train.Check
	t.pen.heading("Judge your own words")
	t.pen.item("What happens, and why: ", orNothing(own.Explanation))
	t.pen.say("It should say:")
	for i, k := range d.Scenario.KeyPoints {
		t.pen.item(strconv.Itoa(i+1)+". ", k)
	}
	for t.judgeable(own.Explanation) {
		text, ok := t.part("Which of these did you say, by number; an empty line for none")
		if !ok {
			return
		}
		said, err := numbers(text, len(d.Scenario.KeyPoints))
		if err != nil {
			t.misread(text, sentence(err.Error()))
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
		if q.model == "" && q.own != "" {
			t.pen.say("Your " + q.what + " is not judged: the right plan has nothing to say on it.")
		}
		if q.model == "" {
			continue
		}
		t.pen.item("Your "+q.what+": ", orNothing(q.own))
		t.pen.item("It should say: ", q.model)
		if !t.judgeable(q.own) {
			continue
		}
		if *q.into = t.yes("Did it"); t.left {
			return
		}
	}
	if err := t.unkept(t.Check(check)); err != nil {
		t.pen.say(sentence(err.Error()))
	}
}

// judgeable says whether words are to be judged, and tells why not.
func (t *seat) judgeable(said string) bool {
	if said != "" && !t.Said(said) {
		t.pen.say("No word of this incident is in it: it counts as not said.")
	}
	return t.Said(said)
}

func orNothing(s string) string {
	if s == "" {
		return "(nothing)"
	}
	return s
}

func (t *seat) tellMarks(f *train.Feedback) {
	well := ""
	if f.Well {
		well = ", done well"
	}
	t.pen.heading(fmt.Sprintf("Marks: %s of %s%s", train.Points(f.Total), train.Points(f.Of), well))
	if f.Repeat {
		t.pen.say("A repeat: you had seen the end of this incident before. It is practice, and says little about how the next one goes.")
	}
	for _, m := range f.Marks {
		t.pen.say(fmt.Sprintf("%s: %s of %d", m.Area.Title(), train.Points(m.Points), train.MostPoints))
		for _, r := range m.Reasons {
			own := ""
			if r.SelfAssessed {
				own = " (your own judgement)"
			}
			t.pen.item("  ", fmt.Sprintf("%s: %s%s", train.Signed(r.Points), r.Says, own))
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
		for _, part := range s.Parts() {
			t.pen.item("   ", sentence(part))
		}
	}
	if len(d.Plan) > 0 {
		t.pen.heading("What to do")
	}
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
