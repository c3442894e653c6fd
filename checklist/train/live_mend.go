package train

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"whydrop/checklist"
	"whydrop/content"
	"whydrop/probes/fact"
)

// Mended says what has become of a live host.
type Mended string

// What can have become of it.
const (
	Fixed    Mended = "fixed"      // the host shows nothing of what was wrong, and its clients are served
	NotFixed Mended = "not fixed"  // it goes on, or they are not served
	Untold   Mended = "can't tell" // too little happened to say
	Worse    Mended = "worse"      // clients that were served are not, or are there no more
)

// Mending is one look whether a live host is mended.
type Mending struct {
	Outcome Mended `json:"outcome"`
	// Amiss says what is broken now and was not before.
	Amiss []string `json:"amiss,omitempty"`
	// Some says that some who complained are served now, All that all are.
	Some bool `json:"some,omitempty"`
	All  bool `json:"all,omitempty"`
	// But are settings that were made since the host was sick and that no plan recommends,
	// with what speaks against each.
	But []string `json:"but,omitempty"`
	// Why tells the figures. It names the cause: it is for after the commit.
	Why []string `json:"why,omitempty"`
	// Seconds is for how long the host was looked at.
	Seconds float64 `json:"seconds"`
	// Possible says that settings of this host's network can mend it: a fault of the path,
	// the other end or the application is mended by those whose they are.
	Possible bool `json:"possible,omitempty"`
}

// Tell tells a look in sentences. Before the commit it does not name the cause.
func (m *Mending) Tell(over bool) []string {
	var says []string
	switch m.Outcome {
	case Fixed:
		says = []string{"Fixed: this host shows nothing more of what was wrong, and those who complained are served."}
	case NotFixed:
		says = []string{"Not fixed: " + m.remains()}
	case Untold:
		says = []string{fmt.Sprintf("Can't tell: in %s s too little happened. Look again in a while.", content.Show(math.Round(m.Seconds)))}
	case Worse:
		says = append([]string{"Worse: something is broken now that was not before."}, m.Amiss...)
	}
	for _, but := range m.But {
		says = append(says, "But: "+but)
	}
	if over {
		says = append(says, m.Why...)
	}
	return says
}

// remains says what goes on.
func (m *Mending) remains() string {
	switch {
	case m.All:
		return "those who complained are served now, but what was wrong goes on."
	case m.Some:
		return "some who complained are served now, others are not."
	}
	return "what people complain of goes on."
}

// Verify judges by a look from now on whether a live host is mended, and keeps
// that in the session: the last look counts. It can be asked before the commit and
// after it. Errors: a host that is not live or was never seen sick, a *NotKeptError
// beside the result.
func (s *Session) Verify(now *Seen) (*Mending, error) {
	w, live := s.host.(*Watched)
	if !live {
		return nil, errors.New("a recorded host cannot be mended")
	}
	if w.Sick() == nil || now == nil || now.Facts == nil {
		return nil, errors.New("the host was not observed: nothing can be compared")
	}
	m := s.mending(w, now)
	if err := s.do(Event{Kind: Verified, Mending: m}); err != nil {
		return m, err
	}
	return m, nil
}

// Live says whether the host is there now, or was during a part of the session.
func (s *Session) Live() bool {
	_, live := s.host.(*Watched)
	return live || slices.ContainsFunc(s.events, func(e Event) bool { return e.Moment == Live || e.Kind == Verified })
}

// Mending returns the last look whether the host is mended, nil if there was none.
func (s *Session) Mending() *Mending {
	for _, e := range slices.Backward(s.events) {
		if e.Kind == Verified {
			return e.Mending
		}
	}
	return nil
}

// mending compares the sick host with what it shows now. It is mended when the kernel
// does not count the fault any more and those are served who suffered from it.
func (s *Session) mending(w *Watched, now *Seen) *Mending {
	before, since := w.Sick(), now.Facts
	m := &Mending{Outcome: Fixed, Seconds: since.Seconds, Possible: s.mendable()}
	is := s.judgeAlone(since)
	for _, truth := range s.scenario.Truth {
		outcome, why := s.stopped(truth, before, since, is)
		m.Why = append(m.Why, why)
		if m.Outcome == Fixed || outcome == NotFixed {
			m.Outcome = outcome
		}
	}
	clients := compare(w.sufferers(), now.Clients)
	m.Outcome = clients.judge(m.Outcome)
	m.Some, m.All = clients.healed > 0, clients.healed > 0 && len(clients.still) == 0
	m.But = s.refused(before, since)
	for _, c := range clients.still {
		m.Why = append(m.Why, c.String()+".")
	}
	switch {
	case s.scenario.Healthy(): // which nobody is told before the commit
		m.Outcome, m.Why = NotFixed, []string{"Nothing is wrong on this host, so nothing on it can be mended."}
	case m.Outcome == NotFixed && !m.Possible:
		m.Why = append(m.Why, "No setting of this host's network mends it: the right step is one of the application or of somebody else, and the plan says whose.")
	}
	if len(clients.worse) > 0 {
		m.Outcome, m.Amiss = Worse, s.amiss(clients.worse, s.judgeAlone(before), is)
	}
	return m
}

// judge is the verdict when the clients are heard too, after what the kernel says.
func (f fares) judge(kernel Mended) Mended {
	switch {
	case len(f.still) > 0:
		return NotFixed
	case f.unheard && kernel == Fixed:
		return Untold
	case kernel == Untold && f.suffered && !f.unheard: // and nobody does any more
		return Fixed
	}
	return kernel
}

// refused are the settings made from one observation to the other that folklore
// recommends, with what speaks against each.
func (s *Session) refused(before, since *fact.Facts) []string {
	var says []string
	had, has := settingsOf(before), settingsOf(since)
	for _, f := range s.book.Folklore {
		for _, name := range slices.Sorted(maps.Keys(has)) {
			setting, is := strings.CutPrefix(name, "sysctl.")
			value := content.Show(has[name])
			if !is || had[name] == nil || value == content.Show(had[name]) || !f.Sets(setting) {
				continue
			}
			if slices.Contains(f.Never, value) || s.makesFolklore(f, had, has) {
				says = append(says, fmt.Sprintf("%s = %s. %s Instead: %s", setting, value, oneLine(f.InGeneral(s.book.Facts)), oneLine(f.Instead)))
			}
		}
	}
	return says
}

// makesFolklore says whether a host has folklore now that it had not, and that mends
// nothing here.
func (s *Session) makesFolklore(f *content.Folklore, had, has map[string]any) bool {
	if f.Undo == nil || f.Undo.Each != "" || slices.ContainsFunc(f.RemedyOf, s.scenario.Right) {
		return false
	}
	was, _ := f.Undo.When.Holds(content.NewEnv(had))
	is, known := f.Undo.When.Holds(content.NewEnv(has))
	return is && known && !was
}

// settingsOf are the values of an observation as expressions name them.
func settingsOf(f *fact.Facts) map[string]any {
	all := map[string]any{}
	for name, v := range f.Values {
		if v.Now != nil {
			all[name] = v.Now
		}
	}
	return all
}

// proved says whether a look before the conclusion found the live host mended of a
// cause: who can stop it has shown what it is.
func (s *Session) proved(cause string) bool {
	for _, e := range s.events {
		switch {
		case e.Kind == Concluded, e.Kind == Committed:
			return false
		case e.Kind == Verified && e.Mending.Outcome == Fixed:
			return cause != "" && s.scenario.Right(cause)
		}
	}
	return false
}

// provedShare is the least share of the evidence of a cause that somebody has seen who
// mended it.
const provedShare = 2.0 / 3

// whenLooked says when the last look was, seen from the commit.
func (s *Session) whenLooked() string {
	var looked, committed time.Time
	for _, e := range s.events {
		switch e.Kind {
		case Verified:
			looked = e.At
		case Committed:
			committed = e.At
		}
	}
	if committed.Before(looked) {
		return "your last look, after the commit,"
	}
	return fmt.Sprintf("your last look, %v before the commit,", committed.Sub(looked).Round(time.Second))
}

// amiss tells who was served and is not any more, and what is found now that was not
// found before. What else runs on the machine is nothing of this host.
func (s *Session) amiss(worse []Client, was, is *checklist.Diagnosis) []string {
	var says []string
	for _, c := range worse {
		says = append(says, c.String()+".")
	}
	for _, f := range is.Named() {
		had := was.Finding(f.Cause.ID)
		if f.Cause.Hop != "host" && !s.scenario.Right(f.Cause.ID) && (had == nil || !had.Named()) {
			says = append(says, "New: "+f.Cause.Title+".")
		}
	}
	return says
}

// judgeAlone is what the engine makes of an observation without any answer.
func (s *Session) judgeAlone(f *fact.Facts) *checklist.Diagnosis {
	c := checklist.NewCase(s.book, s.inquiry.Started)
	c.Facts = f
	return c.Diagnose()
}

// atWork are the truths that a diagnosis names, or what stands for them.
func atWork(d *checklist.Diagnosis, sc *content.Scenario) []string {
	var all []string
	for _, truth := range sc.Truth {
		f := d.Finding(truth)
		if f != nil && f.Named() || slices.ContainsFunc(d.Named(), accepted(sc)) {
			all = append(all, truth)
		}
	}
	return all
}

// longEnough is the share of the time in which the fault showed for which a host has to
// be looked at without finding it, where nothing is counted that must stop.
const longEnough = 0.9

// stopped says whether one truth is over: by what its remedies are to stop, and by
// whether it is named any more.
func (s *Session) stopped(truth string, before, since *fact.Facts, is *checklist.Diagnosis) (Mended, string) {
	title := s.book.Cause(truth).Title
	effect := s.effect(truth, before, since)
	named := slices.Contains(atWork(is, s.scenario), truth)
	says := fmt.Sprintf("\"%s\" is not found any more", title)
	if named {
		says = fmt.Sprintf("\"%s\" is still found", title)
	}
	if effect.What != "" && effect.SinceSeconds > 0 {
		says += ": " + effect.Says()
	}
	says += "."
	switch {
	case effect.Outcome == checklist.Stopped: // what causes it may go on and do no harm
		return Fixed, says
	case named, effect.Outcome == checklist.Unchanged, effect.Outcome == checklist.More, effect.Outcome == checklist.Fewer:
		return NotFixed, says
	case effect.What == "" && since.Seconds >= longEnough*before.Seconds:
		return Fixed, says
	}
	return Untold, says
}

// effect is what became of what the remedies of a truth are to stop: of the first of
// them that can tell.
func (s *Session) effect(truth string, before, since *fact.Facts) checklist.Effect {
	c := s.wholeCase()
	c.Facts = before
	best := checklist.Effect{Outcome: checklist.TooFew}
	for _, step := range c.Plan(c.Diagnose()) {
		if step.Folklore != nil || step.Cause.ID != truth || step.Remedy.Stops.Empty() {
			continue
		}
		e := checklist.EffectOf(step, before, since)
		if e.Outcome != checklist.TooFew {
			return e
		}
		if best.What == "" && e.Before > 0 {
			best = e
		}
	}
	return best
}

// mendable says whether a right step is a setting of this host's network.
func (s *Session) mendable() bool {
	return slices.ContainsFunc(s.Menu(), func(c Choice) bool {
		return c.Right && c.Remedy != nil && slices.Contains([]string{"sysctl", "device", "qdisc", "firewall", "route"}, c.Remedy.Kind)
	})
}

// mended marks what became of a live host: the host itself is the best witness of the
// plan.
func (r *reviewer) mended(m *marker) {
	s := r.session
	if !s.Live() {
		return
	}
	switch look := s.Mending(); {
	case look == nil && s.mendable():
		m.add(0, "the host was live and could have been mended from its shell; nobody looked whether it is")
	case look == nil:
	case look.Outcome == Fixed && len(look.But) > 0:
		m.add(0, "%s found the live host mended, but by a setting that no plan recommends: %s", s.whenLooked(), strings.Join(look.But, " "))
	case look.Outcome == Fixed:
		m.add(min(1, max(0, MostPoints-m.sum())), "%s found the live host mended: %s", s.whenLooked(), strings.Join(look.Why, " "))
	case look.Outcome == Worse:
		m.add(-2, "%s found the live host worse than before: %s", s.whenLooked(), strings.Join(look.Amiss, " "))
	case look.Outcome == NotFixed && look.Possible:
		m.add(-0.5, "%s found the live host not mended: %s", s.whenLooked(), strings.Join(look.Why, " "))
	case look.Outcome == NotFixed && s.scenario.Healthy():
	case look.Outcome == NotFixed:
		m.add(0, "no setting of the live host's network mends it, and you looked")
	}
}
