// Package target tries a destination that the operator named: it asks the
// kernel for the route, and opens and closes TCP connections. It is the only
// probe that sends packets, and it is there only when asked for.
package target

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"whydrop/probes/fact"
)

// Bounds of one look.
const (
	resolveLimit = 1500 * time.Millisecond
	connectLimit = 900 * time.Millisecond // a lost SYN is sent again after a second
)

// Source tries one destination.
type Source struct {
	name    string
	host    string
	port    uint16 // 0: only the route is looked up
	address netip.Addr
}

// New makes a source for "HOST", "HOST:PORT" or "[IPv6]:PORT".
func New(spec string) (*Source, error) {
	s := &Source{name: spec, host: spec}
	if host, port, err := net.SplitHostPort(spec); err == nil {
		n, err := strconv.ParseUint(port, 10, 16)
		if err != nil || n == 0 {
			return nil, fmt.Errorf("target %q: expected a port from 1 to 65535", spec)
		}
		s.host, s.port = host, uint16(n)
	}
	if s.host == "" {
		return nil, fmt.Errorf("target %q: expected HOST or HOST:PORT", spec)
	}
	if a, err := netip.ParseAddr(s.host); err == nil {
		s.address = a.Unmap()
	}
	return s, nil
}

// Reading is what came of trying once.
type Reading struct {
	Route   string        // see routeOf
	Outcome string        // see outcomeOf; "" if there was no port to try
	Took    time.Duration // until connected or refused
}

// Name implements fact.Source.
func (s *Source) Name() string { return "target" }

// Reads implements fact.Source.
func (s *Source) Reads() string {
	return "connect(2) to the destination named with --target: this sends packets"
}

// Look implements fact.Source.
func (s *Source) Look(ctx context.Context) (any, error) {
	if !s.address.IsValid() {
		ctx, cancel := context.WithTimeout(ctx, resolveLimit)
		defer cancel()
		found, err := net.DefaultResolver.LookupNetIP(ctx, "ip", s.host)
		if err != nil {
			return nil, fmt.Errorf("address of %s: %w", s.host, err)
		}
		s.address = found[0].Unmap()
	}
	r := &Reading{Route: routeOf(routeTo(netip.AddrPortFrom(s.address, max(s.port, 1))))}
	if s.port == 0 {
		return r, nil
	}
	dialer := net.Dialer{Timeout: connectLimit}
	begin := time.Now()
	conn, err := dialer.DialContext(ctx, "tcp", netip.AddrPortFrom(s.address, s.port).String())
	r.Outcome, r.Took = outcomeOf(err), time.Since(begin)
	if err == nil {
		_ = conn.Close() // nothing was sent that could get lost
	}
	return r, nil
}

// routeTo looks up the route as connect(2) of a UDP socket does: nothing is sent.
func routeTo(to netip.AddrPort) error {
	family, address := unix.AF_INET6, unix.Sockaddr(&unix.SockaddrInet6{Port: int(to.Port()), Addr: to.Addr().As16()})
	if to.Addr().Is4() {
		family, address = unix.AF_INET, &unix.SockaddrInet4{Port: int(to.Port()), Addr: to.Addr().As4()}
	}
	fd, err := unix.Socket(family, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	return unix.Connect(fd, address)
}

// routeOf names what the routing table says (fib errors, net/ipv4/fib_semantics.c).
func routeOf(err error) string {
	switch {
	case err == nil:
		return "ok"
	case errors.Is(err, unix.EINVAL):
		return "blackhole"
	case errors.Is(err, unix.EHOSTUNREACH):
		return "unreachable"
	case errors.Is(err, unix.EACCES):
		return "prohibit"
	case errors.Is(err, unix.ENETUNREACH):
		return "none"
	default:
		return err.Error()
	}
}

// outcomeOf names what came of a connection attempt.
func outcomeOf(err error) string {
	var timeout net.Error
	switch {
	case err == nil:
		return "connected"
	case errors.Is(err, unix.ECONNREFUSED):
		return "refused"
	case errors.Is(err, unix.EADDRNOTAVAIL):
		return "no port"
	case errors.Is(err, unix.EHOSTUNREACH), errors.Is(err, unix.ENETUNREACH):
		return "unreachable"
	case errors.As(err, &timeout) && timeout.Timeout():
		return "timeout"
	default:
		return "other"
	}
}

// Facts implements fact.Source.
func (s *Source) Facts(readings []fact.Reading, f *fact.Facts) {
	outcomes := map[string]float64{}
	var took []float64
	for _, reading := range readings {
		r, ok := reading.Data.(*Reading)
		if !ok {
			continue
		}
		f.Text("target.route", r.Route)
		if r.Outcome == "" {
			continue
		}
		outcomes[r.Outcome]++
		outcomes["all"]++
		if r.Outcome == "connected" {
			took = append(took, float64(r.Took.Microseconds())/1000)
		}
	}
	f.Text("target.name", s.name)
	if outcomes["all"] == 0 {
		return
	}
	f.Gauge("target.attempts", outcomes["all"])
	f.Gauge("target.connected", outcomes["connected"])
	f.Gauge("target.refused", outcomes["refused"])
	f.Gauge("target.timeouts", outcomes["timeout"])
	f.Gauge("target.unreachable", outcomes["unreachable"])
	f.Gauge("target.no_port", outcomes["no port"])
	if len(took) > 0 {
		slices.Sort(took)
		f.Gauge("target.connect_ms", took[len(took)/2])
	}
}
