package checklist

import (
	_ "embed"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/template"
	"time"
	"unicode"

	"whydrop/content"
	"whydrop/probes/fact"
)

//go:embed report.md.tmpl
var reportTemplate string

// reportData is what the template of the incident report sees.
type reportData struct {
	Case      *Case
	Facts     *fact.Facts
	Diagnosis *Diagnosis
	Named     []*Finding
	Suspects  []*Finding // not named, but the most likely of the rest
	Plan      []PlanStep
	Way       []Stop
	Ledger    ledgerView
	Measured  []Measurement
	ByHand    []string
	Further   []*content.InvestigationStep
	Changes   []fact.Row // the ten newest, the boot's own aside
	Raised    []fact.Row // history above its usual level
	Drops     []fact.Row // what the kernel freed, by reason
	DropFlows []fact.Row
	Events    []Event
	Next      []Step // what would tell enough to be worth the time
	Answered  []*content.Question
	// Unanswered are the numbers of the questions that nobody answered.
	Unanswered []string
	Written    time.Time
}

// laneText says what was lost in one direction at a place, in bold if anything
// was; what nobody could read is not zero.
func laneText(l Lane) string {
	switch {
	case !l.Passes:
		return ""
	case l.Lost > 0:
		return "**" + content.Show(l.Lost) + "**"
	case l.Maybe > 0:
		return content.Show(l.Maybe) + " that may be a loss"
	case l.Unread == len(l.Places) && l.Unread > 0:
		return "could not be read"
	case len(l.Places) == 0:
		return "nobody counts here"
	case l.Unread > 0:
		return "0, as far as it could be read"
	}
	return "0"
}

// Measurement is one scalar fact with its raw values, for the evidence table.
type Measurement struct {
	Name  string
	Means string
	Unit  string
	Now   string
	Total string
}

// template is the report's, with the plan in it as a part of its own.
func (c *Case) template() (*template.Template, error) {
	t, err := template.New("report").Funcs(template.FuncMap{
		"md": markdown, "cell": of(cell), "code": of(codeCell), "command": codeSpan, "prose": content.Show,
		"percent": func(p float64) string { return Percent(p) },
		"num":     func(v float64) string { return content.Show(v) },
		"time":    func(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") },
		"title":   c.causeTitle, "join": strings.Join,
		"answer": c.answerText, "lane": laneText,
		"total": totalText,
		"step":  c.stepTitle,
		"why":   WhyNot,
		"inc":   func(i int) int { return i + 1 }, "applied": c.applied,
	}).Parse(reportTemplate)
	if err != nil {
		return nil, fmt.Errorf("report template: %w", err)
	}
	return t, nil
}

// WriteReport writes the incident report as markdown (CommonMark with GFM
// tables). It is the same for the same case and diagnosis, but for the moment
// it was written.
func (c *Case) WriteReport(w io.Writer, d *Diagnosis, written time.Time) error {
	t, err := c.template()
	if err != nil {
		return err
	}
	facts := c.Facts
	if facts == nil {
		facts = fact.New(c.Started, 0)
	}
	places := c.Places(d)
	data := reportData{
		Case: c, Facts: facts, Diagnosis: d, Named: d.Named(), Suspects: d.Suspects(3),
		Plan: c.Plan(d), Way: Way(c.Hops(d), places), Ledger: viewLedger(places), Measured: c.measured(d), ByHand: c.byHand(d), Events: c.Track.Events(), Written: written,
		Further: c.further(d), Next: worthwhile(d.Next),
		Changes:   rowsWhere(facts, "change", 10, func(r fact.Row) bool { return r["at_boot"] != true }),
		Raised:    rowsWhere(facts, "history", 20, func(r fact.Row) bool { return r["raised"] == true && r["trouble"] == true }),
		Drops:     rowsWhere(d.facts.facts, "drop", 40, func(r fact.Row) bool { n, _ := r["packets"].(float64); return n > 0 }),
		DropFlows: rowsWhere(facts, "drop_flow", 20, func(r fact.Row) bool { return r["loss"] != "no" }),
	}
	for _, q := range c.Book.Questions() {
		if _, ok := c.Answers[q.ID]; ok {
			data.Answered = append(data.Answered, q)
		} else {
			data.Unanswered = append(data.Unanswered, q.ID)
		}
	}
	return t.Execute(w, data)
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

// WhyNot says in a few words why a probe did not look: its error without the
// probe's own name and the words that every such error has.
func WhyNot(s fact.Status) string {
	why := strings.TrimPrefix(s.Why, s.Name+": ")
	return strings.Replace(why, ": "+fact.ErrUnavailable.Error()+":", ":", 1)
}

// of makes a function of texts one of any value of a fact.
func of(f func(string) string) func(any) string {
	return func(v any) string {
		switch v := v.(type) {
		case nil:
			return f("")
		case string:
			return f(v)
		default:
			return f(content.Show(v))
		}
	}
}

// rowsWhere returns the first rows of a table for which a condition holds.
func rowsWhere(f *fact.Facts, table string, most int, holds func(fact.Row) bool) []fact.Row {
	var rows []fact.Row
	for _, r := range f.Tables[table] {
		if len(rows) < most && holds(r) {
			rows = append(rows, r)
		}
	}
	return rows
}

// ledgerView is the whole ledger as the report tells it.
type ledgerView struct {
	Moved, Before, Still []LedgerEntry
	Unread               []unread
}

// unread is places that nobody could read for the same reason.
type unread struct{ Why, Places string }

func viewLedger(places []LedgerEntry) ledgerView {
	var v ledgerView
	for _, e := range places {
		switch {
		case e.Unknown != "":
			v.addUnread(e)
		case e.Drops > 0:
			v.Moved = append(v.Moved, e)
		case e.Total != nil && *e.Total > 0:
			v.Before = append(v.Before, e)
		default:
			v.Still = append(v.Still, e)
		}
	}
	return v
}

func (v *ledgerView) addUnread(e LedgerEntry) {
	place := e.Hop + " " + e.Direction + ": " + e.Counter
	for i, u := range v.Unread {
		if u.Why == e.Unknown {
			v.Unread[i].Places += "; " + place
			return
		}
	}
	v.Unread = append(v.Unread, unread{e.Unknown, place})
}

func totalText(total *float64) string {
	if total == nil {
		return content.Unknown
	}
	return content.Show(*total)
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

func (c *Case) answerText(q *content.Question) string {
	a, ok := c.Answers[q.ID]
	if !ok {
		return "not answered"
	}
	var said []string
	for _, id := range a.Options {
		if id == content.DontKnow {
			said = append(said, "don't know")
		} else if o := q.Option(id); o != nil {
			said = append(said, o.Label)
		}
	}
	text := strings.Join(said, "; ")
	if a.Note != "" {
		text = strings.TrimPrefix(text+". Note: "+a.Note, ". ")
	}
	return text
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

// measured lists the scalar facts behind the diagnosis: those that reasons used
// and every counter that moved.
func (c *Case) measured(d *Diagnosis) []Measurement {
	if c.Facts == nil {
		return nil
	}
	used := map[string]bool{}
	for _, f := range d.Findings {
		if !f.Named() {
			continue
		}
		for _, r := range append(append([]Reason{}, f.For...), f.Against...) {
			for name := range r.Facts {
				used[name] = true
			}
		}
	}
	var rows []Measurement
	for _, name := range c.Facts.Names() {
		v := c.Facts.Values[name]
		def := c.Book.Facts.Fact(name)
		grew, _ := v.Now.(float64)
		if def == nil || !used[name] && (v.Total == nil || grew == 0) {
			continue
		}
		m := Measurement{Name: name, Means: def.Means, Unit: def.Unit, Now: content.Show(v.Now)}
		if v.Total != nil {
			m.Total = content.Show(*v.Total)
		}
		rows = append(rows, m)
	}
	return rows
}

// byHand lists the standard commands that show the same measurements.
func (c *Case) byHand(d *Diagnosis) []string {
	var commands []string
	seen := map[string]bool{}
	add := func(def *content.FactDef) {
		if def == nil || def.ByHand == "" || def.Probe == "ledger" || seen[def.ByHand] {
			return
		}
		seen[def.ByHand] = true
		commands = append(commands, def.ByHand)
	}
	for _, f := range d.Named() {
		for _, r := range f.Cause.For {
			for _, name := range r.When.Uses() {
				add(c.Book.Facts.Lookup(name, r.Each))
			}
		}
	}
	for _, m := range c.measured(d) {
		add(c.Book.Facts.Fact(m.Name))
	}
	return commands
}

// further lists the steps of the investigation that look for the causes which
// are named or, if none is, for the most likely ones.
func (c *Case) further(d *Diagnosis) []*content.InvestigationStep {
	wanted := map[string]bool{}
	findings := d.Named()
	if len(findings) == 0 {
		findings = d.Suspects(3)
	}
	for _, f := range findings {
		wanted[f.Cause.ID] = true
	}
	var steps []*content.InvestigationStep
	for _, step := range c.Book.Investigation {
		for _, s := range append([]*content.InvestigationStep{step}, step.Parts...) {
			if slices.ContainsFunc(s.Causes, func(id string) bool { return wanted[id] }) {
				steps = append(steps, s)
			}
		}
	}
	return steps
}

var markdownSpecial = strings.NewReplacer(
	`\`, `\\`, "`", "\\`", "*", `\*`, "](", `\](`, "][", `\]\[`,
	"<", "&lt;", "&", "&amp;", " & ", " & ", "|", `\|`, "#", `\#`, "~", `\~`,
)

// markdown escapes text so that it is shown as it is, on one line.
func markdown(s string) string {
	s = markdownSpecial.Replace(content.Show(strings.Join(strings.Fields(s), " ")))
	runes := []rune(s)
	var b strings.Builder
	for i, r := range runes {
		if r == '_' && !(i > 0 && wordRune(runes[i-1]) && i+1 < len(runes) && wordRune(runes[i+1])) {
			b.WriteByte('\\')
		}
		if i == 0 && strings.ContainsRune("[>+-=", r) {
			b.WriteByte('\\') // no link's definition, quotation, list or underline
		}
		b.WriteRune(r)
	}
	return b.String()
}

// wordRune says whether an underscore beside it is inside a word, where it
// cannot begin or end emphasis.
func wordRune(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }

// cell is markdown for a table's cell, never empty.
func cell(s string) string {
	if s = markdown(s); s == "" {
		return "-"
	}
	return s
}

// codeCell is code in a table's cell, where a bar would end the cell.
func codeCell(s string) string { return strings.ReplaceAll(codeSpan(s), "|", `\|`) }

// codeSpan shows text as code, whatever backticks are in it.
func codeSpan(s string) string {
	s = content.Show(s)
	fence := "`"
	for strings.Contains(s, fence) {
		fence += "`"
	}
	if strings.HasPrefix(s, "`") || strings.HasSuffix(s, "`") {
		s = " " + s + " "
	}
	return fence + s + fence
}
