package interview

import (
	"slices"
	"strings"

	"whydrop/checklist/train"
	"whydrop/content"
)

// mostFound is how many lines a search finds at most.
const mostFound = 12

// Search finds the lines of the script that fit words, the best first: questions and
// probes by the words in which people ask for them, then whatever has all words; after
// the conclusion steps of the plan before them. No words: none.
func (n *Interview) Search(words string) []*Entry {
	var found []*Entry
	for _, m := range n.searcher().Search(words) {
		k := KeyOf(Question, m.ID)
		if m.Kind == train.Measured {
			k = KeyOf(Probe, m.ID)
		}
		if e := n.entries[k]; e != nil {
			found = append(found, e)
		}
	}
	found = n.namedFirst(found[:min(len(found), mostFound-4)], words)
	if n.verdict != nil { // then they speak of the plan
		var steps []*Entry
		for _, e := range n.Script(PageClose) {
			if e.Key.Kind() == Step && e.has(words) {
				steps = append(steps, e)
			}
		}
		found = append(steps, found...)
	}
	for _, e := range n.script {
		if len(found) < mostFound && e.Tickable() && !slices.Contains(found, e) && e.has(words) {
			found = append(found, e)
		}
	}
	return found
}

// namedFirst puts first what the words begin with as a command: a probe, or what no
// recording shows. Who says
// "ss -lnt" wants to measure, not to ask what ss showed.
func (n *Interview) namedFirst(found []*Entry, words string) []*Entry {
	command, _, _ := strings.Cut(strings.ToLower(strings.TrimSpace(words)), " ")
	is := func(e *Entry) bool {
		switch {
		case e.aside != nil:
			return slices.Contains(e.aside.Words, command)
		case e.Reading == nil:
			return false
		}
		if e.Key.ID() == command {
			return true
		}
		for _, line := range e.Reading.ByHand {
			for _, one := range strings.FieldsFunc(line, func(r rune) bool { return r == ';' || r == '|' }) {
				if name, _, _ := strings.Cut(strings.TrimSpace(one), " "); name == command {
					return true
				}
			}
		}
		return false
	}
	for _, e := range n.Script(PageMeasure) {
		if is(e) && !slices.Contains(found, e) {
			found = append(found, e)
		}
	}
	slices.SortStableFunc(found, func(a, b *Entry) int { return rank(is(b)) - rank(is(a)) })
	return found
}

// rank is 1 for what comes first.
func rank(first bool) int {
	if first {
		return 1
	}
	return 0
}

// searcher is a session in which is searched: its state does not matter.
func (n *Interview) searcher() *train.Session {
	if n.seeker == nil {
		n.seeker = train.New(n.book, n.scenario, n.host)
	}
	return n.seeker
}

// has says whether a line has all words in its label, title or heading.
func (e *Entry) has(words string) bool {
	text := strings.ToLower(e.Label + " " + e.Title + " " + e.Head)
	fields := strings.Fields(strings.ToLower(words))
	for _, w := range fields {
		if !strings.Contains(text, w) {
			return false
		}
	}
	return len(fields) > 0
}

// SearchCauses finds the causes that fit words, all without words. What is at work
// comes first, then what is mistaken for it: they are what is mostly said.
func (n *Interview) SearchCauses(words string) []*content.Cause {
	found := n.searcher().SearchCauses(words)
	likely := func(c *content.Cause) int {
		herring := slices.ContainsFunc(n.scenario.Herrings, func(h *content.Herring) bool { return h.Cause == c.ID })
		return 2*rank(n.scenario.Right(c.ID)) + rank(herring)
	}
	slices.SortStableFunc(found, func(a, b *content.Cause) int { return likely(b) - likely(a) })
	return found
}
