package main

import (
	"bytes"
	"context"
	"flag"
	"os"
	"slices"
	"testing"
	"time"

	"whydrop/checklist"
	"whydrop/content"
	"whydrop/probes"
	"whydrop/probes/fact"
	"whydrop/probes/lab"
	"whydrop/probes/record"
)

var demoRecord = flag.Bool("demo-record", false, "record the host of the demo anew (as root)")

// The host of the demo, and for how long it is recorded.
const (
	demoHost    = "two-shaper+accept-queue-full"
	demoSeconds = 75
	// demoWatch tells the test binary that it is in the sick host to record it.
	demoWatch = "WHYDROP_DEMO_WATCH"
)

// TestDemoShowsItsFaults judges the recorded host: whoever tries the demo is to
// see the faults that are there, and no other.
func TestDemoShowsItsFaults(t *testing.T) {
	if *demoRecord {
		recordDemo(t)
	}
	recording, err := openDemo()
	if err != nil || len(recording.Notes) > 0 {
		t.Fatalf("%v, notes %q", err, recording.Notes)
	}
	last, err := recording.At(recording.End())
	if err != nil {
		t.Fatal(err)
	}
	book, err := content.Load("")
	if err != nil {
		t.Fatal(err)
	}
	c := checklist.NewCase(book, time.Now())
	c.Facts = last
	var named []string
	for _, f := range c.Diagnose().Named() {
		named = append(named, f.Cause.ID)
	}
	scenario, _ := lab.Find(demoHost)
	want := []string{scenario.Cause, scenario.And}
	slices.Sort(named)
	slices.Sort(want)
	if !slices.Equal(named, want) || recording.Len() < 30 {
		t.Errorf("after %d seconds the demo names %v, its faults are %v", recording.Len(), named, want)
	}
}

func recordDemo(t *testing.T) {
	scenario, _ := lab.Find(demoHost)
	b, err := lab.Start(t.Context(), scenario)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	watch := b.Command(t.Context(), self, "-test.run", "TestDemoWatch")
	watch.Env = append(watch.Environ(), demoWatch+"=1")
	watch.Stderr = os.Stderr
	written, err := watch.Output()
	if err != nil {
		t.Fatal(err)
	}
	demo = bytes.TrimSuffix(written, []byte("PASS\n"))
	if err := os.WriteFile("demo.whydrop", demo, 0o644); err != nil {
		t.Fatal(err)
	}
}

// TestDemoWatch is no test: it is the test binary in the sick host.
func TestDemoWatch(t *testing.T) {
	if os.Getenv(demoWatch) == "" {
		t.Skip("records the demo, when TestDemoShowsItsFaults asks it")
	}
	book, err := content.Load("")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), demoSeconds*time.Second)
	defer cancel()
	var out *record.Writer
	probes.Default(probes.Knowledge{NICs: book}).Watch(ctx, walkWindow, func(f *fact.Facts) {
		f.Host = "demo"
		f.Tables["log"] = nil // of the machine that records
		for _, table := range []string{"change", "history", "namespace"} {
			delete(f.Tables, table)
		}
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
