package drops

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// Flow selects packets from or to an address, a port, or both: one end of a
// connection. The zero value selects all.
type Flow struct {
	Addr netip.Addr // the zero value: any
	Port uint16     // 0: any
}

// ParseFlow reads "10.0.0.5:443", "10.0.0.5", ":443", "[2001:db8::5]:443",
// "[2001:db8::5]" or "2001:db8::5". Names are not resolved, and a zone is
// refused: a packet carries neither.
func ParseFlow(s string) (Flow, error) {
	bad := func(why string) (Flow, error) {
		return Flow{}, fmt.Errorf("flow %q: %s; expected ADDRESS, ADDRESS:PORT, :PORT or [IPV6]:PORT", s, why)
	}
	addr, port := split(s)
	var f Flow
	if port != "" {
		n, err := strconv.ParseUint(port, 10, 16)
		if err != nil || n == 0 {
			return bad("the port is not a number from 1 to 65535")
		}
		f.Port = uint16(n)
	}
	if addr == "" && port == "" {
		return bad("nothing is selected")
	}
	if addr == "" {
		return f, nil
	}
	a, err := netip.ParseAddr(addr)
	if err != nil {
		return bad("the address is not an IP address")
	}
	if a.Zone() != "" {
		return bad("a zone can't be matched")
	}
	f.Addr = a.Unmap()
	return f, nil
}

// split takes the port off. A wrong form comes out as an address that does not
// parse.
func split(s string) (addr, port string) {
	if inner, ok := strings.CutPrefix(s, "["); ok {
		addr, rest, ok := strings.Cut(inner, "]")
		if port, colon := strings.CutPrefix(rest, ":"); ok && strings.Contains(addr, ":") && (rest == "" || colon && port != "") {
			return addr, port
		}
		return s, ""
	}
	if strings.Count(s, ":") != 1 {
		return s, "" // a bare IPv4 or IPv6 address
	}
	addr, port, _ = strings.Cut(s, ":")
	if port == "" {
		return s, ""
	}
	return addr, port
}

// String is what ParseFlow reads.
func (f Flow) String() string {
	switch {
	case !f.Addr.IsValid():
		return ":" + strconv.Itoa(int(f.Port))
	case f.Port == 0:
		return f.Addr.String()
	}
	return netip.AddrPortFrom(f.Addr, f.Port).String()
}

// end is the flow as the BPF program wants it.
func (f Flow) end() kernelEnd {
	e := kernelEnd{Port: f.Port}
	switch {
	case f.Addr.Is4():
		e.Family = 4
		a := f.Addr.As4()
		copy(e.Addr[:], a[:])
	case f.Addr.IsValid():
		e.Family = 6
		e.Addr = f.Addr.As16()
	}
	return e
}

// flowText tells what one flow, or the two ends of one, select.
func flowText(flow []Flow) string {
	ends := make([]string, len(flow))
	for i, f := range flow {
		ends[i] = f.String()
	}
	return strings.Join(ends, " and ")
}
