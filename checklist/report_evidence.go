package checklist

import (
	"fmt"
	"slices"
	"strings"

	"whydrop/content"
	"whydrop/probes/fact"
)

// Measurement is one scalar fact with its raw values.
type Measurement struct {
	Name  string `json:"name"`
	Means string `json:"means"`
	Unit  string `json:"unit"`
	Now   string `json:"now"`   // its growth during the observation if it is a counter
	Total string `json:"total"` // history; empty if it is no counter
}

// ReportLedger is the whole drop ledger: what moved during the observation, what
// moved before, what could not be read, and how many places were still.
type ReportLedger struct {
	Moved   ReportTable `json:"moved"`
	Before  ReportTable `json:"before"`
	Unread  ReportTable `json:"unread"`
	Still   int         `json:"still"`
	Balance string      `json:"balance"` // what was sent again against what was lost here; empty if nothing was
}

// ledgerTables tells the whole ledger.
func ledgerTables(c *Case, places []LedgerEntry, d *Diagnosis) ReportLedger {
	l := ReportLedger{
		Moved:  table("Place", "Direction", "Counter", "Lost", "Total", "Put down to"),
		Before: table("Place", "Direction", "Counter", "Total"),
	}
	if d.Balance.Worth() {
		l.Balance = d.Balance.String()
	}
	unread := map[string][]string{}
	var whys []string
	for _, e := range places {
		switch {
		case e.Unknown != "":
			if unread[e.Unknown] == nil {
				whys = append(whys, e.Unknown)
			}
			unread[e.Unknown] = append(unread[e.Unknown], e.Hop+" "+e.Direction+": "+e.Counter)
		case e.Drops > 0:
			l.Moved.add(mostRows, e.Hop, e.Direction, e.Counter, lost(e), totalText(e.Total), c.putDownTo(e, d))
		case e.ever() > 0:
			l.Before.add(mostRows, e.Hop, e.Direction, e.Counter, totalText(e.Total)+" "+e.Unit)
		default:
			l.Still++
		}
	}
	l.Unread = table("Why", "Places")
	for _, why := range whys {
		l.Unread.add(mostRows, why, strings.Join(bounded(unread[why], mostOpen), "; "))
	}
	return l
}

// putDownTo is the cause of what was lost at a place: the one that the place itself
// points at or another at the same hop, if it is named. One that is not is a guess.
func (c *Case) putDownTo(e LedgerEntry, d *Diagnosis) string {
	at := ""
	for _, f := range d.Named() {
		if f.Cause.ID == e.Cause {
			return f.Cause.Title
		}
		if f.Cause.Hop == e.Hop && e.Loss && at == "" {
			at = f.Cause.Title
		}
	}
	switch {
	case at != "":
		return at
	case e.Cause == "":
		return "nothing known"
	}
	return "perhaps: " + c.causeTitle(e.Cause)
}

func lost(e LedgerEntry) string {
	text := Counted(e.Drops, e.Unit)
	if !e.Loss {
		text += " (perhaps missed by nobody)"
	}
	return text
}

func totalText(total *float64) string {
	if total == nil {
		return content.Unknown
	}
	return content.Show(*total)
}

// freedTables are what the kernel freed by reason, and the flows that lost most.
func freedTables(judged, f *fact.Facts) (drops, flows ReportTable) {
	drops = table("Reason", "Function", "Direction", "Packets", "TCP", "Missed by anybody", "Meaning")
	for _, r := range judged.Tables[content.DropTable] {
		if n, _ := r["packets"].(float64); n > 0 {
			drops.add(mostRows, texts(r, "why", "location", "direction", "packets", "tcp_packets", "loss", "means")...)
		}
	}
	flows = table("Flow", "Protocol", "Reason", "Direction", "Interface", "Packets, about")
	for _, r := range f.Tables["drop_flow"] {
		if r["loss"] != "no" {
			flows.add(mostRows/2, texts(r, "name", "protocol", "reason", "direction", "link", "packets")...)
		}
	}
	return drops, flows
}

func texts(r fact.Row, fields ...string) []string {
	var all []string
	for _, f := range fields {
		all = append(all, shown(r, f))
	}
	return all
}

// measured lists the scalar facts behind the diagnosis: those that reasons used
// and every counter that moved.
func (c *Case) measured(d *Diagnosis) []Measurement {
	used := map[string]bool{}
	for _, f := range d.Named() {
		for _, r := range slices.Concat(f.For, f.Against) {
			for name := range r.Facts {
				used[name] = true
			}
		}
	}
	rows := []Measurement{}
	for _, name := range c.Facts.Names() {
		v := c.Facts.Values[name]
		def := c.Book.Facts.Fact(name)
		grew, _ := v.Now.(float64)
		if def == nil || !used[name] && (v.Total == nil || grew == 0) {
			continue
		}
		m := Measurement{Name: name, Means: def.Means, Unit: def.Unit, Now: content.Unknown}
		if v.Now != nil {
			m.Now = content.Show(v.Now)
		}
		if v.Total != nil {
			m.Total = content.Show(*v.Total)
		}
		rows = append(rows, m)
	}
	return rows
}

// WhyNot says in a few words why a probe did not look: its error without the
// probe's own name and the words that every such error has.
func WhyNot(s fact.Status) string {
	why := strings.TrimPrefix(s.Why, s.Name+": ")
	return strings.Replace(why, ": "+fact.ErrUnavailable.Error()+":", ":", 1)
}

// Percent shows a probability as people say it: never 0 or 100.
func Percent(p float64) string {
	switch {
	case p > 0.99:
		return "> 99 %"
	case p < 0.01:
		return "< 1 %"
	default:
		return fmt.Sprintf("%.0f %%", p*100)
	}
}

func (c *Case) causeTitle(id string) string {
	if cause := c.Book.Cause(id); cause != nil {
		return cause.Title
	}
	return id
}

// stepTitle says what a suggested step is: the question, or what a probe could
// not see and what would let it.
func (c *Case) stepTitle(s Step) string {
	if q := c.Book.Question(s.ID); s.Kind == "question" && q != nil {
		return "ask " + q.ID + ": " + q.Ask
	}
	if s.Kind == "observe" {
		return "observe for longer, so that more happens meanwhile: whydrop diagnose --duration " + s.ID
	}
	title := ""
	for _, b := range c.blind() {
		if b.Probe == s.ID && title == "" {
			title = "see " + b.What
			if b.Needs != "" {
				title += " (needs " + b.Needs + ")"
			}
		}
	}
	if title == "" {
		title = c.Book.Facts.Suggestion(s.ID)
	}
	if title != "" {
		return title
	}
	for _, p := range c.statuses() {
		if p.Name == s.ID && p.Status != "ok" {
			return "let the probe " + s.ID + " see: " + WhyNot(p)
		}
	}
	return "let the probe " + s.ID + " see more"
}

func (c *Case) blind() []fact.Blind {
	if c.Facts == nil {
		return nil
	}
	return c.Facts.Blind
}

func (c *Case) statuses() []fact.Status {
	if c.Facts == nil {
		return nil
	}
	return c.Facts.Probes
}
