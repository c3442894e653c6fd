package history

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"whydrop/probes/fact"
	"whydrop/probes/fact/facttest"
)

const vocabulary = "../../content/facts/history.yaml"

// now is when the tests' hosts are looked at.
var now = time.Date(2026, 11, 20, 12, 0, 30, 0, time.UTC)

// The test binary stands in for sadf and atop: it writes the file that it is
// given, or does what the file says.
func TestMain(m *testing.M) {
	switch filepath.Base(os.Args[0]) {
	case "sadf", "atop":
		standIn()
	default:
		os.Exit(m.Run())
	}
}

func standIn() {
	b, err := os.ReadFile(os.Args[2])
	if err != nil {
		os.Exit(2)
	}
	switch strings.TrimSpace(string(b)) {
	case "hang":
		time.Sleep(time.Minute)
	case "flood":
		for {
			if _, err := os.Stdout.Write(bytes.Repeat([]byte(" "), 1<<16)); err != nil {
				os.Exit(1)
			}
		}
	case "fail":
		fmt.Fprint(os.Stderr, "\nInvalid file\x1b[2J\nmore\n")
		os.Exit(3)
	}
	os.Stdout.Write(b)
}

// host makes a host with the given files, and the programs that read them.
func host(t *testing.T, files map[string]string, programs ...string) *Source {
	t.Helper()
	root := t.TempDir()
	for name, text := range files {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path, now, now); err != nil {
			t.Fatal(err)
		}
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	bin := t.TempDir()
	for _, p := range programs {
		if err := os.Symlink(self, filepath.Join(bin, p)); err != nil {
			t.Fatal(err)
		}
	}
	return &Source{root: root, bin: []string{bin}, now: func() time.Time { return now }}
}

// sadf writes samples of the given retransmission rates, ten minutes apart, the
// last at noon.
func sadf(rates ...float64) string {
	var b strings.Builder
	b.WriteString(`{"sysstat": {"hosts": [{"nodename": "h", "statistics": [`)
	for i, v := range rates {
		at := now.Truncate(time.Minute).Add(time.Duration(i-len(rates)+1) * 10 * time.Minute)
		if i > 0 {
			b.WriteString(",")
		}
		fmt.Fprintf(&b, `{"timestamp": {"date": "%s", "time": "%s", "utc": 1, "interval": 600},
			"cpu-load": [{"cpu": "all", "usr": 5.0, "iowait": 10.00, "steal": 1.00, "soft": 2.00, "idle": 70.00}],
			"network": {"net-tcp": {"active": 1.00, "passive": 2.00, "iseg": 30.00, "oseg": 40.00},
			"net-etcp": {"atmptf": 0.00, "estres": 0.00, "retrans": %.2f, "isegerr": 0.00, "orsts": 0.10},
			"net-edev": [{"iface": "eth0", "rxerr": 0.00, "txerr": 0.00, "rxdrop": %.2f, "txdrop": 0.00, "rxfifo": 0.00}],
			"softnet": [{"cpu": "all", "total": 9.00, "dropd": 0.00, "squeezd": 0.00}]}}`,
			at.Format(time.DateOnly), at.Format(time.TimeOnly), v, v/10)
	}
	b.WriteString(`], "restarts": [{"boot": {"date": "2026-11-19", "time": "00:00:00", "utc": 1}}]}]}}`)
	return b.String()
}

func see(t *testing.T, s *Source) *fact.Facts {
	t.Helper()
	d, err := s.Look(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	f := fact.New(now, 5)
	s.Facts([]fact.Reading{{At: now.Add(5 * time.Second), Data: d}}, f)
	return f
}

func row(t *testing.T, f *fact.Facts, name string) fact.Row {
	t.Helper()
	for _, r := range f.Tables["history"] {
		if r["name"] == name {
			return r
		}
	}
	t.Fatalf("no row %q in %v", name, f.Tables["history"])
	return nil
}

// repeat returns n times v.
func repeat(n int, v float64) []float64 {
	all := make([]float64, n)
	for i := range all {
		all[i] = v
	}
	return all
}

func TestSysstat(t *testing.T) {
	rates := append(repeat(40, 0.2), 9, 12, 0.3, 11, 10)
	s := host(t, map[string]string{"var/log/sysstat/sa20": sadf(rates...), "var/log/sysstat/sar20": "text", "var/log/sysstat/sa19.xz": "x"}, "sadf")
	f := see(t, s)
	facttest.InVocabulary(t, vocabulary, f)
	r := row(t, f, "retransmitted segments/s")
	for field, want := range map[string]any{
		"usual": 0.2, "last": 10.0, "peak": 12.0, "raised": true, "trouble": true, "samples": 45.0,
		"since_time": "2026-11-20 11:10 UTC", "since_ago": "50 min", "source": "sysstat",
		"says": "retransmitted segments/s 10, usually 0.2",
	} {
		if r[field] != want {
			t.Errorf("%s = %v, want %v", field, r[field], want)
		}
	}
	if d := row(t, f, "eth0 packets dropped on receipt/s"); d["last"] != 1.0 || d["raised"] != true {
		t.Errorf("drops of the interface: %v", d)
	}
	for name, want := range map[string]float64{"CPU time busy": 0.2, "CPU time in softirq": 0.02, "CPU time stolen": 0.01, "connections accepted/s": 2} {
		if r := row(t, f, name); math.Abs(r["last"].(float64)-want) > 1e-9 || r["raised"] != false || r["since"] != nil {
			t.Errorf("%s: %v", name, r)
		}
	}
	if f.Tables["history"][0]["raised"] != true || f.Values["history.raised"].Now != 2.0 || f.Values["history.source"].Now != "sysstat" || f.Values["history.last_ago_s"].Now != 30.0 {
		t.Errorf("first row %v, values %v", f.Tables["history"][0], f.Values)
	}
	for _, r := range f.Tables["history"] {
		if strings.HasPrefix(r["signal"].(string), "link.tx") {
			t.Errorf("an interface that lost nothing has a row: %v", r)
		}
	}
}

func TestSince(t *testing.T) {
	noise := []float64{}
	for i := range 100 {
		noise = append(noise, 5+float64(i%7))
	}
	for _, c := range []struct {
		name   string
		values []float64
		signal Signal
		ago    time.Duration // -1: it is as usual
	}{
		{"as usual", repeat(30, 3), retrans, -1},
		{"rises at the end", append(repeat(30, 0), 5), retrans, 10 * time.Minute},
		{"is over", append(repeat(30, 0), 5, 5, 5, 0), retrans, -1},
		{"two ordinary values do not end it", append(repeat(30, 0), 5, 0, 0, 5), retrans, 40 * time.Minute},
		{"three do", append(repeat(30, 0), 5, 0, 0, 0, 5), retrans, 10 * time.Minute},
		{"less than the floor", append(repeat(30, 0), 0.9, 0.9), retrans, -1},
		{"less than twice the usual", append(repeat(30, 100), 190, 190), retrans, -1},
		{"within its noise", slices.Concat(noise, []float64{14, 14}), retrans, -1},
		{"beyond its noise", slices.Concat(noise, []float64{60, 60}), retrans, 20 * time.Minute},
		{"a share need not double", append(repeat(30, 0.6), 0.9), busy, 10 * time.Minute},
		{"too few to know the usual", []float64{0, 0, 0, 9}, retrans, -1},
	} {
		rec := newRecord(now)
		for i, v := range c.values {
			rec.add(c.signal, "", now.Add(time.Duration(i-len(c.values)+1)*10*time.Minute), 10*time.Minute, v)
		}
		l := rec.all()[0].level()
		ago := time.Duration(-1)
		if !l.Since.IsZero() {
			ago = now.Sub(l.Since)
		}
		if ago != c.ago {
			t.Errorf("%s: raised for %v, want %v", c.name, ago, c.ago)
		}
	}
}

func TestAtop(t *testing.T) {
	var b strings.Builder
	sample := func(at time.Time, retrans int) {
		fmt.Fprintf(&b, "CPU h %d x y 600 100 2 6000 18000 0 90000 6000 0 0 0 0 2000 100 0 0\n", at.Unix())
		fmt.Fprintf(&b, "NET h %d x y 600 upper 600 1200 0 0 1 1 1 0 0 0 60 120 7 %d 0 6\nNET h %d x y 600 eth0 1 2 3 4 1000 1\nSEP\n", at.Unix(), retrans, at.Unix())
	}
	b.WriteString("RESET\n")
	sample(now.Add(-20*10*time.Minute), 1e6)
	for i := range 19 {
		sample(now.Add(time.Duration(i-19)*10*time.Minute), 60)
	}
	sample(now, 6000)
	s := host(t, map[string]string{"var/log/atop/atop_20261120": b.String(), "var/log/atop/atop_20261119.gz": "x"}, "atop")
	f := see(t, s)
	facttest.InVocabulary(t, vocabulary, f)
	r := row(t, f, "retransmitted segments/s")
	if r["usual"] != 0.1 || r["last"] != 10.0 || r["peak"] != 10.0 || r["since_ago"] != "10 min" || r["source"] != "atop" {
		t.Errorf("%v", r)
	}
	if r := row(t, f, "CPU time busy"); r["last"] != 0.2 {
		t.Errorf("%v", r)
	}
	if r := row(t, f, "connections accepted/s"); r["last"] != 0.2 {
		t.Errorf("%v", r)
	}
}

func TestNothingKept(t *testing.T) {
	for name, s := range map[string]*Source{
		"no files":      host(t, nil, "sadf", "atop"),
		"an empty file": host(t, map[string]string{"var/log/sa/sa20": `{"sysstat": {"hosts": [{"statistics": [{"timestamp": {}}]}]}}`}, "sadf"),
	} {
		if _, err := s.Look(context.Background()); !errors.Is(err, fact.ErrUnavailable) {
			t.Errorf("%s: %v", name, err)
		}
	}
	old := host(t, map[string]string{"var/log/sa/sa20": sadf(1, 2)}, "sadf")
	old.now = func() time.Time { return now.AddDate(0, 1, 0) }
	if _, err := old.Look(context.Background()); !errors.Is(err, fact.ErrUnavailable) {
		t.Errorf("records of a month ago: %v", err)
	}
}

func TestTrouble(t *testing.T) {
	good := sadf(repeat(10, 1)...)
	for _, c := range []struct {
		name, file, err string
		most            time.Duration
	}{
		{"hangs", "hang", "gave no answer within", 2 * patience},
		{"writes without end", "flood", "wrote more than", patience},
		{"fails", "fail", `it says "Invalid file?[2J"`, patience},
		{"garbage", "\x00\xff{", "JSON", patience},
		{"another shape", `{"statistics": 5}`, "not a list", patience},
	} {
		s := host(t, map[string]string{"var/log/sysstat/sa20": c.file}, "sadf")
		begin := time.Now()
		_, err := s.Look(context.Background())
		if err == nil || !strings.Contains(err.Error(), c.err) {
			t.Errorf("%s: %v, want %q", c.name, err, c.err)
		}
		if took := time.Since(begin); took > 2*c.most {
			t.Errorf("%s: took %v", c.name, took)
		}
	}
	f := see(t, host(t, map[string]string{"var/log/sysstat/sa20": good[:len(good)-200]}, "sadf"))
	if r := row(t, f, "retransmitted segments/s"); r["samples"] != 9.0 || len(f.Blind) != 1 {
		t.Errorf("cut off: %v, blind %v", r, f.Blind)
	}
	if _, err := host(t, map[string]string{"var/log/sysstat/sa20": good}).Look(context.Background()); err == nil || !strings.Contains(err.Error(), "records are here, but sadf is not") {
		t.Errorf("without sadf: %v", err)
	}
}

// Records of the real collectors.
func TestRealSysstat(t *testing.T) {
	const sadc = "/usr/lib/sysstat/sadc"
	if _, err := os.Stat(sadc); err != nil {
		t.Skip("sysstat is not installed")
	}
	s := New()
	if _, err := s.find("sadf"); err != nil {
		t.Skip(err)
	}
	s.root = t.TempDir()
	dir := filepath.Join(s.root, "var/log/sysstat")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(sadc, "-S", "ALL", "1", "3", filepath.Join(dir, "sa01")).CombinedOutput(); err != nil {
		t.Skipf("sadc: %v %s", err, out)
	}
	f := see(t, s)
	facttest.InVocabulary(t, vocabulary, f)
	for _, name := range []string{"retransmitted segments/s", "CPU time busy", "packets dropped at the CPU backlog/s"} {
		if r := row(t, f, name); r["samples"].(float64) < 1 {
			t.Errorf("%v", r)
		}
	}
}

func TestRealAtop(t *testing.T) {
	s := New()
	program, err := s.find("atop")
	if err != nil {
		t.Skip(err)
	}
	s.root = t.TempDir()
	dir := filepath.Join(s.root, "var/log/atop")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(program, "-w", filepath.Join(dir, "atop_20261120"), "1", "3").CombinedOutput(); err != nil {
		t.Skipf("atop: %v %s", err, out)
	}
	f := see(t, s)
	facttest.InVocabulary(t, vocabulary, f)
	if r := row(t, f, "retransmitted segments/s"); r["samples"].(float64) < 1 || r["source"] != "atop" {
		t.Errorf("%v", r)
	}
}

func check(t *testing.T, rec *record) {
	r := &Reading{At: now, From: "sysstat", Series: rec.all()}
	f := fact.New(now, 1)
	New().Facts([]fact.Reading{{At: now, Data: r}}, f)
	for _, row := range f.Tables["history"] {
		if row["peak"].(float64) < row["last"].(float64) {
			t.Errorf("%v", row)
		}
	}
}

func FuzzSadf(f *testing.F) {
	f.Add([]byte(sadf(1, 2, 3)))
	f.Add([]byte(`{"statistics": [{"timestamp": {"date": "2026-11-20", "time": "11:00:00", "tz": "UTC", "interval": 184467440737095516}}]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		rec := newRecord(now)
		parseSadf(bytes.NewReader(b), rec)
		check(t, rec)
	})
}

func FuzzAtop(f *testing.F) {
	f.Add([]byte(fmt.Sprintf("RESET\nSEP\nNET h %d x y 600 upper 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\nCPU h %d x y 600 100 2 1 2 3 4 5 6 7 8 9\nSEP\n", now.Unix(), now.Unix())))
	f.Fuzz(func(t *testing.T, b []byte) {
		rec := newRecord(now)
		parseAtop(bytes.NewReader(b), rec)
		check(t, rec)
	})
}

// A day of sysstat: 144 samples of four interfaces.
func BenchmarkSadfDay(b *testing.B) {
	day := []byte(sadf(repeat(144, 1)...))
	b.SetBytes(int64(len(day)))
	for b.Loop() {
		if err := parseSadf(bytes.NewReader(day), newRecord(now)); err != nil {
			b.Fatal(err)
		}
	}
}
