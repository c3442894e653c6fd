package progress

import (
	"fmt"
	"slices"
)

// Scenario is one that can be trained, as far as advice needs it.
type Scenario struct {
	ID    string
	Level int
}

// Outlook is what there is to train.
type Outlook struct {
	Due       int        // cards that are due
	New       int        // cards that were never shown
	Scenarios []Scenario // in the order in which they are best trained
}

// Advice is one thing to do next.
type Advice struct {
	Do      string `json:"do"`
	Command string `json:"command"`
	Why     string `json:"why"`
}

const (
	// levelSessions is how many scenarios of a level, done well, lead to the next.
	levelSessions = 3
	// maxLevel is the highest level of a scenario.
	maxLevel = 3
)

// practice is what helps in an area that sessions mark, by its name.
var practice = map[string]Advice{
	"clarifying": {"ask more before you measure and conclude", "whydrop explain Q1a", "each of the twenty questions has a page that says why it is asked"},
	"measuring":  {"practise what each measurement is for", "whydrop drill --kind command,signal", "who knows where a cause shows measures there"},
	"reasoning":  {"practise telling look-alikes apart", "whydrop drill --kind tell", "a suspicion is worth what would refute it"},
	"conclusion": {"practise what a signal points at", "whydrop drill --kind cause", "the cause follows from what moved"},
	"plan":       {"practise what to do, and what to refuse", "whydrop drill --kind folklore,knob", "a plan needs the right fix, its risk and its check, and no folklore"},
	"economy":    {"practise where on the way to look first", "whydrop drill --kind journey", "a step is worth what it can rule out"},
}

// Next says what to do next, the most useful first. A scenario is neither chosen nor
// said to be about a weak place: that would give it away.
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
	for _, area := range s.Areas {
		if a, known := practice[area.Name]; known && area.Judgement == Weak {
			a.Why = fmt.Sprintf("%s: %s; %s", area.Name, area.says(), a.Why)
			all = append(all, a)
		}
	}
	if i := slices.IndexFunc(s.Groups, func(g Strand) bool { return g.Judgement == Weak }); i >= 0 {
		g := s.Groups[i]
		all = append(all, Advice{
			"read what the weakest group of questions is for", "whydrop explain Q" + g.Name + "a",
			fmt.Sprintf("group %s of the checklist: %s", g.Name, g.says()),
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

// nextScenario chooses one of the level that one is at: one that was not done, then
// the first that was not done well.
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
	sc, ok := best(fresh)
	if !ok {
		sc, ok = best(func(sc Scenario) bool { return !s.done(sc.ID).Well && s.done(sc.ID).Times == 1 })
		if ok {
			why = fmt.Sprintf("it was not done well the first time: %.0f %%", 100*s.done(sc.ID).First)
		}
	}
	if !ok {
		return Advice{}, false
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
			case d.Well:
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

// count is a number with what it counts.
func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
