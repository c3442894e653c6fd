//go:build linux

package lab

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"strconv"
	"strings"

	"github.com/google/nftables/expr"
	nl "github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

const (
	ctInvalid     = expr.CtStateBitINVALID
	ctEstablished = expr.CtStateBitESTABLISHED | expr.CtStateBitRELATED
)

var conntrackFaults = []Scenario{
	{
		Name: "conntrack-full", Cause: "netfilter.conntrack-full", sick: "server",
		About: "the connection tracking table of a service's host is full; seen from that host",
		plan: func(s *site) error {
			return s.trackedFull(func() *host { return s.server }, input("filter"))
		},
	},
	{
		Name: "conntrack-full-router", Cause: "netfilter.conntrack-full", sick: "router",
		About: "the connection tracking table of a router is full; seen from the router",
		plan: func(s *site) error {
			return s.trackedFull(func() *host { return s.router }, forward("filter"))
		},
	},
	{
		Name: "conntrack-invalid-router", Cause: "netfilter.conntrack-invalid", sick: "router",
		About:  "a router forgets idle connections and drops their packets as invalid; seen from the router",
		Unseen: "without the rules and the kernel's reasons a few invalid packets look like strays of the internet", UnseenBy: "nobody",
		plan: func(s *site) error {
			return s.outOfStateOn(func() *host { return s.router }, false, 5675, func() error {
				return s.router.filter(forward("transit"), rule{name: "invalid", counted: true, match: many(tracked(ctInvalid)), does: drop}, rule{match: many(tracked(ctEstablished)), does: accept})
			})
		},
	},
	{
		Name: "conntrack-invalid-ipv6", Cause: "netfilter.conntrack-invalid", sick: "server",
		About:  "a service's host forgets idle IPv6 connections and drops their packets as invalid; seen from that host",
		Unseen: "without the rules and the kernel's reasons a few invalid packets look like strays of the internet", UnseenBy: "nobody",
		plan: func(s *site) error {
			return s.outOfStateOn(func() *host { return s.server }, true, 5676, func() error {
				return s.server.filter(input("filter"), rule{match: many(tracked(ctInvalid)), does: drop}, rule{match: many(tracked(ctEstablished)), does: accept})
			})
		},
	},
	{
		Name: "conntrack-invalid", Cause: "netfilter.conntrack-invalid", sick: "server",
		About:  "a service's host forgets idle connections and drops their packets as invalid; seen from that host",
		Unseen: "without the rules and the kernel's reasons a few invalid packets look like strays of the internet", UnseenBy: "nobody",
		plan: func(s *site) error {
			return s.outOfStateRuled(5672, rule{name: "invalid", counted: true, match: many(tracked(ctInvalid)), does: drop})
		},
	},
	{
		Name: "conntrack-invalid-uncounted", Cause: "netfilter.conntrack-invalid", sick: "server",
		About:  "a service's host forgets idle connections, and a rule without a counter drops their packets; seen from that host",
		Unseen: "without the rules and the kernel's reasons a few invalid packets look like strays of the internet", UnseenBy: "nobody",
		plan: func(s *site) error { return s.outOfStateRuled(9042, rule{match: many(tracked(ctInvalid)), does: drop}) },
	},
	{
		Name: "conntrack-full-small", Cause: "netfilter.conntrack-full", sick: "server", Needs: "root",
		Settings: []string{"net.netfilter.nf_conntrack_max"},
		About:    "sessions that are kept open fill a small connection tracking table; seen from the service's host",
		plan:     conntrackFullSmall,
	},
}

// conntrackFullSmall has as many sessions as the table has entries, so that
// others find no room.
func conntrackFullSmall(s *site) error {
	const entries = 400
	if err := s.quietKept(); err != nil {
		return err
	}
	if err := s.server.filter(input("filter"), rule{match: many(tracked(ctEstablished)), does: accept}); err != nil {
		return err
	}
	at := s.server.at(1935)
	if err := s.server.cast("streaming", &service{Addr: at}); err != nil {
		return err
	}
	if err := s.hostWide("net.netfilter.nf_conntrack_max", strconv.Itoa(entries)); err != nil {
		return err
	}
	if err := s.client.cast("viewers", &caller{Target: at, Keep: entries + 20, Pause: 1.5, Reply: 300}); err != nil {
		return err
	}
	s.grows("new-viewers.timeout", 2)
	return s.client.cast("new-viewers", &caller{Target: at, Rate: 10, Reply: 600})
}

func (s *site) outOfStateRuled(port uint16, takes rule) error {
	return s.outOfState(port, func() error {
		return s.server.filter(input("filter"), takes, rule{match: many(tracked(ctEstablished)), does: accept})
	})
}

// outOfState has pooled connections that rest longer than the service's own host
// tracks them; restrict takes what it then calls invalid.
func (s *site) outOfState(port uint16, restrict func() error) error {
	return s.outOfStateOn(func() *host { return s.server }, false, port, restrict)
}

// outOfStateOn is outOfState with the host that tracks, known when the hosts are.
func (s *site) outOfStateOn(tracks func() *host, ipv6 bool, port uint16, restrict func() error) error {
	if err := s.quiet(); err != nil {
		return err
	}
	if err := restrict(); err != nil {
		return err
	}
	if err := tracks().sysctls(
		"net.netfilter.nf_conntrack_tcp_timeout_established", "2",
		"net.netfilter.nf_conntrack_tcp_loose", "0",
	); err != nil {
		return err
	}
	at := s.server.over(ipv6, port)
	if err := s.server.cast("message-bus", &service{Addr: at}); err != nil {
		return err
	}
	s.grows("consumers.timeout", 0.5)
	return s.client.cast("consumers", &caller{Target: at, Keep: 12, Pause: 4, Reply: 500, Timeout: 2.5})
}

// mostTracked is how many entries a test may make: some 100 MB of the kernel's
// memory.
const mostTracked = 300_000

// trackedFull fills a host's table with established connections, which the
// kernel does not drop in favour of new ones. The limit, nf_conntrack_max, is
// the machine's and is not touched; each namespace counts its own entries. A rule
// at that hook makes the host track; it is known when the hosts are.
func (s *site) trackedFull(tracks func() *host, at chainAt) error {
	if err := s.quietKept(); err != nil {
		return err
	}
	if err := tracks().filter(at, rule{match: many(tracked(ctEstablished)), does: accept}); err != nil {
		return err
	}
	gateway := s.server.at(8530)
	if err := s.server.cast("gateway", &service{Addr: gateway}); err != nil {
		return err
	}
	text, err := os.ReadFile("/proc/sys/net/netfilter/nf_conntrack_max")
	if err != nil {
		return fmt.Errorf("%w: %w", ErrNeeds, err)
	}
	limit, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		return fmt.Errorf("nf_conntrack_max: %w", err)
	}
	if limit > mostTracked {
		return fmt.Errorf("%w: nf_conntrack_max is %d, more than the %d entries that a test may make", ErrNeeds, limit, mostTracked)
	}
	if err := tracks().track(limit + 100); err != nil {
		return err
	}
	s.grows("new-users.timeout", 3)
	return s.client.cast("new-users", &caller{Target: gateway, Rate: 15, Reply: 600})
}

// track adds up to n established connections of the server to the host's table; it stops
// without an error when the table is full.
func (h *host) track(n int) error {
	conn, err := nl.Dial(unix.NETLINK_NETFILTER, &nl.Config{NetNS: int(h.ns)})
	if err != nil {
		return fmt.Errorf("%s: netlink to connection tracking: %w", h.name, err)
	}
	defer conn.Close()
	const batch = 400
	for done := 0; done < n; done += batch {
		messages := make([]nl.Message, 0, batch)
		for i := done; i < done+batch; i++ {
			m, err := h.trackMessage(i)
			if err != nil {
				return err
			}
			messages = append(messages, m)
		}
		// Only the last message of a batch asks for an answer.
		messages[batch-1].Header.Flags |= nl.Acknowledge
		if _, err := conn.SendMessages(messages); err != nil {
			return fmt.Errorf("%s: adding tracked connections: %w", h.name, err)
		}
		_, err := conn.Receive()
		if errors.Is(err, unix.ENOMEM) || errors.Is(err, unix.ENOBUFS) {
			return nil // refused one by one; too many refusals overflow the socket
		}
		if err != nil && !errors.Is(err, unix.EEXIST) {
			return fmt.Errorf("%s: adding tracked connections: %w", h.name, err)
		}
	}
	return nil
}

// trackMessage is IPCTNL_MSG_CT_NEW for the i-th connection, assured and
// established (linux/netfilter/nfnetlink_conntrack.h).
func (h *host) trackMessage(i int) (nl.Message, error) {
	const (
		tupleOrig, tupleReply, status, protoInfo, timeout = 1, 2, 3, 4, 7 // CTA_*
		statusAssured                                     = 1<<1 | 1<<2 | 1<<3
		tcpEstablished                                    = 3
	)
	client := netip.AddrFrom4([4]byte{10, 250, byte(i >> 8), byte(i)})
	port := uint16(20000 + i>>16)
	e := nl.NewAttributeEncoder()
	e.ByteOrder = binary.BigEndian
	server := h.site.server.addr
	e.Nested(tupleOrig, tuple(client, server, port, 8530))
	e.Nested(tupleReply, tuple(server, client, 8530, port))
	e.Uint32(status, statusAssured)
	e.Uint32(timeout, 7200)
	e.Nested(protoInfo, func(e *nl.AttributeEncoder) error {
		e.Nested(1, func(e *nl.AttributeEncoder) error { // CTA_PROTOINFO_TCP
			e.Uint8(1, tcpEstablished) // CTA_PROTOINFO_TCP_STATE
			return nil
		})
		return nil
	})
	attrs, err := e.Encode()
	return nl.Message{
		Header: nl.Header{
			Type:  unix.NFNL_SUBSYS_CTNETLINK << 8,
			Flags: nl.Request | nl.Create | nl.Excl,
		},
		Data: append([]byte{unix.AF_INET, 0, 0, 0}, attrs...), // struct nfgenmsg
	}, err
}

// tuple encodes one direction of a tracked TCP connection.
func tuple(src, dst netip.Addr, from, to uint16) func(*nl.AttributeEncoder) error {
	return func(e *nl.AttributeEncoder) error {
		e.Nested(1, func(e *nl.AttributeEncoder) error { // CTA_TUPLE_IP
			e.Bytes(1, src.AsSlice())
			e.Bytes(2, dst.AsSlice())
			return nil
		})
		e.Nested(2, func(e *nl.AttributeEncoder) error { // CTA_TUPLE_PROTO
			e.Uint8(1, unix.IPPROTO_TCP)
			e.Uint16(2, from)
			e.Uint16(3, to)
			return nil
		})
		return nil
	}
}
