package train

import (
	"cmp"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.yaml.in/yaml/v4"

	"whydrop/checklist"
	"whydrop/content"
	"whydrop/probes/fact"
)

// TestMain checks the content first: a rule with a mistake in it counts neither way.
// The workers of a fuzzer, for which that takes long, leave it to the one who starts
// them.
func TestMain(m *testing.M) {
	if !slices.Contains(os.Args, "-test.fuzzworker") {
		if err := content.Check(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	os.Exit(m.Run())
}

// theBook is loaded once.
var theBook = sync.OnceValues(func() (*content.Book, error) { return content.LoadTraining("") })

func loadBook(t testing.TB) *content.Book {
	t.Helper()
	book, err := theBook()
	if err != nil {
		t.Fatal(err)
	}
	return book
}

// scene is a scenario with a way to make its host anew.
type scene struct {
	*content.Scenario
	host func() Host
	// ideal is the ideal path, worked out once.
	ideal func() ([]IdealStep, bool)
}

// newScene makes a scene of a scenario.
func newScene(book *content.Book, sc *content.Scenario, host func() Host) scene {
	return scene{sc, host, sync.OnceValues(func() ([]IdealStep, bool) { return New(book, sc, host()).ideal() })}
}

// hosts are those of all scenarios, read once.
var hosts = sync.OnceValues(func() (map[string]*recorded, error) {
	book, err := theBook()
	if err != nil {
		return nil, err
	}
	all := map[string]*recorded{}
	for _, s := range book.Scenarios {
		h, err := Recorded(book, s)
		if err != nil {
			return nil, err
		}
		all[s.ID] = h.(*recorded)
	}
	return all, nil
})

// scenes are all scenarios of the content.
func scenes(t testing.TB) []scene {
	t.Helper()
	hosts, err := hosts()
	if err != nil {
		t.Fatal(err)
	}
	var all []scene
	for _, s := range loadBook(t).Scenarios {
		r := hosts[s.ID]
		all = append(all, newScene(loadBook(t), s, func() Host { return &recorded{steady: r.steady, probes: r.probes} }))
	}
	return all
}

// labScenes are scenarios made of facts that were recorded in the lab, with the
// answers that a truthful operator gives.
func labScenes(t testing.TB, names ...string) []scene {
	t.Helper()
	book := loadBook(t)
	data, err := os.ReadFile("../testdata/operator.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var answers map[string]map[string]string
	if err := yaml.Load(data, &answers); err != nil {
		t.Fatal(err)
	}
	var all []scene
	for _, name := range names {
		data, err := os.ReadFile(filepath.Join("../testdata/lab", name+".json"))
		if err != nil {
			t.Fatal(err)
		}
		var r struct {
			Cause, And string
			Facts      *fact.Facts
		}
		if err := json.Unmarshal(data, &r); err != nil {
			t.Fatal(err)
		}
		sc := &content.Scenario{ID: name, Title: "It is slow", Level: 1, Answers: content.TellingMap{}, KeyPoints: []string{"one", "two", "three"}}
		for _, id := range []string{r.Cause, r.And} {
			if id != "" {
				sc.Truth = append(sc.Truth, id)
			}
		}
		if strings.HasPrefix(name, "healthy-yesterday") { // a healthy host that one is tempted to accuse
			for _, id := range []string{"listen.accept-queue-full", "path.loss", "netfilter.drop-rule"} {
				sc.Herrings = append(sc.Herrings, &content.Herring{Cause: id, Refuted: "nothing of it moves now"})
			}
		}
		for q, o := range answers[r.Cause] {
			sc.Answers[q] = &content.Telling{Says: "It is " + o + ".", Options: []string{o}}
		}
		c := checklist.NewCase(book, time.Time{})
		c.Facts = r.Facts
		for _, p := range c.Plan(c.Diagnose()) {
			if sc.Right(p.Cause.ID) {
				sc.Fix = append(sc.Fix, p.Cause.ID+"/"+p.Remedy.ID)
			}
		}
		all = append(all, newScene(book, sc, func() Host { return newRecorded(book, sc, []*fact.Facts{r.Facts}) }))
	}
	return all
}

// someLab are scenarios of many hops, healthy ones and doubles.
var someLab = strings.Fields("accept-queue-full path-loss-sender two-tc-drop-clsact+port-closed healthy-web healthy-yesterday two-path-loss-sender+drop-rule")

// clock is a time that goes on by a second with each look.
func clock() func() time.Time {
	now := time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)
	return func() time.Time {
		now = now.Add(time.Second)
		return now
	}
}

// player plays a scenario and concludes.
type player struct {
	name string
	play func(t *testing.T, s *Session)
}

func mustDo(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func ask(t *testing.T, s *Session, ids ...string) {
	t.Helper()
	for _, id := range ids {
		if !s.Asked(id) {
			_, err := s.Ask(id)
			mustDo(t, err)
		}
	}
}

func measureAll(t *testing.T, s *Session, probes ...string) {
	t.Helper()
	for _, p := range probes {
		if !s.MeasuredProbe(p) && slices.Contains(s.host.Probes(), p) {
			_, err := s.Measure(p)
			mustDo(t, err)
		}
	}
}

// What players say in their own words.
const (
	theirRisk     = "a restart breaks the connections that run"
	theirRollback = "deploy the version before again"
	theirCheck    = "the counter stands still for a minute under load"
	theirWords    = "clients send packets, one place on the way discards some, counters there grow, everything else stands still"
)

// conclude commits to the named causes by what is known, or the most suspected one.
func conclude(t *testing.T, s *Session, steps ...string) {
	t.Helper()
	c := Conclusion{Steps: steps, Risk: theirRisk, Rollback: theirRollback, Verify: theirCheck, Explanation: theirWords}
	d := s.diagnosis()
	for _, f := range d.Named() {
		c.Causes = append(c.Causes, f.Cause.ID)
	}
	switch {
	case len(c.Causes) > 0:
		c.Hop = d.Named()[0].Cause.Hop
	case d.Verdict == checklist.Healthy:
		c.Healthy = true
	default:
		first := d.Findings[0].Cause
		c.Causes, c.Hop = []string{first.ID}, first.Hop
	}
	mustDo(t, s.Commit(c))
	tickAll(t, s)
}

// tickAll finds nothing wrong with one's own words.
func tickAll(t *testing.T, s *Session) {
	t.Helper()
	check := Check{Risk: true, Rollback: true, Verify: true}
	for i := range s.scenario.KeyPoints {
		check.KeyPoints = append(check.KeyPoints, i)
	}
	mustDo(t, s.Check(check))
}

// rightSteps are the best steps of the menu for what the candidate concludes.
func rightSteps(s *Session) []string {
	var steps []string
	covered := map[string]bool{}
	for _, id := range s.scenario.Fix {
		if cause, _ := s.book.Remedy(id); !covered[cause.ID] {
			covered[cause.ID] = true
			steps = append(steps, id)
		}
	}
	if s.scenario.Healthy() {
		steps = append(steps, "nothing")
	}
	return steps
}

// total is the sum of marks that a player reaches.
func (p player) total(t *testing.T, sc scene) float64 {
	t.Helper()
	s := New(loadBook(t), sc.Scenario, sc.host())
	s.Now = clock()
	mustDo(t, s.Begin())
	p.play(t, s)
	s.idealSteps, s.idealFounded = sc.ideal() // it is the same for all players
	f := s.Feedback()
	sum := 0.0
	for _, m := range f.Marks {
		if m.Points < 0 || m.Points > MostPoints {
			t.Errorf("%s, %s: %s has %v points", sc.ID, p.name, m.Area, m.Points)
		}
		parts := 0.0
		for _, r := range m.Reasons {
			parts += r.Points
			if strings.TrimSpace(r.Says) == "" {
				t.Errorf("%s, %s: a reason of %s says nothing", sc.ID, p.name, m.Area)
			}
		}
		if parts != m.Points {
			t.Errorf("%s, %s: %s is %v, its reasons are %v", sc.ID, p.name, m.Area, m.Points, parts)
		}
		sum += m.Points
	}
	if sum != f.Total {
		t.Errorf("%s, %s: the total is %v, its parts are %v", sc.ID, p.name, f.Total, sum)
	}
	if testing.Verbose() {
		line := ""
		for _, m := range f.Marks {
			line += fmt.Sprintf(" %s %v", m.Area, m.Points)
		}
		t.Logf("%-34s %-18s %5.2f %s; %d steps", sc.ID, p.name, f.Total, line, cmp.Or(len(f.Steps), 0))
	}
	return f.Total
}
