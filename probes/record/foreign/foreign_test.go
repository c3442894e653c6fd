package foreign

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v4"

	"whydrop/probes/fact"
	"whydrop/probes/links"
	"whydrop/probes/record"
)

// nics knows two statistics of drivers.
type nics struct{}

func (nics) Translate(_, stat string) (links.Statistic, bool) {
	switch strings.TrimSpace(stat) {
	case "rx_no_dma_resources":
		return links.Statistic{Name: "rx_no_dma_resources", Meaning: "ring_overflow", Means: "no descriptor", Hop: "nic", Direction: "rx", Loss: "yes"}, true
	case "rx_crc_errors":
		return links.Statistic{Name: "rx_crc_errors", Meaning: "crc", Means: "damaged", Hop: "link", Direction: "rx", Loss: "yes", Link: "rx_crc"}, true
	}
	return links.Statistic{}, false
}

// read makes a recording of a text, and checks that its facts are those of the
// vocabulary.
func read(t *testing.T, text string) (*record.Recording, *fact.Facts) {
	t.Helper()
	r, err := Read("paste.txt", []byte(text), Knowledge{NICs: nics{}})
	if err != nil {
		t.Fatal(err)
	}
	return r, last(t, r)
}

// last is the newest observation.
func last(t *testing.T, r *record.Recording) *fact.Facts {
	t.Helper()
	for i := range r.Len() {
		f, err := r.Observation(i)
		if err != nil {
			t.Fatal(err)
		}
		speaks(t, f)
	}
	f, err := r.Observation(r.Len() - 1)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// vocabulary is the type of each fact and field that the content describes.
var vocabulary = sync(func() map[string]string {
	types := map[string]string{}
	type def struct {
		Name   string `yaml:"name"`
		Type   string `yaml:"type"`
		Fields []def  `yaml:"fields"`
	}
	names, err := filepath.Glob("../../../content/facts/*.yaml")
	if err != nil || len(names) < 10 {
		panic("the vocabulary is not where it was")
	}
	for _, name := range names {
		b, err := os.ReadFile(name)
		if err != nil {
			panic(err)
		}
		var file struct{ Facts, Tables []def }
		if err := yaml.Unmarshal(b, &file); err != nil {
			panic(err)
		}
		for _, d := range file.Facts {
			types[d.Name] = d.Type
		}
		for _, table := range file.Tables {
			types["table "+table.Name] = "table"
			for _, d := range table.Fields {
				types[table.Name+" "+d.Name] = d.Type
				if d.Type == "count" {
					types[table.Name+" "+d.Name+"_total"] = "number"
				}
			}
		}
	}
	return types
})

func sync(load func() map[string]string) func() map[string]string {
	var have map[string]string
	return func() map[string]string {
		if have == nil {
			have = load()
		}
		return have
	}
}

// speaks checks that facts are in the vocabulary and of its types, and that
// nothing in them is unfit for a terminal.
func speaks(t *testing.T, f *fact.Facts) {
	t.Helper()
	types := vocabulary()
	fits := func(what, kind string, v any) {
		ok := false
		switch v := v.(type) {
		case nil:
			ok = kind == "count"
		case float64:
			ok = kind == "count" || kind == "gauge" || kind == "number"
		case bool:
			ok = kind == "flag"
		case string:
			ok = kind == "text" && !strings.ContainsFunc(v, func(r rune) bool { return r < ' ' })
		}
		if !ok {
			t.Errorf("%s is %#v, the vocabulary says %q", what, v, kind)
		}
	}
	for name, v := range f.Values {
		kind, known := types[name]
		switch {
		case name == "window.seconds":
		case !known && strings.Contains(name, "."): // a counter that no rule speaks of
			if v.Total == nil {
				t.Errorf("%s is not in the vocabulary", name)
			}
		default:
			fits(name, kind, v.Now)
		}
	}
	for table, rows := range f.Tables {
		if types["table "+table] == "" {
			t.Errorf("table %s is not in the vocabulary", table)
		}
		for _, row := range rows {
			for field, v := range row {
				fits(table+"."+field, types[table+" "+field], v)
			}
		}
	}
}

func row(f *fact.Facts, table, name string) fact.Row {
	for _, r := range f.Tables[table] {
		if r["name"] == name {
			return r
		}
	}
	return nil
}

func noted(r *record.Recording, part string) bool {
	return slices.ContainsFunc(r.Notes, func(n string) bool { return strings.Contains(n, part) })
}

// One sample of a counter is history: its total is known, its growth is not, and
// nothing that is not shown is zero.
func TestOneSampleIsHistory(t *testing.T) {
	r, f := read(t, `#kernel
IpInReceives                    1000               0.0
TcpInSegs                       900                0.0
TcpRetransSegs                  7                  0.0
TcpExtListenOverflows           12                 0.0
`)
	v := f.Values["TcpExt.ListenOverflows"]
	if v.Now != nil || v.Total == nil || *v.Total != 12 {
		t.Errorf("TcpExt.ListenOverflows is %+v, want a total of 12 and no growth", v)
	}
	if _, known := f.Values["TcpExt.ListenDrops"]; known {
		t.Error("a counter that was not shown is known")
	}
	if _, known := f.Values["window.seconds"]; known || f.Seconds != 0 {
		t.Error("one sample has a length")
	}
	if !noted(r, "history only") || !strings.Contains(r.Header.From, "nstat") {
		t.Errorf("notes %q, from %q", r.Notes, r.Header.From)
	}
}

// Two samples are an observation, as long as the texts tell.
func TestTwoSamplesAreAnObservation(t *testing.T) {
	const still = "TcpActiveOpens 31 0.0\nTcpPassiveOpens 450 0.0\nTcpEstabResets 22 0.0\n"
	const before = "#kernel\nIpInReceives 1000 0.0\nTcpInSegs 900 0.0\n" + still + "TcpRetransSegs 7 0.0\n"
	const after = "#kernel\nIpInReceives 1600 0.0\nTcpInSegs 1400 0.0\n" + still + "TcpRetransSegs 10 0.0\nTcpExtListenDrops 2 0.0\n"
	tests := map[string]struct {
		text    string
		seconds float64
	}{
		"no time":           {before + after, 0},
		"prompts, no time":  {"$ nstat -az\n" + before + "$ nstat -az\n" + after, 0},
		"date":              {"Sat Nov 21 20:00:00 UTC 2026\n" + before + "Sat Nov 21 20:00:30 UTC 2026\n" + after, 30},
		"date in ISO 8601":  {"$ date -Is\n2026-11-21T20:00:00+01:00\n$ nstat -az\n" + before + "$ date -Is\n2026-11-21T20:01:00+01:00\n$ nstat -a\n" + after, 60},
		"uptime":            {" 23:59:50 up 3 days,  2:01,  1 user,  load average: 0.1, 0.1, 0.1\n" + before + " 00:00:10 up 3 days,  2:02,  1 user,  load average: 0.1, 0.1, 0.1\n" + after, 20},
		"sleep":             {"[root@web ~]# nstat -az; sleep 10; nstat -az\n" + before + after, 10},
		"sleep of its own":  {"web$ nstat -az\n" + before + "$ sleep 5\n$ nstat -az\n" + after, 5},
		"JSON":              {`{"kernel":{"IpInReceives":1000,"TcpInSegs":900,"TcpPassiveOpens":31,"TcpActiveOpens":450,"TcpEstabResets":22,"TcpRetransSegs":7}}` + "\n" + `{"kernel":{"IpInReceives":1600,"TcpInSegs":1400,"TcpPassiveOpens":31,"TcpActiveOpens":450,"TcpEstabResets":22,"TcpRetransSegs":10,"TcpExtListenDrops":2}}`, 0},
		"lines with CR, LF": {strings.ReplaceAll("$ nstat -az\n"+before+"$ nstat -az\n"+after, "\n", "\r\n"), 0},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			r, f := read(t, test.text)
			if r.Len() != 1 {
				t.Fatalf("%d observations, want 1; notes %q", r.Len(), r.Notes)
			}
			if n, _ := f.Num("Tcp.RetransSegs"); n != 3 {
				t.Errorf("Tcp.RetransSegs grew by %v, want 3; notes %q", f.Values["Tcp.RetransSegs"], r.Notes)
			}
			// nstat leaves out what is zero.
			if n, known := f.Num("TcpExt.ListenDrops"); !known || n != 2 {
				t.Errorf("TcpExt.ListenDrops grew by %v, want 2", f.Values["TcpExt.ListenDrops"])
			}
			if f.Seconds != test.seconds {
				t.Errorf("%v s, want %v", f.Seconds, test.seconds)
			}
			if _, known := f.Values["window.seconds"]; known != (test.seconds > 0) {
				t.Error("the length of the window is known where nothing tells it, or the other way round")
			}
			if test.seconds == 0 && !noted(r, "unknown length") {
				t.Errorf("notes %q do not say that rates are unknown", r.Notes)
			}
		})
	}
}

// Of many samples each pair is an observation.
func TestSeveralObservations(t *testing.T) {
	text := ""
	for i, n := range []string{"10", "13", "20", "20"} {
		text += time.Date(2026, 11, 21, 20, 0, 10*i, 0, time.UTC).Format("Mon Jan _2 15:04:05 MST 2006") + "\nIp:\n    1000 total packets received\nTcp:\n    " + n + " segments retransmitted\n"
	}
	r, _ := read(t, text)
	var grown []float64
	err := r.Each(func(f *fact.Facts) bool {
		n, _ := f.Num("Tcp.RetransSegs")
		grown = append(grown, n)
		if f.Seconds != 10 {
			t.Errorf("%v s, want 10", f.Seconds)
		}
		return true
	})
	if err != nil || !slices.Equal(grown, []float64{3, 7, 0}) {
		t.Errorf("growths %v (%v), want 3, 7, 0", grown, err)
	}
}

// Samples that cannot be compared are not.
func TestNotCompared(t *testing.T) {
	const high = "#kernel\nIpInReceives 5000 0.0\nTcpInSegs 4000 0.0\nTcpRetransSegs 70 0.0\n"
	const low = "#kernel\nIpInReceives 100 0.0\nTcpInSegs 90 0.0\nTcpRetransSegs 1 0.0\n"
	t.Run("two hosts", func(t *testing.T) {
		_, err := Read("paste", []byte("[root@web1 ~]# nstat -az\n"+low+"[root@web2 ~]# nstat -az\n"+high), Knowledge{})
		if err == nil || !strings.Contains(err.Error(), "different hosts") {
			t.Errorf("error %v, want one about different hosts", err)
		}
	})
	t.Run("wrong order", func(t *testing.T) {
		r, f := read(t, "$ nstat -az\n"+high+"$ nstat -az\n"+low)
		if v := f.Values["Tcp.RetransSegs"]; v.Now != nil || !noted(r, "not compared") {
			t.Errorf("Tcp.RetransSegs is %+v; notes %q", v, r.Notes)
		}
	})
	t.Run("other counters of the same samples", func(t *testing.T) {
		const table = "qdisc fq 1: dev eth0 root\n Sent %s bytes 5 pkt (dropped %s, overlimits 0 requeues 0)\n backlog 0b 0p requeues 0\n"
		first := strings.Replace(strings.Replace(table, "%s", "900", 1), "%s", "9", 1)
		_, f := read(t, "$ nstat -az\n"+high+"$ tc -s qdisc\n"+first+"$ nstat -az\n"+low+"$ tc -s qdisc\n"+first)
		if _, known := row(f, "qdisc", "eth0 fq 1:")["drops"]; known {
			t.Error("queues are compared although the counters say that the samples are in the wrong order")
		}
	})
	t.Run("nstat without -a", func(t *testing.T) {
		r, f := read(t, "$ nstat\n"+high+"$ nstat\n"+low)
		v := f.Values["Tcp.RetransSegs"]
		if v.Now != 1.0 || v.Total != nil || !noted(r, "last run") {
			t.Errorf("Tcp.RetransSegs is %+v, want a growth of 1 without a total; notes %q", v, r.Notes)
		}
	})
	t.Run("picked lines", func(t *testing.T) {
		_, f := read(t, "$ nstat -az | grep Retrans\nTcpRetransSegs 70 0.0\n$ nstat -az\n"+high)
		if v := f.Values["Tcp.InSegs"]; v.Now != nil {
			t.Errorf("Tcp.InSegs is %+v: it was not shown before", v)
		}
	})
}

// Two files are samples in the order in which they are named.
func TestTwoFiles(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	a := write("a.txt", "Linux web1 6.1.0-18-amd64 #1 SMP x86_64 GNU/Linux\nSat Nov 21 20:00:00 UTC 2026\nIp:\n    5 total packets received\nTcpExt:\n    100 SYNs to LISTEN sockets dropped\n")
	b := write("b.txt", "Linux web1 6.1.0-18-amd64 #1 SMP x86_64 GNU/Linux\nSat Nov 21 20:00:10 UTC 2026\nIp:\n    9 total packets received\nTcpExt:\n    130 SYNs to LISTEN sockets dropped\n")
	other := write("other.txt", "Linux db7 6.1.0-18-amd64 #1 SMP x86_64 GNU/Linux\nIp:\n    9 total packets received\n")
	r, err := Open([]string{a, b}, Knowledge{})
	if err != nil {
		t.Fatal(err)
	}
	f := last(t, r)
	if n, _ := f.Num("TcpExt.ListenDrops"); n != 30 || f.Seconds != 10 || r.Header.Host != "web1" || f.Kernel != "6.1.0-18-amd64" {
		t.Errorf("ListenDrops grew by %v in %v s on %q (%q)", n, f.Seconds, r.Header.Host, f.Kernel)
	}
	if _, err := Open([]string{a, other}, Knowledge{}); err == nil || !strings.Contains(err.Error(), "different hosts") {
		t.Errorf("error %v, want one about different hosts", err)
	}
	if r, err = Open([]string{"-"}, Knowledge{Stdin: strings.NewReader("Tcp:\n    7 segments retransmited\n")}); err != nil {
		t.Fatal(err)
	}
	if v := last(t, r).Values["Tcp.RetransSegs"]; v.Total == nil || *v.Total != 7 {
		t.Errorf("standard input: Tcp.RetransSegs is %+v, want a total of 7", v)
	}
}
