// Package fib counts the route lookups of this host's TCP sockets that a refusing
// route ends: a blackhole, an unreachable or a prohibit route.
//
// A connect(2) that such a route refuses fails at once: there is no packet, no
// socket and no counter that shows it. Two small BPF programs, on the
// tracepoints fib:fib_table_lookup and fib6:fib6_table_lookup, count them by
// destination. A lookup that finds a way costs a comparison.
package fib

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"slices"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"
	"github.com/cilium/ebpf/link"
	"github.com/cilium/ebpf/rlimit"
	"golang.org/x/sys/unix"
)

// What cannot be seen without the programs.
const What = "connections that a route refuses at once"

// Refused are the lookups for one destination that ended with one error.
type Refused struct {
	To    netip.AddrPort
	Errno unix.Errno // as connect(2) returns it: EINVAL, EHOSTUNREACH or EACCES
	Count uint64     // since Watch began
}

// Missing is the error of a kernel or a user that cannot have the programs.
type Missing struct {
	Needs string // what would let them be attached
}

func (m *Missing) Error() string { return What + ": needs " + m.Needs }

// Watch is the programs at work.
type Watch struct {
	counts *ebpf.Map
	links  []link.Link
}

// Start attaches the programs. They count for the network namespace of the calling
// thread. The error is a *Missing where the kernel or this user's privileges do
// not allow it.
func Start() (*Watch, error) {
	var ns unix.Stat_t
	if err := unix.Stat("/proc/thread-self/ns/net", &ns); err != nil {
		return nil, fmt.Errorf("own network namespace: %w", err)
	}
	cache := btf.NewCache()
	if _, err := cache.Kernel(); err != nil {
		return nil, &Missing{"the types of the kernel in /sys/kernel/btf/vmlinux (CONFIG_DEBUG_INFO_BTF)"}
	}
	w := &Watch{}
	if err := w.attach(uint32(ns.Ino), cache); err != nil {
		_ = w.Close() // the error that matters came before
		return nil, refusal(err)
	}
	return w, nil
}

func refusal(err error) error {
	switch {
	case errors.Is(err, fs.ErrPermission):
		return &Missing{"CAP_BPF and CAP_PERFMON in the initial user namespace"}
	case errors.Is(err, ebpf.ErrNotSupported), errors.Is(err, unix.ENOSYS), errors.Is(err, btf.ErrNotFound):
		return &Missing{"a kernel that attaches BPF to the tracepoints of route lookups (5.5 and later)"}
	}
	return fmt.Errorf("%s: the kernel refused the program: %w", What, err)
}

// attach loads both programs. A kernel without IPv6, or with it in a module, has
// only the first tracepoint.
func (w *Watch) attach(netns uint32, cache *btf.Cache) error {
	spec, err := loadKernel()
	if err != nil {
		return err
	}
	if err := spec.Variables[kernelVarNetns].Set(netns); err != nil {
		return err
	}
	all, err := load(spec, cache)
	if errors.Is(err, btf.ErrNotFound) || errors.Is(err, ebpf.ErrNotSupported) {
		delete(spec.Programs, kernelProgRefusedIpv6)
		all, err = load(spec, cache)
	}
	if err != nil {
		return err
	}
	defer all.Close()
	for _, p := range all.Programs {
		l, err := link.AttachTracing(link.TracingOptions{Program: p})
		if err != nil {
			return err
		}
		w.links = append(w.links, l)
	}
	w.counts = all.DetachMap(kernelMapCounts)
	return nil
}

// load loads the programs; before 5.11 maps count as locked memory.
func load(spec *ebpf.CollectionSpec, cache *btf.Cache) (*ebpf.Collection, error) {
	options := ebpf.CollectionOptions{Cache: cache}
	all, err := ebpf.NewCollectionWithOptions(spec, options)
	if errors.Is(err, fs.ErrPermission) && rlimit.RemoveMemlock() == nil {
		all, err = ebpf.NewCollectionWithOptions(spec, options)
	}
	return all, err
}

// Read returns what was refused so far, sorted by destination and error. At most
// about a thousand destinations are kept, the latest. Errors: those of bpf(2).
func (w *Watch) Read() ([]Refused, error) {
	var out []Refused
	var key kernelRefused
	var count uint64
	entries := w.counts.Iterate()
	for entries.Next(&key, &count) {
		if r, ok := key.refused(count); ok {
			out = append(out, r)
		}
	}
	// A table that changes while it is read may end the iteration early; what was
	// read is right, and the next look reads again.
	if err := entries.Err(); err != nil && !errors.Is(err, ebpf.ErrIterationAborted) {
		return nil, fmt.Errorf("%s: %w", What, &os.SyscallError{Syscall: "bpf", Err: err})
	}
	slices.SortFunc(out, func(a, b Refused) int {
		return cmp.Or(a.To.Compare(b.To), cmp.Compare(a.Errno, b.Errno))
	})
	return out, nil
}

func (k *kernelRefused) refused(count uint64) (Refused, bool) {
	var addr netip.Addr
	switch k.Family {
	case 4:
		addr = netip.AddrFrom4([4]byte(k.Addr[:4]))
	case 6:
		addr = netip.AddrFrom16(k.Addr)
	}
	return Refused{netip.AddrPortFrom(addr, k.Port), unix.Errno(-k.Error), count}, addr.IsValid() && k.Error < 0
}

// Close detaches the programs.
func (w *Watch) Close() error {
	var errs []error
	for _, l := range w.links {
		errs = append(errs, l.Close())
	}
	if w.counts != nil {
		errs = append(errs, w.counts.Close())
	}
	return errors.Join(errs...)
}
