package main

import (
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"whydrop/probes/fact"
	"whydrop/probes/rights"
)

var everyone = []string{"CAP_DAC_READ_SEARCH", "CAP_NET_ADMIN", "CAP_SYS_PTRACE", "CAP_SYSLOG"}

// TestRemediesFitTheSituation: the same gaps ask for other commands at other
// places.
func TestRemediesFitTheSituation(t *testing.T) {
	yes, not := true, false
	full := rights.Set(1<<41 - 1)
	rules := gap{Probe: "filters", What: "rules", Capabilities: []string{"CAP_NET_ADMIN"}}
	log := gap{Probe: "log", What: "the log", Capabilities: []string{"CAP_SYSLOG"}}
	neighbours := gap{Probe: "counters", What: "neighbours", Needs: "to run in the host's first network namespace"}
	refused := gap{Probe: "filters", What: "rules", Refused: true, Needs: "something else"}
	process := func(change func(*rights.Process)) *rights.Process {
		p := &rights.Process{UID: 1000, Bounding: full, FirstUser: &yes, FirstPID: &yes, FirstNet: &yes}
		if change != nil {
			change(p)
		}
		return p
	}
	tests := []struct {
		name   string
		change func(*rights.Process)
		where  situation
		gaps   []gap
		want   []string // the commands
		notes  string   // some words of the notes
	}{
		{name: "nothing missing", gaps: nil, want: nil},
		{name: "what no command gives", gaps: []gap{{What: "IPsec counts twice"}}, want: nil},
		{name: "an ordinary user", gaps: []gap{log, rules},
			where: situation{path: "/usr/bin/whydrop", sudo: true, setcap: true},
			want:  []string{"sudo setcap cap_net_admin,cap_syslog+ep /usr/bin/whydrop"}, notes: "sudo setcap -r /usr/bin/whydrop"},
		{name: "no sudo", gaps: []gap{log}, where: situation{path: "/w", setcap: true}, want: []string{"setcap cap_syslog+ep /w"}, notes: "as root"},
		{name: "file capabilities replace those that are held", gaps: []gap{log},
			change: func(p *rights.Process) { p.Effective = rights.SetOf("CAP_NET_ADMIN", "CAP_CHOWN") },
			where:  situation{path: "/w", sudo: true, setcap: true}, want: []string{"sudo setcap cap_net_admin,cap_syslog+ep /w"}},
		{name: "a path with a blank and a quote", gaps: []gap{log},
			where: situation{path: "/my tools/it's", sudo: true, setcap: true}, want: []string{`sudo setcap cap_syslog+ep '/my tools/it'\''s'`}},
		{name: "mounted nosuid", gaps: []gap{log}, where: situation{path: "/w", sudo: true, setcap: true, noSUID: true}, want: []string{"sudo /w"}},
		{name: "no setcap", gaps: []gap{log}, where: situation{path: "/w", sudo: true}, want: []string{"sudo /w"}},
		{name: "go run", gaps: []gap{log}, where: situation{path: "./whydrop", sudo: true, setcap: true, temporary: true}, want: []string{"sudo ./whydrop"}, notes: "go build"},
		{name: "no_new_privs", gaps: []gap{log}, change: func(p *rights.Process) { p.NoNewPrivs = true },
			where: situation{path: "/w", sudo: true, setcap: true}, want: []string{""}, notes: "no_new_privs"},
		{name: "beyond the bounding set, setcap would make it fail to start", gaps: []gap{log, rules},
			change: func(p *rights.Process) { p.Bounding = rights.SetOf("CAP_NET_ADMIN") },
			where:  situation{path: "/w", sudo: true, setcap: true}, want: []string{""}, notes: "never have CAP_SYSLOG"},
		{name: "root of a container", gaps: []gap{rules, neighbours},
			change: func(p *rights.Process) {
				p.UID, p.FirstPID, p.FirstNet, p.Container, p.Bounding = 0, &not, &not, "Docker", rights.SetOf("CAP_CHOWN")
			},
			want: []string{
				"docker run --rm -it --net=container:NAME --pid=container:NAME --cap-add=DAC_READ_SEARCH --cap-add=NET_ADMIN --cap-add=SYS_PTRACE --cap-add=SYSLOG IMAGE whydrop",
				"docker run --rm -it --net=host --pid=host --cap-add=DAC_READ_SEARCH --cap-add=NET_ADMIN --cap-add=SYS_PTRACE --cap-add=SYSLOG IMAGE whydrop",
			}},
		{name: "a pod", gaps: []gap{rules, neighbours},
			change: func(p *rights.Process) {
				p.UID, p.FirstPID, p.FirstNet, p.Container, p.Bounding = 0, &not, &not, "Kubernetes", 0
			},
			want: []string{
				"kubectl debug POD --target=CONTAINER -it --profile=sysadmin --image=IMAGE",
				"kubectl debug node/NODE -it --profile=sysadmin --image=IMAGE",
			}},
		{name: "the mark of a container, and the host's processes", gaps: []gap{rules},
			change: func(p *rights.Process) { p.UID, p.Container, p.Bounding = 0, "Podman", 0 },
			want:   []string{"podman run --rm -it --net=container:NAME --pid=container:NAME --cap-add=DAC_READ_SEARCH --cap-add=NET_ADMIN --cap-add=SYS_PTRACE --cap-add=SYSLOG IMAGE whydrop"},
			notes:  "never have CAP_NET_ADMIN"},
		{name: "root of a user namespace", gaps: []gap{refused},
			change: func(p *rights.Process) { p.UID, p.FirstUser, p.Effective = 0, &not, full }, want: []string{""}, notes: "outside of it"},
		{name: "unshare --user --net in a container", gaps: []gap{refused, neighbours},
			change: func(p *rights.Process) {
				p.UID, p.FirstUser, p.FirstNet, p.Effective, p.Container = 0, &not, &not, full, "Docker"
			}, want: []string{""}, notes: "outside of it"},
		{name: "root in another network namespace", gaps: []gap{neighbours},
			change: func(p *rights.Process) { p.UID, p.FirstNet, p.Effective = 0, &not, full },
			where:  situation{path: "/w"}, want: []string{"nsenter -t 1 -n /w"}},
		{name: "root in another network namespace that may not leave it", gaps: []gap{neighbours},
			change: func(p *rights.Process) { p.UID, p.FirstNet, p.Effective = 0, &not, full },
			where:  situation{path: "/w", sealed: true}, want: nil},
		{name: "a file is missing, but this is the first namespace", gaps: []gap{neighbours}, want: nil},
		{name: "root is refused by a sandbox", gaps: []gap{refused},
			change: func(p *rights.Process) { p.UID, p.Effective = 0, full }, want: nil},
	}
	for _, tt := range tests {
		s := tt.where
		s.Process, s.usable = process(tt.change), everyone
		var got, notes []string
		for _, r := range remedies(s, tt.gaps) {
			got = append(got, r.Command)
			notes = append(notes, r.For)
			notes = append(notes, r.Notes...)
		}
		if !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
		if all := strings.Join(notes, "\n"); !strings.Contains(all, tt.notes) {
			t.Errorf("%s: the notes lack %q: %s", tt.name, tt.notes, all)
		}
	}
}

// stub is a source with needs.
type stub struct {
	fact.Source
	needs []fact.Need
}

func (s stub) Name() string       { return "filters" }
func (s stub) Needs() []fact.Need { return s.needs }

func TestGapsNameAllCapabilitiesThatAreMissing(t *testing.T) {
	sources := []fact.Source{stub{needs: []fact.Need{
		{For: "nftables rules", Capabilities: []string{"CAP_NET_ADMIN"}, Spot: "firewall rules of nftables"},
		{For: "legacy rules", Capabilities: []string{"CAP_DAC_READ_SEARCH", "CAP_NET_ADMIN"}, Spot: "firewall rules of iptables-legacy"},
	}}}
	not := false
	tests := []struct {
		name  string
		p     rights.Process
		blind fact.Blind
		want  []gap
	}{
		{"one spot, two needs", rights.Process{}, fact.Blind{Probe: "filters", What: "firewall rules", Needs: "CAP_NET_ADMIN"}, []gap{
			{Probe: "filters", What: "nftables rules", Capabilities: []string{"CAP_NET_ADMIN"}},
			{Probe: "filters", What: "legacy rules", Capabilities: []string{"CAP_DAC_READ_SEARCH", "CAP_NET_ADMIN"}},
		}},
		{"one of two is held", rights.Process{Effective: rights.SetOf("CAP_NET_ADMIN")},
			fact.Blind{Probe: "filters", What: "firewall rules of iptables-legacy", Needs: "CAP_NET_ADMIN"},
			[]gap{{Probe: "filters", What: "legacy rules", Capabilities: []string{"CAP_DAC_READ_SEARCH"}}}},
		{"a stronger one is held", rights.Process{Effective: rights.SetOf("CAP_NET_ADMIN", "CAP_DAC_OVERRIDE"), FirstUser: &not},
			fact.Blind{Probe: "filters", What: "firewall rules of iptables-legacy", Needs: "CAP_NET_ADMIN"},
			[]gap{{Probe: "filters", What: "legacy rules", Capabilities: []string{}, Refused: true, Needs: "the same rights in the host's user namespace"}}},
		{"not declared", rights.Process{}, fact.Blind{Probe: "drops", What: "drop reasons", Needs: "CAP_BPF and CAP_PERFMON"},
			[]gap{{Probe: "drops", What: "drop reasons", Capabilities: []string{"CAP_BPF", "CAP_PERFMON"}}}},
		{"no capability helps", rights.Process{}, fact.Blind{Probe: "sockets", What: "newer fields", Needs: "Linux 5.4"},
			[]gap{{Probe: "sockets", What: "newer fields", Needs: "Linux 5.4"}}},
	}
	for _, tt := range tests {
		f := fact.New(time.Now(), 1)
		f.Blind = []fact.Blind{tt.blind}
		if got := findGaps(sources, f, &tt.p); !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%s:\n%+v, want\n%+v", tt.name, got, tt.want)
		}
	}
}

// A probe that could not look at all is a gap too.
func TestAProbeThatIsSkippedIsAGap(t *testing.T) {
	f := fact.New(time.Now(), 1)
	f.Probes = []fact.Status{
		{Name: "drops", Status: "skipped", Why: "drop reasons: not available: needs CAP_BPF and CAP_PERFMON"},
		{Name: "counters", Status: "ok"},
	}
	got := findGaps(nil, f, &rights.Process{})
	if len(got) != 1 || got[0].What != "drop reasons" || !slices.Equal(missing(got), []string{"CAP_PERFMON", "CAP_BPF"}) {
		t.Errorf("%+v", got)
	}
}

func TestACommandIsBrokenWhereTheShellJoinsIt(t *testing.T) {
	got := broken([]string{"sudo", "setcap", "cap_net_admin+ep", "/usr/local/bin/whydrop"}, 40)
	want := []string{"  $ sudo setcap cap_net_admin+ep \\", "      /usr/local/bin/whydrop"}
	if !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
}
