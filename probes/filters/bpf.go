package filters

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"github.com/safchain/ethtool"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// Program is one BPF program attached where packets pass.
type Program struct {
	ID     uint32
	Name   string `json:",omitempty"` // empty when this user may not ask
	Tag    string `json:",omitempty"`
	Attach string // xdp, tc-ingress, tc-egress, cgroup-ingress, cgroup-egress
	Where  string // interface or cgroup
	// Drops are what this hook has dropped so far, whichever of its programs
	// did it; nil where nothing counts.
	Drops *uint64 `json:",omitempty"`
}

// Programs are the programs that one look found.
type Programs struct {
	List []Program
	// Hidden says that programs of tcx and of cgroups could not be asked for.
	Hidden bool
}

const (
	maxBPFLinks = 512 // links whose hooks are asked
	maxCgroups  = 512 // cgroups whose hooks are asked
	maxPrograms = 256
)

// bpfReader collects programs from all hooks.
type bpfReader struct {
	handle *netlink.Handle
	out    Programs
	names  map[uint32]ebpf.ProgramInfo
}

// readPrograms looks at the hooks of the links of this namespace and of the
// cgroups in sight. What XDP and classic tc attach every user may see; tcx and
// cgroups need CAP_NET_ADMIN, and names CAP_SYS_ADMIN.
func readPrograms(handle *netlink.Handle, cgroupRoot string, own []string) (*Programs, error) {
	r := bpfReader{handle: handle, names: map[uint32]ebpf.ProgramInfo{}}
	links, err := handle.LinkList()
	if err != nil && !errors.Is(err, netlink.ErrDumpInterrupted) {
		return nil, fmt.Errorf("links: %w", err)
	}
	hooks, err := r.classifierHooks()
	if err != nil {
		return nil, err
	}
	for _, l := range links[:min(len(links), maxBPFLinks)] {
		a := l.Attrs()
		if a.Xdp != nil && a.Xdp.Attached {
			r.add(a.Xdp.ProgId, "xdp", a.Name, xdpDrops(a.Name, a.Xdp.AttachMode))
		}
		if drops, ok := hooks[a.Index]; ok {
			r.classifiers(l, drops)
		}
		r.query(a.Index, ebpf.AttachTCXIngress, "tc-ingress", a.Name)
		r.query(a.Index, ebpf.AttachTCXEgress, "tc-egress", a.Name)
	}
	if cgroupRoot != "" && !r.out.Hidden {
		for _, group := range cgroups(cgroupRoot, own) {
			r.cgroup(cgroupRoot, group)
		}
	}
	return &r.out, nil
}

func (r *bpfReader) add(id uint32, attach, where string, drops *uint64) {
	if len(r.out.List) >= maxPrograms {
		return
	}
	info := r.info(id)
	r.out.List = append(r.out.List, Program{
		ID: id, Name: clip(info.Name), Tag: info.Tag, Attach: attach, Where: clip(where), Drops: drops,
	})
}

// info asks for a program's name and tag; it needs CAP_SYS_ADMIN.
func (r *bpfReader) info(id uint32) ebpf.ProgramInfo {
	if have, ok := r.names[id]; ok {
		return have
	}
	var info ebpf.ProgramInfo
	if p, err := ebpf.NewProgramFromID(ebpf.ProgramID(id)); err == nil {
		if i, err := p.Info(); err == nil {
			info = *i
		}
		_ = p.Close() // a descriptor that was only read from
	}
	r.names[id] = info
	return info
}

// xdpDrops adds up what the driver counts as dropped by XDP. Generic XDP drops
// without counting.
func xdpDrops(name string, mode uint32) *uint64 {
	const native = 1 // XDP_ATTACHED_DRV
	if mode != native {
		return nil
	}
	e, err := ethtool.NewEthtool()
	if err != nil {
		return nil
	}
	defer e.Close()
	stats, err := e.Stats(name)
	if err != nil {
		return nil
	}
	return sumXDPDrops(stats)
}

// sumXDPDrops prefers the driver's own total (mlx5) to the sum of its queues
// (virtio_net, veth, ena, igc).
func sumXDPDrops(stats map[string]uint64) *uint64 {
	var sum uint64
	found := false
	for name, n := range stats {
		name = strings.ToLower(strings.TrimSpace(name))
		if name == "rx_xdp_drop" || name == "rx_xdp_drops" {
			return &n
		}
		if strings.Contains(name, "xdp_drop") {
			sum += n
			found = true
		}
	}
	if !found {
		return nil
	}
	return &sum
}

// classifierHooks finds the links with an ingress or clsact hook, and what the
// hook has dropped.
func (r *bpfReader) classifierHooks() (map[int]*uint64, error) {
	qdiscs, err := r.handle.QdiscList(nil)
	if err != nil && !errors.Is(err, netlink.ErrDumpInterrupted) {
		return nil, fmt.Errorf("qdiscs: %w", err)
	}
	hooks := map[int]*uint64{}
	for _, q := range qdiscs {
		if q.Type() != "clsact" && q.Type() != "ingress" {
			continue
		}
		a := q.Attrs()
		hooks[a.LinkIndex] = nil
		if a.Statistics != nil && a.Statistics.Queue != nil {
			n := uint64(a.Statistics.Queue.Drops)
			hooks[a.LinkIndex] = &n
		}
	}
	return hooks, nil
}

// classifiers lists the BPF filters of a link's ingress and egress hooks.
func (r *bpfReader) classifiers(l netlink.Link, drops *uint64) {
	for parent, attach := range map[uint32]string{
		netlink.HANDLE_MIN_INGRESS: "tc-ingress", netlink.HANDLE_MIN_EGRESS: "tc-egress",
	} {
		found, err := r.handle.FilterList(l, parent)
		if err != nil {
			continue // a plain ingress hook has no egress side
		}
		for _, f := range found {
			if b, ok := f.(*netlink.BpfFilter); ok && b.Id > 0 {
				r.add(uint32(b.Id), attach, l.Attrs().Name, drops)
			}
		}
	}
}

// query lists what is attached to a hook by BPF_PROG_QUERY. Kernels that do not
// know the hook answer with an error, and have nothing attached to it.
func (r *bpfReader) query(target int, hook ebpf.AttachType, attach, where string) {
	if r.out.Hidden {
		return
	}
	result, err := link.QueryPrograms(link.QueryOptions{Target: target, Attach: hook})
	// Without the permission the library's own test of the kernel fails as well,
	// and it says that the kernel does not support the request.
	if errors.Is(err, fs.ErrPermission) || errors.Is(err, ebpf.ErrNotSupported) {
		r.out.Hidden = true
	}
	if err != nil {
		return
	}
	for _, p := range result.Programs {
		r.add(uint32(p.ID), attach, where, nil)
	}
}

func (r *bpfReader) cgroup(root, group string) {
	if r.out.Hidden {
		return
	}
	fd, err := unix.Open(filepath.Join(root, group), unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return // it went meanwhile
	}
	defer unix.Close(fd)
	r.query(fd, ebpf.AttachCGroupInetIngress, "cgroup-ingress", group)
	r.query(fd, ebpf.AttachCGroupInetEgress, "cgroup-egress", group)
}

// cgroups lists cgroups under root: the own ones first, then all, breadth
// first, at most 512.
func cgroups(root string, own []string) []string {
	seen := map[string]bool{}
	var out []string
	add := func(group string) {
		if !seen[group] && len(out) < maxCgroups {
			seen[group] = true
			out = append(out, group)
		}
	}
	for _, g := range own {
		for ; g != "/" && g != "." && g != ""; g = filepath.Dir(g) {
			add(g)
		}
	}
	add("/")
	level := []string{"/"}
	for len(level) > 0 && len(out) < maxCgroups {
		var next []string
		for _, g := range level {
			entries, err := os.ReadDir(filepath.Join(root, g))
			if err != nil {
				continue
			}
			for _, e := range entries {
				if e.IsDir() && len(next) < maxCgroups {
					sub := filepath.Join(g, e.Name())
					add(sub)
					next = append(next, sub)
				}
			}
		}
		level = next
	}
	return out
}

// findCgroups returns where the cgroup2 hierarchy is mounted, and the cgroup of
// this process in it. The root is empty when it is not mounted.
func findCgroups(procRoot string) (root string, own []string) {
	f, err := os.Open(filepath.Join(procRoot, "self/mountinfo"))
	if err != nil {
		return "", nil
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for lines.Scan() && root == "" {
		before, after, ok := strings.Cut(lines.Text(), " - ")
		fields := strings.Fields(before)
		if ok && strings.HasPrefix(after, "cgroup2 ") && len(fields) >= 5 {
			root = fields[4]
		}
	}
	if b, err := os.ReadFile(filepath.Join(procRoot, "self/cgroup")); err == nil {
		for line := range strings.Lines(string(b)) {
			if group, ok := strings.CutPrefix(strings.TrimSpace(line), "0::"); ok {
				own = append(own, group)
			}
		}
	}
	return root, own
}
