// Package filters reads what may drop packets by intent: nftables and iptables
// rules with their counters, connection tracking, and BPF programs at XDP, tc
// and cgroup hooks.
//
// Rules need CAP_NET_ADMIN. Connection tracking counters, XDP and tc programs
// are there for every user.
package filters

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"whydrop/probes/fact"
	"whydrop/probes/links/dump"
)

const (
	probe = "filters"

	lookLimit     = 3 * time.Second         // a look that takes longer is given up
	rulesEvery    = 2400 * time.Millisecond // the longest pause between two readings of the rules
	rulesShare    = 50                      // rules may take 1/50 of the time
	programsEvery = 2400 * time.Millisecond
)

// Reading is what one look showed.
type Reading struct {
	Conntrack Conntrack
	// Firewall is nil when the rules were not read in this look. Looks between
	// which no rule was changed share one.
	Firewall *Firewall `json:",omitempty"`
	// Packets are the counters of Firewall.Rules, in the same order.
	Packets []uint64 `json:",omitempty"`
	// Programs is nil when they were not read in this look.
	Programs *Programs `json:",omitempty"`
}

// Firewall is the part of a reading of the rules that does not count.
type Firewall struct {
	Total int    // rules in all tables
	Rules []Rule // those that can drop, reject or limit, and that a hook leads to
	// Denied are the backends whose rules this user may not read.
	Denied []string `json:",omitempty"`
	// Trouble says what else went wrong.
	Trouble []string `json:",omitempty"`
}

func (fw *Firewall) equal(other *Firewall) bool {
	return fw.Total == other.Total && slices.Equal(fw.Rules, other.Rules) &&
		slices.Equal(fw.Denied, other.Denied) && slices.Equal(fw.Trouble, other.Trouble)
}

// Source looks at connection tracking on every tick, and at rules and programs
// as often as their number allows.
type Source struct {
	procRoot string
	modules  string // /lib/modules/RELEASE/modules.builtin
	now      func() time.Time

	pending      atomic.Bool // a look is still under way
	rulesNext    time.Time
	programsNext time.Time
	last         *Firewall
}

// New returns the source for the network namespace of the calling thread.
func New() *Source { return &Source{procRoot: "/proc", now: time.Now, modules: builtinModules()} }

// Name is "filters".
func (s *Source) Name() string { return probe }

// Reads says what is read.
func (s *Source) Reads() string {
	return "nf_tables netlink, ip_tables getsockopt, /proc/sys/net/netfilter, /proc/net/stat/nf_conntrack, BPF_PROG_QUERY"
}

// Look reads once. The requests are made by a goroutine in the caller's network
// namespace that Look stops waiting for after 3 s: a driver that hangs can hold
// up those for links, and no time limit reaches into the kernel.
func (s *Source) Look(ctx context.Context) (any, error) {
	if !s.pending.CompareAndSwap(false, true) {
		return nil, errors.New("the kernel has not answered the last look at filters yet")
	}
	ns, err := os.Open(filepath.Join(s.procRoot, "thread-self/ns/net"))
	if err != nil {
		s.pending.Store(false)
		return nil, fmt.Errorf("own network namespace: %w", err)
	}
	type looked struct {
		reading *Reading
		err     error
	}
	done := make(chan looked, 1)
	go func() {
		r, err := s.lookIn(ns)
		s.pending.Store(false)
		done <- looked{r, err}
	}()
	ctx, cancel := context.WithTimeout(ctx, lookLimit)
	defer cancel()
	select {
	case l := <-done:
		if l.err != nil {
			return nil, l.err
		}
		return l.reading, nil
	case <-ctx.Done():
		return nil, fmt.Errorf("the kernel did not answer: %w", ctx.Err())
	}
}

// lookIn looks in the network namespace ns, and closes the file. A panic becomes
// an error: some decoders are other people's, and what they decode may be of a
// later kernel.
func (s *Source) lookIn(ns *os.File) (r *Reading, err error) {
	defer ns.Close()
	defer func() {
		if p := recover(); p != nil {
			r, err = nil, fmt.Errorf("an answer of the kernel could not be decoded: %v", p)
		}
	}()
	leave, err := enter(ns)
	if err != nil {
		return nil, err
	}
	defer leave()
	return s.look(), nil
}

// enter binds the goroutine to a thread in the network namespace ns. Only a
// caller that has changed its own namespace makes a change necessary here.
func enter(ns *os.File) (leave func(), err error) {
	runtime.LockOSThread()
	var want, have unix.Stat_t
	if err := unix.Fstat(int(ns.Fd()), &want); err != nil {
		return nil, fmt.Errorf("network namespace: %w", err)
	}
	if err := unix.Stat("/proc/thread-self/ns/net", &have); err != nil {
		return nil, fmt.Errorf("network namespace: %w", err)
	}
	if want.Ino == have.Ino && want.Dev == have.Dev {
		return runtime.UnlockOSThread, nil
	}
	if err := unix.Setns(int(ns.Fd()), unix.CLONE_NEWNET); err != nil {
		return nil, fmt.Errorf("network namespace: %w", err)
	}
	return func() {}, nil // still locked, so the thread ends with the goroutine
}

func (s *Source) look() *Reading {
	r := &Reading{Conntrack: readConntrack(s.procRoot)}
	start := s.now()
	if !start.Before(s.rulesNext) {
		r.Firewall, r.Packets = s.firewall()
		if s.last != nil && s.last.equal(r.Firewall) {
			r.Firewall = s.last
		}
		s.last = r.Firewall
		s.rulesNext = start.Add(min(s.now().Sub(start)*rulesShare, rulesEvery))
	}
	if !start.Before(s.programsNext) {
		r.Programs = s.programs()
		s.programsNext = start.Add(programsEvery)
	}
	return r
}

func (s *Source) programs() *Programs {
	handle, err := netlink.NewHandle(unix.NETLINK_ROUTE)
	if err != nil {
		return nil
	}
	defer handle.Close()
	root, own := findCgroups(s.procRoot)
	p, err := readPrograms(handle, root, own)
	if err != nil {
		return nil
	}
	return p
}

// firewall reads the rules of all backends.
func (s *Source) firewall() (*Firewall, []uint64) {
	fw := &Firewall{}
	var packets []uint64
	add := func(backend string, chains []*chain, err error) {
		if errors.Is(err, os.ErrPermission) {
			if !slices.Contains(fw.Denied, backend) {
				fw.Denied = append(fw.Denied, backend)
			}
			return
		}
		if err != nil {
			fw.Trouble = append(fw.Trouble, err.Error())
		}
		for _, c := range chains {
			fw.Total += len(c.rules)
		}
		rules, counts := resolve(chains)
		fw.Rules, packets = append(fw.Rules, rules...), append(packets, counts...)
	}
	if s.has("nf_tables") {
		chains, err := s.nftables()
		add("nftables", chains, err)
	}
	for i := range xtFamilies {
		chains, err := s.xtables(&xtFamilies[i])
		add("iptables-legacy", chains, err)
	}
	return fw, packets
}

func (s *Source) nftables() ([]*chain, error) {
	conn, err := dump.Dial(unix.NETLINK_NETFILTER, lookLimit)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	return readNFT(nft{conn})
}

// xtables reads the tables that the kernel lists, and no others: to ask for one
// would load its module.
func (s *Source) xtables(fam *xtFamily) ([]*chain, error) {
	b, err := os.ReadFile(filepath.Join(s.procRoot, "thread-self/net", fam.names))
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	names := strings.Fields(string(b))
	if len(names) == 0 {
		return nil, nil
	}
	fd, err := unix.Socket(fam.domain, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("socket for %s_tables: %w", fam.name, err)
	}
	defer unix.Close(fd)
	var all []*chain
	for _, name := range names {
		chains, err := readXTables(fd, fam, name)
		if err != nil {
			return all, err
		}
		all = append(all, chains...)
	}
	return all, nil
}

func builtinModules() string {
	var u unix.Utsname
	if unix.Uname(&u) != nil {
		return ""
	}
	return filepath.Join("/lib/modules", unix.ByteSliceToString(u.Release[:]), "modules.builtin")
}

// has tells whether a module is loaded or built in. A request to one that is
// not would load it, which is a change of the host. When it can't be told, the
// answer is yes.
func (s *Source) has(module string) bool {
	loaded, err := os.ReadFile(filepath.Join(s.procRoot, "modules"))
	if err != nil || strings.Contains("\n"+string(loaded), "\n"+module+" ") {
		return true
	}
	builtin, err := os.ReadFile(s.modules)
	return err != nil || strings.Contains(string(builtin), "/"+module+".ko")
}

var _ fact.Source = (*Source)(nil)
