//go:build linux

package lab

import (
	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
)

var bpfFaults = []Scenario{
	{
		Name: "xdp-drop", Cause: "bpf.xdp-drop", sick: "server", Needs: "root",
		About: "an XDP program drops a service's packets; seen from its host",
		plan: func(s *site) error {
			return s.programmed(xdpHook(link.XDPGenericMode), taker{port: 4222})
		},
	},
	{
		Name: "tc-drop", Cause: "bpf.tc-drop", sick: "server", Needs: "root",
		About: "a tc program at the ingress drops a service's packets; seen from its host",
		plan: func(s *site) error {
			// Packets that the link counts and IP misses tell it without eBPF.
			if err := s.segmented(); err != nil {
				return err
			}
			return s.programmed(tcxHook(ebpf.AttachTCXIngress), taker{port: 9100})
		},
	},
	{
		Name: "tc-drop-egress", Cause: "bpf.tc-drop", sick: "client", Needs: "root",
		About:  "a tc program at the egress drops what a client sends to one service; seen from the client",
		Unseen: "an ordinary user sees neither the program nor what it drops at the egress", UnseenBy: "nobody",
		plan: func(s *site) error {
			if err := s.outbound(6432); err != nil {
				return err
			}
			s.grows("worker.failed", 1)
			return s.client.program(s.client.dev, tcxHook(ebpf.AttachTCXEgress), taker{port: 6432})
		},
	},
	{
		Name: "cgroup-drop", Cause: "bpf.cgroup-drop", sick: "client", Needs: "root",
		About:  "the policy of a program's control group refuses what it sends to one service; seen from its host",
		Unseen: "an ordinary user reads neither the rules nor the programs that can take a packet on its way out", UnseenBy: "nobody",
		plan: func(s *site) error {
			if err := s.police("worker", ebpf.AttachCGroupInetEgress, taker{port: 8300}); err != nil {
				return err
			}
			s.grows("worker.failed", 1)
			return s.outbound(8300)
		},
	},
	{
		Name: "xdp-drop-native", Cause: "bpf.xdp-drop", sick: "server", Needs: "root",
		About: "an XDP program in the driver drops a service's IPv6 packets; seen from its host",
		plan: func(s *site) error {
			return s.programmed(xdpHook(link.XDPDriverMode), taker{port: 4223, ipv6: true})
		},
	},
	{
		Name: "xdp-drop-some", Cause: "bpf.xdp-drop", sick: "server", Needs: "root",
		About: "an XDP program drops one in twenty of an upload's segments; seen from the receiver",
		plan: func(s *site) error {
			if err := s.bulk(&stream{Conns: 3, Rate: 300e3}, 8741); err != nil {
				return err
			}
			s.grows("kernel:client:Tcp.RetransSegs", 5)
			return s.server.program(s.server.dev, xdpHook(link.XDPGenericMode), taker{port: 8741, some: 50})
		},
	},
	{
		Name: "xdp-drop-router", Cause: "bpf.xdp-drop", sick: "router", Needs: "root",
		About: "an XDP program on a router drops what clients send to one service; seen from the router",
		plan: func(s *site) error {
			if err := s.outbound(8742); err != nil {
				return err
			}
			s.grows("worker.failed", 1)
			return s.router.program("to-client", xdpHook(link.XDPDriverMode), taker{port: 8742})
		},
	},
	{
		Name: "xdp-drop-answers", Cause: "bpf.xdp-drop", sick: "client", Needs: "root",
		About: "an XDP program drops the answers of one service; seen from the client that waits for them",
		plan: func(s *site) error {
			if err := s.outbound(8743); err != nil {
				return err
			}
			s.grows("worker.timeout", 1)
			return s.client.program(s.client.dev, xdpHook(link.XDPGenericMode), taker{port: 8743, answer: true})
		},
	},
	{
		Name: "tc-drop-clsact", Cause: "bpf.tc-drop", sick: "server", Needs: "root",
		About: "a filter of the clsact queueing discipline drops some of an upload's segments; seen from the receiver",
		plan: func(s *site) error {
			if err := s.bulk(&stream{Conns: 2, Rate: 400e3}, 8744); err != nil {
				return err
			}
			s.grows("kernel:client:Tcp.RetransSegs", 5)
			return s.server.program(s.server.dev, clsactHook, taker{port: 8744, some: 60})
		},
	},
	{
		Name: "tc-drop-router", Cause: "bpf.tc-drop", sick: "router", Needs: "root",
		About:  "a tc program on a router drops what clients send to one IPv6 service; seen from the router",
		Unseen: "without the kernel's reasons nothing counts what a program of tcx takes of several links' packets", UnseenBy: "nobody",
		plan: func(s *site) error {
			if err := s.outboundAt(true, 8745); err != nil {
				return err
			}
			s.grows("worker.failed", 1)
			return s.router.program("to-client", tcxHook(ebpf.AttachTCXIngress), taker{port: 8745, ipv6: true})
		},
	},
	{
		Name: "cgroup-drop-ingress", Cause: "bpf.cgroup-drop", sick: "server", Needs: "root",
		About:  "the policy of a service's control group refuses what its clients send; seen from the service's host",
		Unseen: "without the kernel's reasons the drops of a listening socket look like stray resets", UnseenBy: "nobody",
		plan: func(s *site) error {
			if err := s.police("backend", ebpf.AttachCGroupInetIngress, taker{port: 8746}); err != nil {
				return err
			}
			return s.served(false, 8746, "timeout", nothing)
		},
	},
	{
		Name: "cgroup-drop-ipv6", Cause: "bpf.cgroup-drop", sick: "server", Needs: "root",
		About:  "the policy of a service's control group refuses its IPv6 clients; seen from the service's host",
		Unseen: "without the kernel's reasons the drops of a listening socket look like stray resets", UnseenBy: "nobody",
		plan: func(s *site) error {
			if err := s.police("backend", ebpf.AttachCGroupInetIngress, taker{port: 8748, ipv6: true}); err != nil {
				return err
			}
			return s.served(true, 8748, "timeout", nothing)
		},
	},
	{
		Name: "socket-filter", Cause: "bpf.cgroup-drop", sick: "server", Needs: "root",
		About: "a filter that a service has put on its own socket takes a third of what arrives; seen from its host",
		plan: func(s *site) error {
			return s.served(false, 8749, "slow", func() error { return s.deafen("backend", 330) })
		},
	},
}

// programmed has clients of a service whose packets a BPF program drops at the
// host's interface.
func (s *site) programmed(at hook, k taker) error {
	if err := s.quiet(); err != nil {
		return err
	}
	addr := s.server.over(k.ipv6, k.port)
	if err := s.server.cast("collector", &service{Addr: addr}); err != nil {
		return err
	}
	if err := s.server.program(s.server.dev, at, k); err != nil {
		return err
	}
	s.grows("agents.timeout", 3)
	return s.client.cast("agents", &caller{Target: addr, Rate: 12, Reply: 900})
}

func nothing() error { return nil }

// bulk has a client that moves data to or from a service.
func (s *site) bulk(data *stream, port uint16) error {
	if err := s.quiet(); err != nil {
		return err
	}
	data.Target = s.server.at(port)
	if err := s.server.cast("warehouse", &service{Addr: data.Target, SendRate: data.ReadRate}); err != nil {
		return err
	}
	s.grows("uploader.bytes", 10e3)
	return s.client.cast("uploader", data)
}
