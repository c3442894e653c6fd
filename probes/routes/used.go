package routes

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"

	"golang.org/x/sys/unix"

	"whydrop/probes/fact"
	"whydrop/probes/sockets/inetdiag"
)

// Used is a route that connections leave by whose data is sent again and again.
type Used struct {
	Destination netip.Prefix `json:"destination"`
	Table       uint32       `json:"table"`
	Metric      uint32       `json:"metric,omitempty"`
	MTU         uint32       `json:"mtu,omitempty"`     // its own, 0 for none
	Gateway     netip.Addr   `json:"gateway"`           // invalid for destinations on the link
	Link        string       `json:"link,omitempty"`    // of the first next hop it tells
	LinkMTU     int          `json:"link_mtu"`          // 0 if unknown
	Learned     bool         `json:"learned,omitempty"` // from a router advertisement: the next one replaces it
	Stalled     int          `json:"stalled"`           // connections
	RTO         uint32       `json:"rto"`               // the longest of theirs, in us; 0 if unknown
	To          netip.Addr   `json:"to"`                // one of their destinations
}

// askForStalled asks the kernel for the entries of the routing tables that
// connections use which stand still.
func (s *Source) askForStalled(ctx context.Context, r *Reading) error {
	asked := 0
	for i := range s.pairs {
		t := &s.pairs[i]
		if t.Stalled == 0 {
			continue
		}
		if asked++; asked > maxStalled {
			break
		}
		found, err := s.entry(ctx, t)
		var errno unix.Errno
		if errors.As(err, &errno) {
			continue // no route, or a refusing one: the refusals tell
		} else if err != nil {
			return err
		}
		if found.kind == unix.RTN_UNICAST && !found.cloned { // before 4.13 the answer is made for the one address
			r.use(&found, t)
		}
	}
	return nil
}

// entry is RTM_GETROUTE with RTM_F_FIB_MATCH (Linux 4.13): the entry of the routing
// table that a packet would use, as ip route get fibmatch shows it.
func (s *Source) entry(ctx context.Context, t *inetdiag.Pair) (found route, err error) {
	request := question(t.Remote, t.Local, t.UID)
	binary.NativeEndian.PutUint32(request[8:], unix.RTM_F_FIB_MATCH) // rtm_flags
	err = s.conn.get(ctx, unix.RTM_GETROUTE, request, func(b []byte) error {
		var ok bool
		if found, ok = parseRoute(b); !ok {
			return errors.New("rtnetlink: a route that can't be read")
		}
		return nil
	})
	if err != nil {
		err = fmt.Errorf("look up the entry for %s: %w", t.Remote, err)
	}
	return found, err
}

// use counts the stalled connections of a pair for their route.
func (r *Reading) use(found *route, t *inetdiag.Pair) {
	u := Used{Destination: found.destination, Table: found.table, Metric: found.metric}
	for i := range r.Used {
		if old := &r.Used[i]; old.name() == u.name() {
			old.Stalled += t.Stalled
			old.RTO = max(old.RTO, t.RTO)
			return
		}
	}
	u.MTU, u.Learned, u.Stalled, u.RTO, u.To = found.mtu, found.learned, t.Stalled, t.RTO, t.Remote
	if len(found.gateways) > 0 {
		u.Gateway = found.gateways[0]
	}
	if link, err := net.InterfaceByIndex(found.oif); err == nil {
		u.Link, u.LinkMTU = link.Name, link.MTU
	}
	r.Used = append(r.Used, u)
}

// name is the route in the words of ip(8), as far as it takes to find it. "default" is
// of IPv4.
func (u *Used) name() string {
	name := u.Destination.String()
	switch {
	case u.Destination.Bits() == 0 && u.Destination.Addr().Is4():
		name = "default"
	case u.Destination.IsSingleIP():
		name = u.Destination.Addr().String()
	}
	if u.Metric != 0 {
		name += fmt.Sprintf(" metric %d", u.Metric)
	}
	if u.Table != unix.RT_TABLE_MAIN {
		name += fmt.Sprintf(" table %d", u.Table)
	}
	return name
}

// tellUsed adds the routes of connections that stand still: of each the look at which
// most did.
func tellUsed(looks []*Reading, f *fact.Facts) {
	f.Table("flow_route")
	var names []string
	worst := map[string]*Used{}
	for _, look := range looks {
		for i := range look.Used {
			u := &look.Used[i]
			old, seen := worst[u.name()]
			if !seen {
				names = append(names, u.name())
			}
			if !seen || u.Stalled >= old.Stalled {
				worst[u.name()] = u
			}
		}
	}
	for _, name := range names {
		u := worst[name]
		row := fact.Row{
			"name": name, "destination": u.Destination.String(), "ipv6": u.Destination.Addr().Is6(), "table": float64(u.Table),
			"on_link": !u.Gateway.IsValid(), "learned": u.Learned, "stalled": float64(u.Stalled), "to": u.To.String(),
			"mtu": float64(u.MTU),
		}
		if u.Gateway.IsValid() {
			row["gateway"] = u.Gateway.String()
		}
		if u.Link != "" {
			row["link"], row["link_mtu"] = u.Link, float64(u.LinkMTU)
		}
		if u.RTO > 0 {
			row["rto_ms"] = float64(u.RTO) / 1000
		}
		f.Add("flow_route", row)
	}
}
