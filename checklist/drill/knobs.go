package drill

import (
	"maps"
	"regexp"
	"slices"
	"strings"

	"whydrop/content"
)

// knob is a sysctl with the remedies that set it.
type knob struct {
	setting string
	cause   *content.Cause
	remedy  *content.Remedy // the first that sets it
	causes  []string
}

// sysctls are the settings that remedies change, in the order of the causes.
func (m *maker) sysctls() []*knob {
	var all []*knob
	by := map[string]*knob{}
	for _, c := range m.book.Causes {
		for _, r := range c.Remedies {
			if r.Kind != "sysctl" || r.Setting == "" || r.Effect == nil {
				continue
			}
			k := by[r.Setting]
			if k == nil {
				k = &knob{setting: r.Setting, cause: c, remedy: r}
				by[r.Setting], all = k, append(all, k)
			}
			k.causes = append(k.causes, c.ID)
		}
	}
	return all
}

func (m *maker) outline(t *content.Text, r *content.Remedy) string {
	return t.Outline(m.book.Facts, r.Each)
}

// knobs ask what a setting is good for, and what a change of it reaches.
func (m *maker) knobs() {
	all := m.sysctls()
	for _, k := range all {
		r := k.remedy
		effect := m.outline(r.Effect, r)
		scope := []string{
			part("Scope", m.outline(r.Scope, r)), part("Risk", m.outline(r.Risk, r)),
		}
		c := &Card{
			ID: "knob:" + k.setting, Kind: Knob, Hops: []string{k.cause.Hop}, Subject: "knob:" + k.setting,
			Ask: m.ask("knob", k.setting), Explain: []string{part("For", k.cause.Title), scope[0], scope[1]}, Sources: k.cause.Sources,
		}
		if offer(c, option{effect, k.setting}, m.otherEffects(k, all)) {
			m.add(c)
		}
		m.add(&Card{
			ID: "scope:" + k.setting, Kind: Knob, Form: Recall, Hops: []string{k.cause.Hop}, Subject: "knob:" + k.setting,
			Ask: m.ask("scope", k.setting), Answer: strings.TrimSpace(strings.Join(scope, " ")),
			Explain: []string{part("For", k.cause.Title), part("Effect", effect)}, Sources: k.cause.Sources,
		})
	}
}

// otherEffects are those of settings of other places that are good for no cause of
// this one's, the nearest first. What names something that moves for a cause of this
// one's is none.
func (m *maker) otherEffects(k *knob, all []*knob) []option {
	var others []option
	for _, c := range m.lookAlikes(k.cause) {
		for _, o := range all {
			if o.cause != c || c.Hop == k.cause.Hop || slices.ContainsFunc(o.causes, func(id string) bool { return slices.Contains(k.causes, id) }) {
				continue
			}
			if effect := m.outline(o.remedy.Effect, o.remedy); !m.speaksFor(effect, k.causes) {
				others = append(others, option{effect, o.setting})
			}
		}
	}
	return others
}

// counter finds a kernel counter in a text, as nstat spells it or with a point.
var counter = regexp.MustCompile(`\b(TcpExt|IpExt|Tcp|Ip6?|Icmp6?|Udp)\.?([A-Z]\w+)`)

// speaksFor says whether a text names a counter that points at one of some causes.
func (m *maker) speaksFor(text string, causes []string) bool {
	for _, name := range counter.FindAllStringSubmatch(text, -1) {
		for _, id := range causes {
			if m.pointsTo(name[1]+"."+name[2], m.book.Cause(id)) {
				return true
			}
		}
	}
	return false
}

// part is a sentence behind a heading.
func part(head, text string) string {
	if text == "" {
		return ""
	}
	return head + ": " + sentence(text)
}

// plain is a text that is the same on every host; "" of one with values of a host.
func (m *maker) plain(t *content.Text) string {
	if t == nil || len(t.Uses()) > 0 || strings.Contains(t.Source, "{value}") {
		return ""
	}
	return t.Outline(m.book.Facts, "")
}

// proposals ask whether to do what somebody proposes against a cause: folklore is
// refused, a remedy of the cause is not.
func (m *maker) proposals() {
	for _, id := range slices.Sorted(maps.Keys(m.drill.Proposals.Refuse)) {
		f, cause := m.book.FolkloreOf(id), m.book.Cause(m.drill.Proposals.Refuse[id])
		m.propose("refuse:"+id, cause, f.Title, refuse, doIt, []string{f.InGeneral(m.book.Facts), part("Instead", f.Instead)}, f.Sources)
	}
	for _, id := range m.drill.Proposals.Accept {
		cause, r := m.book.Remedy(id)
		m.propose("accept:"+id, cause, r.Title, doIt, refuse, []string{
			upper(sentence(firstSentence(m.plain(r.Change)))), part("Effect", m.plain(r.Effect)), part("Risk", m.plain(r.Risk)), part("Verify", m.plain(r.Verify)),
		}, cause.Sources)
	}
}

func (m *maker) propose(id string, cause *content.Cause, what, right, wrong string, why, sources []string) {
	m.add(&Card{
		ID: id, Kind: Folklore, Form: Choice, Hops: []string{cause.Hop}, Subject: id,
		Ask: m.ask("propose", sentence(lower(cause.Title))), What: what, Choices: []string{right, wrong}, Explain: why, Sources: sources,
	})
}

// commands ask what a command is for: one of each program in each step of the
// investigation.
func (m *maker) commands() {
	steps := flatten(m.book.Investigation, "")
	asked := map[string]bool{} // one command has one card
	for _, s := range steps {
		seen := map[string]bool{}
		for _, command := range s.Commands {
			p := program(command)
			if seen[p] || asked[command] || len(command) > longestCommand || len(s.Sources) == 0 {
				continue
			}
			seen[p], asked[command] = true, true
			var others []option
			for _, o := range farSteps(s, steps, p) {
				others = append(others, option{o.title, firstSentence(o.Do)})
			}
			c := &Card{
				ID: "command:" + s.Number + "/" + p, Kind: Command, Hops: m.hopsAt(s), Subject: "step:" + s.Number,
				Ask: m.ask("command", ""), What: command, Explain: []string{s.Do, part("Look for", s.LookFor)}, Sources: s.Sources,
			}
			if offer(c, option{s.title, firstSentence(s.Do)}, others) {
				m.add(c)
			}
		}
	}
}

// longestCommand is how long a command may be that somebody is to recognise.
const longestCommand = 120

// aws begins the numbers of what is about AWS.
const aws = "A"

// hopsAt are the places of the causes that a step finds first.
func (m *maker) hopsAt(s step) []string {
	var hops []string
	for _, id := range s.Causes {
		if c := m.book.Cause(id); c != nil && !slices.Contains(hops, c.Hop) && len(hops) < mostHops {
			hops = append(hops, c.Hop)
		}
	}
	return hops
}

// step is one of the investigation with its title, behind that of the one that it is
// a part of.
type step struct {
	*content.InvestigationStep
	title string
}

// farSteps are the steps that are neither a part of one nor what it is a part of, of
// the same kind (AWS or not), mixed. A step in which the same program runs is none.
func farSteps(s step, all []step, program string) []step {
	var far []step
	for _, o := range all {
		if !strings.HasPrefix(o.Number, s.Number) && !strings.HasPrefix(s.Number, o.Number) &&
			strings.HasPrefix(o.Number, aws) == strings.HasPrefix(s.Number, aws) && !runs(o.InvestigationStep, program) {
			far = append(far, o)
		}
	}
	slices.SortFunc(far, func(a, b step) int { return strings.Compare(mixed(s.Number+a.Number), mixed(s.Number+b.Number)) })
	return far
}

// runs says whether a program is in a command of a step or its parts.
func runs(s *content.InvestigationStep, p string) bool {
	return slices.ContainsFunc(s.Commands, func(c string) bool { return program(c) == p || slices.Contains(strings.Fields(c), p) }) ||
		slices.ContainsFunc(s.Parts, func(part *content.InvestigationStep) bool { return runs(part, p) })
}

// flatten is a list of steps with their parts.
func flatten(steps []*content.InvestigationStep, of string) []step {
	var all []step
	for _, s := range steps {
		title := s.Title
		if of != "" {
			title = of + ": " + lower(title)
		}
		all = append(append(all, step{s, title}), flatten(s.Parts, s.Title)...)
	}
	return all
}

// program is what a command runs.
func program(command string) string {
	p, _, _ := strings.Cut(command, " ")
	if p == "aws" { // each of its commands is one of its own
		if words := strings.Fields(command); len(words) > 2 {
			p = strings.Join(words[:3], "-")
		}
	}
	return p
}
