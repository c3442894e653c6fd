package content

import (
	_ "embed" // the rubric
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"
)

//go:embed rubric/rubric.yaml
var embeddedRubric []byte

// Rubric is by what an interviewer judges a candidate.
type Rubric struct {
	Levels []*RubricLevel `yaml:"levels"` // from the lowest
	// Minutes is how long an interview takes; Pacing are its parts in their order.
	Minutes  float64          `yaml:"minutes"`
	Pacing   []*Pace          `yaml:"pacing"`
	Hints    []*RubricHint    `yaml:"hints"` // from the cheapest
	Asides   []*Aside         `yaml:"asides"`
	Sections []*RubricSection `yaml:"sections"`
	// Judged is how many areas have to be judged before a level is suggested for the whole.
	Judged int          `yaml:"judged"`
	Caps   []*RubricCap `yaml:"caps"`
}

// RubricLevel is a level of engineers, and what it takes to be suggested.
type RubricLevel struct {
	ID    string `yaml:"id"`
	Title string `yaml:"title"`
	Means string `yaml:"means"`
	// Areas is the share, from 0 to 1, of the judged areas that have to reach the level;
	// Must are those that have to be judged and among them.
	Areas float64  `yaml:"areas"`
	Must  []string `yaml:"must"`
}

// RubricCap is something that came about, after which no more than a level is suggested.
type RubricCap struct {
	By     string            `yaml:"by"`     // one of Outcomes
	Unless string            `yaml:"unless"` // an item: once it was heard, the cap is off
	Says   string            `yaml:"says"`   // what came about, in words
	Caps   map[string]string `yaml:"caps"`   // the highest levels by section; "whole" for the whole
}

// Pace is a part of the interview.
type Pace struct {
	Until float64 `yaml:"until"` // in minutes from the beginning
	Title string  `yaml:"title"`
	Says  string  `yaml:"says"` // to the interviewer
}

// RubricHint is a help that the interviewer may give.
type RubricHint struct {
	ID    string `yaml:"id"`
	Title string `yaml:"title"`
	// Says is what is said; {next} stands for where most is to be learned, {evidence}
	// for what is found there.
	Says  string `yaml:"says"`
	Costs string `yaml:"costs"`
	// Caps are the highest levels that are suggested after it, by section; "whole" for
	// the whole.
	Caps map[string]string `yaml:"caps"`
}

// Aside is something that candidates ask for and no recording shows.
type Aside struct {
	ID    string   `yaml:"id"`
	Title string   `yaml:"title"`
	Words []string `yaml:"words"` // phrases by which people ask for it, as in Speech
	Says  string   `yaml:"says"`  // to the candidate
	Know  string   `yaml:"know"`  // to the interviewer
	// Sources are those of what it says about TCP.
	Sources []string `yaml:"sources"`
}

// Whole stands for the interview as a whole where otherwise a section stands.
const Whole = "whole"

// RubricSection is what is judged together: a group of the checklist, or an area.
type RubricSection struct {
	ID    string `yaml:"id"`
	Group int    `yaml:"group"` // of the checklist; 0 for an area
	// Title is empty for a group: it has its own.
	Title string `yaml:"title"`
	Looks string `yaml:"looks"` // what is looked for in an area
	Weak  string `yaml:"weak"`  // what weak answers look like
	// Due are outcomes after which it is judged even if nothing was heard. Otherwise a
	// section of which nothing was heard is not judged.
	Due   []string      `yaml:"due"`
	Items []*RubricItem `yaml:"items"`
	// Sources are those of what the items say about TCP.
	Sources []string `yaml:"sources"`
}

// RubricItem is one thing that a candidate does.
type RubricItem struct {
	ID    string `yaml:"id"`
	Level string `yaml:"level"` // of engineers who do it
	Says  string `yaml:"says"`
	// By are questions, probes and outcomes by any of which it is done.
	By []string `yaml:"by"`
}

// Outcomes are what may have come about in an interview, by which items of the rubric
// count as done, each in words.
var Outcomes = map[string]string{
	"clarified-first": "two questions before the first measurement",
	"measured-first":  "a measurement before the first question",
	"measured":        "something was measured",
	"concluded":       "there is a conclusion",
	"three-groups":    "questions in three groups",
	"whole-list":      "three quarters of all questions were asked",
	"general-groups":  "questions in each of the first four groups",
	"right":           "the conclusion is right",
	"founded":         "the conclusion follows from what was asked and measured",
	"most-key-points": "more than half of the key points",
	"guessed":         "the conclusion is right, and nothing that was asked and measured shows it",
	"wrong":           "the conclusion is not right",
	"right-fix":       "a right step in the plan",
	"folklore":        "a step in the plan that nobody should take",
	"vain-step":       "a step in the plan that does not help",
}

// mostRubric bounds the size of a rubric's file, in bytes.
const mostRubric = 1 << 20

// Rubric reads the rubric: the built-in one, or that of a file in its place. What is
// wrong in it is an error of type Problems.
func (b *Book) Rubric(file string) (*Rubric, error) {
	data, name := embeddedRubric, "content/rubric/rubric.yaml"
	if file != "" {
		info, err := os.Stat(file)
		switch {
		case err != nil:
			return nil, fmt.Errorf("rubric: %w", err)
		case !info.Mode().IsRegular() || info.Size() > mostRubric:
			return nil, fmt.Errorf("rubric: %s: expected a file of at most %d bytes", Show(file), mostRubric)
		}
		if data, err = os.ReadFile(file); err != nil {
			return nil, fmt.Errorf("rubric: %w", err)
		}
		name = file
	}
	r := &Rubric{}
	if err := yaml.Load(data, r, yaml.WithKnownFields()); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	c := &rubricCheck{book: b, rubric: r, file: name}
	c.levels()
	c.sections()
	c.hints()
	c.asides()
	c.pacing()
	c.caps()
	if len(c.wrong) > 0 {
		return nil, c.wrong
	}
	return r, nil
}

// Level returns the place of a level, from 0 for the lowest; -1 if there is none.
func (r *Rubric) Level(id string) int {
	return slices.IndexFunc(r.Levels, func(l *RubricLevel) bool { return l != nil && l.ID == id })
}

// Section returns a section by its id, nil if there is none.
func (r *Rubric) Section(id string) *RubricSection {
	return first(r.Sections, func(s *RubricSection) bool { return s != nil && s.ID == id })
}

// Hint returns a hint by its id, nil if there is none.
func (r *Rubric) Hint(id string) *RubricHint {
	return first(r.Hints, func(h *RubricHint) bool { return h != nil && h.ID == id })
}

// rubricCheck collects what is wrong with a rubric.
type rubricCheck struct {
	book   *Book
	rubric *Rubric
	file   string
	wrong  Problems
}

func (c *rubricCheck) problem(format string, args ...any) {
	c.wrong = append(c.wrong, Problem{File: c.file, What: fmt.Sprintf(format, args...)})
}

func (c *rubricCheck) levels() {
	if n := len(c.rubric.Levels); n < 1 || n > 6 {
		c.problem("%d levels: expected 1 to 6", n)
	}
	seen := map[string]bool{}
	for _, l := range c.rubric.Levels {
		switch {
		case l == nil || l.ID == "" || l.Title == "" || l.Means == "":
			c.problem("a level: expected id, title and means")
			continue
		case seen[l.ID]:
			c.problem("level %s stands twice", l.ID)
		case !(l.Areas >= 0 && l.Areas <= 1):
			c.problem("level %s: areas %v: expected a share from 0 to 1", l.ID, l.Areas)
		}
		seen[l.ID] = true
		for _, id := range l.Must {
			if c.rubric.Section(id) == nil {
				c.problem("level %s must reach the unknown section %q", l.ID, id)
			}
		}
	}
}

func (c *rubricCheck) sections() {
	seen := map[string]bool{}
	if len(c.rubric.Sections) == 0 {
		c.problem("there are no sections: expected groups and areas with items")
	}
	for _, s := range c.rubric.Sections {
		switch {
		case s == nil || s.ID == "":
			c.problem("a section without an id")
			continue
		case seen[s.ID] || s.ID == Whole:
			c.problem("section %s stands twice", s.ID)
		case s.Group == 0 && s.Title == "":
			c.problem("section %s: expected group or title", s.ID)
		case s.Group != 0 && !slices.ContainsFunc(c.book.Groups, func(g *Group) bool { return g.Number == s.Group }):
			c.problem("section %s is of the unknown group %d", s.ID, s.Group)
		case s.Weak == "" || len(s.Items) == 0:
			c.problem("section %s: expected weak and items", s.ID)
		}
		seen[s.ID] = true
		for _, by := range s.Due {
			if Outcomes[by] == "" {
				c.problem("section %s is due by %q: expected one of %s", s.ID, by, outcomeNames())
			}
		}
		for _, i := range s.Items {
			c.item(s, i, seen)
		}
	}
}

func (c *rubricCheck) item(s *RubricSection, i *RubricItem, seen map[string]bool) {
	switch {
	case i == nil || i.ID == "" || i.Says == "":
		c.problem("section %s: an item: expected id and says", s.ID)
		return
	case seen["item "+i.ID]:
		c.problem("item %s stands twice", i.ID)
	case c.rubric.Level(i.Level) < 0:
		c.problem("item %s is of the unknown level %q", i.ID, i.Level)
	}
	seen["item "+i.ID] = true
	for _, by := range i.By {
		if c.book.Question(by) == nil && !slices.Contains(c.book.Facts.Probes(), by) && Outcomes[by] == "" {
			c.problem("item %s: by %q: expected a question, a probe or one of %s", i.ID, by, outcomeNames())
		}
	}
}

func outcomeNames() string { return strings.Join(slices.Sorted(maps.Keys(Outcomes)), ", ") }

func (c *rubricCheck) hints() {
	seen := map[string]bool{}
	for _, h := range c.rubric.Hints {
		if h == nil || h.ID == "" || h.Title == "" || h.Says == "" || h.Costs == "" {
			c.problem("a hint: expected id, title, says and costs")
			continue
		}
		if seen[h.ID] {
			c.problem("hint %s stands twice", h.ID)
		}
		seen[h.ID] = true
		c.capped("hint "+h.ID, h.Caps)
	}
}

// capped checks which levels something caps.
func (c *rubricCheck) capped(what string, caps map[string]string) {
	for section, level := range caps {
		if section != Whole && c.rubric.Section(section) == nil || c.rubric.Level(level) < 0 {
			c.problem("%s caps %q at %q: expected a section or %s, and a level", what, section, level, Whole)
		}
	}
}

func (c *rubricCheck) caps() {
	if c.rubric.Judged < 0 {
		c.problem("judged %d: expected 0 or more areas", c.rubric.Judged)
	}
	for _, each := range c.rubric.Caps {
		if each == nil || Outcomes[each.By] == "" || each.Says == "" || len(each.Caps) == 0 {
			c.problem("a cap: expected by (one of %s), says and caps", outcomeNames())
			continue
		}
		c.capped("what comes about by "+each.By, each.Caps)
		if each.Unless != "" && !c.hasItem(each.Unless) {
			c.problem("a cap by %s, unless %q: there is no such item", each.By, each.Unless)
		}
	}
}

func (c *rubricCheck) hasItem(id string) bool {
	return slices.ContainsFunc(c.rubric.Sections, func(s *RubricSection) bool {
		return s != nil && slices.ContainsFunc(s.Items, func(i *RubricItem) bool { return i != nil && i.ID == id })
	})
}

func (c *rubricCheck) asides() {
	seen := map[string]bool{}
	for _, a := range c.rubric.Asides {
		switch {
		case a == nil || a.ID == "" || a.Title == "" || a.Says == "":
			c.problem("an aside: expected id, title and says")
			continue
		case seen[a.ID]:
			c.problem("aside %s stands twice", a.ID)
		}
		seen[a.ID] = true
	}
}

func (c *rubricCheck) pacing() {
	if !(c.rubric.Minutes > 0 && c.rubric.Minutes <= 24*60) {
		c.problem("minutes %v: expected more than 0, at most a day", c.rubric.Minutes)
	}
	last := 0.0
	for _, p := range c.rubric.Pacing {
		if p == nil || p.Title == "" || !(p.Until > last && p.Until <= c.rubric.Minutes) {
			c.problem("pacing: expected a title and until, each later than the one before, none later than minutes")
			continue
		}
		last = p.Until
	}
}
