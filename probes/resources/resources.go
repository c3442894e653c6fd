// Package resources reads what the host has to work with: CPU time, pressure,
// memory, and the CPU quotas of control groups.
package resources

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/prometheus/procfs"
	"golang.org/x/sys/unix"

	"whydrop/probes/fact"
	"whydrop/probes/procfile"
)

const (
	name = "resources"
	// maxFile bounds what is read of one file, in bytes: /proc/stat of a host
	// with thousands of interrupts has about 100 KiB.
	maxFile = 4 << 20
	// cgroupEvery is at which look the control groups are read again.
	cgroupEvery = 4
)

// Source reads /proc and the control groups. It needs no privilege, except to
// see the processes of others in a control group.
type Source struct {
	root  string // "/"; tests have one of their own
	proc  procfs.FS
	host  *Host
	cg    *cgroups
	n     int
	last  *Quotas
	files procfile.Buffer
}

// New returns a source that reads this host.
func New() *Source { return at("/") }

func at(root string) *Source { return &Source{root: root, cg: &cgroups{root: root}} }

// Name is "resources".
func (*Source) Name() string { return name }

// Reads names the files.
func (*Source) Reads() string {
	return "/proc/{stat,softirqs,schedstat,meminfo,vmstat,pressure/*}, /etc/os-release, cpu.stat of the cgroups with a quota"
}

// Host is what does not change while the program runs.
type Host struct {
	Kernel string // uname -r
	OS     string // PRETTY_NAME of /etc/os-release
	// Container is set when this is not the first network or process namespace,
	// or a container runtime left its marks. Nil if that can't be told.
	Container *bool
}

// Reading is one look. What could not be read is nil, and said in Unread.
type Reading struct {
	Host *Host
	CPUs []CPU // those online
	// Running is procs_running: the tasks that run or wait for a CPU, the one
	// that reads among them.
	Running *uint64
	NetRX   []uint64 // NET_RX softirqs by CPU, of all possible CPUs
	NetTX   []uint64 // NET_TX softirqs
	// Waited is for how long tasks have waited for each CPU, in nanoseconds.
	Waited map[int]uint64
	// Stalled is the time, in microseconds, that PSI counts: "cpu_some",
	// "memory_some", "memory_full".
	Stalled map[string]uint64
	// Available and Total memory, in bytes.
	Available, Total *uint64
	// VM holds oom_kill (Linux 4.13) and allocstall (all zones together) of
	// /proc/vmstat.
	VM     map[string]uint64
	Quotas *Quotas // the same as before at three looks out of four
	Unread []Unread
}

// Unread is something that could not be read.
type Unread struct{ What, Needs string }

func (r *Reading) miss(what, needs string) {
	r.Unread = append(r.Unread, Unread{what, needs})
}

// Look reads the host once. It fails if /proc/stat holds something else than it
// should.
func (s *Source) Look(ctx context.Context) (any, error) {
	if s.host == nil {
		var err error
		if s.proc, err = procfs.NewFS(filepath.Join(s.root, "proc")); err != nil {
			return nil, fact.Unavailable("/proc", "a mounted /proc")
		}
		s.host = s.lookAtHost()
	}
	r := &Reading{Host: s.host}
	if err := s.cpus(r); err != nil {
		return nil, err
	}
	if b, err := s.read("proc/softirqs"); err == nil {
		r.NetRX, r.NetTX = parseSoftirqs(b)
	}
	if b, err := s.read("proc/schedstat"); err == nil {
		r.Waited = parseSchedstat(b)
	}
	s.pressure(r)
	if m, err := s.proc.Meminfo(); err == nil {
		r.Available, r.Total = m.MemAvailableBytes, m.MemTotalBytes
	}
	if b, err := s.read("proc/vmstat"); err == nil {
		r.VM = parseVMStat(b)
	}
	if s.n%cgroupEvery == 0 {
		s.last = s.cg.look(ctx)
	}
	s.n++
	r.Quotas = s.last
	return r, ctx.Err()
}

// cpus reads CPU time. Without /proc/stat the rest is still told.
func (s *Source) cpus(r *Reading) error {
	b, err := s.read("proc/stat")
	if errors.Is(err, fs.ErrNotExist) {
		r.miss("CPU time, softirqs, pressure and memory (/proc/stat)", "a /proc mounted without subset=pid")
		return nil
	}
	if err != nil {
		return fmt.Errorf("reading CPU time: %w", err)
	}
	if r.CPUs, r.Running, err = parseStat(b); err != nil {
		return fmt.Errorf("/proc/stat: %w", err)
	}
	return nil
}

// pressure reads PSI. The files are there but unreadable when PSI is built in
// and off.
func (s *Source) pressure(r *Reading) {
	for _, res := range []string{"cpu", "memory"} {
		p, err := s.proc.PSIStatsForResource(res)
		if err != nil && r.CPUs == nil {
			return // /proc shows processes only, which has been said
		}
		if err != nil {
			r.miss("pressure (/proc/pressure)", "a kernel with PSI, and psi=1 on its command line")
			return
		}
		if r.Stalled == nil {
			r.Stalled = map[string]uint64{}
		}
		if p.Some != nil {
			r.Stalled[res+"_some"] = p.Some.Total
		}
		if p.Full != nil && res == "memory" {
			r.Stalled[res+"_full"] = p.Full.Total
		}
	}
}

// read returns a file's content; it is valid until the next read.
func (s *Source) read(file string) ([]byte, error) { return s.files.Read(s.root, file, maxFile) }

func (s *Source) lookAtHost() *Host {
	h := &Host{}
	var u unix.Utsname
	if unix.Uname(&u) == nil {
		h.Kernel = unix.ByteSliceToString(u.Release[:])
	}
	for _, file := range []string{"etc/os-release", "usr/lib/os-release"} {
		if b, err := s.read(file); err == nil {
			h.OS = prettyName(string(b))
			break
		}
	}
	h.Container = s.container()
	return h
}

// prettyName is the PRETTY_NAME of os-release(5), at most 200 bytes.
func prettyName(text string) string {
	for line := range strings.Lines(text) {
		if v, ok := strings.CutPrefix(strings.TrimSpace(line), "PRETTY_NAME="); ok {
			return bound(strings.Trim(v, `"'`))
		}
	}
	return ""
}

// bound shortens what comes from outside.
func bound(s string) string { return strings.ToValidUTF8(s[:min(len(s), 200)], "") }

// firstPIDNamespace is the inode of the first process namespace
// (include/linux/proc_ns.h, PROC_PID_INIT_INO).
const firstPIDNamespace = "pid:[4026531836]"

// container tells whether this is a container. net.core.netdev_budget exists in
// the first network namespace only.
func (s *Source) container() *bool {
	yes, no := true, false
	for _, mark := range []string{".dockerenv", "run/.containerenv"} {
		if _, err := os.Stat(filepath.Join(s.root, mark)); err == nil {
			return &yes
		}
	}
	pid, err := os.Readlink(filepath.Join(s.root, "proc/self/ns/pid"))
	if err == nil && pid != firstPIDNamespace {
		return &yes
	}
	if _, err := os.Stat(filepath.Join(s.root, "proc/sys/net/core/somaxconn")); err != nil {
		return nil
	}
	if _, err := os.Stat(filepath.Join(s.root, "proc/sys/net/core/netdev_budget")); err != nil {
		return &yes
	}
	return &no
}
