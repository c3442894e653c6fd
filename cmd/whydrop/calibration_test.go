package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"whydrop/content"
	"whydrop/probes"
	"whydrop/probes/fact"
	"whydrop/probes/lab"
)

var (
	labOnly     = flag.String("lab", "", "with -run TestLab: all scenarios whose names contain this, instead of a representative part")
	labEvery    = flag.Bool("lab-all", false, "with -run TestLab: every scenario, seen by root and by nobody, and the results into probes/lab/RESULTS.md")
	labRepeat   = flag.Int("lab-repeat", 1, "with -run TestLab: make every scenario this many times")
	labParallel = flag.Int("lab-parallel", 8, "with -run TestLab: this many benches at a time")
	labRecord   = flag.String("lab-record", "", "with -run TestLab: write the facts of every scenario into this directory")
	labNobody   = flag.Bool("lab-nobody", false, "with -run TestLab: diagnose as an ordinary user (needs root and setpriv)")
	labWide     = flag.Bool("lab-wide", false, "with -run TestLab: also scenarios that the whole machine feels, one at a time")
	labVerbose  = flag.Bool("lab-page", false, "with -run TestLab -v: show the diagnosis as people see it")
)

// diagnosisOf is the part of the JSON diagnosis that the lab compares.
type diagnosisOf struct {
	Verdict string
	Causes  []struct {
		ID          string
		Probability float64
		For         []struct{ Rule, Says string }
	}
	Probes []struct{ Name, Status, Why string }
	Facts  *fact.Facts
}

// answer is the diagnosis as the lab scores it.
func (d diagnosisOf) answer() lab.Answer {
	a := lab.Answer{Verdict: d.Verdict}
	for _, c := range d.Causes {
		a.Claims = append(a.Claims, lab.Claim{Cause: c.ID, Probability: c.Probability})
	}
	return a
}

func (d diagnosisOf) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "verdict %s\n", d.Verdict)
	for i, c := range d.Causes {
		if c.Probability < 0.02 && i > 3 {
			break
		}
		fmt.Fprintf(&b, "  %.3f %s\n", c.Probability, c.ID)
		for _, r := range c.For {
			fmt.Fprintf(&b, "        %s: %s\n", r.Rule, r.Says)
		}
	}
	for _, p := range d.Probes {
		if p.Status != "ok" {
			fmt.Fprintf(&b, "  probe %s %s: %s\n", p.Name, p.Status, p.Why)
		}
	}
	return b.String()
}

// built builds whydrop as it is released: one static file.
func built(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "whydrop-lab")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil { // so that an ordinary user can run it
		t.Fatal(err)
	}
	path := filepath.Join(dir, "whydrop")
	build := exec.Command("go", "build", "-o", path, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	return path
}

// Of the faults that can be told, at least this share has to be named first:
// timing on a loaded machine may blur one now and then.
const wantedShare = 0.9

// chosen are the scenarios to make: a representative part, or what the flags say.
func chosen() []lab.Scenario {
	if *labOnly == "" && !*labEvery {
		return lab.Representative()
	}
	some := slices.DeleteFunc(lab.All(), func(s lab.Scenario) bool {
		return !strings.Contains(s.Name, *labOnly) || s.Disturbs() && !*labWide && !*labEvery
	})
	slices.SortStableFunc(some, func(a, b lab.Scenario) int { // the others before, at once
		return cmp.Compare(len(a.Settings)+len(a.Alone), len(b.Settings)+len(b.Alone))
	})
	return some
}

// observers are the users as whom a host is diagnosed.
func observers() []string {
	switch {
	case os.Geteuid() != 0:
		return []string{"user"} // root of the bench's user namespace
	case *labEvery:
		return []string{"root", "nobody"}
	case *labNobody:
		return []string{"nobody"}
	}
	return []string{"root"}
}

// labRun is a run over scenarios.
type labRun struct {
	whydrop string
	mu      sync.Mutex
	scores  []*lab.Score // one an observer
	slow    []string     // how long each bench took
	busy    int          // benches that were diagnosed while the CPUs were busy
}

// busyShare is the share of the machine's CPU time above which it is not judged
// whether a diagnosis finds the CPUs saturated.
const busyShare = 0.95

// machineTicks reads the machine's CPU time from /proc/stat, in ticks: all, and idle.
func machineTicks(t *testing.T) (all, idle float64) {
	t.Helper()
	data, err := os.ReadFile("/proc/stat")
	if err != nil {
		t.Fatal(err)
	}
	line, _, _ := strings.Cut(string(data), "\n")
	for i, field := range strings.Fields(line)[1:] {
		n, err := strconv.ParseFloat(field, 64)
		if err != nil {
			t.Fatal(err)
		}
		if i < 8 { // guest time is within user time
			all += n
		}
		if i == 3 || i == 4 { // idle, iowait
			idle += n
		}
	}
	return all, idle
}

// TestLab makes real faults, and healthy busy hosts, and asks the built whydrop
// inside the sick host what is wrong. No healthy host may be accused.
//
//	go test ./cmd/whydrop -run 'TestLab$' -lab-all -timeout 60m
//
// makes every scenario, seen by root and by an ordinary user, and writes the
// results.
func TestLab(t *testing.T) {
	if err := lab.Supported(); err != nil {
		t.Skip(err)
	}
	r := &labRun{whydrop: built(t)}
	for _, who := range observers() {
		r.scores = append(r.scores, &lab.Score{Observer: who})
	}
	scenarios := chosen()
	start := time.Now()
	t.Run("scenarios", func(t *testing.T) {
		turn := make(chan struct{}, max(1, *labParallel))
		var all sync.WaitGroup
		for range *labRepeat {
			for _, s := range scenarios {
				if s.Disturbs() {
					all.Wait() // alone: others would feel it
					t.Run(s.Name, func(t *testing.T) { r.scenario(t, s) })
					continue
				}
				turn <- struct{}{}
				all.Go(func() { // not t.Parallel, which is as parallel as there are CPUs
					defer func() { <-turn }()
					t.Run(s.Name, func(t *testing.T) { r.scenario(t, s) })
				})
			}
		}
		all.Wait()
	})
	slices.Sort(r.slow)
	slices.Reverse(r.slow)
	t.Logf("%d of %d scenarios in %.0f s; the slowest to start:\n%s", len(scenarios), len(lab.All()),
		time.Since(start).Seconds(), strings.Join(r.slow[:min(15, len(r.slow))], "\n"))
	r.report(t)
}

// scenario makes one bench and scores what every observer says of it.
func (r *labRun) scenario(t *testing.T, s lab.Scenario) {
	ctx, cancel := context.WithTimeout(context.Background(), 4*time.Minute)
	defer cancel()
	start := time.Now()
	b, err := lab.Start(ctx, s)
	if errors.Is(err, lab.ErrNeeds) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	up := time.Since(start)
	var all sync.WaitGroup
	var busy atomic.Bool
	for _, score := range r.scores {
		all.Go(func() {
			if r.observe(ctx, t, b, score) {
				busy.Store(true)
			}
		})
	}
	all.Wait()
	r.mu.Lock()
	if busy.Load() {
		r.busy++
	}
	r.slow = append(r.slow, fmt.Sprintf("%5.1f s, diagnosed after %5.1f s: %s", up.Seconds(), time.Since(start).Seconds(), s.Name))
	r.mu.Unlock()
	if *labVerbose {
		page, _ := b.Command(ctx, r.whydrop, "diagnose").Output()
		t.Logf("%s", page)
	}
}

// observe scores what one observer says of a bench, and reports whether the CPUs
// of the machine were busy meanwhile.
func (r *labRun) observe(ctx context.Context, t *testing.T, b *lab.Bench, score *lab.Score) (busy bool) {
	s := b.Scenario()
	total, idle := machineTicks(t)
	d, err := r.diagnose(ctx, b, score.Observer)
	// The tests share few CPUs with others: a healthy host can really suffer for a
	// moment. Only the whole run, which measures, counts every answer.
	if err == nil && s.Cause == "" && !*labEvery && s.Misjudged(d.answer(), true) != "" {
		t.Logf("once not healthy: %s", d)
		total, idle = machineTicks(t)
		d, err = r.diagnose(ctx, b, score.Observer)
	}
	if err != nil {
		t.Errorf("as %s: %v", score.Observer, err)
		return false
	}
	answer := d.answer()
	if totalNow, idleNow := machineTicks(t); idleNow-idle < (1-busyShare)*(totalNow-total) {
		busy = true
		if s.Cause != "host.cpu-saturated" { // the whole machine's, and perhaps true
			answer.Claims = slices.DeleteFunc(answer.Claims, func(c lab.Claim) bool { return c.Cause == "host.cpu-saturated" })
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if why := score.Add(s, answer); why != "" {
		t.Logf("%s (%s), as %s: %s: %s", s.Name, s.About, score.Observer, why, d)
	}
	if *labRecord != "" && score.Observer != "nobody" && d.Facts != nil {
		if busy {
			t.Logf("%s: recorded while the CPUs of the machine were busy: its facts show that, too", s.Name)
		}
		recordScenario(t, s, d.Facts)
	}
	return busy
}

func (r *labRun) diagnose(ctx context.Context, b *lab.Bench, observer string) (diagnosisOf, error) {
	call := []string{r.whydrop, "diagnose", "--json", "--facts", "--duration", "5s"}
	if observer == "nobody" {
		call = append([]string{"setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"}, call...)
	}
	return diagnosed(b.Command(ctx, call[0], call[1:]...))
}

// report tells the results and judges the run.
func (r *labRun) report(t *testing.T) {
	var text strings.Builder
	if err := lab.WriteScores(&text, r.scores...); err != nil {
		t.Fatal(err)
	}
	t.Logf("\n%s", &text)
	if *labEvery && *labOnly == "" && os.Geteuid() == 0 {
		head := fmt.Sprintf("# What whydrop says about the lab's faults\n\nWritten by `go test ./cmd/whydrop -run 'TestLab$' -lab-all -timeout 60m`: every host of the lab, made on %s with\nLinux %s, diagnosed for five seconds as root and at the same time as an ordinary user (nobody), with no\nquestion answered. While %d of the %d hosts were diagnosed, the CPUs of the machine were more than %.0f %% busy:\nof these it is not judged whether the CPUs are called saturated.\n\n",
			time.Now().UTC().Format(time.DateOnly), probes.Release(), r.busy, len(r.slow), 100*busyShare)
		if err := os.WriteFile("../../probes/lab/RESULTS.md", []byte(head+text.String()), 0o644); err != nil {
			t.Error(err)
		}
	}
	for _, c := range r.scores {
		if c.First() < wantedShare && c.Observer != "nobody" {
			t.Errorf("as %s, %.0f %% of the faults were named first, want %.0f %%", c.Observer, 100*c.First(), wantedShare*100)
		}
		if c.Accused() > 0 {
			t.Errorf("as %s, %d healthy hosts were not called healthy", c.Observer, c.Accused())
		}
	}
}

// TestLabTarget names the destination: then a route that refuses it at once is
// found, although no counter shows it.
func TestLabTarget(t *testing.T) {
	if err := lab.Supported(); err != nil {
		t.Skip(err)
	}
	whydrop := built(t)
	for _, name := range []string{"blackhole-route-client", "no-route"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, ok := lab.Find(name)
			if !ok {
				t.Fatal("no such scenario")
			}
			b, err := lab.Start(t.Context(), s)
			if err != nil {
				t.Fatal(err)
			}
			defer b.Close()
			d, err := diagnosed(b.Command(t.Context(), whydrop, "diagnose", "--json", "--facts", "--duration", "1s"))
			if err != nil {
				t.Fatal(err)
			}
			if len(d.Facts.Tables["route"]) == 0 {
				t.Fatalf("no refusing route is seen: %s", d)
			}
			prefix := netip.MustParsePrefix(d.Facts.Tables["route"][0]["destination"].(string))
			target := netip.AddrPortFrom(prefix.Addr().Next(), 443).String()
			d, err = diagnosed(b.Command(t.Context(), whydrop, "diagnose", "--json", "--duration", "1s", "--target", target))
			if err != nil {
				t.Fatal(err)
			}
			if why := s.Misjudged(d.answer(), true); why != "" {
				t.Errorf("%s: %s", why, d)
			}
		})
	}
}

func diagnosed(cmd *exec.Cmd) (d diagnosisOf, err error) {
	var out, errOut bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errOut
	if err := cmd.Run(); err != nil {
		return d, fmt.Errorf("%w: %s", err, errOut.String())
	}
	return d, json.Unmarshal(out.Bytes(), &d)
}

// recordScenario keeps the facts of a scenario that rules can speak of, so that the
// reasoning can be tested without root and without a lab. The kernel log, what
// changed lately, and other namespaces are left out: they are the machine's own.
func recordScenario(t *testing.T, s lab.Scenario, facts *fact.Facts) {
	t.Helper()
	book, err := content.Load("")
	if err != nil {
		t.Fatal(err)
	}
	// What the machine of the lab went through before says nothing of the fault.
	own := map[string]bool{"changes": true, "history": true, "namespaces": true}
	for _, name := range facts.Names() {
		if def := book.Facts.Fact(name); def == nil || own[def.Probe] {
			delete(facts.Values, name)
		}
	}
	for _, table := range []string{"log", "change", "history", "namespace"} {
		delete(facts.Tables, table)
	}
	facts.Host, facts.Start = "lab", time.Unix(0, 0).UTC()
	facts.Kernel, _, _ = strings.Cut(facts.Kernel, "-") // the release, without the build's name
	facts.Text("host.kernel", facts.Kernel)
	data, err := json.Marshal(map[string]any{
		"cause": s.Cause, "and": s.And, "also": s.Also, "about": s.About, "not_seen": s.Unseen, "unseen_by": s.UnseenBy, "facts": facts,
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(*labRecord, s.Name+".json"), append(data, '\n'), 0o644); err != nil {
		t.Fatal(err)
	}
}
