//go:build linux

package lab

import "github.com/google/nftables/expr"

const (
	ctInvalid     = expr.CtStateBitINVALID
	ctEstablished = expr.CtStateBitESTABLISHED | expr.CtStateBitRELATED
)

var conntrackFaults = []Scenario{
	{
		Name: "conntrack-invalid", Cause: "netfilter.conntrack-invalid", sick: "server",
		About: "a service's host forgets idle connections and drops their packets as invalid; seen from that host",
		plan:  conntrackInvalid,
	},
}

// conntrackInvalid has pooled connections that rest longer than the service's
// own host tracks them.
func conntrackInvalid(s *site) error {
	if err := s.quiet(); err != nil {
		return err
	}
	if err := s.server.filter(input("filter"),
		rule{name: "invalid", counted: true, match: many(tracked(ctInvalid)), does: drop},
		rule{match: many(tracked(ctEstablished)), does: accept},
	); err != nil {
		return err
	}
	if err := s.server.sysctls(
		"net.netfilter.nf_conntrack_tcp_timeout_established", "2",
		"net.netfilter.nf_conntrack_tcp_loose", "0",
	); err != nil {
		return err
	}
	at := s.server.at(5672)
	if err := s.server.cast("message-bus", &service{Addr: at}); err != nil {
		return err
	}
	s.grows("consumers.timeout", 0.5)
	return s.client.cast("consumers", &caller{Target: at, Keep: 12, Pause: 4, Reply: 500, Timeout: 2.5})
}
