package load

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"time"

	"whydrop/probes/target"
)

const (
	resolveLimit = 5 * time.Second
	// attemptDelay is the time after which the next address is tried beside the one
	// before (RFC 8305, 8: Connection Attempt Delay).
	attemptDelay = 250 * time.Millisecond
	// mostAddresses are tried of a name that has more.
	mostAddresses = 8
)

// Target is the other end, as the operator named it.
type Target struct {
	Name      string           `json:"name"`      // HOST:PORT
	Addresses []netip.AddrPort `json:"addresses"` // in the order in which they are tried
}

// Resolve reads HOST:PORT or [IPv6]:PORT and looks the name up. The addresses are
// in the order of the resolver (RFC 6724) with the families in turn (RFC 8305, 4).
// It fails for what is no such target, for a name that has no address, and for
// addresses that are not those of one host: broadcast, multicast, unspecified.
func Resolve(ctx context.Context, spec string) (*Target, error) {
	if _, err := target.New(spec); err != nil {
		return nil, err
	}
	host, text, err := net.SplitHostPort(spec)
	if err != nil {
		return nil, fmt.Errorf("target %q: expected HOST:PORT", spec)
	}
	port, err := strconv.ParseUint(text, 10, 16) // target.New has seen that it is one
	if err != nil {
		return nil, fmt.Errorf("target %q: %w", spec, err)
	}
	addresses, err := lookUp(ctx, host)
	if err != nil {
		return nil, err
	}
	t := &Target{Name: spec}
	for _, a := range addresses {
		if err := refuse(a); err != nil {
			return nil, fmt.Errorf("target %q: %w", spec, err)
		}
		t.Addresses = append(t.Addresses, netip.AddrPortFrom(a, uint16(port)))
	}
	return t, nil
}

func lookUp(ctx context.Context, host string) ([]netip.Addr, error) {
	if a, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{a.Unmap()}, nil
	}
	ctx, cancel := context.WithTimeout(ctx, resolveLimit)
	defer cancel()
	found, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return nil, fmt.Errorf("address of %q: %w", host, err)
	}
	return interleave(found), nil
}

// interleave puts the families in turn, beginning with that of the first address.
func interleave(found []netip.Addr) []netip.Addr {
	var first, second, all []netip.Addr
	for _, a := range found {
		a = a.Unmap()
		switch {
		case slices.Contains(first, a) || slices.Contains(second, a):
		case len(first) == 0 || first[0].Is4() == a.Is4():
			first = append(first, a)
		default:
			second = append(second, a)
		}
	}
	for i := range max(len(first), len(second)) {
		if i < len(first) {
			all = append(all, first[i])
		}
		if i < len(second) {
			all = append(all, second[i])
		}
	}
	return all[:min(len(all), mostAddresses)]
}

// refuse says why traffic must not go to an address.
func refuse(a netip.Addr) error {
	switch {
	case a.IsMulticast():
		return fmt.Errorf("%s is a multicast address", a)
	case a.IsUnspecified():
		return fmt.Errorf("%s is no address of a host: name one", a)
	case a.Is6() && a.IsLinkLocalUnicast() && a.Zone() == "":
		return fmt.Errorf("%s is a link-local address: name the interface, too, as in [fe80::1%%eth0]:80", a)
	case a == netip.AddrFrom4([4]byte{255, 255, 255, 255}):
		return fmt.Errorf("%s is the broadcast address", a)
	}
	if zone := a.Zone(); zone != "" {
		if _, err := zoneIndex(zone); err != nil {
			return err
		}
	}
	// What cannot be listed cannot be refused; TCP refuses broadcasts itself.
	own, _ := net.InterfaceAddrs()
	for _, o := range own {
		p, err := netip.ParsePrefix(o.String())
		if err == nil && p.Addr().Is4() && p.Bits() < 31 && a == broadcast(p) {
			return fmt.Errorf("%s is the broadcast address of %s", a, p.Masked())
		}
	}
	return nil
}

// broadcast is the last address of an IPv4 network.
func broadcast(p netip.Prefix) netip.Addr {
	a := p.Masked().Addr().As4()
	for bit := p.Bits(); bit < 32; bit++ {
		a[bit/8] |= 0x80 >> (bit % 8)
	}
	return netip.AddrFrom4(a)
}

// Try is one address of a target that was tried before the traffic began.
type Try struct {
	Address netip.AddrPort `json:"address"`
	Outcome string         `json:"outcome"` // connected, given up, or the error
	Took    Seconds        `json:"seconds"`
}

// choose returns the address that the traffic goes to: the only one, or the one to
// which a connection is there first when they are tried as RFC 8305 (happy eyeballs)
// has it, the next one after 250 ms or as soon as one failed. If none answers it is
// the first: to show how it fails is what this is for.
func (t *Target) choose(ctx context.Context, patience time.Duration) (netip.AddrPort, []Try) {
	if len(t.Addresses) == 1 {
		return t.Addresses[0], nil
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	begin := time.Now()
	tries := make([]Try, 0, len(t.Addresses))
	type outcome struct {
		i   int
		err error
	}
	outcomes := make(chan outcome, len(t.Addresses))
	next := time.NewTimer(0)
	defer next.Stop()
	running := 0
	for {
		select {
		case <-next.C:
			if i := len(tries); i < len(t.Addresses) {
				tries = append(tries, Try{Address: t.Addresses[i], Outcome: "given up", Took: since(begin)})
				running++
				go func() { outcomes <- outcome{i, connectOnce(ctx, t.Addresses[i])} }()
				next.Reset(attemptDelay)
			}
		case o := <-outcomes:
			running--
			try := &tries[o.i]
			try.Took, try.Outcome = since(begin)-try.Took, nameOf(o.err)
			if o.err == nil {
				try.Outcome = "connected"
				return try.Address, finish(tries, o.i, begin)
			}
			if running == 0 && len(tries) == len(t.Addresses) {
				return t.Addresses[0], tries
			}
			next.Reset(0)
		}
	}
}

// finish writes for how long the others were tried.
func finish(tries []Try, won int, begin time.Time) []Try {
	for i := range tries {
		if i != won && tries[i].Outcome == "given up" {
			tries[i].Took = since(begin) - tries[i].Took
		}
	}
	return tries
}

func connectOnce(ctx context.Context, to netip.AddrPort) error {
	deadline, _ := ctx.Deadline()
	c, err := dial(ctx, to, deadline)
	if c != nil {
		c.end(err != nil)
	}
	if err != nil && errors.Is(ctx.Err(), context.Canceled) {
		return context.Canceled
	}
	return err
}
