package resources

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/procfs"
	"golang.org/x/sys/unix"

	"whydrop/probes/procfile"
)

const (
	// maxGroups bounds the control groups with a quota that are watched.
	maxGroups = 500
	// maxWalk bounds the control groups that are searched for a quota, and
	// walkTime how long that may take.
	maxWalk  = 5000
	walkTime = 100 * time.Millisecond
	// searchAgain is after how many looks at the quotas the groups are searched
	// again: 16 looks are half a minute.
	searchAgain = 16
	// maxAsked bounds the processes of a group that are named and whose sockets
	// are looked for, maxSockets the file descriptors of one of them.
	maxAsked   = 16
	maxSockets = 64
)

// Quota is what the CPU controller has counted of one control group.
type Quota struct {
	Path    string        // below the mount
	Length  time.Duration // of one enforcement period
	Periods uint64        // periods in which the group ran
	Stopped uint64        // periods in which the quota stopped it
	For     time.Duration // time stopped, all CPUs' run queues together
	// Processes are the names of some processes in it or below.
	Processes []string
	// Listens tells whether one of them is in this network namespace and owns a
	// TCP socket; nil if that was not to be seen.
	Listens *bool
}

// Quotas are the control groups with a CPU quota.
type Quotas struct {
	At     time.Time
	Groups []Quota
	// Unseen is set where there are control groups but none could be read.
	Unseen bool
	// Cut is set if not all control groups were searched.
	Cut bool
}

// cgroups finds and reads the control groups with a CPU quota.
type cgroups struct {
	root  string
	mount string // of the hierarchy that has the CPU controller
	v1    bool
	tried bool

	known []string // directories below mount of the groups with a quota
	cut   bool
	looks int
	about map[string]members
}

// members is what is known of a group's processes.
type members struct {
	names   []string
	listens *bool
}

// look reads all quotas. It returns nil on a host without a CPU controller.
func (c *cgroups) look(ctx context.Context) *Quotas {
	if !c.tried {
		c.tried = true
		c.findMount()
	}
	q := &Quotas{At: time.Now()}
	if c.mount == "" {
		q.Unseen = true
		return q
	}
	if c.looks%searchAgain == 0 {
		c.search(ctx)
	}
	c.looks++
	q.Cut = c.cut
	for _, path := range c.known {
		if g, ok := c.quota(path); ok {
			if g.Stopped > 0 {
				m := c.membersOf(path)
				g.Processes, g.Listens = m.names, m.listens
			}
			q.Groups = append(q.Groups, g)
		}
		if ctx.Err() != nil {
			break
		}
	}
	return q
}

// findMount finds the hierarchy with the CPU controller: cgroup v1's where it is
// mounted, else v2's. Where this process sees none, as in a /sys that `ip netns
// exec` mounted, the views of its ancestors and of process 1 are tried.
func (c *cgroups) findMount() {
	proc, err := procfs.NewFS(filepath.Join(c.root, "proc"))
	if err != nil {
		return
	}
	own, _ := proc.GetMounts()
	if c.choose(c.root, own) {
		return
	}
	for _, view := range procfile.Views(filepath.Join(c.root, "proc")) {
		if mounts, err := proc.GetProcMounts(view.PID); err == nil && c.choose(view.Root, mounts) {
			return
		}
	}
}

// choose takes the mount with the CPU controller, if there is one below view.
func (c *cgroups) choose(view string, mounts []*procfs.MountInfo) bool {
	for _, v1 := range []bool{true, false} {
		for _, m := range mounts {
			if dir := filepath.Join(view, m.MountPoint); hasCPU(m, dir, v1) {
				c.mount, c.v1 = dir, v1
				return true
			}
		}
	}
	return false
}

// hasCPU tells whether a mount shows the CPU controller and can be read. The
// controller is in one hierarchy only: beside cgroup v1, a mounted v2 lacks it.
func hasCPU(m *procfs.MountInfo, dir string, v1 bool) bool {
	if !v1 {
		return m.FSType == "cgroup2" && slices.Contains(strings.Fields(oneLine(dir, "cgroup.controllers")), "cpu")
	}
	_, cpu := m.SuperOptions["cpu"]
	if m.FSType != "cgroup" || !cpu {
		return false
	}
	_, err := os.ReadDir(dir)
	return err == nil
}

// search walks the hierarchy and notes the groups that have a quota.
func (c *cgroups) search(ctx context.Context) {
	until := time.Now().Add(walkTime)
	c.known, c.cut, c.about = nil, false, map[string]members{}
	walked := 0
	_ = filepath.WalkDir(c.mount, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() {
			return nil // gone, or not ours to read
		}
		walked++
		if walked > maxWalk || len(c.known) >= maxGroups || ctx.Err() != nil || time.Now().After(until) {
			c.cut = true
			return fs.SkipAll
		}
		if _, ok := c.period(path); ok {
			c.known = append(c.known, path)
		}
		return nil
	})
}

// period returns the length of a group's enforcement period, and false if it has
// no quota.
func (c *cgroups) period(dir string) (time.Duration, bool) {
	var quota, period string
	if c.v1 {
		quota, period = oneLine(dir, "cpu.cfs_quota_us"), oneLine(dir, "cpu.cfs_period_us")
	} else {
		quota, period, _ = strings.Cut(oneLine(dir, "cpu.max"), " ")
	}
	us, err := strconv.ParseUint(period, 10, 32)
	limit, err2 := strconv.ParseInt(quota, 10, 64) // "max" or -1 without a quota
	return time.Duration(us) * time.Microsecond, err == nil && err2 == nil && limit > 0 && us > 0
}

// quota reads what one group's quota has done (cpu.stat).
func (c *cgroups) quota(dir string) (Quota, bool) {
	length, ok := c.period(dir)
	if !ok {
		return Quota{}, false
	}
	b, err := small(filepath.Join(dir, "cpu.stat"))
	if err != nil {
		return Quota{}, false
	}
	stat := parseFlat(b)
	periods, ok1 := stat["nr_periods"]
	stopped, ok2 := stat["nr_throttled"]
	g := Quota{Path: "/" + rel(c.mount, dir), Length: length, Periods: periods, Stopped: stopped}
	if ns, ok := stat["throttled_time"]; ok {
		g.For = time.Duration(ns)
	} else {
		g.For = time.Duration(stat["throttled_usec"]) * time.Microsecond
	}
	return g, ok1 && ok2
}

func rel(base, dir string) string {
	r, err := filepath.Rel(base, dir)
	if err != nil || r == "." {
		return ""
	}
	return bound(r)
}

// membersOf names some of a group's processes and looks for their TCP sockets.
// What was found is kept until the groups are searched again.
func (c *cgroups) membersOf(dir string) members {
	if m, ok := c.about[dir]; ok {
		return m
	}
	var m members
	seen := map[string]bool{}
	hidden := false
	// The thread's own, at every search: a thread can change its namespace.
	netns, _ := os.Readlink(filepath.Join(c.root, "proc/thread-self/ns/net"))
	for _, pid := range processes(dir) {
		proc := filepath.Join(c.root, "proc", pid)
		if comm := oneLine(proc, "comm"); comm != "" && !seen[comm] {
			seen[comm] = true
		}
		owns, err := ownsTCP(proc, netns)
		hidden = hidden || errors.Is(err, fs.ErrPermission)
		if owns {
			yes := true
			m.listens = &yes
		}
	}
	if m.listens == nil && !hidden && len(seen) > 0 {
		no := false
		m.listens = &no
	}
	m.names = slices.Sorted(maps.Keys(seen))
	c.about[dir] = m
	return m
}

// processes returns some process numbers of a group and the groups below it.
func processes(dir string) []string {
	var pids []string
	n := 0
	_ = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() {
			return nil
		}
		b, _ := small(filepath.Join(path, "cgroup.procs"))
		for _, pid := range bytes.Fields(b) {
			// 0 stands for a process of another process namespace.
			if s := string(pid); s != "0" && len(pids) < maxAsked {
				pids = append(pids, s)
			}
		}
		if n++; n > 64 || len(pids) == maxAsked {
			return fs.SkipAll
		}
		return nil
	})
	return pids
}

// ownsTCP reports whether a process is in a network namespace ("net:[4026531840]",
// "" for any) and has a TCP socket open, by the name that sockfs gives as an
// extended attribute. It takes the right to trace the process.
func ownsTCP(proc, netns string) (bool, error) {
	theirs, err := os.Readlink(filepath.Join(proc, "ns/net"))
	if err != nil {
		return false, err
	}
	if netns != "" && theirs != netns {
		return false, nil
	}
	d, err := os.Open(filepath.Join(proc, "fd"))
	if err != nil {
		return false, err
	}
	defer d.Close()
	names, err := d.Readdirnames(maxSockets)
	if err != nil && !errors.Is(err, io.EOF) {
		return false, err
	}
	var proto [16]byte
	for _, fd := range names {
		n, err := unix.Getxattr(filepath.Join(proc, "fd", fd), "system.sockprotoname", proto[:])
		// TCP, TCPv6, MPTCP, MPTCPv6.
		if err == nil && bytes.HasPrefix(bytes.TrimPrefix(proto[:n], []byte("MP")), []byte("TCP")) {
			return true, nil
		}
	}
	return false, nil
}

// small reads a file of up to 64 KiB.
func small(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, 64<<10))
}

// oneLine returns a file's first line without the line break, "" if there is
// none.
func oneLine(dir, file string) string {
	b, err := small(filepath.Join(dir, file))
	if err != nil {
		return ""
	}
	line, _, _ := bytes.Cut(b, []byte{'\n'})
	return bound(string(line))
}
