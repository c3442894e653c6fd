package interview

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"whydrop/content"
)

// Below is the level of who does not reach the lowest, Unjudged that of what nobody
// can judge: nothing was heard of it.
const (
	Below    = "below"
	Unjudged = "not-judged"
)

// Suggestion is a level that the ticks come to, and why.
type Suggestion struct {
	Level string `json:"level"` // of the rubric, Below or Unjudged
	Why   string `json:"why"`
}

// LevelTitle is a level in words.
func (n *Interview) LevelTitle(id string) string {
	switch at := n.rubric.Level(id); {
	case at >= 0:
		return n.rubric.Levels[at].Title
	case id == Unjudged:
		return "Not judged"
	case id == Below:
		return "Below " + strings.ToLower(n.rubric.Levels[0].Title)
	}
	return ""
}

// Decided is the level at which the interviewer put a section, or the whole; "" where
// they did not.
func (n *Interview) Decided(section string) string { return n.decided[KeyOf(Section, section)] }

// Rule says how levels are suggested.
const Rule = "A section is at a level if half of what is typical of that level and of each level below it was heard; more of a higher level stands in for a lower one, and each counts once. A section of which no item was heard is not judged, unless something was said or done by which one should have been. " +
	"The whole is at a level if enough of the judged areas are, and those that the level needs; the groups of the checklist show where the questions were good, and neither lift nor lower the whole."

// Suggest is the level that the ticks in a section come to.
func (n *Interview) Suggest(section string) Suggestion {
	s := n.rubric.Section(section)
	if s == nil {
		return Suggestion{Level: Unjudged}
	}
	of, heard, all := make([]int, len(n.rubric.Levels)), make([]int, len(n.rubric.Levels)), 0
	for _, i := range s.Items {
		at := n.rubric.Level(i.Level)
		of[at]++
		if _, is := n.Heard(i.ID); is {
			heard[at]++
			all++
		}
	}
	if all == 0 {
		return n.unheard(s)
	}
	var parts []string
	for i, l := range n.rubric.Levels {
		if of[i] > 0 {
			parts = append(parts, fmt.Sprintf("%d of %d %s", heard[i], of[i], strings.ToLower(l.Title)))
		}
	}
	return n.capped(section, reach(of, heard), "heard "+strings.Join(parts, ", "))
}

// unheard is what is suggested where no item was heard: below where something came about
// by which one should have been.
func (n *Interview) unheard(s *content.RubricSection) Suggestion {
	for _, by := range s.Due {
		if _, is := n.cameAbout(by); is {
			return Suggestion{Below, "none of its items was heard, and this came about: " + ByWords(by)}
		}
	}
	if n.touched(s.ID) {
		return Suggestion{Unjudged, "none of its items was heard"}
	}
	return Suggestion{Unjudged, "nothing was heard of it"}
}

// touched says whether something of a section was heard that is no item of it.
func (n *Interview) touched(section string) bool {
	if section == areas[Question] && n.questionsAsked() > 0 || section == areas[Point] && n.verdict != nil {
		return true
	}
	for k := range n.ticks {
		if n.sectionOf(k) == section {
			return true
		}
	}
	return slices.ContainsFunc(n.notes, func(note Note) bool { return n.sectionOf(note.About) == section })
}

// questionsAsked counts them.
func (n *Interview) questionsAsked() (all int) {
	for _, k := range n.order {
		all += rank(k.Kind() == Question)
	}
	return all
}

// reach is the highest level that is reached, -1 for none: from it down to the lowest,
// what was heard at this level and those above is at least half of what there is of
// each.
func reach(of, heard []int) int {
	for top := len(of) - 1; top >= 0; top-- {
		if of[top] == 0 {
			continue
		}
		need, have, enough := 0, 0, true
		for at := len(of) - 1; at >= 0; at-- {
			have += heard[at]
			if at <= top {
				need += (of[at] + 1) / 2
				enough = enough && have >= need
			}
		}
		if enough {
			return top
		}
	}
	return -1
}

// capped is a level after what came about, and after what the hints cost.
func (n *Interview) capped(section string, reached int, why string) Suggestion {
	capAt := func(caps map[string]string, by string) {
		if level, is := caps[section]; is && n.rubric.Level(level) < reached {
			reached = n.rubric.Level(level)
			why += fmt.Sprintf("; no higher than %s: %s", strings.ToLower(n.LevelTitle(level)), by)
		}
	}
	for _, c := range n.rubric.Caps {
		_, off := n.Heard(c.Unless)
		if _, is := n.cameAbout(c.By); is && !off {
			capAt(c.Caps, c.Says)
		}
	}
	for _, given := range n.hints {
		if h := n.rubric.Hint(given.ID); h != nil {
			capAt(h.Caps, "the hint \""+h.Title+"\" was given")
		}
	}
	if reached < 0 {
		return Suggestion{Below, why}
	}
	return Suggestion{n.rubric.Levels[reached].ID, why}
}

// standing is the level of a section: the one that was decided, else the suggested
// one; -1 for below. A section that is not judged has none.
func (n *Interview) standing(section string) (level int, judged bool) {
	at := n.Decided(section)
	if at == "" {
		at = n.Suggest(section).Level
	}
	return n.rubric.Level(at), at != Unjudged
}

// deciding are the sections that count for the whole: the areas, all where a rubric has
// none.
func (n *Interview) deciding() []*content.RubricSection {
	var areas []*content.RubricSection
	for _, s := range n.rubric.Sections {
		if s.Group == 0 {
			areas = append(areas, s)
		}
	}
	if len(areas) == 0 {
		return n.rubric.Sections
	}
	return areas
}

// SuggestWhole is the level that the areas come to: of each the decided level counts,
// else the suggested one.
func (n *Interview) SuggestWhole() Suggestion {
	standing := map[string]int{} // of those that are judged
	deciding := n.deciding()
	var names []string
	for _, s := range deciding {
		if level, judged := n.standing(s.ID); judged {
			standing[s.ID] = level
		} else {
			names = append(names, strings.ToLower(n.SectionTitle(s)))
		}
	}
	if len(standing) < min(n.rubric.Judged, len(deciding)) || len(standing) == 0 {
		return Suggestion{Unjudged, fmt.Sprintf("%s judged so far, %d are needed", someAreas(len(standing), len(deciding)), max(1, min(n.rubric.Judged, len(deciding))))}
	}
	reached, why := -1, ""
	for at := range n.rubric.Levels {
		says, enough := n.reaches(at, standing)
		if !enough {
			if why != "" {
				why += "; "
			}
			why += says
			break
		}
		reached, why = at, says
	}
	if len(names) > 0 {
		why += "; not judged: " + strings.Join(names, ", ")
	}
	return n.capped(content.Whole, reached, why)
}

// someAreas counts some areas of all.
func someAreas(n, of int) string {
	if n == 1 {
		return fmt.Sprintf("1 of %d areas is", of)
	}
	return fmt.Sprintf("%d of %d areas are", n, of)
}

// reaches says by what the judged areas reach a level, or what is missing for it.
func (n *Interview) reaches(at int, standing map[string]int) (says string, enough bool) {
	l := n.rubric.Levels[at]
	reached := 0
	for _, level := range standing {
		reached += rank(level >= at)
	}
	need := max(1, int(math.Ceil(l.Areas*float64(len(standing))-1e-9)))
	var must, lack []string
	if reached < need {
		lack = append(lack, fmt.Sprintf("%d of %d judged areas reach it, %d are needed", reached, len(standing), need))
	}
	for _, id := range l.Must {
		name := strings.ToLower(n.SectionTitle(n.rubric.Section(id)))
		must = append(must, name)
		switch level, judged := standing[id]; {
		case !judged:
			lack = append(lack, name+" is not judged")
		case level < at:
			lack = append(lack, name+" does not reach it")
		}
	}
	title := strings.ToLower(l.Title)
	if len(lack) > 0 {
		return fmt.Sprintf("not %s: %s", title, strings.Join(lack, ", ")), false
	}
	says = fmt.Sprintf("%s: %d of %d judged areas reach it, %d are needed", title, reached, len(standing), need)
	if len(must) > 0 {
		says += ", and " + strings.Join(must, ", ")
	}
	return says, true
}
