package drops

import (
	"bufio"
	"bytes"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/cilium/ebpf/btf"
	"golang.org/x/sys/unix"
)

const reasonPrefix = "SKB_DROP_REASON_"

// reasons names drop reasons as the running kernel does. A nil one names none.
type reasons struct {
	names      map[uint32]string
	subsystems map[uint32]string // by reason >> 16: "OPENVSWITCH"
}

// newReasons reads enum skb_drop_reason, and enum skb_drop_reason_subsys where
// there is one (6.3 and later).
func newReasons(types *btf.Spec) *reasons {
	r := &reasons{names: map[uint32]string{}, subsystems: map[uint32]string{}}
	var core, subsystems *btf.Enum
	if types.TypeByName("skb_drop_reason", &core) == nil {
		for _, v := range core.Values {
			r.names[uint32(v.Value)] = strings.TrimPrefix(v.Name, reasonPrefix)
		}
	}
	if types.TypeByName("skb_drop_reason_subsys", &subsystems) == nil {
		for _, v := range subsystems.Values {
			r.subsystems[uint32(v.Value)] = strings.TrimPrefix(v.Name, reasonPrefix+"SUBSYS_")
		}
	}
	return r
}

// name is the reason as the kernel spells it. One that its types do not name is
// "SUBSYS 2 reason 5": core reasons are subsystem 0.
func (r *reasons) name(reason uint32) string {
	if r == nil {
		return ""
	}
	if name, ok := r.names[reason]; ok {
		return name
	}
	subsystem := reason >> 16
	name := "SUBSYS " + strconv.Itoa(int(subsystem)) + " reason " + strconv.Itoa(int(reason&0xffff))
	if subsystem != 0 {
		if own := r.moduleReason(reason); own != "" {
			name = own
		}
	}
	r.names[reason] = name
	return name
}

// moduleReason looks for the reason of a subsystem in the types of the module
// that bears its name: openvswitch for OPENVSWITCH, mac80211 for
// MAC80211_UNUSABLE. A subsystem that is built in has its enum in the kernel's
// own types.
func (r *reasons) moduleReason(reason uint32) string {
	subsystem, ok := r.subsystems[reason>>16]
	if !ok {
		return ""
	}
	module, _, _ := strings.Cut(strings.ToLower(subsystem), "_")
	types, err := btf.LoadKernelModuleSpec(module)
	if err != nil {
		if types, err = btf.LoadKernelSpec(); err != nil {
			return ""
		}
	}
	for t, err := range types.All() {
		if err != nil {
			return ""
		}
		e, ok := t.(*btf.Enum)
		if !ok || !strings.Contains(e.Name, "drop_reason") || e.Name == "skb_drop_reason" {
			continue
		}
		for _, v := range e.Values {
			if uint32(v.Value) == reason {
				return v.Name
			}
		}
	}
	return ""
}

// symbols remembers the names of locations in the kernel's code.
type symbols struct {
	names map[uint64]string
	file  string // kallsyms, or empty if the kernel writes the names itself
}

func newSymbols(kallsyms string) *symbols {
	return &symbols{names: map[uint64]string{}, file: kallsyms}
}

// learn looks up the locations that are new, all in one pass: the file has some
// hundred thousand lines.
func (s *symbols) learn(locations []uint64) {
	if s.file == "" {
		return
	}
	locations = slices.DeleteFunc(locations, func(l uint64) bool { _, known := s.names[l]; return known })
	if len(locations) == 0 {
		return
	}
	found := map[uint64]string{}
	if f, err := os.Open(s.file); err == nil {
		found = findSymbols(f, locations)
		f.Close()
	}
	for _, l := range locations {
		s.names[l] = found[l] // without a name, it is not looked for again
	}
}

// name returns the function at a location, empty if nobody knows it. written is
// asked for what the kernel wrote.
func (s *symbols) name(location uint64, written func() string) string {
	name, ok := s.names[location]
	if !ok {
		name = written()
		s.names[location] = name
	}
	return name
}

// findSymbols looks up functions in the format of /proc/kallsyms: the last
// symbol of code at or before each address. An address before the first one,
// and any if addresses are hidden (kernel.kptr_restrict), has no name. Garbage
// lines are passed over.
func findSymbols(r io.Reader, addresses []uint64) map[uint64]string {
	type best struct {
		start uint64
		name  string
	}
	sorted := slices.Clone(addresses)
	slices.Sort(sorted)
	found := make([]best, len(sorted))
	lines := bufio.NewReaderSize(r, 64<<10)
	for {
		line, err := lines.ReadSlice('\n')
		if start, name, ok := parseSymbol(line); ok {
			// This symbol is the best so far for addresses from its start on.
			i, _ := slices.BinarySearch(sorted, start)
			for ; i < len(sorted); i++ {
				if found[i].name == "" || start >= found[i].start {
					found[i] = best{start, string(name)}
				}
			}
		}
		if err != nil && err != bufio.ErrBufferFull {
			break
		}
	}
	names := map[uint64]string{}
	for i, address := range sorted {
		if found[i].name != "" {
			names[address] = found[i].name
		}
	}
	return names
}

// parseSymbol takes a line "ffffffff81a0b2c0 T tcp_v4_rcv\t[module]" apart.
func parseSymbol(line []byte) (start uint64, name []byte, ok bool) {
	if len(line) < 20 || line[16] != ' ' || line[18] != ' ' || (line[17]|0x20 != 't' && line[17]|0x20 != 'w') {
		return 0, nil, false
	}
	for _, c := range line[:16] {
		switch {
		case c >= '0' && c <= '9':
			start = start<<4 | uint64(c-'0')
		case c >= 'a' && c <= 'f':
			start = start<<4 | uint64(c-'a'+10)
		default:
			return 0, nil, false
		}
	}
	if start == 0 { // hidden from this user
		return 0, nil, false
	}
	name = line[19:]
	if i := bytes.IndexAny(name, " \t\n"); i >= 0 {
		name = name[:i]
	}
	clean := decodeSymbol(name)
	return start, []byte(clean), clean != ""
}

// linkNames names interfaces of the calling thread's network namespace.
type linkNames map[int]string

func (l *linkNames) name(ifindex int) string {
	if ifindex <= 0 {
		return ""
	}
	if name, ok := (*l)[ifindex]; ok {
		return name
	}
	if *l == nil {
		*l = linkNames{}
	}
	name := linkName(ifindex)
	(*l)[ifindex] = name
	return name
}

// linkName asks the kernel (SIOCGIFNAME); empty if the interface is gone.
func linkName(ifindex int) string {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return ""
	}
	defer unix.Close(fd)
	request, err := unix.NewIfreq("")
	if err != nil {
		return ""
	}
	request.SetUint32(uint32(ifindex))
	if unix.IoctlIfreq(fd, unix.SIOCGIFNAME, request) != nil {
		return ""
	}
	return request.Name()
}
