package train

import (
	"slices"
	"strings"
	"testing"
)

// wisely takes the step that an experienced engineer takes, until the truth is founded.
func wisely(t *testing.T, s *Session) {
	suspected := false
	for n := s.wise(); n != nil; n = s.wise() {
		if n.Kind == Asked {
			ask(t, s, n.ID)
		} else {
			if !suspected {
				suspectLikely(t, s)
			}
			suspected = true
			measureAll(t, s, n.ID)
		}
		suspectNamed(t, s)
	}
	conclude(t, s, rightSteps(s)...)
}

// suspectLikely states what is most likely by the answers, which may be wrong.
func suspectLikely(t *testing.T, s *Session) {
	for _, f := range s.diagnosis().Findings {
		if refutation(f) == "" {
			mustDo(t, s.Suspect(f.Cause.ID))
			return
		}
	}
}

// suspectNamed states what is named by now as hypotheses, and drops what no longer is.
func suspectNamed(t *testing.T, s *Session) {
	for _, f := range s.diagnosis().Named() {
		mustDo(t, s.Suspect(f.Cause.ID))
	}
	for _, id := range s.Suspects() {
		if !s.diagnosis().Finding(id).Named() {
			mustDo(t, s.Drop(id))
		}
	}
}

// humanly asks as one learns it, then measures what lies at hand, and suspects what the
// answers suggest.
func humanly(t *testing.T, s *Session) {
	ask(t, s, "Q1a", "Q2a", "Q3a", "Q4a", "Q7a", "Q10b")
	suspectLikely(t, s)
	for _, probe := range []string{"counters", "sockets", "links", "filters", "routes", "drops", "settings", "resources", "log", "changes"} {
		measureAll(t, s, probe)
		suspectNamed(t, s)
		if s.solved(s.diagnosis()) {
			break
		}
	}
	conclude(t, s, rightSteps(s)...)
}

// greedily takes what tells most, and asks nobody where figures tell more.
func greedily(t *testing.T, s *Session) {
	for !s.solved(s.diagnosis()) {
		steps := s.best(s.diagnosis())
		if len(steps) == 0 {
			break
		}
		if steps[0].Kind == Asked {
			ask(t, s, steps[0].ID)
		} else {
			measureAll(t, s, steps[0].ID)
		}
		suspectNamed(t, s)
	}
	conclude(t, s, rightSteps(s)...)
}

// everything asks all and measures all, and then concludes.
func everything(t *testing.T, s *Session) {
	for _, q := range s.book.Questions() {
		ask(t, s, q.ID)
	}
	measureAll(t, s, s.host.Probes()...)
	conclude(t, s, rightSteps(s)...)
}

// thoroughly does everything too, and states hypotheses on the way.
func thoroughly(t *testing.T, s *Session) {
	for _, q := range s.book.Questions() {
		ask(t, s, q.ID)
	}
	for _, p := range s.host.Probes() {
		measureAll(t, s, p)
		suspectNamed(t, s)
	}
	conclude(t, s, rightSteps(s)...)
}

// asksAll asks all and measures nothing.
func asksAll(t *testing.T, s *Session) {
	for _, q := range s.book.Questions() {
		ask(t, s, q.ID)
	}
	conclude(t, s, rightSteps(s)...)
}

// measuresAll asks nothing.
func measuresAll(t *testing.T, s *Session) {
	measureAll(t, s, s.host.Probes()...)
	conclude(t, s, rightSteps(s)...)
}

// guesses is lucky: it names the truth at once.
func guesses(t *testing.T, s *Session) {
	for _, id := range s.scenario.Truth {
		mustDo(t, s.Suspect(id))
	}
	commitTruth(t, s, rightSteps(s))
}

func commitTruth(t *testing.T, s *Session, steps []string) {
	c := Conclusion{Healthy: s.scenario.Healthy(), Causes: s.scenario.Truth, Steps: steps, Risk: theirRisk, Rollback: theirRollback, Verify: theirCheck, Explanation: theirWords}
	mustDo(t, s.Commit(c))
	tickAll(t, s)
}

// guessesWrong names what it always names.
func guessesWrong(t *testing.T, s *Session) {
	id := "link.duplex-mismatch"
	mustDo(t, s.Commit(Conclusion{Causes: []string{id}, Hop: s.book.Cause(id).Hop, Risk: theirRisk, Rollback: theirRollback, Verify: theirCheck, Explanation: theirWords}))
	tickAll(t, s)
}

// suspectsAll goes the wise way, and suspects all causes that the truth is mistaken for.
func suspectsAll(t *testing.T, s *Session) {
	for i, c := range s.book.Causes {
		if i%4 == 0 {
			mustDo(t, s.Suspect(c.ID))
		}
	}
	wisely(t, s)
}

// hintedOn asks for a hint before each step and does what it says.
func hintedOn(t *testing.T, s *Session) {
	for n := s.wise(); n != nil; n = s.wise() {
		_, err := s.Hint()
		mustDo(t, err)
		if n.Kind == Asked {
			ask(t, s, n.ID)
		} else {
			measureAll(t, s, n.ID)
		}
		suspectNamed(t, s)
	}
	conclude(t, s, rightSteps(s)...)
}

// babbles does everything, and finds nothing wrong with words that say nothing.
func babbles(t *testing.T, s *Session) {
	for _, q := range s.book.Questions() {
		ask(t, s, q.ID)
	}
	measureAll(t, s, s.host.Probes()...)
	c := Conclusion{Healthy: s.scenario.Healthy(), Causes: s.scenario.Truth, Steps: rightSteps(s), Risk: "bla bla", Rollback: "bla bla", Verify: "bla bla", Explanation: "bla bla bla bla bla bla"}
	mustDo(t, s.Commit(c))
	tickAll(t, s)
}

// ticksAll goes the wise way, and takes every step of the menu.
func ticksAll(t *testing.T, s *Session) {
	wise := New(s.book, s.scenario, s.host)
	for n := s.wise(); n != nil; n = s.wise() {
		if n.Kind == Asked {
			ask(t, s, n.ID)
		} else {
			measureAll(t, s, n.ID)
		}
		suspectNamed(t, s)
	}
	var all []string
	mustDo(t, wise.Conclude(Conclusion{Healthy: s.scenario.Healthy(), Causes: s.scenario.Truth}))
	for _, c := range wise.Menu() {
		all = append(all, c.ID)
	}
	conclude(t, s, all...)
}

// hinted asks for a hint before each step.
func hinted(t *testing.T, s *Session) {
	for range 4 {
		_, err := s.Hint()
		mustDo(t, err)
	}
	wisely(t, s)
}

// followsWay goes the way of the debrief as it is told, and says what it should in words.
func followsWay(t *testing.T, s *Session) {
	path, _ := s.ideal()
	for _, p := range path {
		mustDo(t, s.take(p.Step))
		for _, c := range p.Suspect {
			mustDo(t, s.Suspect(c.ID))
		}
		for _, c := range p.Drop {
			mustDo(t, s.Drop(c.ID))
		}
	}
	model := modelStep(s.scenario, s.truePlan())
	c := Conclusion{Healthy: s.scenario.Healthy(), Causes: s.scenario.Truth, Steps: rightSteps(s), Risk: model.Risk, Rollback: model.Rollback, Verify: model.Verify, Explanation: strings.Join(s.scenario.KeyPoints, " ")}
	if len(c.Causes) > 0 {
		c.Hop = s.book.Cause(c.Causes[0]).Hop
	}
	mustDo(t, s.Commit(c))
	tickAll(t, s)
}

// dropsAll suspects everything, measures everything and drops all but the truth, which it
// knows. Its words are nonsense.
func dropsAll(t *testing.T, s *Session) {
	for _, c := range s.book.Causes {
		mustDo(t, s.Suspect(c.ID))
	}
	measureAll(t, s, s.host.Probes()...)
	for _, c := range s.book.Causes {
		if !slices.Contains(s.scenario.Truth, c.ID) {
			mustDo(t, s.Drop(c.ID))
		}
	}
	concludeNonsense(t, s)
}

// asksNobody knows the truth, and measures everything for it.
func asksNobody(t *testing.T, s *Session) {
	for i, probe := range s.host.Probes() {
		measureAll(t, s, probe)
		for _, id := range s.scenario.Truth {
			mustDo(t, s.Suspect(id))
		}
		if i == 0 && s.scenario.Healthy() {
			mustDo(t, s.Suspect(NothingWrong))
		}
	}
	concludeNonsense(t, s)
}

// hastens names the truth after a first look, and takes a second.
func hastens(t *testing.T, s *Session) {
	measureAll(t, s, "counters")
	for _, id := range s.scenario.Truth {
		mustDo(t, s.Suspect(id))
	}
	measureAll(t, s, "sockets")
	concludeNonsense(t, s)
}

func concludeNonsense(t *testing.T, s *Session) {
	const nonsense = "lorem ipsum dolor sit amet"
	c := Conclusion{Healthy: s.scenario.Healthy(), Causes: s.scenario.Truth, Steps: rightSteps(s), Risk: nonsense, Rollback: nonsense, Verify: nonsense, Explanation: nonsense}
	if len(c.Causes) > 0 {
		c.Hop = s.book.Cause(c.Causes[0]).Hop
	}
	mustDo(t, s.Commit(c))
	tickAll(t, s)
}

// doneWell is what a session has to reach to count as done well: 0.7 of 24.
const doneWell = 16.75

// TestScoreIsNotGamed plays every scenario in many ways. Whoever clarifies, measures
// what tells and concludes from it must come out first; guessing, asking everything,
// measuring everything, suspecting everything, ticking everything and hints must cost.
func TestScoreIsNotGamed(t *testing.T) {
	wise, human, greedy := player{"wise", wisely}, player{"human", humanly}, player{"greedy", greedily}
	everyone, asks, measures := player{"everything", everything}, player{"asks all", asksAll}, player{"measures all", measuresAll}
	thorough, babble, led := player{"thorough", thoroughly}, player{"babbles", babbles}, player{"led by hints", hintedOn}
	lucky, wrong := player{"lucky guess", guesses}, player{"wrong guess", guessesWrong}
	way, nobody, drops, hasty := player{"ideal way", followsWay}, player{"asks nobody", asksNobody}, player{"drops all", dropsAll}, player{"hasty", hastens}
	suspects, ticks, hints := player{"suspects all", suspectsAll}, player{"ticks all", ticksAll}, player{"hinted", hinted}
	all := labScenes(t, someLab...)
	if !testing.Short() { // a dozen sessions each
		all = append(all, scenes(t)...)
	}
	for _, sc := range all {
		t.Run(sc.ID, func(t *testing.T) {
			total := map[string]float64{}
			for _, p := range []player{wise, human, greedy, everyone, thorough, asks, measures, lucky, wrong, suspects, ticks, hints, babble, led, way, nobody, drops, hasty} {
				total[p.name] = p.total(t, sc)
			}
			for _, order := range [][2]player{
				{wise, everyone}, {wise, greedy}, {wise, suspects}, {wise, ticks}, {wise, hints}, {wise, measures}, {human, led}, {everyone, babble},
				{human, everyone}, {wise, thorough}, {human, thorough}, {human, greedy}, {human, measures}, {human, asks}, {human, lucky}, {human, suspects}, {human, ticks},
				{everyone, asks}, {measures, asks}, {greedy, lucky}, {measures, lucky}, {everyone, lucky}, {lucky, wrong},
			} {
				if total[order[0].name] <= total[order[1].name] {
					t.Errorf("%s has %v points, %s %v", order[0].name, total[order[0].name], order[1].name, total[order[1].name])
				}
			}
			for name, most := range map[string]float64{"everything": 15, "babbles": 15, "thorough": doneWell, "led by hints": doneWell, "measures all": 13, "asks nobody": 13, "drops all": 10, "hasty": 13} {
				if total[name] >= most+0.01 {
					t.Errorf("%s has %v points, more than %v", name, total[name], most)
				}
			}
			if total["human"] < 20 {
				t.Errorf("who asks what matters and measures what lies at hand has only %v points", total["human"])
			}
			if total["ideal way"] != 24 && len(sc.Answers) > 5 {
				t.Errorf("whoever follows the debrief's way has %v points of 24", total["ideal way"])
			}
			if total["wise"] < 22 {
				t.Errorf("whoever goes the ideal way has only %v points of 24", total["wise"])
			}
			if total["lucky guess"] > 6 {
				t.Errorf("a lucky guess has %v points of 24", total["lucky guess"])
			}
		})
	}
}

// A cause that is right but does not follow from what was measured counts half at most.
func TestUnfoundedCountsHalf(t *testing.T) {
	for _, sc := range labScenes(t, "accept-queue-full", "healthy-web", "two-tc-drop-clsact+port-closed") {
		mark := func(play func(*testing.T, *Session)) float64 {
			s := New(loadBook(t), sc.Scenario, sc.host())
			play(t, s)
			for _, m := range s.Feedback().Marks {
				if m.Area == Concluding {
					return m.Points
				}
			}
			return 0
		}
		guess, known := mark(guesses), mark(wisely)
		if known < 3.75 || guess > known/2 {
			t.Errorf("%s: a guess has %v points, knowledge %v", sc.ID, guess, known)
		}
	}
}

// Of two faults, naming one is half; naming more than there is costs.
func TestNamingTooLittleOrTooMuch(t *testing.T) {
	sc := labScenes(t, "two-tc-drop-clsact+port-closed")[0]
	mark := func(causes ...string) float64 {
		s := New(loadBook(t), sc.Scenario, sc.host())
		measureAll(t, s, s.host.Probes()...)
		mustDo(t, s.Commit(Conclusion{Causes: causes, Hop: "bpf"}))
		for _, m := range s.Feedback().Marks {
			if m.Area == Concluding {
				return m.Points
			}
		}
		return 0
	}
	both, one, three := mark(sc.Truth...), mark(sc.Truth[0]), mark(append(slices.Clone(sc.Truth), "path.loss")...)
	if both != 4 || one != 2.5 || three != 2.5 {
		t.Errorf("both have %v points, one %v, both and a wrong one %v: expected 4, 2.5, 2.5", both, one, three)
	}
}
