//go:build linux

package lab

import (
	"fmt"

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
	pass, drop, size := int32(0), int32(2), asm.Word // TC_ACT_OK, TC_ACT_SHOT
	data, end := int16(76), int16(80)                // of struct __sk_buff
	if kind == ebpf.XDP {
		pass, drop = 2, 1 // XDP_PASS, XDP_DROP
		data, end = 0, 4  // of struct xdp_md
	}
	const ethernet, ip = 14, 20
	network := func(v uint16) int32 { return int32(v>>8 | v<<8&0xff00) }
	prog := asm.Instructions{
		asm.LoadMem(asm.R2, asm.R1, data, size),
		asm.LoadMem(asm.R3, asm.R1, end, size),
		asm.Mov.Imm(asm.R0, pass),
		asm.Mov.Reg(asm.R4, asm.R2),
		asm.Add.Imm(asm.R4, ethernet+ip+4),
		asm.JGT.Reg(asm.R4, asm.R3, "end"),
		asm.LoadMem(asm.R5, asm.R2, 12, asm.Half),
		asm.JNE.Imm(asm.R5, network(unix.ETH_P_IP), "end"),
		asm.LoadMem(asm.R5, asm.R2, ethernet+9, asm.Byte),
		asm.JNE.Imm(asm.R5, unix.IPPROTO_TCP, "end"),
		asm.LoadMem(asm.R5, asm.R2, ethernet+ip+2, asm.Half),
		asm.JNE.Imm(asm.R5, network(port), "end"),
		asm.Mov.Imm(asm.R0, drop),
		asm.Return().WithSymbol("end"),
	}
	return ebpf.NewProgram(&ebpf.ProgramSpec{Name: "edge_guard", Type: kind, Instructions: prog, License: "MIT"})
}
