//go:build linux

package lab

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"
)

var bpfFaults = []Scenario{
	{
		Name: "xdp-drop", Cause: "bpf.xdp-drop", sick: "server", Needs: "root",
		About: "an XDP program drops a service's packets; seen from its host",
		plan: func(s *site) error {
			return s.programmed(4222, ebpf.XDP, func(p *ebpf.Program, dev int) (link.Link, error) {
				return link.AttachXDP(link.XDPOptions{Program: p, Interface: dev, Flags: link.XDPGenericMode})
			})
		},
	},
	{
		Name: "tc-drop", Cause: "bpf.tc-drop", sick: "server", Needs: "root",
		About: "a tc program at the ingress drops a service's packets; seen from its host",
		plan: func(s *site) error {
			return s.programmed(9100, ebpf.SchedCLS, func(p *ebpf.Program, dev int) (link.Link, error) {
				return link.AttachTCX(link.TCXOptions{Program: p, Interface: dev, Attach: ebpf.AttachTCXIngress})
			})
		},
	},
	{
		Name: "tc-drop-egress", Cause: "bpf.tc-drop", sick: "client", Needs: "root",
		About:  "a tc program at the egress drops what a client sends to one service; seen from the client",
		Unseen: "an ordinary user sees neither the program nor what it drops at the egress", UnseenBy: "nobody",
		plan: tcDropEgress,
	},
	{
		Name: "cgroup-drop", Cause: "bpf.cgroup-drop", sick: "client", Needs: "root",
		About:  "the policy of a program's control group refuses what it sends to one service; seen from its host",
		Unseen: "an ordinary user reads neither the rules nor the programs that can take a packet on its way out", UnseenBy: "nobody",
		plan: cgroupDrop,
	},
}

// tcDropEgress has a worker whose calls end at its host's own interface.
func tcDropEgress(s *site) error {
	if err := s.outbound(6432); err != nil {
		return err
	}
	s.grows("worker.failed", 1)
	prog, err := dropProgram(ebpf.SchedCLS, 6432)
	if err != nil {
		return fmt.Errorf("%w: loading a BPF program: %w", ErrNeeds, err)
	}
	dev, err := s.client.link.LinkByName(s.client.dev)
	if err != nil {
		return err
	}
	return s.client.do(func() error {
		held, err := link.AttachTCX(link.TCXOptions{Program: prog, Interface: dev.Attrs().Index, Attach: ebpf.AttachTCXEgress})
		if err != nil {
			return fmt.Errorf("attaching a BPF program: %w", err)
		}
		s.undo = append(s.undo, func() { _ = held.Close() })
		return nil
	})
}

// cgroupDrop puts a worker into a control group that may not talk to the
// service. A socket belongs to the group in which it was made.
func cgroupDrop(s *site) error {
	if err := s.outbound(8300); err != nil {
		return err
	}
	s.grows("worker.failed", 1)
	dir, err := s.group("worker")
	if err != nil {
		return err
	}
	prog, err := dropProgram(ebpf.CGroupSKB, 8300)
	if err != nil {
		return fmt.Errorf("%w: loading a BPF program: %w", ErrNeeds, err)
	}
	held, err := link.AttachCgroup(link.CgroupOptions{Path: dir, Attach: ebpf.AttachCGroupInetEgress, Program: prog})
	if err != nil {
		return fmt.Errorf("attaching a BPF program to a control group: %w", err)
	}
	s.undo = append(s.undo, func() { _ = held.Close() })
	return nil
}

// group puts a player into a control group (version 2) of its own.
func (s *site) group(name string) (string, error) {
	root := "/sys/fs/cgroup"
	if _, err := os.Stat(filepath.Join(root, "cgroup.procs")); err != nil {
		root = filepath.Join(root, "unified") // beside version 1
	}
	dir := filepath.Join(root, fmt.Sprintf("whydrop-lab-%d-%s", os.Getpid(), name))
	if err := os.Mkdir(dir, 0o755); err != nil {
		return "", fmt.Errorf("%w: control groups version 2: %w", ErrNeeds, err)
	}
	s.undo = append(s.undo, func() { _ = os.Remove(dir) })
	pid := strconv.Itoa(s.cast[name].cmd.Process.Pid)
	return dir, os.WriteFile(filepath.Join(dir, "cgroup.procs"), []byte(pid), 0o644)
}

// programmed has clients of a service whose packets a BPF program drops at the
// host's interface. The director holds the link, so it goes with the bench.
func (s *site) programmed(port uint16, kind ebpf.ProgramType, attach func(*ebpf.Program, int) (link.Link, error)) error {
	if err := s.quiet(); err != nil {
		return err
	}
	at := s.server.at(port)
	if err := s.server.cast("collector", &service{Addr: at}); err != nil {
		return err
	}
	prog, err := dropProgram(kind, port)
	if err != nil {
		return fmt.Errorf("%w: loading a BPF program: %w", ErrNeeds, err)
	}
	dev, err := s.server.link.LinkByName(s.server.dev)
	if err != nil {
		return err
	}
	err = s.server.do(func() error {
		held, err := attach(prog, dev.Attrs().Index)
		if err == nil {
			s.undo = append(s.undo, func() { _ = held.Close() })
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("attaching a BPF program: %w", err)
	}
	s.grows("agents.timeout", 3)
	return s.client.cast("agents", &caller{Target: at, Rate: 12, Reply: 900})
}

// dropProgram drops IPv4 TCP segments without options in the IP header to a
// port and passes the rest.
func dropProgram(kind ebpf.ProgramType, port uint16) (*ebpf.Program, error) {
	pass, drop := int32(0), int32(2)  // TC_ACT_OK, TC_ACT_SHOT
	data, end := int16(76), int16(80) // of struct __sk_buff
	ethernet := int16(14)
	const protocol = 16 // of struct __sk_buff: the EtherType
	network := func(v uint16) int32 { return int32(v>>8 | v<<8&0xff00) }
	isIPv4 := asm.Instructions{asm.LoadMem(asm.R5, asm.R1, protocol, asm.Word), asm.JNE.Imm(asm.R5, network(unix.ETH_P_IP), "end")}
	switch kind {
	case ebpf.XDP:
		pass, drop = 2, 1 // XDP_PASS, XDP_DROP
		data, end = 0, 4  // of struct xdp_md
		isIPv4[0] = asm.LoadMem(asm.R5, asm.R2, 12, asm.Half)
	case ebpf.CGroupSKB:
		pass, drop = 1, 0
		ethernet = 0 // begins with the IP header
	}
	const ip = 20
	prog := asm.Instructions{
		asm.LoadMem(asm.R2, asm.R1, data, asm.Word),
		asm.LoadMem(asm.R3, asm.R1, end, asm.Word),
		asm.Mov.Imm(asm.R0, pass),
		asm.Mov.Reg(asm.R4, asm.R2),
		asm.Add.Imm(asm.R4, int32(ethernet)+ip+4),
		asm.JGT.Reg(asm.R4, asm.R3, "end"),
	}
	prog = append(prog, isIPv4...)
	prog = append(prog,
		asm.LoadMem(asm.R5, asm.R2, ethernet+9, asm.Byte),
		asm.JNE.Imm(asm.R5, unix.IPPROTO_TCP, "end"),
		asm.LoadMem(asm.R5, asm.R2, ethernet+ip+2, asm.Half),
		asm.JNE.Imm(asm.R5, network(port), "end"),
		asm.Mov.Imm(asm.R0, drop),
		asm.Return().WithSymbol("end"),
	)
	return ebpf.NewProgram(&ebpf.ProgramSpec{Name: "edge_guard", Type: kind, Instructions: prog, License: "MIT"})
}
