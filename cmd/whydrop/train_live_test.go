package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"whydrop/content"
	"whydrop/probes/lab"
)

// TestTrainLive mends a live host as a candidate does: measure, a shell, look whether
// it is mended, leave. Nothing names the fault, and nothing is left.
func TestTrainLive(t *testing.T) {
	if err := lab.Supported(); err != nil {
		t.Skip(err)
	}
	t.Setenv("XDG_STATE_HOME", t.TempDir())
	c := onConsole(t)
	c.typed("whydrop train --live --plain second-uplink\n")
	told := c.until(`step 1: $`)
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
	if pids := seats(); len(pids) > 0 {
		t.Errorf("processes are left: %v", pids)
	}
}

// TestTrainLiveMends judges mends by those who suffer: what only moves the refusal to
// where nothing counts it is none, what gets the clients served is one, whatever became
// of the service. They run beside each other: they mostly wait.
func TestTrainLiveMends(t *testing.T) {
	if err := lab.Supported(); err != nil {
		t.Skip(err)
	}
	other := `$(ss -Htln | awk '{print $4}' | grep -v :8443 | sed 's/.*://' | head -1)` // another service's port
	for _, c := range []struct{ name, scenario, tool, does, says string }{
		{"refused by a routing rule", "partner-feed-silent", "nft",
			`nft 'flush ruleset; table ip t { chain p { type filter hook prerouting priority -150; tcp dport 8443 meta mark set 7; }; }'; ` +
				"ip rule add pref 5 fwmark 7 blackhole; ip rule add pref 10 lookup local; ip rule del pref 0", "Not fixed: "},
		{"answered by another service", "partner-feed-silent", "nft",
			`nft "flush ruleset; table ip t { chain p { type nat hook prerouting priority -100; tcp dport 8443 redirect to :` + other + `; }; }"`, "Not fixed: "},
		{"routed nowhere", "greenhouse-four", "ip",
			"for p in $(ip route | sed -n 's/^prohibit \\([^ ]*\\).*/\\1/p'); do ip route del prohibit $p; ip route add $p dev lo; done", "Not fixed: "},
		{"the service has been started again", "checkout-three-seconds", "sh",
			"service-ctl restart orders-api workers=64 backlog=4000", "Fixed: "},
		{"TCP finds the size too late", "reports-never-finish", "sh",
			"echo 1 >/proc/sys/net/ipv4/tcp_mtu_probing", "Not fixed: "},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if _, err := exec.LookPath(c.tool); err != nil {
				t.Skip(err)
			}
			at := onConsole(t)
			at.typed("XDG_STATE_HOME=" + t.TempDir() + " whydrop train --live --plain " + c.scenario + "\n")
			at.until(`step 1: $`)
			at.typed("shell\n")
			at.until(`\(sick host\) \$ $`)
			at.typed(c.does + "; exit\n")
			at.until(`step 1: $`)
			at.typed("fixed\n")
			if told := at.until(`step 1: $`); !strings.Contains(told, "\n"+c.says) {
				t.Errorf("want %q:\n%s", c.says, told)
			}
			at.typed("quit\n")
			at.until(`outside \$ $`)
		})
	}
}

// TestTrainLiveKilled kills the seat in the hard way: its host goes with it.
func TestTrainLiveKilled(t *testing.T) {
	if err := lab.Supported(); err != nil {
		t.Skip(err)
	}
	t.Setenv("XDG_STATE_HOME", t.TempDir())
	c := onConsole(t)
	c.typed("whydrop train --live --plain second-uplink\n")
	c.until(`step 1: $`)
	seat := seatHere("second-uplink")
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
	for range 50 {
		if len(seats()) == 0 {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	t.Errorf("processes are left: %v", seats())
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
