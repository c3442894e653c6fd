// Package namespaces reads what the kernel counts in the other network
// namespaces of this host: those of containers and pods. Each has TCP/IP
// counters of its own, and a drop in one does not show in another.
package namespaces

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/prometheus/procfs"

	"whydrop/probes/fact"
)

const (
	// name is the probe's name.
	name = "namespaces"
	// most bounds how many namespaces are read: a host with more is read in part,
	// and says so.
	most = 512
)

// Source reads the other network namespaces through one process of each. It
// needs the right to look at other users' processes.
type Source struct{ proc string }

// New returns a source over /proc.
func New() *Source { return &Source{proc: "/proc"} }

// Name is "namespaces".
func (*Source) Name() string { return name }

// Reads names the files.
func (*Source) Reads() string { return "/proc/PID/ns/net, /proc/PID/net/{snmp,netstat}" }

// Pace is at both ends of an observation: a host can have hundreds of pods.
func (*Source) Pace() fact.Pace { return fact.EndsOnly }

// Reading is one look at all other namespaces.
type Reading struct {
	Namespaces map[string]Namespace // by "net:[inode]"
	Hidden     int                  // processes whose namespace may not be seen
	Skipped    int                  // namespaces beyond the bound
}

// Namespace is one network namespace, seen through a process in it.
type Namespace struct {
	PID     int
	Process string // comm of that process
	Counts  Counts
}

// Look reads the counters of every network namespace that a visible process is
// in, but for the one of this thread.
func (s *Source) Look(ctx context.Context) (any, error) {
	own, err := os.Readlink(filepath.Join(s.proc, "thread-self/ns/net"))
	if err != nil {
		return nil, fact.Unavailable("network namespaces", "/proc with the processes' ns directories")
	}
	entries, err := os.ReadDir(s.proc)
	if err != nil {
		return nil, fmt.Errorf("reading the list of processes: %w", err)
	}
	r := &Reading{Namespaces: map[string]Namespace{}}
	seen := map[string]bool{own: true}
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		ns, err := os.Readlink(filepath.Join(s.proc, e.Name(), "ns/net"))
		switch {
		case errors.Is(err, fs.ErrPermission):
			r.Hidden++
			continue
		case err != nil || ns == "" || seen[ns]: // gone meanwhile, a kernel thread, or known
			continue
		case len(r.Namespaces) == most:
			seen[ns] = true
			r.Skipped++
			continue
		}
		if n, ok := s.namespace(pid); ok {
			seen[ns] = true
			r.Namespaces[ns] = n
		}
	}
	return r, nil
}

// namespace reads the counters of the namespace that a process is in; not ok if
// the process is gone or hidden: another one may stand for it.
func (s *Source) namespace(pid int) (n Namespace, ok bool) {
	dir := filepath.Join(s.proc, strconv.Itoa(pid))
	pfs, err := procfs.NewFS(s.proc)
	if err != nil {
		return n, false
	}
	p, err := pfs.Proc(pid)
	if err != nil {
		return n, false
	}
	snmp, err := p.Snmp()
	if err != nil {
		return n, false
	}
	netstat, err := p.Netstat()
	if err != nil {
		return n, false
	}
	comm, _ := os.ReadFile(filepath.Join(dir, "comm"))
	return Namespace{PID: pid, Process: strings.TrimSpace(string(comm)), Counts: countsOf(&snmp, &netstat)}, true
}
