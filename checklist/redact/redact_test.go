package redact

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode"

	"whydrop/checklist"
	"whydrop/content"
	"whydrop/probes/fact"
	"whydrop/probes/record"
)

func book(t testing.TB) *content.Book {
	t.Helper()
	b, err := content.Load("")
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// recordings are the facts of the recorded hosts, by name.
func recordings(t testing.TB) map[string]*fact.Facts {
	t.Helper()
	files, err := filepath.Glob("../testdata/*/*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("no recorded facts: %v", err)
	}
	all := map[string]*fact.Facts{}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var r struct{ Facts *fact.Facts }
		if err := json.Unmarshal(data, &r); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		all[strings.TrimSuffix(filepath.Base(file), ".json")] = r.Facts
	}
	return all
}

func report(t testing.TB, c *checklist.Case, d *checklist.Diagnosis) string {
	t.Helper()
	var b strings.Builder
	if err := c.WriteReport(&b, d, time.Unix(1700000000, 0)); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// TestDiagnosisStays: a redacted host has the diagnosis of the host itself, also
// when it was recorded and read again.
func TestDiagnosisStays(t *testing.T) {
	b := book(t)
	for host, facts := range recordings(t) {
		c := checklist.NewCase(b, time.Unix(0, 0))
		c.Facts = facts
		want := c.Diagnose()
		_, d := New(b, nil).Case(c)
		sameDiagnosis(t, host, d, want)
		c.Facts = recorded(t, New(b, nil).Facts(facts))
		sameDiagnosis(t, host+", recorded", c.Diagnose(), want)
	}
}

// recorded writes facts into a recording, and returns what is read from it.
func recorded(t *testing.T, f *fact.Facts) *fact.Facts {
	t.Helper()
	var file bytes.Buffer
	w := record.NewWriter(&file, record.Header{Host: f.Host, Kernel: f.Kernel, Start: f.Start})
	if err := errors.Join(w.Add(f), w.Close()); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "r.whydrop")
	if err := os.WriteFile(path, file.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	r, err := record.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	again, err := r.Observation(0)
	if err != nil {
		t.Fatal(err)
	}
	return again
}

func sameDiagnosis(t *testing.T, host string, d, want *checklist.Diagnosis) {
	t.Helper()
	if d.Verdict != want.Verdict || len(d.Findings) != len(want.Findings) || len(d.Symptoms) != len(want.Symptoms) {
		t.Errorf("%s: %s, was %s", host, d.Verdict, want.Verdict)
		return
	}
	for i, f := range d.Findings {
		w := want.Findings[i]
		if f.Cause.ID != w.Cause.ID || f.Probability != w.Probability || f.Evidence != w.Evidence {
			t.Errorf("%s: %s %v dB, was %s %v dB", host, f.Cause.ID, f.Evidence, w.Cause.ID, w.Evidence)
			return
		}
	}
}

// TestDiagnosisOfARecordingStays: at every moment of a redacted recording.
func TestDiagnosisOfARecordingStays(t *testing.T) {
	b := book(t)
	r, err := record.Open("../../cmd/whydrop/demo.whydrop")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	names := New(b, nil)
	err = r.Each(func(f *fact.Facts) bool {
		c, k := checklist.NewCase(b, f.Start), checklist.NewCase(b, f.Start)
		c.Facts, k.Facts = f, names.Facts(f)
		sameDiagnosis(t, f.Start.String(), k.Diagnose(), c.Diagnose())
		return !t.Failed()
	})
	if err != nil || r.Len() == 0 {
		t.Errorf("%d observations: %v", r.Len(), err)
	}
}

// originals are what a host's facts name: addresses in their canonical form, and
// names of programs and interfaces that are not everybody's.
type originals struct {
	r         *Redactor
	addresses map[netip.Addr]bool
	names     map[string]bool
}

func originalsOf(b *content.Book, f *fact.Facts) *originals {
	o := &originals{New(b, []byte("k")), map[netip.Addr]bool{}, map[string]bool{f.Host: true}}
	for name, v := range f.Values {
		o.add(b.Facts.Fact(name), v.Now)
	}
	for table, rows := range f.Tables {
		for _, row := range rows {
			for field, v := range row {
				o.add(b.Facts.Field(table, field), v)
			}
		}
	}
	return o
}

func (o *originals) add(def *content.FactDef, value any) {
	text, ok := value.(string)
	if !ok || text == "" || def == nil {
		return
	}
	for _, a := range addressesIn(text) {
		if p, ok := o.r.address(a.String()); ok && p != a.String() && a != special {
			o.addresses[a] = true
		}
	}
	first, _, _ := strings.Cut(text, " ")
	program := def.Holds == "process" && !commonProgram(text) && !strings.Contains(text, "(")
	device := def.Holds == "interface" && !knownToAll().iface.MatchString(first) && !strings.HasPrefix(text, "/") && text != "this host"
	if program || device {
		o.names[first] = true
	}
}

// special is the name of a range of addresses, and of none in it.
var special = netip.MustParseAddr("198.18.0.0")

// addressesIn finds the addresses in a text, however they are spelled.
func addressesIn(text string) []netip.Addr {
	var all []netip.Addr
	for _, like := range strings.FieldsFunc(text, func(c rune) bool { return !strings.ContainsRune("0123456789abcdefABCDEF:.", c) }) {
		if !strings.ContainsAny(like, ".:") {
			continue
		}
		for _, s := range []string{like, strings.TrimRight(like, ":."), like[:max(0, strings.LastIndexAny(like, ":."))]} {
			if a, err := netip.ParseAddr(s); err == nil {
				all = append(all, a)
			}
		}
	}
	return all
}

// wordsOf are the words of a text; a hyphen is part of one.
func wordsOf(text string) map[string]bool {
	all := map[string]bool{}
	for _, w := range strings.FieldsFunc(text, func(c rune) bool { return c != '-' && c != '_' && !unicode.IsLetter(c) && !unicode.IsDigit(c) }) {
		all[w] = true
	}
	return all
}

// TestReportNamesNobody writes everything that can be exported of every recorded
// host, and looks for what its facts name.
func TestReportNamesNobody(t *testing.T) {
	b := book(t)
	prose := wordsOf(static(t))
	tested := 0
	for host, facts := range recordings(t) {
		o := originalsOf(b, facts)
		c := checklist.NewCase(b, time.Unix(0, 0))
		c.Facts = facts
		k, d := New(b, []byte("key of "+host)).Case(c) // a random one may hit an address, if seldom
		texts := everything(t, k, d)
		words := wordsOf(texts)
		for _, a := range addressesIn(texts) {
			if o.addresses[a] {
				t.Errorf("%s: %v is still there", host, a)
				break
			}
		}
		for name := range o.names {
			if words[name] && !prose[name] {
				t.Errorf("%s: %q is still there", host, name)
			}
		}
		tested += len(o.addresses)
	}
	if tested == 0 {
		t.Error("no host names an address: what is tested?")
	}
}

// everything is the report, the page and the JSON of a case.
func everything(t testing.TB, c *checklist.Case, d *checklist.Diagnosis) string {
	t.Helper()
	var b strings.Builder
	if err := errors.Join(c.WritePage(&b, d), c.WriteJSON(&b, d, true)); err != nil {
		t.Fatal(err)
	}
	return report(t, c, d) + b.String()
}

// static is all sentences of the content: what stands there names nobody.
func static(t testing.TB) string {
	t.Helper()
	var all strings.Builder
	for _, pattern := range []string{"../../content/*.yaml", "../../content/*/*.yaml", "../*.tmpl"} {
		files, _ := filepath.Glob(pattern)
		for _, file := range files {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			all.Write(data)
		}
	}
	return all.String()
}

// sick is a host on which everything has been named by people.
func sick() *fact.Facts {
	f := fact.New(time.Unix(1700000000, 0).UTC(), 5)
	f.Host = "db7.pay.acmebank.com"
	f.Kernel = "6.1.0-18-amd64"
	f.Text("tcp.port_use_to", "[2a02:1234:5:6::77]:5432")
	f.Text("target.name", "ledger.acmebank.com:443")
	f.Text("changes.saved_in", "/etc/sysctl.d/99-acmebank.conf, /etc/sysctl.conf")
	f.Add("listener", fact.Row{"name": "81.2.69.142:8443", "process": "acmepayd", "queue": 9.0})
	f.Add("listener", fact.Row{"name": "[::ffff:81.2.69.142]:8444", "process": "nginx", "queue": 1.0})
	f.Add("flow", fact.Row{"name": "10.1.2.3:443 > 81.2.69.160:555", "local": "10.1.2.3:443", "remote": "81.2.69.160:555", "process": "tokio-acme w"})
	f.Add("link", fact.Row{"name": "vpn-acme.100", "kind": "vlan", "master": "acmebr"})
	f.Add("link", fact.Row{"name": "enx02aabbccdd01", "kind": "device"})
	f.Add("rule", fact.Row{"name": "inet acme_fw acme_in handle 3", "text": "iifname \"vpn-acme\" ip saddr @acme_customers tcp dport 5432 jump deny_globex comment \"globex corp\" counter drop", "verdict": "drop", "address": "81.2.69.0/24"})
	f.Add("bpf", fact.Row{"name": "acme_guard id 7", "attach": "cgroup-egress", "link": "/acme.slice/acmepayd.service/docker-0123456789ab0123456789ab0123456789ab0123456789ab0123456789ab0123.scope"})
	f.Add("change", fact.Row{"kind": "service", "name": "acmepayd.service", "what": "process acmepayd (17) was started", "source": "/proc/17/stat"})
	f.Add("change", fact.Row{"kind": "package", "name": "acme-agent", "what": "upgraded from 1.2.3.4 to 1.2.3.5", "was": "1.2.3.4", "is": "1.2.3.5", "source": "/var/log/dpkg.log"})
	f.Add("change", fact.Row{"kind": "package", "name": "3 packages", "what": "upgraded: openssl, acme-tools, globex-lib", "source": "/var/log/dpkg.log"})
	f.Add("change", fact.Row{"kind": "sysctl", "name": "net.ipv4.conf.vpn-acme.rp_filter", "what": "is 1, the file says 0", "source": "/home/jdoe/acme/sysctl.conf"})
	f.Add("log", fact.Row{"name": "TCP: request_sock_TCP", "text": "TCP: request_sock_TCP: Possible SYN flooding on port 81.2.69.142:8443. Sending cookies. db7 acmepayd[17]: peer app9.acmebank.com de:ad:be:ef:00:01 out of tcp_mem"})
	f.CannotSee("links", "driver statistics and settings: the driver of vpn-acme.100 does not answer", "")
	return f
}

func TestWhatPeopleNamed(t *testing.T) {
	b := book(t)
	c := checklist.NewCase(b, time.Unix(0, 0))
	c.Facts = sick()
	note := "acmepayd on db7 (81.2.69.142) and DB7.pay.acmebank.com fails since jdoe@ops1.acmebank.com changed net.ipv4.tcp_mem; see https://wiki.acmebank.com/acme/page, ~/acme/x, 2A02:1234:5:6:0::77"
	if err := c.Answer("Q1a", checklist.Answer{Options: []string{content.DontKnow}, Note: note}); err != nil {
		t.Fatal(err)
	}
	c.Track.Mark(time.Unix(1700000000, 0), "restarted acmepayd on 81.2.69.142")
	r := New(b, []byte("fixed"))
	k, d := r.Case(c)
	facts, err := json.Marshal(k.Facts)
	if err != nil {
		t.Fatal(err)
	}
	all := everything(t, k, d) + string(facts)
	for _, secret := range []string{"acme", "globex", "jdoe", "db7", "tokio", "81.2.69", "2a02:1234", "de:ad:be", "aabbccdd01", "0123456789ab"} {
		if at := strings.Index(strings.ToLower(all), secret); at >= 0 {
			t.Errorf("%s is still there: %s", secret, all[max(0, at-80):min(len(all), at+80)])
		}
	}
	for _, kept := range []string{
		"nginx", "6.1.0-18-amd64", "net.ipv4.tcp_mem", "Possible SYN flooding on port ", ":8443. Sending cookies.",
		"upgraded from 1.2.3.4 to 1.2.3.5", "tcp dport 5432", "counter drop", "/var/log/dpkg.log", ".rp_filter", "/etc/sysctl.conf", Notice,
		r.Text("81.2.69.142"), r.Text("acmepayd"),
	} {
		if !strings.Contains(all, kept) {
			t.Errorf("%q is not there any more", kept)
		}
	}
	if c.Answers["Q1a"].Note != note || c.Facts.Host != "db7.pay.acmebank.com" || c.Track.Events()[0].Text != "restarted acmepayd on 81.2.69.142" {
		t.Error("the case itself was changed")
	}
}

func TestFactsAreNotChanged(t *testing.T) {
	f := sick()
	before, _ := json.Marshal(f)
	New(book(t), nil).Facts(f)
	if after, _ := json.Marshal(f); string(before) != string(after) {
		t.Error("the facts were changed")
	}
	if New(book(t), nil).Facts(nil) != nil {
		t.Error("no facts became some")
	}
}

// TestPseudonymsAreStable: under one key a name is called the same, whatever came
// before it; under another key it is not.
func TestPseudonymsAreStable(t *testing.T) {
	b := book(t)
	one, other := New(b, []byte("k")), New(b, []byte("k"))
	other.Text("something else at 9.9.9.9 on web3.example.org")
	x, _ := json.Marshal(one.Facts(sick()))
	y, _ := json.Marshal(other.Facts(sick()))
	again, _ := json.Marshal(one.Facts(sick()))
	random, _ := json.Marshal(New(b, nil).Facts(sick()))
	if string(x) != string(y) || string(x) != string(again) {
		t.Error("one key gives different pseudonyms")
	}
	if string(x) == string(random) {
		t.Error("a random key gives the pseudonyms of a fixed one")
	}
}

// TestEveryTextSaysWhatItHolds: a text that does not is taken for somebody else's
// sentence, and may lose words.
func TestEveryTextSaysWhatItHolds(t *testing.T) {
	v := book(t).Facts
	check := func(name string, d *content.FactDef) {
		if d.Type == content.String && d.Holds == "" {
			t.Errorf("%s:%d: %s does not say what it holds: expected one of %v", d.File, d.Line, name, content.HoldsWhat)
		}
	}
	for _, d := range v.Facts() {
		check(d.Name, d)
	}
	for _, table := range v.Tables() {
		for _, d := range table.Fields {
			check(table.Name+"."+d.Name, d)
		}
	}
}

// BenchmarkReport writes a redacted report, with its diagnosis, of a host with many
// flows.
func BenchmarkReport(b *testing.B) {
	c := checklist.NewCase(book(b), time.Unix(0, 0))
	c.Facts = recordings(b)["congestion-bbr-receiver"]
	r := New(c.Book, nil)
	lines := 0
	for b.Loop() {
		k, d := r.Case(c)
		lines = strings.Count(report(b, k, d), "\n")
	}
	b.ReportMetric(float64(lines), "lines")
}

// BenchmarkFacts redacts facts with a new key each time, so that no address is
// known already.
func BenchmarkFacts(b *testing.B) {
	book := book(b)
	f := recordings(b)["congestion-bbr-receiver"]
	for b.Loop() {
		New(book, nil).Facts(f)
	}
}

// BenchmarkText redacts a report of 700 lines as if it were somebody else's text.
func BenchmarkText(b *testing.B) {
	book := book(b)
	c := checklist.NewCase(book, time.Unix(0, 0))
	c.Facts = recordings(b)["congestion-bbr-receiver"]
	text := report(b, c, c.Diagnose())
	lines := strings.SplitAfter(text, "\n")
	for len(lines) < 700 {
		lines = append(lines, lines...)
	}
	text = strings.Join(lines[:700], "")
	r := New(book, nil)
	r.Facts(c.Facts)
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		r.Text(text)
	}
}

// busy is a host with many flows, rules and messages.
func busy(at time.Time, turn int) *fact.Facts {
	f := sick()
	f.Start = at
	for i := range 500 {
		remote := netip.AddrFrom4([4]byte{81, byte(i >> 8), byte(i), byte(turn + i)}).String()
		f.Add("flow", fact.Row{"name": "10.1.2.3:443 > " + remote + ":555", "local": "10.1.2.3:443", "remote": remote + ":555", "process": "nginx", "retransmitted": float64(turn), "rtt": 2.0, "cwnd": 10.0})
		f.Add("peer", fact.Row{"name": remote, "retransmitted": float64(turn)})
		f.Add("log", fact.Row{"name": "TCP: request_sock_TCP: Possible SYN flooding", "text": "acmepayd[17]: peer " + remote + " out of tcp_mem", "age_s": float64(i + turn), "fresh": false})
	}
	for i := range 100 {
		f.Add("rule", fact.Row{"name": "inet acme_fw acme_in handle " + string(rune('a'+i%26)), "text": "iifname \"vpn-acme\" ip saddr @acme_customers tcp dport 5432 counter drop", "packets": float64(i)})
	}
	return f
}

// BenchmarkStream redacts the observations of a busy host one after the other:
// 500 flows and 500 messages, of which a tenth is new each second.
func BenchmarkStream(b *testing.B) {
	r := New(book(b), nil)
	var all []*fact.Facts
	for i := range 60 {
		f := busy(time.Unix(int64(1700000000+i), 0), 0)
		for j := range 50 {
			f.Tables["flow"][j]["remote"] = netip.AddrFrom4([4]byte{82, byte(i), byte(j), 7}).String() + ":555"
		}
		all = append(all, f)
	}
	r.Facts(all[0])
	i := 0
	b.ReportAllocs()
	for b.Loop() {
		i++
		r.Facts(all[i%len(all)])
	}
}
