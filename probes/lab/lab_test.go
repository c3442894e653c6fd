//go:build linux

package lab

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/nftables"
	"github.com/vishvananda/netlink"
)

var (
	fault = flag.String("fault", "", "with -run TestShell: the scenario to build")
	only  = flag.String("only", "", "with -run TestScenarios: only scenarios whose names contain this")
	wide  = flag.Bool("wide", false, "with -run TestScenarios: also scenarios that the whole machine feels, one at a time")
	soak  = flag.Duration("soak", 0, "with -run TestScenarios: how long a bench runs before its proof")
)

// The first thread is what /proc shows of a process: no test may take it to a host.
func init() { runtime.LockOSThread() }

func TestMain(m *testing.M) {
	healthyHosts = append(healthyHosts, Scenario{
		Name: "healthy-" + setter, sick: "server", Settings: []string{testSetting}, plan: setSomething,
		About: "a test's host that changes a setting of the whole machine",
	})
	Main()
	flag.Parse()
	if f := flag.Lookup("test.parallel"); f.Value.String() == f.DefValue {
		flag.Set("test.parallel", "8") // the benches mostly wait
	}
	os.Exit(m.Run())
}

// start builds a bench or skips the test where the lab is not allowed.
func start(t *testing.T, s Scenario) *Bench {
	t.Helper()
	b, err := Start(context.Background(), s)
	if errors.Is(err, ErrNeeds) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close() })
	return b
}

// TestScenarios starts scenarios a few at a time, asks for their proof and closes
// them; nothing may stay behind. Without -only these are the scenarios that the
// tests of the diagnosis do not start.
func TestScenarios(t *testing.T) {
	if err := Supported(); err != nil {
		t.Skip(err)
	}
	others := map[string]bool{}
	for _, s := range Representative() {
		others[s.Name] = *only == ""
	}
	for _, s := range All() {
		if others[s.Name] || !strings.Contains(s.Name, *only) || s.Disturbs() && !*wide {
			continue
		}
		t.Run(s.Name, func(t *testing.T) {
			if !s.Disturbs() {
				t.Parallel()
			}
			b := start(t, s)
			time.Sleep(*soak)
			says, err := b.Proof()
			if err != nil {
				t.Fatal(err)
			}
			t.Log(says)
			guard := b.guard.Process.Pid
			if err := b.Close(); err != nil {
				t.Error(err)
			}
			if left := session(guard); len(left) > 0 {
				t.Errorf("processes left after Close: %v", left)
			}
		})
	}
}

// session lists the living processes of a guard's session: all of its bench.
func session(guard int) []string {
	var out []string
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, path := range stats {
		stat, err := os.ReadFile(path)
		if err != nil {
			continue
		}
		// After the name in parentheses: state, parent, process group, session.
		fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
		if len(fields) > 3 && fields[3] == fmt.Sprint(guard) && fields[0] != "Z" {
			out = append(out, strings.TrimSpace(string(stat)))
		}
	}
	return out
}

func TestNamesAndCauses(t *testing.T) {
	seen := map[string]bool{}
	for _, s := range All() {
		if s.Name == "" || seen[s.Name] {
			t.Errorf("name %q is empty or used twice", s.Name)
		}
		seen[s.Name] = true
		if s.sick != "client" && s.sick != "router" && s.sick != "server" {
			t.Errorf("%s: the sick host %q is none of the three", s.Name, s.sick)
		}
		if (s.Cause == "") != strings.HasPrefix(s.Name, "healthy-") {
			t.Errorf("%s: a healthy host has no cause, a sick one has", s.Name)
		}
		if found, ok := Find(s.Name); !ok || found.About != s.About || s.About == "" {
			t.Errorf("%s: Find does not give the scenario, or it has no description", s.Name)
		}
	}
	if _, ok := Find("no-such-fault"); ok {
		t.Error("Find found what is not there")
	}
}

// TestCommandSeesTheSickHost runs a program on the bench: it must see the
// host's interfaces and sockets, not those of the machine.
func TestCommandSeesTheSickHost(t *testing.T) {
	s, _ := Find("port-closed")
	b := start(t, s)
	out, err := b.Command(context.Background(), "/bin/cat", "/proc/net/dev").CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	if got := len(lines); got < 4 {
		t.Errorf("the host shows %d lines of /proc/net/dev, expected lo and an interface:\n%s", got, out)
	}
	err = b.Command(context.Background(), "/bin/sh", "-c", "exit 7").Run()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 7 {
		t.Errorf("exit status of the program is lost: %v", err)
	}
	b.Close()
	if err := b.Command(context.Background(), "/bin/true").Run(); err == nil {
		t.Error("a command runs on a closed bench")
	}
	if _, err := b.Proof(); err == nil {
		t.Error("a closed bench gives a proof")
	}
	if err := b.Close(); err != nil {
		t.Errorf("closing twice: %v", err)
	}
}

// TestShell is for people: it runs a program in the sick host of -fault.
//
//	go test ./probes/lab -run TestShell -fault rp-filter -v -args /bin/ss -tan
func TestShell(t *testing.T) {
	if *fault == "" {
		t.Skip("no -fault given")
	}
	s, ok := Find(*fault)
	if !ok {
		t.Fatalf("no scenario %q", *fault)
	}
	b := start(t, s)
	says, err := b.Proof()
	fmt.Println(says, err)
	args := flag.Args()
	if len(args) == 0 {
		time.Sleep(time.Minute)
		return
	}
	cmd := b.Command(context.Background(), args[0], args[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	if err := cmd.Run(); err != nil {
		t.Error(err)
	}
}

func TestStartRefusesStrangers(t *testing.T) {
	if _, err := Start(context.Background(), Scenario{Name: "made-up"}); err == nil {
		t.Error("a scenario without a plan starts")
	}
}

func TestRepresentative(t *testing.T) {
	part := Representative()
	if len(part) > mostRepresentatives {
		t.Errorf("%d scenarios, at most %d are to be made", len(part), mostRepresentatives)
	}
	names := map[string]bool{}
	for _, s := range part {
		if names[s.Name] || s.Disturbs() {
			t.Errorf("%s stands there twice, or disturbs the machine", s.Name)
		}
		names[s.Name] = true
	}
	for _, s := range All() {
		same := func(o Scenario) bool {
			return s.And != "" && o.And != "" || s.And == "" && o.And == "" && o.Cause == s.Cause
		}
		if !s.Disturbs() && !slices.ContainsFunc(part, same) {
			t.Errorf("nothing stands for %s", s.Name)
		}
	}
}

// TestMachineUntouched compares the machine's own network before and after some
// benches of every kind: its links, addresses, routes, rules and settings.
func TestMachineUntouched(t *testing.T) {
	if err := Supported(); err != nil {
		t.Skip(err)
	}
	before := machine(t)
	for _, hop := range []string{"netfilter.conntrack", "netfilter.drop", "bpf", "link", "ip", "qdisc", "path", ""} {
		all := All()
		i := slices.IndexFunc(all, func(s Scenario) bool { return strings.HasPrefix(s.Cause, hop) && (hop != "" || len(s.Settings) > 0) })
		if i < 0 {
			t.Fatalf("no scenario for %q", hop)
		}
		s := all[i]
		b, err := Start(context.Background(), s)
		if errors.Is(err, ErrNeeds) {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	}
	var changed []string
	for range 20 { // others may use the machine, too; what a bench leaves stays
		changed = nil
		after := machine(t)
		for name, value := range before {
			if after[name] != value {
				changed = append(changed, fmt.Sprintf("%s was %q, is %q", name, value, after[name]))
			}
		}
		if len(changed) == 0 {
			return
		}
		time.Sleep(500 * time.Millisecond)
	}
	t.Errorf("the machine has changed: %s", strings.Join(changed, "\n"))
}

// machine is the network of this machine in words.
func machine(t *testing.T) map[string]string {
	t.Helper()
	out := map[string]string{}
	links, err := netlink.LinkList()
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range links {
		a := l.Attrs()
		addrs, _ := netlink.AddrList(l, netlink.FAMILY_ALL)
		out["link "+a.Name] = fmt.Sprint(a.Index, a.MTU, a.Flags, a.TxQLen, a.Xdp != nil && a.Xdp.Attached, addrs)
	}
	routes, err := netlink.RouteListFiltered(netlink.FAMILY_ALL, &netlink.Route{}, netlink.RT_FILTER_TABLE)
	if err != nil {
		t.Fatal(err)
	}
	rules, err := netlink.RuleList(netlink.FAMILY_ALL)
	if err != nil {
		t.Fatal(err)
	}
	out["routes"], out["rules"] = fmt.Sprint(routes), fmt.Sprint(rules)
	if c, err := nftables.New(); err == nil {
		if tables, err := c.ListTables(); err == nil {
			out["tables of nftables"] = fmt.Sprint(len(tables))
		}
	}
	_ = filepath.WalkDir("/proc/sys/net", func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && filepath.Base(path) != "nf_conntrack_count" {
			value, _ := os.ReadFile(path)
			out[path] = string(value)
		}
		return nil
	})
	return out
}
