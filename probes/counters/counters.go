// Package counters reads what the kernel counts of TCP/IP in this network
// namespace (/proc/net/snmp, snmp6, netstat, sockstat, xfrm_stat, tls_stat) and,
// host-wide, what it
// counts per CPU and per neighbour table (/proc/net/softnet_stat,
// /proc/net/stat/arp_cache and ndisc_cache).
package counters

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"whydrop/probes/fact"
	"whydrop/probes/procfile"
)

const (
	// name is the probe's name.
	name = "counters"
	// maxFile bounds what is read of one file, in bytes. The largest of them,
	// net/dev, has about 130 bytes a device.
	maxFile = 1 << 20
)

// Source reads the kernel's counters. It needs no privilege.
type Source struct {
	root    string // the directory that holds net/: /proc/thread-self
	proc    string // /proc
	sysfs   string // holds module/: /sys
	layouts layouts
	files   procfile.Buffer
	outside []string          // /proc/PID of a process in the first namespace; nil: not looked for
	copies  map[string][]byte // read in place of files if it is not nil
}

// New returns a source that reads the network namespace of the calling thread.
func New() *Source { return &Source{root: "/proc/thread-self", proc: "/proc", sysfs: "/sys"} }

// Name is "counters".
func (*Source) Name() string { return name }

// Reads names the files.
func (*Source) Reads() string {
	return "/proc/net/{snmp,snmp6,netstat,sockstat,sockstat6,softnet_stat,dev,xfrm_stat,tls_stat,ip_vs_stats} and /proc/net/stat/{arp_cache,ndisc_cache}"
}

// Reading is one look at the counters. A part that is nil could not be read.
type Reading struct {
	SNMP, SNMP6, Netstat *MIB
	Xfrm, TLS            *MIB               // IPsec and kernel TLS
	Sockets              map[string]float64 // sockstat gauges, by the name of their fact
	CPUs                 []CPU
	ARP, NDISC           *Neighbours
	// Multicast is the growing count of multicast frames received, by device.
	Multicast map[string]uint64
	// Sent is the growing count of packets that each device sent.
	Sent map[string]uint64
	// VirtualServers is how many packets IPVS took; 0 without IPVS.
	VirtualServers uint64
	// IPsec is set while a transform module (esp4, ah4, esp6, ah6) is loaded.
	IPsec bool
	// ProcessesOnly is set where /proc shows little else (subset=pid).
	ProcessesOnly bool
	// Unread holds the files that exist on some hosts but could not be read
	// here, with the reason.
	Unread map[string]string
}

// Look reads all files once. It fails if /proc/net/snmp can't be read: without
// it there is no TCP/IP here, or no /proc.
func (s *Source) Look(ctx context.Context) (any, error) {
	r := &Reading{Unread: map[string]string{}}
	b, err := s.read("net/snmp")
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fact.Unavailable("/proc/net/snmp", "a mounted /proc, and a kernel with IPv4")
	case err != nil:
		return nil, fmt.Errorf("reading the TCP/IP counters: %w", err)
	}
	if r.SNMP, err = s.layouts.parsePairs(b); err != nil {
		return nil, fmt.Errorf("/proc/net/snmp: %w", err)
	}
	s.parts(r)
	if _, err := os.Stat(filepath.Join(s.proc, "sys")); s.proc != "" && err != nil {
		r.ProcessesOnly = true
	}
	for _, m := range []string{"esp4", "esp6", "ah4", "ah6"} {
		if _, err := os.Stat(filepath.Join(s.sysfs, "module", m)); err == nil {
			r.IPsec = true
		}
	}
	return r, ctx.Err()
}

// parts reads the files that not every host has.
func (s *Source) parts(r *Reading) {
	s.part(r, "net/netstat", func(b []byte) (err error) { r.Netstat, err = s.layouts.parsePairs(b); return })
	s.part(r, "net/snmp6", func(b []byte) (err error) { r.SNMP6, err = s.layouts.parseSNMP6(b); return })
	s.part(r, "net/dev", func(b []byte) error { r.Multicast, r.Sent = parseDevices(b); return nil })
	s.part(r, "net/ip_vs_stats", func(b []byte) (err error) { r.VirtualServers, err = parseVirtualServers(b); return })
	s.table(r, "net/stat/arp_cache", func(b []byte) (err error) { r.ARP, err = parseNeighbours(b); return })
	s.table(r, "net/stat/ndisc_cache", func(b []byte) (err error) { r.NDISC, err = parseNeighbours(b); return })
	s.part(r, "net/xfrm_stat", func(b []byte) (err error) { r.Xfrm, err = s.layouts.parseNamed("Xfrm", b); return })
	s.part(r, "net/tls_stat", func(b []byte) (err error) { r.TLS, err = s.layouts.parseNamed("Tls", b); return })
	s.part(r, "net/softnet_stat", func(b []byte) (err error) { r.CPUs, err = parseSoftnet(b); return })
	s.part(r, "net/sockstat", func(b []byte) error { return r.sockets(b) })
	s.part(r, "net/sockstat6", func(b []byte) error { return r.sockets(b) })
}

// From is a reading of copies of the files, by their path below /proc ("net/snmp").
// A file that is not among them leaves its part nil; the errors are those of files
// that hold something else than they should.
func From(files map[string][]byte) (*Reading, []error) {
	s := &Source{copies: files}
	r := &Reading{Unread: map[string]string{}}
	s.part(r, "net/snmp", func(b []byte) (err error) { r.SNMP, err = s.layouts.parsePairs(b); return })
	s.parts(r)
	var errs []error
	for _, file := range slices.Sorted(maps.Keys(r.Unread)) {
		if why := r.Unread[file]; why != "" {
			errs = append(errs, fmt.Errorf("/proc/%s: %s", file, why))
		}
	}
	r.Unread = nil
	return r, errs
}

// part reads one file that not every host has, and hands it to parse.
func (s *Source) part(r *Reading, file string, parse func([]byte) error) {
	b, err := s.read(file)
	if err == nil {
		err = parse(b)
	}
	if err != nil {
		r.miss(file, err)
	}
}

// table reads the counters of a neighbour table. All network namespaces share it, and
// only the machine's first one shows them: they are read by way of a process that is
// in it, where there is one.
func (s *Source) table(r *Reading, file string, parse func([]byte) error) {
	if _, err := os.Stat(filepath.Join(s.root, file)); err != nil && s.outside == nil && s.copies == nil {
		s.outside = []string{}
		for _, pid := range append([]int{1}, procfile.Ancestors(s.proc)...) {
			root := filepath.Join(s.proc, strconv.Itoa(pid))
			if _, err := os.Stat(filepath.Join(root, "net/stat/arp_cache")); err == nil {
				s.outside = []string{root}
				break
			}
		}
	}
	for _, root := range s.outside {
		if b, err := s.files.Read(root, file, maxFile); err == nil && parse(b) == nil {
			return
		}
	}
	s.part(r, file, parse)
}

// sockets adds the gauges of sockstat or sockstat6; of the latter only if the
// former was there.
func (r *Reading) sockets(b []byte) error {
	gauges := maps.Clone(r.Sockets)
	if gauges == nil {
		gauges = map[string]float64{}
	}
	if err := parseSockstat(b, gauges); err != nil {
		return err
	}
	r.Sockets = gauges
	return nil
}

func (r *Reading) miss(file string, err error) {
	if errors.Is(err, fs.ErrNotExist) {
		r.Unread[file] = ""
		return
	}
	r.Unread[file] = err.Error()
}

// read returns a file's content; it is valid until the next read.
func (s *Source) read(file string) ([]byte, error) {
	if s.copies == nil {
		return s.files.Read(s.root, file, maxFile)
	}
	b, ok := s.copies[file]
	if !ok {
		return nil, fs.ErrNotExist
	}
	return b, nil
}
