package checklist

import (
	"fmt"
	"strings"
	"time"

	"whydrop/probes/fact"
)

// SettingChange is one setting that a step changes, with its value of this moment.
type SettingChange struct {
	Name, Was, To string
	Run, Undo     string   // the commands that change it and take that back
	Keep          []string // what keeps it over a reboot: "LINE in FILE"
	Left          string   // why it is left as it is; empty where it is to be changed
}

// String tells the change in a few words.
func (s SettingChange) String() string { return s.Name + " " + s.Was + " -> " + s.To }

// Back tells that it is as it was.
func (s SettingChange) Back() string { return s.Name + " is " + s.Was + " again" }

// KeepWithin is how long a step that was applied in a session waits to be kept before
// it goes back by itself.
const KeepWithin = 2 * time.Minute

// Attempt is a step of the plan on its way onto the host. All of it but Settings may
// take a while.
type Attempt interface {
	// Settings are what it changes, as they were when it was looked at.
	Settings() []SettingChange
	// Make makes the changes, all or none. From then on they go back by themselves at
	// the time that is returned, KeepWithin later, or when the program ends, unless
	// they are kept.
	Make() (until time.Time, err error)
	// Keep keeps them, over a reboot as well if wanted. It says what else there is to
	// know, such as how to take them back later.
	Keep(reboot bool) (says string, err error)
	// Undo takes them back.
	Undo() error
	// Gone tells whether they are no longer there though nobody here took them back,
	// and what could not be set back.
	Gone() (gone bool, err error)
}

// Fate is what became of a step that was applied.
type Fate string

// The fates. Waiting is of a step that is neither kept nor back yet.
const (
	Waiting   Fate = ""
	Kept      Fate = "kept"
	KeptOn    Fate = "kept, also over a reboot"
	TakenBack Fate = "taken back"
	WentBack  Fate = "went back by itself"
	Stuck     Fate = "could not be taken back"
)

// Stands says whether what the step changed is still so.
func (f Fate) Stands() bool { return f != TakenBack && f != WentBack }

// Applied is a step of the plan that was applied in the session.
type Applied struct {
	Cause    string // id
	Title    string // of the remedy
	At       time.Time
	Settings []SettingChange
	// Effect compares what the step is to stop before it with what came since.
	Effect Effect
	Fate   Fate
	Note   string // why it went back, or what could not be done
	// Needs is what has to happen before it acts, such as a restart; "" for nothing.
	Needs string `json:",omitempty"`

	step PlanStep
	// before is the observation that the step was taken on, first the first one after
	// it: what was counted since is what the counters grew by from there on.
	before, first *fact.Facts
}

// Apply notes that a step was applied, on the evidence of an observation.
func (c *Case) Apply(at time.Time, step PlanStep, settings []SettingChange, before *fact.Facts) {
	a := Applied{Cause: step.Cause.ID, Title: step.Remedy.Title, At: at, Settings: settings, Needs: step.Needs, step: step, before: before}
	if !step.Remedy.Stops.Empty() {
		a.Effect = Effect{Outcome: TooFew, What: step.Remedy.Stops.Source}
	}
	c.Applied = append(c.Applied, a)
	c.Track.event(Event{At: at, Kind: Applying, Text: a.changes() + " (" + a.Title + ")"})
}

// Ended notes what became of the step that was applied last.
func (c *Case) Ended(at time.Time, fate Fate, note string) {
	if len(c.Applied) == 0 {
		return
	}
	a := &c.Applied[len(c.Applied)-1]
	a.Fate, a.Note = fate, note
	text := a.changes()
	if !fate.Stands() {
		text = a.reverse()
	}
	for _, more := range []string{a.Effect.Brief(), note} {
		if more != "" {
			text += "; " + more
		}
	}
	kind := Keeping
	if !fate.Stands() {
		kind = Reverting
	}
	c.Track.event(Event{At: at, Kind: kind, Text: text})
}

// Counted has the step that was applied last counted by a newer observation, as long
// as it stands: by what its counters grew by since.
func (c *Case) Counted(f *fact.Facts) {
	if len(c.Applied) == 0 {
		return
	}
	a := &c.Applied[len(c.Applied)-1]
	switch {
	case !a.Fate.Stands() || a.step.Remedy.Stops.Empty():
	case a.first != nil:
		a.Effect = EffectOf(a.step, a.before, growthFrom(a.first, f))
	case ended(f).After(a.At.Add(c.looked(a, f))):
		a.first = f
	}
}

// looked is how old a number of an observation may be that tells what a step is to
// stop: its probe may be looked at less often than observations are told.
func (c *Case) looked(a *Applied, f *fact.Facts) time.Duration {
	every := time.Second.Seconds()
	for _, name := range a.step.Remedy.Stops.Uses() {
		def := c.Book.Facts.Lookup(name, a.step.Remedy.Each)
		for _, p := range f.Probes {
			if def != nil && p.Name == def.Probe {
				every = max(every, p.Every)
			}
		}
	}
	return time.Duration(every * float64(time.Second))
}

func ended(f *fact.Facts) time.Time {
	return f.Start.Add(time.Duration(f.Seconds * float64(time.Second)))
}

// growthFrom tells by how much all counters grew from the end of one observation to
// the end of another. A counter that is not in both, or that fell, is not known.
func growthFrom(first, now *fact.Facts) *fact.Facts {
	g := fact.New(ended(first), ended(now).Sub(ended(first)).Seconds())
	for name, v := range now.Values {
		was := first.Values[name].Total
		if v.Total != nil && was != nil && *v.Total >= *was {
			g.Count(name, *v.Total-*was, *v.Total)
		}
	}
	for table, rows := range now.Tables {
		g.Table(table)
		earlier := map[string]fact.Row{}
		for _, r := range first.Tables[table] {
			name, _ := r["name"].(string)
			if _, twice := earlier[name]; twice {
				r = nil // which of them it is cannot be told
			}
			earlier[name] = r
		}
		for _, r := range rows {
			name, _ := r["name"].(string)
			g.Add(table, rowGrowth(earlier[name], r))
		}
	}
	return g
}

func rowGrowth(first, now fact.Row) fact.Row {
	g := fact.Row{}
	for field, v := range now {
		if _, counter := now[field+"_total"]; !counter {
			g[field] = v
		}
	}
	for field, v := range now {
		of, counter := strings.CutSuffix(field, "_total")
		total, known := v.(float64)
		was, knownThen := first[field].(float64)
		if counter && known && knownThen && total >= was {
			g[of] = total - was
		}
	}
	return g
}

// changes tells what was changed.
func (a *Applied) changes() string {
	var all []string
	for _, s := range a.Settings {
		if s.Left == "" {
			all = append(all, s.String())
		}
	}
	return strings.Join(all, ", ")
}

// reverse tells what it was changed back to.
func (a *Applied) reverse() string {
	var all []string
	for _, s := range a.Settings {
		if s.Left == "" {
			all = append(all, s.Back())
		}
	}
	return strings.Join(all, ", ")
}

// Says tells the whole story on one line, for a report.
func (a Applied) Says() string {
	text := "applied at " + a.At.UTC().Format("15:04:05 UTC") + ": " + a.changes()
	if effect := a.Effect.Brief(); effect != "" {
		text += "; " + effect
	}
	fate := string(a.Fate)
	if a.Fate == Waiting {
		fate = "not kept yet: it goes back by itself"
	}
	text += "; " + fate
	if a.Note != "" {
		text += ": " + a.Note
	}
	if a.Needs != "" && a.Fate.Stands() {
		text += "; it acts only after this: " + a.Needs
	}
	return text
}

// Of says whether it was this step that was applied.
func (a Applied) Of(s PlanStep) bool { return a.Cause == s.Cause.ID && a.Title == s.Remedy.Title }

// Brief tells the effect in a few words: "TcpExt.ListenOverflows 74/s before, 0/s
// since: stopped"; nothing where there is nothing to count.
func (e Effect) Brief() string {
	if e.What == "" {
		return ""
	}
	if e.SinceSeconds <= 0 || e.BeforeSeconds <= 0 {
		return e.What + ": not counted yet"
	}
	return fmt.Sprintf("%s %.3g/s before, %.3g/s since: %s", e.What, e.Before/e.BeforeSeconds, e.Since/e.SinceSeconds, e.Outcome)
}

// applied tells of a step of the plan when it was applied last, if it was.
func (c *Case) applied(s PlanStep) string {
	for i := len(c.Applied) - 1; i >= 0; i-- {
		if c.Applied[i].Of(s) {
			return c.Applied[i].Says()
		}
	}
	return ""
}
