package checklist

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"whydrop/content"
)

// ReportCause is a cause with the reasons for and against it.
type ReportCause struct {
	ID          string         `json:"id"`
	Title       string         `json:"title"`
	Hop         string         `json:"hop"`
	Probability float64        `json:"probability"`
	Happens     string         `json:"happens,omitempty"`
	Believed    string         `json:"believed,omitempty"` // what is commonly believed about it, and wrong
	For         []ReportReason `json:"for"`
	Against     []ReportReason `json:"against"`
	// Explained would speak for it if another cause did not account for it.
	Explained []ReportReason `json:"explained"`
	// Mistaken are causes that look alike, and what tells them apart.
	Mistaken []ReportPair `json:"mistaken"`
	Settle   string       `json:"settle,omitempty"` // what settles it
}

// ReportReason is a piece of evidence. Its weight is in decibans: +10 makes the
// cause ten times as likely, +20 a hundred times.
type ReportReason struct {
	Rule   string           `json:"rule"`
	Says   string           `json:"says"`
	Weight content.Decibans `json:"decibans"`
	Answer bool             `json:"answer,omitempty"` // remembered by somebody, not measured
	By     string           `json:"by,omitempty"`     // the id of the cause that accounts for it
}

// ReportStep is a step of the plan, as PlanSchema has it.
type ReportStep struct {
	jsonAction
	For     string `json:"for"`               // the title of its cause
	Setting string `json:"setting,omitempty"` // the sysctl that it changes
	Done    string `json:"done,omitempty"`    // what became of it when it was applied last
}

// ReportOpen is what nobody could tell.
type ReportOpen struct {
	Doubts []string `json:"doubts"`
	Unseen []string `json:"unseen"` // what could not be seen, and what would let it
	Next   []string `json:"next"`   // what would tell most next
	Settle []string `json:"settle"` // what settles the causes that are named
}

func reportCause(c *Case, f *Finding) ReportCause {
	r := ReportCause{
		ID: f.Cause.ID, Title: f.Cause.Title, Hop: f.Cause.Hop, Probability: round(f.Probability, 4),
		Happens: f.Cause.Happens, Believed: f.Cause.Believed, Settle: f.Cause.Settle, Mistaken: []ReportPair{},
		For: reportReasons(f.For), Against: reportReasons(f.Against), Explained: reportReasons(f.Explained),
	}
	r.Explained = slices.DeleteFunc(r.Explained, func(e ReportReason) bool {
		return slices.ContainsFunc(r.For, func(have ReportReason) bool { return have.Says == e.Says })
	})
	for _, o := range f.Cause.ConfusedWith {
		r.Mistaken = append(r.Mistaken, ReportPair{c.causeTitle(o.Cause), o.Tell})
	}
	return r
}

func reportReasons(reasons []Reason) []ReportReason {
	all := []ReportReason{}
	for _, r := range reasons {
		all = append(all, ReportReason{r.Rule, r.Says, r.Weight, r.Answer, r.By})
	}
	return all
}

// causes fills in the causes: named, gone, considered, and ruled out.
func (c *Case) causes(d *Diagnosis, r *Report) {
	r.Causes, r.Suspects, r.Gone = []ReportCause{}, []ReportCause{}, c.gone(d)
	if r.Unmeasured {
		r.Gone = []ReportSpell{} // whether they are gone nobody saw
		r.RuledOut, r.NotJudged = c.notNamed(d, nil)
		return
	}
	fill := c.filler(d)
	for _, f := range d.Named() {
		x := reportCause(c, f)
		x.Settle = fill(x.Settle)
		r.Causes = append(r.Causes, x)
	}
	suspects := d.Suspects(3)
	for _, f := range suspects {
		short := reportCause(c, f)
		short.Happens, short.Believed, short.Settle, short.Mistaken = "", "", "", []ReportPair{}
		r.Suspects = append(r.Suspects, short)
	}
	r.RuledOut, r.NotJudged = c.notNamed(d, suspects)
}

// notNamed are the other causes: those that something speaks against, in the order
// of the packet's way, and those that nothing speaks for, by what is not known of them.
func (c *Case) notNamed(d *Diagnosis, suspects []*Finding) (ruledOut, notJudged ReportTable) {
	ruledOut, notJudged = table("Cause", "Why not"), table("Not known", "Causes")
	waiting := map[string][]string{}
	var lacks []string
	for _, h := range c.Book.Hops {
		for _, f := range d.Findings {
			if f.Cause.Hop != h.ID || f.Named() || slices.Contains(suspects, f) {
				continue
			}
			if why := whyNot(c, f); why != "" {
				ruledOut.add(2*mostRows, f.Cause.Title, why)
				continue
			}
			lack := c.lacking(d, f)
			if waiting[lack] == nil {
				lacks = append(lacks, lack)
			}
			waiting[lack] = append(waiting[lack], f.Cause.Title)
		}
	}
	for _, lack := range lacks {
		notJudged.add(mostRows, lack, strings.Join(waiting[lack], "; "))
	}
	return ruledOut, notJudged
}

// whyNot says why a cause is not named, "" if nothing that was seen tells.
func whyNot(c *Case, f *Finding) string {
	switch {
	case len(f.Against) > 0 && !f.Against[0].Answer:
		return f.Against[0].Says
	case len(f.Explained) > 0:
		return "accounted for by: " + c.causeTitle(f.Explained[0].By)
	case len(f.For) > 0 && !f.For[0].Answer:
		return "only this speaks for it: " + f.For[0].Says
	}
	return ""
}

// lacking is what would have to be known to judge a cause that nothing speaks for.
func (c *Case) lacking(d *Diagnosis, f *Finding) string {
	if lacks := c.Lacks(d, f); len(lacks) > 0 {
		return lacks[0].What[0] + ": " + lacks[0].Why
	}
	return "nothing; no sign of them was seen"
}

// steps are the steps of the plan.
func (c *Case) steps(d *Diagnosis, written time.Time) []ReportStep {
	steps := []ReportStep{}
	for _, s := range c.Export(d, written, nil).Steps {
		step := s.report()
		step.Done = c.applied(s.PlanStep)
		steps = append(steps, step)
	}
	return steps
}

// report is a step of a plan as a report shows it.
func (s ExportStep) report() ReportStep {
	r := ReportStep{jsonAction: s.action(), For: s.Cause.Title, Setting: s.Remedy.Setting}
	if _, err := strconv.ParseFloat(r.Current, 64); err == nil && s.Remedy.Unit != "" {
		r.Current += " " + s.Remedy.Unit
	}
	return r
}

// verification says what shows that it is over.
func (c *Case) verification(r *Report) []string {
	checks := []string{}
	add := func(text string) {
		if text != "" && !slices.Contains(checks, text) {
			checks = append(checks, text)
		}
	}
	for _, a := range r.Applied {
		if a.Effect != nil {
			add("After " + quoted(a.Title) + ": " + a.Effect.Says() + ".")
		}
	}
	for _, s := range r.Plan {
		if s.Verify != "" {
			add("After " + quoted(s.Title) + ": " + s.Verify)
		}
	}
	if len(r.Causes) > 0 {
		add("Under the same load as now, whydrop diagnose --duration 60s no longer names: " + r.Causes[0].Title + ".")
	}
	for _, gone := range r.Gone {
		if len(r.Causes) == 0 {
			add("Under the same load as then, whydrop diagnose --duration 60s does not name it either: " + gone.Title + ".")
		}
	}
	return checks
}

func quoted(s string) string { return `"` + s + `"` }

// open fills in what nobody could tell, and what would.
func (c *Case) open(d *Diagnosis, r *Report) {
	o := ReportOpen{Doubts: orEmpty(d.Doubts), Unseen: []string{}, Next: []string{}, Settle: []string{}}
	unseen := []string{}
	for _, b := range c.blind() {
		text := b.What
		if b.Needs != "" {
			text += ": needs " + b.Needs
		}
		unseen = append(unseen, text)
	}
	for _, p := range c.statuses() {
		if p.Status != "ok" {
			unseen = append(unseen, "the probe "+p.Name+" was "+p.Status+": "+WhyNot(p))
		}
	}
	o.Unseen = bounded(unseen, mostOpen)
	for _, s := range worthwhile(d.Next) {
		o.Next = append(o.Next, c.stepTitle(s)+s.separates())
	}
	for _, x := range r.Causes {
		if x.Settle != "" {
			o.Settle = append(o.Settle, x.Title+": "+x.Settle)
		}
	}
	r.Open = o
}

// bounded is the beginning of a list, with the number of what is left out.
func bounded(list []string, most int) []string {
	if len(list) <= most {
		return orEmpty(list)
	}
	return append(slices.Clone(list[:most]), fmt.Sprintf("and %d more", len(list)-most))
}

// followUps are what remains to be done, for owners to be found.
func (r *Report) followUps() []string {
	todo := []string{}
	for _, a := range r.Applied {
		if a.Needs != "" {
			todo = append(todo, "Before it can act: "+a.Needs+" ("+a.Title+")")
		}
		switch Fate(a.Fate) {
		case Kept:
			todo = append(todo, "Make it outlive a reboot, or take it back: "+a.Title)
		case TakenBack, WentBack, KeptOn:
		default:
			todo = append(todo, "Keep it or take it back: "+a.Title)
		}
	}
	for _, s := range r.Plan {
		switch {
		case s.Done != "":
		case s.Ask != "":
			todo = append(todo, "Send the text of step "+fmt.Sprint(s.Number)+" to whoever can act on it: "+s.Title)
		default:
			todo = append(todo, fmt.Sprintf("Decide on step %d: %s", s.Number, s.Title))
		}
	}
	for _, gone := range r.Gone {
		if !slices.ContainsFunc(r.Applied, func(a ReportDone) bool { return a.Cause == gone.ID }) {
			todo = append(todo, "Find out what ended it, for nothing was applied here against it: "+gone.Title)
		}
	}
	if i := slices.IndexFunc(r.Open.Unseen, func(s string) bool { return strings.Contains(s, ": needs ") }); i >= 0 {
		todo = append(todo, "Let whydrop see what it could not: "+r.Open.Unseen[i])
	}
	return bounded(todo, mostOpen)
}

// worthwhile leaves out steps that would tell next to nothing (below a twentieth
// of a bit), and all but the first five.
func worthwhile(steps []Step) []Step {
	n := 0
	for n < min(len(steps), 5) && steps[n].Bits >= 0.05 {
		n++
	}
	return steps[:n]
}

// Suspects returns the n most probable findings that are not named and that
// something speaks for. What is very unlikely is told only if there is nothing
// better.
func (d *Diagnosis) Suspects(n int) []*Finding {
	var suspects []*Finding
	for _, f := range d.Findings {
		likely := f.Probability >= closed || d.Verdict == Inconclusive
		if !f.Named() && likely && len(f.For) > 0 && len(suspects) < n {
			suspects = append(suspects, f)
		}
	}
	return suspects
}
