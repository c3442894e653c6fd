package apply

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestWords takes the commands at their word: what they do by the usual tools is
// what the change does, and taken back by them all is as before.
func TestWords(t *testing.T) {
	for _, c := range []struct {
		name   string
		before []string
		change Change
	}{
		{"sysctl", nil, Change{Knob: "sysctl", Of: "net.ipv4.ip_local_port_range", To: "15000 60999"}},
		{"sysctl by slashes", nil, Change{Knob: "sysctl", Of: "net/ipv4/conf/eth0/rp_filter", To: "2"}},
		{"txqueuelen", nil, Change{Knob: "txqueuelen", Of: "eth0", To: "2345"}},
		{"offload", nil, Change{Knob: "feature", Of: "eth0", Field: "gro", To: "on"}},
		{"root", nil, Change{Knob: "qdisc", Of: "eth0", To: "pfifo limit 500"}},
		{"root that was set", []string{"tc qdisc add dev eth0 root handle 5: pfifo limit 3"}, Change{Knob: "qdisc", Of: "eth0", To: "default"}},
		{"tbf's rate", []string{"tc qdisc add dev eth0 root handle 1: tbf rate 6mbit burst 2000 limit 30000"}, Change{Knob: "qdisc", Of: "eth0", Field: "1: rate", To: "12mbit"}},
		{"htb's ceil", []string{"tc qdisc add dev eth0 root handle 1: htb default 10", "tc class add dev eth0 parent 1: classid 1:10 htb rate 8mbit ceil 8mbit burst 20k cburst 20k"}, Change{Knob: "qdisc", Of: "eth0", Field: "1:10 ceil", To: "80mbit"}},
		{"queue of a class", []string{"tc qdisc add dev eth0 root handle 1: htb default 10", "tc class add dev eth0 parent 1: classid 1:10 htb rate 8mbit"}, Change{Knob: "qdisc", Of: "eth0", Field: "1:10 leaf", To: "pfifo limit 500"}},
		{"queue of a class made with another length", []string{"ip link set eth0 txqueuelen 24", "tc qdisc add dev eth0 root handle 1: htb default 10", "tc class add dev eth0 parent 1: classid 1:10 htb rate 8mbit", "ip link set eth0 txqueuelen 50"}, Change{Knob: "qdisc", Of: "eth0", Field: "1:10 leaf", To: "pfifo limit 500"}},
		{"queue of a class that was set", []string{"tc qdisc add dev eth0 root handle 1: htb default 10", "tc class add dev eth0 parent 1: classid 1:10 htb rate 8mbit", "tc qdisc add dev eth0 parent 1:10 handle 5: pfifo limit 7"}, Change{Knob: "qdisc", Of: "eth0", Field: "1:10 leaf", To: "pfifo limit 500"}},
		{"route's mtu", nil, Change{Knob: "route", Of: "10.20.0.0/16", Field: "mtu", To: "1300"}},
		{"IPv6 route's mtu", nil, Change{Knob: "route", Of: "fd00:20::/64", Field: "mtu", To: "1300"}},
		{"default route's advmss", nil, Change{Knob: "route", Of: "default", Field: "advmss", To: "1200"}},
		{"blackhole", nil, Change{Knob: "route", Of: "blackhole 10.66.0.0/16", To: "gone"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			inHost(t)
			for _, b := range c.before {
				args := strings.Fields(b)
				if out, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
					t.Skipf("%s: %s", b, out)
				}
			}
			before := picture(t)
			was, err := c.change.Read()
			if err != nil {
				t.Fatal(err)
			}
			w := c.change.Words(&was).With(c.change, was)
			t.Log("\n", w.Show, "\n", w.Run, "\n", w.Undo, "\n", w.Keep)
			command(t, "sh", "-c", w.Show)
			command(t, "sh", "-c", w.Run)
			if now, err := c.change.Read(); err != nil || !c.change.Reached(now) {
				t.Errorf("%s: shows %s, %v", w.Run, now.Text, err)
			}
			byTools := picture(t)
			command(t, "sh", "-c", w.Undo)
			if after := picture(t); after != before {
				t.Errorf("%s: not as before: %s", w.Undo, difference(before, after))
			}
			if _, err := c.change.set(); err != nil {
				t.Fatal(err)
			}
			// The kernel numbers a new root itself.
			numbered := regexp.MustCompile(`8[0-9a-f]{3}:`)
			if own := picture(t); numbered.ReplaceAllString(own, "") != numbered.ReplaceAllString(byTools, "") {
				t.Errorf("whydrop does otherwise than %s: %s", w.Run, difference(byTools, own))
			}
		})
	}
}

// TestKept adds a line to a file as whydrop does and as the command of the words
// does, twice each: there is one such line, and others stay.
func TestKept(t *testing.T) {
	dir := t.TempDir()
	defer func(was []string) { persistent = was }(persistent)
	persistent = []string{dir}
	file := filepath.Join(dir, "90-whydrop.conf")
	const others = "# mine\nnet.core.somaxconn.not = 1\nnet/core/somaxconn = 3\n"
	for _, by := range []string{"whydrop", "the command"} {
		for _, start := range []string{"", others, others + "net.core.somaxconn = 5\n"} {
			if err := os.WriteFile(file, []byte(start), 0o644); err != nil {
				t.Fatal(err)
			}
			if start == "" {
				os.Remove(file)
			}
			k := Kept{file, "net.core.somaxconn = 8192", "net.core.somaxconn ="}
			c := k.Change()
			was, err := c.Read()
			if err != nil {
				t.Fatal(err)
			}
			for range 2 {
				if by == "whydrop" {
					if _, err := c.set(); err != nil {
						t.Fatal(err)
					}
					continue
				}
				command(t, "sh", "-c", k.Replace())
			}
			text, _ := os.ReadFile(file)
			if n := strings.Count(string(text), k.Line+"\n"); n != 1 || start != "" && !strings.Contains(string(text), others) {
				t.Errorf("by %s: %d such lines in\n%s", by, n, text)
			}
			if err := c.back(was); err != nil {
				t.Fatal(err)
			}
			if back, _ := os.ReadFile(file); string(back) != start {
				t.Errorf("by %s: not as before:\n%s", by, back)
			}
		}
	}
	for _, bad := range []Change{
		{Knob: "file", Of: "/etc/passwd", Field: "root", To: "root::0:0"},
		{Knob: "file", Of: filepath.Join(dir, "99-other.conf"), Field: "x", To: "x"},
		{Knob: "file", Of: file, Field: "a", To: "b"},
		{Knob: "file", Of: file, Field: "a", To: "a\nb"},
		{Knob: "sysctl", Of: "kernel.panic", To: "1"},
		{Knob: "sysctl", Of: "net/../kernel/panic", To: "1"},
		{Knob: "sysctl", Of: "fs.binfmt_misc.register", To: "x"},
		{Knob: "txqueuelen", Of: "eth0\u009b31m", To: "1"},
		{Knob: "sysctl", Of: "net.core.somaxconn", To: ""},
		{Knob: "txqueuelen", Of: "../eth0", To: "1"},
		{Knob: "txqueuelen", Of: "eth0", To: "many"},
		{Knob: "ring", Of: "eth0", Field: "sideways", To: "1"},
		{Knob: "coalesce", Of: "eth0", Field: "adaptive-rx", To: "2"},
		{Knob: "rps", Of: "eth0", To: "xyz"},
		{Knob: "rps", Of: "eth0", Field: "tx-0", To: "1"},
		{Knob: "qdisc", Of: "eth0", To: "netem loss 5%"},
		{Knob: "qdisc", Of: "eth0", Field: "0: rate", To: "1mbit"},
		{Knob: "route", Of: "10.0.0.0/8", To: "gone"},
		{Knob: "route", Of: "10.0.0.0/8 metric", Field: "mtu", To: "1400"},
		{Knob: "route", Of: "10.0.0.0/8 metric x", Field: "mtu", To: "1400"},
		{Knob: "route", Of: "10.0.0.0/8 via 10.0.0.1", Field: "mtu", To: "1400"},
		{Knob: "route", Of: "10.0.0.0/8 table", Field: "mtu", To: "1400"},
		{Knob: "firewall", Of: "x", To: "y"},
	} {
		if bad.Check() == nil {
			t.Errorf("%+v is taken", bad)
		}
	}
}

// TestOverridden finds the files that are read after whydrop's and set the same.
func TestOverridden(t *testing.T) {
	dir, low := t.TempDir(), t.TempDir()
	defer func(was []string, last string) { sysctlFolders, sysctlLast = was, last }(sysctlFolders, sysctlLast)
	sysctlFolders, sysctlLast = []string{dir, low}, filepath.Join(dir, "last")
	k := Kept{File: sysctlFile, Line: "net.core.somaxconn = 8192", Key: "net.core.somaxconn ="}
	for _, c := range []struct{ folder, name, text, file, value string }{
		{dir, "10-early.conf", "net.core.somaxconn = 1\n", "", ""},
		{dir, "95-same.conf", "net/core/somaxconn=8192\n", "", ""},
		{dir, "96-comment.conf", "# net.core.somaxconn = 5\n;net.core.somaxconn = 6\nnet.core.somaxconn\n", "", ""},
		{low, "97-late.conf", "-net/core/somaxconn = 128\n", filepath.Join(low, "97-late.conf"), "128"},
		{dir, "97-late.conf", "\n", "", ""}, // hides the other
		{dir, "last", "net.core.somaxconn=64\n", filepath.Join(dir, "last"), "64"},
	} {
		if err := os.WriteFile(filepath.Join(c.folder, c.name), []byte(c.text), 0o644); err != nil {
			t.Fatal(err)
		}
		if file, value := k.Overridden(); file != c.file || value != c.value {
			t.Errorf("with %s: %q says %q, expected %q and %q", c.name, file, value, c.file, c.value)
		}
	}
	if file, _ := (Kept{File: udevFile, Line: "net.core.somaxconn = 8192"}).Overridden(); file != "" {
		t.Error("a rule of udev is overridden by", file)
	}
}
