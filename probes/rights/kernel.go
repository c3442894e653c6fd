package rights

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unsafe"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"whydrop/probes/sockets/inetdiag"
)

// Feature is something that a kernel offers or lacks.
type Feature struct {
	Name  string `json:"name"`
	State string `json:"state"`           // as short as can be: "yes", "244 bytes", "2"
	Lacks string `json:"lacks,omitempty"` // what can't be seen without it; "" if all is well
}

// Features looks at what the running kernel offers to a tool like this one. root
// is "/" but for tests. What can't be told is left out.
func Features(root string) []Feature {
	_, err := os.Stat(filepath.Join(root, "sys/kernel"))
	all := []Feature{tcpInfo(), offered("sysfs", err == nil, "what is below /sys: needs it mounted"), btf(root), dropReasons(root)}
	// The list, because asking for one family by name makes the kernel look for
	// its module.
	if families, err := netlink.GenlFamilyList(); err == nil {
		have := slices.ContainsFunc(families, func(f *netlink.GenlFamily) bool { return f.Name == "ethtool" })
		all = append(all, offered("ethtool netlink", have, ""))
	}
	_, err = read(root, "proc/pressure/cpu")
	all = append(all,
		offered("PSI", err == nil, "pressure on CPU and memory: needs a kernel with PSI, and psi=1 on its command line"),
		cgroups(root))
	return all
}

func offered(name string, have bool, lacks string) Feature {
	if have {
		return Feature{Name: name, State: "yes"}
	}
	return Feature{Name: name, State: "no", Lacks: lacks}
}

// tcpInfo asks a socket that is not connected how much the kernel tells of it
// (struct tcp_info grows with the kernel).
func tcpInfo() Feature {
	f := Feature{Name: "tcp_info", State: "no", Lacks: "what TCP knows of each connection"}
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return f
	}
	defer unix.Close(fd)
	info := make([]byte, 1024)
	size := uint32(len(info))
	_, _, errno := unix.Syscall6(unix.SYS_GETSOCKOPT, uintptr(fd), unix.IPPROTO_TCP, unix.TCP_INFO,
		uintptr(unsafe.Pointer(unsafe.SliceData(info))), uintptr(unsafe.Pointer(&size)), 0)
	switch {
	case errno != 0:
		return f
	case size < inetdiag.LenSndWnd:
		return Feature{f.Name, "old", "out-of-order segments and the peer's window of each connection: needs Linux 5.4"}
	}
	return Feature{f.Name, "yes", ""}
}

const btfFile = "sys/kernel/btf/vmlinux"

func btf(root string) Feature {
	_, err := os.Stat(filepath.Join(root, btfFile))
	return offered("BTF", err == nil, "the kernel's drop reasons: needs a kernel with CONFIG_DEBUG_INFO_BTF, and /sys mounted")
}

// dropReasons looks in the kernel's type information for the reasons that
// skb:kfree_skb gives (Linux 5.17).
func dropReasons(root string) Feature {
	const most = 64 << 20
	f, err := os.Open(filepath.Join(root, btfFile))
	if err != nil {
		return Feature{Name: "drop reasons", State: "no"} // BTF says why
	}
	defer f.Close()
	found := contains(io.LimitReader(f, most), []byte("\x00skb_drop_reason\x00"))
	return offered("drop reasons", found, "why the kernel dropped each packet: needs Linux 5.17")
}

// contains looks for a short word in a long text.
func contains(r io.Reader, word []byte) bool {
	buf := make([]byte, 256<<10)
	kept := 0
	for {
		n, err := r.Read(buf[kept:])
		if bytes.Contains(buf[:kept+n], word) {
			return true
		}
		if err != nil {
			return false
		}
		end := kept + n
		kept = min(len(word)-1, end)
		copy(buf, buf[end-kept:end])
	}
}

// cgroups tells which hierarchy is mounted.
func cgroups(root string) Feature {
	mounts, _ := read(root, "proc/self/mountinfo")
	f := Feature{Name: "cgroup", State: "no", Lacks: "CPU quotas, and BPF programs of control groups: needs /sys/fs/cgroup mounted"}
	for line := range strings.Lines(string(mounts)) {
		_, after, _ := strings.Cut(line, " - ")
		switch {
		case strings.HasPrefix(after, "cgroup2 "):
			return Feature{Name: "cgroup v2", State: "yes"}
		case strings.HasPrefix(after, "cgroup "):
			f = Feature{Name: "cgroup v1", State: "yes"}
		}
	}
	return f
}

// Restriction is a setting of the kernel that withholds something.
type Restriction struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Restrictions returns the settings in force that withhold something from
// processes without privilege, or from all. root is "/" but for tests.
func Restrictions(root string) []Restriction {
	all := []Restriction{}
	for _, r := range []struct{ name, file, open string }{
		{"kernel.dmesg_restrict", "proc/sys/kernel/dmesg_restrict", "0"},
		{"kernel.unprivileged_bpf_disabled", "proc/sys/kernel/unprivileged_bpf_disabled", "0"},
		{"kernel.yama.ptrace_scope", "proc/sys/kernel/yama/ptrace_scope", "0"},
	} {
		b, err := read(root, r.file)
		if v := strings.TrimSpace(string(b)); err == nil && v != r.open {
			all = append(all, Restriction{r.name, bound(v)})
		}
	}
	if b, err := read(root, "sys/kernel/security/lockdown"); err == nil {
		if mode := lockdown(string(b)); mode != "none" && mode != "" {
			all = append(all, Restriction{"lockdown", mode})
		}
	}
	return all
}

// lockdown returns the mode in brackets: "none [integrity] confidentiality".
func lockdown(s string) string {
	_, s, _ = strings.Cut(s, "[")
	s, _, _ = strings.Cut(s, "]")
	return bound(s)
}

// bound shortens what comes from outside.
func bound(s string) string { return s[:min(len(s), 60)] }

// NoSUID reports whether file capabilities and set-user-ID are ignored where a
// file lies (mount(8), nosuid). An error counts as no.
func NoSUID(path string) bool {
	var st unix.Statfs_t
	return unix.Statfs(path, &st) == nil && st.Flags&unix.ST_NOSUID != 0
}
