package checklist

import (
	"cmp"
	"fmt"
	"hash/fnv"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"text/tabwriter"
	"time"

	"go.yaml.in/yaml/v4"

	"whydrop/content"
	"whydrop/probes/fact"
)

// An interview asks its way from little evidence to the cause of a recorded fault,
// in one order or another. Each step is one question, which is answered and runs
// its probes, or one probe.
type interview struct {
	book *content.Book
	name string
	recorded
	level level
	by    operator
	seen  map[string]bool // probes that have looked
}

// level is how little is known at the beginning, and what a step can show.
type level struct {
	name string
	// seen says which probes have looked before the first step.
	seen func(probe string) bool
	// measures says whether steps run probes at all.
	measures bool
}

// rights are the probes of which an ordinary user sees little or nothing.
var rights = []string{"filters", "drops", "log"}

var levels = []level{
	{"answers alone", func(string) bool { return false }, false},
	{"nothing seen", func(string) bool { return false }, true},
	{"counters seen", func(probe string) bool { return probe == "counters" }, true},
	{"what nobody sees", func(probe string) bool { return !slices.Contains(rights, probe) }, true},
}

// operator answers a question, knowing the cause.
type operator struct {
	name   string
	answer func(iv *interview, q *content.Question) string
}

// byContent answers as the questions themselves expect of the cause: at random, by
// what each option implies.
func byContent(iv *interview, q *content.Question) string {
	e := expect(q)
	at, known := slices.BinarySearch(e.causes, iv.Cause)
	x := iv.rand(q).Float64()
	for i, o := range q.Options {
		share := 1 / float64(e.options)
		if known {
			share = e.likely[at][i]
		}
		if x -= share; x < 0 {
			return o.ID
		}
	}
	return content.DontKnow
}

// byTruth answers from a table that knows nothing of the weights; one answer in
// ten is any other.
func byTruth(table map[string]map[string]string) func(*interview, *content.Question) string {
	return func(iv *interview, q *content.Question) string {
		if r := iv.rand(q); r.Float64() < 0.1 {
			return q.Options[r.IntN(len(q.Options))].ID
		}
		return cmp.Or(table[iv.Cause][q.ID], content.DontKnow)
	}
}

// rand gives the same chance to the same question, whenever it is asked.
func (iv *interview) rand(q *content.Question) *rand.Rand {
	h := fnv.New64a()
	fmt.Fprint(h, iv.name, q.ID)
	return rand.New(rand.NewPCG(1, h.Sum64()))
}

// facts are what the probes that have looked saw.
func (iv *interview) facts() *fact.Facts {
	whole, words := iv.Facts, iv.book.Facts
	f := *whole
	f.Values, f.Tables, f.Blind, f.Probes = map[string]fact.Value{}, map[string][]fact.Row{}, nil, nil
	for name, v := range whole.Values {
		if d := words.Fact(name); name == "window.seconds" || d != nil && iv.seen[d.Probe] {
			f.Values[name] = v
		}
	}
	if iv.seen["counters"] && !iv.seen["filters"] {
		f.Values["filter.readable"] = fact.Value{Now: false} // what an ordinary user is told
	}
	for name, rows := range whole.Tables {
		if d := words.TableOf(name); d != nil && iv.seen[d.Probe] {
			f.Tables[name] = rows
		}
	}
	for _, p := range whole.Probes {
		if p.Status == "ok" && !iv.seen[p.Name] {
			p.Status, p.Why = "skipped", "has not looked yet"
		}
		f.Probes = append(f.Probes, p)
	}
	return &f
}

// run asks until the cause is found and returns the steps it took, limit+1 if it
// was never found.
func (iv *interview) run(order func(*interview, *Case, *Diagnosis) *Step, limit int) int {
	c := NewCase(iv.book, time.Unix(0, 0))
	iv.seen = map[string]bool{}
	for _, p := range iv.Facts.Probes {
		iv.seen[p.Name] = iv.level.seen(p.Name)
	}
	for steps := 0; steps <= limit; steps++ {
		c.Facts = iv.facts()
		d := c.Diagnose()
		if iv.found(d) {
			return steps
		}
		s := order(iv, c, d)
		if s == nil {
			break
		}
		iv.take(c, s)
	}
	return limit + 1
}

// found says whether the cause is named first; where nothing is measured, whether
// it is the most suspected.
func (iv *interview) found(d *Diagnosis) bool {
	first := d.Findings[0]
	if first.Cause.ID != iv.Cause && (iv.And == "" || first.Cause.ID != iv.And) {
		return false
	}
	if !iv.level.measures {
		return first.Evidence > d.Findings[1].Evidence
	}
	return first.Named()
}

// take answers a question and lets its probes look, or lets one probe look.
func (iv *interview) take(c *Case, s *Step) {
	looks := []string{s.ID}
	if q := iv.book.Question(s.ID); q != nil {
		_ = c.Answer(q.ID, Answer{Options: []string{iv.by.answer(iv, q)}})
		looks = q.Probes
	}
	for _, probe := range looks {
		iv.seen[probe] = iv.level.measures
		if probe == "filters" { // who gets the right for one gets it for the other
			iv.seen["drops"] = iv.level.measures
		}
	}
}

// suggested takes the step that whydrop suggests: the question that tells most
// together with the probes that it lets look, or one probe.
func suggested(iv *interview, _ *Case, d *Diagnosis) *Step {
	probes := map[string]float64{}
	for _, s := range d.Next {
		if s.Kind == "probe" && iv.level.measures && !iv.seen[s.ID] && s.ID != "target" {
			probes[s.ID] = s.Bits
		}
	}
	var best *Step
	for i, s := range d.Next {
		if q := iv.book.Question(s.ID); q != nil {
			for _, probe := range q.Probes {
				s.Bits += probes[probe]
			}
		} else {
			s.Bits = probes[s.ID]
		}
		if s.Bits > 0 && (best == nil || s.Bits > best.Bits) {
			d.Next[i].Bits = s.Bits
			best = &d.Next[i]
		}
	}
	return best
}

// documented takes the first question that was not asked yet.
func documented(iv *interview, c *Case, _ *Diagnosis) *Step {
	for _, q := range iv.book.Questions() {
		if !c.Answers[q.ID].Given() {
			return &Step{Kind: "question", ID: q.ID}
		}
	}
	return nil
}

// tally is the steps of many interviews.
type tally struct {
	steps []int
	found int
}

func (t *tally) add(steps, limit int) {
	t.steps = append(t.steps, steps)
	if steps <= limit {
		t.found++
	}
}

func (t *tally) mean() float64 {
	sum := 0
	for _, n := range t.steps {
		sum += n
	}
	return float64(sum) / float64(max(1, len(t.steps)))
}

func (t *tally) String() string {
	slices.Sort(t.steps)
	n := len(t.steps)
	return fmt.Sprintf("%.1f\t%d\t%d\t%d of %d", t.mean(), t.steps[n/2], t.steps[n*9/10], t.found, n)
}

// TestSuggestedOrder measures how many steps it takes to the cause of each recorded
// fault in the suggested order and in the documented one, and prints the table:
//
//	go test ./checklist -run SuggestedOrder -v
func TestSuggestedOrder(t *testing.T) {
	if testing.Short() {
		t.Skip("hundreds of interviews")
	}
	book, err := content.Load("")
	if err != nil {
		t.Fatal(err)
	}
	truth := readTruth(t, book)
	faults := telling(t, book)
	for name, r := range faults {
		if truth[r.Cause] == nil {
			t.Logf("left out: %s, because operator.yaml has no answers for %s", name, r.Cause)
			delete(faults, name)
		}
	}
	limit := len(book.Questions())
	var out, loses strings.Builder
	w := tabwriter.NewWriter(&out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "at first\toperator\torder\tmean\tmedian\t9 in 10\tfound")
	for _, l := range levels {
		for _, by := range []operator{{"by the truth", byTruth(truth)}, {"by the content", byContent}} {
			if l.measures && by.name == "by the content" {
				continue // what is measured decides there, hardly what is answered
			}
			var s, d tally
			for _, name := range slices.Sorted(maps.Keys(faults)) {
				iv := &interview{book: book, name: name, recorded: faults[name], level: l, by: by}
				n, m := iv.run(suggested, limit), iv.run(documented, limit)
				s.add(n, limit)
				d.add(m, limit)
				if n > m {
					fmt.Fprintf(&loses, "  %s, %s: %s %d for %d\n", l.name, by.name, name, n, m)
				}
			}
			fmt.Fprintf(w, "%s\t%s\tsuggested\t%s\n\t\tdocumented\t%s\n", l.name, by.name, &s, &d)
			if s.mean() > d.mean() {
				t.Errorf("%s, %s: the suggested order takes %.2f steps, the documented one %.2f", l.name, by.name, s.mean(), d.mean())
			}
		}
	}
	_ = w.Flush()
	t.Logf("steps to the cause, %d if it is not found:\n%s\nthe suggested order takes more steps at:\n%s", limit+1, &out, &loses)
}

// telling are the recorded faults whose cause whydrop names first when all has been
// measured: only of those one can ask how soon.
func telling(t *testing.T, book *content.Book) map[string]recorded {
	all := recordings(t)
	c := NewCase(book, time.Unix(0, 0))
	for name, r := range all {
		c.Facts = r.Facts
		if r.Cause == "" || r.NotSeen != "" {
			delete(all, name)
			continue
		}
		if first := c.Diagnose().Findings[0]; !first.Named() || first.Cause.ID != r.Cause && first.Cause.ID != r.And {
			t.Logf("left out: %s, where %s comes first", name, first.Cause.ID)
			delete(all, name)
		}
	}
	return all
}

// readTruth reads what an operator would answer who knows the cause.
func readTruth(t *testing.T, book *content.Book) map[string]map[string]string {
	data, err := os.ReadFile("testdata/operator.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var truth map[string]map[string]string
	if err := yaml.Load(data, &truth); err != nil {
		t.Fatal(err)
	}
	for cause, answers := range truth {
		if book.Cause(cause) == nil {
			t.Errorf("operator.yaml: there is no cause %q", cause)
		}
		for q, option := range answers {
			if book.Question(q) == nil || book.Question(q).Option(option) == nil {
				t.Errorf("operator.yaml: %s: there is no answer %s to %s", cause, option, q)
			}
		}
	}
	return truth
}
