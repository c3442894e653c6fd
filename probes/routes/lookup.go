package routes

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"golang.org/x/sys/unix"

	"whydrop/probes/sockets/inetdiag"
)

// target is a route that sockets need: from which address to which.
type target struct {
	local, remote netip.Addr
	uid           uint32
	sockets       int // all of them
	sending       int // those with something to send
}

// maxTargets bounds the different targets kept. A host with more peers is shown
// in part; sockets with something to send come in as they are found.
const maxTargets = 16 << 10

// readSockets collects the targets of TCP sockets, those with something to send
// first. Without inet_diag there are none, and noSockets says why.
func (s *Source) readSockets(ctx context.Context) {
	s.targets, s.noSockets = nil, ""
	if s.diag == nil {
		diag, err := inetdiag.Dial()
		if err != nil {
			s.noSockets = err.Error()
			return
		}
		s.diag = diag
	}
	type route struct{ local, remote netip.Addr }
	index := map[route]int{}
	for _, family := range []uint8{unix.AF_INET, unix.AF_INET6} {
		_, err := s.diag.Dump(ctx, inetdiag.Request{
			Family: family,
			States: inetdiag.Mask(inetdiag.Established, inetdiag.SynSent, inetdiag.SynRecv,
				inetdiag.FinWait1, inetdiag.CloseWait, inetdiag.LastAck, inetdiag.Closing),
		}, func(k *inetdiag.Socket) {
			remote := k.Remote.Addr()
			if remote.IsLoopback() || remote.IsUnspecified() {
				return
			}
			i, ok := index[route{k.Local.Addr(), remote}]
			if !ok {
				if len(s.targets) >= maxTargets {
					return
				}
				i = len(s.targets)
				index[route{k.Local.Addr(), remote}] = i
				s.targets = append(s.targets, target{local: k.Local.Addr(), remote: remote, uid: k.UID})
			}
			s.targets[i].sockets++
			if k.State == inetdiag.SynSent || k.State == inetdiag.SynRecv || k.WQueue > 0 {
				s.targets[i].sending++
			}
		})
		if err != nil {
			s.diag.Close()
			s.diag, s.noSockets = nil, err.Error()
			return
		}
	}
	slices.SortStableFunc(s.targets, func(a, b target) int { return cmp.Compare(b.sending, a.sending) })
}

// askForSockets asks the kernel how it would route to the targets that have
// something to send, and to those that a refusing route seems to cover. It returns
// the number of sockets with something to send by next hop.
func (s *Source) askForSockets(ctx context.Context, r *Reading) (map[hop]int, error) {
	hops := map[hop]int{}
	asked := 0
	for i := range s.targets {
		t := &s.targets[i]
		if asked >= maxLookups {
			break
		}
		if t.sending == 0 && !covered(r.Refusals, t) {
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
			r.Unroutable += t.sockets
			attribute := attribution(r.Refusals, answer.refused, t)
			if attribute != nil {
				attribute.Sockets += t.sockets
				attribute.Addrs = append(attribute.Addrs, t.remote)
			}
			continue
		}
		hops[answer.hop] += t.sending
	}
	return hops, nil
}

func covered(refusals []Refusal, t *target) bool {
	return slices.ContainsFunc(refusals, func(r Refusal) bool { return r.covers(t) })
}

// covers says whether the refusal is for such packets, as far as addresses tell.
func (r *Refusal) covers(t *target) bool {
	return r.Destination.Contains(t.remote) && (!r.Source.IsValid() || r.Source.Contains(t.local))
}

// errorOf is what the kernel answers for each type (fib_props in
// net/ipv4/fib_semantics.c, the same in IPv6). A throw ends the table, not the search.
var errorOf = map[string]unix.Errno{
	"blackhole": unix.EINVAL, "unreachable": unix.EHOSTUNREACH, "prohibit": unix.EACCES, "throw": unix.ENETUNREACH,
}

// attribution returns the refusal that explains the kernel's answer: of that type,
// with the longest prefix. IPv6 and policy rules answer "unreachable" with
// ENETUNREACH as well. Nil: there is just no route.
func attribution(refusals []Refusal, answer unix.Errno, t *target) *Refusal {
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

// ask looks up the route of a target. The source address is given for the sake
// of policy rules; one that is no longer the host's is answered with EINVAL, as a
// blackhole is, so the question is put once more without it.
func (s *Source) ask(ctx context.Context, t *target) (routing, error) {
	answer, err := s.lookup(ctx, t.remote, t.local, t.uid)
	if err == nil && answer.refused == unix.EINVAL {
		answer, err = s.lookup(ctx, t.remote, netip.Addr{}, t.uid)
	}
	return answer, err
}

// lookup is RTM_GETROUTE, as `ip route get` sends it.
func (s *Source) lookup(ctx context.Context, to, from netip.Addr, uid uint32) (routing, error) {
	order := binary.NativeEndian
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
	request = attribute(request, unix.RTA_UID, order.AppendUint32(nil, uid))
	var answer routing
	err := s.conn.get(ctx, unix.RTM_GETROUTE, request, func(b []byte) error {
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
