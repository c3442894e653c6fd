package main

import (
	"bytes"
	"context"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v4"

	"whydrop/checklist"
	"whydrop/content"
	"whydrop/probes"
	"whydrop/probes/fact"
	"whydrop/probes/lab"
	"whydrop/probes/record"
)

var scenarioRecord = flag.String("scenario-record", "", "record the training scenario of this id anew (as root); all of them with \"all\"")

var scenarioDir = "../../content/scenarios"

const (
	scenarioSeconds = 40
	// A recording is part of the program: it has to stay small.
	scenarioBytes    = 120 << 10
	scenariosBytes   = 3500 << 10
	scenarioAttempts = 3
	// What is more probable than this beside the truth is reason to record again.
	doubt = 0.1
	// scenarioWatch tells the test binary that it is in the sick host to record it,
	// and what the host is called.
	scenarioWatch = "WHYDROP_SCENARIO_WATCH"
)

// tapedScenario is what the maker needs of a scenario's file. It reads them itself: a
// scenario is not loaded before its recording is there.
type tapedScenario struct {
	ID    string   `yaml:"id"`
	Truth []string `yaml:"truth"`
	Lab   string   `yaml:"lab"`
	Host  string   `yaml:"host"`
}

// host is the name that the sick host has in the recording: the lab's would be this
// machine's.
func (r tapedScenario) host() string {
	if r.Host != "" {
		return r.Host
	}
	first, _, _ := strings.Cut(r.ID, "-")
	return first + "-1"
}

func (r tapedScenario) file() string { return filepath.Join(scenarioDir, r.ID+".whydrop") }

// tapedScenarios are those whose recording was made in the lab.
func tapedScenarios(t *testing.T) []tapedScenario {
	files, err := filepath.Glob(filepath.Join(scenarioDir, "*.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var all []tapedScenario
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		var file struct {
			Scenarios []tapedScenario `yaml:"scenarios"`
		}
		if err := yaml.Load(text, &file); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for _, r := range file.Scenarios {
			if r.Lab != "" {
				all = append(all, r)
			}
		}
	}
	return all
}

// TestScenarioRecordings looks at what the sick hosts of the training were recorded
// as: the engine names what is wrong with them at the end, nothing in them tells
// of the lab, and together they are small.
func TestScenarioRecordings(t *testing.T) {
	book, err := content.Load("")
	if err != nil {
		t.Fatal(err)
	}
	total := 0
	for _, r := range tapedScenarios(t) {
		if *scenarioRecord == r.ID || *scenarioRecord == "all" {
			tapeScenario(t, book, r)
		}
		t.Run(r.ID, func(t *testing.T) {
			tape, err := os.ReadFile(r.file())
			if err != nil {
				t.Fatal(err)
			}
			total += len(tape)
			if len(tape) > scenarioBytes {
				t.Errorf("it takes %d bytes, at most %d are wanted", len(tape), scenarioBytes)
			}
			if named, _ := namedAtEnd(t, book, tape); !slices.Equal(named, slices.Sorted(slices.Values(r.Truth))) {
				t.Errorf("at its end the engine names %v, the truth is %v", named, r.Truth)
			}
			for _, tell := range labTells(t, tape, r) {
				t.Errorf("it tells of the lab: %s", tell)
			}
		})
	}
	if total > scenariosBytes {
		t.Errorf("the recordings take %d bytes, at most %d are wanted", total, scenariosBytes)
	}
}

// readTape opens a recording that has to be whole.
func readTape(t *testing.T, tape []byte) *record.Recording {
	recording, err := record.Read(bytes.NewReader(tape), int64(len(tape)))
	if err != nil || len(recording.Notes) > 0 {
		t.Fatalf("%v, notes %q", err, recording.Notes)
	}
	return recording
}

// namedAtEnd are the causes that the last observation convicts, sorted; doubtful are
// others that it half suspects.
func namedAtEnd(t *testing.T, book *content.Book, tape []byte) (named, doubtful []string) {
	recording := readTape(t, tape)
	last, err := recording.At(recording.End())
	if err != nil {
		t.Fatal(err)
	}
	c := checklist.NewCase(book, time.Now())
	c.Facts = last
	d := c.Diagnose()
	for _, f := range d.Named() {
		named = append(named, f.Cause.ID)
	}
	for _, f := range d.Findings {
		if f.Probability > doubt && !slices.Contains(named, f.Cause.ID) {
			doubtful = append(doubtful, f.Cause.ID)
		}
	}
	slices.Sort(named)
	return named, doubtful
}

// labTells are the words of a recording that no host of a firm would know: the
// lab's own, the fault's name, the machine's.
func labTells(t *testing.T, tape []byte, r tapedScenario) []string {
	recording := readTape(t, tape)
	machine, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	suspect := regexp.MustCompile(`(?i)whydrop|\blab\b|` + regexp.QuoteMeta(r.Lab))
	var tells []string
	for i := 0; i < recording.Len(); i += 10 {
		f, err := recording.Observation(i)
		if err != nil {
			t.Fatal(err)
		}
		if f.Host == machine || len(f.Tables["log"])+len(f.Tables["change"])+len(f.Tables["namespace"]) > 0 {
			tells = append(tells, "the machine's name, log, changes or other namespaces are in it")
		}
		eachText(f, func(s string) string {
			if suspect.MatchString(s) {
				tells = append(tells, s)
			}
			return s
		})
	}
	slices.Sort(tells)
	return slices.Compact(tells)
}

// tapeScenario records until the engine names the truth and suspects nothing else:
// what else the machine does may be seen as a cause of its own.
func tapeScenario(t *testing.T, book *content.Book, r tapedScenario) {
	scenario, ok := lab.Find(r.Lab)
	if !ok {
		t.Fatalf("%s: there is no fault %q in the lab", r.ID, r.Lab)
	}
	best, least := []byte(nil), len(book.Causes)
	for attempt := range scenarioAttempts {
		tape := watchScenario(t, scenario, r)
		named, doubtful := namedAtEnd(t, book, tape)
		t.Logf("%s, attempt %d: %d bytes, names %v, doubts %v", r.ID, attempt+1, len(tape), named, doubtful)
		if slices.Equal(named, slices.Sorted(slices.Values(r.Truth))) && len(doubtful) < least {
			best, least = tape, len(doubtful)
		}
		if least == 0 {
			break
		}
	}
	if best == nil {
		t.Errorf("%s: none of %d recordings names the truth, the one that is there stays", r.ID, scenarioAttempts)
		return
	}
	if err := os.WriteFile(r.file(), best, 0o644); err != nil {
		t.Fatal(err)
	}
}

func watchScenario(t *testing.T, scenario lab.Scenario, r tapedScenario) []byte {
	b, err := lab.Start(t.Context(), scenario)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	watch := b.Command(t.Context(), self, "-test.run", "TestScenarioWatch")
	watch.Env = append(watch.Environ(), scenarioWatch+"="+r.host())
	watch.Stderr = os.Stderr
	tape, err := watch.Output()
	if err != nil {
		t.Fatal(err)
	}
	return bytes.TrimSuffix(tape, []byte("PASS\n"))
}

// TestScenarioWatch is no test: it is the test binary in the sick host.
func TestScenarioWatch(t *testing.T) {
	host := os.Getenv(scenarioWatch)
	if host == "" {
		t.Skip("records a scenario, when TestScenarioRecordings asks it")
	}
	book, err := content.Load("")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), scenarioSeconds*time.Second)
	defer cancel()
	var out *record.Writer
	probes.Default(probes.Knowledge{NICs: book}).Watch(ctx, walkWindow, func(f *fact.Facts) {
		disguise(book, f, host)
		if out == nil {
			out = record.NewWriter(os.Stdout, record.Header{Host: f.Host, Kernel: f.Kernel, Start: f.Start})
		}
		if err := out.Add(f); err != nil {
			t.Error(err)
		}
	})
	if err := out.Close(); err != nil {
		t.Error(err)
	}
}

// elsewhere are the probes that look at the machine which records, not at the sick
// host: what they tell is left out, and that it is.
var elsewhere = map[string]string{
	"log":        "the kernel log",
	"changes":    "what was changed on this host lately",
	"namespaces": "other network namespaces",
	"history":    "records of sysstat or atop",
}

var labGroup = regexp.MustCompile(`whydrop-lab-\d+-`)

// disguise makes facts of the lab those of the scenario's host: with its name, and
// without what is the machine's that records. Figures stay as they are.
func disguise(book *content.Book, f *fact.Facts, host string) {
	f.Host = host
	f.Kernel, _, _ = strings.Cut(f.Kernel, "-")
	for name := range f.Values {
		if def := book.Facts.Fact(name); def != nil && elsewhere[def.Probe] != "" {
			delete(f.Values, name)
		}
	}
	if _, ok := f.Values["host.kernel"]; ok {
		f.Text("host.kernel", f.Kernel)
	}
	for name := range f.Tables {
		if def := book.Facts.TableOf(name); def != nil && elsewhere[def.Probe] != "" {
			delete(f.Tables, name)
		}
	}
	f.Probes = slices.Clone(f.Probes)
	f.Blind = slices.DeleteFunc(slices.Clone(f.Blind), func(b fact.Blind) bool { return elsewhere[b.Probe] != "" })
	for i, p := range f.Probes {
		if what := elsewhere[p.Name]; what != "" {
			f.Probes[i] = fact.Status{Name: p.Name, Status: "skipped", Why: "not kept in this recording"}
			f.CannotSee(p.Name, what, "a recording that keeps it")
		}
	}
	eachText(f, func(s string) string { return labGroup.ReplaceAllString(s, "") })
}

// eachText replaces every text of the facts by what change makes of it.
func eachText(f *fact.Facts, change func(string) string) {
	for name, v := range f.Values {
		if s, ok := v.Now.(string); ok {
			f.Text(name, change(s))
		}
	}
	for _, rows := range f.Tables {
		for _, row := range rows {
			for field, v := range row {
				if s, ok := v.(string); ok {
					row[field] = change(s)
				}
			}
		}
	}
	for i := range f.Blind {
		f.Blind[i].What = change(f.Blind[i].What)
	}
}
