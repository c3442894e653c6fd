package drops

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"slices"
	"strings"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"
	"github.com/cilium/ebpf/link"
	"github.com/cilium/ebpf/rlimit"
	"golang.org/x/sys/unix"

	"whydrop/probes/fact"
)

// kernel is the program at work and what makes sense of what it counts.
type kernel struct {
	program *ebpf.Program
	ledgers *ebpf.Map
	link    link.Link
	memory  *ebpf.Memory // the map, one ledger for each possible CPU

	reasons *reasons // nil if this kernel gives none
	symbols *symbols
	links   linkNames

	read0 []uint64 // samples read so far, by CPU
	buf   []byte   // a head and its slots
}

// attach loads the program that suits this kernel and attaches it.
func attach(netns uint32, flow []Flow) (*kernel, error) {
	if len(flow) > 2 {
		return nil, fmt.Errorf("drops: %d flows given, two ends at most", len(flow))
	}
	if missing := missingCapabilities(); missing != "" {
		return nil, fact.Unavailable("drop reasons", missing)
	}
	cache := btf.NewCache()
	types, err := cache.Kernel()
	if err != nil {
		return nil, noTypes(err)
	}
	programs, err := choose(types)
	if err != nil {
		return nil, err
	}
	var first error
	for _, program := range programs {
		k, err := start(program, netns, flow, cache)
		if err == nil {
			return k, nil
		}
		first = cmp.Or(first, err)
	}
	return nil, refused(first)
}

// start loads and attaches one program.
func start(program string, netns uint32, flow []Flow, cache *btf.Cache) (*kernel, error) {
	types, err := cache.Kernel()
	if err != nil {
		return nil, err
	}
	spec, err := prepare(program, netns, flow)
	if err != nil {
		return nil, err
	}
	k := &kernel{}
	if program == kernelProgDropWithLocation {
		k.symbols = newSymbols("/proc/kallsyms")
	} else {
		k.symbols, k.reasons = newSymbols(""), newReasons(types)
	}
	if err := k.load(spec, program, cache); err != nil {
		_ = k.Close() // the error that matters came before
		return nil, err
	}
	return k, nil
}

// missingCapabilities says which capabilities the calling thread lacks for
// tracing by BPF (capabilities(7)); CAP_SYS_ADMIN includes them.
func missingCapabilities() string {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if unix.Capget(&header, &data[0]) != nil {
		return "" // then the kernel will say
	}
	has := func(c int) bool { return data[c/32].Effective&(1<<(c%32)) != 0 }
	if has(unix.CAP_SYS_ADMIN) {
		return ""
	}
	var missing []string
	for _, c := range []struct {
		bit  int
		name string
	}{{unix.CAP_BPF, "CAP_BPF"}, {unix.CAP_PERFMON, "CAP_PERFMON"}} {
		if !has(c.bit) {
			missing = append(missing, c.name)
		}
	}
	return strings.Join(missing, " and ")
}

func noTypes(err error) error {
	switch {
	case errors.Is(err, fs.ErrPermission):
		return fact.Unavailable("drop reasons", "permission to read /sys/kernel/btf/vmlinux")
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, ebpf.ErrNotSupported):
		return fact.Unavailable("drop reasons", "a kernel built with CONFIG_DEBUG_INFO_BTF, and /sys mounted")
	}
	return fmt.Errorf("types of the kernel (/sys/kernel/btf/vmlinux): %w", err)
}

// refused tells what the kernel wants when it does not load or attach.
func refused(err error) error {
	switch {
	case lockedDown():
		return fact.Unavailable("drop reasons", "a kernel that is not locked down for confidentiality (kernel_lockdown(7))")
	case errors.Is(err, fs.ErrPermission):
		return fact.Unavailable("drop reasons", "CAP_BPF and CAP_PERFMON in the initial user namespace, and no seccomp filter or LSM that forbids bpf(2)")
	case errors.Is(err, unix.ENOSYS):
		return fact.Unavailable("drop reasons", "a kernel built with CONFIG_BPF_SYSCALL")
	case errors.Is(err, ebpf.ErrNotSupported):
		return fact.Unavailable("drop reasons", "a kernel that attaches BPF to tracepoints by BTF (5.5 and later)")
	}
	return fmt.Errorf("drop reasons: the kernel refused the program: %w", err)
}

func lockedDown() bool {
	b, err := os.ReadFile("/sys/kernel/security/lockdown")
	return err == nil && strings.Contains(string(b), "[confidentiality]")
}

// choose picks the programs that suit the tracepoint's arguments, best first:
// socket buffer and location are always there, the reason since 5.17, the
// receiving socket since 6.11. The best one also needs kernel functions that not
// every architecture can call.
func choose(types *btf.Spec) ([]string, error) {
	var t *btf.Typedef
	if err := types.TypeByName("btf_trace_kfree_skb", &t); err != nil {
		return nil, fact.Unavailable("drop reasons", "a kernel with the tracepoint skb:kfree_skb (CONFIG_TRACEPOINTS)")
	}
	pointer, _ := t.Type.(*btf.Pointer)
	if pointer == nil {
		return nil, errors.New("btf_trace_kfree_skb is not a function pointer")
	}
	proto, _ := pointer.Target.(*btf.FuncProto)
	if proto == nil {
		return nil, errors.New("btf_trace_kfree_skb is not a function pointer")
	}
	args := proto.Params // the first is the tracepoint's own
	switch {
	case len(args) < 3:
		return nil, fmt.Errorf("btf_trace_kfree_skb has %d arguments, expected 3 or more", len(args))
	case len(args) == 3 || !isReason(args[3].Type):
		return []string{kernelProgDropWithLocation}, nil
	case len(args) > 4 && isSocket(args[4].Type):
		return []string{kernelProgDropWithSocket, kernelProgDropWithReason}, nil
	}
	return []string{kernelProgDropWithReason}, nil
}

func isReason(t btf.Type) bool {
	e, ok := btf.UnderlyingType(t).(*btf.Enum)
	return ok && e.Name == "skb_drop_reason"
}

func isSocket(t btf.Type) bool {
	pointer, ok := btf.UnderlyingType(t).(*btf.Pointer)
	if !ok {
		return false
	}
	s, ok := btf.UnderlyingType(pointer.Target).(*btf.Struct)
	return ok && s.Name == "sock"
}

// prepare makes the specification of one program, the map's size and the
// constants.
func prepare(program string, netns uint32, flow []Flow) (*ebpf.CollectionSpec, error) {
	spec, err := loadKernel()
	if err != nil {
		return nil, err
	}
	for name := range spec.Programs {
		if name != program {
			delete(spec.Programs, name)
		}
	}
	cpus, err := ebpf.PossibleCPU()
	if err != nil {
		return nil, fmt.Errorf("number of CPUs: %w", err)
	}
	spec.Maps[kernelMapLedgers].MaxEntries = uint32(cpus)
	var ends [2]kernelEnd
	for i, f := range flow {
		ends[i] = f.end()
	}
	return spec, errors.Join(
		spec.Variables[kernelVarNetns].Set(netns),
		spec.Variables[kernelVarEnds].Set(uint32(len(flow))),
		spec.Variables[kernelVarFlow].Set(ends),
	)
}

func (k *kernel) load(spec *ebpf.CollectionSpec, program string, cache *btf.Cache) error {
	options := ebpf.CollectionOptions{Cache: cache}
	all, err := ebpf.NewCollectionWithOptions(spec, options)
	if errors.Is(err, fs.ErrPermission) && rlimit.RemoveMemlock() == nil {
		// Before 5.11 maps count as locked memory.
		all, err = ebpf.NewCollectionWithOptions(spec, options)
	}
	if err != nil {
		return err
	}
	defer all.Close()
	k.program, k.ledgers = all.DetachProgram(program), all.DetachMap(kernelMapLedgers)
	if k.memory, err = k.ledgers.Memory(); err != nil {
		return err
	}
	k.read0 = make([]uint64, k.ledgers.MaxEntries())
	k.buf = make([]byte, symbolsAt)
	k.link, err = link.AttachTracing(link.TracingOptions{Program: k.program})
	return err
}

// Close detaches the program and gives everything back.
func (k *kernel) Close() error {
	var errs []error
	if k.link != nil {
		errs = append(errs, k.link.Close())
	}
	if k.program != nil {
		errs = append(errs, k.program.Close())
	}
	if k.ledgers != nil {
		errs = append(errs, k.ledgers.Close())
	}
	k.memory = nil
	return errors.Join(errs...)
}

// used is one slot of one CPU.
type used struct {
	place
	Tally
	symbolAt int64 // where in the map the kernel wrote the function's name
}

// read adds up what all CPUs have counted and takes the new samples.
func (k *kernel) read(ctx context.Context) (*Reading, error) {
	r := &Reading{Reasoned: k.reasons != nil}
	var inUse []used
	flows := map[flowKey]*FlowSample{}
	for cpu := range k.read0 {
		if err := ctx.Err(); err != nil {
			return nil, fmt.Errorf("drops: %w", err)
		}
		at := int64(cpu) * int64(ledgerSize)
		if _, err := k.memory.ReadAt(k.buf, at); err != nil {
			return nil, fmt.Errorf("drops of CPU %d: %w", cpu, err)
		}
		h, err := decodeHead(k.buf)
		if err != nil {
			return nil, err
		}
		r.Others.add(h.others)
		eachSlot(k.buf[slotsAt:], func(i int, p place, t Tally) {
			inUse = append(inUse, used{p, t, at + int64(symbolsAt+i*symbolSize)})
		})
		r.SamplesMissed += k.takeSamples(cpu, h.samples, flows)
	}
	r.Counts = k.counts(inUse)
	r.Flows = sortedFlows(flows)
	if stats, err := k.program.Stats(); err == nil {
		r.Missed = stats.RecursionMisses
	}
	return r, nil
}

// counts puts together what has the same names, on whatever CPU.
func (k *kernel) counts(inUse []used) []Count {
	locations := make([]uint64, len(inUse))
	for i, u := range inUse {
		locations[i] = u.location
	}
	k.symbols.learn(locations)
	sums := map[key]Tally{}
	for _, u := range inUse {
		id := key{k.reasons.name(u.reason), k.symbols.name(u.location, k.written(u)), u.direction}
		sum := sums[id]
		sum.add(u.Tally)
		sums[id] = sum
	}
	counts := make([]Count, 0, len(sums))
	for id, t := range sums {
		counts = append(counts, Count{id.reason, id.location, id.direction, t})
	}
	sortCounts(counts)
	return counts
}

// written reads the function's name that the kernel wrote for a slot.
func (k *kernel) written(u used) func() string {
	return func() string {
		var b [symbolSize]byte
		if _, err := k.memory.ReadAt(b[:], u.symbolAt); err != nil {
			return ""
		}
		return decodeSymbol(b[:])
	}
}

// flowKey is what makes samples the same flow.
type flowKey struct {
	reason    uint32
	direction Direction
	protocol  string
	src, dst  netip.AddrPort
	ifindex   int
}

// takeSamples reads what a CPU has sampled since the last time, and returns how
// many it was too late for.
func (k *kernel) takeSamples(cpu int, written uint64, flows map[flowKey]*FlowSample) (missed uint64) {
	from := k.read0[cpu]
	k.read0[cpu] = written
	if written < from {
		return 0 // not in this order: the map never goes back
	}
	if written-from > uint64(ring) {
		missed = written - from - uint64(ring)
		from += missed
	}
	var before, after [8]byte
	b := make([]byte, sampleSize)
	for n := from; n < written; n++ {
		at := int64(cpu)*int64(ledgerSize) + int64(ringAt) + int64(n%uint64(ring))*int64(sampleSize)
		_, err0 := k.memory.ReadAt(before[:], at)
		_, err1 := k.memory.ReadAt(b, at)
		_, err2 := k.memory.ReadAt(after[:], at)
		s, ok := decodeSample(b, n+1)
		if errors.Join(err0, err1, err2) != nil || !ok || before != after || binary.NativeEndian.Uint64(after[:]) != n+1 {
			missed++
			continue
		}
		id := flowKey{s.reason, s.direction, s.protocol, s.src, s.dst, s.ifindex}
		f := flows[id]
		if f == nil {
			f = &FlowSample{
				Reason: k.reasons.name(s.reason), Direction: s.direction, Protocol: s.protocol,
				Src: s.src, Dst: s.dst, Link: k.links.name(s.ifindex),
			}
			flows[id] = f
		}
		f.Samples++
		f.Weight += s.weight
		if s.data {
			f.Data += s.weight
		}
	}
	return missed
}

func sortedFlows(flows map[flowKey]*FlowSample) []FlowSample {
	out := make([]FlowSample, 0, len(flows))
	for _, f := range flows {
		out = append(out, *f)
	}
	slices.SortFunc(out, compareFlows)
	return out
}
