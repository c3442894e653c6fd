package checklist

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"whydrop/content"
)

// htmlFuncs are what HTML templates can use beside those for all formats. None of
// them makes markup: html/template escapes whatever stands in the report.
var htmlFuncs = map[string]any{"plots": plots, "changes": changesText, "pair": pair}

// pair hands two values to a template.
func pair(a, b any) map[string]any { return map[string]any{"A": a, "B": b} }

// The size of a plot, in the units of its SVG: a field with room for the numbers
// at its left and below.
const (
	plotWidth  = 760
	plotHeight = 150
	plotLeft   = 56
	plotTop    = 10
	plotRight  = plotWidth - 10
	plotBottom = plotHeight - 22
)

// plot is a plot of curves over the session's time, ready to be drawn.
type plot struct {
	Title         string
	Unit          string
	Width, Height int
	Left, Right   int
	Top, Bottom   int
	Levels        []plotLevel
	Times         []plotTime
	Lines         []plotLine
	Marks         []plotMark
	Gaps          []plotGap
	Says          string // for those who do not see it
}

// plotLevel is a horizontal line with its number.
type plotLevel struct {
	Y    float64
	Text string
}

// plotTime is a moment under the plot.
type plotTime struct {
	X      float64
	Text   string
	Anchor string
}

// plotLine is a curve. Style is a number from 1: a colour and a pattern.
type plotLine struct {
	Name, Peak string
	Points     []string
	Style      int
}

// plotGap is a time in which nobody watched.
type plotGap struct {
	X, Width float64
	Height   int
	Text     string
}

// plotMark is a moment at which something happened.
type plotMark struct {
	X      float64
	Kind   string // mark or change
	Number int
	Anchor string // of the number: on the side where there is room
	Text   string
}

// plots lays out the curves of a report.
func plots(r *Report) []plot {
	var all []plot
	if r.Session == nil {
		return nil
	}
	for _, title := range []string{plotDrops, plotRetrans, plotCauses} {
		curves := slices.DeleteFunc(slices.Clone(r.Curves), func(c ReportCurve) bool { return c.Plot != title })
		if len(curves) > 0 {
			all = append(all, plotOf(r, title, curves))
		}
	}
	return all
}

func plotOf(r *Report, title string, curves []ReportCurve) plot {
	p := plot{Title: title, Unit: curves[0].Unit, Width: plotWidth, Height: plotHeight, Left: plotLeft, Right: plotRight, Top: plotTop, Bottom: plotBottom}
	top := 1.0 // of probabilities
	if title != plotCauses {
		top = 0
		for _, c := range curves {
			top = max(top, Peak(c.Points))
		}
		top = roundUp(top)
	}
	from, to := r.Session.From, r.Session.To
	axis := axisOf(r.Session)
	x := axis.x
	y := func(v float64) float64 {
		return round(plotBottom-min(1, max(0, v/top))*(plotBottom-plotTop), 1)
	}
	for _, share := range []float64{0, 0.5, 1} {
		text := content.Show(share * top)
		if title == plotCauses {
			text = fmt.Sprintf("%.0f %%", share*100)
		}
		p.Levels = append(p.Levels, plotLevel{y(share * top), text})
	}
	layout := "15:04:05"
	if to.Sub(from) > 12*time.Hour {
		layout = "01-02 15:04"
	}
	p.Times = []plotTime{{x(from), from.UTC().Format(layout), "start"}, {x(to), to.UTC().Format(layout) + " UTC", "end"}}
	if len(r.Session.Gaps) == 0 {
		middle := from.Add(to.Sub(from) / 2)
		p.Times = slices.Insert(p.Times, 1, plotTime{x(middle), middle.UTC().Format(layout), "middle"})
	}
	for _, g := range r.Session.Gaps {
		p.Gaps = append(p.Gaps, plotGap{x(g.From), round(x(g.To)-x(g.From), 1), plotBottom - plotTop, "not watched for " + inWords(g.To.Sub(g.From)) + " from " + stamp(g.From) + " on"})
	}
	var says []string
	for i, c := range curves {
		line := plotLine{Name: c.Name, Style: i + 1, Peak: content.Show(round(Peak(c.Points), 3))}
		if title == plotCauses {
			line.Peak = Percent(Peak(c.Points))
		}
		line.Points = points(c, r.Session, x, y)
		p.Lines = append(p.Lines, line)
		says = append(says, fmt.Sprintf("%s up to %s %s", c.Name, line.Peak, c.Unit))
	}
	p.Marks = plotMarks(r.Timeline, x)
	p.Says = title + ": " + strings.Join(says, "; ")
	return p
}

// points are the points of a curve as SVG has them, a line for each stretch in which
// the host was watched.
func points(c ReportCurve, s *ReportSession, x func(time.Time) float64, y func(float64) float64) []string {
	var lines []string
	var line []string
	end := func() {
		if len(line) == 1 { // a dot
			line = append(line, line[0])
		}
		if len(line) > 0 {
			lines = append(lines, strings.Join(line, " "))
		}
		line = nil
	}
	var last time.Time
	for i, v := range c.Points {
		at := after(c.From, c.At[i])
		if slices.ContainsFunc(s.Gaps, func(g ReportGap) bool { return !last.After(g.From) && at.After(g.From) }) {
			end()
		}
		line = append(line, fmt.Sprintf("%g,%g", x(at), y(v)))
		last = at
	}
	end()
	return lines
}

// timeAxis lays the session's time out from the left to the right of a plot. A gap in
// which nobody watched takes a little room, whatever its length.
type timeAxis struct {
	session *ReportSession
	watched float64 // seconds
	gap     float64 // what a gap counts for, in seconds
}

func axisOf(s *ReportSession) timeAxis {
	a := timeAxis{session: s, watched: s.To.Sub(s.From).Seconds()}
	for _, g := range s.Gaps {
		a.watched -= g.To.Sub(g.From).Seconds()
	}
	a.watched = max(a.watched, 0.001)
	a.gap = a.watched * 0.3 / float64(max(10, len(s.Gaps)))
	return a
}

func (a timeAxis) x(t time.Time) float64 {
	passed := t.Sub(a.session.From).Seconds()
	for _, g := range a.session.Gaps {
		long := max(g.To.Sub(g.From).Seconds(), 0.001)
		in := min(max(t.Sub(g.From).Seconds(), 0), long)
		passed += in/long*a.gap - in
	}
	share := passed / (a.watched + a.gap*float64(len(a.session.Gaps)))
	return round(plotLeft+min(1, max(0, share))*(plotRight-plotLeft), 1)
}

// plotMarks are what somebody marked or did, numbered as they are told below.
func plotMarks(t ReportTimeline, x func(time.Time) float64) []plotMark {
	var marks []plotMark
	for _, e := range t.Brief() {
		if !e.Kind.done() {
			continue
		}
		kind := "change"
		if e.Kind == Marked {
			kind = "mark"
		}
		anchor := "start"
		if x(e.At) > plotRight-20 {
			anchor = "end"
		}
		marks = append(marks, plotMark{x(e.At), kind, len(marks) + 1, anchor, fmt.Sprintf("%s %s: %s", e.At.UTC().Format("15:04:05"), e.Kind, e.Text)})
	}
	return marks
}

// roundUp is the next number of the kind 1, 2 or 5 times a power of ten, which
// reads well at an axis.
func roundUp(v float64) float64 {
	if v <= 0 || math.IsInf(v, 0) || math.IsNaN(v) {
		return 1
	}
	power := math.Pow(10, math.Floor(math.Log10(v)))
	for _, n := range []float64{1, 2, 5} {
		if cmp.Compare(v, n*power*(1+1e-9)) <= 0 {
			return n * power
		}
	}
	return 10 * power
}
