package links

import "whydrop/probes/links/dump"

// Port is what a bond or bridge says about one of its members.
type Port struct {
	Kind string `json:",omitempty"` // IFLA_INFO_SLAVE_KIND: bond, bridge, team; "" for a link without master
	// State is active or backup in a bond; disabled, listening, learning,
	// forwarding or blocking in a bridge; "" where it is not known.
	State string `json:",omitempty"`
	// MII and Failures are a bond's: whether its link monitor finds the member
	// up, and how often it found it down. Nil elsewhere.
	MII      *bool   `json:",omitempty"`
	Failures *uint32 `json:",omitempty"`

	data []byte // IFLA_INFO_SLAVE_DATA, until the kind is known
}

// Attributes of include/uapi/linux/if_link.h that golang.org/x/sys/unix does
// not name.
const (
	bondSlaveState    = 1 // IFLA_BOND_SLAVE_STATE
	bondSlaveMII      = 2 // IFLA_BOND_SLAVE_MII_STATUS
	bondSlaveFailures = 3 // IFLA_BOND_SLAVE_LINK_FAILURE_COUNT
	bridgePortState   = 1 // IFLA_BRPORT_STATE
)

var (
	bondStates   = []string{"active", "backup"}
	bridgeStates = []string{"disabled", "listening", "learning", "forwarding", "blocking"}
)

// read reads the data once the kind is known.
func (p *Port) read() {
	data := p.data
	p.data = nil
	dump.Attributes(data, func(kind uint16, v []byte) {
		switch {
		case p.Kind == "bond" && kind == bondSlaveState:
			p.State = state(bondStates, v)
		case p.Kind == "bond" && kind == bondSlaveMII && len(v) > 0:
			up := v[0] == 0 // BOND_LINK_UP
			p.MII = &up
		case p.Kind == "bond" && kind == bondSlaveFailures && len(v) >= 4:
			n := u32(v)
			p.Failures = &n
		case p.Kind == "bridge" && kind == bridgePortState:
			p.State = state(bridgeStates, v)
		}
	})
}

// state is the name of a one-byte state, "" for one that this program does not
// know.
func state(names []string, v []byte) string {
	if len(v) == 0 || int(v[0]) >= len(names) {
		return ""
	}
	return names[v[0]]
}
