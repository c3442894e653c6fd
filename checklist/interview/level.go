package interview

import (
	"fmt"
	"slices"
	"strings"

	"whydrop/content"
)

// Below is the level of who does not reach the lowest.
const Below = "below"

// Suggestion is a level that the ticks come to, and why.
type Suggestion struct {
	Level string `json:"level"` // of the rubric, or Below
	Why   string `json:"why"`
}

// LevelTitle is a level in words.
func (n *Interview) LevelTitle(id string) string {
	switch at := n.rubric.Level(id); {
	case at >= 0:
		return n.rubric.Levels[at].Title
	case id == Below:
		return "Below " + strings.ToLower(n.rubric.Levels[0].Title)
	}
	return ""
}

// Decided is the level at which the interviewer put a section, or the whole; "" where
// they did not.
func (n *Interview) Decided(section string) string { return n.decided[KeyOf(Section, section)] }

// Rule says how levels are suggested.
const Rule = "A section is at a level if half of what is typical of that level and of each level below it was heard; more of a higher level stands in for a lower one, and each counts once."

// Suggest is the level that the ticks in a section come to.
func (n *Interview) Suggest(section string) Suggestion {
	s := n.rubric.Section(section)
	if s == nil {
		return Suggestion{Level: Below}
	}
	of, heard := make([]int, len(n.rubric.Levels)), make([]int, len(n.rubric.Levels))
	for _, i := range s.Items {
		at := n.rubric.Level(i.Level)
		of[at]++
		if _, is := n.Heard(i.ID); is {
			heard[at]++
		}
	}
	reached := reach(of, heard)
	var parts []string
	for i, l := range n.rubric.Levels {
		if of[i] > 0 {
			parts = append(parts, fmt.Sprintf("%d of %d %s", heard[i], of[i], strings.ToLower(l.Title)))
		}
	}
	return n.capped(section, reached, "heard "+strings.Join(parts, ", "))
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

// capped is a level after what the hints cost.
func (n *Interview) capped(section string, reached int, why string) Suggestion {
	var by []string
	for _, given := range n.hints {
		h := n.rubric.Hint(given.ID)
		if h == nil {
			continue
		}
		if level, caps := h.Caps[section]; caps && n.rubric.Level(level) < reached {
			reached = n.rubric.Level(level)
			by = append(by, fmt.Sprintf("the hint \"%s\" caps it at %s", h.Title, n.LevelTitle(level)))
		}
	}
	if len(by) > 0 {
		why += "; " + strings.Join(by, "; ")
	}
	if reached < 0 {
		return Suggestion{Below, why}
	}
	return Suggestion{n.rubric.Levels[reached].ID, why}
}

// standing is the level of a section: the one that was decided, else the suggested
// one; -1 for below.
func (n *Interview) standing(section string) int {
	if level := n.Decided(section); level != "" {
		return n.rubric.Level(level)
	}
	return n.rubric.Level(n.Suggest(section).Level)
}

// SuggestWhole is the level that all sections come to: of each section the decided
// level counts, else the suggested one.
func (n *Interview) SuggestWhole() Suggestion {
	standing := map[string]int{}
	for _, s := range n.rubric.Sections {
		standing[s.ID] = n.standing(s.ID)
	}
	reached, why, lacks := -1, "", ""
	for at := range n.rubric.Levels {
		has, missing := n.reaches(at, standing)
		if missing != "" {
			lacks = missing
			break
		}
		reached, why = at, has
	}
	var all []string
	for _, part := range []string{why, lacks} {
		if part != "" {
			all = append(all, part)
		}
	}
	return n.capped(content.Whole, reached, strings.Join(all, "; "))
}

// reaches says by what the sections reach a level, or what is missing for it.
func (n *Interview) reaches(at int, standing map[string]int) (has, missing string) {
	l := n.rubric.Levels[at]
	groups, areas := 0, 0
	for _, s := range n.rubric.Sections {
		switch {
		case standing[s.ID] < at:
		case s.Group > 0:
			groups++
		default:
			areas++
		}
	}
	title := strings.ToLower(l.Title)
	var lack []string
	if groups < l.Sections.Groups {
		lack = append(lack, fmt.Sprintf("groups at it: %d of %d needed", groups, l.Sections.Groups))
	}
	if areas < l.Sections.Areas {
		lack = append(lack, fmt.Sprintf("areas at it: %d of %d needed", areas, l.Sections.Areas))
	}
	for _, id := range l.Must {
		if standing[id] < at {
			lack = append(lack, strings.ToLower(n.SectionTitle(n.rubric.Section(id)))+" is not at it")
		}
	}
	if len(lack) > 0 {
		return "", fmt.Sprintf("not %s: %s", title, strings.Join(lack, ", "))
	}
	has = fmt.Sprintf("%s: %d groups (%d are enough) and %d areas (%d are enough) are at it", title, groups, l.Sections.Groups, areas, l.Sections.Areas)
	if len(l.Must) > 0 {
		var must []string
		for _, id := range l.Must {
			must = append(must, strings.ToLower(n.SectionTitle(n.rubric.Section(id))))
		}
		has += ", among them " + strings.Join(slices.Compact(must), ", ")
	}
	return has, ""
}
