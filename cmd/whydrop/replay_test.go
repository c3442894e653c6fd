package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"whydrop/checklist"
	"whydrop/content"
	"whydrop/probes/fact"
	"whydrop/probes/record"
)

// TestTheTimelineOfTheDemo finds both faults of the demo, from the beginning to the end.
func TestTheTimelineOfTheDemo(t *testing.T) {
	book, err := content.Load("")
	if err != nil {
		t.Fatal(err)
	}
	r, err := openDemo()
	if err != nil {
		t.Fatal(err)
	}
	cmd := rootCommand()
	cmd.SetContext(context.Background())
	line, err := newTimeline(cmd, checklist.NewCase(book, r.Begin()), r)
	if err != nil {
		t.Fatal(err)
	}
	var lasting []string
	for _, c := range line.Causes {
		if c.To == nil && c.From.Sub(r.Begin()) < 10*time.Second {
			lasting = append(lasting, c.ID)
		}
	}
	slices.Sort(lasting)
	if want := []string{"listen.accept-queue-full", "qdisc.shaper"}; !slices.Equal(lasting, want) {
		t.Errorf("named from beginning to end: %v, want %v", lasting, want)
	}
	var text bytes.Buffer
	if err := line.write(&text, recorded(r)); err != nil || !strings.Contains(text.String(), "the recording ends") {
		t.Errorf("%v\n%s", err, &text)
	}
}

// TestACauseThatComesAndGoes is told once, and again only when it was gone for long.
func TestACauseThatComesAndGoes(t *testing.T) {
	cause := &content.Cause{ID: "listen.accept-queue-full", Title: "full"}
	line, open := &timeline{}, map[string]int{}
	begin := time.Date(2026, 3, 1, 14, 0, 0, 0, time.UTC)
	for _, step := range []struct {
		second      int
		probability float64
	}{{0, 0.9}, {10, 0.1}, {20, 0.95}, {30, 0.45}, {40, 0.1}, {100, 0.8}, {110, 0.7}} {
		d := &checklist.Diagnosis{Verdict: checklist.Fault, Findings: []*checklist.Finding{{Cause: cause, Probability: step.probability}}}
		line.judge(begin.Add(time.Duration(step.second)*time.Second), d, open)
	}
	if len(line.Causes) != 2 || len(line.Verdicts) != 1 {
		t.Fatalf("%+v", line)
	}
	first, second := line.Causes[0], line.Causes[1]
	if first.To == nil || first.To.Sub(begin) != 40*time.Second || first.Probability != 0.95 || second.To != nil || second.From.Sub(begin) != 100*time.Second {
		t.Errorf("%+v, %+v", first, second)
	}
}

// tape is a recording as it is written, without a host.
func tape(t *testing.T, out *os.File, every time.Duration, seconds int) *taping {
	t.Helper()
	tape := &taping{out: out, every: every, progress: &bytes.Buffer{}, stop: func() {}}
	begin := time.Date(2026, 3, 1, 14, 0, 0, 0, time.UTC)
	for i := range seconds {
		f := fact.New(begin.Add(time.Duration(i)*time.Second), 15)
		f.Host = "web1"
		f.Count("Tcp.RetransSegs", float64(i), float64(i*1000))
		tape.take(f)
	}
	return tape
}

func TestRecordingAtASlowerRate(t *testing.T) {
	for every, want := range map[time.Duration]int{time.Second: 60, 2 * time.Second: 30, 10 * time.Second: 6, 5 * time.Minute: 1} {
		path := filepath.Join(t.TempDir(), "r")
		out, err := os.Create(path)
		if err != nil {
			t.Fatal(err)
		}
		var told bytes.Buffer
		if err := tape(t, out, every, 60).end(&told, path); err != nil {
			t.Fatal(err)
		}
		r, err := record.Open(path)
		if err != nil || r.Len() != want || len(r.Notes) > 0 || r.Header.Host != "web1" {
			t.Errorf("every %v: %v, %+v, want %d observations", every, err, r, want)
		}
		if !strings.Contains(told.String(), " of web1, 2026-03-01 14:00:15 to ") || !strings.Contains(told.String(), "whydrop --replay ") {
			t.Errorf("told %q", &told)
		}
		r.Close()
	}
}

func TestNothingRecordedLeavesNoFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "r")
	out, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := tape(t, out, time.Second, 0).end(&bytes.Buffer{}, path); err == nil {
		t.Error("nothing was recorded, and that was no error")
	}
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a file is left: %v", err)
	}
}

// TestRecordingOnAFullDisk writes to a device that is always full.
func TestRecordingOnAFullDisk(t *testing.T) {
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Skip(err)
	}
	stopped := false
	tape := tape(t, full, time.Second, 0)
	tape.stop = func() { stopped = true }
	tape.take(fact.New(time.Now(), 15))
	err = tape.end(&bytes.Buffer{}, "/dev/full")
	if !stopped || err == nil || !strings.Contains(err.Error(), "nothing could be recorded") || !strings.Contains(err.Error(), "no space left") {
		t.Errorf("stopped %v: %v", stopped, err)
	}
}

// TestADiskThatFillsUp keeps what the disk took.
func TestADiskThatFillsUp(t *testing.T) {
	path := filepath.Join(t.TempDir(), "r")
	out, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	tape := tape(t, out, time.Second, 70)
	out.Close() // nothing can be written any more
	tape.take(fact.New(time.Now(), 15))
	err = tape.end(&bytes.Buffer{}, path)
	if err == nil || !strings.Contains(err.Error(), "the recording ended early") || !strings.Contains(err.Error(), "70 observations of web1") {
		t.Fatal(err)
	}
	r, err := record.Open(path)
	if err != nil || r.Len() != 70 || len(r.Notes) != 1 {
		t.Fatalf("%v, %+v", err, r)
	}
	r.Close()
}
