package progress

import (
	"fmt"
	"slices"
)

// Scenario is one that can be trained, as far as advice needs it.
type Scenario struct {
	ID    string
	Level int
	Hops  []string // of its truths; they are never told
}

// Outlook is what there is to train.
type Outlook struct {
	Due       int            // cards that are due
	New       int            // cards that were never shown
	DueAt     map[string]int // cards that are due by hop
	Scenarios []Scenario     // in the order in which they are best trained
}

// Advice is one thing to do next.
type Advice struct {
	Do      string `json:"do"`
	Command string `json:"command"`
	Why     string `json:"why"`
}

const (
	// masteredMark is the mark from which a scenario needs no second time.
	masteredMark = 0.7
	// levelSessions is how many scenarios of a level, done well, lead to the next.
	levelSessions = 3
	// maxLevel is the highest level of a scenario.
	maxLevel = 3
)

// Next says what to do next, the most useful first. A scenario is never said to be
// about a hop: that would give it away.
func (s *Summary) Next(o Outlook) []Advice {
	var all []Advice
	if o.Due > 0 {
		all = append(all, Advice{"answer the cards that are due", "whydrop drill", fmt.Sprintf("%s due; a card that is answered when it falls due stays longest", count(o.Due, "card is", "cards are"))})
	}
	if hop, ok := s.weakest(); ok {
		all = append(all, Advice{
			"drill the weakest place", "whydrop drill --hop " + hop.Name,
			fmt.Sprintf("%s: %s", hop.Name, hop.says()),
		})
	}
	if a, ok := s.nextScenario(o); ok {
		all = append(all, a)
	}
	if o.Due == 0 && o.New > 0 {
		why := fmt.Sprintf("no card is due; %s never shown", count(o.New, "card was", "cards were"))
		all = append(all, Advice{"learn new cards", "whydrop drill", why})
	}
	return all
}

// weakest is the hop that needs drilling most.
func (s *Summary) weakest() (Strand, bool) {
	i := slices.IndexFunc(s.Hops, func(h Strand) bool { return h.Judgement == Weak })
	if i < 0 {
		return Strand{}, false
	}
	return s.Hops[i], true
}

// says is a strand in words.
func (s Strand) says() string {
	text := ""
	if s.Answers > 0 {
		text = fmt.Sprintf("%d of %s right", s.Right, count(s.Answers, "answer", "answers"))
	}
	if s.Sessions > 0 {
		if text != "" {
			text += ", and "
		}
		text += fmt.Sprintf("%.0f %% in %s", 100*s.Mark, count(s.Sessions, "session", "sessions"))
	}
	return text
}

// nextScenario chooses one of the level that one is at: one that was not done and
// is about a weak place, then any that was not done, then the worst.
func (s *Summary) nextScenario(o Outlook) (Advice, bool) {
	level, why := s.level(o)
	best := func(of func(Scenario) bool) (Scenario, bool) {
		i := slices.IndexFunc(o.Scenarios, func(sc Scenario) bool { return sc.Level == level && of(sc) })
		if i < 0 {
			return Scenario{}, false
		}
		return o.Scenarios[i], true
	}
	fresh := func(sc Scenario) bool { return s.done(sc.ID) == nil }
	sc, ok := best(func(sc Scenario) bool { return fresh(sc) && s.weakAt(sc.Hops) })
	if ok {
		why += "; it is about one of your weaker places"
	} else if sc, ok = best(fresh); !ok {
		sc, ok = best(func(sc Scenario) bool { return s.done(sc.ID).Best < masteredMark })
		if ok {
			why = fmt.Sprintf("the best of %s was %.0f %%", count(s.done(sc.ID).Times, "time", "times"), 100*s.done(sc.ID).Best)
		}
	}
	if !ok {
		return Advice{}, false
	}
	if i := slices.IndexFunc(s.Groups, func(g Strand) bool { return g.Judgement == Weak }); i >= 0 {
		g := s.Groups[i]
		why += fmt.Sprintf("; mind group %s of the checklist: %.0f %% in %s", g.Name, 100*g.Mark, count(g.Sessions, "session", "sessions"))
	}
	return Advice{fmt.Sprintf("train a scenario of level %d", level), "whydrop train " + sc.ID, why}, true
}

// level is the one to train at: the next one when enough of a level were done well
// or all of it was done.
func (s *Summary) level(o Outlook) (level int, why string) {
	why = "the first level is a single clear fault"
	if len(s.Done) == 0 {
		return 1, "none was trained yet; " + why
	}
	for level = 1; level < maxLevel; level++ {
		well, left := 0, 0
		for _, sc := range o.Scenarios {
			d := s.done(sc.ID)
			switch {
			case sc.Level != level:
			case d == nil:
				left++
			case d.Best >= masteredMark:
				well++
			}
		}
		if well < levelSessions && (left > 0 || well > 0) {
			return level, fmt.Sprintf("%d of %d scenarios of level %d done well; then comes the next level", well, levelSessions, level)
		}
		why = fmt.Sprintf("%s of level %d done well", count(well, "scenario", "scenarios"), level)
	}
	return level, why
}

func (s *Summary) done(id string) *Done {
	i := slices.IndexFunc(s.Done, func(d Done) bool { return d.ID == id })
	if i < 0 {
		return nil
	}
	return &s.Done[i]
}

func (s *Summary) weakAt(hops []string) bool {
	return slices.ContainsFunc(s.Hops, func(h Strand) bool { return h.Judgement == Weak && slices.Contains(hops, h.Name) })
}

// count is a number with what it counts.
func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
