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

// effect is what the right change of a setting brings about, as it is offered.
func (m *maker) effect(k *knob) string {
	if says := m.drill.Knobs[k.setting]; says != "" {
		return says
	}
	return m.outline(k.remedy.Effect, k.remedy)
}

// knobs ask what a setting is good for, and what a change of it reaches. Of settings
// that are twins, such as those of IPv4 and IPv6, only the first is asked.
func (m *maker) knobs() {
	all := m.sysctls()
	asked := map[string]bool{}
	for _, k := range all {
		r, effect := k.remedy, m.effect(k)
		reach := strings.TrimSpace(part("Scope", m.outline(r.Scope, r)) + " " + part("Risk", m.outline(r.Risk, r)))
		explain := []string{part("For", k.cause.Title), part("Effect", m.outline(r.Effect, r))}
		c := &Card{
			ID: "knob:" + k.setting, Kind: Knob, Hops: []string{k.cause.Hop}, Subject: "knob:" + k.setting,
			Ask: m.ask("knob", k.setting), Explain: append(slices.Clone(explain), reach), Sources: k.cause.Sources,
		}
		if !asked[effect] && offer(c, option{effect, k.setting}, m.otherEffects(k, all)) {
			m.add(c)
		}
		if !asked[reach] {
			m.add(&Card{
				ID: "scope:" + k.setting, Kind: Knob, Form: Recall, Hops: []string{k.cause.Hop}, Subject: "knob:" + k.setting,
				Ask: m.ask("scope", k.setting), Answer: reach, Explain: explain, Sources: k.cause.Sources,
			})
		}
		asked[effect], asked[reach] = true, true
	}
}

// otherEffects are those of settings of other places that are good for no cause of
// this one's, the nearest first. What names something that moves for a cause of this
// one's is none, nor is what is good for a look-alike: the one may bring it about, too.
func (m *maker) otherEffects(k *knob, all []*knob) []option {
	var others []option
	for _, c := range m.lookAlikes(k.cause) {
		for _, o := range all {
			if o.cause != c || c.Hop == k.cause.Hop || lookAlike(c, k.cause) || slices.ContainsFunc(o.causes, func(id string) bool { return slices.Contains(k.causes, id) }) {
				continue
			}
			if effect := m.effect(o); !m.speaksFor(effect, k.causes) {
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
		f, p := m.book.FolkloreOf(id), m.drill.Proposals.Refuse[id]
		m.propose("refuse:"+id, m.book.Cause(p.Against), p.Says, refuse, doIt, []string{f.InGeneral(m.book.Facts), part("Instead", f.Instead)}, f.Sources)
	}
	for _, id := range slices.Sorted(maps.Keys(m.drill.Proposals.Accept)) {
		cause, r := m.book.Remedy(id)
		m.propose("accept:"+id, cause, m.drill.Proposals.Accept[id], doIt, refuse, []string{
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

// commands ask what a command is for. The others are what commands of other steps are
// for: neither of those of which its step is a part, nor of the same program.
func (m *maker) commands() {
	steps := map[string]step{}
	for _, s := range flatten(m.book.Investigation, "") {
		steps[s.Number] = s
	}
	for _, p := range m.drill.Commands {
		s := steps[p.Step]
		var others []option
		for _, o := range m.drill.Commands {
			if far(p, o) {
				others = append(others, option{o.For, o.Run})
			}
		}
		slices.SortFunc(others, func(a, b option) int { return strings.Compare(mixed(p.Run+a.why), mixed(p.Run+b.why)) })
		c := &Card{
			ID: "command:" + p.Step + "/" + program(p.Run), Kind: Command, Hops: m.hopsAt(s), Subject: "step:" + p.Step,
			Ask: m.ask("command", ""), What: p.Run, Explain: []string{part("Look for", p.Look), part("Step of the investigation", s.title)}, Sources: s.Sources,
		}
		if offer(c, option{p.For, p.Run}, others) {
			m.add(c)
		}
	}
}

// far says whether what one command is for is no answer to what another is for. AWS is
// asked among AWS.
func far(p, o *content.Purpose) bool {
	return !strings.HasPrefix(o.Step, p.Step) && !strings.HasPrefix(p.Step, o.Step) &&
		strings.HasPrefix(o.Step, aws) == strings.HasPrefix(p.Step, aws) && program(o.Run) != program(p.Run)
}

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
