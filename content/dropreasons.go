package content

import (
	"path"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"
)

// Loss says whether anybody misses the packets dropped for a reason.
type Loss string

// Whether a drop is a loss. LossNo: a duplicate, a packet for somebody else,
// the end of a connection. LossDepends: only what was in the packet tells.
const (
	LossYes     Loss = "yes"
	LossNo      Loss = "no"
	LossDepends Loss = "depends"
)

// reasonPrefix is how the kernel's enum spells the names that follow it.
const reasonPrefix = "SKB_DROP_REASON_"

// DropReason is what one of the kernel's drop reasons means (enum
// skb_drop_reason, include/net/dropreason-core.h, Linux 5.17).
type DropReason struct {
	// Name is the kernel's, without SKB_DROP_REASON_; one with a * holds for all
	// names of that form that have no entry of their own. Names that the kernel
	// does not have are what a DropPlace stands for.
	Name string `yaml:"name"`
	// Was are names of the same reason in other kernels.
	Was []string `yaml:"was"`
	// Since and Until are the first and the last kernel release ("5.18") known
	// to have the reason; "" where that is not known.
	Since  string   `yaml:"since"`
	Until  string   `yaml:"until"`
	Means  string   `yaml:"means"`
	Hop    string   `yaml:"hop"`
	Loss   Loss     `yaml:"loss"`
	Causes []string `yaml:"causes"` // ids of causes that it points at
	Source string   `yaml:"source"` // where the kernel drops for it
	// Guess says that only the form of the name tells what it means.
	Guess bool `yaml:"guess"`
	Place `yaml:"-"`
}

// DropPlace says that drops in some functions of the kernel stand for another
// reason than the one that the kernel gives.
type DropPlace struct {
	ID string `yaml:"id"`
	// At are the functions, as the kernel's symbols spell them without what the
	// compiler appends (".constprop.0"); * stands for any letters.
	At []string `yaml:"at"`
	// Reasons are the kernel's reasons for which it holds; empty: all.
	Reasons []string `yaml:"reasons"`
	Is      string   `yaml:"is"` // the name of the reason that it stands for
	Place   `yaml:"-"`
}

// UnmarshalYAML keeps the line for error messages.
func (r *DropReason) UnmarshalYAML(n *yaml.Node) error {
	type plain DropReason
	return at(n, (*plain)(r), &r.Line)
}

// UnmarshalYAML keeps the line for error messages.
func (p *DropPlace) UnmarshalYAML(n *yaml.Node) error {
	type plain DropPlace
	return at(n, (*plain)(p), &p.Line)
}

func (r *DropReason) key() string { return r.Name }
func (p *DropPlace) key() string  { return p.ID }

// DropReason returns what it means that the kernel dropped packets for a reason
// in a function ("" if that is not known). It is never nil: a reason that
// nobody described is a guess.
func (b *Book) DropReason(reason, location string) *DropReason {
	reason = strings.TrimPrefix(reason, reasonPrefix)
	r := b.reasons[reason]
	if r == nil {
		r = b.likeReason(reason)
	}
	function, _, _ := strings.Cut(location, ".")
	for _, p := range b.DropPlaces {
		if function != "" && likeAny(p.At, function) && (len(p.Reasons) == 0 || likeAny(p.Reasons, r.Name)) {
			return b.reasons[p.Is]
		}
	}
	return r
}

// likeReason makes a reason of the entry for names like this one: of those that
// fit, the longest.
func (b *Book) likeReason(name string) *DropReason {
	found := DropReason{Loss: LossDepends, Guess: true}
	for _, r := range b.DropReasons {
		if r.IsPattern() && like(r.Name, name) && len(r.Name) > len(found.Name) {
			found = *r
		}
	}
	found.Name = name
	return &found
}

// IsPattern says that the entry is for all names of a form.
func (r *DropReason) IsPattern() bool { return strings.Contains(r.Name, "*") }

func like(pattern, name string) bool {
	if !strings.Contains(pattern, "*") {
		return pattern == name
	}
	ok, err := path.Match(pattern, name)
	return ok && err == nil
}

func likeAny(patterns []string, name string) bool {
	for _, p := range patterns {
		if like(p, name) {
			return true
		}
	}
	return false
}

// KernelHas says whether a kernel is known to have the reason, by its release
// ("6.1.0-13-amd64"). A distribution's kernel may have reasons of later
// releases: false means that nobody knows.
func (r *DropReason) KernelHas(release string) bool {
	kernel, ok := version(release)
	since, ok2 := version(r.Since)
	until, ends := version(r.Until)
	return ok && ok2 && kernel >= since && (!ends || kernel <= until)
}

var releaseNumbers = regexp.MustCompile(`^(\d{1,4})\.(\d{1,4})`)

// version makes a release comparable: "6.12.3-amd64" is 6012.
func version(release string) (n int, ok bool) {
	m := releaseNumbers.FindStringSubmatch(release)
	if m == nil {
		return 0, false
	}
	major, _ := strconv.Atoi(m[1])
	minor, _ := strconv.Atoi(m[2])
	return major*10000 + minor, true
}

// ReasonFact is the name of the scalar fact that counts the packets of a
// reason.
func ReasonFact(reason string) string { return "reason." + reason }

// DropTable is the table of the kernel's drops, one row a reason and place.
const DropTable = "drop"

// DerivedFields are fields of a table that no probe yields: what the content
// itself knows about each row.
type DerivedFields struct {
	Table  string     `yaml:"table"`
	Fields []*FactDef `yaml:"fields"`
	Place  `yaml:"-"`
}

// UnmarshalYAML keeps the line for error messages.
func (d *DerivedFields) UnmarshalYAML(n *yaml.Node) error {
	type plain DerivedFields
	return at(n, (*plain)(d), &d.Line)
}

func (d *DerivedFields) key() string { return d.Table }

// derive adds the derived fields to their tables.
func (l *loader) derive() {
	for _, d := range l.derived {
		t := l.book.Facts.TableOf(d.Table)
		if t == nil {
			l.problem(d.Place, "derived fields of %q, which is not a table: expected one of %s", d.Table, l.tableNames())
			continue
		}
		for _, f := range d.Fields {
			f.File, f.Probe = d.File, t.Probe
			l.checkFact(f, Number, String, Flag)
			if l.book.Facts.Field(d.Table, f.Name) != nil {
				l.problem(f.Place, "table %s has a field %s already", d.Table, f.Name)
			}
			t.Fields = append(t.Fields, f)
		}
	}
}

// indexReasons makes the reasons findable by all their names, and each a fact.
func (l *loader) indexReasons() {
	b := l.book
	b.reasons = map[string]*DropReason{}
	for _, r := range b.DropReasons {
		for _, name := range append([]string{r.Name}, r.Was...) {
			if have := b.reasons[name]; have != nil && have != r {
				l.problem(r.Place, "drop reason %s is also a name of %s", name, have.Name)
			}
			b.reasons[name] = r
		}
		if t := b.Facts.TableOf(DropTable); t != nil && !r.IsPattern() {
			d := &FactDef{
				Name: ReasonFact(r.Name), Type: Gauge, Unit: "packets", Probe: t.Probe, ByHand: t.ByHand, Place: r.Place,
				Means: "packets that the kernel dropped for the reason " + r.Name + " (derived from table " + DropTable + ")",
			}
			l.checkFact(d, Gauge)
			b.Facts.scalars[d.Name] = d
		}
	}
}

func (l *loader) validateReasons() {
	for _, r := range l.book.DropReasons {
		l.validateReason(r)
	}
	if len(l.book.DropReasons) > 0 && l.book.reasons["*"] == nil {
		l.problem(l.book.DropReasons[0].Place, "no drop reason \"*\": expected one for reasons that nobody described")
	}
	for _, p := range l.book.DropPlaces {
		if len(p.At) == 0 {
			l.problem(p.Place, "drop place %s: expected the names of functions under at", p.ID)
		}
		for _, pattern := range append(append([]string{}, p.At...), p.Reasons...) {
			if _, err := path.Match(pattern, ""); err != nil {
				l.problem(p.Place, "drop place %s: %q is not a name, with or without *", p.ID, pattern)
			}
		}
		for _, reason := range append([]string{p.Is}, p.Reasons...) {
			if r := l.book.reasons[reason]; r == nil || r.IsPattern() || r.Name != reason {
				l.problem(p.Place, "drop place %s: %q is not a drop reason", p.ID, reason)
			}
		}
	}
}

func (l *loader) validateReason(r *DropReason) {
	if r.Means == "" || r.Source == "" {
		l.problem(r.Place, "drop reason %s: expected means and source", r.Name)
	}
	if _, err := path.Match(r.Name, ""); err != nil {
		l.problem(r.Place, "drop reason %q is not a name, with or without *", r.Name)
	}
	if l.book.Hop(r.Hop) == nil {
		l.problem(r.Place, "drop reason %s is at the unknown hop %q", r.Name, r.Hop)
	}
	if r.Loss != LossYes && r.Loss != LossNo && r.Loss != LossDepends {
		l.problem(r.Place, "drop reason %s has loss %q: expected yes, no or depends", r.Name, r.Loss)
	}
	for _, c := range r.Causes {
		if l.book.Cause(c) == nil {
			l.problem(r.Place, "drop reason %s points at the unknown cause %q", r.Name, c)
		}
	}
	for _, release := range []string{r.Since, r.Until} {
		if _, ok := version(release); release != "" && !ok {
			l.problem(r.Place, "drop reason %s: %q is not a kernel release such as 5.18", r.Name, release)
		}
	}
}
