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
	"slices"
	"strings"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"whydrop/probes/fact"
)

const (
	probe = "filters"

	lookLimit     = 3 * time.Second         // an answer is not waited for longer
	programsEvery = 2400 * time.Millisecond // between two looks at BPF programs
)

// Reading is what one look showed.
type Reading struct {
	Conntrack Conntrack
	// Firewall is nil if the rules were not read. Looks between which no rule was
	// changed share one.
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

// Source looks at connection tracking and rules at every look, and at programs
// every few seconds. Rules are decoded when they have changed; else only their
// counters are read.
type Source struct {
	procRoot string
	sysRoot  string
	modules  string // /lib/modules/RELEASE/modules.builtin
	now      func() time.Time

	programsNext time.Time
	nft          *nftPart
	xt           map[string]xtTable // by family and table
	parts        []*part            // that last was made of
	last         *Firewall
}

// New returns the source for the network namespace of the calling thread.
func New() *Source {
	return &Source{procRoot: "/proc", sysRoot: "/sys", now: time.Now, modules: builtinModules()}
}

// Name is "filters".
func (s *Source) Name() string { return probe }

// Reads says what is read.
func (s *Source) Reads() string {
	return "nf_tables netlink, ip_tables getsockopt, /proc/sys/net/netfilter, /proc/net/stat/nf_conntrack, BPF_PROG_QUERY"
}

// Look reads once, in the network namespace of the calling thread.
func (s *Source) Look(context.Context) (any, error) { return s.look(), nil }

func (s *Source) look() *Reading {
	r := &Reading{Conntrack: readConntrack(s.procRoot)}
	r.Firewall, r.Packets = s.firewall()
	start := s.now()
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

// firewall reads the rules of all backends. Looks between which no rule was
// changed share one Firewall.
func (s *Source) firewall() (*Firewall, []uint64) {
	fw := &Firewall{}
	var parts []*part
	add := func(backend string, found []*part, err error) {
		if errors.Is(err, os.ErrPermission) {
			if !slices.Contains(fw.Denied, backend) {
				fw.Denied = append(fw.Denied, backend)
			}
			return
		}
		if err != nil {
			fw.Trouble = append(fw.Trouble, err.Error())
		}
		parts = append(parts, found...)
	}
	if s.has("nf_tables") {
		found, err := s.nftables()
		add("nftables", []*part{found}, err)
	}
	for i := range xtFamilies {
		found, err := s.xtables(&xtFamilies[i])
		add("iptables-legacy", found, err)
	}
	parts = slices.DeleteFunc(parts, func(p *part) bool { return p == nil })
	var packets []uint64
	for _, p := range parts {
		packets = append(packets, p.packets...)
	}
	if s.last != nil && slices.Equal(parts, s.parts) &&
		slices.Equal(fw.Denied, s.last.Denied) && slices.Equal(fw.Trouble, s.last.Trouble) {
		return s.last, packets
	}
	for _, p := range parts {
		fw.Total += p.total
		fw.Rules = append(fw.Rules, p.rules...)
	}
	s.parts, s.last = parts, fw
	return fw, packets
}

// xtables reads the tables that the kernel lists, and no others: to ask for one
// would load its module.
func (s *Source) xtables(fam *xtFamily) ([]*part, error) {
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
	var all []*part
	for _, name := range names {
		p, err := s.readXTables(fd, fam, name)
		if err != nil {
			return all, err
		}
		all = append(all, p)
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
// answer is yes. /sys/module answers at once for what is loaded.
func (s *Source) has(module string) bool {
	if _, err := os.Stat(filepath.Join(s.sysRoot, "module", module)); err == nil {
		return true
	}
	loaded, err := os.ReadFile(filepath.Join(s.procRoot, "modules"))
	if err != nil || strings.Contains("\n"+string(loaded), "\n"+module+" ") {
		return true
	}
	builtin, err := os.ReadFile(s.modules)
	return err != nil || strings.Contains(string(builtin), "/"+module+".ko")
}

var _ fact.Source = (*Source)(nil)
