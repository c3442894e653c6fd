package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"whydrop/checklist"
	"whydrop/checklist/casefile"
	"whydrop/probes/fact"
	"whydrop/probes/record"
)

// demoNames are what the recorded sick host is called, its programs, interfaces and
// addresses.
func demoNames(t *testing.T) *regexp.Regexp {
	t.Helper()
	r, err := record.Open("demo.whydrop")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	names := map[string]bool{regexp.QuoteMeta(r.Header.Host) + ", kernel": true, `"` + regexp.QuoteMeta(r.Header.Host) + `"`: true}
	err = r.Each(func(f *fact.Facts) bool {
		for _, l := range f.Tables["listener"] {
			address, _, _ := strings.Cut(l["name"].(string), ":")
			names[regexp.QuoteMeta(address)+`\b`] = true
			if p, ok := l["process"].(string); ok {
				names[`\b`+regexp.QuoteMeta(p)+`\b`] = true
			}
		}
		for _, p := range f.Tables["peer"] {
			names[regexp.QuoteMeta(p["name"].(string))+`\b`] = true
		}
		return true
	})
	if err != nil || len(names) < 5 {
		t.Fatalf("%d names: %v", len(names), err)
	}
	var all []string
	for n := range names {
		if !strings.HasPrefix(n, "127") && !strings.HasPrefix(n, `0\.`) {
			all = append(all, n)
		}
	}
	return regexp.MustCompile(strings.Join(all, "|"))
}

// TestARedactedRecordingNamesNobody: neither in itself nor in anything that is shown
// of it, and neither in what is written of the original with --redact.
func TestARedactedRecordingNamesNobody(t *testing.T) {
	names := demoNames(t)
	shared := filepath.Join(t.TempDir(), "shared.whydrop")
	whydrop := func(args ...string) string {
		var out, errs bytes.Buffer
		if code := run(context.Background(), args, &out, &errs); code != 0 {
			t.Fatalf("%v: status %d: %s", args, code, errs.String())
		}
		return out.String() + errs.String()
	}
	told := whydrop("record", "--replay", "demo.whydrop", "--share", "-o", shared)
	if strings.Contains(told, "demo,") {
		t.Errorf("the host is named: %s", told)
	}
	if found := names.FindString(unzipped(t, shared)); found != "" {
		t.Errorf("the recording: %q is still there", found)
	}
	if !names.MatchString(unzipped(t, "demo.whydrop")) {
		t.Error("the search does not find names that are there")
	}
	for _, args := range [][]string{
		{"diagnose"}, {"diagnose", "--json", "--facts"}, {"diagnose", "--report"}, {"diagnose", "--timeline"}, {"diagnose", "--timeline", "--json"},
		{"plan"}, {"plan", "--format", "markdown"}, {"plan", "--format", "json"},
		{"report"}, {"report", "--format", "html"}, {"report", "--format", "json"},
	} {
		plain := whydrop(append(args, "--replay", "demo.whydrop")...)
		for _, text := range []string{whydrop(append(args, "--replay", shared)...), whydrop(append(args, "--redact", "--replay", "demo.whydrop")...)} {
			if found := names.FindString(text); found != "" {
				t.Errorf("%v: %q is still there", args, found)
			}
			if len(text) < len(plain)/2 {
				t.Errorf("%v: %d bytes of %d are left", args, len(text), len(plain))
			}
		}
		if len(args) == 1 && args[0] == "diagnose" && !names.MatchString(plain) {
			t.Errorf("%v: the search does not find names that are there", args)
		}
	}
}

func unzipped(t *testing.T, path string) string {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	zip, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	all, err := io.ReadAll(zip)
	if err != nil {
		t.Fatal(err)
	}
	return string(all)
}

// TestRecordAgain: what does not go together, and what must not be overwritten.
func TestRecordAgain(t *testing.T) {
	copied := filepath.Join(t.TempDir(), "copy.whydrop")
	for _, tt := range []struct {
		args []string
		code int
		says string
	}{
		{[]string{"--replay", "demo.whydrop", "-o", copied}, 0, "recorded 67 observations"},
		{[]string{"--replay", copied, "-o", copied, "--force"}, exitUsage, "expected another file than the one that is read"},
		{[]string{"--replay", copied, "-o", copied + "2", "--duration", "5s"}, exitUsage, "without --duration and --every"},
		{[]string{"--replay", "nowhere", "-o", copied + "2"}, exitFailure, "nowhere"},
	} {
		var out, errs bytes.Buffer
		code := run(context.Background(), append([]string{"record"}, tt.args...), &out, &errs)
		if code != tt.code || !strings.Contains(errs.String(), tt.says) {
			t.Errorf("%v: status %d: %s", tt.args, code, errs.String())
		}
	}
	if r, err := record.Open(copied); err != nil || r.Header.Redacted || r.Header.Host == "" {
		t.Errorf("%+v, %v", r, err)
	}
}

// TestCasesNameNobody: what is listed and shown of cases with --redact names neither the
// host nor what was said, and can be gone on with; where the real names stay, it is
// told.
func TestCasesNameNobody(t *testing.T) {
	program, state := asWhydrop(t), t.TempDir()
	h := thisHost()
	h.Host, h.Started = "db1.initech.example", time.Now()
	f, err := casefile.Create(filepath.Join(state, "whydrop", "cases"), "", h)
	if err != nil {
		t.Fatal(err)
	}
	c := newCase(t)
	c.Facts = fact.New(time.Now(), 15)
	c.Facts.Host = h.Host
	if err := c.Answer("Q1a", checklist.Answer{Note: "initech complains, call 0170/1234567"}); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(casefile.Snapshot{Case: c, Diagnosis: c.Diagnose(), Tried: &casefile.Tried{At: time.Now(), Destination: "initech:443"}}); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"cases"}, {"cases", "--json"}, {"cases", "show"}, {"cases", "show", "--json"}, {"report", casefile.Name(f.Path())}} {
		plain, err := inState(program, state, args...).CombinedOutput()
		if err != nil || !strings.Contains(string(plain), "initech") {
			t.Fatalf("%v: %s, %v", args, plain, err)
		}
		shown, err := inState(program, state, append(args, "--redact")...).CombinedOutput()
		if err != nil || strings.Contains(string(shown), "initech") || strings.Contains(string(shown), "1234567") {
			t.Errorf("%v: %s, %v", args, shown, err)
		}
	}
	walk := inState(program, state, "--plain", "--demo", "--redact", "--duration", "0s")
	walk.Stdin = strings.NewReader("quit\n")
	said, err := walk.CombinedOutput()
	if err != nil || !strings.Contains(strings.Join(strings.Fields(string(said)), " "), "Here stand the real names") {
		t.Errorf("%s, %v", said, err)
	}
}
