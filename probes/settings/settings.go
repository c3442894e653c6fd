// Package settings reads the sysctls that matter for lost packets, as this
// network namespace sees them; those that all namespaces share, in the host's first
// one, where it may be entered.
package settings

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"whydrop/probes/fact"
	"whydrop/probes/namespaces"
)

const (
	name = "settings"
	// maxValue bounds one value, in bytes: ip_local_reserved_ports can be long.
	maxValue = 4096
	// maxInterfaces bounds how many interfaces' rp_filter are read.
	maxInterfaces = 1000
)

// Source reads sysctls. Most of them need no privilege.
type Source struct {
	root string // /proc/sys
	// first opens the host's first network namespace.
	first func() (ns *os.File, pid int, err error)
}

// New returns a source that reads /proc/sys.
func New() *Source { return &Source{root: "/proc/sys", first: namespaces.First} }

// Name is "settings".
func (*Source) Name() string { return name }

// Reads names the files.
func (*Source) Reads() string { return "/proc/sys/net, /proc/sys/vm/min_free_kbytes, sysinfo(2)" }

// Pace is EndsOnly: somebody may change a setting during the session.
func (*Source) Pace() fact.Pace { return fact.EndsOnly }

// Reading is one look at the sysctls.
type Reading struct {
	// Values holds what the files contain, by the sysctl's name. A sysctl that
	// does not exist here is missing.
	Values map[string]string
	// Refused holds the sysctls that exist but may not be read here.
	Refused []string
	// RPFilter is net.ipv4.conf.*.rp_filter as the files have it, by interface,
	// "all" among them. Nil if the directory can't be read.
	RPFilter map[string]string
	// Pages is the memory of the machine, in pages (sysinfo(2)). 0 if unknown.
	Pages uint64
	// Cut is set if there were more interfaces than were read.
	Cut bool
}

// Look reads every sysctl once. It is skipped where /proc/sys/net does not exist.
func (s *Source) Look(ctx context.Context) (any, error) {
	if _, err := os.Stat(filepath.Join(s.root, "net")); err != nil {
		return nil, fact.Unavailable("/proc/sys/net", "a /proc mounted without subset=pid")
	}
	r := &Reading{Values: map[string]string{}}
	for _, k := range keys() {
		v, err := s.value(k)
		switch {
		case err == nil:
			r.Values[k] = v
		case !errors.Is(err, fs.ErrNotExist):
			r.Refused = append(r.Refused, k)
		}
	}
	s.shared(r)
	s.rpFilter(ctx, r)
	var info unix.Sysinfo_t
	if unix.Sysinfo(&info) == nil {
		r.Pages = uint64(info.Totalram) * uint64(info.Unit) / uint64(os.Getpagesize())
	}
	return r, ctx.Err()
}

// shared reads what only the host's first network namespace shows, where this is
// another one and that one may be entered.
func (s *Source) shared(r *Reading) {
	missing := slices.DeleteFunc(slices.Clone(firstOnly), func(k string) bool { _, here := r.Values[k]; return here })
	if len(missing) == 0 {
		return
	}
	first, _, err := s.first()
	if err != nil {
		return
	}
	defer first.Close()
	_ = namespaces.Inside(first, func() error { // where it may not be entered they stay unknown
		for _, k := range missing {
			if v, err := s.value(k); err == nil {
				r.Values[k] = v
			}
		}
		return nil
	})
}

// value reads one sysctl. The dots of its name are directories.
func (s *Source) value(key string) (string, error) {
	return readValue(filepath.Join(s.root, strings.ReplaceAll(key, ".", "/")))
}

func readValue(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxValue))
	return strings.TrimSpace(string(b)), err
}

// rpFilter reads the reverse-path filter of every interface but lo, which never
// filters: what a host sends to itself is not looked up again.
func (s *Source) rpFilter(ctx context.Context, r *Reading) {
	dir := filepath.Join(s.root, "net/ipv4/conf")
	d, err := os.Open(dir)
	if err != nil {
		return
	}
	defer d.Close()
	names, err := d.Readdirnames(maxInterfaces + 1)
	if err != nil && !errors.Is(err, io.EOF) {
		return
	}
	r.RPFilter = map[string]string{}
	for i, n := range names {
		if i == maxInterfaces || ctx.Err() != nil {
			r.Cut = true
			break
		}
		if n == "default" || n == "lo" {
			continue
		}
		// An interface may go while we look.
		if v, err := readValue(filepath.Join(dir, n, "rp_filter")); err == nil {
			r.RPFilter[n] = v
		}
	}
	if _, ok := r.RPFilter["all"]; !ok {
		if v, err := s.value("net.ipv4.conf.all.rp_filter"); err == nil {
			r.RPFilter["all"] = v
		}
	}
}
