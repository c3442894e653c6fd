package filters

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"whydrop/probes/links/dump"
)

// nft makes dump requests of nf_tables. Rules are dumped for all tables at once
// and taken apart here, attribute by attribute, so that an expression that
// nobody knows yet makes one condition unknown and not a rule without a
// condition. The expressions themselves are decoded by google/nftables.
type nft struct{ conn *dump.Conn }

// request asks for all objects of a kind and calls each with the address family
// and the attributes of every one.
func (n nft) request(command uint16, family byte, attrs []netlink.Attribute, each func(family string, b []byte)) error {
	body, err := netlink.MarshalAttributes(attrs)
	if err != nil {
		return fmt.Errorf("nf_tables: %w", err)
	}
	body = append([]byte{family, 0, 0, 0}, body...)
	err = n.conn.Dump(unix.NFNL_SUBSYS_NFTABLES<<8|command, body, func(payload []byte) bool {
		if len(payload) >= nfgenSize {
			each(familyName(payload[0]), payload[nfgenSize:])
		}
		return true
	})
	if err != nil {
		return fmt.Errorf("nf_tables: %w", err)
	}
	return nil
}

// Verdicts: include/uapi/linux/netfilter.h.
const (
	nfDrop   = 0 // NF_DROP
	nfAccept = 1 // NF_ACCEPT
)

const nfgenSize = 4 // struct nfgenmsg: family, version, resource id

var nftFamilies = map[byte]string{
	unix.NFPROTO_INET: "inet", unix.NFPROTO_IPV4: "ip", unix.NFPROTO_IPV6: "ip6",
	unix.NFPROTO_ARP: "arp", unix.NFPROTO_BRIDGE: "bridge", unix.NFPROTO_NETDEV: "netdev",
}

func familyName(f byte) string {
	if name, ok := nftFamilies[f]; ok {
		return name
	}
	return fmt.Sprintf("family %d", f)
}

// familyNumber is the reverse of familyName; 0, which stands for all families, if
// there is none.
func familyNumber(name string) byte {
	for b, n := range nftFamilies {
		if n == name {
			return b
		}
	}
	return unix.NFPROTO_UNSPEC
}

// be32 and be64 read a number in network byte order; zero if it is too short.
func be32(b []byte) uint32 {
	if len(b) < 4 {
		return 0
	}
	return binary.BigEndian.Uint32(b)
}

func be64(b []byte) uint64 {
	if len(b) < 8 {
		return 0
	}
	return binary.BigEndian.Uint64(b)
}

// readNFT reads all chains and rules. It needs CAP_NET_ADMIN.
func readNFT(n nft) ([]*chain, error) {
	var chains []*chain
	at := map[chainKey]*chain{}
	err := n.request(unix.NFT_MSG_GETCHAIN, 0, nil, func(family string, b []byte) {
		if c := parseChain(family, b); c.name != "" {
			chains = append(chains, c)
			at[c.key()] = c
		}
	})
	if err != nil || len(chains) == 0 {
		return nil, err
	}
	nameBackends(chains)
	if chains, err = n.awake(chains, at); err != nil {
		return nil, err
	}
	counters, err := n.counters()
	if err != nil {
		return nil, err
	}
	sets, err := dump.Dial(unix.NETLINK_NETFILTER, lookLimit)
	if err != nil {
		return nil, fmt.Errorf("nf_tables: %w", err)
	}
	defer sets.Close()
	d := decoder{counters: counters, sets: nft{sets}.elements()}
	err = n.request(unix.NFT_MSG_GETRULE, 0, nil, func(family string, b []byte) {
		d.family = family
		d.decodeRule(b, at)
	})
	return chains, err
}

// awake leaves out the chains of tables that are switched off.
func (n nft) awake(chains []*chain, at map[chainKey]*chain) ([]*chain, error) {
	const dormant = 1 // NFT_TABLE_F_DORMANT
	asleep := map[chainKey]bool{}
	err := n.request(unix.NFT_MSG_GETTABLE, 0, nil, func(family string, b []byte) {
		var name string
		var flags uint32
		dump.Attributes(b, func(kind uint16, v []byte) {
			switch kind {
			case unix.NFTA_TABLE_NAME:
				name = cString(v)
			case unix.NFTA_TABLE_FLAGS:
				flags = be32(v)
			}
		})
		if flags&dormant != 0 {
			asleep[chainKey{family, name, ""}] = true
		}
	})
	return slices.DeleteFunc(chains, func(c *chain) bool {
		off := asleep[chainKey{c.family, c.table, ""}]
		if off {
			delete(at, c.key())
		}
		return off
	}), err
}

// parseChain reads an NFT_MSG_NEWCHAIN message.
func parseChain(family string, b []byte) *chain {
	c := &chain{backend: "nftables", family: family}
	dump.Attributes(b, func(kind uint16, v []byte) {
		switch kind {
		case unix.NFTA_CHAIN_TABLE:
			c.table = cString(v)
		case unix.NFTA_CHAIN_NAME:
			c.name = cString(v)
		case unix.NFTA_CHAIN_POLICY:
			c.policy = verdictDrop
			if be32(v) == nfAccept {
				c.policy = verdictAccept
			}
		case unix.NFTA_CHAIN_HOOK:
			dump.Attributes(v, func(kind uint16, v []byte) {
				if kind == unix.NFTA_HOOK_HOOKNUM {
					c.hook = hookName(family, be32(v))
				}
			})
		}
	})
	return c
}

// nameBackends marks the tables that iptables-nft made: they are named as in
// xtables, and their base chains in capitals after their hooks.
func nameBackends(chains []*chain) {
	tables := map[chainKey]bool{}
	for _, c := range chains {
		if c.hook != "" && (c.family == "ip" || c.family == "ip6") && c.name == strings.ToUpper(c.hook) {
			switch c.table {
			case "filter", "nat", "mangle", "raw", "security":
				tables[chainKey{c.family, c.table, ""}] = true
			}
		}
	}
	for _, c := range chains {
		if tables[chainKey{c.family, c.table, ""}] {
			c.backend = "iptables-nft"
		}
	}
}

func hookName(family string, hook uint32) string {
	if family == "netdev" {
		return [...]string{"ingress", "egress"}[min(hook, 1)]
	}
	if hook < xtHooks {
		return xtHookNames[hook]
	}
	return "ingress" // of family inet, Linux 5.10
}

// objectKey names a stateful object.
type objectKey struct{ family, table, name string }

// counters reads the named counters: packets they have seen.
func (n nft) counters() (map[objectKey]uint64, error) {
	out := map[objectKey]uint64{}
	attrs := []netlink.Attribute{{Type: unix.NFTA_OBJ_TYPE, Data: []byte{0, 0, 0, objectCounter}}}
	err := n.request(unix.NFT_MSG_GETOBJ, 0, attrs, func(family string, b []byte) {
		k := objectKey{family: family}
		var packets uint64
		dump.Attributes(b, func(kind uint16, v []byte) {
			switch kind {
			case unix.NFTA_OBJ_TABLE:
				k.table = cString(v)
			case unix.NFTA_OBJ_NAME:
				k.name = cString(v)
			case unix.NFTA_OBJ_DATA:
				dump.Attributes(v, func(kind uint16, v []byte) {
					if kind == unix.NFTA_COUNTER_PACKETS {
						packets = be64(v)
					}
				})
			}
		})
		out[k] = packets
	})
	if errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.EINVAL) {
		return out, nil // before Linux 4.10 there are none
	}
	return out, err
}

const objectCounter = 1 // NFT_OBJECT_COUNTER

// element is one element of a set or a verdict map.
type element struct {
	key     []byte
	last    bool // it ends an interval
	verdict int32
	chain   string
	mapped  bool // it has a verdict
}

const (
	maxSets     = 512 // sets whose elements are read in one look
	maxElements = 256 // of a set that are looked into
)

// elements returns a function that reads the elements of a set, once. Sets that
// are not read, because there are too many or too large, give nil. It has a
// socket of its own: the first one is in the middle of the rules.
func (n nft) elements() func(objectKey) []element {
	known := map[objectKey][]element{}
	return func(k objectKey) []element {
		if have, ok := known[k]; ok || len(known) >= maxSets {
			return have
		}
		known[k] = n.readElements(k, familyNumber(k.family))
		return known[k]
	}
}

func (n nft) readElements(k objectKey, family byte) []element {
	attrs := []netlink.Attribute{
		{Type: unix.NFTA_SET_ELEM_LIST_TABLE, Data: append([]byte(k.table), 0)},
		{Type: unix.NFTA_SET_ELEM_LIST_SET, Data: append([]byte(k.name), 0)},
	}
	var out []element
	err := n.request(unix.NFT_MSG_GETSETELEM, family, attrs, func(_ string, b []byte) {
		out = parseElements(out, b)
	})
	if err != nil || len(out) > maxElements {
		return nil
	}
	return out
}

// parseElements reads an NFT_MSG_NEWSETELEM message.
func parseElements(out []element, b []byte) []element {
	dump.Attributes(b, func(kind uint16, v []byte) {
		if kind != unix.NFTA_SET_ELEM_LIST_ELEMENTS {
			return
		}
		dump.Attributes(v, func(_ uint16, v []byte) {
			var e element
			dump.Attributes(v, e.attribute)
			if len(out) <= maxElements {
				out = append(out, e)
			}
		})
	})
	return out
}

func (e *element) attribute(kind uint16, v []byte) {
	const intervalEnd = 1 // NFT_SET_ELEM_INTERVAL_END
	switch kind {
	case unix.NFTA_SET_ELEM_FLAGS:
		e.last = be32(v)&intervalEnd != 0
	case unix.NFTA_SET_ELEM_KEY:
		dump.Attributes(v, func(kind uint16, v []byte) {
			if kind == unix.NFTA_DATA_VALUE {
				e.key = bytes.Clone(v)
			}
		})
	case unix.NFTA_SET_ELEM_DATA:
		dump.Attributes(v, func(kind uint16, v []byte) {
			if kind == unix.NFTA_DATA_VERDICT {
				e.mapped = true
				dump.Attributes(v, e.verdictAttribute)
			}
		})
	}
}

func (e *element) verdictAttribute(kind uint16, v []byte) {
	switch kind {
	case unix.NFTA_VERDICT_CODE:
		e.verdict = int32(be32(v))
	case unix.NFTA_VERDICT_CHAIN:
		e.chain = cString(v)
	}
}
