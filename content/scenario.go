package content

import (
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"
)

// Scenario is an incident to train on: a story told by an interviewer, over the
// recording of a host that was really sick (or really healthy).
type Scenario struct {
	ID    string `yaml:"id"` // says nothing about the cause
	Title string `yaml:"title"`
	// Level is 1 for a single clear fault, 2 for one with look-alikes, 3 for two
	// faults, red herrings, or a healthy host and a wrong alarm.
	Level int `yaml:"level"`
	// Truth are the causes at work; none: nothing is wrong on this host. Accept are
	// causes that are as right given the story, since nobody inside can tell them apart.
	Truth  []string `yaml:"truth"`
	Accept []string `yaml:"accept"`
	// Lab is the fault of the lab that was recorded, Source where a dump is from.
	Lab    string `yaml:"lab"`
	Source string `yaml:"source"`
	// Host is the name that the host has in the story; empty: the recorded one.
	Host    string `yaml:"host"`
	Company string `yaml:"company"`
	Service string `yaml:"service"`
	// Figures is what is to be known of the figures' age and windows, empty where it is
	// what the interviewer says of every recording of the lab.
	Figures string `yaml:"figures"`
	Seat    string `yaml:"seat"`    // which host the candidate sits at: server, client or router
	Opening string `yaml:"opening"` // the one vague sentence of the interviewer
	// People are those who know something, by role.
	People   []*Person  `yaml:"people"`
	Timeline []*Moment  `yaml:"timeline"` // told at the end
	Answers  TellingMap `yaml:"answers"`  // by question
	Remarks  []*Remark  `yaml:"remarks"`
	Herrings []*Herring `yaml:"herrings"`
	// KeyPoints are what an explanation in one's own words should say.
	KeyPoints []string `yaml:"key_points"`
	// Fix are the remedies that are right, as CAUSE/REMEDY, the best first.
	Fix []string `yaml:"fix"`
	// Helps are steps that are sound in this story, though they are another cause's.
	Helps []*Help `yaml:"helps"`
	// Vain are steps against other causes, as CAUSE/REMEDY, that tempt and are surely in
	// vain here: they are what else can be chosen.
	Vain []string `yaml:"vain"`
	// Aside are steps, CAUSE/REMEDY or the id of folklore, that are neither an answer
	// here nor surely in vain: they are not offered, also to those who name their cause.
	Aside []string `yaml:"aside"`
	Place `yaml:"-"`

	files     fs.FS  // of the layer that it stands in
	recording string // the name of its recording there
}

// TellingMap is what is answered to each question, by the question's id.
type TellingMap map[string]*Telling

// Person is somebody in the story, by role.
type Person struct {
	Role  string `yaml:"role"`
	Knows string `yaml:"knows"`
}

// Moment is an entry of the timeline.
type Moment struct {
	At   string `yaml:"at"` // as the story writes it: "09:10"
	Says string `yaml:"says"`
}

// Telling is what the interviewer answers to a question.
type Telling struct {
	Says    string   `yaml:"says"`
	Options []string `yaml:"options"` // what the engine is told: options of the question
	From    string   `yaml:"from"`    // the role of who says it, "" for the interviewer
	// Misleading marks what is honest and leads away from the truth.
	Misleading bool `yaml:"misleading"`
	Place      `yaml:"-"`
}

// Remark is something that somebody says without being asked.
type Remark struct {
	After      int    `yaml:"after"` // the number of steps before it
	From       string `yaml:"from"`
	Says       string `yaml:"says"`
	Misleading bool   `yaml:"misleading"`
	Place      `yaml:"-"`
}

// Herring is a cause that one is tempted to name, and what refutes it.
type Herring struct {
	Cause   string `yaml:"cause"`
	Refuted string `yaml:"refuted"`
	Place   `yaml:"-"`
}

// Saying is what the interviewer says where a scenario says nothing: one of several
// wordings.
type Saying struct {
	ID    string   `yaml:"id"` // what it is about: "not-known"; "not-known.4" in group 4
	Says  []string `yaml:"says"`
	Place `yaml:"-"`
}

// Instrument is a probe as a candidate knows it: what it shows, and the words by which
// people ask for it.
type Instrument struct {
	Probe string   `yaml:"probe"`
	Title string   `yaml:"title"`
	Shows string   `yaml:"shows"`
	Words []string `yaml:"words"`
	Place `yaml:"-"`
}

// Hearing are words by which people ask a question of the checklist, beside those in
// which it is written.
type Hearing struct {
	Question string   `yaml:"question"`
	Words    []string `yaml:"words"`
	Place    `yaml:"-"`
}

// seats are the hosts at which a candidate can sit.
var seats = []string{"server", "client", "router"}

// leastAnswers is how many questions a scenario answers itself.
const leastAnswers = 12

// LoadTraining is Load with the training material: the scenarios and what the
// interviewer says. A scenario of an overlay stands in its directory scenarios, with
// its recording ID.whydrop beside it.
func LoadTraining(overlay string) (*Book, error) { return loadLayers(overlay, true) }

// Scenario returns a scenario by its id, nil if there is none or the book was loaded
// without them.
func (b *Book) Scenario(id string) *Scenario {
	for _, s := range b.Scenarios {
		if s.ID == id {
			return s
		}
	}
	return nil
}

// Saying returns the wordings of what the interviewer says, none if there is nothing
// of that id.
func (b *Book) Saying(id string) []string {
	for _, s := range b.Interviewer {
		if s.ID == id {
			return s.Says
		}
	}
	return nil
}

// Instrument returns a probe as a candidate knows it, nil if there is none.
func (b *Book) Instrument(probe string) *Instrument {
	for _, i := range b.Instruments {
		if i.Probe == probe {
			return i
		}
	}
	return nil
}

// Hearing returns the words by which people ask a question, none if there are none.
func (b *Book) Hearing(question string) []string {
	for _, h := range b.Hearings {
		if h.Question == question {
			return h.Words
		}
	}
	return nil
}

// Recording returns the recording of the scenario's host, in the format of package
// record.
func (s *Scenario) Recording() ([]byte, error) {
	data, err := fs.ReadFile(s.files, s.recording)
	if err != nil {
		return nil, fmt.Errorf("scenario %s: its recording: %w", s.ID, err)
	}
	return data, nil
}

// Healthy says whether nothing is wrong on the host.
func (s *Scenario) Healthy() bool { return len(s.Truth) == 0 }

// Right says whether a cause is right to name.
func (s *Scenario) Right(cause string) bool {
	return slices.Contains(s.Truth, cause) || slices.Contains(s.Accept, cause)
}

func (s *Scenario) key() string   { return s.ID }
func (s *Saying) key() string     { return s.ID }
func (i *Instrument) key() string { return i.Probe }
func (h *Hearing) key() string    { return h.Question }

// UnmarshalYAML keeps the line for error messages.
func (s *Scenario) UnmarshalYAML(n *yaml.Node) error {
	type plain Scenario
	return at(n, (*plain)(s), &s.Line)
}

// UnmarshalYAML keeps the line for error messages.
func (t *Telling) UnmarshalYAML(n *yaml.Node) error {
	type plain Telling
	return at(n, (*plain)(t), &t.Line)
}

// UnmarshalYAML keeps the line for error messages.
func (r *Remark) UnmarshalYAML(n *yaml.Node) error {
	type plain Remark
	return at(n, (*plain)(r), &r.Line)
}

// UnmarshalYAML keeps the line for error messages.
func (h *Herring) UnmarshalYAML(n *yaml.Node) error {
	type plain Herring
	return at(n, (*plain)(h), &h.Line)
}

// UnmarshalYAML keeps the line for error messages.
func (s *Saying) UnmarshalYAML(n *yaml.Node) error {
	type plain Saying
	return at(n, (*plain)(s), &s.Line)
}

// UnmarshalYAML keeps the line for error messages.
func (i *Instrument) UnmarshalYAML(n *yaml.Node) error {
	type plain Instrument
	return at(n, (*plain)(i), &i.Line)
}

// UnmarshalYAML keeps the line for error messages.
func (h *Hearing) UnmarshalYAML(n *yaml.Node) error {
	type plain Hearing
	return at(n, (*plain)(h), &h.Line)
}

// addScenarios adds those of a file of a layer, with where their recordings are.
func (l *loader) addScenarios(la layer, name string, scenarios []*Scenario) {
	for _, s := range scenarios {
		s.files, s.recording = la.files, path.Join(path.Dir(name), s.ID+".whydrop")
	}
	addAll(l, path.Join(la.prefix, name), "scenario", &l.book.Scenarios, scenarios)
}

// indexScenarios puts the scenarios in the order of their levels and gives each line
// its file.
func (l *loader) indexScenarios() {
	slices.SortStableFunc(l.book.Scenarios, func(a, b *Scenario) int {
		if a.Level != b.Level {
			return a.Level - b.Level
		}
		return strings.Compare(a.ID, b.ID)
	})
	for _, s := range l.book.Scenarios {
		for _, t := range s.Answers {
			if t != nil {
				t.File = s.File
			}
		}
		for _, r := range s.Remarks {
			r.File = s.File
		}
		for _, h := range s.Herrings {
			h.File = s.File
		}
		for _, h := range s.Helps {
			h.File = s.File
		}
	}
}

func (l *loader) validateScenarios() {
	for _, s := range l.book.Scenarios {
		l.validateScenario(s)
		l.validateTellings(s)
		l.validateTruth(s)
		l.validateSteps(s)
	}
	for _, s := range l.book.Interviewer {
		if len(s.Says) == 0 || slices.Contains(s.Says, "") {
			l.problem(s.Place, "the interviewer's %s: expected says, wordings that are not empty", s.ID)
		}
	}
	for _, h := range l.book.Hearings {
		if l.book.Question(h.Question) == nil {
			l.problem(h.Place, "words for the unknown question %q", h.Question)
		}
	}
	for _, i := range l.book.Instruments {
		if !slices.Contains(l.book.Facts.Probes(), i.Probe) {
			l.problem(i.Place, "instrument of the unknown probe %q: expected one of %s", i.Probe, strings.Join(l.book.Facts.Probes(), ", "))
		}
		if i.Title == "" || i.Shows == "" {
			l.problem(i.Place, "instrument %s: expected title and shows", i.Probe)
		}
	}
}

// validateScenario checks that the story is whole.
func (l *loader) validateScenario(s *Scenario) {
	for _, part := range []struct {
		what string
		text string
	}{{"title", s.Title}, {"company", s.Company}, {"service", s.Service}, {"opening", s.Opening}, {"lab or source", s.Lab + s.Source}} {
		if strings.TrimSpace(part.text) == "" {
			l.problem(s.Place, "scenario %s: expected %s", s.ID, part.what)
		}
	}
	if s.Level < 1 || s.Level > 3 {
		l.problem(s.Place, "scenario %s has level %d: expected 1, 2 or 3", s.ID, s.Level)
	}
	if !slices.Contains(seats, s.Seat) {
		l.problem(s.Place, "scenario %s has the seat %q: expected %s", s.ID, s.Seat, strings.Join(seats, ", "))
	}
	if n := len(s.KeyPoints); n < 3 || n > 6 {
		l.problem(s.Place, "scenario %s has %d key_points: expected 3 to 6", s.ID, n)
	}
	if s.Level > 1 && len(s.Herrings) == 0 {
		l.problem(s.Place, "scenario %s is of level %d: expected herrings", s.ID, s.Level)
	}
	if _, err := fs.Stat(s.files, s.recording); err != nil {
		l.problem(s.Place, "scenario %s has no recording: expected %s beside it", s.ID, path.Base(s.recording))
	}
}

// validateTellings checks what is said in the story, and by whom.
func (l *loader) validateTellings(s *Scenario) {
	l.validatePeople(s)
	if len(s.Answers) < leastAnswers {
		l.problem(s.Place, "scenario %s answers %d questions: expected %d at least", s.ID, len(s.Answers), leastAnswers)
	}
	for id, t := range s.Answers {
		q := l.book.Question(id)
		switch {
		case t == nil:
			l.problem(s.Place, "scenario %s answers %s with nothing: expected says and options", s.ID, id)
			continue
		case q == nil:
			l.problem(t.Place, "scenario %s answers the unknown question %q", s.ID, id)
			continue
		case t.Says == "" || len(t.Options) == 0:
			l.problem(t.Place, "scenario %s: the answer to %s: expected says and options", s.ID, id)
		}
		for _, o := range t.Options {
			if o != DontKnow && q.Option(o) == nil {
				l.problem(t.Place, "scenario %s: question %s has no option %q: expected one of %s", s.ID, id, o, optionsOf(q))
			}
		}
	}
	for _, r := range s.Remarks {
		if r.Says == "" || r.From == "" || r.After < 1 {
			l.problem(r.Place, "scenario %s: a remark: expected says, from, and after how many steps", s.ID)
		}
	}
}

func (l *loader) validatePeople(s *Scenario) {
	for _, p := range s.People {
		if p == nil || p.Role == "" {
			l.problem(s.Place, "scenario %s: expected a role of everybody in people", s.ID)
		}
	}
	for _, m := range s.Timeline {
		if m == nil || m.At == "" || m.Says == "" {
			l.problem(s.Place, "scenario %s: expected at and says of each moment of the timeline", s.ID)
		}
	}
}

func optionsOf(q *Question) string {
	var ids []string
	for _, o := range q.Options {
		ids = append(ids, o.ID)
	}
	return strings.Join(append(ids, DontKnow), ", ")
}

// validateTruth checks the causes and remedies that a scenario names.
func (l *loader) validateTruth(s *Scenario) {
	for _, id := range slices.Concat(s.Truth, s.Accept) {
		if l.book.Cause(id) == nil {
			l.problem(s.Place, "scenario %s names the unknown cause %q", s.ID, id)
		}
	}
	if s.Healthy() && len(s.Accept)+len(s.Fix) > 0 {
		l.problem(s.Place, "scenario %s: where nothing is wrong there is nothing to accept or to fix", s.ID)
	}
	if !s.Healthy() && len(s.Fix) == 0 {
		l.problem(s.Place, "scenario %s: expected fix", s.ID)
	}
	for _, h := range s.Herrings {
		switch {
		case l.book.Cause(h.Cause) == nil:
			l.problem(h.Place, "scenario %s: a herring is the unknown cause %q", s.ID, h.Cause)
		case s.Right(h.Cause):
			l.problem(h.Place, "scenario %s: %s is a herring and right", s.ID, h.Cause)
		case h.Refuted == "":
			l.problem(h.Place, "scenario %s: the herring %s: expected refuted", s.ID, h.Cause)
		}
	}
	for _, fix := range s.Fix {
		cause, r := l.book.Remedy(fix)
		switch {
		case r == nil:
			l.problem(s.Place, "scenario %s: fix names the unknown remedy %q: expected CAUSE/REMEDY", s.ID, fix)
		case !s.Right(cause.ID):
			l.problem(s.Place, "scenario %s: fix %s is for a cause that is not the truth", s.ID, fix)
		}
	}
}

// Remedy returns a remedy and its cause by CAUSE/REMEDY, nil if there is none.
func (b *Book) Remedy(id string) (*Cause, *Remedy) {
	cause, remedy, _ := strings.Cut(id, "/")
	c := b.Cause(cause)
	if c == nil {
		return nil, nil
	}
	for _, r := range c.Remedies {
		if r.ID == remedy {
			return c, r
		}
	}
	return nil, nil
}
