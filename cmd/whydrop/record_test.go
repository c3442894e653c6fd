package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"whydrop/checklist"
	"whydrop/probes/fact"
	"whydrop/probes/record"
)

// taped records observations that end at seconds, by the clock of the host, and returns
// the recording and what is told of it.
func taped(t *testing.T, every time.Duration, ends ...int) (*record.Recording, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "r")
	out, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	tape := &taping{out: out, every: every, progress: &bytes.Buffer{}, stop: func() {}}
	begin := time.Date(2026, 3, 1, 23, 59, 30, 0, time.UTC)
	for _, end := range ends {
		f := fact.New(begin.Add(time.Duration(end-15)*time.Second), 15)
		f.Host = "web1"
		f.Count("TcpExt.ListenOverflows", 1500, 5000)
		tape.take(f)
	}
	var told bytes.Buffer
	if err := tape.end(&told, path); err != nil {
		t.Fatal(err)
	}
	r, err := record.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	return r, told.String()
}

func until(n int) (all []int) {
	for i := range n {
		all = append(all, i)
	}
	return all
}

// What a busy host did not show is told, and whether the time of it is lost.
func TestGapsOfARecording(t *testing.T) {
	for _, tt := range []struct {
		name  string
		every time.Duration
		ends  []int
		want  string
	}{
		{"none", time.Second, until(60), ""},
		{"next to none", time.Second, append(until(40), 42, 43, 44, 45), ""},
		{"each third", time.Second, []int{0, 3, 6, 9, 12, 15}, "6 of 16 observations: the host was too busy to be looked at every 1s; each tells of the time before it, so no time is missing"},
		{"longer than they tell of", time.Second, []int{0, 1, 2, 3, 60}, "5 of 61 observations: the host was too busy to be looked at every 1s; of 42 s no observation tells"},
		{"as slow as asked for", 10 * time.Second, []int{0, 10, 20, 30}, ""},
		{"made of another", 0, []int{0, 100, 200}, ""},
	} {
		_, told := taped(t, tt.every, tt.ends...)
		if _, more, _ := strings.Cut(told, "whydrop --replay "); tt.want != "" && !strings.Contains(more, tt.want) || tt.want == "" && strings.Contains(more, " of ") {
			t.Errorf("%s: told %q, want %q", tt.name, told, tt.want)
		}
	}
}

// A clock that is set back stops no recording, and gives no time that is less than
// nothing.
func TestAClockThatIsSetBack(t *testing.T) {
	ends := append(until(20), []int{-3600, -3599, -3598, -3597, -3596}...)
	for _, every := range []time.Duration{time.Second, 0} {
		r, told := taped(t, every, ends...)
		if r.Len() != 25 || !strings.Contains(strings.Join(r.Notes, "; "), "the clock went back by 1h0m19s at 2026-03-01 23:59:49 UTC") || strings.Contains(told, "no observation tells") {
			t.Errorf("every %v: %d observations, notes %q, told %s", every, r.Len(), r.Notes, told)
		}
		cmd := rootCommand()
		cmd.SetContext(context.Background())
		line, err := newTimeline(cmd, newCase(t), r)
		if err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		if err := line.write(&out, "a recording"); err != nil {
			t.Fatal(err)
		}
		if n := len(line.Verdicts); n != 1 || line.Verdicts[0].Verdict != checklist.Fault || line.Verdicts[0].Seconds != 23 {
			t.Errorf("every %v: %+v", every, line.Verdicts)
		}
		if !strings.Contains(out.String(), "fault for 23 s\n") || strings.Count(out.String(), "listen.accept-queue-full") != 1 {
			t.Errorf("every %v: %s", every, out.String())
		}
	}
}

// Another machine and a recording are not recorded at once.
func TestRecordOfOneHost(t *testing.T) {
	var out, errs bytes.Buffer
	code := run(context.Background(), []string{"record", "--host", "root@web1", "--replay", "demo.whydrop", "-o", filepath.Join(t.TempDir(), "r")}, &out, &errs)
	if code != exitUsage || !strings.Contains(errs.String(), "--host and a recording: expected one of them") {
		t.Errorf("status %d: %s", code, errs.String())
	}
}
