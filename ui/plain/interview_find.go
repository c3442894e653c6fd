package plain

import (
	"fmt"
	"slices"
	"strings"

	"whydrop/checklist/interview"
)

// named is the line of the script of a name: an id with or without its kind.
func (c *chair) named(name string) *interview.Entry {
	if e := c.n.Entry(interview.Key(name)); e != nil {
		return e
	}
	for _, kind := range []string{interview.Question, interview.Probe, interview.Item} {
		for _, e := range c.n.Script("") {
			if e.Key.Kind() == kind && strings.EqualFold(e.Key.ID(), name) {
				return e
			}
		}
	}
	return nil
}

// find looks for what they said, and offers it by number.
func (c *chair) find(text string) bool {
	if e := c.named(text); e != nil {
		return c.tick(e)
	}
	c.offered, c.asked = c.n.Search(text).Entries, text
	if len(c.offered) == 0 {
		c.pen.say("The script has nothing like it: say that nobody knows.")
		return false
	}
	c.list(c.offered)
	return true
}

// list writes lines of the script with numbers. A note after it is about none of them.
func (c *chair) list(lines []*interview.Entry) {
	c.at = ""
	for i, e := range lines {
		mark := ""
		if e.Tickable() && c.n.Has(e.Key) {
			mark = "(ticked) "
		}
		c.pen.item(fmt.Sprintf("%d. ", i+1), strings.TrimSpace(mark+e.Label+" "+e.Title))
	}
}

// concludeBy finds the causes that fit words.
func (c *chair) concludeBy(words string) bool {
	c.at = interview.KeyOf(interview.Section, "conclusion")
	switch {
	case words == "-":
		return c.done(c.n.Conclude(interview.Verdict{}), "Taken back.")
	case words == "healthy":
		return c.done(c.n.Conclude(interview.Verdict{Healthy: true}), "They conclude: nothing is wrong on this host.")
	}
	found := c.n.Conclusions(words)
	for _, e := range found {
		if e.Key.ID() == words {
			return c.conclude(e)
		}
	}
	c.offered, c.asked = found[:min(len(found), 12)], ""
	if len(c.offered) == 0 {
		c.pen.say("No cause is like it.")
		return false
	}
	for i, e := range c.offered {
		c.pen.item(fmt.Sprintf("%d. ", i+1), e.Title)
	}
	return true
}

// conclude adds a cause to what they conclude, or takes it back.
func (c *chair) conclude(e *interview.Entry) bool {
	if e.Key == interview.Healthy {
		return c.concludeBy("healthy")
	}
	id := e.Key.ID()
	c.at = interview.KeyOf(interview.Section, "conclusion")
	var v interview.Verdict
	if have := c.n.Verdict(); have != nil {
		v.Causes = slices.Clone(have.Causes)
	}
	if at := slices.Index(v.Causes, id); at >= 0 {
		v.Causes = slices.Delete(v.Causes, at, at+1)
	} else {
		v.Causes = append(v.Causes, id)
	}
	var titles []string
	for _, id := range v.Causes {
		titles = append(titles, c.n.Book().Cause(id).Title)
	}
	if len(titles) == 0 {
		titles = []string{"nothing yet"}
	}
	return c.done(c.n.Conclude(v), sentence("They conclude: "+strings.Join(titles, "; ")))
}
