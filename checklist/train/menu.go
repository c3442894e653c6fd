package train

import (
	"cmp"
	"slices"
	"strings"

	"whydrop/checklist"
	"whydrop/content"
)

// ChoiceKind says what a line of the menu is.
type ChoiceKind string

// The kinds of choices.
const (
	ARemedy   ChoiceKind = "remedy"
	AFolklore ChoiceKind = "folklore"
	ANothing  ChoiceKind = "nothing"
	AHandOver ChoiceKind = "hand-over"
)

// Choice is a line of the menu of plan steps. What is shown of it (Title, Command)
// does not tell whether it is right.
type Choice struct {
	ID      string // CAUSE/REMEDY, the folklore's id, "nothing", "hand-over"
	Kind    ChoiceKind
	Title   string
	Command string // in outline: with N and words in capitals; may be empty
	// Right says that the scenario or the plan for these facts has it, Best that
	// nothing is better.
	Right, Best bool
	// Cause is what the remedy is for, nil for other choices.
	Cause    *content.Cause
	Remedy   *content.Remedy
	Folklore *content.Folklore
}

const (
	mostWrong    = 3 // of one cause that is not at work
	decoys       = 2 // causes that are not at work and have as many steps as the truth
	leastChoices = 8
	mostChoices  = 12
)

// Menu returns the plan steps that the candidate chooses from, always in the same order.
// The causes that were named are known: show it after Conclude. What is at work has no
// more lines than other causes, so that the menu does not tell it.
func (s *Session) Menu() []Choice {
	if s.menu != nil {
		return s.menu
	}
	m := &menuMaker{session: s}
	most := m.right()
	m.generic()
	m.lookAlikes(most)
	folklore := m.folklore()
	for i, c := range folklore {
		if i < 2 && len(m.choices) < mostChoices || len(m.choices) < leastChoices { // more where there is little else
			m.choices = append(m.choices, c)
		}
	}
	slices.SortStableFunc(m.choices, func(a, b Choice) int {
		return cmp.Compare(chance(s.scenario.ID+a.ID), chance(s.scenario.ID+b.ID))
	})
	s.menu = m.choices
	return s.menu
}

func (s *Session) choice(id string) *Choice {
	menu := s.Menu()
	for i := range menu {
		if menu[i].ID == id {
			return &menu[i]
		}
	}
	return nil
}

// menuMaker collects the choices.
type menuMaker struct {
	session *Session
	choices []Choice
	fine    []*content.Remedy // right, whether or not they are on the menu
}

func (m *menuMaker) has(id string) bool {
	return slices.ContainsFunc(m.choices, func(c Choice) bool { return c.ID == id })
}

// remedy is the choice of a remedy.
func (m *menuMaker) remedy(c *content.Cause, r *content.Remedy) Choice {
	book := m.session.book
	command := oneLine(r.Runtime.Outline(book.Facts, r.Each))
	if command == "" && r.Kind == "sysctl" {
		command = "sysctl -w " + r.Setting + "=VALUE"
	}
	return Choice{ID: c.ID + "/" + r.ID, Kind: ARemedy, Title: r.Title, Command: command, Cause: c, Remedy: r}
}

// right adds what the scenario says is right, the best of each truth first, and what
// helps besides, then what the plan has beside it. It returns how many steps the cause
// with the most has.
func (m *menuMaker) right() (most int) {
	s := m.session
	have := map[string]int{}
	add := func(cause *content.Cause, r *content.Remedy, best bool) {
		c := m.remedy(cause, r)
		if m.has(c.ID) {
			return
		}
		c.Right, c.Best = true, best
		have[cause.ID]++
		most = max(most, have[cause.ID])
		m.choices = append(m.choices, c)
	}
	for _, step := range s.truePlan() {
		m.fine = append(m.fine, step.Remedy)
	}
	steps := slices.Clone(s.scenario.Fix)
	for _, h := range s.scenario.Helps {
		steps = append(steps, h.Step)
	}
	for _, id := range steps {
		if cause, r := s.book.Remedy(id); r != nil {
			m.fine = append(m.fine, r)
			add(cause, r, slices.Contains(s.bestSteps(), id))
		}
	}
	if most < 2 { // as many as other causes have, but no padding
		for _, step := range s.truePlan() {
			if have[step.Cause.ID] < 2 && !m.aside(step.Cause.ID+"/"+step.Remedy.ID) {
				add(step.Cause, step.Remedy, false)
			}
		}
	}
	return min(most, mostWrong)
}

// bestSteps are those that nothing is better than.
func (s *Session) bestSteps() []string {
	best := slices.Clone(s.scenario.Fix[:min(1, len(s.scenario.Fix))])
	for _, h := range s.scenario.Helps {
		if h.Best {
			best = append(best, h.Step)
		}
	}
	return best
}

// aside says whether the story says neither that a step is right nor that it is wrong.
func (m *menuMaker) aside(id string) bool { return slices.Contains(m.session.scenario.Aside, id) }

// truePlan is the engine's plan for the truth on these facts.
func (s *Session) truePlan() []checklist.PlanStep {
	all := s.wholeKnown()
	if !all.planned && all.kase.Facts != nil {
		all.plan = slices.DeleteFunc(all.kase.Plan(all.judged), func(p checklist.PlanStep) bool {
			return p.Folklore != nil || !s.scenario.Right(p.Cause.ID)
		})
		all.planned = true
	}
	return all.plan
}

// elsewhere are the hops whose faults somebody else mends.
var elsewhere = []string{"path", "peer", "aws"}

// handedOver says whether somebody else mends a truth: it is not on this host, or a right
// step against it asks somebody else to act.
func (s *Session) handedOver(truth string) bool {
	cause := s.book.Cause(truth)
	if cause == nil {
		return false
	}
	return slices.Contains(elsewhere, cause.Hop) || slices.ContainsFunc(s.scenario.Fix, func(id string) bool {
		c, r := s.book.Remedy(id)
		return r != nil && s.covers([]string{c.ID}, truth) && (r.Ask != nil || r.Kind == "network" || slices.Contains(elsewhere, c.Hop))
	})
}

// generic adds the two choices that every menu has.
func (m *menuMaker) generic() {
	s := m.session
	out := slices.ContainsFunc(s.scenario.Truth, s.handedOver)
	m.choices = append(m.choices,
		Choice{ID: "nothing", Kind: ANothing, Title: "Change nothing on this host; mend the alarm", Right: s.scenario.Healthy(), Best: s.scenario.Healthy()},
		Choice{ID: content.HandOver, Kind: AHandOver, Title: "Hand over to the owner of the path or the other end, with this evidence", Right: out || s.helps(content.HandOver)})
}

// helps says whether a step is sound here though no truth's own.
func (s *Session) helps(step string) bool {
	return slices.ContainsFunc(s.scenario.Helps, func(h *content.Help) bool { return h.Step == step })
}

// lookAlikes adds what is in vain by the story. Steps of causes that one is tempted by
// come before: of what the candidate named wrongly, and, where the story names none, of
// the herrings, of what the truth is confused with, and of neighbours of these. Each
// cause has as many steps as the truth, if it has so many that do something else.
func (m *menuMaker) lookAlikes(most int) {
	s := m.session
	if s.scenario.Healthy() {
		most = 2 + int(chance(s.scenario.ID)%2)
	}
	causes := m.tempting()
	want := decoys * most
	for share := most; share > 0 && want > 0; share-- { // causes with many steps first
		for _, cause := range causes {
			steps := m.wrong(cause)
			if len(steps) < share || len(m.choices)+share > mostChoices-1 {
				continue
			}
			m.choices = append(m.choices, steps[:share]...)
			if want -= share; want < share {
				break
			}
		}
	}
	for _, id := range s.scenario.Vain {
		if cause, r := s.book.Remedy(id); r != nil && !m.has(id) && len(m.choices) < mostChoices-1 {
			m.choices = append(m.choices, m.remedy(cause, r))
		}
	}
}

// wrong are the steps against a cause that is not at work that are surely in vain: not
// those that only look, nor what does or says nearly the same as a right step.
func (m *menuMaker) wrong(cause *content.Cause) []Choice {
	var steps []Choice
	for _, r := range cause.Remedies {
		c := m.remedy(cause, r)
		same := func(have Choice) bool { return sameWords(have.Title, c.Title) }
		right := func(have *content.Remedy) bool { return sameEffect(have, r) }
		if !m.has(c.ID) && !looks(cause, r) && !m.aside(c.ID) && !slices.ContainsFunc(m.fine, right) && !slices.ContainsFunc(m.choices, same) && !slices.ContainsFunc(steps, same) {
			steps = append(steps, c)
		}
	}
	return steps
}

// looks says whether a remedy only finds something out, or asks somebody else to in
// nearly the same words: to look is never wrong.
func looks(cause *content.Cause, r *content.Remedy) bool {
	return slices.ContainsFunc(cause.Remedies, func(o *content.Remedy) bool {
		return o.Kind == "investigate" && (o == r || r.Ask != nil && sameWords(o.Title, r.Title))
	})
}

// sameWords says whether two titles say nearly the same: most words of the shorter one.
func sameWords(a, b string) bool {
	all, other := titleWords(a), titleWords(b)
	if len(all) > len(other) {
		all, other = other, all
	}
	both := 0
	for _, w := range all {
		if slices.ContainsFunc(other, func(o string) bool { return alike(o, w) >= 0.85 }) {
			both++
		}
	}
	return a == b || float64(both) > 0.6*float64(len(all))
}

// titleWords are the words of a step that carry its meaning.
func titleWords(title string) []string {
	words := slices.DeleteFunc(tokens(title), func(w string) bool { return len(w) < 3 || slices.Contains(plainWords, w) })
	slices.Sort(words)
	return slices.Compact(words)
}

// plainWords are those of any step.
var plainWords = strings.Fields("the and for that this what with who here there more them set net ipv4 ipv6 core conf")

// sameEffect says whether two remedies set the same setting, run the same command, or
// give an application a number of the same things, such as connections that may wait.
func sameEffect(a, b *content.Remedy) bool {
	if a.Title == b.Title || a.Kind == "application" && b.Kind == a.Kind && a.Unit != "" && a.Unit == b.Unit {
		return true
	}
	for setting := range a.Settings() {
		if _, both := b.Settings()[setting]; both {
			return true
		}
	}
	return a.Runtime != nil && b.Runtime != nil && a.Runtime.Source == b.Runtime.Source
}

// tempting are the causes that are not at work and that one might act on: where the
// story says which steps are in vain, those alone that the candidate named.
func (m *menuMaker) tempting() []*content.Cause {
	s := m.session
	var all []*content.Cause
	add := func(id string) {
		if c := s.book.Cause(id); c != nil && !s.scenario.Right(id) && !slices.Contains(all, c) {
			all = append(all, c)
		}
	}
	if s.named != nil {
		for _, id := range s.named.Causes {
			add(id)
		}
	}
	if len(s.scenario.Vain) > 0 {
		return all
	}
	for _, h := range s.scenario.Herrings {
		add(h.Cause)
	}
	for _, truth := range s.scenario.Truth {
		for _, c := range s.book.Cause(truth).ConfusedWith {
			add(c.Cause)
		}
	}
	for _, near := range slices.Clone(all) {
		for _, c := range near.ConfusedWith {
			add(c.Cause)
		}
	}
	return all
}

// folklore are settings that nobody should make: first those that people try against
// the truth.
func (m *menuMaker) folklore() []Choice {
	s := m.session
	fits := func(f *content.Folklore) int {
		for _, truth := range s.scenario.Truth {
			if slices.Contains(f.TriedFor, truth) {
				return 0
			}
		}
		for _, h := range s.scenario.Herrings {
			if slices.Contains(f.TriedFor, h.Cause) {
				return 1
			}
		}
		return 2
	}
	all := slices.DeleteFunc(slices.Clone(s.book.Folklore), func(f *content.Folklore) bool {
		return m.aside(f.ID) || slices.ContainsFunc(m.choices, func(c Choice) bool { return c.Right && sameWords(c.Title, asStep(f.Title)) }) || slices.ContainsFunc(f.RemedyOf, s.scenario.Right) || slices.ContainsFunc(f.Explains, s.scenario.Right)
	})
	slices.SortStableFunc(all, func(a, b *content.Folklore) int {
		return cmp.Or(cmp.Compare(fits(a), fits(b)), cmp.Compare(chance(s.scenario.ID+a.ID), chance(s.scenario.ID+b.ID)))
	})
	var choices []Choice
	for _, f := range all[:min(leastChoices, len(all))] {
		choices = append(choices, Choice{ID: f.ID, Kind: AFolklore, Title: asStep(f.Title), Folklore: f})
	}
	return choices
}

// asStep words what folklore sets as a step, as the remedies are worded. A setting is
// written as it is.
func asStep(title string) string {
	first, _, _ := strings.Cut(title, " ")
	switch {
	case strings.Contains(title, "net."), strings.ContainsAny(first, "_.0123456789"), strings.Contains(title, "="), first == "txqueuelen":
		return "Set " + title
	}
	return strings.ToUpper(title[:1]) + title[1:]
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }
