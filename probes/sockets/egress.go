package sockets

import (
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"whydrop/probes/sockets/inetdiag"
)

// egress sums up by interface: the one that a socket is bound to, or the one that
// has its local address. With several routes a connection may use another one for
// sending.
type egress struct {
	ask     func() (own map[netip.Addr]int, names map[int]string)
	own     map[netip.Addr]int // this host's addresses: index of the interface
	names   map[int]string     // interfaces by index
	read    time.Time
	missing bool // an address was met that is not in own

	lastAddr netip.Addr // the address last asked for, with its interface
	addrLink int
	lastLink int // the interface last asked for, with its place in sums
	lastSlot uint16
	slots    map[int]uint16 // by index of the interface: position in sums
	sums     []egressSum
}

type egressSum struct {
	index int
	tally
}

const (
	maxEgress    = 512
	addressesFor = 10 * time.Second // before they are read again for an address not known
	here         = -1               // in place of an index: traffic that stays on this host
	unknownLink  = 0                // in place of an index, which begin at 1
)

func (e *egress) init() {
	e.slots = map[int]uint16{}
	e.ask = addresses
}

func (e *egress) reset() {
	clear(e.slots)
	e.sums = e.sums[:0]
	e.lastAddr = netip.Addr{}
	if e.own == nil || (e.missing && time.Since(e.read) > addressesFor) {
		e.own, e.names = e.ask()
		e.read, e.missing = time.Now(), false
	}
}

// addresses asks rtnetlink, within the namespace of the calling thread, for the
// addresses with the indices of their interfaces, and for the names of these. What
// it can't get is left out: the interface of a connection is then not known.
func addresses() (own map[netip.Addr]int, names map[int]string) {
	own, names = map[netip.Addr]int{}, map[int]string{}
	if links, err := net.Interfaces(); err == nil {
		for _, link := range links {
			names[link.Index] = link.Name
		}
	}
	if table, err := syscall.NetlinkRIB(unix.RTM_GETADDR, unix.AF_UNSPEC); err == nil {
		_ = ownAddresses(table, own)
	}
	return own, names
}

// ownAddresses adds the addresses of an answer to RTM_GETADDR.
func ownAddresses(table []byte, own map[netip.Addr]int) error {
	for len(table) > 0 {
		size, ok := part(table, unix.SizeofNlMsghdr, 4)
		if !ok {
			return fmt.Errorf("rtnetlink addresses: a message is cut short at %d bytes", len(table))
		}
		kind, body := binary.NativeEndian.Uint16(table[4:]), table[unix.SizeofNlMsghdr:size]
		table = table[min((size+3)&^3, len(table)):]
		if kind != unix.RTM_NEWADDR {
			continue
		}
		if len(body) < unix.SizeofIfAddrmsg {
			return fmt.Errorf("rtnetlink addresses: a message of %d bytes", len(body))
		}
		link := int(binary.NativeEndian.Uint32(body[4:]))
		if err := addressesOf(body[unix.SizeofIfAddrmsg:], func(addr netip.Addr) { own[addr] = link }); err != nil {
			return err
		}
	}
	return nil
}

// addressesOf calls each with the own addresses among the attributes of a message.
func addressesOf(attributes []byte, each func(netip.Addr)) error {
	for len(attributes) > 0 {
		size, ok := part(attributes, unix.SizeofRtAttr, 2)
		if !ok {
			return fmt.Errorf("rtnetlink addresses: an attribute is cut short at %d bytes", len(attributes))
		}
		kind, value := binary.NativeEndian.Uint16(attributes[2:]), attributes[unix.SizeofRtAttr:size]
		attributes = attributes[min((size+3)&^3, len(attributes)):]
		// On a link between two hosts IFA_ADDRESS is the other one's.
		addr, ok := netip.AddrFromSlice(value)
		if ok && (kind == unix.IFA_LOCAL || (kind == unix.IFA_ADDRESS && addr.Is6())) {
			each(addr)
		}
	}
	return nil
}

// part returns the length that a message or an attribute claims in its first bytes,
// and whether it is all there with its header.
func part(b []byte, header, width int) (size int, ok bool) {
	if len(b) < header {
		return 0, false
	}
	size = int(binary.NativeEndian.Uint16(b))
	if width == 4 {
		size = int(binary.NativeEndian.Uint32(b))
	}
	return size, size >= header && size <= len(b)
}

// isOwn says whether an address is one of this host's.
func (e *egress) isOwn(addr netip.Addr) bool {
	if addr.IsLoopback() {
		return true
	}
	_, own := e.own[addr.WithZone("")]
	return own
}

// stays says whether what a connection sends stays on this host: no firewall or path
// outside can lose it.
func (e *egress) stays(k *inetdiag.Socket) bool {
	return k.Remote.Addr() == k.Local.Addr() || e.isOwn(k.Remote.Addr())
}

// of returns the sum of a connection's interface, nil if it is not known.
func (e *egress) of(k *inetdiag.Socket, staysHere bool) *tally {
	link := here
	switch addr := k.Local.Addr(); {
	case staysHere:
	case k.Ifindex != 0:
		link = int(k.Ifindex)
	case addr == e.lastAddr:
		link = e.addrLink
	default:
		var known bool
		if link, known = e.own[addr.WithZone("")]; !known || link == unknownLink {
			e.missing = true
			return nil
		}
		e.lastAddr, e.addrLink = addr, link
	}
	if len(e.sums) == 0 || link != e.lastLink {
		slot, ok := e.slots[link]
		if !ok && len(e.sums) == maxEgress {
			return nil
		} else if !ok {
			slot = uint16(len(e.sums))
			e.sums = append(e.sums, egressSum{index: link})
			e.slots[link] = slot
		}
		e.lastLink, e.lastSlot = link, slot
	}
	return &e.sums[e.lastSlot].tally
}

func (e *egress) report() []Group {
	told := make([]Group, 0, len(e.sums))
	for i := range e.sums {
		sum := &e.sums[i]
		name := e.names[sum.index]
		switch {
		case sum.index == here:
			name = sameHost
		case name == "":
			name = "interface " + strconv.Itoa(sum.index)
			e.missing = true
		}
		told = append(told, Group{Name: name, Sum: sum.sum()})
	}
	return slices.Clip(told)
}

// sameHost names the connections that leave by no interface.
const sameHost = "this host"
