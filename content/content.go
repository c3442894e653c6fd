// Package content is what whydrop knows about dropped packets, as data: the
// vocabulary of facts, the causes with their evidence rules and remedies, the
// questions of the checklist, the packet's journey and the investigation. The
// YAML files are embedded; a directory of an organisation's own can be laid
// over them.
//
// Everything is checked before it is used: an unknown fact, a wrong type, a
// cause without a rule or a number of the brief that nothing covers is an error
// with file and line, never a surprise during an incident. What is embedded is
// checked by the tests, a directory when it is loaded.
package content

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"runtime"
	"slices"
	"sort"
	"strings"
	"sync"
	"sync/atomic"

	"go.yaml.in/yaml/v4"
)

//go:embed *.yaml facts/*.yaml causes/*.yaml questions/*.yaml nics/*.yaml scenarios
var embedded embed.FS

// Book is the whole content. It may be read from several goroutines.
type Book struct {
	Facts         *Vocabulary
	Hops          []*Hop
	Causes        []*Cause // in the order of the hops
	Groups        []*Group
	Journey       []*JourneyStep
	Investigation []*InvestigationStep
	Tools         []*Tool
	Brief         []*BriefItem
	Symptoms      []*Symptom
	Notes         []*Note
	Terms         []*Term
	Ledger        []*LedgerLine // along the packet's way in, then out
	Lists         []*List       // of connections, services and peers
	Folklore      []*Folklore   // settings that are never recommended
	Measures      []*Measure    // by which trials are judged
	Trials        []*Trial
	// The training material: see LoadTraining.
	Scenarios   []*Scenario // by level
	Interviewer []*Saying
	Instruments []*Instrument
	Hearings    []*Hearing

	Meanings []*Meaning // of drivers' statistics
	NICs     []*NIC

	// DropReasons and DropPlaces: what the kernel's drop reasons mean.
	DropReasons []*DropReason
	DropPlaces  []*DropPlace

	causes    map[string]*Cause
	hops      map[string]*Hop
	reasons   map[string]*DropReason // by every name
	questions map[string]*Question
	order     [][]*Cause

	meanings map[string]*Meaning
	nics     map[string]*NIC // by every name of a driver
	patterns []*Pattern
	guessed  guesses

	mu      sync.Mutex                      // for what follows
	drivers map[string]map[string][]*listed // what drivers list, by the NIC's name, by key
}

// Cause returns a cause by its id, nil if there is none.
func (b *Book) Cause(id string) *Cause { return b.causes[id] }

// Hop returns a hop by its id, nil if there is none.
func (b *Book) Hop(id string) *Hop { return b.hops[id] }

// Question returns a question by its id ("Q1a"), nil if there is none.
func (b *Book) Question(id string) *Question { return b.questions[id] }

// Questions returns the questions of all groups in the documented order.
func (b *Book) Questions() []*Question {
	var all []*Question
	for _, g := range b.Groups {
		all = append(all, g.Questions...)
	}
	return all
}

// Problem is one thing that is wrong in a content file.
type Problem struct {
	File string
	Line int // 0 where the problem has no line
	What string
}

func (p Problem) Error() string {
	if p.Line == 0 {
		return fmt.Sprintf("%s: %s", p.File, p.What)
	}
	return fmt.Sprintf("%s:%d: %s", p.File, p.Line, p.What)
}

// Problems are all things wrong in the content, in the order of the files.
type Problems []Problem

func (ps Problems) Error() string {
	lines := make([]string, len(ps))
	for i, p := range ps {
		lines[i] = p.Error()
	}
	return strings.Join(lines, "\n")
}

// Load reads the embedded content and lays the directory overlay over it, if
// one is named: a cause, question, hop, tool or step of the overlay replaces
// the embedded one with the same id, others are added. With an overlay all is
// checked. The error is of type Problems if the content itself is wrong. The
// training material is left out: see LoadTraining.
func Load(overlay string) (*Book, error) { return loadLayers(overlay, false) }

func loadLayers(overlay string, training bool) (*Book, error) {
	layers := []layer{{files: embedded, prefix: "content", training: training}}
	if overlay != "" {
		info, err := os.Stat(overlay)
		if err != nil {
			return nil, fmt.Errorf("content directory: %w", err)
		}
		if !info.IsDir() {
			return nil, fmt.Errorf("content directory: %s is not a directory", overlay)
		}
		layers = append(layers, layer{files: os.DirFS(overlay), prefix: overlay, training: training})
	}
	return load(layers, overlay != "")
}

// Check reads the embedded content and compiles every expression of it. The error
// is of type Problems: all that is wrong, with file and line.
func Check() error {
	_, err := load([]layer{{files: embedded, prefix: "content", training: true}}, true)
	return err
}

// layer is one tree of content files; prefix is how its files are named in
// problems.
type layer struct {
	files  fs.FS
	prefix string
	// training says whether its directory of scenarios is read.
	training bool
}

// load reads the layers; strict checks what the types of the YAML can't say, and
// compiles every expression.
func load(layers []layer, strict bool) (*Book, error) {
	l := &loader{book: &Book{Facts: newVocabulary()}, strict: strict, known: map[string]bool{}}
	for _, la := range layers {
		l.readLayer(la)
	}
	if len(l.problems) == 0 {
		l.index()
		l.settle()
		l.indexNICs()
		if strict {
			l.validate()
		}
	}
	if len(l.problems) > 0 {
		sort.SliceStable(l.problems, func(i, j int) bool {
			a, b := l.problems[i], l.problems[j]
			return a.File < b.File || a.File == b.File && a.Line < b.Line
		})
		return nil, l.problems
	}
	l.book.order = l.book.judgementOrder()
	return l.book, nil
}

// loader collects the content of all layers and every problem on the way, so
// that an author sees all of them at once.
type loader struct {
	book     *Book
	strict   bool
	problems Problems
	derived  []*DerivedFields
	seen     map[string]bool // "kind id" of this layer
	known    map[string]bool // and of those below
}

func (l *loader) problem(at Place, format string, args ...any) {
	l.problems = append(l.problems, Problem{at.File, at.Line, fmt.Sprintf(format, args...)})
}

// file is the shape of every content file: each may hold any kind of content.
type file struct {
	// Facts files.
	Probe  string `yaml:"probe"`
	ByHand string `yaml:"by_hand"`
	// Suggest says how to get the facts of a probe that is not always there.
	Suggest string      `yaml:"suggest"`
	Facts   []*FactDef  `yaml:"facts"`
	Tables  []*TableDef `yaml:"tables"`

	Hops     []*Hop        `yaml:"hops"`
	Causes   []*Cause      `yaml:"causes"`
	Groups   []*Group      `yaml:"groups"`
	Steps    []*step       `yaml:"steps"`
	Tools    []*Tool       `yaml:"tools"`
	Symptoms []*Symptom    `yaml:"symptoms"`
	Notes    []*Note       `yaml:"notes"`
	Terms    []*Term       `yaml:"terms"`
	Items    []*BriefItem  `yaml:"items"`
	Ledger   []*LedgerLine `yaml:"ledger"`
	Lists    []*List       `yaml:"lists"`
	Folklore []*Folklore   `yaml:"folklore"`
	Measures []*Measure    `yaml:"measures"`
	Trials   []*Trial      `yaml:"trials"`

	Scenarios   []*Scenario   `yaml:"scenarios"`
	Interviewer []*Saying     `yaml:"interviewer"`
	Instruments []*Instrument `yaml:"instruments"`
	Hearings    []*Hearing    `yaml:"hearings"`

	DropReasons []*DropReason    `yaml:"drop_reasons"`
	DropPlaces  []*DropPlace     `yaml:"drop_places"`
	Derived     []*DerivedFields `yaml:"derived"`
	Meanings    []*Meaning       `yaml:"meanings"`
	NICs        []*NIC           `yaml:"nics"`
	Patterns    []*Pattern       `yaml:"patterns"`

	err error // why it could not be read
}

func (l *loader) readLayer(la layer) {
	maps.Copy(l.known, l.seen)
	l.seen = map[string]bool{}
	var names []string
	err := fs.WalkDir(la.files, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d != nil && d.IsDir() && name == "scenarios" && !la.training {
			return fs.SkipDir
		}
		if ext := path.Ext(name); !d.IsDir() && (ext == ".yaml" || ext == ".yml") {
			names = append(names, name)
		}
		return nil
	})
	if err != nil {
		l.problem(Place{File: la.prefix}, "cannot be read: %v", err)
	}
	if len(names) == 0 {
		l.problem(Place{File: la.prefix}, "no .yaml file in it: expected causes, questions or remedies")
	}
	// app.yaml before app-limits.yaml: what leads a hop stands in the file named like it.
	sort.Slice(names, func(i, j int) bool {
		return strings.TrimSuffix(names[i], path.Ext(names[i])) < strings.TrimSuffix(names[j], path.Ext(names[j]))
	})
	decoded := make([]file, len(names))
	atOnce(len(names), func(i int) { decoded[i].read(la, names[i]) })
	for i := range decoded {
		l.add(path.Join(la.prefix, names[i]), &decoded[i])
		if decoded[i].err == nil {
			l.addScenarios(la, names[i], decoded[i].Scenarios)
		}
	}
}

// atOnce does n things, as many at a time as may run. To decode the files is
// most of the time that loading takes.
func atOnce(n int, do func(int)) {
	var next atomic.Int64
	var all sync.WaitGroup
	for range min(n, runtime.GOMAXPROCS(0)) {
		all.Go(func() {
			for i := next.Add(1) - 1; i < int64(n); i = next.Add(1) - 1 {
				do(int(i))
			}
		})
	}
	all.Wait()
}

// read decodes a file of a layer.
func (f *file) read(la layer, name string) {
	data, err := fs.ReadFile(la.files, name)
	if err != nil {
		f.err = fmt.Errorf("cannot be read: %w", err)
		return
	}
	f.err = yaml.Load(data, f, yaml.WithKnownFields())
}

func (l *loader) add(name string, f *file) {
	if f.err != nil {
		l.yamlProblems(name, f.err)
		return
	}
	l.addFacts(name, f)
	addAll(l, name, "hop", &l.book.Hops, f.Hops)
	addAll(l, name, "cause", &l.book.Causes, f.Causes)
	addAll(l, name, "group", &l.book.Groups, f.Groups)
	addAll(l, name, "tool", &l.book.Tools, f.Tools)
	addAll(l, name, "item", &l.book.Brief, f.Items)
	addAll(l, name, "symptom", &l.book.Symptoms, f.Symptoms)
	addAll(l, name, "note", &l.book.Notes, f.Notes)
	addAll(l, name, "term", &l.book.Terms, f.Terms)
	addAll(l, name, "ledger line", &l.book.Ledger, f.Ledger)
	addAll(l, name, "list", &l.book.Lists, f.Lists)
	addAll(l, name, "folklore", &l.book.Folklore, f.Folklore)
	addAll(l, name, "measure", &l.book.Measures, f.Measures)
	addAll(l, name, "trial", &l.book.Trials, f.Trials)
	addAll(l, name, "saying", &l.book.Interviewer, f.Interviewer)
	addAll(l, name, "instrument", &l.book.Instruments, f.Instruments)
	addAll(l, name, "hearing", &l.book.Hearings, f.Hearings)
	addAll(l, name, "meaning", &l.book.Meanings, f.Meanings)
	addAll(l, name, "driver", &l.book.NICs, f.NICs)
	for _, p := range f.Patterns {
		p.File = name
	}
	l.book.patterns = append(f.Patterns, l.book.patterns...) // those of an overlay are tried first
	l.addSteps(name, f.Steps)
	addAll(l, name, "drop reason", &l.book.DropReasons, f.DropReasons)
	addAll(l, name, "drop place", &l.book.DropPlaces, f.DropPlaces)
	addAll(l, name, "table of derived fields", &l.derived, f.Derived)
}

func (l *loader) yamlProblems(name string, err error) {
	var many *yaml.LoadErrors
	if errors.As(err, &many) {
		for _, e := range many.Errors {
			l.problem(Place{name, e.Mark.Line}, "%s", e.Message)
		}
		return
	}
	var one *yaml.LoadError
	if errors.As(err, &one) {
		l.problem(Place{name, one.Mark.Line}, "%s", one.Message)
		return
	}
	l.problem(Place{File: name}, "%v", err)
}

// entry is anything that has an id and a place in a file.
type entry interface {
	key() string
	place() *Place
}

// addAll adds entries to a list: one with the id of an entry of a lower layer
// replaces it, one with the id of an entry of the same layer is a problem.
func addAll[T entry](l *loader, file, kind string, list *[]T, add []T) {
	for _, e := range add {
		e.place().File = file
		if e.key() == "" {
			l.problem(*e.place(), "a %s without an id", kind)
			continue
		}
		seen := kind + " " + e.key()
		if l.seen[seen] {
			l.problem(*e.place(), "%s %s stands twice", kind, e.key())
			continue
		}
		l.seen[seen] = true
		at := -1
		if l.known[seen] {
			at = slices.IndexFunc(*list, func(have T) bool { return have.key() == e.key() })
		}
		if at < 0 {
			*list = append(*list, e)
		} else {
			(*list)[at] = e
		}
	}
}

func (l *loader) addSteps(file string, steps []*step) {
	var journey []*JourneyStep
	var investigation []*InvestigationStep
	for _, s := range steps {
		if s.isJourney() {
			journey = append(journey, s.journey())
		} else {
			investigation = append(investigation, s.investigation())
		}
	}
	addAll(l, file, "step", &l.book.Journey, journey)
	addAll(l, file, "step", &l.book.Investigation, investigation)
}
