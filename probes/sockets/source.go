// Package sockets looks at every TCP socket of the host's network namespace and at
// the processes behind the ones that matter.
//
// The kernel's counters say that segments are lost or connections refused; the
// sockets say whose. One look costs about a microsecond and a half a socket, and
// the memory kept from look to look about 120 bytes a socket.
package sockets

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"whydrop/probes/fact"
	"whydrop/probes/procfile"
	"whydrop/probes/sockets/inetdiag"
)

// Source reads TCP sockets over NETLINK_SOCK_DIAG (inet_diag), or from
// /proc/net/tcp where that is not to be had, and their owners from /proc/PID. Of
// connections that begin and end between two looks, the kernel tells the last
// figures when they end; where these are too many, only its counters have them.
type Source struct {
	procRoot string
	sysRoot  string
	dial     func() (dumper, error)
	follow   func() (follower, error)

	conn   dumper
	closed closed
	sweep  sweep
	shared shared
	owners owners
	holes  watcher
	// leaveOut is how many looks more need not look for TIME-WAIT of IPv6.
	leaveOut int
	buffer   procfile.Buffer
}

// dumper is what is used of inetdiag.Conn.
type dumper interface {
	Dump(ctx context.Context, r inetdiag.Request, visit func(*inetdiag.Socket)) (interrupted bool, err error)
	Close() error
}

// New returns the source for the network namespace of the thread that makes the
// first look.
func New() *Source {
	s := &Source{
		procRoot: "/proc", sysRoot: "/sys/fs/cgroup",
		dial:   func() (dumper, error) { return inetdiag.Dial() },
		follow: func() (follower, error) { return inetdiag.Subscribe() },
	}
	s.holes.dial = func() (asker, error) { return inetdiag.Dial() }
	s.sweep.init()
	return s
}

// Name implements fact.Source.
func (s *Source) Name() string { return "sockets" }

// Reads implements fact.Source.
func (s *Source) Reads() string {
	return "NETLINK_SOCK_DIAG (tcp_info, skmem; sockets that end), or /proc/net/tcp; /proc/net/{snmp,netstat}; /proc/PID/{fd,stat,limits,cgroup}"
}

// Look implements fact.Source; its reading is a *Reading. Errors: the context's,
// and where neither inet_diag nor /proc/net/tcp can be read.
func (s *Source) Look(ctx context.Context) (any, error) {
	r := &Reading{}
	runtime.LockOSThread() // whose CPU time is told
	defer runtime.UnlockOSThread()
	begin := threadCPU()
	r.Holes = s.holes.collect()
	s.settings(r)
	s.sweep.begin(r)
	s.closed.begin(s.follow)
	s.shared.begin()
	err := s.dump(ctx, r)
	s.shared.end(err)
	if err != nil {
		return nil, err
	}
	if r.Proc == "" {
		s.closed.read(ctx, &s.sweep)
	}
	s.sweep.finish()
	if r.Proc == "" {
		s.holes.begin(r.Flows, &s.sweep.least)
	}
	r.MIB = readMIB(s.procRoot, &s.buffer)
	s.owners.look(ctx, s.procRoot, s.sysRoot, r)
	r.CPU = threadCPU() - begin
	return r, nil
}

// visit takes one socket of the look.
func (s *Source) visit(k *inetdiag.Socket) {
	if s.shared.collecting {
		s.shared.pairs.Add(k)
	}
	s.sweep.socket(k)
}

// dump visits all sockets, with inet_diag if it can.
func (s *Source) dump(ctx context.Context, r *Reading) error {
	err := s.diag(ctx, r)
	if err == nil || ctx.Err() != nil || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	s.sweep.abandon()
	s.sweep.begin(r)
	s.shared.pairs.Take() // half of them
	r.Proc = err.Error()
	path := filepath.Join(s.procRoot, "thread-self/net")
	err4 := inetdiag.ReadProc(ctx, filepath.Join(path, "tcp"), s.visit)
	err6 := inetdiag.ReadProc(ctx, filepath.Join(path, "tcp6"), s.visit)
	switch {
	case err4 == nil && (err6 == nil || errors.Is(err6, os.ErrNotExist)):
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	}
	return errors.Join(err, err4, err6)
}

// diag dumps IPv6 first: a socket that listens on both families is in there, and
// which ports listen has to be known before the connections pass by.
func (s *Source) diag(ctx context.Context, r *Reading) (err error) {
	if s.conn == nil {
		if s.conn, err = s.dial(); err != nil {
			s.conn = nil
			return err
		}
	}
	families := []uint8{unix.AF_INET6, unix.AF_INET}
	if s.noIPv6() {
		families = families[1:]
	}
	for _, family := range families {
		before := s.sweep.shown
		_, err := s.conn.Dump(ctx, inetdiag.Request{
			Family: family, States: inetdiag.AllStates,
			Extensions: inetdiag.WithInfo | inetdiag.WithMemory | inetdiag.WithCong,
		}, s.visit)
		if err != nil {
			s.conn.Close()
			s.conn = nil
			s.sweep.abandon()
			return err
		}
		if family == unix.AF_INET6 && s.sweep.shown == before {
			s.leaveOut = emptyFor
		}
	}
	return nil
}

// noIPv6 says whether there is no IPv6 TCP socket: then a seventh of the work can
// be left out. TIME-WAIT sockets are not in "inuse", and are counted for both
// families together; so if there are any, they are looked for now and then.
func (s *Source) noIPv6() bool {
	b, err := s.buffer.Read(s.procRoot, "thread-self/net/sockstat6", maxMIB)
	if errors.Is(err, os.ErrNotExist) {
		return true
	}
	if err != nil || !bytes.HasPrefix(b, []byte("TCP6: inuse 0\n")) {
		s.leaveOut = 0
		return false
	}
	if b, err = s.buffer.Read(s.procRoot, "thread-self/net/sockstat", maxMIB); err == nil && bytes.Contains(b, []byte(" tw 0 ")) {
		return true
	}
	s.leaveOut--
	return s.leaveOut >= 0
}

// emptyFor is how many looks leave IPv6 out after one that found nothing of it.
const emptyFor = 8

// settings reads the few sysctls without which the sockets can't be judged.
func (s *Source) settings(r *Reading) {
	if n := s.sysctl("net/ipv4/ip_local_port_range"); len(n) == 2 && n[0] <= n[1] && n[1] <= 0xffff {
		r.PortRange = [2]uint16{uint16(n[0]), uint16(n[1])}
		r.PortsReserved = s.reservedPorts(n[0], n[1])
	}
	if n := s.sysctl("net/core/somaxconn"); len(n) == 1 {
		r.Somaxconn = uint32(n[0])
	}
	if n := s.sysctl("net/ipv4/tcp_rmem"); len(n) == 3 {
		r.RmemDefault, r.RmemMax = uint32(n[1]), uint32(n[2])
	}
}

// reservedPorts is how many of the ports from first to last the kernel gives to
// nobody by itself: ip_local_reserved_ports, which it prints in order and without
// overlaps, as in "8080,9148-9150".
func (s *Source) reservedPorts(first, last uint64) uint32 {
	b, err := os.ReadFile(filepath.Join(s.procRoot, "sys/net/ipv4/ip_local_reserved_ports"))
	if err != nil {
		return 0
	}
	var reserved uint64
	for part := range strings.SplitSeq(strings.TrimSpace(string(b)), ",") {
		low, high, isRange := strings.Cut(part, "-")
		if !isRange {
			high = low
		}
		from, err1 := strconv.ParseUint(low, 10, 16)
		to, err2 := strconv.ParseUint(high, 10, 16)
		if from, to = max(from, first), min(to, last); err1 == nil && err2 == nil && from <= to {
			reserved += to - from + 1
		}
	}
	return uint32(min(reserved, last-first+1))
}

// sysctl reads the numbers of a file below /proc/sys, or none.
func (s *Source) sysctl(name string) []uint64 {
	b, err := os.ReadFile(filepath.Join(s.procRoot, "sys", name))
	if err != nil {
		return nil
	}
	var numbers []uint64
	for _, word := range bytes.Fields(b) {
		n, err := strconv.ParseUint(string(word), 10, 32)
		if err != nil {
			return nil
		}
		numbers = append(numbers, n)
	}
	return numbers
}

var _ fact.Source = (*Source)(nil)
