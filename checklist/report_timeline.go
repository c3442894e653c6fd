package checklist

import (
	"fmt"
	"slices"
)

// Bounds of a timeline that people read: of so many events at most, and of so many of
// the marks where there are others beside them, the first and the last are told.
const (
	mostEvents = 80
	leastMarks = 20
)

// omitted is a line of a timeline that stands for others.
const omitted EventKind = "left out"

// Brief is the timeline as people read it. Of very many events what was done to the host
// and to the case is told whole; of marks, and of causes that rose and fell again and
// again, the first and the last, with a line that says how many are left out between.
func (t ReportTimeline) Brief() []ReportEvent {
	keep, _ := t.chosen()
	var brief []ReportEvent
	out := map[string]int{} // by what they are: where their line stands
	last, number := map[string]ReportEvent{}, map[string]int{}
	for i, e := range t.Events {
		if keep[i] {
			brief = append(brief, e)
			continue
		}
		what := plenty(e.Kind)
		if number[what]++; number[what] == 1 {
			out[what] = len(brief)
			brief = append(brief, ReportEvent{At: e.At, Kind: omitted})
		}
		last[what] = e
	}
	for what, at := range out {
		text := fmt.Sprintf("%d more %s, until %s", number[what], what, stamp(last[what].At))
		if number[what] == 1 {
			text = "one more of the " + what
		}
		brief[at].Text = text + ": the JSON report has them all"
	}
	return brief
}

// plenty says what there may be very many of; "" for events that are always told.
func plenty(k EventKind) string {
	switch k {
	case Marked:
		return "marks"
	case Rose, Fell, Changed:
		return "causes named or no longer named, and verdicts"
	}
	return ""
}

// chosen says which events a brief timeline tells, and how many it leaves out.
func (t ReportTimeline) chosen() (keep []bool, left int) {
	keep = make([]bool, len(t.Events))
	var marks, causes []int
	room := mostEvents
	for i, e := range t.Events {
		switch plenty(e.Kind) {
		case "":
			keep[i] = true
			if e.Kind != watchBegan && e.Kind != lastSeen {
				room--
			}
		case "marks":
			marks = append(marks, i)
		default:
			causes = append(causes, i)
		}
	}
	forMarks := max(min(len(marks), leastMarks), room-len(causes))
	told := slices.Concat(ends(marks, forMarks), ends(causes, max(room-min(forMarks, len(marks)), leastMarks)))
	for _, i := range told {
		keep[i] = true
	}
	return keep, len(marks) + len(causes) - len(told)
}

// ends are the first and the last of a list, n together.
func ends(list []int, n int) []int {
	if len(list) <= n {
		return list
	}
	return slices.Concat(list[:(n+1)/2], list[len(list)-n/2:])
}
