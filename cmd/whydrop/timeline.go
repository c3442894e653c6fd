package main

import (
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"whydrop/checklist"
	"whydrop/content"
	"whydrop/probes/fact"
	"whydrop/probes/record"
)

// timelineSchema names the format of the JSON.
const timelineSchema = "whydrop.timeline/1"

// mostJudged bounds how often a recording is judged for its timeline, as long as
// its windows allow it: each second of it has to be judged once.
const mostJudged = 600

// timeline says when in a recording each cause rose and fell.
type timeline struct {
	Schema       string         `json:"schema"`
	Host         string         `json:"host"`
	Kernel       string         `json:"kernel"`
	Begin        time.Time      `json:"begin"`
	End          time.Time      `json:"end"`
	Observations int            `json:"observations"`
	Notes        []string       `json:"notes"`
	Causes       []causeSpan    `json:"causes"`
	Verdicts     []verdictSince `json:"verdicts"`
}

// causeSpan is a time during which a cause was named.
type causeSpan struct {
	ID    string     `json:"id"`
	Title string     `json:"title"`
	From  time.Time  `json:"from"`
	To    *time.Time `json:"to"` // null if it is still named at the end
	// Probability is the greatest in that time.
	Probability float64 `json:"probability"`

	during int // the verdict during which it was named
}

// verdictSince is a verdict from a moment on.
type verdictSince struct {
	At      time.Time         `json:"at"`
	Verdict checklist.Verdict `json:"verdict"`
	// Seconds is how long it lasted; the times may be those of a clock that was set.
	Seconds float64 `json:"seconds"`
}

// newTimeline judges a recording from its beginning to its end. A cause is named
// and falls as in the walkthrough.
func newTimeline(cmd *cobra.Command, c *checklist.Case, r *record.Recording) (*timeline, error) {
	t := &timeline{
		Schema: timelineSchema, Host: r.Header.Host, Kernel: r.Header.Kernel, Begin: r.Begin(), End: r.End(), Observations: r.Len(),
		Notes: append([]string{}, r.Notes...), Causes: []causeSpan{}, Verdicts: []verdictSince{},
	}
	apart := lasted(r) / mostJudged
	open := map[string]int{} // the span of a cause that is named
	var judged, last time.Time
	i := -1
	err := r.Each(func(f *fact.Facts) bool {
		i++
		at := record.EndOf(f)
		if n := len(t.Verdicts); n > 0 {
			t.Verdicts[n-1].Seconds += max(0, at.Sub(last).Seconds())
		}
		last = at
		window := time.Duration(f.Seconds * float64(time.Second))
		if since := at.Sub(judged); i > 0 && i < r.Len()-1 && since >= 0 && since < min(apart, window) {
			return true
		}
		judged, c.Facts = at, f
		t.judge(at, c.Diagnose(), open)
		return cmd.Context().Err() == nil
	})
	if err == nil {
		err = cmd.Context().Err()
	}
	return t, err
}

// lasted is how long was recorded: a clock that was set back takes nothing away.
func lasted(r *record.Recording) (all time.Duration) {
	for i := 1; i < r.Len(); i++ {
		all += max(0, r.Time(i).Sub(r.Time(i-1)))
	}
	return all
}

// judge takes what was made of one moment. A cause that is named falls only when
// it is clearly below the line.
func (t *timeline) judge(at time.Time, d *checklist.Diagnosis, open map[string]int) {
	if n := len(t.Verdicts); n == 0 || t.Verdicts[n-1].Verdict != d.Verdict {
		t.Verdicts = append(t.Verdicts, verdictSince{At: at, Verdict: d.Verdict})
	}
	for _, f := range d.Findings {
		span, is := open[f.Cause.ID]
		switch {
		case !is && f.Named():
			open[f.Cause.ID] = t.rise(at, f)
		case is && f.Probability < checklist.Named-0.1:
			t.Causes[span].To = &at
			delete(open, f.Cause.ID)
		case is:
			t.Causes[span].Probability = max(t.Causes[span].Probability, f.Probability)
		}
	}
}

// comeback is within which time a cause that fell was not really gone: one that
// comes and goes is told once.
const comeback = 30 * time.Second

// rise returns the span of a cause that is named from a moment on: a new one, or one
// that ended just before.
func (t *timeline) rise(at time.Time, f *checklist.Finding) int {
	for i := len(t.Causes) - 1; i >= 0; i-- {
		c := &t.Causes[i]
		if c.ID == f.Cause.ID && c.To != nil && at.Sub(*c.To).Abs() <= comeback {
			c.To, c.Probability = nil, max(c.Probability, f.Probability)
			return i
		}
	}
	t.Causes = append(t.Causes, causeSpan{ID: f.Cause.ID, Title: f.Cause.Title, From: at, Probability: f.Probability, during: len(t.Verdicts) - 1})
	return len(t.Causes) - 1
}

// writeTimeline writes the timeline of a recording.
func writeTimeline(cmd *cobra.Command, c *checklist.Case, r *record.Recording, asJSON bool) error {
	t, err := newTimeline(cmd, c, r)
	if err != nil {
		return fmt.Errorf("--timeline: %w", err)
	}
	if redacting(cmd) {
		names := newRedactor(c.Book)
		t.Host = names.Facts(&fact.Facts{Host: t.Host}).Host
		for i, note := range t.Notes {
			t.Notes[i] = names.Text(note)
		}
	}
	if asJSON {
		out := json.NewEncoder(cmd.OutOrStdout())
		out.SetIndent("", "  ")
		err = out.Encode(t)
	} else {
		err = t.write(cmd.OutOrStdout(), recordedOf(t.Host, r))
	}
	if err != nil {
		return fmt.Errorf("standard output: %w", err)
	}
	return nil
}

// write writes it for people, the verdicts among the causes.
func (t *timeline) write(w io.Writer, about string) error {
	clock := time.TimeOnly
	if t.Begin.Format(time.DateOnly) != t.End.Format(time.DateOnly) {
		clock = time.DateTime
	}
	if _, err := fmt.Fprintf(w, "%s\n\n", about); err != nil {
		return err
	}
	for i, v := range t.Verdicts {
		fmt.Fprintf(w, "%s  %s for %s\n", v.At.Format(clock), v.Verdict, span(time.Duration(v.Seconds*float64(time.Second))))
		for _, c := range t.Causes {
			if c.during != i {
				continue
			}
			end := "to the end"
			if c.To != nil {
				end = "until " + c.To.Format(clock)
			}
			fmt.Fprintf(w, "%s    %s (%s, up to %s) %s\n", c.From.Format(clock), content.Show(c.Title), c.ID, checklist.Percent(c.Probability), end)
		}
	}
	_, err := fmt.Fprintf(w, "%s  the recording ends\n", t.End.Format(clock))
	return err
}
