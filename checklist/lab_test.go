package checklist

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"whydrop/content"
	"whydrop/probes/fact"
)

// recorded is what a scenario of the lab looked like from inside its host.
type recorded struct {
	Cause string   `json:"cause"` // "" for a healthy busy host
	And   string   `json:"and"`   // the second of two faults
	Also  []string `json:"also"`
	About string   `json:"about"`
	// NotSeen says why nothing in these facts tells the cause.
	NotSeen string      `json:"not_seen"`
	Facts   *fact.Facts `json:"facts"`
}

// TestRecordedFaults judges facts that were recorded on real faults in the lab,
// so that the reasoning is tested where no lab can be made. They are recorded
// anew with: go test ./cmd/whydrop -run TestLab -lab-record ../../checklist/testdata/lab
func TestRecordedFaults(t *testing.T) {
	c := newCase(t, "")
	for name, r := range recordings(t) {
		t.Run(name, func(t *testing.T) {
			c.Facts = r.Facts
			judgeRecorded(t, r, c.Diagnose())
		})
		t.Run(name+" without eBPF", func(t *testing.T) {
			c.Facts = withoutReasons(r.Facts)
			judgeRecorded(t, r, c.Diagnose())
		})
	}
}

// withoutReasons is the same host seen by somebody who may not count the
// kernel's drop reasons.
func withoutReasons(f *fact.Facts) *fact.Facts {
	less := *f
	less.Values, less.Tables = maps.Clone(f.Values), maps.Clone(f.Tables)
	for name := range f.Values {
		if strings.HasPrefix(name, "drops.") {
			delete(less.Values, name)
		}
	}
	for name := range f.Tables {
		if strings.HasPrefix(name, "drop") {
			delete(less.Tables, name)
		}
	}
	return &less
}

// recordings reads the recorded facts, by the name of their scenario.
func recordings(t *testing.T) map[string]recorded {
	t.Helper()
	files, err := filepath.Glob("testdata/lab/*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("no recorded facts: %v", err)
	}
	all := map[string]recorded{}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var r recorded
		if err := json.Unmarshal(data, &r); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		all[strings.TrimSuffix(filepath.Base(file), ".json")] = r
	}
	return all
}

func judgeRecorded(t *testing.T, r recorded, d *Diagnosis) {
	t.Helper()
	named := []string{}
	for _, f := range d.Named() {
		named = append(named, f.Cause.ID)
	}
	switch {
	case r.Cause == "" && d.Verdict != Healthy:
		t.Errorf("%s: a healthy host is called %s: %v%s", r.About, d.Verdict, d.Symptoms, leading(d))
	case r.Cause == "":
	case r.NotSeen != "":
		t.Logf("%s: %s; named are %v", r.About, r.NotSeen, named)
	case len(named) == 0 || named[0] != r.Cause && (r.And == "" || named[0] != r.And):
		t.Errorf("%s: want %s first, named are %v%s", r.About, r.Cause, named, leading(d))
		if f := d.Finding(r.Cause); f != nil {
			t.Logf("%s has %.0f dB%s", r.Cause, f.Evidence, reasonsOf(f))
		}
	default:
		wanted := append([]string{r.Cause}, r.Also...)
		if r.And != "" {
			if wanted = append(wanted, r.And); !slices.Contains(named, r.And) {
				t.Errorf("%s: %s is not named, too%s", r.About, r.And, leading(d))
			}
		}
		for _, id := range named {
			if !slices.Contains(wanted, id) {
				t.Errorf("%s: %s is accused wrongly%s", r.About, id, leading(d))
			}
		}
	}
}

func leading(d *Diagnosis) string {
	s := ""
	for i, f := range d.Findings {
		if i < 3 || f.Named() {
			s += "\n    " + Percent(f.Probability) + " " + f.Cause.ID + reasonsOf(f)
		}
	}
	return s
}

func reasonsOf(f *Finding) string {
	s := ""
	for _, r := range f.For {
		s += "\n        + " + r.Says
	}
	for _, r := range f.Against {
		s += "\n        - " + r.Says
	}
	for _, r := range f.Explained {
		s += "\n        (explained by " + r.By + ": " + r.Says + ")"
	}
	return s
}

// BenchmarkDiagnose judges all causes by the facts of one sick host, which the
// walkthrough does after every round of measurements.
func BenchmarkDiagnose(b *testing.B) {
	data, err := os.ReadFile("testdata/lab/accept-queue-full.json")
	if err != nil {
		b.Fatal(err)
	}
	var r recorded
	if err := json.Unmarshal(data, &r); err != nil {
		b.Fatal(err)
	}
	book, err := content.Load("")
	if err != nil {
		b.Fatal(err)
	}
	c := NewCase(book, time.Unix(0, 0))
	c.Facts = r.Facts
	for b.Loop() {
		c.Diagnose()
	}
}
