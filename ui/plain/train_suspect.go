package plain

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"whydrop/content"
)

// suspectBy states, lists or takes back hypotheses.
func (t *seat) suspectBy(rest string) bool {
	now := t.Suspects()
	if n, err := strconv.Atoi(rest); err == nil && n < 0 {
		if -n > len(now) {
			t.pen.say(fmt.Sprintf("There is no hypothesis %d.", -n))
			return false
		}
		return t.unkept(t.Drop(now[-n-1])) == nil
	}
	if rest == "" {
		if len(now) == 0 {
			t.pen.say("You suspect nothing yet.")
		}
		for i, id := range now {
			t.pen.item(strconv.Itoa(i+1)+". ", t.Cause(id).Title)
		}
		return true
	}
	found := t.meant(rest)
	if len(found) == 1 {
		return t.suspect(found[0].ID)
	}
	t.offerCauses(found, rest)
	return len(found) > 0
}

// meant are the causes that words may mean: the one alone that is called so.
func (t *seat) meant(words string) []*content.Cause {
	if c := t.Cause(words); c != nil {
		return []*content.Cause{c}
	}
	found := t.Hypotheses(words)
	for _, c := range found {
		if strings.EqualFold(c.ID, words) || strings.EqualFold(c.Title, words) {
			return []*content.Cause{c}
		}
	}
	return found
}

// offerCauses lists causes by number.
func (t *seat) offerCauses(found []*content.Cause, words string) {
	t.offered, t.causes = nil, found[:min(len(found), 9)]
	for i, c := range t.causes {
		t.pen.item(strconv.Itoa(i+1)+". ", c.Title+" ("+c.ID+")")
	}
	if len(found) == 0 {
		t.pen.say("No cause has these words: " + brief(words))
	}
}

func (t *seat) suspect(id string) bool {
	if slices.Contains(t.Suspects(), id) {
		t.pen.say("You suspect it already: " + t.Cause(id).Title)
		return true
	}
	if err := t.unkept(t.Suspect(id)); err != nil {
		t.pen.say(sentence(err.Error()))
		return false
	}
	t.pen.say("Noted as a hypothesis: " + t.Cause(id).Title)
	return true
}
