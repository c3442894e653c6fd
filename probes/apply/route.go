package apply

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// routeKnob is a metric of a route that is there (Field mtu, advmss, initcwnd,
// congctl or rto_min), or, with an empty Field and To "gone", a route that discards
// or refuses packets. Of is the route as ip(8) shows it: "10.0.0.0/8",
// "default table 100", "blackhole 10.2.0.0/16", "10.66.1.0/24 metric 77" where there
// are several of different metrics.
var routeKnob = knob{
	title:   "route",
	check:   checkRoute,
	read:    readRoute,
	write:   writeRoute,
	restore: restoreRoute,
}

// discarding are the types of routes that send nothing anywhere.
var discarding = map[string]byte{"blackhole": unix.RTN_BLACKHOLE, "unreachable": unix.RTN_UNREACHABLE, "prohibit": unix.RTN_PROHIBIT, "throw": unix.RTN_THROW}

// metrics are the numbers of a route (RTAX_* in include/uapi/linux/rtnetlink.h).
var metrics = map[string]uint16{"mtu": unix.RTAX_MTU, "advmss": unix.RTAX_ADVMSS, "initcwnd": unix.RTAX_INITCWND, "rto_min": unix.RTAX_RTO_MIN, "congctl": unix.RTAX_CC_ALGO}

// noMetric stands for a metric that a route does not have.
const noMetric = "none"

// gone stands for a route that is not there.
const gone = "gone"

// routeName is a route as Of names it.
type routeName struct {
	kind   byte
	to     netip.Prefix // invalid for default, of both families
	table  uint32
	metric string // a number; empty for whatever it is
	family byte   // 0 for both
}

func parseRoute(s string) (routeName, error) {
	r := routeName{kind: unix.RTN_UNICAST, table: unix.RT_TABLE_MAIN}
	w := strings.Fields(s)
	if len(w) > 0 {
		if k, ok := discarding[w[0]]; ok {
			r.kind, w = k, w[1:]
		}
	}
	if len(w)%2 != 1 {
		return r, fmt.Errorf("route %q: expected [TYPE] DESTINATION [metric N] [table N]", s)
	}
	for more := w[1:]; len(more) > 0; more = more[2:] {
		if err := r.more(more[0], more[1]); err != nil {
			return r, fmt.Errorf("route %q: %w", s, err)
		}
	}
	switch w[0] {
	case "default":
		r.family = unix.AF_INET
		return r, nil
	case "::/0":
		r.family = unix.AF_INET6
		return r, nil
	}
	p, err := netip.ParsePrefix(w[0])
	if err != nil {
		a, err2 := netip.ParseAddr(w[0])
		if err2 != nil {
			return r, fmt.Errorf("route %q: %w", s, err)
		}
		p = netip.PrefixFrom(a, a.BitLen())
	}
	r.to, r.family = p.Masked(), unix.AF_INET
	if p.Addr().Is6() {
		r.family = unix.AF_INET6
	}
	if p.Bits() == 0 {
		r.to = netip.Prefix{}
	}
	return r, nil
}

// more reads what follows the destination.
func (r *routeName) more(word, value string) error {
	n, err := strconv.ParseUint(value, 10, 32)
	switch word {
	case "metric":
		r.metric = strconv.FormatUint(n, 10)
	case "table":
		if named, ok := map[string]uint64{"main": unix.RT_TABLE_MAIN, "local": unix.RT_TABLE_LOCAL, "default": unix.RT_TABLE_DEFAULT}[value]; ok {
			n, err = named, nil
		}
		r.table = uint32(n)
	default:
		return fmt.Errorf("expected metric or table, not %q", word)
	}
	if err != nil {
		return fmt.Errorf("expected %s and its number", word)
	}
	return nil
}

func checkRoute(c Change) error {
	r, err := parseRoute(c.Of)
	if err != nil {
		return err
	}
	if c.Field == "" {
		if c.To != gone || r.kind == unix.RTN_UNICAST {
			return fmt.Errorf("route %s: only routes that discard or refuse are removed, with the value %q", c.Of, gone)
		}
		return nil
	}
	if _, ok := metrics[c.Field]; !ok {
		return fmt.Errorf("whydrop does not set %s of a route", c.Field)
	}
	if c.Field == "congctl" || c.To == noMetric {
		return nil
	}
	if _, err := strconv.ParseUint(c.To, 10, 32); err != nil {
		return fmt.Errorf("%s of a route: %q is not a number", c.Field, c.To)
	}
	return nil
}

const rtaNexthopID = 30 // RTA_NH_ID in include/uapi/linux/rtnetlink.h

const rtmsgSize = 12 // struct rtmsg: family, dst_len, src_len, tos, table, protocol, scope, type, flags

// findRoute returns the one route that a change names; nil if there is none.
func findRoute(name routeName) (*object, error) {
	// A router can have a million routes: the kernel is asked for the table and the type.
	header := make([]byte, rtmsgSize)
	header[0], header[7] = name.family, name.kind
	table := appendAttribute(nil, unix.RTA_TABLE, binary.NativeEndian.AppendUint32(nil, name.table))
	all, err := dumpObjects(unix.RTM_GETROUTE, header, table...)
	if errors.Is(err, unix.ENOENT) { // there is no such table
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var found []object
	for _, o := range all {
		if name.is(o) {
			found = append(found, o)
		}
	}
	switch len(found) {
	case 0:
		return nil, nil
	case 1:
		return &found[0], nil
	}
	if name.metric != "" {
		return nil, fmt.Errorf("there are %d such routes: whydrop does not choose among them", len(found))
	}
	return nil, fmt.Errorf("there are %d such routes, of different metrics: whydrop does not choose among them", len(found))
}

func (r routeName) is(o object) bool {
	table := uint32(o.Header[4])
	if t := o.get(unix.RTA_TABLE); len(t) == 4 {
		table = binary.NativeEndian.Uint32(t)
	}
	if table != r.table || o.Header[7] != r.kind || o.Header[0] != r.family || binary.NativeEndian.Uint32(o.Header[8:])&unix.RTM_F_CLONED != 0 {
		return false
	}
	if r.metric != "" && r.metric != strconv.FormatUint(word32(o.get(unix.RTA_PRIORITY), 0), 10) {
		return false
	}
	if !r.to.IsValid() {
		return o.Header[1] == 0
	}
	return int(o.Header[1]) == r.to.Bits() && bytes.Equal(o.get(unix.RTA_DST), r.to.Addr().AsSlice())
}

func readRoute(c Change) (State, error) {
	name, err := parseRoute(c.Of)
	if err != nil {
		return State{}, err
	}
	o, err := findRoute(name)
	switch {
	case err != nil:
		return State{}, err
	case o == nil && c.Field == "":
		return State{Text: gone}, nil
	case o == nil:
		return State{}, fmt.Errorf("there is no route %s", c.Of)
	}
	s := State{Text: c.Of}
	if c.Field != "" {
		s.Text = metric(*o, c.Field)
	}
	s.Raw, err = json.Marshal(o)
	return s, err
}

// metric is a metric of a route in words.
func metric(o object, field string) string {
	of := object{Attributes: splitAttributes(o.get(unix.RTA_METRICS))}
	v := of.get(metrics[field])
	switch {
	case v == nil:
		return noMetric
	case field == "congctl":
		return string(bytes.TrimRight(v, "\x00"))
	}
	return strconv.FormatUint(word32(v, 0), 10)
}

func writeRoute(c Change) error {
	name, err := parseRoute(c.Of)
	if err != nil {
		return err
	}
	o, err := findRoute(name)
	switch {
	case err != nil:
		return err
	case o == nil && c.Field == "":
		return nil
	case o == nil:
		return fmt.Errorf("there is no route %s", c.Of)
	case c.Field == "":
		_, err := exchange(unix.RTM_DELROUTE, 0, sendable(*o).message())
		return err
	}
	if learned(*o) {
		return fmt.Errorf("the route %s was learned from a router and comes again with its next advertisement: whydrop does not change it", c.Of)
	}
	return replaceRoute(withMetric(*o, c.Field, c.To))
}

// withMetric is a route with another value of a metric. rto_min only counts where it
// is locked (tcp_rto_min() in include/net/tcp.h), as ip(8) sends it.
func withMetric(o object, field, to string) object {
	of := object{Attributes: splitAttributes(o.get(unix.RTA_METRICS))}
	var v []byte
	switch n, err := strconv.ParseUint(to, 10, 32); {
	case to == noMetric:
	case field == "congctl":
		v = append([]byte(to), 0)
	case err == nil:
		v = binary.NativeEndian.AppendUint32(nil, uint32(n))
	}
	of = of.with(metrics[field], v)
	if field == "rto_min" {
		of = of.locking(metrics[field], to != noMetric)
	}
	return o.with(unix.RTA_METRICS, of.message()) // of none the message is nil
}

// locking returns metrics in which one is locked, or is not.
func (o object) locking(kind uint16, yes bool) object {
	bits := uint32(word32(o.get(unix.RTAX_LOCK), 0)) &^ (1 << kind)
	if yes {
		bits |= 1 << kind
	}
	if bits == 0 {
		return o.with(unix.RTAX_LOCK, nil)
	}
	return o.with(unix.RTAX_LOCK, binary.NativeEndian.AppendUint32(nil, bits))
}

// learned tells whether a route comes from router advertisements or goes by itself
// (struct rta_cacheinfo, rta_expires at 8).
func learned(o object) bool {
	return o.Header[5] == unix.RTPROT_RA || word32(o.get(unix.RTA_CACHEINFO), 8) != 0
}

// restoreRoute adds a route that was removed, or sets back one metric of the route
// as it is now: its gateway can have changed since.
func restoreRoute(c Change, was State) error {
	name, err := parseRoute(c.Of)
	if err != nil || was.Raw == nil {
		return err
	}
	before, err := decode(was.Raw, rtmsgSize)
	if err != nil {
		return err
	}
	now, err := findRoute(name)
	switch {
	case err != nil:
		return err
	case c.Field == "" && now == nil:
		_, err := exchange(unix.RTM_NEWROUTE, netlink.Create|netlink.Excl, sendable(before).message())
		return err
	case c.Field == "":
		return nil
	case now == nil:
		return fmt.Errorf("there is no route %s any more", c.Of)
	case metric(*now, c.Field) == was.Text:
		return nil
	}
	back := withMetric(*now, c.Field, was.Text)
	locks := word32(object{Attributes: splitAttributes(before.get(unix.RTA_METRICS))}.get(unix.RTAX_LOCK), 0)
	of := object{Attributes: splitAttributes(back.get(unix.RTA_METRICS))}.locking(metrics[c.Field], locks>>metrics[c.Field]&1 == 1)
	return replaceRoute(back.with(unix.RTA_METRICS, of.message()))
}

func replaceRoute(o object) error {
	_, err := exchange(unix.RTM_NEWROUTE, netlink.Replace, sendable(o).message())
	if errors.Is(err, unix.ENOENT) {
		return fmt.Errorf("the kernel does not have it: %w", err)
	}
	return err
}

// told are the flags of a route and of its next hops that the kernel only tells.
const told = unix.RTNH_F_DEAD | unix.RTNH_F_LINKDOWN | unix.RTNH_F_UNRESOLVED | unix.RTNH_F_OFFLOAD | unix.RTNH_F_TRAP

// sendable is a route as it may be sent: without what the kernel only tells (the
// state of its links, its age, and what a next hop object of ip nexthop stands for).
func sendable(o object) object {
	out := o.with(unix.RTA_CACHEINFO, nil)
	if out.get(rtaNexthopID) != nil {
		for _, kind := range []uint16{unix.RTA_OIF, unix.RTA_GATEWAY, unix.RTA_VIA, unix.RTA_MULTIPATH, unix.RTA_ENCAP, unix.RTA_ENCAP_TYPE, unix.RTA_FLOW} {
			out = out.with(kind, nil)
		}
		if out.get(unix.RTA_METRICS) == nil {
			// Without any, the kernel takes the metrics of before (fib_create_info()).
			out = out.with(unix.RTA_METRICS, []byte{})
		}
	} else if hops := out.get(unix.RTA_MULTIPATH); hops != nil {
		out = out.with(unix.RTA_MULTIPATH, sendableHops(hops))
	}
	out.Header = slices.Clone(o.Header)
	flags := binary.NativeEndian.Uint32(out.Header[8:])
	binary.NativeEndian.PutUint32(out.Header[8:], flags&^(told|unix.RTM_F_OFFLOAD|unix.RTM_F_TRAP|unix.RTM_F_OFFLOAD_FAILED))
	return out
}

// sendableHops takes the state out of the hops of a route with several: each is a
// struct rtnexthop (length, flags, hops, interface), followed by its attributes.
func sendableHops(hops []byte) []byte {
	out := slices.Clone(hops)
	for b := out; len(b) >= unix.SizeofRtNexthop; {
		size := int(binary.NativeEndian.Uint16(b))
		if size < unix.SizeofRtNexthop || size > len(b) {
			break
		}
		b[2] &^= told
		b = b[min(len(b), (size+unix.RTA_ALIGNTO-1)&^(unix.RTA_ALIGNTO-1)):]
	}
	return out
}
