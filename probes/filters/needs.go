package filters

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"whydrop/probes/fact"
)

// Needs implements fact.Needy. Connection tracking, and the programs that XDP
// and classic tc attach, are shown to everybody.
func (s *Source) Needs() []fact.Need {
	return []fact.Need{
		{
			For:          "nftables rules",
			Capabilities: []string{"CAP_NET_ADMIN"},
			Why:          "nfnetlink answers nobody else (nfnetlink_rcv in net/netfilter/nfnetlink.c)",
			Spot:         "firewall rules of nftables",
		}, {
			For:          "iptables-legacy rules",
			Capabilities: []string{"CAP_DAC_READ_SEARCH", "CAP_NET_ADMIN"},
			Why:          "/proc/net/ip_tables_names is root's (mode 0440), and IPT_SO_GET_ENTRIES asks for CAP_NET_ADMIN (net/ipv4/netfilter/ip_tables.c)",
			Spot:         "firewall rules of iptables-legacy",
		}, {
			For:          "BPF programs at tcx and cgroup hooks",
			Capabilities: s.queryNeeds(),
			Why:          "BPF_PROG_QUERY (kernel/bpf/syscall.c)",
			Spot:         "BPF programs at tcx and cgroup hooks",
		}, {
			For:          "names of BPF programs",
			Capabilities: []string{"CAP_SYS_ADMIN"},
			Why:          "BPF_PROG_GET_FD_BY_ID (kernel/bpf/syscall.c)",
		},
	}
}

// queryNeeds returns what BPF_PROG_QUERY asks for. Before Linux 5.19 a kernel
// with kernel.unprivileged_bpf_disabled set refuses every bpf(2) call without
// CAP_BPF, before 5.8 without CAP_SYS_ADMIN.
func (s *Source) queryNeeds() []string {
	b, err := os.ReadFile(filepath.Join(s.procRoot, "sys/kernel/unprivileged_bpf_disabled"))
	var u unix.Utsname
	if err != nil || string(bytes.TrimSpace(b)) == "0" || unix.Uname(&u) != nil {
		return []string{"CAP_NET_ADMIN"}
	}
	return queryNeedsOf(unix.ByteSliceToString(u.Release[:]))
}

func queryNeedsOf(release string) []string {
	var major, minor int
	if n, _ := fmt.Sscanf(release, "%d.%d", &major, &minor); n < 2 {
		return []string{"CAP_NET_ADMIN"}
	}
	switch {
	case major > 5 || major == 5 && minor >= 19:
		return []string{"CAP_NET_ADMIN"}
	case major == 5 && minor >= 8:
		return []string{"CAP_BPF", "CAP_NET_ADMIN"}
	}
	return []string{"CAP_NET_ADMIN", "CAP_SYS_ADMIN"}
}

// Loaded reports whether a module of the kernel is loaded or built in. When it
// can't be told, the answer is yes.
func (s *Source) Loaded(module string) bool { return s.has(module) }
