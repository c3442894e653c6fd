package checklist

import (
	"encoding/json"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"whydrop/content"
	"whydrop/probes/apply"
	"whydrop/probes/fact"
	"whydrop/probes/settings"
)

// asSet is what an observation would show with a change made: the settings go
// through the code that reads them.
func asSet(f *fact.Facts, c apply.Change) *fact.Facts {
	with := *f
	with.Values, with.Tables = maps.Clone(f.Values), maps.Clone(f.Tables)
	switch c.Knob {
	case "sysctl":
		key := strings.ReplaceAll(c.Of, "/", ".")
		settings.New().Facts([]fact.Reading{{Data: &settings.Reading{Values: map[string]string{key: c.To}}}}, &with)
	case "txqueuelen":
		var rows []fact.Row
		for _, row := range f.Tables["link"] {
			row = maps.Clone(row)
			if row["name"] == c.Of {
				row["txqueuelen"] = number(c.To)
			}
			rows = append(rows, row)
		}
		with.Tables["link"] = rows
	}
	return &with
}

func number(s string) float64 {
	n := 0.0
	for _, r := range s {
		n = n*10 + float64(r-'0')
	}
	return n
}

// folkloreOf says which folklore a cause's change is, "" if none.
func folkloreOf(book *content.Book, cause string, c apply.Change, f *fact.Facts) string {
	setting := c.Of
	if c.Knob != "sysctl" {
		setting = c.Knob
	}
	for _, lore := range book.Folklore {
		if why := lore.Refuses(cause, setting, c.To); why != "" {
			return lore.ID + ": " + why
		}
		if lore.Undo == nil || !lore.Sets(setting) || len(lore.Undo.Sets) == 0 {
			continue
		}
		after := newScene(asSet(f, c), nil)
		if _, holds, known := remedyRow(lore.Undo, after); holds && known {
			return lore.ID + ": it would have to be undone"
		}
	}
	return ""
}

// everyChange works out all remedies of all causes over an observation, for every
// row that they may speak of, whether their causes are named or not.
func everyChange(c *Case, visit func(cause *content.Cause, r *content.Remedy, change apply.Change)) (worked int) {
	d := c.Diagnose()
	p := c.planner(d)
	for _, cause := range c.Book.Causes {
		for _, r := range cause.Remedies {
			rows := []*content.Env{p.facts.Env}
			if r.Each != "" {
				rows, _ = p.facts.table(r.Each)
			}
			for _, at := range rows {
				if holds, known := r.When.Holds(at); known && !holds {
					continue
				}
				s := p.workOut(cause, r, at)
				for _, change := range s.Changes {
					worked++
					visit(cause, r, change)
				}
				if len(s.Changes) == 0 && r.Setting != "" && s.Value != "" && s.Value != content.Unknown {
					visit(cause, r, apply.Change{Knob: "sysctl", Of: r.Setting, To: strings.TrimSuffix(s.Value, " "+r.Unit)})
				}
			}
		}
	}
	return worked
}

// No remedy recommends folklore, whatever the host is like.
func TestNoRemedyIsFolklore(t *testing.T) {
	c := newCase(t, "")
	observations := map[string]*fact.Facts{}
	for name, r := range recordings(t) {
		observations[name] = r.Facts
	}
	for name, values := range map[string]map[string]string{
		"a tiny machine": {
			"net.ipv4.tcp_mem": "1000 1500 2000", "net.ipv4.tcp_rmem": "4096 8192 16384", "net.ipv4.tcp_wmem": "4096 8192 16384",
			"net.ipv4.tcp_max_tw_buckets": "4", "net.core.somaxconn": "1", "net.core.netdev_max_backlog": "4", "net.ipv4.tcp_syncookies": "0",
			"net.ipv4.ip_local_port_range": "42000 42059", "net.ipv4.tcp_max_orphans": "8", "net.ipv4.neigh.default.gc_thresh3": "16",
		},
		"a huge machine": {
			"net.ipv4.tcp_mem": "28789800 38386700 57579600", "net.ipv4.tcp_rmem": "4096 131072 33554432", "net.ipv4.tcp_wmem": "4096 16384 4194304",
			"net.ipv4.tcp_max_tw_buckets": "2000000", "net.core.somaxconn": "65535", "net.core.netdev_max_backlog": "30000", "net.ipv4.tcp_max_orphans": "2000000",
		},
		"copied settings": {
			"net.ipv4.tcp_rmem": "4096 16777216 268435456", "net.ipv4.tcp_tw_reuse": "1", "net.ipv4.tcp_timestamps": "1",
			"net.core.netdev_max_backlog": "250000", "net.core.somaxconn": "65535", "net.ipv4.tcp_syncookies": "2",
		},
	} {
		f := *recordings(t)["accept-queue-full"].Facts
		f.Values, f.Tables = maps.Clone(f.Values), maps.Clone(f.Tables)
		settings.New().Facts([]fact.Reading{{Data: &settings.Reading{Values: values, Pages: 1 << 30}}}, &f)
		observations[name] = &f
	}
	worked, told := 0, map[*content.Remedy]bool{}
	for name, f := range observations {
		c.Facts = f
		worked += everyChange(c, func(cause *content.Cause, r *content.Remedy, change apply.Change) {
			if why := folkloreOf(c.Book, cause.ID, change, f); why != "" && !told[r] {
				told[r] = true
				t.Errorf("%s: remedy %s of %s sets %s to %s, which is folklore: %s", name, r.ID, cause.ID, change.Name(), change.To, why)
			}
		})
	}
	if worked < 500 {
		t.Errorf("only %d changes were worked out", worked)
	}
}

// The check above finds what it is to find.
func TestFolkloreIsFound(t *testing.T) {
	c := newCase(t, "")
	f := facts(map[string]float64{"tcp_mem.machine_pages": 6e6})
	for _, tt := range []struct {
		cause, key, to, want string
	}{
		{"listen.syn-queue-full", "net.ipv4.tcp_syncookies", "0", "tcp-syncookies"},
		{"listen.syn-queue-full", "net.ipv4.tcp_syncookies", "1", ""},
		{"path.loss", "net.ipv4.tcp_syncookies", "1", "tcp-syncookies"},
		{"socket.tcp-memory", "net.ipv4.tcp_mem", "8388608 12582912 16777216", "tcp-mem-bytes"},
		{"socket.tcp-memory", "net.ipv4.tcp_mem", "287898 383867 575796", ""},
		{"socket.rcvbuf-full", "net.core.rmem_max", "16777216", "core-rmem-max-for-tcp"},
		{"socket.small-window", "net.ipv4.tcp_rmem", "4096 16777216 33554432", "tcp-rmem-default-huge"},
		{"socket.small-window", "net.ipv4.tcp_rmem", "4096 131072 33554432", ""},
		{"ip.rp-filter", "net/ipv4/conf/eth0.1/rp_filter", "0", "rp-filter-off"},
		{"ip.rp-filter", "net/ipv4/conf/eth0/rp_filter", "2", ""},
		{"tcp.timewait-overflow", "net.ipv4.tcp_max_tw_buckets", "500", "tcp-max-tw-buckets-low"},
		{"tcp.timewait-overflow", "net.ipv4.tcp_tw_recycle", "1", "tcp-tw-recycle"},
		{"path.idle-timeout", "net.ipv4.tcp_retries2", "5", "tcp-retries2-low"},
		{"nic.rx-ring-overflow", "net.core.netdev_max_backlog", "10000", "netdev-max-backlog-huge"},
	} {
		got := folkloreOf(c.Book, tt.cause, apply.Change{Knob: "sysctl", Of: tt.key, To: tt.to}, f)
		if id, _, _ := strings.Cut(got, ":"); id != tt.want {
			t.Errorf("%s sets %s to %q: %q, want %q", tt.cause, tt.key, tt.to, got, tt.want)
		}
	}
}

// lore returns the plan's steps that undo folklore, by id, with what they set.
func lore(steps []PlanStep) map[string]string {
	undone := map[string]string{}
	for _, s := range steps {
		if s.Folklore == nil {
			continue
		}
		set := ""
		for _, c := range s.Changes {
			set += c.Name() + "=" + c.To
		}
		undone[s.Folklore.ID] = set
	}
	return undone
}

// What an operator's host has of it is undone, also where nothing is wrong.
func TestFolkloreOnThisHost(t *testing.T) {
	c := newCase(t, "")
	link := func(more fact.Row) map[string][]fact.Row {
		row := fact.Row{"name": "ens5", "kind": "device", "hardware": true, "routed": true, "qdisc": "pfifo_fast", "txqueuelen": 1000.0, "gro": true, "tso": true, "mtu": 1500.0, "rx_packets": 10.0}
		maps.Copy(row, more)
		return map[string][]fact.Row{"link": {row}}
	}
	rule := func(text string) map[string][]fact.Row {
		return map[string][]fact.Row{"rule": {{"name": "inet filter input handle 4", "text": text, "verdict": "drop", "limit": false, "counted": true, "packets": 3.0}}}
	}
	for _, tt := range []struct {
		what   string
		values map[string]float64
		tables map[string][]fact.Row
		id     string // "" for none
		sets   string
	}{
		{"tcp_tw_recycle", map[string]float64{"sysctl.net.ipv4.tcp_tw_recycle": 1}, nil, "tcp-tw-recycle", "net.ipv4.tcp_tw_recycle=0"},
		{"SYN cookies off", map[string]float64{"sysctl.net.ipv4.tcp_syncookies": 0}, nil, "tcp-syncookies", "net.ipv4.tcp_syncookies=1"},
		{"SYN cookies always", map[string]float64{"sysctl.net.ipv4.tcp_syncookies": 2}, nil, "tcp-syncookies", "net.ipv4.tcp_syncookies=1"},
		{"SYN cookies as usual", map[string]float64{"sysctl.net.ipv4.tcp_syncookies": 1}, nil, "", ""},
		{"reset on overflow", map[string]float64{"sysctl.net.ipv4.tcp_abort_on_overflow": 1}, nil, "tcp-abort-on-overflow", "net.ipv4.tcp_abort_on_overflow=0"},
		{"no SACK", map[string]float64{"sysctl.net.ipv4.tcp_sack": 0}, nil, "tcp-sack-off", "net.ipv4.tcp_sack=1"},
		{"no timestamps", map[string]float64{"sysctl.net.ipv4.tcp_timestamps": 0}, nil, "tcp-timestamps-off", "net.ipv4.tcp_timestamps=1"},
		{"no window scaling", map[string]float64{"sysctl.net.ipv4.tcp_window_scaling": 0}, nil, "tcp-window-scaling-off", "net.ipv4.tcp_window_scaling=1"},
		{"short retries", map[string]float64{"sysctl.net.ipv4.tcp_retries2": 5}, nil, "tcp-retries2-low", "net.ipv4.tcp_retries2=15"},
		{"retries that the RFC allows", map[string]float64{"sysctl.net.ipv4.tcp_retries2": 8}, nil, "", ""},
		{"tcp_mem in bytes", map[string]float64{"tcp_mem.low": 4194304, "tcp_mem.pressure": 8388608, "tcp_mem.high": 16777216, "tcp_mem.machine_pages": 6400000}, nil, "tcp-mem-bytes", "net.ipv4.tcp_mem=300000 400000 600000"},
		{"tcp_mem as it comes", map[string]float64{"tcp_mem.low": 287898, "tcp_mem.pressure": 383867, "tcp_mem.high": 575796, "tcp_mem.machine_pages": 6400000}, nil, "", ""},
		{"tcp_mem of another namespace", map[string]float64{"tcp_mem.machine_pages": 6400000}, nil, "", ""},
		{"a huge first buffer", map[string]float64{"tcp_rmem.min": 4096, "tcp_rmem.default": 16777216, "tcp_rmem.max": 33554432}, nil, "tcp-rmem-default-huge", "net.ipv4.tcp_rmem=4096 131072 33554432"},
		{"a huge ceiling", map[string]float64{"tcp_rmem.min": 4096, "tcp_rmem.default": 131072, "tcp_rmem.max": 268435456, "tcp_wmem.max": 4194304}, nil, "tcp-rmem-max-copied", ""},
		{"few TIME-WAIT sockets", map[string]float64{"sysctl.net.ipv4.tcp_max_tw_buckets": 5000, "sysctl.net.ipv4.tcp_max_orphans": 131072}, nil, "tcp-max-tw-buckets-low", "net.ipv4.tcp_max_tw_buckets=131072"},
		{"a small machine's TIME-WAIT sockets", map[string]float64{"sysctl.net.ipv4.tcp_max_tw_buckets": 4096, "sysctl.net.ipv4.tcp_max_orphans": 4096}, nil, "", ""},
		{"no path MTU discovery", map[string]float64{"sysctl.net.ipv4.ip_no_pmtu_disc": 1}, nil, "ip-no-pmtu-disc", "net.ipv4.ip_no_pmtu_disc=0"},
		{"hardened path MTU discovery", map[string]float64{"sysctl.net.ipv4.ip_no_pmtu_disc": 3}, nil, "", ""},
		{"a huge backlog", map[string]float64{"sysctl.net.core.netdev_max_backlog": 250000}, nil, "netdev-max-backlog-huge", "net.core.netdev_max_backlog=10000"},
		{"tw_reuse on a server", map[string]float64{"sysctl.net.ipv4.tcp_tw_reuse": 1, "Tcp.PassiveOpens": 100, "Tcp.ActiveOpens": 1}, nil, "tcp-tw-reuse-on-servers", "net.ipv4.tcp_tw_reuse=2"},
		{"tw_reuse on a proxy", map[string]float64{"sysctl.net.ipv4.tcp_tw_reuse": 1, "Tcp.PassiveOpens": 100, "Tcp.ActiveOpens": 90}, nil, "", ""},
		{"harmless somaxconn on a host without a fault", map[string]float64{"sysctl.net.core.somaxconn": 65535}, nil, "", ""},
		{"a long transmit queue", nil, link(fact.Row{"txqueuelen": 20000.0}), "txqueuelen-huge", "txqueuelen of ens5=1000"},
		{"a long transmit queue that nobody reads", nil, link(fact.Row{"txqueuelen": 20000.0, "qdisc": "fq_codel"}), "", ""},
		{"offloads off", nil, link(fact.Row{"gro": false, "tso": false}), "offloads-off", "offload gro of ens5=on"},
		{"one offload off", nil, link(fact.Row{"tso": false}), "", ""},
		{"all ICMP dropped", nil, rule("ip protocol icmp counter drop"), "icmp-blocked", ""},
		{"echo requests dropped", nil, rule("icmp type echo-request counter drop"), "", ""},
	} {
		t.Run(tt.what, func(t *testing.T) {
			c.Facts = facts(tt.values)
			c.Facts.Tables = tt.tables
			steps := c.Plan(c.Diagnose())
			got := lore(steps)
			want := map[string]string{}
			if tt.id != "" {
				want[tt.id] = tt.sets
			}
			if !maps.Equal(got, want) {
				t.Errorf("undone %v, want %v", got, want)
			}
			for _, s := range steps {
				if s.Cause == nil || !s.Advice() || s.Change == "" || s.Why == "" || strings.Contains(s.Why+s.Change, content.Unknown) {
					t.Errorf("step %+v", s)
				}
			}
		})
	}
}

// A fault that folklore makes is mended by undoing it first; what a step of the
// cause sets anyway is not set twice.
func TestFolkloreBesideCauses(t *testing.T) {
	c := newCase(t, "")
	with := func(name string, values map[string]float64) *fact.Facts {
		f := *recordings(t)[name].Facts
		f.Values = maps.Clone(f.Values)
		for k, v := range values {
			f.Gauge(k, v)
		}
		return &f
	}
	for _, tt := range []struct {
		what        string
		f           *fact.Facts
		id          string
		first, sets bool
	}{
		{"window scaling off behind a small window", with("small-window", map[string]float64{"sysctl.net.ipv4.tcp_window_scaling": 0}), "tcp-window-scaling-off", true, true},
		{"no SACK beside loss", with("path-loss-sender", map[string]float64{"sysctl.net.ipv4.tcp_sack": 0}), "tcp-sack-off", false, true},
		{"cookies, which the cause's own step turns on", with("syn-queue-full", nil), "", false, false},
		{"rmem_max tried against a small window", with("small-window", map[string]float64{"sysctl.net.core.rmem_max": 134217728}), "core-rmem-max-for-tcp", false, false},
	} {
		t.Run(tt.what, func(t *testing.T) {
			c.Facts = tt.f
			steps := c.Plan(c.Diagnose())
			at := slices.IndexFunc(steps, func(s PlanStep) bool { return s.Folklore != nil })
			switch {
			case tt.id == "" && at >= 0:
				t.Errorf("undoes %s", steps[at].Folklore.ID)
			case tt.id == "":
			case at < 0 || steps[at].Folklore.ID != tt.id || (at == 0) != tt.first || (len(steps[at].Changes) > 0) != tt.sets:
				t.Errorf("step %d undoes %v", at+1, lore(steps))
			}
		})
	}
}

// Hosts as they come are not told that their settings are folklore. One was made
// with four such settings that hurt nobody while it was watched.
func TestNoFolkloreOnOrdinaryHosts(t *testing.T) {
	c := newCase(t, "")
	for name, r := range recordings(t) {
		c.Facts = r.Facts
		d := c.Diagnose()
		got, want := slices.Sorted(maps.Keys(lore(c.Plan(d)))), []string{}
		if name == "healthy-settings" {
			want = []string{"tcp-fin-timeout", "tcp-syncookies", "tcp-timestamps-off", "tcp-tw-reuse-on-servers"}
			if d.Verdict != Healthy {
				t.Errorf("%s is called %s: such a setting is no fault", name, d.Verdict)
			}
		}
		if !slices.Equal(got, want) && len(got)+len(want) > 0 {
			t.Errorf("%s (%s): undoes %v, want %v", name, r.About, got, want)
		}
	}
}

// Whoever is asked for help is told when it was, and what this host rules out.
func TestWhatIsAskedIsComplete(t *testing.T) {
	c := newCase(t, "")
	for name, r := range recordings(t) {
		c.Facts = r.Facts
		for _, s := range c.Plan(c.Diagnose()) {
			hop, _, _ := strings.Cut(s.Cause.ID, ".")
			if s.Ask == "" || !slices.Contains([]string{"path", "peer", "aws", "neigh", "link"}, hop) {
				continue
			}
			if !strings.Contains(s.Ask, " UTC") {
				t.Errorf("%s: %s of %s does not tell the time: %s", name, s.Remedy.ID, s.Cause.ID, s.Ask)
			}
			if strings.Contains(s.Ask, content.Unknown) {
				t.Errorf("%s: %s of %s asks about what is not known: %s", name, s.Remedy.ID, s.Cause.ID, s.Ask)
			}
		}
	}
}

// Where nothing on this host helps, the plan has a text to send.
func TestFaultsElsewhereAreAskedAbout(t *testing.T) {
	c := newCase(t, "")
	for name, r := range recordings(t) {
		hop, _, _ := strings.Cut(r.Cause, ".")
		if hop != "path" && hop != "peer" {
			continue
		}
		c.Facts = r.Facts
		d := c.Diagnose()
		if f := d.Finding(r.Cause); !f.Named() {
			continue
		}
		asks := slices.ContainsFunc(c.Plan(d), func(s PlanStep) bool { return s.Cause.ID == r.Cause && s.Ask != "" })
		if !asks {
			t.Errorf("%s: the plan for %s has nothing to send", name, r.Cause)
		}
	}
	for _, cause := range c.Book.Causes {
		hop, _, _ := strings.Cut(cause.ID, ".")
		asks := slices.ContainsFunc(cause.Remedies, func(r *content.Remedy) bool { return r.Ask != nil })
		if slices.Contains([]string{"path", "peer", "aws"}, hop) && !asks {
			t.Errorf("%s has nothing to send to whoever can mend it", cause.ID)
		}
	}
}

// firstSet is what the first step sets that whydrop can take itself, "" if none does.
func firstSet(steps []PlanStep) string {
	for _, s := range steps {
		if len(s.Changes) > 0 && s.Folklore == nil {
			var sets []string
			for _, c := range s.Changes {
				sets = append(sets, c.Name()+" = "+c.To)
			}
			return strings.Join(sets, ", ")
		}
	}
	return ""
}

// For faults that this host can mend, the first step that whydrop can take is the one
// that made the fault's own counter stop in the lab; for others nothing is set.
func TestFirstStepMends(t *testing.T) {
	c := newCase(t, "")
	// Settings that were not read yet when the hosts were recorded.
	late := map[string]map[string]float64{
		"reassembly-memory": {"sysctl.net.ipv4.ipfrag_high_thresh": 3000, "sysctl.net.ipv6.ip6frag_high_thresh": 4194304},
		"conntrack-invalid": {"sysctl.net.netfilter.nf_conntrack_tcp_loose": 0},
	}
	want := map[string]string{
		"accept-queue-somaxconn": "net.core.somaxconn = 4096",
		"syn-queue-full":         "net.ipv4.tcp_syncookies = 1",
		"timewait-overflow":      "net.ipv4.tcp_max_tw_buckets = 131072",
		"port-exhaustion":        "net.ipv4.ip_local_port_range = 15000 60999",
		"reassembly-memory":      "net.ipv4.ipfrag_high_thresh = 8388608",
		"conntrack-invalid":      "net.netfilter.nf_conntrack_tcp_timeout_established = 7440, net.netfilter.nf_conntrack_tcp_loose = 1",
		"pmtu-blackhole":         "route mtu of default = 1280",
		"mtu-mismatch":           "route mtu of default = 1500",
		"mtu-mismatch-small":     "route mtu of default = 1280",
	}
	for name, r := range recordings(t) {
		f := *r.Facts
		f.Values = maps.Clone(f.Values)
		for k, v := range late[name] {
			f.Gauge(k, v)
		}
		c.Facts = &f
		d := c.Diagnose()
		if found := d.Finding(r.Cause); found == nil || !found.Named() || r.And != "" {
			continue
		}
		got := firstSet(c.Plan(d))
		if set, told := want[name]; told && got != set {
			t.Errorf("%s: the first step sets %q, want %q", name, got, set)
		}
		delete(want, name)
		// What only others can mend.
		hop, _, _ := strings.Cut(r.Cause, ".")
		elsewhere := slices.Contains([]string{"path", "peer", "app", "bpf", "link"}, hop) || slices.Contains([]string{"netfilter.drop-rule", "netfilter.reject-rule", "netfilter.rate-limit", "tcp.port-closed"}, r.Cause)
		if elsewhere && strings.HasPrefix(got, "net.") {
			t.Errorf("%s: %s is mended elsewhere, and the plan sets %s", name, r.Cause, got)
		}
	}
	for name := range want {
		t.Errorf("%s was not judged", name)
	}
}

// What this host rules out is told in one clause. It does not say that nothing moved
// where the ledger shows what did, although nobody may miss it.
func TestRuledOut(t *testing.T) {
	places := []LedgerEntry{{Counter: "a", Loss: true}, {Counter: "b", Loss: false, Drops: 9}, {Counter: "c", Unknown: "needs root"}}
	if got, want := ruledOut(places), "none of the 2 counters of dropped packets tells a loss; of those that also count what nobody misses, these moved: b 9; 1 more could not be read"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if got, want := ruledOut(places[:1]), "none of the 1 counters of dropped packets moved"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	places[0].Drops = 4
	if got, want := ruledOut(places[:2]), "1 of the 2 counters of dropped packets moved (a 4); of those that also count what nobody misses, these moved: b 9"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestWorstPeers(t *testing.T) {
	peers := []fact.Row{
		{"name": "10.0.0.1", "retrans": 0.0, "segs_out": 50.0}, {"name": "10.0.0.2", "retrans": 3.0, "segs_out": 40.0},
		{"name": "10.0.0.3"}, {"name": "10.0.0.4", "retrans": 8.0, "segs_out": 90.0},
	}
	f := &fact.Facts{Tables: map[string][]fact.Row{"peer": peers}}
	if got, want := worstPeers(f), "10.0.0.4 (8 of 90 segments sent again), 10.0.0.2 (3 of 40 segments sent again)"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if peers[0]["name"] != "10.0.0.1" {
		t.Error("the facts were put into another order")
	}
	if got, want := worstPeers(&fact.Facts{}), "the addresses in the list attached"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// BenchmarkPlan works out the plan for a sick host, which a screen does after every
// round of measurements.
func BenchmarkPlan(b *testing.B) {
	data, err := os.ReadFile("testdata/lab/path-loss-sender.json")
	if err != nil {
		b.Fatal(err)
	}
	var r recorded
	if err := json.Unmarshal(data, &r); err != nil {
		b.Fatal(err)
	}
	book, err := content.Load("")
	if err != nil {
		b.Fatal(err)
	}
	c := NewCase(book, time.Unix(0, 0))
	c.Facts = r.Facts
	d := c.Diagnose()
	for b.Loop() {
		c.Plan(d)
	}
}

func TestObserved(t *testing.T) {
	f := fact.New(time.Date(2026, 3, 1, 0, 59, 58, 0, time.FixedZone("CET", 3600)), 5)
	if got, want := observed(f), "2026-02-28 23:59:58 to 00:00:03 UTC"; got != want {
		t.Errorf("observed %q, want %q", got, want)
	}
}

// Where several interfaces drop by one cause the step is for all of them, each once.
func TestStepForAllRows(t *testing.T) {
	c := newCase(t, "")
	f := fact.New(time.Unix(1700000000, 0), 5)
	f.Count("TcpExt.IPReversePathFilter", 90, 90)
	for _, at := range []string{"eth1", "eth2.7", "eth1"} {
		f.Add("drop_flow", fact.Row{"name": "192.0.2.1:1 > 198.51.100.1:443", "link": at, "reason": "IP_RPFILTER", "direction": "rx", "packets": 30.0})
	}
	f.Add("drop_flow", fact.Row{"name": "other", "link": "eth3", "reason": "NO_SOCKET", "direction": "rx", "packets": 90.0})
	c.Facts = f
	p := c.planner(c.Diagnose())
	steps := p.planFor(c.Book.Cause("ip.rp-filter"))
	at := slices.IndexFunc(steps, func(s PlanStep) bool { return s.Remedy.ID == "loose-mode-there" })
	if at < 0 {
		t.Fatal("loose mode is not proposed")
	}
	var set []string
	for _, change := range steps[at].Changes {
		set = append(set, change.Of)
	}
	if want := []string{"net/ipv4/conf/eth1/rp_filter", "net/ipv4/conf/eth2.7/rp_filter"}; !slices.Equal(set, want) {
		t.Errorf("sets %q, want %q", set, want)
	}
	if e := EffectOf(steps[at], f, f); e.Outcome != Unchanged || e.Before != 90 {
		t.Errorf("what it is to stop is counted as %+v", e)
	}
}
