package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"whydrop/content"
	"whydrop/probes/lab"
)

// TestTrainLive trains on live hosts, all at once: they mostly wait. Nothing is left of
// any.
func TestTrainLive(t *testing.T) {
	if err := lab.Supported(); err != nil {
		t.Skip(err)
	}
	t.Run("seats", func(t *testing.T) {
		var all sync.WaitGroup
		defer all.Wait()
		beside := func(name string, does func(*testing.T)) { all.Go(func() { t.Run(name, does) }) }
		beside("mended", mendLive)
		beside("killed", killLive)
		for _, m := range liveMends {
			beside(m.name, m.try)
		}
	})
	var left []string
	for range 50 {
		if left = seats(); len(left) == 0 {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	t.Errorf("processes are left: %v", left)
}

// liveConsole has begun to train on a live host.
func liveConsole(t *testing.T, scenario string) (c *console, told string) {
	c = onConsole(t)
	c.typed("XDG_STATE_HOME=" + t.TempDir() + " whydrop train --live --plain " + scenario + "\n")
	return c, c.until(`step 1: $`)
}

// mendLive mends a live host as a candidate does: measure, a shell, look whether it is
// mended, leave. Nothing names the fault.
func mendLive(t *testing.T) {
	c, told := liveConsole(t, "second-uplink")
	if strings.Contains(told, "rp-filter") {
		t.Errorf("the beginning names the fault:\n%s", told)
	}
	c.typed("m counters\n")
	c.until(`IPReversePathFilter \+(?s:.*)step 2: $`)
	c.typed("fixed\n")
	c.until(`Not fixed: (?s:.*)step 2: $`)
	c.typed("shell\n")
	c.until(`\(sick host\) \$ $`)
	c.typed("env | grep -c rp-filter; echo 0 > /proc/sys/net/ipv4/conf/all/rp_filter && exit\n")
	if told := c.until(`step 2: $`); !strings.Contains(told, "\n0\r\n") {
		t.Errorf("the environment names the fault:\n%s", told)
	}
	c.typed("fixed\n")
	c.until(`Fixed: (?s:.*)step 2: $`)
	c.typed("quit\n")
	c.until(`outside \$ $`)
}

// otherService is the port of another service of the host.
const otherService = `$(ss -Htln | awk '{print $4}' | grep -v :8443 | sed 's/.*://' | head -1)`

type liveMend struct{ name, scenario, tool, does, says string }

// liveMends are judged by those who suffer: what only moves the refusal to where nothing
// counts it is none, what gets the clients served is one, whatever became of the service.
var liveMends = []liveMend{
	{
		"refused by a routing rule", "partner-feed-silent", "nft",
		`nft 'flush ruleset; table ip t { chain p { type filter hook prerouting priority -150; tcp dport 8443 meta mark set 7; }; }'; ` +
			"ip rule add pref 5 fwmark 7 blackhole; ip rule add pref 10 lookup local; ip rule del pref 0", "Not fixed: ",
	},
	{
		"answered by another service", "partner-feed-silent", "nft",
		`nft "flush ruleset; table ip t { chain p { type nat hook prerouting priority -100; tcp dport 8443 redirect to :` + otherService + `; }; }"`, "Not fixed: ",
	},
	{
		"routed nowhere", "greenhouse-four", "ip",
		"for p in $(ip route | sed -n 's/^prohibit \\([^ ]*\\).*/\\1/p'); do ip route del prohibit $p; ip route add $p dev lo; done", "Not fixed: ",
	},
	{
		"the service has been started again", "checkout-three-seconds", "sh",
		"service-ctl restart orders-api workers=64 backlog=4000", "Fixed: ",
	},
	{
		"a client is set to avoid it", "courier-tracking", "sh",
		"service-ctl restart shopper keep=1", "Not fixed: ",
	},
	{
		"a server of one's own answers", "report-job-stuck", "python3",
		"a=$(ip neigh | awk '/FAILED|INCOMPLETE/ {print $1; exit}'); ip addr add $a/32 dev lo; " +
			"python3 -c 'import socket; s = socket.create_server((\"\", 5432)); t = [s.accept()[0].send(bytes(9)) for i in range(300)]' & sleep 1", "Not fixed: ",
	},
	{
		"TCP finds the size too late", "reports-never-finish", "sh",
		"echo 1 >/proc/sys/net/ipv4/tcp_mtu_probing", "Not fixed: ",
	},
}

func (m liveMend) try(t *testing.T) {
	if _, err := exec.LookPath(m.tool); err != nil {
		t.Skip(err)
	}
	c, _ := liveConsole(t, m.scenario)
	c.typed("shell\n")
	c.until(`\(sick host\) \$ $`)
	c.typed(m.does + "; exit\n")
	c.until(`step 1: $`)
	c.typed("fixed\n")
	if told := c.until(`step 1: $`); !strings.Contains(told, "\n"+m.says) {
		t.Errorf("want %q:\n%s", m.says, told)
	}
	c.typed("quit\n")
	c.until(`outside \$ $`)
}

// killLive kills the seat in the hard way: its host goes with it.
func killLive(t *testing.T) {
	const scenario = "customs-forms" // no other seat of this test has it
	c, _ := liveConsole(t, scenario)
	seat := seatHere(scenario)
	if seat == 0 {
		t.Fatal("the seat is not found")
	}
	if err := exec.Command("nsenter", "--net="+onHost(seat)+"/ns/net", "true").Run(); err != nil && os.Geteuid() == 0 {
		t.Errorf("the host cannot be entered: %v", err)
	}
	process, err := os.FindProcess(seat)
	if err != nil {
		t.Fatal(err)
	}
	process.Kill()
	c.until(`outside \$ $`)
}

// seats are the processes of trainings on live hosts that this test has started.
func seats() []string {
	var all []string
	self, _ := os.Executable()
	dirs, _ := filepath.Glob("/proc/[0-9]*")
	for _, dir := range dirs {
		line, _ := os.ReadFile(filepath.Join(dir, "cmdline"))
		exe, _ := os.Readlink(filepath.Join(dir, "exe"))
		if exe == self && (strings.Contains(string(line), "--live") || strings.HasPrefix(string(line), "whydrop-lab")) {
			all = append(all, dir+" "+strings.ReplaceAll(string(line), "\x00", " "))
		}
	}
	return all
}

// TestUnmakeable refuses hosts that cannot be made here without naming their fault.
func TestUnmakeable(t *testing.T) {
	for name, sc := range map[string]*content.Scenario{
		"a dump":     {ID: "somewhere"},
		"unknown":    {ID: "somewhere", Lab: "no-such-fault"},
		"disturbs":   {ID: "somewhere", Lab: "conntrack-full-small"},
		"needs root": {ID: "somewhere", Lab: "cgroup-drop"},
	} {
		err := unmakeable(sc)
		if name == "needs root" && os.Geteuid() == 0 {
			continue
		}
		if err == nil {
			t.Errorf("%s: it can be made", name)
		} else if sc.Lab != "" && strings.Contains(err.Error(), sc.Lab) {
			t.Errorf("%s: the fault is named: %v", name, err)
		}
	}
}
