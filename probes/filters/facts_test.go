package filters

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"whydrop/probes/fact"
)

func observed(looks ...*Reading) *fact.Facts {
	start := time.Unix(1_700_000_000, 0)
	var readings []fact.Reading
	for i, l := range looks {
		readings = append(readings, fact.Reading{At: start.Add(time.Duration(i) * time.Second), Data: l})
	}
	f := fact.New(start, float64(len(looks)-1))
	New().Facts(readings, f)
	return f
}

func known(t *testing.T, f *fact.Facts, want map[string]float64) {
	t.Helper()
	for name, v := range want {
		if got, ok := f.Num(name); !ok || got != v {
			t.Errorf("%s = %v (known: %v), want %v", name, got, ok, v)
		}
	}
}

func TestRuleFacts(t *testing.T) {
	fw := &Firewall{Total: 9, Rules: []Rule{
		{Name: "quiet", Verdict: verdictDrop, Counted: true, TCP: true},
		{Name: "busy", Verdict: verdictDrop, Counted: true, TCP: true, Port: 8080, Address: "10.0.0.0/8"},
		{Name: "refused", Verdict: verdictReject, Counted: true, TCP: true},
		{Name: "dns", Verdict: verdictDrop, Counted: true},
		{Name: "silent", Verdict: verdictDrop, TCP: true},
		{Name: "policy", Verdict: policyDrop, TCP: true, CatchAll: true},
	}}
	f := observed(
		&Reading{Firewall: fw, Packets: []uint64{5, 100, 7, 1, 0, 0}},
		&Reading{}, // the rules were not read in this look
		&Reading{Firewall: fw, Packets: []uint64{5, 103, 8, 50, 0, 0}},
		&Reading{Firewall: fw, Packets: []uint64{5, 2, 8, 60, 0, 0}}, // busy was loaded anew
	)
	var names []string
	for _, r := range f.Tables["rule"] {
		names = append(names, r["name"].(string))
	}
	if want := []string{"busy", "refused", "silent", "policy", "dns"}; !slices.Equal(names, want) {
		t.Errorf("rows %v, want %v", names, want)
	}
	busy := f.Tables["rule"][0]
	if busy["packets"] != 5.0 || busy["packets_total"] != 2.0 || busy["port"] != 8080.0 || busy["address"] != "10.0.0.0/8" {
		t.Errorf("rule that was loaded anew: %v", busy)
	}
	if silent := f.Tables["rule"][2]; silent["packets"] != nil || silent["packets_total"] != nil || silent["counted"] != false {
		t.Errorf("rule without a counter: %v", silent)
	}
	// What UDP alone can match is no evidence about TCP.
	known(t, f, map[string]float64{"filter.drops": 5, "filter.rejects": 1, "filter.silent_drops": 2, "filter.rules": 9})
}

func TestRuleFactsUnknown(t *testing.T) {
	no := &Firewall{Denied: []string{"nftables", "iptables-legacy"}}
	denied := observed(&Reading{Firewall: no}, &Reading{Firewall: no})
	if _, ok := denied.Tables["rule"]; ok {
		t.Error("rules that may not be read are shown as none")
	}
	for _, name := range []string{"filter.drops", "filter.rules", "filter.silent_drops"} {
		if _, ok := denied.Num(name); ok {
			t.Errorf("%s is known without permission", name)
		}
	}
	if denied.Values["filter.readable"].Now != false || len(denied.Blind) != 1 || denied.Blind[0].Needs != "CAP_NET_ADMIN" {
		t.Errorf("readable %v, blind %v", denied.Values["filter.readable"], denied.Blind)
	}
	part := &Firewall{Denied: []string{"iptables-legacy"}, Total: 1, Rules: []Rule{{Name: "seen", Verdict: verdictDrop, TCP: true}}}
	if f := observed(&Reading{Firewall: part}); len(f.Tables["rule"]) != 1 || f.Values["filter.readable"].Now != false {
		t.Error("what could be read is not shown, or passes for everything")
	}
	once := observed(&Reading{Firewall: &Firewall{}})
	if rows, ok := once.Tables["rule"]; !ok || len(rows) != 0 {
		t.Error("no rules at all are shown as not read")
	}
	if _, ok := once.Num("filter.drops"); ok {
		t.Error("one look has told a growth")
	}
	if never := observed(&Reading{}); never.Values["filter.readable"].Now != nil {
		t.Error("rules that were not looked at are called readable or not")
	}
}

func TestRuleRowsAreBounded(t *testing.T) {
	fw := &Firewall{}
	for i := range 1000 {
		fw.Rules = append(fw.Rules, Rule{Name: fmt.Sprint(i), Verdict: verdictDrop, TCP: true})
	}
	fw.Rules[999].Counted = true
	before, after := make([]uint64, 1000), make([]uint64, 1000)
	after[999] = 1
	f := observed(&Reading{Firewall: fw, Packets: before}, &Reading{Firewall: fw, Packets: after})
	rows := f.Tables["rule"]
	if len(rows) != maxRuleRows || rows[0]["name"] != "999" || len(f.Blind) != 1 {
		t.Errorf("%d rows, first %v, blind %v", len(rows), rows[0], f.Blind)
	}
}

func TestConntrackFacts(t *testing.T) {
	n := func(v float64) *float64 { return &v }
	f := observed(
		&Reading{Conntrack: Conntrack{Count: n(90), Max: n(100), CPUs: []ctCounters{{math.MaxUint32, 0, 5, 0}, {10, 0, 0, 0}}}},
		&Reading{Conntrack: Conntrack{Count: n(40), Max: n(100), Liberal: n(0), CPUs: []ctCounters{{2, 0, 9, 0}, {11, 0, 0, 0}}, Columns: ctPresent{true, true, true, true}}},
	)
	known(t, f, map[string]float64{
		"conntrack.count": 40, "conntrack.share": 0.9, "conntrack.be_liberal": 0,
		"conntrack.invalid": 4, "conntrack.drop": 4, "conntrack.early_drop": 0, // one CPU's counter wrapped
	})
	if v := f.Values["conntrack.invalid"]; *v.Total != 13 {
		t.Errorf("conntrack.invalid total %v, want 13", *v.Total)
	}
	if _, ok := f.Values["conntrack.chain_too_long"]; ok {
		t.Error("a column that this kernel does not have is known")
	}
	none := observed(&Reading{}, &Reading{})
	if len(none.Values) != 1 || len(none.Blind) != 0 {
		t.Errorf("without the module: %v, blind %v, want silence", none.Values, none.Blind)
	}
}

func TestProgramFacts(t *testing.T) {
	n := func(v uint64) *uint64 { return &v }
	at := func(drops uint64) *Reading {
		return &Reading{Programs: &Programs{List: []Program{
			{ID: 7, Name: "fw", Attach: "xdp", Where: "eth0", Drops: n(drops), Tag: "a1"},
			{ID: 8, Attach: "tc-ingress", Where: "eth0"},
		}}}
	}
	f := observed(at(10), &Reading{}, at(25))
	rows := f.Tables["bpf"]
	if len(rows) != 2 || rows[0]["drops"] != 15.0 || rows[0]["drops_total"] != 25.0 || rows[0]["name"] != "fw id 7" || rows[1]["drops"] != nil || rows[1]["name"] != "id 8" {
		t.Errorf("rows %v", rows)
	}
	hidden := observed(&Reading{Programs: &Programs{Hidden: true}})
	if _, ok := hidden.Tables["bpf"]; ok || len(hidden.Blind) != 1 {
		t.Error("programs that may not be asked for are shown as none")
	}
}

func TestXDPDrops(t *testing.T) {
	for _, c := range []struct {
		stats map[string]uint64
		want  uint64
		known bool
	}{
		{map[string]uint64{"rx_queue_0_xdp_drops": 3, "rx_queue_1_xdp_drops": 4, "rx_queue_0_xdp_tx": 9}, 7, true},
		{map[string]uint64{"rx_xdp_drop": 7, "rx0_xdp_drop": 3, "rx1_xdp_drop": 4}, 7, true}, // the driver's own total
		{map[string]uint64{"rx_packets": 3}, 0, false},
	} {
		got := sumXDPDrops(c.stats)
		if (got != nil) != c.known || got != nil && *got != c.want {
			t.Errorf("%v: %v, want %d (known: %v)", c.stats, got, c.want, c.known)
		}
	}
}

func TestHasModule(t *testing.T) {
	dir := t.TempDir()
	write := func(name, s string) string {
		p := filepath.Join(dir, name)
		if err := os.WriteFile(p, []byte(s), 0o600); err != nil {
			t.Fatal(err)
		}
		return p
	}
	s := &Source{procRoot: dir, sysRoot: dir, modules: write("builtin", "kernel/net/netfilter/nf_tables.ko\n")}
	if !s.has("nf_tables") {
		t.Error("without /proc/modules it can't be told, so the answer is yes")
	}
	write("modules", "veth 40960 0 - Live 0x0\nnf_tables 200 1 - Live 0x0\n")
	if !s.has("nf_tables") || !s.has("veth") {
		t.Error("a module that is loaded was not found")
	}
	write("modules", "veth 40960 0 - Live 0x0\n")
	if !s.has("nf_tables") {
		t.Error("a module that is built in was not found")
	}
	s.modules = write("builtin", "kernel/net/other.ko\n")
	if s.has("nf_tables") {
		t.Error("a module that is neither loaded nor built in must not be asked for: that would load it")
	}
}

func TestCgroups(t *testing.T) {
	root := t.TempDir()
	for _, d := range []string{"system.slice/web.service", "user.slice"} {
		if err := os.MkdirAll(filepath.Join(root, d), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	got := cgroups(root, []string{"/system.slice/web.service"})
	want := []string{"/system.slice/web.service", "/system.slice", "/", "/user.slice"}
	if !slices.Equal(got, want) {
		t.Errorf("cgroups %v, want %v", got, want)
	}
}
