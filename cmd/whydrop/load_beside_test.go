package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"whydrop/probes/load"
)

// Traffic beside something else is that of a kept result, as long as it takes, and
// ends when it is told to.
func TestBeside(t *testing.T) {
	address := counterpart(t)
	out, _ := reproduced(t, 0, "--yes", "--json", "--traffic", "request", "--rate", "40", "--for", "1s", "--bytes", "1M", address)
	kept := filepath.Join(t.TempDir(), "before.json")
	if err := os.WriteFile(kept, []byte(out), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := rootCommand()
	var said bytes.Buffer
	cmd.SetErr(&said)
	cmd.SetContext(t.Context())
	b, err := newBeside(cmd, kept, time.Minute, true)
	if err != nil {
		t.Fatal(err)
	}
	if b.traffic.Duration != 60 || b.traffic.Bytes != 60<<20 || b.traffic.Rate != 40 || b.kept == nil || !strings.Contains(said.String(), "for 60 s") {
		t.Errorf("it will send %+v, and said %s", b.traffic, said.String())
	}
	start, end := time.Now(), b.start(t.Context())
	time.Sleep(500 * time.Millisecond)
	for range 2 { // a second time it says the same
		if r, err := end(); err != nil || r.OK < 5 || r.Failed > 0 || r.Ended != "interrupted" || time.Since(start) > 20*time.Second {
			t.Errorf("after %v: %+v, %v", time.Since(start), r, err)
		}
	}
}

// Without a kept result it is little traffic to a destination.
func TestBesideDestination(t *testing.T) {
	cmd := rootCommand()
	cmd.SetErr(&bytes.Buffer{})
	cmd.SetContext(t.Context())
	b, err := newBeside(cmd, counterpart(t), time.Minute, true)
	if err != nil || b.traffic.Kind != load.Connect || b.traffic.Rate != 10 || b.kept != nil {
		t.Errorf("%+v, %v", b, err)
	}
}

// What cannot be sent beside a change is refused before anything is changed.
func TestBesideRefuses(t *testing.T) {
	address := counterpart(t)
	odd := filepath.Join(t.TempDir(), "odd.json")
	if err := os.WriteFile(odd, []byte(`{"schema":"whydrop.plan/1"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		spec  string
		lasts time.Duration
		yes   bool
		want  string
	}{
		{odd, time.Minute, true, "expected whydrop.reproduction/1"},
		{"db1", time.Minute, true, "expected HOST:PORT"},
		{address, time.Hour, true, "for 10m0s at the most"},
		{address, time.Minute, false, "--yes is needed"},
	} {
		cmd := rootCommand()
		cmd.SetErr(&bytes.Buffer{})
		cmd.SetIn(strings.NewReader(""))
		cmd.SetContext(t.Context())
		if _, err := newBeside(cmd, c.spec, c.lasts, c.yes); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.spec, err, c.want)
		}
	}
}
