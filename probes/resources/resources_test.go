package resources

import (
	"context"
	"math"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"whydrop/probes/fact"
)

// tree makes files below a root.
func tree(t *testing.T, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	for name, text := range files {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func see(t *testing.T, s *Source) *Reading {
	t.Helper()
	d, err := s.Look(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return d.(*Reading)
}

// factsOf derives facts from readings taken a second apart.
func factsOf(rs ...*Reading) *fact.Facts {
	start := time.Unix(1700000000, 0)
	f := fact.New(start, float64(len(rs)-1))
	var readings []fact.Reading
	for i, r := range rs {
		readings = append(readings, fact.Reading{At: start.Add(time.Duration(i) * time.Second), Data: r})
	}
	New().Facts(readings, f)
	return f
}

func check(t *testing.T, f *fact.Facts, want map[string]any) {
	t.Helper()
	for name, w := range want {
		got := f.Values[name].Now
		if g, ok := got.(float64); ok {
			if w, ok := w.(float64); ok && math.Abs(g-w) < 1e-9 {
				continue
			}
		}
		if got != w {
			t.Errorf("%s = %v, want %v", name, got, w)
		}
	}
}

const procStat = `cpu  300 0 100 1000 50 0 50 10 0 0
cpu0 200 0 50 500 25 0 40 10 0 0
cpu2 100 0 50 500 25 0 10 0 0 0
intr 1 2 3
ctxt 4
btime 1700000000
processes 5
procs_running 5
procs_blocked 0
softirq 1 2 3
`

// A host with cgroup v2, CPU 1 offline and Linux 5.10.
func host(t *testing.T) string {
	return tree(t, map[string]string{
		"proc/stat":                        procStat,
		"proc/softirqs":                    "                    CPU0       CPU1       CPU2\n          HI:          0          0          1\n      NET_RX:        100          7         50\n",
		"proc/meminfo":                     "MemTotal:        8000 kB\nMemFree:         1000 kB\nMemAvailable:    2000 kB\n",
		"proc/vmstat":                      "nr_free_pages 1\nallocstall_dma 1\nallocstall_normal 2\nallocstall_movable 3\noom_kill 4\noom_kill_other 9\n",
		"proc/pressure/cpu":                "some avg10=1.35 avg60=1.37 avg300=1.00 total=1000000\n",
		"proc/pressure/memory":             "some avg10=0.00 avg60=0.01 avg300=0.12 total=14\nfull avg10=0.00 avg60=0.00 avg300=0.10 total=13\n",
		"proc/self/mountinfo":              "31 23 0:28 / /sys/fs/cgroup rw,relatime shared:4 - cgroup2 cgroup2 rw,nsdelegate\n",
		"proc/sys/net/core/somaxconn":      "4096\n",
		"proc/sys/net/core/netdev_budget":  "300\n",
		"proc/77/comm":                     "nginx\n",
		"etc/os-release":                   "NAME=\"Debian\"\nPRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\n",
		"sys/fs/cgroup/cgroup.procs":       "1\n",
		"sys/fs/cgroup/cgroup.controllers": "cpuset cpu io memory\n",
		"sys/fs/cgroup/a/cpu.max":          "max 100000\n",
		"sys/fs/cgroup/a/cpu.stat":         "usage_usec 5\nnr_periods 0\nnr_throttled 0\nthrottled_usec 0\n",
		"sys/fs/cgroup/a/b/cpu.max":        "20000 100000\n",
		"sys/fs/cgroup/a/b/cpu.stat":       "usage_usec 5\nnr_periods 50\nnr_throttled 40\nthrottled_usec 2000000\n",
		"sys/fs/cgroup/a/b/cgroup.procs":   "77\n0\n",
	})
}

func TestHost(t *testing.T) {
	root := host(t)
	s := at(root)
	first := see(t, s)
	if f := factsOf(first); f.Values["memory.oom_kills"].Now != nil || f.Values["cpu.busy"].Now != nil || f.Tables["cgroup"] != nil {
		t.Errorf("growth after a single look: %v", f.Values)
	}
	replace := func(file, from, to string) {
		t.Helper()
		path := filepath.Join(root, file)
		b, err := os.ReadFile(path)
		if err != nil || !strings.Contains(string(b), from) {
			t.Fatalf("%s: %v, no %q", file, err, from)
		}
		if err := os.WriteFile(path, []byte(strings.ReplaceAll(string(b), from, to)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	// cpu0: 80 of 100 ticks busy, 30 of them softirq, 10 stolen. cpu2: idle.
	replace("proc/stat", "cpu0 200 0 50 500 25 0 40 10", "cpu0 240 0 50 515 30 0 70 20")
	replace("proc/stat", "cpu2 100 0 50 500 25 0 10 0", "cpu2 100 0 50 600 25 0 10 0")
	replace("proc/stat", "procs_running 5", "procs_running 1")
	replace("proc/softirqs", "100          7         50", "130          7         60")
	replace("proc/pressure/cpu", "total=1000000", "total=1250000")
	replace("proc/vmstat", "oom_kill 4", "oom_kill 6")
	replace("proc/vmstat", "allocstall_normal 2", "allocstall_normal 12")
	s.n = cgroupEvery // the next look is one at the quotas
	replace("sys/fs/cgroup/a/b/cpu.stat", "nr_periods 50\nnr_throttled 40\nthrottled_usec 2000000", "nr_periods 60\nnr_throttled 48\nthrottled_usec 2600000")
	last := see(t, s)
	last.Quotas.At = first.Quotas.At.Add(time.Second)
	f := factsOf(first, last)
	check(t, f, map[string]any{
		"host.os": "Debian GNU/Linux 12 (bookworm)", "host.cpus": 2.0, "host.container": false,
		"cpu.busy": 0.4, "cpu.busy_max": 0.8, "cpu.softirq_max": 0.3, "cpu.steal": 0.05, "cpu.runnable_per_cpu": 1.0,
		"psi.cpu_some": 0.25, "psi.memory_full": 0.0, "memory.available_share": 0.25,
		"memory.oom_kills": 2.0, "memory.alloc_stalls": 10.0,
		"softirq.net_rx": 40.0, "softirq.net_rx_max_share": 0.75, "cgroup.throttled_max": 0.6,
	})
	rows := f.Tables["cgroup"]
	if len(rows) != 1 || rows[0]["name"] != "/a/b" || rows[0]["periods"] != 10.0 || rows[0]["throttled"] != 8.0 ||
		rows[0]["throttled_share"] != 0.8 || rows[0]["throttled_ms"] != 600.0 || rows[0]["processes"] != "nginx" {
		t.Errorf("cgroup = %v", rows)
	}
	if len(f.Tables["cpuload"]) != 2 || f.Tables["cpuload"][1]["name"] != "cpu2" {
		t.Errorf("cpuload = %v", f.Tables["cpuload"])
	}
	if *f.Values["memory.oom_kills"].Total != 6 {
		t.Error("oom_kill is not the total since boot")
	}
}

func TestWhatIsMissingIsUnknown(t *testing.T) {
	root := tree(t, map[string]string{"proc/stat": "cpu0 1 2 3 4 5 6 7 8\n"})
	s := at(root)
	f := factsOf(see(t, s), see(t, s))
	check(t, f, map[string]any{
		"memory.available_share": nil, "memory.oom_kills": nil, "psi.cpu_some": nil, "cgroup.throttled_max": nil,
		"cpu.runnable_per_cpu": nil, "softirq.net_rx": nil, "host.container": nil, "host.cpus": 1.0, "cpu.busy": nil,
	})
	if len(f.Blind) != 2 {
		t.Errorf("blind = %v, want pressure and quotas", f.Blind)
	}
	if _, err := at(t.TempDir()).Look(context.Background()); err == nil {
		t.Error("no error without /proc")
	}
}

func TestContainers(t *testing.T) {
	for what, c := range map[string]struct {
		files map[string]string
		want  any
	}{
		"Docker":                  {map[string]string{".dockerenv": "", "proc/sys/net/core/netdev_budget": ""}, true},
		"Podman":                  {map[string]string{"run/.containerenv": ""}, true},
		"another netns":           {map[string]string{"proc/sys/net/core/somaxconn": ""}, true},
		"the first netns":         {map[string]string{"proc/sys/net/core/somaxconn": "", "proc/sys/net/core/netdev_budget": ""}, false},
		"sysctls are not visible": {nil, nil},
	} {
		files := map[string]string{"proc/stat": procStat}
		for k, v := range c.files {
			files[k] = v
		}
		f := factsOf(see(t, at(tree(t, files))))
		if got := f.Values["host.container"].Now; got != c.want {
			t.Errorf("%s: %v, want %v", what, got, c.want)
		}
	}
}

// With cgroup v1 the quota has two files, and time is in nanoseconds. The
// hierarchy is found through process 1 when a new /sys hides it.
func TestQuotasOfVersion1(t *testing.T) {
	root := tree(t, map[string]string{
		"proc/stat":                                procStat,
		"proc/self/mountinfo":                      "31 23 0:28 / /sys rw - sysfs sysfs rw\n62 27 0:38 / /mnt/v2 rw - cgroup2 none rw\n",
		"mnt/v2/cgroup.controllers":                "\n",
		"proc/1/mountinfo":                         "32 31 0:29 / /cg/unified rw - cgroup2 cgroup2 rw\n33 31 0:30 / /cg/cpu rw - cgroup cgroup rw,cpu,cpuacct\n",
		"proc/1/root/cg/unified/cgroup.procs":      "1\n",
		"proc/1/root/cg/cpu/cpu.cfs_quota_us":      "-1\n",
		"proc/1/root/cg/cpu/cpu.cfs_period_us":     "100000\n",
		"proc/1/root/cg/cpu/pod/cpu.cfs_quota_us":  "50000\n",
		"proc/1/root/cg/cpu/pod/cpu.cfs_period_us": "50000\n",
		"proc/1/root/cg/cpu/pod/cpu.stat":          "nr_periods 7\nnr_throttled 3\nthrottled_time 1500000000\n",
	})
	q := see(t, at(root)).Quotas
	if q == nil || len(q.Groups) != 1 {
		t.Fatalf("%+v", q)
	}
	g := q.Groups[0]
	if g.Path != "/pod" || g.Length != 50*time.Millisecond || g.Periods != 7 || g.Stopped != 3 || g.For != 1500*time.Millisecond {
		t.Errorf("%+v", g)
	}
}

func TestQuotaGrowth(t *testing.T) {
	at := func(s int, g ...Quota) *Quotas { return &Quotas{At: time.Unix(int64(s), 0), Groups: g} }
	length := 100 * time.Millisecond
	for _, c := range []struct {
		what  string
		looks []*Quotas
		most  any
		rows  int
	}{
		{"no quotas", []*Quotas{at(0), at(5)}, 0.0, 0},
		{"a group that came during the window", []*Quotas{at(0), at(5, Quota{Path: "/a", Length: length, Stopped: 9})}, 0.0, 0},
		{"a group made anew", []*Quotas{at(0, Quota{Path: "/a", Periods: 500, Stopped: 400}), at(5, Quota{Path: "/a", Length: length, Periods: 20, Stopped: 10, For: time.Hour})}, 0.2, 1},
		{"stopped a moment in each period", []*Quotas{at(0, Quota{Path: "/a"}), at(10, Quota{Path: "/a", Length: length, Periods: 100, Stopped: 100, For: time.Second})}, 0.1, 1},
		{"a single look", []*Quotas{at(0, Quota{Path: "/a"})}, nil, 0},
	} {
		t.Run(c.what, func(t *testing.T) {
			var rs []*Reading
			for _, q := range c.looks {
				rs = append(rs, &Reading{Quotas: q}, &Reading{Quotas: q})
			}
			f := factsOf(rs...)
			check(t, f, map[string]any{"cgroup.throttled_max": c.most})
			if len(f.Tables["cgroup"]) != c.rows {
				t.Errorf("%v", f.Tables["cgroup"])
			}
		})
	}
}

func TestSteps(t *testing.T) {
	cpu := func(busy, idle uint64) *Reading { return &Reading{CPUs: []CPU{{Busy: busy, All: busy + idle}}} }
	for _, c := range []struct {
		what  string
		looks []*Reading
		want  any
	}{
		{"idle time that falls is left out", []*Reading{cpu(10, 90), cpu(11, 50), cpu(61, 100)}, 0.5},
		{"two looks in one tick", []*Reading{cpu(10, 90), cpu(10, 90)}, nil},
		{"a CPU that came", []*Reading{cpu(10, 90), {CPUs: []CPU{{Busy: 20, All: 120}, {ID: 1, Busy: 500, All: 500}}}}, 0.5},
	} {
		t.Run(c.what, func(t *testing.T) { check(t, factsOf(c.looks...), map[string]any{"cpu.busy": c.want}) })
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(procStat))
	f.Add([]byte("NET_RX: 1 2 3\nallocstall 4\noom_kill 1\ncpu0 1 1 1 1 1 1 1 18446744073709551615\nnr_periods 4\n"))
	f.Add([]byte("version 17\ntimestamp 4297299139\ncpu0 0 0 0 0 0 0 1000 2000 3\ndomain0 MC 3 0 0\n"))
	f.Add([]byte("    NET_TX:  1 2\n    NET_RX:  3\ncpu3 1 1 1 1 1 1 1 1 1\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		cpus, _, err := parseStat(b)
		if err == nil && len(cpus) == 0 {
			t.Error("no CPU and no error")
		}
		r := &Reading{CPUs: cpus, VM: parseVMStat(b), Waited: parseSchedstat(b)}
		r.NetRX, r.NetTX = parseSoftirqs(b)
		parseFlat(b)
		prettyName(string(b))
		got := factsOf(&Reading{CPUs: []CPU{{}}, NetRX: []uint64{0}, NetTX: []uint64{0}, Waited: map[int]uint64{0: 0}}, r)
		for _, name := range []string{"cpu.busy", "cpu.steal", "cpu.softirq_max"} {
			if v, ok := got.Num(name); ok && (v < 0 || v > 1) {
				t.Errorf("%s = %v", name, v)
			}
		}
	})
}

// Where /proc shows processes only, the rest is told and the want said once.
func TestProcessesOnly(t *testing.T) {
	f := factsOf(see(t, at(tree(t, map[string]string{"proc/1/comm": "init\n", "etc/os-release": "PRETTY_NAME=\"Some Linux\"\n"}))))
	if f.Values["host.os"].Now != "Some Linux" {
		t.Errorf("host.os = %v", f.Values["host.os"])
	}
	if v, ok := f.Num("host.cpus"); ok {
		t.Errorf("%v CPUs, want unknown", v)
	}
	said := 0
	for _, b := range f.Blind {
		if b.Needs == "a /proc mounted without subset=pid" {
			said++
		}
	}
	if said != 1 {
		t.Errorf("blind = %v", f.Blind)
	}
}

// FuzzFiles puts anything into the files that are read whole: pressure, memory,
// and those of a control group.
func FuzzFiles(f *testing.F) {
	f.Add([]byte("some avg10=0.00 avg60=0.00 avg300=0.00 total=12\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=3\n"))
	f.Add([]byte("MemTotal:       16384 kB\nMemAvailable:   8192 kB\n"))
	f.Add([]byte("nr_periods 4\nnr_throttled 2\nthrottled_usec 100\n"))
	f.Add([]byte("100000 100000"))
	f.Fuzz(func(t *testing.T, b []byte) {
		s := string(b)
		root := tree(t, map[string]string{
			"proc/stat": procStat, "proc/meminfo": s, "proc/pressure/cpu": s, "proc/pressure/memory": s,
			"group/cpu.max": s, "group/cpu.stat": s, "group/cgroup.procs": s,
		})
		d, err := at(root).Look(context.Background())
		if err != nil {
			return
		}
		c := cgroups{root: root, mount: root, tried: true}
		r := d.(*Reading)
		r.Quotas = c.look(context.Background())
		got := factsOf(r, r)
		if v, ok := got.Num("memory.available_share"); ok && v < 0 {
			t.Errorf("memory.available_share = %v", v)
		}
	})
}

func TestSchedstat(t *testing.T) {
	got := parseSchedstat([]byte("version 15\ntimestamp 4297299139\ncpu0 0 0 9 9 9 9 80 2500000 7\ndomain0 03 1 2 3\ncpu1 1 2 3\n"))
	if len(got) != 1 || got[0] != 2500000 {
		t.Errorf("got %v, want 2500000 ns for cpu0 and nothing for a line that is cut off", got)
	}
	cpu := func(all, wait, tx uint64) *Reading {
		return &Reading{CPUs: []CPU{{All: all}}, Waited: map[int]uint64{0: wait}, NetTX: []uint64{tx}}
	}
	row := factsOf(cpu(100, 1e6, 5), cpu(200, 4e6, 9)).Tables["cpuload"][0]
	for field, want := range map[string]any{"waited_ms": 3.0, "waited_ms_total": 4.0, "net_tx": 4.0, "net_tx_total": 9.0, "net_rx": nil} {
		if row[field] != want {
			t.Errorf("%s = %v, want %v", field, row[field], want)
		}
	}
}

// This host: sockets of a process are recognised without reading the list of
// all sockets.
func TestOwnsTCP(t *testing.T) {
	netns, err := os.Readlink("/proc/thread-self/ns/net")
	if err != nil {
		t.Skip(err)
	}
	owns, err := ownsTCP("/proc/self", netns)
	if err != nil {
		t.Skip(err)
	}
	if owns {
		t.Skip("the test was started with a TCP socket open")
	}
	l := listen(t)
	defer l.Close()
	for ns, want := range map[string]bool{netns: true, "": true, "net:[1]": false} {
		if owns, err := ownsTCP("/proc/self", ns); err != nil || owns != want {
			t.Errorf("seen from %q: owns %v, %v; want %v", ns, owns, err, want)
		}
	}
}

func BenchmarkLook(b *testing.B) {
	s := New()
	for b.Loop() {
		if _, err := s.Look(context.Background()); err != nil {
			b.Skip(err)
		}
	}
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Skip("no loopback: ", err)
	}
	return l
}
