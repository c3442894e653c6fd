package fact

import (
	"regexp"
	"slices"
	"strings"
)

// Need is something that a source can show only to a process with certain
// rights.
type Need struct {
	// For is what the rights let one see: "nftables rules".
	For string `json:"for"`
	// Capabilities are needed all together, as capabilities(7) spells them.
	Capabilities []string `json:"capabilities"`
	// Or is what would do as well: "kernel.dmesg_restrict=0".
	Or string `json:"or,omitempty"`
	// Why is where the kernel asks for them: system call, file and its mode.
	Why string `json:"why"`
	// Spot is the Blind.What that the source tells without them; "" if it tells
	// nothing.
	Spot string `json:"-"`
}

// Needy is implemented by sources that show more to a process with more rights.
// A source that is not Needy shows everything to everybody.
type Needy interface{ Needs() []Need }

// NeedsOf returns what a source declares, nil if it needs nothing.
func NeedsOf(s Source) []Need {
	if n, ok := s.(Needy); ok {
		return n.Needs()
	}
	return nil
}

// Explains reports whether a blind spot that the source told is for want of this
// need: it is the need's spot, a part of it or the whole that it is a part of,
// and asks for one of its capabilities, or for root. A spot that asks for something else (no
// such device, another namespace) is not explained by rights.
func (n Need) Explains(b Blind) bool {
	if n.Spot == "" || !strings.HasPrefix(b.What, n.Spot) && !strings.HasPrefix(n.Spot, b.What) {
		return false
	}
	return b.Needs == "root" || slices.ContainsFunc(b.Capabilities(), func(c string) bool { return slices.Contains(n.Capabilities, c) })
}

var capability = regexp.MustCompile(`\bCAP_[A-Z_]+\b`)

// Capabilities returns those that the blind spot's Needs names.
func (b Blind) Capabilities() []string { return capability.FindAllString(b.Needs, -1) }
