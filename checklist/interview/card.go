package interview

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"whydrop/checklist/train"
	"whydrop/content"
)

// Schema is the format of a scorecard as JSON.
const Schema = "whydrop.interview/1"

// Card is the scorecard: each mark with its evidence. Seconds count from the beginning,
// without breaks. Texts that people typed are as they were typed.
type Card struct {
	Schema    string    `json:"schema"`
	Candidate string    `json:"candidate,omitempty"`
	Scenario  string    `json:"scenario"`
	Title     string    `json:"title"`
	Level     int       `json:"level"` // of the scenario, 1 to 3
	Truth     []string  `json:"truth"` // in words; none for a healthy host
	Begun     time.Time `json:"begun"`
	Seconds   float64   `json:"seconds"`
	Rule      string    `json:"rule"`
	Whole     CardLevel `json:"whole"`
	// Sections are the groups of the checklist, then the areas.
	Sections []CardSection `json:"sections"`
	Path     []CardStep    `json:"path"`
	// Timeline is all that was heard and done, in its order.
	Timeline   []CardMoment    `json:"timeline"`
	Hints      []CardHint      `json:"hints"`
	Conclusion *CardConclusion `json:"conclusion,omitempty"`
	Points     []CardLine      `json:"key_points"`
	RuledOut   []CardLine      `json:"ruled_out"`
	Plan       []CardLine      `json:"plan"`
	Asides     []CardLine      `json:"asides"`
	Remarks    []CardLine      `json:"remarks"`
	Notes      []CardNote      `json:"notes"`
}

// CardLevel is what is suggested and what was decided.
type CardLevel struct {
	Suggested string `json:"suggested"`
	Why       string `json:"why"`
	Decided   string `json:"decided,omitempty"`
}

// CardSection is one section with what was heard and what was not.
type CardSection struct {
	ID    string `json:"id"`
	Title string `json:"title"`
	Group int    `json:"group,omitempty"`
	CardLevel
	Heard   []CardLine `json:"heard"`
	Missing []CardLine `json:"not_heard"`
	Notes   []CardNote `json:"notes"`
}

// CardLine is something that happened, or, without a time, did not.
type CardLine struct {
	Seconds *float64 `json:"seconds,omitempty"`
	ID      string   `json:"id"`
	Says    string   `json:"says"`
	Level   string   `json:"level,omitempty"` // of an item
	// By is the question, probe or outcome by which it came to count.
	By  string `json:"by,omitempty"`
	Why string `json:"why,omitempty"` // of a step: why it is right or not; of a key point: that it was not ticked
	// Judged is "right", "best", "wrong" or "folklore" of a step.
	Judged string `json:"judged,omitempty"`
}

// CardStep is a question or measurement, and what it was worth.
type CardStep struct {
	Seconds float64 `json:"seconds"`
	Kind    string  `json:"kind"` // Question or Probe
	ID      string  `json:"id"`
	Says    string  `json:"says"`
	// Bits is the information that it was expected to give at that moment; Best the step
	// of its kind that was expected to give most.
	Bits     float64 `json:"bits"`
	Best     string  `json:"best,omitempty"`
	BestBits float64 `json:"best_bits,omitempty"`
}

// CardHint is a hint that was given.
type CardHint struct {
	Seconds float64 `json:"seconds"`
	ID      string  `json:"id"`
	Says    string  `json:"says"`
	Costs   string  `json:"costs"`
}

// CardConclusion is what the candidate concluded.
type CardConclusion struct {
	Seconds float64     `json:"seconds"`
	Healthy bool        `json:"healthy"`
	Causes  []CardCause `json:"causes"`
}

// CardMoment is something that was heard or done.
type CardMoment struct {
	Seconds float64 `json:"seconds"`
	What    string  `json:"what"` // in words: "asked", "named", "took back"
	Says    string  `json:"says"`
	ID      string  `json:"id,omitempty"` // of the line or cause
	// Ticked is when the tick was made that is taken back.
	Ticked *float64 `json:"ticked,omitempty"`
	after  time.Duration
}

// CardCause is one cause of the conclusion, or one that is missing from it.
type CardCause struct {
	ID      string `json:"id,omitempty"` // "" for: nothing is wrong
	Says    string `json:"says"`
	Named   bool   `json:"named"` // false: it was at work, and they did not name it
	Right   bool   `json:"right"`
	Founded bool   `json:"founded"`
	Why     string `json:"why,omitempty"`
}

// CardNote is a note, and what it is about.
type CardNote struct {
	Seconds float64 `json:"seconds"`
	About   string  `json:"about,omitempty"`
	Text    string  `json:"text"`
}

// Card makes the scorecard of what is noted so far.
func (n *Interview) Card() *Card {
	sc := n.scenario
	c := &Card{
		Schema: Schema, Candidate: n.candidate, Scenario: sc.ID, Title: sc.Title, Level: sc.Level, Truth: []string{},
		Begun: n.begun.UTC(), Seconds: seconds(n.Elapsed()), Rule: Rule, Whole: n.cardLevel(content.Whole, n.SuggestWhole()),
		Hints: []CardHint{}, Path: n.cardPath(), Timeline: n.cardTimeline(),
		Points: n.cardLines(Point), RuledOut: n.cardLines(Herring), Plan: n.cardLines(Step), Remarks: n.cardLines(Remark), Asides: n.cardLines(Aside),
		Notes: n.cardNotes(func(Note) bool { return true }),
	}
	for _, id := range sc.Truth {
		c.Truth = append(c.Truth, n.book.Cause(id).Title)
	}
	for _, s := range n.rubric.Sections {
		c.Sections = append(c.Sections, n.cardSection(s))
	}
	for _, h := range n.hints {
		c.Hints = append(c.Hints, CardHint{seconds(h.After), h.ID, h.Says, n.rubric.Hint(h.ID).Costs})
	}
	c.Conclusion = n.cardConclusion()
	return c
}

// seconds is a time in whole seconds: nobody ticks faster.
func seconds(d time.Duration) float64 { return d.Round(time.Second).Seconds() }

func (n *Interview) cardLevel(section string, s Suggestion) CardLevel {
	return CardLevel{Suggested: s.Level, Why: s.Why, Decided: n.Decided(section)}
}

func (n *Interview) cardSection(s *content.RubricSection) CardSection {
	c := CardSection{
		ID: s.ID, Title: n.SectionTitle(s), Group: s.Group, CardLevel: n.cardLevel(s.ID, n.Suggest(s.ID)),
		Heard: []CardLine{}, Missing: []CardLine{}, Notes: n.cardNotes(func(note Note) bool { return n.sectionOf(note.About) == s.ID }),
	}
	for _, i := range s.Items {
		l := CardLine{ID: i.ID, Says: i.Says, Level: i.Level}
		if h, heard := n.Heard(i.ID); heard {
			at := seconds(h.After)
			l.Seconds, l.By = &at, h.By
			c.Heard = append(c.Heard, l)
			continue
		}
		c.Missing = append(c.Missing, l)
	}
	slices.SortStableFunc(c.Heard, func(a, b CardLine) int { return cmp.Compare(*a.Seconds, *b.Seconds) })
	return c
}

// areas are the sections to which lines of the script belong that are no items.
var areas = map[string]string{Question: "clarifying", Probe: "measuring", Aside: "measuring", Herring: "conclusion", Point: "conclusion", Step: "plan"}

// sectionOf is the section of the rubric to which a line of the script belongs, "" for
// none.
func (n *Interview) sectionOf(k Key) string {
	for _, s := range n.rubric.Sections {
		switch e := n.entries[k]; {
		case k == KeyOf(Section, s.ID), areas[k.Kind()] == s.ID, e != nil && e.group > 0 && e.group == s.Group:
			return s.ID
		case k.Kind() == Item && slices.ContainsFunc(s.Items, func(i *content.RubricItem) bool { return i.ID == k.ID() }):
			return s.ID
		}
	}
	return ""
}

// cardPath are the questions and measurements in their order.
func (n *Interview) cardPath() []CardStep {
	path := []CardStep{}
	events := slices.DeleteFunc(slices.Clone(n.session().Events()), func(e train.Event) bool { return !e.Counts() })
	for i, k := range n.order {
		s := CardStep{Seconds: seconds(n.ticks[k].After), Kind: k.Kind(), ID: k.ID(), Says: n.entries[k].Title}
		if i < len(events) && events[i].ID == k.ID() {
			s.Bits = events[i].Bits
			if best := events[i].Best; best != nil && best.ID != k.ID() {
				s.Best, s.BestBits = best.ID, best.Bits
			}
		}
		path = append(path, s)
	}
	return path
}

// cardLines are the ticked lines of a kind in the order in which they were ticked; of
// the key points also those that were not.
func (n *Interview) cardLines(kind string) []CardLine {
	lines, missing := []CardLine{}, []CardLine{}
	for _, e := range n.script {
		if e.Key.Kind() != kind {
			continue
		}
		l := CardLine{ID: e.Key.ID(), Says: e.Title}
		if kind == Step {
			l.Judged, l.Why = e.Label, strings.Join(e.Know, " ")
			if i := slices.IndexFunc(e.Know, func(t string) bool { return !strings.HasPrefix(t, "Such as: ") }); i >= 0 {
				l.Why = e.Know[i]
			}
		}
		if after, ticked := n.when(e.Key); ticked {
			at := seconds(after)
			l.Seconds = &at
			lines = append(lines, l)
		} else if kind == Point {
			l.Why = n.missed()
			missing = append(missing, l)
		}
	}
	slices.SortStableFunc(lines, func(a, b CardLine) int { return cmp.Compare(*a.Seconds, *b.Seconds) })
	return append(lines, missing...)
}

// missed is what a key point is that was not ticked: where the interviewer heard the
// explanation as a whole, it may have been part of it.
func (n *Interview) missed() string {
	for _, e := range n.script {
		if e.item == nil || !slices.Contains(e.item.By, "most-key-points") {
			continue
		}
		if h, heard := n.Heard(e.item.ID); heard && h.By == "" {
			return "Not ticked by itself"
		}
	}
	return "Not explained"
}

func (n *Interview) cardConclusion() *CardConclusion {
	if n.verdict == nil {
		return nil
	}
	c := &CardConclusion{Seconds: seconds(n.verdict.After), Healthy: n.verdict.Healthy, Causes: []CardCause{}}
	for _, r := range n.reviewed().Causes {
		v := CardCause{Says: "Nothing is wrong on this host", Named: r.Named, Right: r.Right, Founded: r.Founded}
		if r.Cause != nil {
			v.ID, v.Says = r.Cause.ID, r.Cause.Title
		}
		switch {
		case !r.Named:
			v.Why = "not named"
		case r.Right && !r.Founded:
			v.Why = "right, but what was asked and measured does not show it"
		case r.Right:
			v.Why = "right, and what was asked and measured shows it"
		default:
			v.Why = "not at work"
		}
		c.Causes = append(c.Causes, v)
	}
	return c
}

// moments are the kinds of lines that a timeline has, in words; items of the rubric are
// told with their sections.
var moments = map[string]string{
	Question: "asked", Probe: "measured", Aside: "wanted", Remark: "remark dropped in", Hint: "hint given",
	Herring: "ruled out", Point: "explained", Step: "proposed", Item: "heard",
}

// cardTimeline is all that was heard and done, in its order: what was named and taken
// back, too, and ticks that the interviewer took back as corrections.
func (n *Interview) cardTimeline() []CardMoment {
	all := []CardMoment{}
	add := func(after time.Duration, what, says, id string) {
		all = append(all, CardMoment{Seconds: seconds(after), What: what, Says: says, ID: id, after: after})
	}
	for _, e := range n.script {
		t, ticked := n.ticks[e.Key]
		if what := moments[e.Key.Kind()]; ticked && what != "" {
			add(t.After, what, e.Title, e.Key.ID())
		}
	}
	for _, h := range n.hints {
		add(h.After, moments[Hint], h.Says, h.ID)
	}
	for _, s := range n.said {
		what, says := "named", n.healthy.Title
		if s.Taken {
			what = "took back"
		}
		if s.Cause != "" {
			says = n.book.Cause(s.Cause).Title
		}
		add(s.After, what, says, s.Cause)
	}
	for _, note := range n.notes {
		add(note.After, "note", note.Text, "")
	}
	for _, c := range n.corrected {
		if e := n.entries[c.Key]; e != nil {
			at := seconds(c.Ticked)
			all = append(all, CardMoment{Seconds: seconds(c.Taken), What: "tick taken back", Says: e.Title, ID: c.Key.ID(), Ticked: &at, after: c.Taken})
		}
	}
	slices.SortStableFunc(all, func(a, b CardMoment) int { return cmp.Compare(a.after, b.after) })
	return all
}

func (n *Interview) cardNotes(wanted func(Note) bool) []CardNote {
	notes := []CardNote{}
	for _, note := range n.notes {
		if wanted(note) {
			notes = append(notes, CardNote{seconds(note.After), n.About(note.About), note.Text})
		}
	}
	return notes
}

// About is what a note is about in words, "" for nothing in particular.
func (n *Interview) About(k Key) string {
	if k.Kind() == Section {
		if s := n.rubric.Section(k.ID()); s != nil {
			return n.SectionTitle(s)
		}
		return ""
	}
	if e := n.entries[k]; e != nil {
		return e.Title
	}
	return ""
}
