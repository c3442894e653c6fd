package links

import (
	"encoding/binary"
	"errors"
	"time"

	"golang.org/x/sys/unix"

	"whydrop/probes/fact"
	"whydrop/probes/links/dump"
)

// Link is one interface at one moment.
type Link struct {
	Index  int
	Name   string
	Kind   string `json:",omitempty"` // IFLA_INFO_KIND; empty for a device of a driver and for loopback
	Master int    `json:",omitempty"` // index of its bridge or bond
	Bus    string `json:",omitempty"` // IFLA_PARENT_DEV_NAME, Linux 5.14: the bus address of a device

	Loopback bool `json:",omitempty"`
	Up       bool // IFF_UP
	Carrier  bool // IFLA_CARRIER
	XDP      bool `json:",omitempty"` // IFLA_XDP_ATTACHED

	MTU    uint32
	TxQLen uint32
	GSOMax uint32 `json:",omitempty"` // IFLA_GSO_MAX_SIZE, Linux 4.10, in bytes; 0: unknown
	Qdisc  string // root qdisc

	// Changes is IFLA_CARRIER_CHANGES (Linux 3.15); nil on older kernels.
	Changes *uint32 `json:",omitempty"`
	// Stats are the counters of struct rtnl_link_stats64, as many as this
	// kernel has, in the kernel's order (see statNames).
	Stats []uint64

	Addresses int  // addresses on it, IPv6 link-local ones aside
	Routed    bool // a unicast route points at it

	// Settings are row fields that come from the driver, as far as it answers.
	Settings fact.Row `json:",omitempty"`
	// Counters are the driver's statistics with a meaning; nil when they were
	// not read in this look.
	Counters *Counters `json:",omitempty"`

	// Port is what the bond or bridge that it belongs to says about it.
	Port Port
}

// statNames are the fields of struct rtnl_link_stats64 in order, by the name
// of the row field that shows them; empty where no field does.
// Source: include/uapi/linux/if_link.h.
var statNames = [...]string{
	"rx_packets", "tx_packets", "rx_bytes", "tx_bytes", "rx_errors", "tx_errors",
	"rx_dropped", "tx_dropped", "", "collisions", "rx_length", "rx_over", "rx_crc",
	"rx_frame", "rx_fifo", "rx_missed", "tx_aborted", "tx_carrier", "tx_fifo",
	"", "tx_window", "", "",
	"rx_nohandler", // Linux 4.6
	"rx_otherhost", // Linux 5.19
}

// Attributes that golang.org/x/sys/unix does not name.
const (
	iflaXDPAttached   = 2
	iflaParentDevName = 0x38
)

func (r *Reading) readLinks(c *dump.Conn) error {
	err := c.Dump(unix.RTM_GETLINK, make([]byte, unix.SizeofIfInfomsg), func(b []byte) bool {
		if l, ok := parseLink(b); ok {
			if len(r.Links) < maxLinks {
				r.Links = append(r.Links, l)
			} else {
				r.Cut = true
			}
		}
		return true
	})
	return err
}

// parseLink reads the payload of an RTM_NEWLINK message.
func parseLink(b []byte) (Link, bool) {
	if len(b) < unix.SizeofIfInfomsg {
		return Link{}, false
	}
	flags := u32(b[8:])
	l := Link{
		Index:    int(int32(u32(b[4:]))),
		Up:       flags&unix.IFF_UP != 0,
		Loopback: flags&unix.IFF_LOOPBACK != 0,
	}
	dump.Attributes(b[unix.SizeofIfInfomsg:], l.attribute)
	l.Port.read()
	return l, l.Name != ""
}

func (l *Link) attribute(kind uint16, v []byte) {
	switch kind {
	case unix.IFLA_IFNAME:
		l.Name = text(v)
	case unix.IFLA_MTU:
		l.MTU = u32(v)
	case unix.IFLA_TXQLEN:
		l.TxQLen = u32(v)
	case unix.IFLA_GSO_MAX_SIZE:
		l.GSOMax = u32(v)
	case unix.IFLA_QDISC:
		l.Qdisc = text(v)
	case unix.IFLA_MASTER:
		l.Master = int(u32(v))
	case unix.IFLA_CARRIER:
		l.Carrier = isSet(v)
	case unix.IFLA_CARRIER_CHANGES:
		n := u32(v)
		l.Changes = &n
	case unix.IFLA_STATS64:
		l.statistics(v)
	case unix.IFLA_LINKINFO, unix.IFLA_XDP:
		dump.Attributes(v, func(inner uint16, v []byte) { l.nested(kind, inner, v) })
	case iflaParentDevName:
		l.Bus = text(v)
	}
}

func (l *Link) statistics(v []byte) {
	for i := 0; i < len(statNames) && len(v) >= 8*(i+1); i++ {
		l.Stats = append(l.Stats, u64(v[8*i:]))
	}
}

func (l *Link) nested(outer, inner uint16, v []byte) {
	switch {
	case outer == unix.IFLA_LINKINFO && inner == unix.IFLA_INFO_KIND:
		l.Kind = text(v)
	case outer == unix.IFLA_LINKINFO && inner == unix.IFLA_INFO_SLAVE_KIND:
		l.Port.Kind = text(v)
	case outer == unix.IFLA_LINKINFO && inner == unix.IFLA_INFO_SLAVE_DATA:
		l.Port.data = v
	case outer == unix.IFLA_XDP && inner == iflaXDPAttached:
		l.XDP = isSet(v)
	}
}

// isSet reads a one-byte flag.
func isSet(v []byte) bool { return len(v) > 0 && v[0] != 0 }

// device tells whether it is a network card, real or virtual, with a driver.
func (l *Link) device() bool {
	return l.Kind == "" && !l.Loopback && (l.Bus != "" || l.Settings["bus"] != nil)
}

// asksDriver tells whether the driver is worth asking for settings.
func (l *Link) asksDriver() bool {
	return l.Kind == "veth" || l.Kind == "" && !l.Loopback
}

// hasStatistics tells whether the driver's statistics are worth reading. Those
// of a veth are in the standard counters, but for what an XDP program drops.
func (l *Link) hasStatistics() bool { return l.Kind == "" || l.XDP }

// usage says what the host uses its links for, by link index.
type usage struct {
	at        time.Time
	addresses map[int]int
	routed    map[int]bool
}

const maxRoutes = 50_000 // routes read to see which links they point at

// readUsage finds out which links carry addresses and routes.
func readUsage(c *dump.Conn) (usage, error) {
	u := usage{addresses: map[int]int{}, routed: map[int]bool{}}
	err := c.Dump(unix.RTM_GETADDR, make([]byte, unix.SizeofIfAddrmsg), func(b []byte) bool {
		if index, ok := parseAddress(b); ok {
			u.addresses[index]++
		}
		return true
	})
	if err != nil {
		return u, err
	}
	seen := 0
	err = c.Dump(unix.RTM_GETROUTE, make([]byte, unix.SizeofRtMsg), func(b []byte) bool {
		for _, index := range parseRoute(b) {
			u.routed[index] = true
		}
		seen++
		return seen < maxRoutes
	})
	if errors.Is(err, dump.ErrCut) {
		err = nil
	}
	return u, err
}

// parseAddress reads the payload of an RTM_NEWADDR message. IPv6 link-local
// addresses say nothing about the use of a link: every link has one.
func parseAddress(b []byte) (index int, ok bool) {
	if len(b) < unix.SizeofIfAddrmsg {
		return 0, false
	}
	family, scope := b[0], b[3]
	return int(u32(b[4:])), family != unix.AF_INET6 || scope != unix.RT_SCOPE_LINK
}

// parseRoute reads the payload of an RTM_NEWROUTE message: the links that a
// unicast route points at. IPv6 multicast and link-local routes, which every
// link has, do not count.
func parseRoute(b []byte) []int {
	if len(b) < unix.SizeofRtMsg || b[7] != unix.RTN_UNICAST || b[4] == unix.RT_TABLE_LOCAL {
		return nil
	}
	var out []int
	ownOnly := false
	dump.Attributes(b[unix.SizeofRtMsg:], func(kind uint16, v []byte) {
		switch kind {
		case unix.RTA_DST:
			ownOnly = b[0] == unix.AF_INET6 && len(v) == 16 &&
				(v[0] == 0xff || v[0] == 0xfe && v[1]&0xc0 == 0x80)
		case unix.RTA_OIF:
			out = append(out, int(u32(v)))
		case unix.RTA_MULTIPATH:
			out = append(out, nexthops(v)...)
		}
	})
	if ownOnly {
		return nil
	}
	return out
}

// nexthops reads the links out of an array of struct rtnexthop.
func nexthops(v []byte) []int {
	var out []int
	for len(v) >= unix.SizeofRtNexthop {
		size := int(binary.NativeEndian.Uint16(v))
		if size < unix.SizeofRtNexthop || size > len(v) {
			break
		}
		out = append(out, int(u32(v[4:])))
		v = v[min(len(v), (size+3)&^3):]
	}
	return out
}

// text is a string attribute: up to its first zero byte, at most 200 bytes.
func text(b []byte) string {
	for i, c := range b {
		if c == 0 {
			b = b[:i]
			break
		}
	}
	return string(b[:min(len(b), maxName)])
}

// u32 and u64 read an attribute in the host's byte order; zero if it is too
// short to be one.
func u32(b []byte) uint32 {
	if len(b) < 4 {
		return 0
	}
	return binary.NativeEndian.Uint32(b)
}

func u64(b []byte) uint64 {
	if len(b) < 8 {
		return 0
	}
	return binary.NativeEndian.Uint64(b)
}
