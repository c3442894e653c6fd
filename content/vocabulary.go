package content

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"sort"
	"strings"
	"sync"

	"github.com/expr-lang/expr/conf"
	"github.com/expr-lang/expr/types"
	"go.yaml.in/yaml/v4"
)

// Type is the type of a fact or field.
type Type string

// The types of facts. A count grows; its value in an expression is the growth
// during the observation. Tables have fields of type count, number, text and
// flag; a count FIELD brings FIELD_total, everything since the counter began.
const (
	Count  Type = "count"
	Gauge  Type = "gauge"
	Number Type = "number"
	String Type = "text"
	Flag   Type = "flag"
)

func (t Type) expr() types.Type {
	switch t {
	case String:
		return types.String
	case Flag:
		return types.Bool
	default:
		return types.Float64
	}
}

// FactDef describes one scalar fact or one field of a table.
type FactDef struct {
	Name   string `yaml:"name"`
	Type   Type   `yaml:"type"`
	Unit   string `yaml:"unit"`
	Means  string `yaml:"means"`
	Probe  string `yaml:"-"` // the probe that yields it
	ByHand string `yaml:"by_hand"`
	// Scope is HostWide for what the kernel counts for the whole host, whatever network
	// namespace looks; empty for what belongs to one.
	Scope string `yaml:"scope"`
	// Holds is what a text may name, one of the words of HoldsWhat: by it a report
	// is made that names nobody. Empty for other types.
	Holds string `yaml:"holds"`
	Place `yaml:"-"`
}

// HostWide is the scope of what is the same in every network namespace of a host.
const HostWide = "host"

// HoldsWhat are the kinds of text by what they may name. A word is the kernel's,
// an RFC's or whydrop's own and names nobody; a sentence is whydrop's own with
// addresses and interfaces in it; an interface, process or name begins a text that
// may go on with other words; a change is told by the field kind of its row; text
// is somebody else's sentence and may hold anything.
var HoldsWhat = []string{"word", "sentence", "interface", "process", "host", "path", "firewall", "name", "change", "text"}

// TableDef describes a table: entities of one kind.
type TableDef struct {
	Name   string     `yaml:"name"`
	Means  string     `yaml:"means"`
	Fields []*FactDef `yaml:"fields"`
	Scope  string     `yaml:"scope"` // as of a fact, for all its fields
	// Show are the fields that people want to see first, whatever they hold.
	Show   []string `yaml:"show"`
	Probe  string   `yaml:"-"`
	ByHand string   `yaml:"by_hand"`
	Place  `yaml:"-"`
}

// UnmarshalYAML keeps the line for error messages.
func (d *FactDef) UnmarshalYAML(n *yaml.Node) error {
	type plain FactDef
	return at(n, (*plain)(d), &d.Line)
}

// UnmarshalYAML keeps the line for error messages.
func (d *TableDef) UnmarshalYAML(n *yaml.Node) error {
	type plain TableDef
	return at(n, (*plain)(d), &d.Line)
}

// at decodes a node strictly and keeps its line.
func at(n *yaml.Node, into any, line *int) error {
	err := n.Load(into, yaml.WithKnownFields())
	*line = n.Line
	return err
}

// Vocabulary is every fact that rules can speak of.
type Vocabulary struct {
	scalars map[string]*FactDef
	tables  map[string]*TableDef
	suggest map[string]string // by probe
	terms   map[string]string // what stands for each, in parentheses

	mu      sync.Mutex              // for what follows: expressions are compiled when they are needed
	configs map[string]*conf.Config // what the compiler knows, by what differs in scopes
	forms   map[words]*form
}

func newVocabulary() *Vocabulary {
	v := &Vocabulary{
		scalars: map[string]*FactDef{}, tables: map[string]*TableDef{}, suggest: map[string]string{},
		configs: map[string]*conf.Config{}, forms: map[words]*form{},
	}
	v.scalars["window.seconds"] = &FactDef{Name: "window.seconds", Type: Gauge, Unit: "s", Means: "length of the observation"}
	return v
}

// Fact returns the definition of a scalar fact, nil if there is none.
func (v *Vocabulary) Fact(name string) *FactDef { return v.scalars[name] }

// Probes returns the names of all probes, sorted.
func (v *Vocabulary) Probes() []string {
	seen := map[string]bool{}
	for _, d := range v.scalars {
		seen[d.Probe] = true
	}
	for _, t := range v.tables {
		seen[t.Probe] = true
	}
	delete(seen, "")
	return slices.Sorted(maps.Keys(seen))
}

// Suggestion says how to get the facts of a probe that is not always there, ""
// for any other.
func (v *Vocabulary) Suggestion(probe string) string { return v.suggest[probe] }

// TableOf returns the definition of a table, nil if there is none.
func (v *Vocabulary) TableOf(name string) *TableDef { return v.tables[name] }

// Field returns the definition of a field "table.field", nil if there is none.
func (v *Vocabulary) Field(table, field string) *FactDef {
	if t := v.tables[table]; t != nil {
		for _, f := range t.Fields {
			if f.Name == field {
				return f
			}
		}
	}
	return nil
}

// Lookup finds what a name used in an expression stands for: a scalar fact, or
// "table.field" of the table that a rule goes through.
func (v *Vocabulary) Lookup(name, table string) *FactDef {
	if table != "" && strings.HasPrefix(name, table+".") {
		if f := v.Field(table, name[len(table)+1:]); f != nil {
			return f
		}
	}
	return v.scalars[name]
}

// Facts returns all scalar facts, sorted by name.
func (v *Vocabulary) Facts() []*FactDef {
	all := make([]*FactDef, 0, len(v.scalars))
	for _, d := range v.scalars {
		all = append(all, d)
	}
	sort.Slice(all, func(i, j int) bool { return all[i].Name < all[j].Name })
	return all
}

// Tables returns all tables, sorted by name.
func (v *Vocabulary) Tables() []*TableDef {
	all := make([]*TableDef, 0, len(v.tables))
	for _, d := range v.tables {
		all = append(all, d)
	}
	sort.Slice(all, func(i, j int) bool { return all[i].Name < all[j].Name })
	return all
}

// TotalOf is the name of the field that holds a count's total: history, never
// evidence.
func TotalOf(count string) string { return count + "_total" }

// total describes the field with a count's total.
func (d *FactDef) total() *FactDef {
	t := *d
	t.Name, t.Type, t.Means = TotalOf(d.Name), Number, d.Means+", since the counter began (history)"
	return &t
}

var factName = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_]*(\.[A-Za-z][A-Za-z0-9_]*)*$`)

func (l *loader) addFacts(file string, f *file) {
	if f.Suggest != "" {
		l.book.Facts.suggest[f.Probe] = f.Suggest
	}
	for _, d := range f.Facts {
		d.Place.File, d.Probe = file, f.Probe
		if d.ByHand == "" {
			d.ByHand = f.ByHand
		}
		l.checkFact(d, Count, Gauge, String, Flag)
		if !strings.Contains(d.Name, ".") {
			l.problem(d.Place, "fact %q: expected a name with a point in it, such as Tcp.RetransSegs", d.Name)
		}
		if have := l.book.Facts.scalars[d.Name]; have != nil && have.File == file {
			l.problem(d.Place, "fact %s stands twice (first at line %d)", d.Name, have.Line)
		}
		l.book.Facts.scalars[d.Name] = d
	}
	for _, t := range f.Tables {
		t.Place.File, t.Probe = file, f.Probe
		if t.ByHand == "" {
			t.ByHand = f.ByHand
		}
		for _, d := range t.Fields {
			d.Place.File, d.Probe = file, f.Probe
			l.checkFact(d, Count, Number, String, Flag)
			if d.Type == Count {
				t.Fields = append(t.Fields, d.total())
			}
		}
		l.book.Facts.tables[t.Name] = t
		if t.Scope != "" && t.Scope != HostWide {
			l.problem(t.Place, "table %s has the scope %q: expected %s, or none", t.Name, t.Scope, HostWide)
		}
		for _, field := range t.Show {
			if l.book.Facts.Field(t.Name, field) == nil {
				l.problem(t.Place, "table %s shows the unknown field %q", t.Name, field)
			}
		}
		if l.book.Facts.Field(t.Name, "name") == nil {
			l.problem(t.Place, "table %s has no field \"name\"", t.Name)
		}
	}
}

func (l *loader) checkFact(d *FactDef, allowed ...Type) {
	if !factName.MatchString(d.Name) {
		l.problem(d.Place, "%q is not a fact's name: expected letters, digits and points", d.Name)
	}
	if d.Scope != "" && d.Scope != HostWide {
		l.problem(d.Place, "fact %s has the scope %q: expected %s, or none", d.Name, d.Scope, HostWide)
	}
	if d.Holds != "" && (d.Type != String || !slices.Contains(HoldsWhat, d.Holds)) {
		l.problem(d.Place, "fact %s holds %q: expected one of %v, of a text", d.Name, d.Holds, HoldsWhat)
	}
	for _, t := range allowed {
		if d.Type == t {
			if d.Means == "" {
				l.problem(d.Place, "fact %s does not say what it means", d.Name)
			}
			return
		}
	}
	l.problem(d.Place, "fact %s has type %q: expected one of %v", d.Name, d.Type, allowed)
}

// config is what the compiler needs to know for expressions of a scope. It is
// worked out once for as many scopes as possible: there are hundreds of
// expressions. It has the fields of all tables: that an expression reads those of
// its own table alone is checked later.
func (v *Vocabulary) config(in scope) *conf.Config {
	key := string(in.extra["value"] + " " + in.extra["current"] + " " + in.extra["observed"])
	if v.overrides(in.table) {
		key += " " + in.table
	}
	if v.configs[key] == nil {
		v.configs[key] = conf.New(v.types(in))
	}
	return v.configs[key]
}

// overrides says whether a field of a table has the name of a scalar fact.
func (v *Vocabulary) overrides(table string) bool {
	t := v.tables[table]
	return t != nil && slices.ContainsFunc(t.Fields, func(f *FactDef) bool { return v.scalars[table+"."+f.Name] != nil })
}

// types is the environment's type.
func (v *Vocabulary) types(in scope) types.Map {
	root := types.Map{
		"rate": types.TypeOf(func(float64) float64 { return 0 }), "share": types.TypeOf(share),
		"percent": types.TypeOf(percent), "bytes": types.TypeOf(bytesText), "ms": types.TypeOf(millis),
	}
	fields := func(t *TableDef) {
		for _, f := range t.Fields {
			putType(root, []string{t.Name, f.Name}, f.Type.expr())
		}
	}
	for _, t := range v.tables {
		fields(t)
	}
	for name, d := range v.scalars {
		putType(root, strings.Split(name, "."), d.Type.expr())
	}
	if t := v.tables[in.table]; t != nil {
		fields(t)
	}
	for name, t := range in.extra {
		root[name] = t.expr()
	}
	return root
}

func putType(m types.Map, path []string, t types.Type) {
	for _, p := range path[:len(path)-1] {
		next, ok := m[p].(types.Map)
		if !ok {
			next = types.Map{}
			m[p] = next
		}
		m = next
	}
	m[path[len(path)-1]] = t
}

var unknownName = regexp.MustCompile(`unknown (?:name|field) (\S+)`)

// explain turns the compiler's message into one that says what was expected.
func (v *Vocabulary) explain(err error, source, table string) error {
	first, _, _ := strings.Cut(err.Error(), "\n")
	if m := unknownName.FindStringSubmatch(first); m != nil {
		return v.unknown(m[1], source, table)
	}
	return fmt.Errorf("%s in %q", first, source)
}

func (v *Vocabulary) unknown(name, source, table string) error {
	if near := v.nearest(name, table); near != "" {
		return fmt.Errorf("unknown fact %s in %q: did you mean %s?", name, source, near)
	}
	return fmt.Errorf("unknown fact %s in %q: expected a name of facts/*.yaml, or a field of the table named by each", name, source)
}

// nearest finds the fact or field whose last part is most like a word.
func (v *Vocabulary) nearest(word, table string) string {
	best, bestDistance := "", 4
	consider := func(name string) {
		last := name[strings.LastIndexByte(name, '.')+1:]
		if d := distance(strings.ToLower(last), strings.ToLower(word)); d < bestDistance {
			best, bestDistance = name, d
		}
	}
	for _, d := range v.Facts() {
		consider(d.Name)
	}
	if t := v.tables[table]; t != nil {
		for _, f := range t.Fields {
			consider(table + "." + f.Name)
		}
	}
	return best
}

// distance is the edit distance of two words.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		diagonal := row[0]
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := diagonal
			if a[i-1] != b[j-1] {
				cost++
			}
			diagonal = row[j]
			row[j] = min(cost, row[j]+1, row[j-1]+1)
		}
	}
	return row[len(b)]
}
