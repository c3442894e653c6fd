package rights

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Set is a set of capabilities: bit n stands for capability n of
// linux/capability.h.
type Set uint64

// names are the capabilities in the order of linux/capability.h.
var names = []string{
	"CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_DAC_READ_SEARCH", "CAP_FOWNER", "CAP_FSETID", "CAP_KILL",
	"CAP_SETGID", "CAP_SETUID", "CAP_SETPCAP", "CAP_LINUX_IMMUTABLE", "CAP_NET_BIND_SERVICE",
	"CAP_NET_BROADCAST", "CAP_NET_ADMIN", "CAP_NET_RAW", "CAP_IPC_LOCK", "CAP_IPC_OWNER",
	"CAP_SYS_MODULE", "CAP_SYS_RAWIO", "CAP_SYS_CHROOT", "CAP_SYS_PTRACE", "CAP_SYS_PACCT",
	"CAP_SYS_ADMIN", "CAP_SYS_BOOT", "CAP_SYS_NICE", "CAP_SYS_RESOURCE", "CAP_SYS_TIME",
	"CAP_SYS_TTY_CONFIG", "CAP_MKNOD", "CAP_LEASE", "CAP_AUDIT_WRITE", "CAP_AUDIT_CONTROL",
	"CAP_SETFCAP", "CAP_MAC_OVERRIDE", "CAP_MAC_ADMIN", "CAP_SYSLOG", "CAP_WAKE_ALARM",
	"CAP_BLOCK_SUSPEND", "CAP_AUDIT_READ", "CAP_PERFMON", "CAP_BPF", "CAP_CHECKPOINT_RESTORE",
}

// stronger are capabilities that the kernel takes in place of others: CAP_PERFMON
// and CAP_BPF were parted from CAP_SYS_ADMIN in Linux 5.8, and who may override
// permissions may read.
var stronger = map[string]string{
	"CAP_BPF": "CAP_SYS_ADMIN", "CAP_PERFMON": "CAP_SYS_ADMIN", "CAP_DAC_READ_SEARCH": "CAP_DAC_OVERRIDE",
}

// SetOf returns the set of the named capabilities. Names that it does not know
// are left out.
func SetOf(capabilities ...string) Set {
	var s Set
	for _, c := range capabilities {
		if i := slices.Index(names, c); i >= 0 {
			s |= 1 << i
		}
	}
	return s
}

// Has reports whether the set holds a capability.
func (s Set) Has(capability string) bool { return s&SetOf(capability) != 0 }

// Grants reports whether the set does what a capability is for: it holds it, or
// one that the kernel takes in its place.
func (s Set) Grants(capability string) bool { return s.Has(capability) || s.Has(stronger[capability]) }

// Names returns the capabilities of the set, in the kernel's order. Those without
// a known name are called by their number, as capsh does.
func (s Set) Names() []string {
	out := []string{}
	for i := range 64 {
		if s&(1<<i) == 0 {
			continue
		}
		if i < len(names) {
			out = append(out, names[i])
		} else {
			out = append(out, "CAP_"+strconv.Itoa(i))
		}
	}
	return out
}

// parseSet reads a mask as /proc/PID/status shows it.
func parseSet(hex string) (Set, error) {
	n, err := strconv.ParseUint(strings.TrimSpace(hex), 16, 64)
	if err != nil {
		return 0, fmt.Errorf("capabilities %q: expected a hexadecimal number", hex)
	}
	return Set(n), nil
}
