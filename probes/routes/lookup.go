package routes

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"whydrop/probes/sockets/inetdiag"
)

// readSockets finds out which routes TCP sockets need, those with something to
// send first: from the source that reads them anyway, or by a sweep of its own.
// Without inet_diag there are none, and noSockets says why.
func (s *Source) readSockets(ctx context.Context) {
	if s.sockets != nil {
		if found, ok := s.sockets(ctx); ok {
			s.pairs, s.noSockets = found, ""
			return
		}
	}
	if now := time.Now(); !now.Before(s.nextSweep) {
		s.sweep(ctx)
		s.nextSweep = time.Now().Add(sweepFactor * time.Since(now))
	}
}

func (s *Source) sweep(ctx context.Context) {
	s.pairs, s.noSockets = nil, ""
	if s.diag == nil {
		diag, err := inetdiag.Dial()
		if err != nil {
			s.noSockets = err.Error()
			return
		}
		s.diag = diag
	}
	var pairs inetdiag.Pairs
	for _, family := range []uint8{unix.AF_INET, unix.AF_INET6} {
		_, err := s.diag.Dump(ctx, inetdiag.Request{Family: family, States: inetdiag.Connected}, pairs.Add)
		if err != nil {
			s.diag.Close()
			s.diag, s.noSockets = nil, err.Error()
			return
		}
	}
	s.pairs = pairs.Take()
}

// askForSockets asks the kernel how it would route to the pairs that have
// something to send, and to those that a refusing route seems to cover. It returns
// the number of sockets with something to send by next hop.
func (s *Source) askForSockets(ctx context.Context, r *Reading) (map[hop]int, error) {
	hops := map[hop]int{}
	asked := 0
	for i := range s.pairs {
		t := &s.pairs[i]
		if asked >= maxLookups {
			break
		}
		if t.Sending == 0 && !covered(r.Refusals, t) {
			continue
		}
		asked++
		answer, err := s.ask(ctx, t)
		var errno unix.Errno
		if errors.As(err, &errno) {
			continue // the kernel can't tell for this one
		} else if err != nil {
			return nil, err
		}
		if answer.refused != 0 {
			r.Unroutable += t.Sockets
			attribute := attribution(r.Refusals, answer.refused, t)
			if attribute != nil {
				attribute.Sockets += t.Sockets
				attribute.Addrs = append(attribute.Addrs, t.Remote)
			}
			continue
		}
		hops[answer.hop] += t.Sending
	}
	return hops, nil
}

func covered(refusals []Refusal, t *inetdiag.Pair) bool {
	return slices.ContainsFunc(refusals, func(r Refusal) bool { return r.covers(t) })
}

// covers says whether the refusal is for such packets, as far as addresses tell.
func (r *Refusal) covers(t *inetdiag.Pair) bool {
	return r.Destination.Contains(t.Remote) && (!r.Source.IsValid() || r.Source.Contains(t.Local))
}

// errorOf is what the kernel answers for each type (fib_props in
// net/ipv4/fib_semantics.c, the same in IPv6). A throw ends the table, not the search.
var errorOf = map[string]unix.Errno{
	"blackhole": unix.EINVAL, "unreachable": unix.EHOSTUNREACH, "prohibit": unix.EACCES, "throw": unix.ENETUNREACH,
}

// attribution returns the refusal that explains the kernel's answer: of that type,
// with the longest prefix. IPv6 and policy rules answer "unreachable" with
// ENETUNREACH as well. Nil: there is just no route.
func attribution(refusals []Refusal, answer unix.Errno, t *inetdiag.Pair) *Refusal {
	var best *Refusal
	for i := range refusals {
		r := &refusals[i]
		if !r.covers(t) {
			continue
		}
		if errorOf[r.Type] != answer && !(r.Type == "unreachable" && answer == unix.ENETUNREACH) {
			continue
		}
		if best == nil || r.Destination.Bits() > best.Destination.Bits() {
			best = r
		}
	}
	return best
}

// routing is how the kernel would route a packet.
type routing struct {
	refused unix.Errno // 0 if it would
	hop     hop
}

// ask looks up the route of a pair. The source address is given for the sake
// of policy rules; one that is no longer the host's is answered with EINVAL, as a
// blackhole is, so the question is put once more without it.
func (s *Source) ask(ctx context.Context, t *inetdiag.Pair) (routing, error) {
	answer, err := s.lookup(ctx, t.Remote, t.Local, t.UID)
	if err == nil && answer.refused == unix.EINVAL {
		answer, err = s.lookup(ctx, t.Remote, netip.Addr{}, t.UID)
	}
	return answer, err
}

// question is the body of RTM_GETROUTE for one destination.
func question(to, from netip.Addr, uid uint32) []byte {
	request := make([]byte, unix.SizeofRtMsg, 64)
	request[0], request[1] = unix.AF_INET, uint8(to.BitLen())
	if to.Is6() {
		request[0] = unix.AF_INET6
	}
	request = attribute(request, unix.RTA_DST, to.AsSlice())
	if from.IsValid() && !from.IsUnspecified() {
		request[2] = uint8(from.BitLen())
		request = attribute(request, unix.RTA_SRC, from.AsSlice())
	}
	return attribute(request, unix.RTA_UID, binary.NativeEndian.AppendUint32(nil, uid))
}

// lookup is RTM_GETROUTE, as `ip route get` sends it.
func (s *Source) lookup(ctx context.Context, to, from netip.Addr, uid uint32) (routing, error) {
	var answer routing
	err := s.conn.get(ctx, unix.RTM_GETROUTE, question(to, from, uid), func(b []byte) error {
		r, ok := parseRoute(b)
		if !ok {
			return errors.New("rtnetlink: a route that can't be read")
		}
		answer.hop = hop{to, r.oif}
		if len(r.gateways) > 0 {
			answer.hop.addr = r.gateways[0]
		}
		// IPv6 answers with the refusing route in place of an error.
		answer.refused = errorOf[refusalTypes[r.kind]]
		return nil
	})
	if errno := unix.Errno(0); errors.As(err, &errno) {
		switch errno {
		case unix.EINVAL, unix.EHOSTUNREACH, unix.EACCES, unix.ENETUNREACH:
			answer.refused, err = errno, nil
		}
	}
	if err != nil {
		err = fmt.Errorf("look up the route to %s: %w", to, err)
	}
	return answer, err
}
