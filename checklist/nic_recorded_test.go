package checklist

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"

	"whydrop/probes/fact"
	"whydrop/probes/links"
)

// reading is a card as somebody read it: outputs of ethtool -S before and after,
// beside what a host of the lab saw of its TCP meanwhile.
type reading struct {
	Driver string
	Cause  string // "" for a card that works, "?" where the counters leave it open
	// Neither are causes that the counters do not tell apart: none may get 0.9.
	Neither []string
	And     string // a second cause that is named, too
	Also    []string
	Source  string // of the outputs
	Dump    string // a file of WHYDROP_NIC_DUMPS in the place of Before
	Lab     string // the recorded scenario of testdata/nic whose other facts go with it
	// Link is what the kernel's standard counters gained, Settings are the
	// driver's, Values replace facts of the host.
	Link     map[string]uint64
	Settings map[string]any
	Values   map[string]float64
	Rows     map[string][]map[string]any
	// Before and After are the outputs; After may hold the lines alone that moved.
	Before, After string
}

// TestRecordedCards judges cards by real outputs of their drivers. An output that
// the project does not carry is read from the directory WHYDROP_NIC_DUMPS, as in
// the tests of content.
func TestRecordedCards(t *testing.T) {
	files, err := filepath.Glob("testdata/nic/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no recorded cards: %v", err)
	}
	c := newCase(t, "")
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".yaml"), func(t *testing.T) {
			r := readCard(t, file)
			d := r.diagnosed(t, c, recordedHost(t, r.Lab))
			r.judge(t, d)
		})
	}
}

// recordedHost is a host of the lab with idle CPUs.
func recordedHost(t *testing.T, name string) *fact.Facts {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata/nic", name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	var r recorded
	if err := json.Unmarshal(text, &r); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return r.Facts
}

func readCard(t *testing.T, file string) *reading {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	r := &reading{}
	if err := yaml.Unmarshal(text, r); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	if r.Dump == "" {
		return r
	}
	dir := os.Getenv("WHYDROP_NIC_DUMPS")
	if dir == "" {
		t.Skip("WHYDROP_NIC_DUMPS names no directory with outputs of ethtool -S")
	}
	if text, err = os.ReadFile(filepath.Join(dir, r.Dump)); err != nil {
		t.Skip(err)
	}
	r.Before = string(text)
	return r
}

// outputs are the card's statistics before and after.
func (r *reading) outputs(t *testing.T) (before, after []links.Printed) {
	t.Helper()
	before = printedIn(t, r.Before)
	after = slices.Clone(before)
	for _, moved := range printedIn(t, r.After) {
		at := slices.IndexFunc(after, func(p links.Printed) bool { return p.Name == moved.Name })
		if at < 0 {
			t.Fatalf("%s is not in the first output", moved.Name)
		}
		after[at] = moved
	}
	return before, after
}

func printedIn(t *testing.T, text string) []links.Printed {
	t.Helper()
	printed, err := links.ParseStatistics(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return printed
}

// judge compares what is named.
func (r *reading) judge(t *testing.T, d *Diagnosis) {
	t.Helper()
	named := d.Named()
	switch {
	case r.Cause == "" && d.Verdict != Healthy:
		t.Errorf("%s: a card that works is called %s: %v%s", r.Source, d.Verdict, d.Symptoms, leading(d))
	case r.Cause == "?" && d.Verdict == Healthy:
		t.Errorf("%s: the card is called healthy%s", r.Source, leading(d))
	case r.Cause != "" && r.Cause != "?" && (len(named) == 0 || named[0].Cause.ID != r.Cause):
		t.Errorf("%s: want %s first%s", r.Source, r.Cause, leading(d))
	}
	if f := d.Finding(r.And); r.And != "" && !f.Named() {
		t.Errorf("%s: %s is not named, too%s", r.Source, r.And, leading(d))
	}
	for _, id := range r.Neither {
		if d.Finding(id).Probability >= 0.9 {
			t.Errorf("%s: %s cannot be told by these counters%s", r.Source, id, leading(d))
		}
	}
	allowed := slices.Concat([]string{r.Cause, r.And}, r.Also, r.Neither)
	for _, f := range named {
		if !slices.Contains(allowed, f.Cause.ID) {
			t.Errorf("%s: %s is accused wrongly%s", r.Source, f.Cause.ID, leading(d))
		}
	}
}

// diagnosed puts the card in the place of the host's virtual links.
func (r *reading) diagnosed(t *testing.T, c *Case, host *fact.Facts) *Diagnosis {
	t.Helper()
	f := *host
	f.Values, f.Tables = maps.Clone(host.Values), maps.Clone(host.Tables)
	for _, name := range []string{"link", "qdisc", "nic", "nicstat"} {
		delete(f.Tables, name)
	}
	f.Flag("host.container", false) // a card is in the host's own network namespace
	for name, v := range r.Values {
		f.Gauge(name, v)
	}
	for name, rows := range r.Rows {
		f.Table(name)
		for _, fields := range rows {
			row := fact.Row{}
			for field, v := range fields {
				row[field] = measured(v)
			}
			f.Add(name, row)
		}
	}
	before, after := r.outputs(t)
	layout := links.PrintedLayout(c.Book, r.Driver, before)
	n := card{driver: r.Driver, link: r.Link}
	looks := []fact.Reading{n.look(t, layout, false), n.look(t, layout, true)}
	for i, printed := range [][]links.Printed{before, after} {
		l := &looks[i].Data.(*links.Reading).Links[0]
		l.Counters = layout.Printed(printed)
		for name, v := range r.Settings {
			if _, ok := l.Settings[name]; !ok && name != "duplex" && name != "speed_mbps" && name != "lro" {
				t.Fatalf("no setting %q", name)
			}
			l.Settings[name] = measured(v)
		}
	}
	links.New(c.Book).Facts(looks, &f)
	c.Facts = &f
	return c.Diagnose()
}

// measured is a value of the file as a probe yields it.
func measured(v any) any {
	if whole, ok := v.(int); ok {
		return float64(whole)
	}
	return v
}
