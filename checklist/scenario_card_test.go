package checklist

import (
	"bytes"
	"flag"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"whydrop/content"
	"whydrop/probes/fact"
	"whydrop/probes/links"
	"whydrop/probes/record"
)

var cardRecord = flag.String("card-record", "", "make the recording of the training scenario of this id anew, from what is recorded in testdata; all of them with \"all\"")

// kept are the training scenarios whose hosts are not recorded in the lab on demand:
// cards of testdata/nic in the place of a recorded host's virtual link, and hosts of
// testdata/lab whose fault takes a setting or the processors of the whole machine.
var kept = []keptHost{
	{id: "three-million", host: "tiles-dl-4", card: "ena-old-allowance"},
	{id: "edit-suite-seven", host: "suite-7", card: "atlantic-stuck-rings"},
	{id: "end-of-term", host: "opac-1", lab: "cpu-saturated"},
	{id: "flat-floor", host: "cache-probe-2", lab: "neigh-table-full", noLog: true},
	{id: "lottery-saturday", host: "draws-3", lab: "tcp-memory", noLog: true, settings: map[string]float64{"tcp_mem.low": 600, "tcp_mem.pressure": 800, "tcp_mem.high": 1200}},
	{id: "release-day", host: "edge-fwd-2", lab: "backlog-full-downloads", settings: map[string]float64{"sysctl.net.core.netdev_max_backlog": 3}},
}

// keptHost is such a host. Its settings are those that the fault of the lab made, and
// that are not shown in the network namespace it was recorded in.
type keptHost struct {
	id, host, card, lab string
	noLog               bool // its kernel would log the fault, and the recorded one's log was another machine's
	settings            map[string]float64
}

func (k keptHost) file() string {
	return filepath.Join("../content/scenarios", k.id+".whydrop")
}

// facts are what the scenario shows.
func (k keptHost) facts(t *testing.T, book *content.Book) *fact.Facts {
	t.Helper()
	if k.lab != "" {
		return k.named(recordings(t)[k.lab].Facts)
	}
	r := readCard(t, "testdata/nic/"+k.card+".yaml")
	f := k.named(recordedHost(t, r.Lab))
	link := virtualLink(t, f)
	for _, name := range []string{"link", "qdisc", "nic", "nicstat"} {
		delete(f.Tables, name)
	}
	before, after := r.outputs(t)
	layout := links.PrintedLayout(book, r.Driver, before)
	looks := []fact.Reading{r.honestLook(t, link, f, layout.Printed(before), false), r.honestLook(t, link, f, layout.Printed(after), true)}
	links.New(book).Facts(looks, f)
	f.Flag("host.container", false) // a card is in the host's own network namespace
	return f
}

// named is a copy of recorded facts under the scenario's name and a time of its own,
// without what only tells of how they were recorded.
func (k keptHost) named(recorded *fact.Facts) *fact.Facts {
	f := *recorded
	f.Host, f.Start = k.host, time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)
	f.Values, f.Tables, f.Blind = maps.Clone(f.Values), maps.Clone(f.Tables), slices.Clone(f.Blind)
	for i, b := range f.Blind {
		if strings.Contains(b.Needs, "namespace") {
			f.Blind[i].Needs = "a recording that keeps it"
		}
	}
	for name, v := range k.settings {
		f.Gauge(name, v)
	}
	if k.noLog {
		delete(f.Values, "log.readable")
		f.Probes = slices.Clone(f.Probes)
		i := slices.IndexFunc(f.Probes, func(p fact.Status) bool { return p.Name == "log" })
		f.Probes[i] = fact.Status{Name: "log", Status: "skipped", Why: "not kept in this recording"}
		f.CannotSee("log", "the kernel log", "a recording that keeps it")
	}
	return &f
}

// virtualLink is the link of a recorded host that the card replaces.
func virtualLink(t *testing.T, f *fact.Facts) fact.Row {
	t.Helper()
	for _, row := range f.Tables["link"] {
		if row["kind"] == "veth" {
			return row
		}
	}
	t.Fatal("the recorded host has no virtual link")
	return nil
}

// honestLook is the card before or after the window with no figure that nobody
// measured: the packets and bytes of the host's virtual link, and of the card what its
// dump says.
func (r *reading) honestLook(t *testing.T, link fact.Row, f *fact.Facts, counters *links.Counters, after bool) fact.Reading {
	t.Helper()
	stats := make([]uint64, 24)
	for field, at := range map[string]int{"rx_packets": 0, "tx_packets": 1, "rx_bytes": 2, "tx_bytes": 3} {
		total, _ := link[field+"_total"].(float64)
		grown, _ := link[field].(float64)
		if !after {
			total -= grown
		}
		stats[at] = uint64(total)
	}
	for field, gained := range r.Link {
		if after {
			stats[standard[field]] += gained
		}
	}
	changes := uint32(2)
	card := links.Link{
		Index: 2, Name: "eth0", Bus: "0000:01:00.0", Up: true, Carrier: true, MTU: 1500, TxQLen: 1000, Qdisc: "mq", Addresses: 1, Routed: true, Changes: &changes, Stats: stats,
		Settings: fact.Row{"driver": r.Driver}, Counters: counters,
	}
	for name, v := range r.Settings {
		card.Settings[name] = measured(v)
	}
	at := f.Start
	if after {
		at = at.Add(time.Duration(f.Seconds * float64(time.Second)))
	}
	return fact.Reading{At: at, Data: &links.Reading{Links: []links.Link{card}}}
}

// TestKeptHosts looks at the recordings of the training that are made of what is
// recorded in testdata: they hold just that, and nothing tells of the lab.
func TestKeptHosts(t *testing.T) {
	book, err := content.Load("")
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range kept {
		t.Run(k.id, func(t *testing.T) {
			want := k.facts(t, book)
			if *cardRecord == k.id || *cardRecord == "all" {
				k.tape(t, want)
			}
			data, err := os.ReadFile(k.file())
			if err != nil {
				t.Fatal(err)
			}
			r, err := record.Read(bytes.NewReader(data), int64(len(data)))
			if err != nil {
				t.Fatal(err)
			}
			f, err := r.At(r.End())
			if err != nil {
				t.Fatal(err)
			}
			for name, v := range want.Values {
				if got := f.Values[name]; !reflect.DeepEqual(got, v) {
					t.Errorf("%s is %v: expected %v", name, got.Now, v.Now)
				}
			}
			for name, rows := range want.Tables {
				if got := f.Tables[name]; len(rows)+len(got) > 0 && !reflect.DeepEqual(got, rows) {
					t.Errorf("the table %s differs from what was recorded:\n%v\n%v", name, got, rows)
				}
			}
			if _, readable := f.Values["log.readable"]; readable == k.noLog {
				t.Errorf("the kernel log is readable: %v", readable)
			}
			if f.Host != k.host || bytes.Contains(bytes.ToLower([]byte(textOf(f))), []byte("whydrop")) {
				t.Errorf("the host is called %s, or tells of the lab", f.Host)
			}
		})
	}
}

// textOf is all text in the tables of an observation.
func textOf(f *fact.Facts) string {
	var s strings.Builder
	for _, rows := range f.Tables {
		for _, row := range rows {
			for _, v := range row {
				if text, ok := v.(string); ok {
					s.WriteString(text + "\n")
				}
			}
		}
	}
	return s.String()
}

func (k keptHost) tape(t *testing.T, f *fact.Facts) {
	t.Helper()
	var out bytes.Buffer
	w := record.NewWriter(&out, record.Header{Host: f.Host, Kernel: f.Kernel, Start: f.Start})
	if err := w.Add(f); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(k.file(), out.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}
