package checklist

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
	"unicode/utf16"

	"whydrop/content"
	"whydrop/probes/fact"
)

// ReportSchema names the format of the incident report as JSON.
const ReportSchema = "whydrop.report/1"

// ReportFormats are the formats in which an incident report can be written.
var ReportFormats = []string{"markdown", "html", "json"}

// Report is an incident report as plain data: what all formats show, and what a
// template of one's own sees. Texts are printable, with names from the host in them:
// whoever shows them escapes what the format gives a meaning. As JSON it is
// ReportSchema; times are UTC. It is the same for the same case, diagnosis and moment
// of writing.
type Report struct {
	Schema  string `json:"schema"`
	Whydrop string `json:"whydrop,omitempty"` // the version that wrote it
	// AsOf is up to when it tells: the end of the case or recording, or when this host was
	// watched. When it was written it does not say, so that the same one is the same.
	AsOf time.Time `json:"as_of"`
	// Source is what the report was made from, where that is not the host itself: a
	// recording, a case that was kept.
	Source string `json:"source,omitempty"`
	Title  string `json:"title"`
	// Verdict is that of the last observation: fault, healthy or inconclusive.
	Verdict  Verdict        `json:"verdict"`
	Headline string         `json:"headline"` // the verdict in one sentence, for engineers
	Summary  ReportSummary  `json:"summary"`  // for anybody
	Observed jsonObserved   `json:"observed"` // the last observation
	Session  *ReportSession `json:"session"`  // from the first observation to the last, null for a single one
	// History says that there is one sample alone: totals, which do not tell what
	// happens now. Then nothing is known to be well.
	History bool `json:"history"`
	// Unmeasured says that there is no observation at all: what was said is told, and no
	// cause is guessed from it.
	Unmeasured bool `json:"unmeasured"`
	// Symptoms and Notes are sentences: signs that something was wrong, and what is
	// worth knowing beside the verdict.
	Symptoms []string       `json:"symptoms"`
	Notes    []string       `json:"notes"`
	Timeline ReportTimeline `json:"timeline"`
	// Raised are records of collectors of statistics that are above their usual
	// level, Changes what changed on the host before, newest first.
	Raised      ReportTable   `json:"raised"`
	Changes     ReportTable   `json:"changes"`
	Answers     []ReportReply `json:"answers"`
	Unanswered  []string      `json:"unanswered"` // numbers of questions
	Environment []ReportPair  `json:"environment"`
	Way         ReportWay     `json:"way"`
	Causes      []ReportCause `json:"causes"` // named, the most probable first
	Gone        []ReportSpell `json:"gone"`   // named during the session, and no longer at its end
	// Moments are the observations in which the causes that are gone were at their
	// strongest, the oldest first.
	Moments  []ReportMoment `json:"moments"`
	Suspects []ReportCause  `json:"suspects"`
	// RuledOut are causes that something speaks against, NotJudged those of which
	// too little is known; nothing speaks for them.
	RuledOut     ReportTable  `json:"ruled_out"`
	NotJudged    ReportTable  `json:"not_judged"`
	Applied      []ReportDone `json:"applied"`
	Plan         []ReportStep `json:"plan"`
	Verification []string     `json:"verification"` // what shows that it is over
	Open         ReportOpen   `json:"open"`
	FollowUps    []string     `json:"follow_ups"` // an owner and a day are to be filled in
	// Evidence are the rows of tables that reasons stand on, as people read them,
	// EvidenceRaw the same with every field that the rules went by, as the vocabulary calls it.
	Evidence    []ReportTable `json:"evidence"`
	EvidenceRaw []ReportRaw   `json:"evidence_raw"`
	Ledger      ReportLedger  `json:"ledger"`
	// Drops are the kernel's own reasons, DropFlows the flows that lost most.
	Drops     ReportTable     `json:"drops"`
	DropFlows ReportTable     `json:"drop_flows"`
	Measured  []Measurement   `json:"measured"`
	Probes    []fact.Status   `json:"probes"`
	Further   []ReportFurther `json:"further"`
	ByHand    []string        `json:"by_hand"` // commands
	Curves    []ReportCurve   `json:"curves"`  // over the session's time
}

// ReportPair is a name and its value.
type ReportPair struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// ReportSession is the time from the first observation to the last.
type ReportSession struct {
	From time.Time `json:"from"`
	To   time.Time `json:"to"`
	// Gaps are the times in between in which nobody watched: the case was left, and
	// gone on with later.
	Gaps []ReportGap `json:"gaps"`
}

// ReportGap is a time in which nobody watched.
type ReportGap struct {
	From time.Time `json:"from"`
	To   time.Time `json:"to"`
}

// ReportTable is a table of texts. Left is the number of rows that it would have
// beside those that it has.
type ReportTable struct {
	Title   string     `json:"title,omitempty"`
	Columns []string   `json:"columns"`
	Rows    [][]string `json:"rows"`
	Left    int        `json:"left"`
}

// add appends a row, or counts it where the table has most rows already.
func (t *ReportTable) add(most int, cells ...string) {
	if len(t.Rows) >= most {
		t.Left++
		return
	}
	t.Rows = append(t.Rows, cells)
}

// table is an empty table.
func table(columns ...string) ReportTable {
	return ReportTable{Columns: columns, Rows: [][]string{}}
}

// ReportReply is the answer to a question of the checklist, beside what was
// measured.
type ReportReply struct {
	ID       string   `json:"id"`
	Ask      string   `json:"ask"`
	Answer   string   `json:"answer"`
	Note     string   `json:"note,omitempty"`
	Measured []string `json:"measured"`
}

// ReportFurther is a step of the investigation that looks for the causes.
type ReportFurther struct {
	Number   string   `json:"number"`
	Title    string   `json:"title"`
	Do       string   `json:"do"`
	LookFor  string   `json:"look_for,omitempty"`
	Commands []string `json:"commands"`
}

// Bounds of a report: beyond them what is left out is counted.
const (
	mostRows = 40 // of a table
	mostOpen = 12 // of a list
)

// Report makes the incident report of the case and its diagnosis, as written at a
// moment.
func (c *Case) Report(d *Diagnosis, written time.Time) *Report {
	unmeasured := c.Facts == nil
	if unmeasured {
		k := *c
		k.Facts = fact.New(c.Started, 0)
		k.Facts.Host, k.Facts.Kernel = c.Host, c.Kernel
		c = &k
	}
	f, places := c.Facts, c.Places(d)
	r := &Report{
		Schema: ReportSchema, AsOf: written.UTC(), Verdict: d.Verdict, Headline: c.Headline(d),
		Observed: jsonObserved{f.Host, f.Kernel, f.Start.UTC(), round(f.Seconds, 3)},
		Symptoms: orEmpty(d.Symptoms), Notes: orEmpty(d.Notes), Probes: orEmpty(f.Probes),
		Unanswered: []string{}, Answers: []ReportReply{},
	}
	if r.History, r.Unmeasured = f.HistoryOnly(), unmeasured; unmeasured {
		r.Headline = "INCONCLUSIVE: nothing was measured"
	}
	r.Session = c.session()
	r.Raised, r.Changes = raised(f), changed(f)
	c.replies(d, r)
	r.Environment = c.environment()
	r.Ledger = ledgerTables(c, places, d)
	c.causes(d, r)
	r.Moments = c.moments(r, written)
	r.Title = r.title()
	r.Timeline = c.timeline(r)
	r.Way = c.way(d, places)
	r.Plan, r.Applied = c.steps(d, written), c.done()
	r.Verification = c.verification(r)
	c.open(d, r)
	r.FollowUps = r.followUps()
	r.Evidence, r.EvidenceRaw = c.evidenceTables(d)
	r.Drops, r.DropFlows = freedTables(d.facts.facts, f)
	r.Measured, r.ByHand, r.Further = c.measured(d), orEmpty(c.byHand(d)), c.further(d)
	r.Curves = c.curves(d, places)
	r.Summary = c.summary(d, r)
	r.clean()
	return r
}

// Watched tells when the host was watched, and of which part of that the measurements
// are.
func (r *Report) Watched() string {
	o := r.Observed
	if r.Unmeasured {
		return "nothing was measured, or nothing of it was kept"
	}
	if o.Seconds == 0 {
		return "a sample or more, of " + stamp(o.Start) + "; how far apart is not known"
	}
	text := r.watched()
	if r.seen().Sub(r.begin()).Seconds()-o.Seconds >= 2 {
		if r.Session == nil || len(r.Session.Gaps) == 0 {
			text += ", until " + stamp(r.seen())
		}
		text += fmt.Sprintf("; what is measured below is of the last %s of that", inWords(time.Duration(o.Seconds*float64(time.Second))))
	}
	return text
}

// title says of which host the report is, and what was found.
func (r *Report) title() string {
	kind := "Incident report"
	if len(r.Causes)+len(r.Gone) == 0 && (r.History || r.Unmeasured || r.Verdict == Healthy) {
		kind = "Report"
	}
	return kind + " for " + r.host() + ": " + r.outcome()
}

// outcome is what was found, in a few words.
func (r *Report) outcome() string {
	switch n := len(r.Causes); {
	case r.Unmeasured:
		return "nothing was measured"
	case n == 1:
		return r.Causes[0].Title
	case n > 1:
		return fmt.Sprintf("%s, and %d more", r.Causes[0].Title, n-1)
	case len(r.Gone) > 0:
		return r.Gone[len(r.Gone)-1].Title + ", over at the end"
	case r.History:
		return "one sample, which does not tell what happens now"
	case r.Verdict == Healthy:
		return "nothing that loses packets was found"
	}
	return "the cause is not found yet"
}

// From notes what the report was made from, and what is damaged or missing there.
func (r *Report) From(source string, notes []string) {
	r.Source = content.Show(source)
	for _, n := range notes {
		r.Open.Doubts = append(r.Open.Doubts, content.Show(n))
	}
}

// host is the name of the host, as a text can tell it.
func (r *Report) host() string {
	if r.Observed.Host == "" {
		return "a host"
	}
	return r.Observed.Host
}

// WriteReport writes the incident report as markdown (CommonMark with GFM
// tables). It is the same for the same case and diagnosis, but for the moment
// it was written.
func (c *Case) WriteReport(w io.Writer, d *Diagnosis, written time.Time) error {
	return c.Report(d, written).Write(w, "markdown")
}

// Write writes the report in one of ReportFormats.
func (r *Report) Write(w io.Writer, format string) error {
	switch format {
	case "markdown":
		return r.WriteAs(w, format, "report.md.tmpl", reportMarkdown)
	case "html":
		return r.WriteAs(w, format, "report.html.tmpl", reportHTML)
	case "json":
		return r.writeJSON(w)
	}
	return fmt.Errorf("there is no format %q: expected one of %s", format, strings.Join(ReportFormats, ", "))
}

// writeJSON writes the report in the format of ReportSchema, without a character
// that a terminal should not get to see.
func (r *Report) writeJSON(w io.Writer) error {
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(r); err != nil {
		return err
	}
	_, err := io.WriteString(w, escaped(b.String(), func(c rune) string {
		high, low := utf16.EncodeRune(c)
		return fmt.Sprintf(`\u%04x\u%04x`, high, low)
	}))
	return err
}

// replies fills in what the operator said, beside what was measured.
func (c *Case) replies(d *Diagnosis, r *Report) {
	for _, q := range c.Book.Questions() {
		a, ok := c.Answers[q.ID]
		if !a.Given() { // a note alone is told, and is no answer
			r.Unanswered = append(r.Unanswered, q.ID)
		}
		if !ok {
			continue
		}
		reply := ReportReply{ID: q.ID, Ask: q.Ask, Answer: answerText(q, a), Note: a.Note, Measured: []string{}}
		for _, e := range d.Evidence(q) {
			if e.Complete && len(reply.Measured) < 4 {
				reply.Measured = append(reply.Measured, e.Says)
			}
		}
		r.Answers = append(r.Answers, reply)
	}
}

// answerText is what was ticked, in words.
func answerText(q *content.Question, a Answer) string {
	var said []string
	for _, id := range a.Options {
		if id == content.DontKnow {
			said = append(said, "don't know")
		} else if o := q.Option(id); o != nil {
			said = append(said, o.Label)
		}
	}
	return strings.Join(said, "; ")
}

// environment tells what the host is.
func (c *Case) environment() []ReportPair {
	pairs := []ReportPair{{"Host", c.Facts.Host}, {"Kernel", c.Facts.Kernel}}
	add := func(name, fact, unit string) {
		if v, known := c.Facts.Values[fact]; known && v.Now != nil {
			pairs = append(pairs, ReportPair{name, strings.TrimSpace(content.Show(v.Now) + " " + unit)})
		}
	}
	add("Operating system", "host.os", "")
	add("Up for", "host.uptime", "")
	add("CPUs", "host.cpus", "")
	if share, known := c.Facts.Num("memory.available_share"); known {
		pairs = append(pairs, ReportPair{"Memory available", Percent(share)})
	}
	add("Container or network namespace", "host.container", "")
	add("Connections established", "tcp.established", "")
	add("Congestion control", "sysctl.net.ipv4.tcp_congestion_control", "")
	add("Default qdisc", "sysctl.net.core.default_qdisc", "")
	if links := interfaces(c.Facts); links != "" {
		pairs = append(pairs, ReportPair{"Interfaces", links})
	}
	return slices.DeleteFunc(pairs, func(p ReportPair) bool { return p.Value == "" })
}

// interfaces names those with an address, and what drives them.
func interfaces(f *fact.Facts) string {
	var names []string
	left := 0
	for _, link := range f.Tables["link"] {
		name, _ := link["name"].(string)
		if n, _ := link["addresses"].(float64); n == 0 || link["kind"] == "loopback" || name == "" {
			continue
		}
		if len(names) == 8 {
			left++
			continue
		}
		var more []string
		for _, field := range []string{"kind", "driver"} {
			if text, _ := link[field].(string); text != "" && !slices.Contains(more, text) {
				more = append(more, text)
			}
		}
		if len(more) > 0 {
			name += " (" + strings.Join(more, ", ") + ")"
		}
		names = append(names, name)
	}
	if left > 0 {
		names = append(names, fmt.Sprintf("and %d more", left))
	}
	return strings.Join(names, ", ")
}
