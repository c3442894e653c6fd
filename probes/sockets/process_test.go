package sockets

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"whydrop/probes/fact"
)

func TestParseStat(t *testing.T) {
	const line = "812 (my (odd) name) T 1 812 812 0 -1 4194560 1 2 3 4 250 150 0 0 20 0 17 0 98765 1 2 18446744073709551615"
	p, ok := parseStat([]byte(line))
	want := Process{Name: "my (odd) name", State: "T", Threads: 17, Ticks: 400, Start: 98765}
	if !ok || p != want {
		t.Errorf("got %+v %v, want %+v", p, ok, want)
	}
	for _, bad := range []string{"", "1 (x", "1 (x) R 1 2", ")1 (", "1 (x) R a b c d e f g h i j k l m n o p q r s t u"} {
		if p, ok := parseStat([]byte(bad)); ok {
			t.Errorf("%q was read as %+v", bad, p)
		}
	}
}

func TestParseFileLimit(t *testing.T) {
	for limits, want := range map[string]int64{
		"Limit                     Soft Limit           Hard Limit           Units     \n" +
			"Max open files            1024                 524288               files     \n": 1024,
		"Max open files            unlimited            unlimited            files     \n": -1,
		"Max open files": -1,
		"":               -1,
	} {
		if got := parseFileLimit([]byte(limits)); got != want {
			t.Errorf("%q: got %d, want %d", limits, got, want)
		}
	}
}

func TestThrottling(t *testing.T) {
	for name, c := range map[string]struct {
		cgroup string
		files  map[string]string
		want   int64 // microseconds
	}{
		"version 2": {"0::/web/api\n", map[string]string{
			"web/api/cpu.stat": "usage_usec 9\nnr_periods 10\nnr_throttled 4\nthrottled_usec 1500\n",
			"web/cpu.stat":     "usage_usec 9\nnr_periods 0\nnr_throttled 0\nthrottled_usec 0\n",
		}, 1500},
		"quota above": {"0::/web/api\n", map[string]string{
			"web/api/cpu.stat": "usage_usec 9\n",
			"web/cpu.stat":     "nr_periods 10\nnr_throttled 4\nthrottled_usec 700\n",
		}, 700},
		"version 1": {"4:memory:/m\n3:cpu,cpuacct:/web\n0::/other\n", map[string]string{
			"cpu,cpuacct/web/cpu.stat": "nr_periods 10\nnr_throttled 4\nthrottled_time 2500000\n",
		}, 2500},
		"no quota":         {"0::/web\n", map[string]string{"web/cpu.stat": "usage_usec 5\n"}, -1},
		"outside of here":  {"0::/../../x\n", map[string]string{"x/cpu.stat": "throttled_usec 1\n"}, -1},
		"container's root": {"0::/\n", map[string]string{"cpu.stat": "nr_periods 1\nthrottled_usec 8\n"}, 8},
		"malformed":        {"x\n0::\n\n", map[string]string{"cpu.stat": "throttled_usec x\nthrottled_usec -3\n"}, -1},
	} {
		t.Run(name, func(t *testing.T) {
			dir := procWith(t, map[string]string{"cgroup": c.cgroup})
			p := Process{Throttled: -1}
			p.throttling(cpuStatFiles(dir, []string{filepath.Join(dir, "none"), procWith(t, c.files)}))
			if p.Throttled != c.want {
				t.Errorf("throttled for %d us, want %d", p.Throttled, c.want)
			}
		})
	}
}

func TestProcessesOfAListener(t *testing.T) {
	start := time.Unix(1000, 0)
	look := func(i int, processes ...Process) fact.Reading {
		return fact.Reading{Data: &Reading{
			Look: uint32(i + 1), Grown: i > 0, Listeners: []Listener{{Cookie: 7, Inode: 42, Limit: 128}},
			Processes: processes, ProcessesAt: start.Add(time.Duration(i) * time.Second),
			Owners: map[uint32][]int{42: {10, 11}}, Names: map[int]string{10: "nginx"},
		}}
	}
	master := func(ticks int64) Process {
		return Process{PID: 10, State: "S", Threads: 1, FDs: 20, FDLimit: 1024, Ticks: ticks, Throttled: -1, Periods: -1, Waited: -1}
	}
	worker := func(ticks, throttled int64) Process {
		return Process{
			PID: 11, State: "R", Threads: 4, FDs: 1000, FDLimit: 1024, Ticks: ticks,
			Throttled: throttled, Periods: throttled / 50_000, ThrottledPeriods: throttled / 100_000, Waited: throttled * 500,
		}
	}
	f := fact.New(start, 2)
	New().Facts([]fact.Reading{
		look(0, master(5), worker(100, 0)), look(1, master(5), worker(150, 400_000)), look(2, master(5), worker(200, 1_000_000)),
	}, f)
	row := f.Tables["listener"][0]
	for field, want := range map[string]any{
		"process": "nginx", "pid": 10.0, "threads": 5.0, "fds": 1000.0, "fd_limit": 1024.0, "fd_share": 1000.0 / 1024,
		"cpu_share": 0.5, "throttled_share": 0.5, "throttled_periods_share": 0.5, "stopped": false,
		"cpu_wait_share": 0.25,
	} {
		if row[field] != want {
			t.Errorf("%s is %v, want %v", field, row[field], want)
		}
	}
}

func TestStoppedAtEveryLook(t *testing.T) {
	for states, want := range map[string]bool{"TTT": true, "TDT": true, "TST": false, "SSS": false} {
		h := &history{}
		for _, state := range states {
			h.looks = append(h.looks, Process{State: string(state)})
		}
		if h.stopped() != want {
			t.Errorf("%s: stopped is %v", states, !want)
		}
	}
}

// TestOwnersAreFoundThroughLinks walks a /proc in which two processes share a socket.
func TestOwnersAreFoundThroughLinks(t *testing.T) {
	root := procWith(t, map[string]string{
		"10/comm": "master\n", "11/comm": "worker\n", "12/comm": "other\n", "self/x": "", "10/fd/x": "", "11/fd/x": "", "12/fd/x": "",
	})
	for path, target := range map[string]string{
		"10/fd/3": "socket:[42]", "11/fd/9": "socket:[42]", "11/fd/10": "socket:[43]", "12/fd/1": "pipe:[42]", "12/fd/2": "socket:[x]",
	} {
		if err := os.Symlink(target, filepath.Join(root, path)); err != nil {
			t.Fatal(err)
		}
	}
	var o owners
	r := &Reading{Listeners: []Listener{{Inode: 42}}}
	o.look(context.Background(), root, "none", r)
	if pids := r.Owners[42]; len(pids) != 2 || pids[0] != 10 || pids[1] != 11 || r.Names[11] != "worker" || r.Unfinished || r.Hidden {
		t.Errorf("owners %v, names %v, unfinished %v, hidden %v", r.Owners, r.Names, r.Unfinished, r.Hidden)
	}
	if len(r.Owners) != 1 {
		t.Errorf("owners of sockets that nobody asked for: %v", r.Owners)
	}
	r = &Reading{}
	if o.look(context.Background(), root, "none", r); len(o.pids) != 0 {
		t.Errorf("still remembered: %v", o.pids)
	}
}

func FuzzParseStat(f *testing.F) {
	f.Add([]byte("812 (x) R 1 812 812 0 -1 4194560 1 2 3 4 250 150 0 0 20 0 17 0 98765 1"))
	f.Add([]byte(") ("))
	f.Fuzz(func(t *testing.T, b []byte) {
		if p, ok := parseStat(b); ok && (len(p.Name) > maxNameLength || len(p.State) != 1) {
			t.Errorf("%+v", p)
		}
		parseFileLimit(b)
	})
}
