//go:build linux

package lab

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/link"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// taker is a BPF program that drops TCP segments to a port and passes the rest.
type taker struct {
	port   uint16
	ipv6   bool
	answer bool   // segments from the port instead
	some   uint32 // of 1000, at random; 0: all
}

// program makes the program for one kind of hook. It knows segments whose IP
// header has no options.
func (k taker) program(kind ebpf.ProgramType) (*ebpf.Program, error) {
	pass, drop := int32(0), int32(2)  // TC_ACT_OK, TC_ACT_SHOT
	data, end := int16(76), int16(80) // of struct __sk_buff
	ethernet := int16(14)
	const protocol = 16 // of struct __sk_buff: the EtherType
	network := func(v uint16) int32 { return int32(v>>8 | v<<8&0xff00) }
	etherType, next, ip := network(unix.ETH_P_IP), int16(9), int16(20)
	if k.ipv6 {
		etherType, next, ip = network(unix.ETH_P_IPV6), 6, 40
	}
	rightProtocol := asm.Instructions{asm.LoadMem(asm.R5, asm.R1, protocol, asm.Word), asm.JNE.Imm(asm.R5, etherType, "pass")}
	switch kind {
	case ebpf.XDP:
		pass, drop = 2, 1 // XDP_PASS, XDP_DROP
		data, end = 0, 4  // of struct xdp_md
		rightProtocol[0] = asm.LoadMem(asm.R5, asm.R2, 12, asm.Half)
	case ebpf.CGroupSKB:
		pass, drop = 1, 0
		ethernet = 0 // begins with the IP header
	}
	ports := ethernet + ip + 2
	if k.answer {
		ports = ethernet + ip
	}
	prog := asm.Instructions{
		asm.LoadMem(asm.R2, asm.R1, data, asm.Word),
		asm.LoadMem(asm.R3, asm.R1, end, asm.Word),
		asm.Mov.Reg(asm.R4, asm.R2),
		asm.Add.Imm(asm.R4, int32(ethernet+ip)+4),
		asm.JGT.Reg(asm.R4, asm.R3, "pass"),
	}
	prog = append(prog, rightProtocol...)
	prog = append(prog,
		asm.LoadMem(asm.R5, asm.R2, ethernet+next, asm.Byte),
		asm.JNE.Imm(asm.R5, unix.IPPROTO_TCP, "pass"),
		asm.LoadMem(asm.R5, asm.R2, ports, asm.Half),
		asm.JNE.Imm(asm.R5, network(k.port), "pass"),
	)
	return loaded(kind, append(prog, takes(k.some, drop, pass)...))
}

// takes returns drop for some of 1000 packets, and pass for the others and for
// who jumps there.
func takes(some uint32, drop, pass int32) asm.Instructions {
	var prog asm.Instructions
	if some > 0 {
		prog = append(prog, asm.FnGetPrandomU32.Call(), asm.Mod.Imm(asm.R0, 1000), asm.JGE.Imm(asm.R0, int32(some), "pass"))
	}
	return append(prog,
		asm.Mov.Imm(asm.R0, drop), asm.Return(),
		asm.Mov.Imm(asm.R0, pass).WithSymbol("pass"), asm.Return(),
	)
}

func loaded(kind ebpf.ProgramType, prog asm.Instructions) (*ebpf.Program, error) {
	p, err := ebpf.NewProgram(&ebpf.ProgramSpec{Name: "edge_guard", Type: kind, Instructions: prog, License: "GPL"})
	if err != nil {
		return nil, fmt.Errorf("%w: loading a BPF program: %w", ErrNeeds, err)
	}
	return p, nil
}

// hook attaches a program to an interface of the current namespace. It returns
// what holds the program there, nil if the interface does.
type hook struct {
	kind   ebpf.ProgramType
	attach func(p *ebpf.Program, dev int) (link.Link, error)
}

// xdpHook is the XDP hook: link.XDPGenericMode or XDPDriverMode.
func xdpHook(mode link.XDPAttachFlags) hook {
	return hook{ebpf.XDP, func(p *ebpf.Program, dev int) (link.Link, error) {
		return link.AttachXDP(link.XDPOptions{Program: p, Interface: dev, Flags: mode})
	}}
}

// tcxHook is a hook of tcx, ebpf.AttachTCXIngress or AttachTCXEgress.
func tcxHook(at ebpf.AttachType) hook {
	return hook{ebpf.SchedCLS, func(p *ebpf.Program, dev int) (link.Link, error) {
		return link.AttachTCX(link.TCXOptions{Program: p, Interface: dev, Attach: at})
	}}
}

// clsactHook is the ingress filter chain of the clsact queueing discipline.
var clsactHook = hook{ebpf.SchedCLS, func(p *ebpf.Program, dev int) (link.Link, error) {
	qdisc := &netlink.Clsact{QdiscAttrs: netlink.QdiscAttrs{LinkIndex: dev, Handle: netlink.MakeHandle(0xffff, 0), Parent: netlink.HANDLE_CLSACT}}
	if err := netlink.QdiscAdd(qdisc); err != nil {
		return nil, err
	}
	return nil, netlink.FilterAdd(&netlink.BpfFilter{
		FilterAttrs: netlink.FilterAttrs{LinkIndex: dev, Parent: netlink.HANDLE_MIN_INGRESS, Priority: 1, Protocol: unix.ETH_P_ALL},
		Fd:          p.FD(), Name: "edge_guard", DirectAction: true,
	})
}}

// program puts a program that takes packets on an interface of the host. The
// director holds the link, so it goes with the bench.
func (h *host) program(dev string, at hook, k taker) error {
	prog, err := k.program(at.kind)
	if err != nil {
		return err
	}
	l, err := h.link.LinkByName(dev)
	if err != nil {
		return err
	}
	return h.do(func() error {
		held, err := at.attach(prog, l.Attrs().Index)
		if err != nil {
			return fmt.Errorf("%s: attaching a BPF program to %s: %w", h.name, dev, err)
		}
		if held != nil {
			h.site.undo = append(h.site.undo, func() { _ = held.Close() })
		}
		return nil
	})
}

// group makes a control group (version 2) of its own for the player of that name,
// which is still to be cast: a socket belongs to the group in which it was made.
func (s *site) group(name string) (dir string, err error) {
	root := "/sys/fs/cgroup"
	if _, err := os.Stat(filepath.Join(root, "cgroup.procs")); err != nil {
		root = filepath.Join(root, "unified") // beside version 1
	}
	dir = filepath.Join(root, fmt.Sprintf("whydrop-lab-%d-%s", os.Getpid(), name))
	if err := os.Mkdir(dir, 0o755); err != nil {
		return "", fmt.Errorf("%w: control groups version 2: %w", ErrNeeds, err)
	}
	s.undo = append(s.undo, func() { _ = os.Remove(dir) })
	s.groups[name] = dir
	return dir, nil
}

// police attaches a program to a control group for a player that is still to be
// cast: ebpf.AttachCGroupInetIngress or AttachCGroupInetEgress.
func (s *site) police(name string, at ebpf.AttachType, k taker) error {
	dir, err := s.group(name)
	if err != nil {
		return err
	}
	prog, err := k.program(ebpf.CGroupSKB)
	if err != nil {
		return err
	}
	held, err := link.AttachCgroup(link.CgroupOptions{Path: dir, Attach: at, Program: prog})
	if err != nil {
		return fmt.Errorf("attaching a BPF program to a control group: %w", err)
	}
	s.undo = append(s.undo, func() { _ = held.Close() })
	return nil
}

// deafen gives the listening socket of a player a filter (SO_ATTACH_BPF) that
// takes some of 1000 segments; connections inherit it.
func (s *site) deafen(name string, some uint32) error {
	prog, err := loaded(ebpf.SocketFilter, takes(some, 0, -1))
	if err != nil {
		return err
	}
	pid := s.cast[name].cmd.Process.Pid
	process, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrNeeds, err)
	}
	defer unix.Close(process)
	names, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	if err != nil {
		return err
	}
	for _, n := range names {
		number, _ := strconv.Atoi(n.Name())
		fd, err := unix.PidfdGetfd(process, number, 0)
		if err != nil {
			return fmt.Errorf("%w: a descriptor of %s: %w", ErrNeeds, name, err)
		}
		if listens, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ACCEPTCONN); err == nil && listens == 1 {
			defer unix.Close(fd)
			return unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ATTACH_BPF, prog.FD())
		}
		unix.Close(fd)
	}
	return errors.Join(net.ErrClosed, fmt.Errorf("%s does not listen", name))
}
