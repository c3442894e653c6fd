package changes

import (
	"bytes"
	"compress/gzip"
	"context"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"whydrop/probes/fact"
	"whydrop/probes/fact/facttest"
)

// now is when the tests' hosts are looked at; they booted a day before.
var now = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

// stat is /proc/stat of a host that booted 24 hours before now.
const stat = "cpu 1 2 3\nintr 1 2 3\nctxt 5\nbtime 1795089600\nprocesses 9\n"

// host makes a root directory of the given files, all old.
func host(t testing.TB, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	for name, text := range files {
		p := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

// touch gives a file of the host a time.
func touch(t *testing.T, root, name string, at time.Time) {
	t.Helper()
	if err := os.Chtimes(filepath.Join(root, name), at, at); err != nil {
		t.Fatal(err)
	}
}

// line is a change in one line, for comparing.
func (c Change) line() string {
	at := "?"
	if !c.At.IsZero() {
		at = c.At.UTC().Format("01-02 15:04:05")
	}
	return strings.Join([]string{at, c.Kind, c.Name, c.What}, "|")
}

func lines(r *Reading, kind string) []string {
	var all []string
	for _, c := range r.Changes {
		if c.Kind == kind {
			all = append(all, c.line())
		}
	}
	return all
}

func compare(t *testing.T, got []string, want ...string) {
	t.Helper()
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n  %s\nwant\n  %s", strings.Join(got, "\n  "), strings.Join(want, "\n  "))
	}
}

func TestPackages(t *testing.T) {
	many := ""
	for _, p := range []string{"a", "b", "c", "d", "e", "f", "g"} {
		many += "2026-11-20 09:00:0" + string('1'+p[0]-'a') + " upgrade lib" + p + ":amd64 1 2\n"
	}
	for _, c := range []struct {
		name  string
		files map[string]string
		want  []string
	}{
		{"dpkg", map[string]string{"var/log/dpkg.log": "2020-01-01 10:00:00 install old:amd64 <none> 1\n" +
			"2026-11-20 08:00:00 startup archives unpack\n2026-11-20 08:00:01 upgrade nginx:amd64 1.22.1-9 1.22.1-9+deb12u3\n" +
			"2026-11-20 08:00:02 status installed nginx:amd64 1.22.1-9+deb12u3\n" +
			"2026-11-20 11:00:00 remove ufw:all 0.36 <none>\n2026-11-20 11:00:01 purge ufw:all 0.36 <none>\n"},
			[]string{"11-20 11:00:01|package|ufw|removed", "11-20 08:00:01|package|nginx|upgraded from 1.22.1-9 to 1.22.1-9+deb12u3"}},
		{"a large upgrade is one row, and what bears on the network one each",
			map[string]string{"var/log/dpkg.log": many + "2026-11-20 09:00:09 upgrade iptables:amd64 1.8.9-1 1.8.9-2\n"},
			[]string{"11-20 09:00:09|package|iptables|upgraded from 1.8.9-1 to 1.8.9-2", "11-20 09:00:07|package|7 packages|upgraded: liba, libb, libc, libd, libe, libf, ..."}},
		{"the log before", map[string]string{"var/log/dpkg.log": "2026-11-20 11:00:00 install b:amd64 <none> 1\n",
			"var/log/dpkg.log.1": "2026-11-19 13:00:00 install a:amd64 <none> 1\n"},
			[]string{"11-20 11:00:00|package|b|installed 1", "11-19 13:00:00|package|a|installed 1"}},
		{"dnf", map[string]string{"var/log/dnf.rpm.log": "2026-11-20T09:00:00+0100 INFO --- logging initialized ---\n" +
			"2026-11-20T09:00:01+0100 SUBDEBUG Upgrade: nginx-1:1.20.1-14.el9.x86_64\n2026-11-20T09:00:02+0100 SUBDEBUG Upgraded: nginx-1:1.20.1-10.el9.x86_64\n"},
			[]string{"11-20 08:00:01|package|nginx|upgraded 1:1.20.1-14.el9"}},
		{"yum, which leaves the year out", map[string]string{"var/log/yum.log": "Dec 24 10:00:00 Installed: old-1-1.el7.noarch\nNov 19 10:00:00 Updated: 12:dhclient-4.2.5-83.el7.x86_64\n"},
			[]string{"11-19 10:00:00|package|dhclient|upgraded 4.2.5-83.el7"}},
		{"zypper", map[string]string{"var/log/zypp/history": "# 2026-11-20 09:00:00 nginx.rpm installed ok\n2026-11-20 09:00:00|install|nginx|1.21.5-1|x86_64|root@h|repo|c\n2026-11-20 09:00:01|command|root@h|'zypper' 'in'|\n"},
			[]string{"11-20 09:00:00|package|nginx|installed 1.21.5-1"}},
		{"pacman", map[string]string{"var/log/pacman.log": "[2026-11-20T09:00:00+0000] [PACMAN] Running 'pacman -Syu'\n[2026-11-20T09:00:01+0000] [ALPM] upgraded linux (6.1-1 -> 6.2-1)\n"},
			[]string{"11-20 09:00:01|package|linux|upgraded from 6.1-1 to 6.2-1"}},
		{"times to come are none", map[string]string{"var/log/dpkg.log": "2027-11-20 11:00:00 install b:amd64 <none> 1\n"}, nil},
		{"hostile bytes", map[string]string{"var/log/dpkg.log": strings.Repeat("x", 1<<20) + "\n2026-11-20 11:00:00 install \x1b[2J\xff:amd64 <none> 1\n"},
			[]string{"11-20 11:00:00|package|?[2J?|installed 1"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			root := host(t, c.files)
			for name := range c.files {
				touch(t, root, name, now)
			}
			compare(t, lines(see(t, At(root, now)), Package), c.want...)
		})
	}
}

func TestCompressedLog(t *testing.T) {
	var z bytes.Buffer
	w := gzip.NewWriter(&z)
	w.Write([]byte("2026-11-19 13:00:00 install a:amd64 <none> 1\n"))
	w.Close()
	var bomb bytes.Buffer
	w = gzip.NewWriter(&bomb)
	w.Write(make([]byte, 2*maxInflated))
	w.Close()
	for name, c := range map[string]struct {
		log  string
		rows int
	}{"good": {z.String(), 1}, "cut": {z.String()[:z.Len()-3], 1}, "garbage": {"nothing", 0}, "inflates": {bomb.String(), 0}} {
		root := host(t, map[string]string{"var/log/dpkg.log": "", "var/log/dpkg.log.1.gz": c.log})
		touch(t, root, "var/log/dpkg.log.1.gz", now)
		if got := lines(see(t, At(root, now)), Package); len(got) != c.rows {
			t.Errorf("%s: %q, want %d rows", name, got, c.rows)
		}
	}
}

func TestOnlyADatabase(t *testing.T) {
	r := see(t, At(host(t, map[string]string{"usr/lib/sysimage/rpm/rpmdb.sqlite": "SQLite"}), now))
	if len(r.Blind) == 0 || r.Blind[0].Needs != "a look by hand: rpm -qa --last" {
		t.Errorf("blind: %v", r.Blind)
	}
}

func TestKernels(t *testing.T) {
	day := 24 * time.Hour
	for _, c := range []struct {
		name    string
		indexes map[string]time.Duration // age of modules.dep
		more    map[string]string
		pending any
		want    []string
	}{
		{"installed since the boot", map[string]time.Duration{"6.1.0-1": 90 * day, "6.1.0-2": time.Hour}, nil, true,
			[]string{"11-20 11:00:00|kernel|6.1.0-2|installed since the boot, 6.1.0-1 still runs"}},
		{"booted into a new one", map[string]time.Duration{"6.1.0-0": 90 * day, "6.1.0-1": 25 * time.Hour}, nil, false,
			[]string{"11-19 11:00:00|kernel|6.1.0-1|installed before the boot, and runs since"}},
		{"its modules are gone", map[string]time.Duration{"6.1.0-2": 90 * day}, nil, false,
			[]string{"?|kernel|6.1.0-1|the modules of the running kernel are gone: none can be loaded until a reboot"}},
		{"a container has other kernels", map[string]time.Duration{"6.1.0-2": time.Hour}, map[string]string{".dockerenv": ""}, nil, nil},
		{"no modules at all", nil, nil, nil, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			files := map[string]string{"proc/stat": stat, "proc/sys/kernel/osrelease": "6.1.0-1\n"}
			for release := range c.indexes {
				files["lib/modules/"+release+"/modules.dep"] = ""
			}
			for name := range c.more {
				files[name] = ""
			}
			root := host(t, files)
			for release, age := range c.indexes {
				touch(t, root, "lib/modules/"+release+"/modules.dep", now.Add(-age))
			}
			s := At(root, now)
			r := see(t, s)
			compare(t, lines(r, Kernel), c.want...)
			if got := factsOf(s, r).Values["host.reboot_pending"].Now; got != c.pending {
				t.Errorf("reboot pending: %v, want %v", got, c.pending)
			}
		})
	}
}

// The times of inodes can't be set, so these are the files' own.
func TestFiles(t *testing.T) {
	root := host(t, map[string]string{
		"etc/sysctl.d/90-new.conf": "", "etc/nftables.conf": "", "etc/nftables.d/a.nft": "", "etc/sysctl.d/90-old.conf~": "",
		"etc/haproxy/haproxy.cfg": "", "etc/passwd": "", "etc/systemd/system/x.service.d/override.conf": "",
	})
	for _, link := range [][2]string{{".", "etc/nginx"}, {"loop", "etc/iptables"}, {"/etc/passwd", "etc/sysctl.conf"}} {
		if err := os.Symlink(link[0], filepath.Join(root, link[1])); err != nil {
			t.Fatal(err)
		}
	}
	if err := unix.Mkfifo(filepath.Join(root, "etc/sysctl.d/fifo.conf"), 0o600); err != nil {
		t.Fatal(err)
	}
	old := time.Now().AddDate(0, -2, 0)
	touch(t, root, "etc/haproxy/haproxy.cfg", old)
	r := see(t, At(root, time.Now()))
	got := map[string]string{}
	for _, c := range r.Changes {
		got[c.Name] = c.Kind + ": " + c.What
	}
	for name, want := range map[string]string{
		"/etc/sysctl.d/90-new.conf":                     "sysctl-file: the file was written",
		"/etc/nftables.conf":                            "firewall-file: the file was written",
		"/etc/nftables.d/a.nft":                         "firewall-file: the file was written",
		"/etc/systemd/system/x.service.d/override.conf": "service-file: the file was written",
		"/etc/haproxy/haproxy.cfg":                      "service-file: the file was put in place, or got another owner or mode; its content is of " + old.UTC().Format("2006-01-02 15:04"),
		"/etc/passwd":                                   "", "/etc/sysctl.d/90-old.conf~": "", "/etc/sysctl.d/fifo.conf": "", "/etc/sysctl.conf": "",
	} {
		if got[name] != want {
			t.Errorf("%s: %q, want %q", name, got[name], want)
		}
	}
	if later := see(t, At(root, time.Now().AddDate(0, 1, 0))); len(later.Changes) != 0 {
		t.Errorf("a month later still %v", later.Changes)
	}
}

func TestServices(t *testing.T) {
	process := func(comm, start string) string {
		return "7 (" + comm + ") S 1 7 7 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 " + start + " 0 0\n"
	}
	root := host(t, map[string]string{
		"proc/stat": stat, "proc/1/stat": process("systemd", "3"), "proc/1/task/1/children": "7 8 9 10 11 x ../8\n",
		"proc/7/stat": process("nginx", "8000000"), "proc/7/cgroup": "0::/system.slice/nginx.service\n",
		"proc/8/stat": process("cron", "500"), "proc/8/cgroup": "0::/system.slice/cron.service\n",
		"proc/9/stat": process("a) b (", "8280000"), "proc/9/cgroup": "2:cpu:/x.service\n",
		"proc/10/stat": process("sd-pam", "8300000"), "proc/10/cgroup": "0::/user.slice/user-0.slice/user@0.service\n",
		"proc/11/stat": "11 (broken",
	})
	compare(t, lines(see(t, At(root, now)), Service),
		"11-20 11:00:00|service|a) b (|process a) b ( (9) was started", "11-20 10:13:20|service|nginx.service|process nginx (7) was started")
}

func TestMessages(t *testing.T) {
	s := At(host(t, map[string]string{"proc/stat": stat}), now)
	s.log = func(context.Context) ([]message, string) {
		return []message{
			{5 * time.Second, "ena 0000:00:05.0 eth0: Link is Up"},
			{20 * time.Hour, "ixgbe 0000:01:00.0 eth0: NIC Link is Down"},
			{21 * time.Hour, "ixgbe 0000:01:00.0 eth0: NIC Link is Down"},
			{21*time.Hour + 3*time.Second, "ixgbe 0000:01:00.0 eth0: NIC Link is Up 10 Gbps, Flow Control: RX/TX"},
			{22 * time.Hour, "IPv6: ADDRCONF(NETDEV_CHANGE): veth12: link becomes ready"},
			{22 * time.Hour, "bond0: (slave eth1): link status definitely down, disabling slave"},
			{23 * time.Hour, "NETDEV WATCHDOG: eth2 (e1000e): transmit queue 0 timed out"},
			{23*time.Hour + time.Minute, "Out of memory: Killed process 12 (java) total-vm:1kB"},
			{23*time.Hour + 2*time.Minute, "foo: loading out-of-tree module taints kernel."},
			{23 * time.Hour, "nothing that matters"},
		}, ""
	}
	r := see(t, s)
	compare(t, append(append(lines(r, Link), lines(r, Service)...), lines(r, Module)...),
		"11-20 11:00:00|link|eth2|the transmit queue stood still, the driver resets the NIC",
		"11-20 10:00:00|link|eth1|the link of a bond's member went down",
		"11-20 09:00:03|link|eth0|the link came up",
		"11-20 09:00:00|link|eth0|the link went down, 2 times since the boot",
		"11-20 11:01:00|service|java|a process was killed for want of memory",
		"11-20 11:02:00|module|foo|a module that is not of this kernel was loaded")
}

func TestFacts(t *testing.T) {
	s := At(host(t, map[string]string{"proc/stat": stat, "var/log/dpkg.log": "2026-11-20 11:47:00 install b:amd64 <none> 1\n"}), now)
	f := factsOf(s, see(t, s))
	facttest.InVocabulary(t, vocabulary, f)
	row := f.Tables["change"][0]
	for field, want := range map[string]any{"name": "b", "kind": Package, "ago_s": 780.0, "ago": "13 min", "time": "2026-11-20 11:47:00 UTC", "is": "1", "was": nil} {
		if row[field] != want {
			t.Errorf("%s = %v, want %v", field, row[field], want)
		}
	}
	if up := f.Values["host.uptime_s"].Now; up != 86400.0 || f.Values["host.uptime"].Now != "24 h" || f.Values["changes.last_day"].Now != 1.0 {
		t.Errorf("values %v", f.Values)
	}
	empty := At(t.TempDir(), now)
	if f := factsOf(empty, see(t, empty)); len(f.Tables["change"]) != 0 || f.Values["host.uptime_s"].Now != nil {
		t.Errorf("an empty tree shows %v %v", f.Values, f.Tables)
	}
}

// However much there is, the newest of every kind remain.
func TestMany(t *testing.T) {
	var log strings.Builder
	for i := range 3000 {
		log.WriteString(now.Add(time.Duration(i-3000)*5*time.Minute).Format(time.DateTime) + " install nginx" + strings.Repeat("x", i%9) + ":amd64 <none> 1\n")
		log.WriteString("2026-11-01 00:00:00 install zzz:amd64 <none> 1\n") // goes back: a run of its own
	}
	r := see(t, At(host(t, map[string]string{"proc/stat": stat, "var/log/dpkg.log": log.String()}), now))
	if n := len(lines(r, Package)); n != maxOfKind || len(lines(r, Boot)) != 1 {
		t.Errorf("%d packages, boots %v", n, lines(r, Boot))
	}
}

func TestCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := At(t.TempDir(), now).Look(ctx); err == nil {
		t.Error("no error although the time was over")
	}
	if _, err := At("/nowhere/at/all", now).Look(context.Background()); err == nil {
		t.Error("no error for a directory that is not there")
	}
}

func FuzzPackageLogs(f *testing.F) {
	f.Add([]byte("2026-11-20 08:00:01 upgrade nginx:amd64 1 2\n"))
	f.Add([]byte("2026-11-20T09:00:01+0100 SUBDEBUG Upgrade: nginx-1:1.20.1-14.el9.x86_64\nNov 19 10:00:00 Updated: 12:d-4-83.x\n"))
	f.Add([]byte("2026-11-20 09:00:00|install|n|1\n[2026-11-20T09:00:01+0000] [ALPM] upgraded linux (6 -> 7)\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, m := range managers {
			for _, run := range runs(parseLog(b, m, time.UTC, now)) {
				rows := told(run, m.log)
				if len(rows) == 0 || len(rows) > maxNamed+1 {
					t.Errorf("%d rows of %v", len(rows), run)
				}
				for _, c := range rows {
					if c.Name == "" || c.At.IsZero() && run[0].at.Year() > 1 {
						t.Errorf("%+v", c)
					}
				}
			}
		}
	})
}

func FuzzProcess(f *testing.F) {
	f.Add("7 (a) b) S 1 7 7 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 800 0 0", "eth0: Link is Up")
	f.Fuzz(func(t *testing.T, stat, text string) {
		if _, ticks, ok := parseStart(stat); ok && ticks >= 1<<48 {
			t.Errorf("%d ticks", ticks)
		}
		lower := strings.ToLower(text)
		for _, s := range signs {
			if strings.Contains(lower, s.words) && s.subject(lower, text) == lower && lower != s.words {
				t.Errorf("all of %q as the subject", text)
			}
		}
		parseBoot(strings.NewReader(text))
		if c := fact.Clean(text, maxName); len(c) > maxName || strings.ContainsAny(c, "\x1b\n\x00") {
			t.Errorf("%q", c)
		}
	})
}

// What was read at the start of a session grows older with it.
func TestGrowsOlder(t *testing.T) {
	s := At(host(t, map[string]string{"proc/stat": stat}), now)
	r := see(t, s)
	f := fact.New(now.Add(time.Hour), 15)
	s.Facts([]fact.Reading{{At: now, Data: r}}, f)
	if up := f.Values["host.uptime_s"].Now; up != 86400.0+3615 || f.Tables["change"][0]["ago_s"] != up {
		t.Errorf("up for %v, booted %v ago", up, f.Tables["change"][0]["ago_s"])
	}
}

func TestRefusedDirectory(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Skip("root may read every directory")
	}
	root := host(t, map[string]string{"etc/wireguard/wg0.conf": "", "etc/hosts": ""})
	if err := os.Chmod(filepath.Join(root, "etc/wireguard"), 0); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.Chmod(filepath.Join(root, "etc/wireguard"), 0o755) })
	r := see(t, At(root, time.Now()))
	if len(r.Blind) == 0 || r.Blind[0].What != "changed files in /etc/wireguard" || len(lines(r, NetworkFile)) != 1 {
		t.Errorf("blind %v, files %v", r.Blind, lines(r, NetworkFile))
	}
}

func TestTooManyFiles(t *testing.T) {
	files := map[string]string{}
	for i := range maxEntries + 1 {
		files["etc/haproxy/"+strconv.Itoa(i)] = ""
	}
	r := see(t, At(host(t, files), time.Now()))
	if len(lines(r, ServiceFile)) != maxOfKind || len(r.Blind) == 0 || !strings.Contains(r.Blind[0].What, "too many") {
		t.Errorf("%d files, blind %v", len(lines(r, ServiceFile)), r.Blind)
	}
}
