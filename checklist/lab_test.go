package checklist

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"whydrop/content"
	"whydrop/probes/fact"
	"whydrop/probes/lab"
)

// recorded is what a scenario of the lab looked like from inside its host.
type recorded struct {
	Cause string   `json:"cause"` // "" for a healthy busy host
	And   string   `json:"and"`   // the second of two faults
	Also  []string `json:"also"`
	About string   `json:"about"`
	// NotSeen says why nothing in these facts tells the cause, to whom NotSeenBy says.
	NotSeen   string      `json:"not_seen"`
	NotSeenBy string      `json:"unseen_by"`
	Facts     *fact.Facts `json:"facts"`
}

// scenario is the truth about the recorded host.
func (r recorded) scenario() lab.Scenario {
	return lab.Scenario{Cause: r.Cause, And: r.And, Also: r.Also, About: r.About, Unseen: r.NotSeen, UnseenBy: r.NotSeenBy}
}

// TestRecordedFaults judges facts that were recorded on real faults in the lab,
// so that the reasoning is tested where no lab can be made. They are recorded
// anew with: go test ./cmd/whydrop -run TestLab -lab-record ../../checklist/testdata/lab
func TestRecordedFaults(t *testing.T) {
	c := newCase(t, "")
	all, less := &lab.Score{Observer: "root"}, &lab.Score{Observer: "nobody"}
	for name, r := range recordings(t) {
		t.Run(name, func(t *testing.T) {
			c.Facts = r.Facts
			judgeRecorded(t, r, c.Diagnose(), all)
		})
		t.Run(name+" without eBPF", func(t *testing.T) {
			c.Facts = withoutReasons(r.Facts)
			judgeRecorded(t, r, c.Diagnose(), less)
		})
	}
	var results strings.Builder
	if err := lab.WriteScores(&results, all, less); err != nil {
		t.Fatal(err)
	}
	t.Logf("(\"as nobody\" is without eBPF)\n%s", &results)
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

func judgeRecorded(t *testing.T, r recorded, d *Diagnosis, score *lab.Score) {
	t.Helper()
	answer := lab.Answer{Verdict: string(d.Verdict)}
	for _, f := range d.Findings {
		answer.Claims = append(answer.Claims, lab.Claim{Cause: f.Cause.ID, Probability: f.Probability})
	}
	s := r.scenario()
	s.Name = t.Name()
	why := score.Add(s, answer)
	if why == "" {
		return
	}
	if !s.Told(score.Observer != "nobody") {
		t.Logf("%s: %s, but %s", r.About, why, r.NotSeen)
		return
	}
	t.Errorf("%s: %s; %v%s", r.About, why, d.Symptoms, leading(d))
	if f := d.Finding(r.Cause); f != nil {
		t.Logf("%s has %.0f dB%s", r.Cause, f.Evidence, reasonsOf(f))
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
