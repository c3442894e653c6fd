//go:build linux

package lab

import (
	"fmt"
	"hash/fnv"
	"net/netip"
	"os"
	"slices"
	"strings"

	"github.com/safchain/ethtool"
)

// segmentation says who cuts the data of a connection into segments.
type segmentation int

const (
	bySender   segmentation = iota // TCP: one packet on a link is one segment, as on a real wire
	byLink                         // the link (TSO, GSO): what a new veth device does
	byLinkBoth                     // the link, and the other end puts them together again (GRO)
)

// habits are what hosts of the field differ in and what the reasoning must not
// depend on. They follow from the scenario's name, so that a bench is the same
// each time.
type habits struct {
	congestion string // the algorithm by which TCP sends
	segments   segmentation
}

// hashOf is the number from which a site draws what is its own.
func hashOf(scenario string) uint32 {
	hash := fnv.New32a()
	hash.Write([]byte(scenario))
	return hash.Sum32()
}

// habitsOf draws from the hash of a scenario's name.
func habitsOf(hash uint32) habits {
	return habits{
		congestion: []string{"reno", "cubic", "bbr"}[hash/200%3],
		segments:   segmentation(hash / 600 % 3),
	}
}

// segmented demands that one packet on a link is one segment, for faults that
// count or measure packets.
func (s *site) segmented() error {
	s.habits.segments = bySender
	for _, e := range s.ends {
		if err := e.h.cuts(e.dev, bySender); err != nil {
			return err
		}
	}
	return nil
}

// sends demands an algorithm of congestion control, for faults that need it.
func (s *site) sends(algorithm string) error {
	if !knows(algorithm) {
		return fmt.Errorf("%w: the kernel has no congestion control %s", ErrNeeds, algorithm)
	}
	s.habits.congestion = algorithm
	for _, h := range []*host{s.client, s.router, s.server} {
		if h == nil {
			continue // still to be made
		}
		if err := h.sends(algorithm); err != nil {
			return err
		}
	}
	return nil
}

// knows reports whether the kernel has that congestion control.
func knows(algorithm string) bool {
	text, err := os.ReadFile("/proc/sys/net/ipv4/tcp_available_congestion_control")
	return err == nil && slices.Contains(strings.Fields(string(text)), algorithm)
}

// sends makes the host's TCP send by algorithm. A namespace may choose as its
// default what the kernel lets everybody use; the others, often cubic among them,
// it may choose for a route. A kernel that does not know it sends by reno.
func (h *host) sends(algorithm string) error {
	if !knows(algorithm) {
		algorithm = "reno"
	}
	h.congctl = ""
	if h.sysctl("net.ipv4.tcp_congestion_control", algorithm) != nil {
		h.congctl = algorithm
	}
	if h.dev == "" {
		return nil
	}
	return h.defaultRoutes()
}

// defaultRoutes sends what goes elsewhere to the router.
func (h *host) defaultRoutes() error {
	if err := h.route(netip.MustParsePrefix("0.0.0.0/0"), h.via); err != nil {
		return err
	}
	return h.route(netip.MustParsePrefix("::/0"), h.via6)
}

// cuts sets who cuts what leaves by dev into segments. A device without the
// offload, a wire's for one, stays as it is.
func (h *host) cuts(dev string, by segmentation) error {
	err := h.do(func() error {
		e, err := ethtool.NewEthtool()
		if err != nil {
			return err
		}
		defer e.Close()
		return e.Change(dev, map[string]bool{
			"tx-tcp-segmentation": by != bySender, "tx-tcp6-segmentation": by != bySender,
			"tx-generic-segmentation": by != bySender, "rx-gro": by == byLinkBoth,
		})
	})
	if err != nil {
		return fmt.Errorf("%s: offloads of %s: %w", h.name, dev, err)
	}
	return nil
}
