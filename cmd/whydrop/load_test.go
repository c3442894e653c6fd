package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"whydrop/probes/load"
)

// counterpart is the other end on loopback, at an address that nobody else has.
func counterpart(t *testing.T) string {
	t.Helper()
	l, err := load.Listen(t.Context(), "127.88.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		load.Serve(ctx, l, load.DefaultLimits())
	}()
	t.Cleanup(func() { cancel(); <-done })
	return l.Addr().String()
}

// reproduced runs the command and returns what it wrote.
func reproduced(t *testing.T, wantCode int, args ...string) (out, errOut string) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	code := run(t.Context(), append([]string{"reproduce"}, args...), &stdout, &stderr)
	if code != wantCode {
		t.Fatalf("%q: status %d, want %d\n%s%s", args, code, wantCode, stdout.String(), stderr.String())
	}
	return stdout.String(), stderr.String()
}

// It says what it will send before it sends it, and how that fared; a result that is
// kept is compared with, with the same traffic.
func TestReproduce(t *testing.T) {
	address := counterpart(t)
	kept := filepath.Join(t.TempDir(), "before.json")
	out, errOut := reproduced(t, 0, "--yes", "--json", "--traffic", "request", "--rate", "40", "--for", "1s", "--request-bytes", "1K", address)
	if !strings.Contains(errOut, "sends 40 requests a second for 1 s, 40 altogether: 1056 bytes") {
		t.Errorf("it says:\n%s", errOut)
	}
	if r, err := load.Read([]byte(out)); err != nil || r.OK != 40 {
		t.Fatalf("%v: %s", err, out)
	}
	if err := os.WriteFile(kept, []byte(out), 0o600); err != nil {
		t.Fatal(err)
	}
	out, errOut = reproduced(t, 0, "--yes", "--compare", kept, address)
	for _, want := range []string{"40 requests: 40 ok, 0 failed", "failed: NO DIFFERENCE SHOWN", "Time to the whole answer, 40 times", "time to connect, p99: TOO FEW TO TELL ("} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is missing:\n%s%s", want, errOut, out)
		}
	}
	out, _ = reproduced(t, 0, "--json", "--compare", kept+","+kept)
	var compared struct {
		Schema     string
		Comparison []load.Line
	}
	if err := json.Unmarshal([]byte(out), &compared); err != nil || compared.Schema != "whydrop.comparison/1" || len(compared.Comparison) < 5 {
		t.Errorf("%v: %s", err, out)
	}
}

// Nothing is sent without consent, and mistakes are told.
func TestReproduceRefuses(t *testing.T) {
	address := counterpart(t)
	bad := filepath.Join(t.TempDir(), "bad.json")
	if err := os.WriteFile(bad, []byte(`{"schema":"x\u001b[31m"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		want string
		args []string
	}{
		{"without a terminal, --yes is needed", []string{address}},
		{"expected a destination", []string{"--yes"}},
		{"expected HOST:PORT", []string{"--yes", "db1"}},
		{"a counterpart does not speak TLS", []string{"--yes", "--traffic", "request", "--tls", address}},
		{"--tls is not for --traffic up", []string{"--yes", "--traffic", "up", "--tls", address}},
		{"nothing to ask it by", []string{"--yes", "--host", "db1", address}},
		{"there is no interface \"nosuch0\"", []string{"--yes", "[fe80::1%nosuch0]:80"}},
		{"multicast", []string{"--yes", "224.0.0.5:80"}},
		{"expected 0 to 5000", []string{"--yes", "--rate", "1e9", address}},
		{"TIME_WAIT", []string{"--yes", "--rate", "2000", "--for", "1m", address}},
		{"--keep is not for --traffic connect", []string{"--yes", "--keep", "3", address}},
		{"expected a number of bytes", []string{"--yes", "--bytes", "10T", address}},
		{"expected one of connect", []string{"--yes", "--traffic", "flood", address}},
		{"expected --serve", []string{"--yes", "--from", "10.0.0.0/8", address}},
		{"takes no destination", []string{"--serve", "127.0.0.1:1", address}},
		{"expected the host to listen at", []string{"--serve", ":9000"}},
		{"--rate is not for --serve", []string{"--serve", "127.0.0.1:0", "--rate", "3"}},
		{"expected 1s to 5m", []string{"--like-observed", "--observe", "1h", address}},
		{"an address or a network", []string{"--serve", "127.0.0.1:0", "--from", "everybody"}},
		{`\x1b[31m`, []string{"--compare", bad + "," + bad}},
		{"no such file", []string{"--yes", "--compare", bad + ".no", address}},
	} {
		var out, errOut bytes.Buffer
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		code := run(ctx, append([]string{"reproduce"}, tt.args...), &out, &errOut)
		cancel()
		if code == 0 || out.Len() > 0 || !strings.Contains(strings.ReplaceAll(errOut.String(), "?[31m", `\x1b[31m`), tt.want) {
			t.Errorf("%q: status %d, %s%s", tt.args, code, out.String(), errOut.String())
		}
		if strings.ContainsRune(errOut.String(), 0x1b) {
			t.Errorf("%q: an escape character reached the terminal", tt.args)
		}
	}
}

// With --redact the result names nobody.
func TestReproduceRedacted(t *testing.T) {
	for _, asJSON := range []bool{false, true} {
		r := sick(load.Connect)
		r.Address = netip.MustParseAddrPort("10.20.30.40:5432")
		r.Tried = []load.Try{{Address: netip.MustParseAddrPort("[2a02:908:1::7]:5432"), Outcome: "timeout"}, {Address: r.Address, Outcome: "connected"}}
		r.Traffic.Host = "db1.example"
		r.TLS = &load.TLS{Handshakes: 2, Untrusted: 1, Name: "db1.example", Subject: "CN=db1.example", Why: "valid for db1.example"}
		cmd := loadCommand()
		root := rootCommand()
		root.AddCommand(cmd)
		if err := cmd.ParseFlags([]string{"--redact"}); err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		cmd.SetOut(&out)
		o := loadOptions{json: asJSON}
		if err := o.tell(cmd, r, r, nil); err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"10.20.30", "2a02", "db1"} {
			if out.Len() == 0 || strings.Contains(out.String(), name) {
				t.Errorf("JSON %v: %s is told:\n%s", asJSON, name, out.String())
			}
		}
	}
}

// sick is a result as a sick path gives it.
func sick(kind string) *load.Result {
	traffic := load.Default(kind)
	r := &load.Result{
		Target: "db1.example:5432", Traffic: traffic, Start: time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC), Took: 13.2, Ended: "time",
		Attempts: 100, OK: 97, Failed: 3, Connect: &load.Histogram{}, Handshake: &load.Histogram{}, FirstByte: &load.Histogram{}, Response: &load.Histogram{},
		Failures: []load.Failure{{Step: "connect", Error: "timeout", Count: 2, First: 5.1, Last: 9.3}, {Step: "read", Error: "x\x1b[2J", Count: 1, First: 3}},
		TCP:      load.TCP{Connections: 100, SYNAgain: 12, SYNsAgain: 15, DataOut: 1000, DataAgain: 31, RTO: 4, RTT: 312, MinRTT: 201, CwndMin: 1, CwndMax: 10},
	}
	for i := range 97 {
		d := 300*time.Microsecond + time.Duration(i)*time.Microsecond
		if i%10 == 0 {
			d += time.Second
		}
		r.Connect.Record(d)
	}
	for i := range 10 {
		s := load.Second{Begun: 10, Failed: i % 2, Slowest: load.Seconds(i) / 5, Bytes: int64(i) * 600_000}
		r.Timeline = append(r.Timeline, s)
	}
	if kind == load.Up {
		r.Stalls = []load.Stall{{At: 0.2, For: 1.1}, {At: 4, For: 3.25}}
	}
	if kind == load.Idle {
		r.Rests = []load.Rest{{Wanted: 5, Outcome: "alive"}, {Wanted: 60, Rested: 30.1, Outcome: "ECONNRESET", While: true}, {Wanted: 350, Rested: 350, Outcome: "ETIMEDOUT"}}
	}
	return r
}

func drawn(t *testing.T, width int, show func(*sheet)) string {
	t.Helper()
	var b bytes.Buffer
	s := &sheet{w: bufio.NewWriter(&b), width: width}
	show(s)
	if err := s.flush(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// What is shown is ASCII, fits into 80 columns, and is read without colour.
func TestShowLoad(t *testing.T) {
	odd := regexp.MustCompile(`[^ -~\n]`)
	for _, kind := range load.Kinds {
		text := drawn(t, 80, func(s *sheet) { showLoad(s, sick(kind)) })
		for line := range strings.Lines(text) {
			if len(strings.TrimRight(line, "\n")) > 80 {
				t.Errorf("%s: a line of %d columns: %s", kind, len(line), line)
			}
		}
		if at := odd.FindStringIndex(text); at != nil {
			t.Errorf("%s: %q is not ASCII", kind, text[at[0]:at[1]])
		}
	}
	text := drawn(t, 80, func(s *sheet) { showLoad(s, sick(load.Connect)) })
	for _, want := range []string{
		"connect to db1.example:5432", "100 connections: 97 ok, 3 failed (3 %; 95 % interval 1 % to 8.5 %)",
		"least 301 us, p50 354 us, p90 1 s, p99 1 s, most 1 s",
		"   200 us to  500 us      87 ###################################################\n        ...\n",
		"      1 s to     2 s      10 ######\n",
		"       2  over 5 s while connecting, at 5.1 to 9.3 s\n", "  |.x.x.xoxox|\n",
		"12 of 100 connections sent the SYN again, 15 SYNs in all", "31 of 1000 data segments were sent again (3.1 %), 4 timeouts",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is missing:\n%s", want, text)
		}
	}
	secure := sick(load.Connect)
	secure.TLS = &load.TLS{Handshakes: 97, Version: "TLS 1.3", Cipher: "TLS_AES_128_GCM_SHA256", Name: "db1.example", Subject: "CN=db1.example", Until: "2027-01-01T00:00:00Z"}
	secure.Failures = []load.Failure{{Step: "handshake", Error: "ECONNRESET", Count: 3, First: 1, Last: 9}}
	untrusted := *secure
	untrusted.TLS = &load.TLS{Handshakes: 97, Untrusted: 2, Why: "x509: certificate signed by unknown authority", Name: "db1.example", Subject: "CN=db1.example"}
	for r, wants := range map[*load.Result][]string{
		secure:     {"97 handshakes, each a full one", "and is good: CN=db1.example", "3 reset (ECONNRESET) during the TLS handshake"},
		&untrusted: {"and NOT trusted in 2 of 97 handshakes", "Most clients would refuse it"},
	} {
		text := strings.Join(strings.Fields(drawn(t, 80, func(s *sheet) { showLoad(s, r) })), " ")
		for _, want := range wants {
			if !strings.Contains(text, want) {
				t.Errorf("%q is missing:\n%s", want, text)
			}
		}
	}
	text = drawn(t, 80, func(s *sheet) { showLoad(s, sick(load.Idle)) })
	for _, want := range []string{"     5 s  alive", "    60 s  ended by itself after 30.1 s: ECONNRESET", "   350 s  dead when it was used: ETIMEDOUT"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is missing:\n%s", want, text)
		}
	}
}

// What failed leads on to what names the cause, and what is well to nothing.
func TestShowNext(t *testing.T) {
	for _, c := range []struct {
		diagnosed, compared bool
		has, lacks          string
	}{
		{false, false, "--diagnose", "'whydrop apply'"}, {true, false, "'whydrop plan' and 'whydrop apply'", "--diagnose"}, {false, true, "run whydrop", "--json"},
	} {
		text := drawn(t, 80, func(s *sheet) { showNext(s, sick(load.Connect), c.diagnosed, c.compared) })
		if !strings.Contains(text, c.has) || strings.Contains(text, c.lacks) {
			t.Errorf("%+v:\n%s", c, text)
		}
	}
	well := &load.Result{Attempts: 100, OK: 100, TCP: load.TCP{DataOut: 1000, DataAgain: 1}}
	if text := drawn(t, 80, func(s *sheet) { showNext(s, well, false, false) }); text != "" {
		t.Errorf("where all is well:\n%s", text)
	}
}

func TestShowComparison(t *testing.T) {
	before, after := sick(load.Connect), sick(load.Connect)
	after.TCP.SYNAgain, after.Failed, after.OK = 0, 0, 100
	after.Traffic.Rate = 20
	text := drawn(t, 80, func(s *sheet) { showComparison(s, before, after, load.Compare(before, after)) })
	for _, want := range []string{
		"Mind: the two sent different traffic.", "connections that sent their SYN again: BETTER",
		"12 % (7 % to 20 %, of 100) -> 0 % (0 % to 3.7 %, of 100)", "failed: NO DIFFERENCE SHOWN",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is missing:\n%s", want, text)
		}
	}
}

func TestSize(t *testing.T) {
	for text, want := range map[string]int64{"0": 0, "200": 200, "64K": 65536, "10M": 10 << 20, "1G": 1 << 30} {
		var s size
		if err := s.Set(text); err != nil || int64(s) != want {
			t.Errorf("%s: %d, %v", text, s, err)
		}
	}
	for _, text := range []string{"", "K", "-1", "1KB", "1MM", "99999999999G", "1.5M"} {
		var s size
		if err := s.Set(text); err == nil {
			t.Errorf("%q is %d", text, s)
		}
	}
}
