package casefile

import (
	"encoding/json"
	"maps"
	"slices"

	"whydrop/checklist"
)

// said is what is to be kept of a case but for observations. It is never changed.
type said struct {
	answers map[string]checklist.Answer
	events  []checklist.Event
	applied []checklist.Applied
	place   Place
	verdict Verdict
	tried   Tried
}

func sayingOf(s Snapshot) said {
	k := said{
		answers: maps.Clone(s.Case.Answers), events: s.Case.Track.Events(),
		applied: slices.Clone(s.Case.Applied), place: s.Place,
	}
	if s.Tried != nil {
		k.tried = *s.Tried
	}
	if s.Diagnosis != nil {
		k.verdict = verdictOf(s.Diagnosis)
	}
	return k
}

// after returns what is said now where some was before: without a place and a verdict
// those of before stand. Nothing is known of them until the host was measured.
func (k said) after(before said) said {
	if k.place == (Place{}) {
		k.place = before.place
	}
	if k.verdict.Verdict == "" {
		k.verdict = before.verdict
	}
	return k
}

func verdictOf(d *checklist.Diagnosis) Verdict {
	v := Verdict{Verdict: d.Verdict}
	for _, f := range d.Named() {
		if v.Causes = append(v.Causes, f.Cause.ID); v.Title == "" {
			v.Title = f.Cause.Title
		}
	}
	return v
}

func (v Verdict) equal(w Verdict) bool {
	return v.Verdict == w.Verdict && slices.Equal(v.Causes, w.Causes)
}

func sameAnswer(a, b checklist.Answer) bool {
	return a.Note == b.Note && slices.Equal(a.Options, b.Options)
}

// sameStep compares two states of a step that was applied. What it counts changes
// every second; it is written with its end and when the outcome changes.
func sameStep(a, b checklist.Applied) bool {
	return a.At.Equal(b.At) && a.Fate == b.Fate && a.Note == b.Note && a.Effect.Outcome == b.Effect.Outcome
}

// counted returns the lines of the steps of which more was counted since they were
// written.
func (k said) counted(s Snapshot) (lines []entry) {
	for i, a := range s.Case.Applied {
		if i < len(k.applied) {
			lines = append(lines, line(appliedKind, appliedLine{i, a}))
		}
	}
	return lines
}

func (k said) equal(now said) bool {
	lines, _ := k.until(now)
	return len(lines) == 0
}

// until returns the lines that make of what is in the file what it is now. sync says
// that the disk itself should have them soon.
func (k said) until(now said) (lines []entry, sync bool) {
	add := func(kind string, v any) { lines = append(lines, line(kind, v)) }
	for _, q := range slices.Sorted(maps.Keys(now.answers)) {
		if a := now.answers[q]; !sameAnswer(a, k.answers[q]) {
			add(answerKind, answerLine{q, a.Options, a.Note, a.At})
		}
	}
	for q := range k.answers {
		if _, still := now.answers[q]; !still {
			add(answerKind, answerLine{Question: q})
		}
	}
	for i := len(k.events); i < len(now.events); i++ {
		e := now.events[i]
		add(eventKind, eventLine{i, e.At, string(e.Kind), e.Text, e.Cause})
	}
	for i, a := range now.applied {
		if i >= len(k.applied) || !sameStep(a, k.applied[i]) {
			add(appliedKind, appliedLine{i, a})
		}
	}
	if now.tried != k.tried {
		add(triedKind, now.tried)
	}
	sync = len(lines) > 0
	if now.place != k.place {
		add(placeKind, now.place)
	}
	if !now.verdict.equal(k.verdict) {
		add(verdictKind, now.verdict)
	}
	return lines, sync
}

// line is a line with its data. What cannot be written as JSON is told when it is read.
func line(kind string, v any) entry {
	data, err := json.Marshal(v)
	if err != nil {
		data, _ = json.Marshal(err.Error())
	}
	return entry{kind, data}
}

func sorted[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
