package history

import (
	"cmp"
	"slices"
	"strconv"
	"time"

	"whydrop/probes/fact"
)

// maxRows bounds the table.
const maxRows = 60

// Facts tells each signal's usual and last level, and since when it is raised.
func (*Source) Facts(readings []fact.Reading, f *fact.Facts) {
	if len(readings) == 0 {
		return
	}
	reading := readings[len(readings)-1]
	r, ok := reading.Data.(*Reading)
	if !ok || r == nil || len(r.Series) == 0 {
		return
	}
	// It was read once, maybe long before the end of this window.
	now := r.At.Add(max(0, f.Start.Add(time.Duration(f.Seconds*float64(time.Second))).Sub(reading.At)))
	for _, b := range r.Blind {
		f.CannotSee(name, b.What, b.Needs)
	}
	f.Text("history.source", r.From)
	first, last := r.Series[0].Points[0].At, time.Time{}
	type told struct {
		row   fact.Row
		since time.Time
		peak  float64
	}
	var rows []told
	raised := 0
	for _, s := range r.Series {
		l := s.level()
		if s.Points[0].At.Before(first) {
			first = s.Points[0].At
		}
		if l.Last.At.After(last) {
			last = l.Last.At
		}
		if s.Device != "" && l.Peak.Value == 0 {
			continue // an interface that never lost anything
		}
		if !l.Since.IsZero() && s.Signal.Trouble {
			raised++
		}
		rows = append(rows, told{s.row(r.From, now, l), l.Since, l.Peak.Value})
	}
	// What is raised stands first, what began first before the rest.
	slices.SortStableFunc(rows, func(a, b told) int {
		if a.since.IsZero() != b.since.IsZero() {
			return cmp.Compare(b.since.Unix(), a.since.Unix())
		}
		return a.since.Compare(b.since)
	})
	f.Table("history")
	for _, t := range rows[:min(len(rows), maxRows)] {
		f.Add("history", t.row)
	}
	f.Gauge("history.hours", last.Sub(first).Hours())
	f.Gauge("history.last_ago_s", max(0, now.Sub(last).Seconds()))
	f.Gauge("history.raised", float64(raised))
}

func (s Series) row(from string, now time.Time, l Level) fact.Row {
	label := s.Signal.Says + s.Signal.Unit
	if s.Device != "" {
		label = fact.Clean(s.Device, 64) + " " + label
	}
	row := fact.Row{
		"name": label, "signal": s.Signal.ID, "source": from, "trouble": s.Signal.Trouble,
		"last": l.Last.Value, "last_at": unix(l.Last.At), "peak": l.Peak.Value, "peak_at": unix(l.Peak.At),
		"samples": float64(len(s.Points)), "first": unix(s.Points[0].At), "raised": !l.Since.IsZero(),
	}
	if l.Usual == nil {
		delete(row, "raised") // nobody can tell
		return row
	}
	row["usual"] = *l.Usual
	row["says"] = label + " " + s.show(l.Last.Value) + ", usually " + s.show(*l.Usual)
	if !l.Since.IsZero() {
		ago := max(0, now.Sub(l.Since))
		row["since"] = unix(l.Since)
		row["since_time"] = l.Since.UTC().Format("2006-01-02 15:04 UTC")
		row["since_ago_s"] = ago.Seconds()
		row["since_ago"] = span(ago)
	}
	return row
}

// show writes a value: a share in percent.
func (s Series) show(v float64) string {
	if s.Signal.Unit == "" {
		return strconv.FormatFloat(100*v, 'f', 0, 64) + " %"
	}
	if v >= 100 {
		return strconv.FormatFloat(v, 'f', 0, 64)
	}
	return strconv.FormatFloat(v, 'g', 3, 64)
}

func unix(t time.Time) float64 { return float64(t.Unix()) }

// span says how long something takes: "13 min", "5 h", "2 days".
func span(d time.Duration) string {
	switch {
	case d < 2*time.Hour:
		return strconv.Itoa(int(d.Minutes())) + " min"
	case d < 48*time.Hour:
		return strconv.Itoa(int(d.Hours())) + " h"
	}
	return strconv.Itoa(int(d.Hours()/24)) + " days"
}
