package checklist

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf16"

	"whydrop/content"
	"whydrop/probes/apply"
)

// Formats are the formats in which a plan can be exported.
var Formats = []string{"text", "markdown", "sh", "sysctl", "ansible", "json"}

// PlanSchema names the format of the exported plan as JSON.
const PlanSchema = "whydrop.plan/1"

// Export is a plan with what the host has at the moment: everything that is needed
// to write it in any format. Nothing is read any more.
type Export struct {
	Host, Kernel string
	Start        time.Time // of the observation
	Seconds      float64
	Made         time.Time
	Verdict      Verdict
	Headline     string
	Steps        []ExportStep
}

// ExportStep is a step of the plan with its settings as they are.
type ExportStep struct {
	PlanStep
	Number   int // from 1
	Settings []Setting
	// Instead is the number of an earlier step that sets one of the same settings to
	// another value, 0 for none: of the two one is taken.
	Instead int
}

// OnRequest says that the step is only taken by its number: it is another way than one
// before it, or a person's decision.
func (s ExportStep) OnRequest() bool { return s.Instead > 0 || s.Decision() }

// Setting is a change of a step, with what it changes.
type Setting struct {
	Change  apply.Change
	Was     *apply.State // the value when the plan was made, nil if it could not be read
	Unread  string       // why not
	Reached bool         // it has the value already
	Words   apply.Words
	// Beside are the other parameters of the same queue that the plan sets.
	Beside []beside
}

// Export makes the plan of a diagnosis ready to be written. read returns the value
// of a setting of this host; without it none is read.
func (c *Case) Export(d *Diagnosis, made time.Time, read func(apply.Change) (apply.State, error)) *Export {
	e := &Export{Made: made, Verdict: d.Verdict, Headline: c.Headline(d)}
	if c.Facts != nil {
		e.Host, e.Kernel, e.Start, e.Seconds = c.Facts.Host, c.Facts.Kernel, c.Facts.Start, c.Facts.Seconds
	}
	for i, s := range c.Plan(d) {
		step := ExportStep{PlanStep: s, Number: i + 1}
		for _, change := range s.Changes {
			x := Setting{Change: change, Unread: "not read"}
			if read == nil {
				x.Words = wordsOf(change, nil, c.Facts.Here)
			} else {
				x = readSetting(change, read)
			}
			step.Settings = append(step.Settings, x)
			if step.Instead == 0 {
				step.Instead = e.sets(change)
			}
		}
		e.Steps = append(e.Steps, step)
	}
	e.together()
	return e
}

func readSetting(change apply.Change, read func(apply.Change) (apply.State, error)) Setting {
	s := Setting{Change: change}
	was, err := read(change)
	if err != nil {
		s.Words, s.Unread = change.Words(nil), err.Error()
		return s
	}
	s.Was, s.Reached, s.Words = &was, change.Reached(was), change.Words(&was).With(change, was)
	return s
}

// sets is the number of a step that sets the setting to another value.
func (e *Export) sets(c apply.Change) int {
	for _, s := range e.Steps {
		for _, o := range s.Changes {
			if o.Knob == c.Knob && o.Of == c.Of && o.Field == c.Field && o.To != c.To {
				return s.Number
			}
		}
	}
	return 0
}

// Write writes the plan in one of Formats.
func (e *Export) Write(w io.Writer, format string) error {
	var out []byte
	var err error
	switch format {
	case "text":
		out = e.text()
	case "markdown":
		out, err = e.markdown()
	case "sh":
		out, err = e.script()
	case "sysctl":
		out = e.sysctls()
	case "ansible":
		out, err = e.ansible()
	case "json":
		out, err = e.json()
	default:
		err = fmt.Errorf("there is no format %q: expected one of %s", format, strings.Join(Formats, ", "))
	}
	if err != nil {
		return err
	}
	_, err = w.Write(out)
	return err
}

// title says what an export is.
func (e *Export) title() string {
	return fmt.Sprintf("Plan against dropped TCP packets on %s, kernel %s, made at %s. %s.", e.Host, e.Kernel, stamp(e.Made), e.Headline)
}

// stamp is a moment as a text has it, in UTC. What is damaged may have lost its moment.
func stamp(t time.Time) string {
	if t.IsZero() {
		return "a time that is not known"
	}
	return t.UTC().Format("2006-01-02 15:04:05 UTC")
}

// heading is the title of a step with its number.
func (s ExportStep) heading() string { return fmt.Sprintf("Step %d: %s", s.Number, s.Remedy.Title) }

// line is a text of a step under its head.
type stepText struct{ Head, Text string }

// texts are all that is to be said about a step. What whydrop sets itself has its
// commands with its settings.
func (s ExportStep) texts() []stepText {
	all := []stepText{{"For", s.Cause.Title}}
	if s.Unchecked {
		all = append(all, stepText{"Mind", "its condition could not be checked on this host"})
	}
	if s.Instead > 0 {
		all = append(all, stepText{"Mind", fmt.Sprintf("another way than step %d, which sets the same: take one of them", s.Instead)})
	}
	if s.Decision() {
		all = append(all, stepText{"Mind", "somebody may have set this on purpose: it is for a person to decide, and only taken where it is chosen by its number"})
	}
	all = append(all, stepText{"Change", s.Change}, stepText{"Why", s.Why}, stepText{"Computed", s.Calculation},
		stepText{"Effect", s.Effect}, stepText{"Risk", s.Risk}, stepText{"Scope", s.Scope}, stepText{"Needs", s.Needs})
	if len(s.Settings) == 0 {
		all = append(all, stepText{"Now", s.Runtime}, stepText{"For good", s.Persist}, stepText{"Take back", s.Rollback})
	}
	all = append(all, stepText{"To keep it", s.Keep}, stepText{"Verify", s.Verify}, stepText{"To send", s.Ask})
	return slices.DeleteFunc(all, func(t stepText) bool { return t.Text == "" })
}

// comments are texts as comment lines, which nothing in them ends: blanks and
// controls, line ends too, become blanks or escapes.
func comments(indent string, texts ...stepText) string {
	var b strings.Builder
	for _, t := range texts {
		first := indent
		if t.Head != "" {
			first += t.Head + ": "
		}
		for i, l := range Wrap(first+single(t.Text), 94) {
			if i > 0 {
				l = indent + "  " + l
			}
			fmt.Fprintln(&b, strings.TrimRight("# "+l, " "))
		}
	}
	return strings.TrimSuffix(b.String(), "\n")
}

func single(s string) string { return content.Show(strings.Join(strings.Fields(s), " ")) }

// text writes the plan for a terminal.
func (e *Export) text() []byte {
	var b strings.Builder
	put := func(head, text string) {
		for i, l := range Wrap(single(text), pageWidth-13) {
			if i > 0 {
				head = ""
			}
			fmt.Fprintf(&b, "  %-10s %s\n", head, l)
		}
	}
	fmt.Fprintf(&b, "%s\n", single(e.Headline))
	for _, s := range e.Steps {
		fmt.Fprintf(&b, "\n%s\n", single(s.heading()))
		for _, t := range s.texts() {
			put(strings.ToLower(t.Head), t.Text)
		}
		for _, x := range s.Settings {
			was := "unknown"
			if x.Was != nil {
				was = x.Was.Text
			}
			switch {
			case x.Unread != "":
				put("unknown", x.Change.Name()+": "+x.Unread)
			case x.Reached:
				put("has it", x.Change.Name()+" is "+was)
				continue
			}
			put("set", x.Change.Name()+": "+was+" -> "+x.Change.To)
			x.eachWord(put)
		}
		if len(s.Settings) == 0 {
			put("", "This step is yours to take: whydrop does not do it.")
		}
	}
	if len(e.Steps) == 0 {
		fmt.Fprintln(&b, "\nNothing to change follows from what was measured.")
	}
	return []byte(b.String())
}

func (x Setting) eachWord(put func(head, text string)) {
	for _, t := range []stepText{{"now", x.Words.Run}, {"take back", x.Words.Undo}} {
		if t.Text != "" {
			put(t.Head, t.Text)
		}
	}
	for _, k := range x.Words.Keep {
		put("for good", k.Replace())
	}
}

// markdown writes the plan as its section of the report stands there.
func (e *Export) markdown() ([]byte, error) {
	var steps []ReportStep
	for _, s := range e.Steps {
		steps = append(steps, s.report())
	}
	var b strings.Builder
	fmt.Fprintf(&b, "# Plan for %s\n\n%s. Kernel %s, made at %s.\n", markdown(e.Host), markdown(e.Headline), markdown(e.Kernel), stamp(e.Made))
	err := planMarkdown(&b, steps)
	return []byte(b.String()), err
}

// jsonPlan is the plan in the format of PlanSchema. Texts are for people, and empty
// ones are left out; settings are for programs.
type jsonPlan struct {
	Schema   string       `json:"schema"`
	Made     time.Time    `json:"made"`
	Verdict  Verdict      `json:"verdict"`
	Observed jsonObserved `json:"observed"`
	Steps    []jsonAction `json:"steps"` // the first is to be taken first
}

// jsonAction is a step of the plan.
type jsonAction struct {
	Number      int           `json:"number"`
	Cause       string        `json:"cause"`  // its id
	Remedy      string        `json:"remedy"` // its id, unique within the cause
	Kind        string        `json:"kind"`   // application, sysctl, device, qdisc, firewall, route, network, investigate
	Title       string        `json:"title"`
	Unchecked   bool          `json:"unchecked,omitempty"`  // its condition could not be judged
	InsteadOf   int           `json:"instead_of,omitempty"` // the number of a step that sets the same to another value
	Decision    bool          `json:"decision,omitempty"`   // for a person to choose: somebody may have set it on purpose
	Current     string        `json:"current,omitempty"`    // as observed
	Value       string        `json:"value,omitempty"`
	Calculation string        `json:"calculation,omitempty"`
	Change      string        `json:"change"`
	Why         string        `json:"why"`
	Effect      string        `json:"effect,omitempty"`
	Risk        string        `json:"risk,omitempty"`
	Scope       string        `json:"scope,omitempty"`
	Needs       string        `json:"needs,omitempty"` // what has to happen before it acts
	Runtime     string        `json:"runtime,omitempty"`
	Persist     string        `json:"persist,omitempty"`
	Keep        string        `json:"keep,omitempty"`
	Rollback    string        `json:"rollback,omitempty"`
	Verify      string        `json:"verify,omitempty"`
	Ask         string        `json:"ask,omitempty"`
	Settings    []jsonSetting `json:"settings"` // empty for a step that whydrop does not take itself
}

// jsonSetting is a setting that a step changes, with the commands for a POSIX shell.
type jsonSetting struct {
	apply.Change
	Was     *string    `json:"was"` // now, null if it could not be read
	Unread  string     `json:"unread,omitempty"`
	Reached bool       `json:"reached"` // it has the value already
	Show    string     `json:"show,omitempty"`
	Run     string     `json:"run,omitempty"`
	Undo    string     `json:"undo,omitempty"`
	Keep    []jsonKept `json:"keep"` // the lines that keep it over a reboot
}

// jsonKept is a line of a file; of those that begin with Key there is one.
type jsonKept struct {
	File string `json:"file"`
	Line string `json:"line"`
	Key  string `json:"key"`
}

func (e *Export) json() ([]byte, error) {
	out := jsonPlan{
		Schema: PlanSchema, Made: e.Made.UTC(), Verdict: e.Verdict, Steps: []jsonAction{},
		Observed: jsonObserved{e.Host, e.Kernel, e.Start.UTC(), round(e.Seconds, 3)},
	}
	for _, s := range e.Steps {
		out.Steps = append(out.Steps, s.action())
	}
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	err := enc.Encode(out)
	return []byte(escaped(b.String(), func(r rune) string {
		high, low := utf16.EncodeRune(r)
		return fmt.Sprintf(`\u%04x\u%04x`, high, low)
	})), err
}

// action is a step as PlanSchema has it.
func (s ExportStep) action() jsonAction {
	a := jsonAction{
		Number: s.Number, Cause: s.Cause.ID, Remedy: s.Remedy.ID, Kind: s.Remedy.Kind, Title: s.Remedy.Title,
		Unchecked: s.Unchecked, InsteadOf: s.Instead, Decision: s.Decision(), Current: s.Current, Value: s.Value, Calculation: s.Calculation,
		Change: s.Change, Why: s.Why, Effect: s.Effect, Risk: s.Risk, Scope: s.Scope, Needs: s.Needs,
		Runtime: s.Runtime, Persist: s.Persist, Keep: s.Keep, Rollback: s.Rollback, Verify: s.Verify, Ask: s.Ask,
		Settings: []jsonSetting{},
	}
	for _, x := range s.Settings {
		j := jsonSetting{Change: x.Change, Unread: x.Unread, Reached: x.Reached, Show: x.Words.Show, Run: x.Words.Run, Undo: x.Words.Undo, Keep: []jsonKept{}}
		if x.Was != nil {
			j.Was = &x.Was.Text
		}
		for _, k := range x.Words.Keep {
			j.Keep = append(j.Keep, jsonKept(k))
		}
		a.Settings = append(a.Settings, j)
	}
	return a
}

// escaped is YAML or JSON, whose texts stand in double quotes, without what a
// terminal should not get to see. Those beyond 16 bits are written differently.
func escaped(s string, beyond func(rune) string) string {
	var b strings.Builder
	for _, r := range s {
		switch {
		case r == '\n' || unicode.IsPrint(r):
			b.WriteRune(r)
		case r > 0xffff:
			b.WriteString(beyond(r))
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	return b.String()
}
