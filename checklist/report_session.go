package checklist

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"whydrop/content"
	"whydrop/probes/fact"
)

// ReportTimeline is what happened during the session, the oldest first: all of it. Left
// is how many of the events a page leaves out, see Brief.
type ReportTimeline struct {
	Events []ReportEvent `json:"events"`
	Left   int           `json:"left"`
}

// ReportEvent is something that happened at a moment.
type ReportEvent struct {
	At    time.Time `json:"at"`
	Kind  EventKind `json:"kind"`
	Text  string    `json:"text"`
	Cause string    `json:"cause,omitempty"` // the id of the one that rose or fell
}

// ReportSpell is a time in which a cause was named.
type ReportSpell struct {
	ID    string    `json:"id"`
	Title string    `json:"title"`
	From  time.Time `json:"from"`
	To    time.Time `json:"to"` // when it was seen last
	// Ended is the time in which it ended and nobody watched, null where somebody saw
	// it end. Gaps is how many such times there were before.
	Ended *ReportGap `json:"ended"`
	Gaps  int        `json:"gaps"`
	// Says is what spoke for it most, in the observation that ended at Measured: the
	// one of Moments. Empty if none was kept.
	Says     string    `json:"says,omitempty"`
	Measured time.Time `json:"measured,omitzero"`
}

// ReportDone is a step that was applied during the session.
type ReportDone struct {
	Title    string          `json:"title"`
	Cause    string          `json:"cause"` // its id
	At       time.Time       `json:"at"`
	Settings []ReportSetting `json:"settings"`
	// Effect compares what the step is to stop before it with what came since; null
	// where there is nothing to count.
	Effect *ReportEffect `json:"effect"`
	// Fate says what became of it: kept, kept, also over a reboot; taken back; went
	// back by itself; could not be taken back; or that it waits to be kept.
	Fate string `json:"fate"`
	Note string `json:"note,omitempty"`
	// Needs is what has to happen before it acts.
	Needs string `json:"needs,omitempty"`
}

// ReportSetting is a setting that was changed. Left says why it was left as it was.
type ReportSetting struct {
	Name string `json:"name"`
	Was  string `json:"was"`
	To   string `json:"to"`
	Left string `json:"left,omitempty"`
}

// ReportEffect compares counts before a step and since.
type ReportEffect struct {
	What          string  `json:"what"`
	Outcome       Outcome `json:"outcome"`
	Before        float64 `json:"before"`
	BeforeSeconds float64 `json:"before_seconds"`
	Since         float64 `json:"since"`
	SinceSeconds  float64 `json:"since_seconds"`
}

// Says tells the effect in a sentence.
func (e ReportEffect) Says() string {
	return Effect{e.Outcome, e.What, e.Before, e.Since, e.BeforeSeconds, e.SinceSeconds}.Says()
}

// session is the time that the track covers, nil if it covers none.
func (c *Case) session() *ReportSession {
	from, to := c.span()
	if !from.Before(to) {
		return nil
	}
	s := &ReportSession{from.UTC(), to.UTC(), []ReportGap{}}
	for _, g := range c.Track.gaps {
		s.Gaps = append(s.Gaps, ReportGap{g.from.UTC(), g.to.UTC()})
	}
	return s
}

// span is the time from the first observation to the last; none where nobody watched.
// A track that was only copied knows its events alone.
func (c *Case) span() (from, to time.Time) {
	if c.Track == nil || c.Track.last.IsZero() && len(c.Track.events) == 0 {
		return
	}
	from, to = c.Started, c.Track.last
	for _, e := range c.Track.events {
		switch {
		case e.At.IsZero() || e.Kind.rare(): // damaged, or said and done: nobody need have watched then
		case e.At.After(to):
			to = e.At
		case e.At.Before(from) || from.IsZero():
			from = e.At
		}
	}
	if end := ended(c.Facts); end.After(to) {
		to = end
	}
	if from.After(to) { // opened after what it is of
		from = to
	}
	return from, to
}

// What a timeline begins and ends with.
const (
	watchBegan EventKind = "watching begins"
	lastSeen   EventKind = "last measurement"
)

// timeline tells what happened, from the first measurement to the last.
func (c *Case) timeline(r *Report) ReportTimeline {
	told := slices.Clone(c.Track.Events())
	if r.Observed.Seconds > 0 {
		told = slices.Insert(told, 0, Event{At: r.begin(), Kind: watchBegan, Text: "what was before is known from totals and records alone"})
		told = append(told, Event{At: r.seen(), Kind: lastSeen, Text: r.outcome()})
	}
	slices.SortStableFunc(told, func(a, b Event) int { return a.At.Compare(b.At) })
	line := ReportTimeline{Events: []ReportEvent{}}
	for _, e := range told {
		line.Events = append(line.Events, ReportEvent{e.At.UTC(), e.Kind, e.Text, e.Cause})
	}
	_, line.Left = line.chosen()
	return line
}

// gone are the causes that were named during the session and are not at its end,
// each with the time from when it was named first until it fell last.
func (c *Case) gone(d *Diagnosis) []ReportSpell {
	at := map[string]int{}
	var spells []ReportSpell
	for _, e := range c.Track.Events() {
		if f := d.Finding(e.Cause); f == nil || f.Named() {
			continue
		}
		i, known := at[e.Cause]
		if !known {
			i, at[e.Cause] = len(spells), len(spells)
			spells = append(spells, ReportSpell{ID: e.Cause, Title: c.causeTitle(e.Cause), From: e.At.UTC()})
		}
		c.over(&spells[i], e.At)
	}
	return orEmpty(spells)
}

// done tells of the steps that were applied.
func (c *Case) done() []ReportDone {
	all := []ReportDone{}
	for _, a := range c.Applied {
		r := ReportDone{Title: a.Title, Cause: a.Cause, At: a.At.UTC(), Settings: []ReportSetting{}, Fate: string(a.Fate), Note: a.Note}
		if a.Fate == Waiting {
			r.Fate = "not kept yet: it goes back by itself"
		}
		if a.Fate.Stands() {
			r.Needs = a.Needs
		}
		for _, s := range a.Settings {
			r.Settings = append(r.Settings, ReportSetting{s.Name, s.Was, s.To, s.Left})
		}
		if e := a.Effect; e.What != "" {
			r.Effect = &ReportEffect{e.What, e.Outcome, e.Before, e.BeforeSeconds, e.Since, e.SinceSeconds}
		}
		all = append(all, r)
	}
	return all
}

// raised are the records above their usual level.
func raised(f *fact.Facts) ReportTable {
	t := table("What", "Level", "Since", "Peak", "Told by")
	for _, r := range f.Tables["history"] {
		if r["raised"] == true && r["trouble"] == true {
			t.add(mostRows, shown(r, "name"), shown(r, "says"), ago(r, "since_time", "since_ago"), shown(r, "peak"), shown(r, "source"))
		}
	}
	return t
}

// changed is what changed on the host before, the boot's own aside.
func changed(f *fact.Facts) ReportTable {
	t := table("When", "What", "Kind", "How", "Told by")
	for _, r := range f.Tables["change"] {
		if r["at_boot"] != true {
			t.add(10, cmp.Or(ago(r, "time", "ago"), "not known"), shown(r, "name"), shown(r, "kind"), shown(r, "what"), shown(r, "source"))
		}
	}
	return t
}

// shown is a field of a row as people read it, empty if it is not known.
func shown(r fact.Row, field string) string {
	if v := r[field]; v != nil {
		return content.Show(v)
	}
	return ""
}

// ago is a moment and how long ago it was.
func ago(r fact.Row, at, since string) string {
	when := shown(r, at)
	if past := shown(r, since); past != "" {
		return fmt.Sprintf("%s (%s ago)", when, past)
	}
	return when
}
