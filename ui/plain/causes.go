package plain

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"whydrop/checklist"
	"whydrop/content"
)

// tellCauses tells the causes worth a look, all about the one that is named by
// its number in the last list or by its id, those that a text stands in, or all.
func (s *session) tellCauses(which string) {
	if which != "" {
		s.tellNamed(which)
		return
	}
	s.tellVerdict()
	likely := s.listCauses()
	if len(likely) == 0 {
		s.pen.say(fmt.Sprintf("%d causes are considered, none is likely. c all tells them.", len(s.diagnosis.Findings)))
		return
	}
	for i, f := range likely {
		standing := ""
		if !f.Named() {
			standing = "not named: "
		}
		s.pen.item(fmt.Sprintf("%d. ", i+1), fmt.Sprintf("%s%s (%s), %s.", standing, f.Cause.Title, percent(f.Probability), f.Cause.ID))
		s.reasons("For", f.For[:min(1, len(f.For))])
	}
	s.pen.say(fmt.Sprintf("%d other causes are less likely. c 1 tells all about the first.", len(s.diagnosis.Findings)-len(s.listed)))
}

// tellNamed tells all about one cause, or which causes a text stands in.
func (s *session) tellNamed(which string) {
	if len(s.listed) == 0 {
		s.listCauses()
	}
	id := which
	if n, err := strconv.Atoi(which); err == nil && n >= 1 && n <= len(s.listed) {
		id = s.listed[n-1]
	}
	if f := s.diagnosis.Finding(id); f != nil {
		s.tellCause(f)
		return
	}
	query, all := strings.ToLower(which), strings.EqualFold(which, "all")
	var found []*checklist.Finding
	for _, f := range s.diagnosis.Findings {
		if all || strings.Contains(strings.ToLower(f.Cause.ID+" "+f.Cause.Title), query) {
			found = append(found, f)
		}
	}
	switch len(found) {
	case 0:
		s.pen.say(fmt.Sprintf("There is no cause %s. c lists the likely ones with their numbers, c all lists all; a cause's id, or a word of it, is understood too.", brief(which)))
		return
	case 1:
		s.tellCause(found[0])
		return
	}
	s.listed = nil
	s.pen.say(fmt.Sprintf("%d causes, the most likely first. Those without a percentage are under %.0f %%.", len(found), 100*ruledOut))
	for i, f := range found {
		s.listed = append(s.listed, f.Cause.ID)
		s.pen.item(fmt.Sprintf("%d. ", i+1), f.Cause.Title+odds(f)+", "+f.Cause.ID+".")
	}
	s.pen.say("c 1 tells all about the first.")
}

// listCauses gives the likely causes their numbers, which stay until they are
// listed again: a cause must not become another while one types.
func (s *session) listCauses() []*checklist.Finding {
	likely := slices.Concat(s.diagnosis.Named(), s.diagnosis.Suspects(5))
	s.listed = nil
	for _, f := range likely {
		s.listed = append(s.listed, f.Cause.ID)
	}
	return likely
}

// tellVerdict tells the verdict, which then need not be told as news.
func (s *session) tellVerdict() {
	s.pen.say("Verdict: " + s.verdict())
	s.news.settled(s.diagnosis)
}

// tellCause tells of one cause: how likely it is and why, what could not be looked
// at, what happens, what would settle it, and what it is mistaken for.
func (s *session) tellCause(f *checklist.Finding) {
	p := s.pen
	p.say(f.Cause.Title + ".")
	p.say(fmt.Sprintf("%s, %s likely to be at work now.", f.Cause.ID, percent(f.Probability)))
	s.reasons("For", f.For)
	s.reasons("Against", f.Against)
	for _, r := range f.Explained {
		p.item("  Counts nothing: ", sentence(r.Says+", accounted for by: "+s.title(r.By)))
	}
	if len(f.For)+len(f.Against)+len(f.Explained) == 0 {
		p.item("  ", "Nothing speaks for or against it yet.")
	}
	if lacks := s.kase.Lacks(s.diagnosis, f); len(lacks) > 0 {
		p.say(fmt.Sprintf("Could not be looked at, %d of its %d signs:", len(f.Unknown), len(f.Cause.For)+len(f.Cause.Against)))
		for _, l := range lacks {
			p.item("  ", content.Show(l.Why)+": "+sentence(strings.Join(l.What, ", ")))
		}
	}
	s.fields("", [][2]string{
		{"To settle it", f.Cause.Settle}, {"What happens", f.Cause.Happens}, {"What one notices", f.Cause.Notice}, {"Mind", f.Cause.Believed},
	})
	for _, c := range f.Cause.ConfusedWith {
		p.item("Easily mistaken for it: ", s.title(c.Cause)+": "+sentence(c.Tell))
	}
}

func (s *session) title(cause string) string {
	if c := s.kase.Book.Cause(cause); c != nil {
		return c.Title
	}
	return cause
}

// odds is how likely a cause is, in parentheses, "" if it is out of question.
func odds(f *checklist.Finding) string {
	if f.Probability < ruledOut {
		return ""
	}
	return " (" + percent(f.Probability) + ")"
}
