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
	t.pen.say("Cause and place are final then: nothing can be asked or measured any more. The plan comes next.")
	if !t.yes("Go on to the plan") {
		if !t.left {
			t.pen.say("Back to the interview: nothing is concluded yet.")
		}
		return
	}
	if err := t.unkept(t.Conclude(c)); err != nil {
		t.pen.say(sentence(err.Error()))
	}
}

// plan asks for the second half of the conclusion, a part at a time, until it is handed
// in.
func (t *seat) plan() {
	c := *t.Named()
	t.tellNamed(&c)
	words := wordsOf(&c)
	parts := []func() bool{func() bool { return t.concludeSteps(&c) }}
	for _, w := range words {
		parts = append(parts, func() bool { return t.write(w) })
	}
	for i, part := range parts {
		if i == 1 {
			t.pen.say("In your own words, each in a line; an empty line says nothing, quit leaves. " + train.OwnWordsRule)
		}
		if !part() {
			return
		}
	}
	for !t.left {
		t.tellPlan(&c, words)
		text, _ := t.part("Hand it in: y, or the number of a part to give it anew")
		n, err := strconv.Atoi(text)
		switch {
		case agrees(text):
			if err := t.unkept(t.Commit(c)); err != nil {
				t.pen.say(sentence(err.Error()))
			}
			return
		case err == nil && n >= 1 && n <= len(parts):
			parts[n-1]()
		case !t.left:
			t.misread(text, fmt.Sprintf("Give y, or a number from 1 to %d. quit leaves; the plan is not kept then.", len(parts)))
		}
	}
}

// tellNamed tells cause and place, which are final.
func (t *seat) tellNamed(c *train.Conclusion) {
	causes := []string{t.Cause(train.NothingWrong).Title}
	if !c.Healthy {
		causes = nil
	}
	for _, id := range c.Causes {
		causes = append(causes, t.Cause(id).Title)
	}
	if h := t.o.Book.Hop(c.Hop); h != nil {
		causes = append(causes, "at "+h.Title)
	}
	t.pen.item("Final: ", sentence(strings.Join(causes, "; ")))
}

// part reads the answer to one part; ok is false to go back, or to leave.
func (t *seat) part(prompt string) (text string, ok bool) {
	text, ok = t.read(prompt)
	quits := strings.EqualFold(text, "quit")
	t.left = t.left || quits
	return text, ok && !quits && !strings.EqualFold(text, "back")
}

// agrees says whether a line says yes.
func agrees(text string) bool { return strings.EqualFold(text, "y") || strings.EqualFold(text, "yes") }

// yes asks until the answer is yes or no. To leave is no.
func (t *seat) yes(question string) bool {
	for {
		text, ok := t.part(question + ", y or n")
		switch {
		case !ok, strings.EqualFold(text, "n"), strings.EqualFold(text, "no"):
			return false
		case agrees(text):
			return true
		}
		t.misread(text, "Answer y or n.")
	}
}

// concludeCauses asks for the causes until an empty line.
func (t *seat) concludeCauses(c *train.Conclusion) bool {
	t.pen.say("What is the cause? Give words of it, or its number below; none if nothing is wrong on this host; an empty line when you have named all. The place comes next, then you are asked whether they are final. back goes on with the interview.")
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
		case text == "":
			t.misread(text, "Name a cause, or none.")
			continue
		}
		cause := t.chosen(text)
		switch {
		case cause == nil:
			continue
		case cause.ID != train.NothingWrong:
		case len(c.Causes) > 0:
			t.misread(text, "You have named a cause already: back takes it back.")
			continue
		default:
			c.Healthy = true
			return true
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
		all = append(all, t.Cause(id))
	}
	return all
}

// chosen is the cause that a line means; nil after several were offered.
func (t *seat) chosen(text string) *content.Cause {
	if n, err := strconv.Atoi(text); err == nil {
		if n >= 1 && n <= len(t.causes) {
			return t.causes[n-1]
		}
		t.misread(text, fmt.Sprintf("There is no %d to choose.", n))
		return nil
	}
	found := t.meant(text)
	if len(found) == 1 {
		return found[0]
	}
	t.offerCauses(found, text)
	t.follow(text, len(found) > 0)
	return nil
}

func (t *seat) concludeHop(c *train.Conclusion) bool {
	if c.Healthy {
		return true
	}
	t.pen.say("At which place on the packet's way? Of several causes, the place of one.")
	for i, h := range t.o.Book.Hops {
		t.pen.item(strconv.Itoa(i+1)+". ", h.Title)
	}
	for {
		text, ok := t.part("Place")
		n, err := strconv.Atoi(text)
		switch {
		case !ok:
			return false
		case err == nil && n >= 1 && n <= len(t.o.Book.Hops):
			c.Hop = t.o.Book.Hops[n-1].ID
			return true
		case err != nil && t.place(text) != "":
			c.Hop = t.place(text)
			return true
		}
		t.misread(text, fmt.Sprintf("Give a number from 1 to %d, or the name; back goes on with the interview.", len(t.o.Book.Hops)))
	}
}

// place is the id of the hop that is called so, "" for none.
func (t *seat) place(name string) string {
	for _, h := range t.o.Book.Hops {
		if strings.EqualFold(h.ID, name) || strings.EqualFold(h.Title, name) {
			return h.ID
		}
	}
	return ""
}

func (t *seat) concludeSteps(c *train.Conclusion) bool {
	menu := t.Menu()
	t.pen.say("What do you do? Give the numbers of the steps that you would take; each wrong one costs. An empty line takes none.")
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
			t.misread(text, "Cause and place are final; now choose the steps. quit leaves.")
			continue
		}
		steps, err := numbers(text, len(menu))
		if err != nil {
			t.misread(text, sentence(err.Error()))
			continue
		}
		c.Steps = nil
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

// ownWords is a part of the conclusion in the candidate's own words.
type ownWords struct {
	asks string
	into *string
}

func wordsOf(c *train.Conclusion) []ownWords {
	return []ownWords{
		{"What happens, and why", &c.Explanation},
		{"What can go wrong with your steps", &c.Risk},
		{"How do you take them back", &c.Rollback},
		{"How do you see that it worked", &c.Verify},
	}
}

// write has the candidate write a part; "back" may be an answer here, "quit" leaves.
func (t *seat) write(w ownWords) (ok bool) {
	text, ok := t.read(w.asks)
	t.left = t.left || strings.EqualFold(text, "quit")
	if ok = ok && !t.left; ok {
		*w.into = text
	}
	return ok
}

// tellPlan tells the plan as it stands before it is handed in.
func (t *seat) tellPlan(c *train.Conclusion, words []ownWords) {
	t.pen.say("This is final when you hand it in:")
	var steps []string
	for _, m := range t.Menu() {
		if slices.Contains(c.Steps, m.ID) {
			steps = append(steps, m.Title)
		}
	}
	t.pen.item("1. Steps: ", orNothing(strings.Join(steps, "; ")))
	for i, w := range words {
		t.pen.item(fmt.Sprintf("%d. %s: ", i+2, w.asks), orNothing(*w.into))
	}
}

// offerSuspects lists the hypotheses to choose from, if there are any.
func (t *seat) offerSuspects(found []*content.Cause) {
	if len(found) > 0 {
		t.offerCauses(found, "")
	}
}
