package main

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"time"

	"whydrop/checklist"
	"whydrop/checklist/redact"
	"whydrop/content"
	"whydrop/probes/apply"
	"whydrop/probes/load"
)

// Schemas of the command's JSON.
const (
	trialsSchema = "whydrop.trials/1"
	trialSchema  = "whydrop.trial/1"
)

// renamed gives pseudonyms to what is written, line by line.
type renamed struct {
	with *redact.Redactor
	to   io.Writer
	line []byte
}

func (r *renamed) Write(b []byte) (int, error) {
	r.line = append(r.line, b...)
	end := bytes.LastIndexByte(r.line, '\n') + 1
	_, err := io.WriteString(r.to, r.with.Text(string(r.line[:end])))
	r.line = r.line[end:]
	return len(b), err
}

// trialInfo is what may be tried, as the list and the JSON tell it.
type trialInfo struct {
	Name     string        `json:"name"`
	Title    string        `json:"title"`
	On       string        `json:"on,omitempty"`
	Change   *apply.Change `json:"change,omitempty"`
	Now      string        `json:"now,omitempty"`
	Cannot   string        `json:"cannot,omitempty"` // why it cannot be tried here
	Takes    string        `json:"takes"`
	Measures []string      `json:"measures"`
	Causes   []string      `json:"causes"`
	Why      string        `json:"why"`
	Risk     string        `json:"risk"`
	Mind     string        `json:"mind"`
	Seconds  float64       `json:"seconds"` // that it takes
	Sources  []string      `json:"sources"`
}

// list tells what may be tried, with the values of this host.
func (t *tryer) list() error {
	var probes []string
	for _, trial := range t.book.Trials {
		probes = append(probes, trial.Probes(t.book.Facts)...)
	}
	f := t.observe(t.cmd.Context(), probes, 0)
	var all []trialInfo
	for _, trial := range t.book.Trials {
		info := trialInfo{
			Name: trial.ID, Title: trial.Title, On: trial.On, Takes: trial.Takes, Measures: trial.Measures, Causes: trial.Causes,
			Why: trial.Why, Risk: trial.Risk, Mind: trial.Mind, Sources: trial.Sources,
		}
		worked, err := checklist.NewTrial(t.book, trial, f, "", "")
		if err == nil {
			info.Change, info.Seconds = &worked.Change, worked.Lasts().Seconds()
			var now apply.State
			now, err = worked.Change.Read()
			info.Now = now.Text
			if err == nil && worked.Change.Reached(now) {
				err = fmt.Errorf("%s is %s already: another value with --value (%s)", worked.Change.Name(), now.Text, trial.Takes)
			}
		}
		if err != nil {
			info.Cannot = err.Error()
		}
		all = append(all, info)
	}
	if t.o.json {
		return writeJSON(t.out, struct {
			Schema string      `json:"schema"`
			Trials []trialInfo `json:"trials"`
		}{trialsSchema, all})
	}
	t.showList(all)
	return nil
}

func (t *tryer) showList(all []trialInfo) {
	fmt.Fprintln(t.out, "What may be tried here. whydrop try NAME changes it for a while, measures, and puts it back.")
	for _, info := range all {
		if info.Cannot != "" {
			continue
		}
		fmt.Fprintf(t.out, "\n%s\n", info.Name)
		t.line("what", info.Title)
		t.line("change", fmt.Sprintf("%s: %s -> %s", info.Change.Name(), info.Now, info.Change.To))
		t.line("judged by", t.titles(info.Measures[:1]))
		t.line("risk", info.Risk)
		t.line("takes", span(time.Duration(info.Seconds*float64(time.Second))))
	}
	var cannot []trialInfo
	for _, info := range all {
		if info.Cannot != "" {
			cannot = append(cannot, info)
		}
	}
	if len(cannot) > 0 {
		fmt.Fprintln(t.out, "\nNot here, or not without a value:")
		for _, info := range cannot {
			t.line(info.Name, strings.TrimPrefix(info.Cannot, info.Name+": "))
		}
	}
}

func (t *tryer) titles(ids []string) string {
	var titles []string
	for _, id := range ids {
		titles = append(titles, t.book.Measure(id).Title)
	}
	return strings.Join(titles, "; ")
}

// line tells one thing, folded to the width of a terminal.
func (t *tryer) line(head, text string) {
	const indent, width = 13, 79
	fmt.Fprintf(t.out, "  %-*s", indent-2, head)
	if len(head) > indent-3 {
		fmt.Fprint(t.out, "\n", strings.Repeat(" ", indent))
	}
	at := indent
	for i, word := range strings.Fields(content.Show(text)) {
		if i > 0 && at+1+len(word) > width {
			fmt.Fprint(t.out, "\n", strings.Repeat(" ", indent))
			at = indent
		} else if i > 0 {
			fmt.Fprint(t.out, " ")
			at++
		}
		fmt.Fprint(t.out, word)
		at += len(word)
	}
	fmt.Fprintln(t.out)
}

func span(d time.Duration) string {
	if d < 2*time.Minute {
		return fmt.Sprintf("%d s", int(math.Ceil(d.Seconds())))
	}
	return fmt.Sprintf("%d min", int(math.Ceil(d.Minutes())))
}

// showPlan tells what is about to be done.
func (t *tryer) showPlan() {
	trial := t.trial
	w := trial.Change.Words(&t.was).With(trial.Change, t.was)
	fmt.Fprintf(t.out, "%s: %s\n", trial.Of.ID, trial.Of.Title)
	t.line("change", fmt.Sprintf("%s: %s -> %s", trial.Change.Name(), t.was.Text, trial.Change.To))
	t.line("why", trial.Of.Why)
	t.line("risk", trial.Of.Risk)
	t.line("mind", trial.Of.Mind)
	t.line("by hand", w.Run)
	t.line("take back", w.Undo)
	t.line("judged by", trial.Measures[0].Title+" ("+trial.Measures[0].Better+" is better)")
	if t.instead != nil {
		t.line("not by", t.instead.Title+": it is zero now, or cannot be read here")
	}
	if len(trial.Measures) > 1 {
		t.line("also seen", t.titles(measureIDs(trial.Measures[1:])))
	}
	t.line("takes", fmt.Sprintf("%s: %d rounds of a block with the change and one without, %s each after %s to settle",
		span(trial.Lasts()), trial.Rounds, span(trial.Block), span(trial.Settle)))
	for _, m := range trial.Measures {
		if v, known := t.before.Values[m.ID]; known {
			t.line("before", m.Title+": "+m.Show(v))
		}
	}
	if t.before.Values[trial.Measures[0].ID] == 0 {
		t.line("nothing now", "it is zero now: unless that changes, the trial can show no more than whether it gets worse")
	}
	if opened, known := t.before.Values[openedMeasure]; known && opened == 0 {
		t.line("no new ones", "no connection was opened while that was measured, and only new ones take the change up: unless that changes, no difference will show")
	}
	if trial.Rounds < leastRounds {
		t.line("too few", fmt.Sprintf("%d rounds cannot tell a difference from chance, however large it is: %d or more can, %d with some certainty", trial.Rounds, leastRounds, leastRounds+1))
	}
}

// openedMeasure is the measure of trials that act on new connections alone, by its id.
const openedMeasure = "opened"

// leastRounds is how many pairs can show that chance alone does so in less than one
// of 20 trials: 2 of 2^6.
const leastRounds = 6

// trialReport is what came of a trial.
type trialReport struct {
	Schema   string                 `json:"schema"`
	Trial    string                 `json:"trial"`
	Change   apply.Change           `json:"change"`
	Was      string                 `json:"was"`
	Verdict  checklist.TrialSays    `json:"verdict"`
	Rounds   int                    `json:"rounds"` // that are whole
	Planned  int                    `json:"planned"`
	Settle   float64                `json:"settle_seconds"`
	Block    float64                `json:"block_seconds"`
	PutBack  bool                   `json:"put_back"`
	Ended    string                 `json:"ended,omitempty"` // why before its time
	Measures []measureReport        `json:"measures"`
	Before   checklist.TrialBlock   `json:"before"`
	Blocks   []checklist.TrialBlock `json:"blocks"`
	// Sent is how the traffic fared that was sent meanwhile; nil for none.
	Sent *load.Result `json:"reproduction,omitempty"`

	judged []checklist.TrialMeasure
	failed error
}

type measureReport struct {
	ID         string              `json:"id"`
	Title      string              `json:"title"`
	Unit       string              `json:"unit,omitempty"`
	Judged     bool                `json:"judged"`
	Says       checklist.TrialSays `json:"says"`
	Pairs      int                 `json:"pairs"`
	Without    float64             `json:"without"`
	With       float64             `json:"with"`
	Difference float64             `json:"difference"`
	Low        *float64            `json:"low,omitempty"`
	High       *float64            `json:"high,omitempty"`
	P          float64             `json:"p"`
	Corrected  float64             `json:"p_corrected"`
	LeastP     float64             `json:"least_p"`
}

// result judges what was measured. A trial that was interrupted is judged by its
// whole rounds: nobody saw what they showed, so that it ended tells nothing.
func (t *tryer) result(blocks []checklist.TrialBlock, err error) trialReport {
	r := trialReport{
		Schema: trialSchema, Trial: t.trial.Of.ID, Change: t.trial.Change, Was: t.was.Text, Planned: t.trial.Rounds,
		Settle: t.trial.Settle.Seconds(), Block: t.trial.Block.Seconds(), Before: t.before, Blocks: blocks,
		judged: t.trial.Result(blocks), failed: err,
	}
	for i := 1; i < len(blocks); i++ {
		if blocks[i].Pair >= 0 && blocks[i].Pair == blocks[i-1].Pair {
			r.Rounds++
		}
	}
	r.Verdict = r.judged[0].Says
	for _, m := range r.judged {
		report := measureReport{
			ID: m.Measure.ID, Title: m.Measure.Title, Unit: m.Measure.Unit, Judged: m.Judged, Says: m.Says, Pairs: m.Pairs,
			Without: m.Without, With: m.With, Difference: m.Difference, P: m.P, Corrected: m.Corrected, LeastP: m.Least,
		}
		if m.Bounded {
			report.Low, report.High = &m.Low, &m.High
		}
		r.Measures = append(r.Measures, report)
	}
	if err != nil {
		r.Ended = err.Error()
	}
	now, readErr := t.trial.Change.Read()
	r.PutBack = readErr == nil && now.Text == t.was.Text
	if !r.PutBack {
		r.failed = errors.Join(r.failed, readErr, fmt.Errorf("%s is %s now, and was %s: 'whydrop rollback' lists what whydrop changed", t.trial.Change.Name(), cmp.Or(now.Text, content.Unknown), t.was.Text))
	}
	return r
}

// showResult tells what came of the trial.
func (t *tryer) showResult(r trialReport) {
	fmt.Fprintf(t.out, "\n%s\n", strings.ToUpper(string(r.Verdict)))
	if r.Ended != "" {
		t.line("ended", fmt.Sprintf("after %d of %d rounds: %s", r.Rounds, r.Planned, r.Ended))
	}
	after, _ := afterAll(r.Blocks)
	for _, m := range r.judged {
		head := m.Measure.Title
		if m.Judged {
			head += " (judged by it)"
		}
		fmt.Fprintf(t.out, "\n%s\n", head)
		if n := m.Numbers(); n != "" {
			t.line("measured", n)
		}
		before, known := r.Before.Values[m.Measure.ID]
		last, lastKnown := after.Values[m.Measure.ID]
		if known && lastKnown {
			t.line("around it", fmt.Sprintf("%s before the trial, %s after it", m.Measure.Show(before), m.Measure.Show(last)))
		}
		t.line("says", string(m.Says)+": "+m.Why())
	}
	if r.Sent != nil {
		fmt.Fprintln(t.out, "\nThe traffic that was sent, with the change and without it")
		t.line("to", r.Sent.Target+", "+r.Sent.Traffic.Kind)
		if moved := r.Sent.Moved(); moved > 0 {
			t.line("moved", load.Size(moved))
		} else {
			t.line("fared", attemptsText(r.Sent))
		}
	}
	if r.Verdict == checklist.TrialNoDifference || r.Verdict == checklist.TrialTooSmall || r.Verdict == checklist.TrialTooFew {
		fmt.Fprintln(t.out, "\nBefore you rule it out")
		t.line("mind", t.trial.Of.Mind)
	}
	if r.PutBack {
		fmt.Fprintf(t.out, "\nPut back: %s is %s.\n", content.Show(t.trial.Change.Name()), content.Show(t.was.Text))
	}
	if r.Verdict == checklist.TrialBetter {
		fmt.Fprintf(t.out, "To have it for good, by hand: %s\n", content.Show(t.trial.Change.Words(&t.was).With(t.trial.Change, t.was).Run))
	}
}

func afterAll(blocks []checklist.TrialBlock) (b checklist.TrialBlock, ok bool) {
	i := slices.IndexFunc(blocks, func(b checklist.TrialBlock) bool { return b.Pair < 0 })
	if i < 0 {
		return b, false
	}
	return blocks[i], true
}
