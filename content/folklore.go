package content

import (
	"path"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"
)

// Folklore is a setting that is copied from page to page and that no plan
// recommends: it does not do what it is set for, or does harm.
type Folklore struct {
	ID string `yaml:"id"`
	// Title is the setting as people copy it.
	Title string `yaml:"title"`
	// WhyNot says what it does in truth, Instead what to do about the trouble that it
	// is set for.
	WhyNot  *Text  `yaml:"why_not"`
	Instead string `yaml:"instead"`
	// General is WhyNot for a host that has not the setting: without values. It is empty
	// where WhyNot has none.
	General string `yaml:"general"`
	// Settings are the sysctls and other knobs that it sets; a * stands for one part
	// of a name. No remedy sets them but those of the causes RemedyOf, and these not
	// to a value of Never, nor to one that Undo would undo.
	Settings []string `yaml:"settings"`
	RemedyOf []string `yaml:"remedy_of"`
	Never    []string `yaml:"never"`
	// Words stand in no command of a remedy.
	Words []string `yaml:"words"`
	// Explains are the causes that it makes: then it is to be undone first.
	Explains []string `yaml:"explains"`
	// TriedFor are the causes that people set it against in vain. If it is named, Undo
	// is offered only beside them: it does no harm by itself.
	TriedFor []string `yaml:"tried_for"`
	// Undo takes it back where this host has it, and is empty where no fact shows that.
	Undo    *Remedy  `yaml:"undo"`
	Sources []string `yaml:"sources"`
	Place   `yaml:"-"`
}

func (f *Folklore) key() string { return f.ID }

// UnmarshalYAML keeps the line for error messages.
func (f *Folklore) UnmarshalYAML(n *yaml.Node) error {
	type plain Folklore
	return at(n, (*plain)(f), &f.Line)
}

// InGeneral says why it is not done, whatever a host has. The vocabulary names what
// WhyNot measures.
func (f *Folklore) InGeneral(v *Vocabulary) string {
	if f.General != "" {
		return f.General
	}
	return f.WhyNot.Outline(v, undoTable(f))
}

// Sets says whether it is about a setting: a sysctl in either spelling, or a knob
// such as txqueuelen.
func (f *Folklore) Sets(setting string) bool {
	return slices.ContainsFunc(f.Settings, func(pattern string) bool {
		same, err := path.Match(slashed(pattern), slashed(setting))
		return err == nil && same
	})
}

// slashed is a sysctl with slashes between its parts. As in sysctl.d(5), the first
// separator decides whether a point is one, too.
func slashed(setting string) string {
	if i := strings.IndexAny(setting, "./"); i < 0 || setting[i] == '/' {
		return setting
	}
	return strings.NewReplacer(".", "/", "/", ".").Replace(setting)
}

// Refuses says why a remedy of a cause may not set a setting to a value; "" if it
// may. The values that Undo would undo are not known here.
func (f *Folklore) Refuses(cause, setting, value string) string {
	switch {
	case !f.Sets(setting):
		return ""
	case !slices.Contains(f.RemedyOf, cause):
		return "no remedy of " + cause + " sets it"
	case slices.Contains(f.Never, strings.TrimSpace(value)):
		return "it is never set to " + value
	}
	return ""
}

// settleFolklore makes a remedy of what undoes each.
func (l *loader) settleFolklore() {
	for _, f := range l.book.Folklore {
		l.text(f.WhyNot, undoTable(f), nil, f.Place)
		u := f.Undo
		if u == nil {
			continue
		}
		u.File, u.ID = f.File, f.ID
		if u.Title == "" {
			u.Title = "Undo " + f.Title
		}
		if u.Why == nil {
			u.Why = &Text{Source: sourceOf(f.WhyNot), Place: u.Place}
		}
		l.remedy(u)
	}
}

func undoTable(f *Folklore) string {
	if f.Undo == nil {
		return ""
	}
	return f.Undo.Each
}

func sourceOf(t *Text) string {
	if t == nil {
		return ""
	}
	return t.Source
}

// validateFolklore checks that nothing is missing, and that no remedy sets what is
// folklore.
func (l *loader) validateFolklore() {
	for _, f := range l.book.Folklore {
		if f.Title == "" || f.WhyNot == nil || f.Instead == "" || len(f.Sources) == 0 {
			l.problem(f.Place, "folklore %s: expected title, why_not, instead and sources", f.ID)
		}
		if len(f.Settings)+len(f.Words) == 0 {
			l.problem(f.Place, "folklore %s: expected settings or words", f.ID)
		}
		for _, id := range slices.Concat(f.RemedyOf, f.Explains, f.TriedFor) {
			if l.book.Cause(id) == nil {
				l.problem(f.Place, "folklore %s names the unknown cause %q", f.ID, id)
			}
		}
		if f.Undo != nil {
			l.validateUndo(f)
		}
		for _, c := range l.book.Causes {
			for _, r := range c.Remedies {
				l.refuseFolklore(f, c, r)
			}
		}
	}
}

func (l *loader) validateUndo(f *Folklore) {
	l.validateRemedy(&Cause{ID: "folklore " + f.ID}, f.Undo)
	if f.Undo.When.Empty() {
		l.problem(f.Undo.Place, "folklore %s: expected undo to say when a host has it", f.ID)
	}
}

// command finds the settings that the commands of a remedy make.
var command = regexp.MustCompile(`sysctl -w '?([a-z0-9_./]+)=|'([a-z0-9_.]+) = `)

// Settings are the sysctls and other knobs that a remedy sets, or says how to, with the
// value where it is one for all.
func (r *Remedy) Settings() map[string]string {
	settings := map[string]string{r.Setting: ""}
	for _, s := range r.Sets {
		switch of := sourceOf(s.Of); {
		case s.Knob == "sysctl":
			settings[of] = sourceOf(s.To)
		default:
			settings[s.Knob] = sourceOf(s.To)
		}
	}
	commands := sourceOf(r.Runtime) + "\n" + sourceOf(r.Persist)
	for _, m := range command.FindAllStringSubmatch(commands, -1) {
		settings[m[1]+m[2]] = ""
	}
	delete(settings, "")
	return settings
}

// refuseFolklore finds the fault with a remedy that sets what is folklore.
func (l *loader) refuseFolklore(f *Folklore, c *Cause, r *Remedy) {
	commands := sourceOf(r.Runtime) + "\n" + sourceOf(r.Persist)
	for setting, value := range r.Settings() {
		if why := f.Refuses(c.ID, setting, value); why != "" {
			l.problem(r.Place, "remedy %s of %s sets %s, which is folklore (%s): %s", r.ID, c.ID, setting, f.ID, why)
		}
	}
	for _, w := range f.Words {
		if strings.Contains(commands, w) {
			l.problem(r.Place, "remedy %s of %s runs %q, which is folklore (%s)", r.ID, c.ID, w, f.ID)
		}
	}
}
