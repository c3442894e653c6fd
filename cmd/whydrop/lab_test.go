package main

import (
	"bytes"
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
	"strings"
	"sync"
	"testing"
	"time"

	"whydrop/content"
	"whydrop/probes/fact"
	"whydrop/probes/lab"
)

var (
	labOnly    = flag.String("lab", "", "with -run TestLab: only scenarios whose names contain this")
	labRecord  = flag.String("lab-record", "", "with -run TestLab: write the facts of every scenario into this directory")
	labNobody  = flag.Bool("lab-nobody", false, "with -run TestLab: diagnose as an ordinary user (needs root and setpriv)")
	labWide    = flag.Bool("lab-wide", false, "with -run TestLab: also scenarios that change sysctls of the whole machine, one at a time")
	labVerbose = flag.Bool("lab-page", false, "with -run TestLab -v: show the diagnosis as people see it")
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

func (d diagnosisOf) named() []string {
	var ids []string
	for _, c := range d.Causes {
		if c.Probability > 0.5 {
			ids = append(ids, c.ID)
		}
	}
	return ids
}

func (d diagnosisOf) healthy() bool { return d.Verdict == "healthy" && len(d.named()) == 0 }

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

// notSeen are scenarios in which nothing that a host can read without eBPF tells
// the cause, and why. Whoever finds a way takes it off the list.
var notSeen = map[string]string{
	"blackhole-route-client": "connect() fails before a socket or a counter shows it",
	"no-route":               "connect() fails before a socket or a counter shows it",
	"idle-timeout-server":    "the packets that are dropped never reach this host, and it sends nothing",
	"reordering-upload":      "a receiver sees holes either way; only the time until they fill would tell",
}

// Of the faults that can be seen, at least this share has to be named first:
// timing on a loaded machine may blur one now and then.
const wantedShare = 0.9

// scores gathers how the scenarios came out.
type scores struct {
	mu           sync.Mutex
	right, wrong int
	lines        []string
}

func (s *scores) add(ok bool, format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if ok {
		s.right++
		return
	}
	s.wrong++
	s.lines = append(s.lines, fmt.Sprintf(format, args...))
}

// TestLab makes real faults, and healthy busy hosts, and asks the built whydrop
// inside the sick host what is wrong. No healthy host may be accused.
func TestLab(t *testing.T) {
	if err := lab.Supported(); err != nil {
		t.Skip(err)
	}
	whydrop := built(t)
	var faults, healthy scores
	t.Run("scenarios", func(t *testing.T) {
		turn := make(chan struct{}, 6)
		for _, s := range lab.All() {
			if !strings.Contains(s.Name, *labOnly) {
				continue
			}
			if len(s.Settings) > 0 && !*labWide {
				continue
			}
			t.Run(s.Name, func(t *testing.T) {
				if len(s.Settings) == 0 {
					t.Parallel()
				}
				turn <- struct{}{}
				defer func() { <-turn }()
				d := diagnoseScenario(t, whydrop, s)
				switch {
				case s.Cause == "":
					healthy.add(d.healthy(), "%s (%s): %s", s.Name, s.About, d)
				case notSeen[s.Name] != "":
					t.Logf("cannot be told: %s; named: %v", notSeen[s.Name], d.named())
				default:
					why := misjudged(s, d)
					faults.add(why == "", "%s (%s): %s: %s", s.Name, s.About, why, d)
				}
			})
		}
	})
	for _, l := range append(faults.lines, healthy.lines...) {
		t.Log(l)
	}
	t.Logf("faults: %d right, %d wrong; healthy hosts: %d right, %d accused or doubted",
		faults.right, faults.wrong, healthy.right, healthy.wrong)
	if all := faults.right + faults.wrong; float64(faults.right) < wantedShare*float64(all) {
		t.Errorf("%d of %d faults were named first and alone, want %.0f %%", faults.right, all, wantedShare*100)
	}
	if healthy.wrong > 0 {
		t.Errorf("%d of %d healthy hosts were not called healthy", healthy.wrong, healthy.right+healthy.wrong)
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
			d := diagnosed(t, b.Command(t.Context(), whydrop, "diagnose", "--json", "--facts", "--duration", "1s"))
			if len(d.Facts.Tables["route"]) == 0 {
				t.Fatalf("no refusing route is seen: %s", d)
			}
			prefix := netip.MustParsePrefix(d.Facts.Tables["route"][0]["destination"].(string))
			target := netip.AddrPortFrom(prefix.Addr().Next(), 443).String()
			d = diagnosed(t, b.Command(t.Context(), whydrop, "diagnose", "--json", "--duration", "1s", "--target", target))
			if why := misjudged(s, d); why != "" {
				t.Errorf("%s: %s", why, d)
			}
		})
	}
}

func diagnoseScenario(t *testing.T, whydrop string, s lab.Scenario) diagnosisOf {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	b, err := lab.Start(ctx, s)
	if errors.Is(err, lab.ErrNeeds) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	call := []string{whydrop, "diagnose", "--json", "--facts", "--duration", "5s"}
	if *labNobody {
		call = append([]string{"setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"}, call...)
	}
	d := diagnosed(t, b.Command(ctx, call[0], call[1:]...))
	if s.Cause == "" && !d.healthy() {
		// The tests share few CPUs with others: a healthy host can really suffer
		// for a moment. An accusation counts if it stands a second time.
		t.Logf("once not healthy: %s", d)
		d = diagnosed(t, b.Command(ctx, call[0], call[1:]...))
	}
	if *labRecord != "" {
		record(t, s, d.Facts)
	}
	if *labVerbose {
		page, _ := b.Command(ctx, whydrop, "diagnose").Output()
		t.Logf("%s", page)
	}
	return d
}

func diagnosed(t *testing.T, cmd *exec.Cmd) diagnosisOf {
	t.Helper()
	var out, errOut bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errOut
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v: %s", err, errOut.String())
	}
	var d diagnosisOf
	if err := json.Unmarshal(out.Bytes(), &d); err != nil {
		t.Fatal(err)
	}
	return d
}

// misjudged compares the diagnosis with the truth: the first cause is the
// scenario's, and no cause is named that does not hold. "" is right.
func misjudged(s lab.Scenario, d diagnosisOf) string {
	named := d.named()
	wanted := []string{s.Cause}
	if s.And != "" {
		wanted = append(wanted, s.And)
	}
	if len(named) == 0 || !slices.Contains(wanted, named[0]) {
		return "want " + s.Cause + " first"
	}
	for _, id := range wanted {
		if !slices.Contains(named, id) {
			return id + " is not named"
		}
	}
	for _, id := range named {
		if !slices.Contains(wanted, id) && !slices.Contains(s.Also, id) {
			return id + " is accused wrongly"
		}
	}
	return ""
}

// record keeps the facts of a scenario that rules can speak of, so that the
// reasoning can be tested without root and without a lab. The kernel log, what
// changed lately, and other namespaces are left out: they are the machine's own.
func record(t *testing.T, s lab.Scenario, facts *fact.Facts) {
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
		"cause": s.Cause, "and": s.And, "also": s.Also, "about": s.About, "not_seen": notSeen[s.Name], "facts": facts,
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(*labRecord, s.Name+".json"), append(data, '\n'), 0o644); err != nil {
		t.Fatal(err)
	}
}
