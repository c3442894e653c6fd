package foreign

import (
	"bytes"
	"maps"
	"strconv"
	"strings"

	"whydrop/probes/fact"
	"whydrop/probes/sockets"
	"whydrop/probes/sockets/inetdiag"
)

// ssView tells the views of ss apart, which cannot be compared: listeners, with
// what is known of connections, and without.
func ssView(text []byte) string {
	p, err := parseSS(string(text[:min(len(text), 256<<10)]))
	switch {
	case err != nil || p.info:
		return "-i"
	case p.listeners && !p.others && !p.waiting:
		return "-l"
	}
	return "-t"
}

func readSockets(e *evidence, looks []look) ([]any, prune) {
	var out []any
	var shown printedSockets
	series := sockets.NewCopies()
	for _, l := range looks {
		var all []inetdiag.Socket
		r := &sockets.Reading{Owners: map[uint32][]int{}, Names: map[int]string{}}
		views := 0
		for _, view := range []string{"ss -i", "ss -t", "ss -l"} {
			p := l.of(view)
			if p == nil || view == "ss -t" && views > 0 || view == "ss -l" && shown.listeners {
				continue
			}
			s := parse(e, p, func() (*printedSockets, error) { return parseSS(string(p.text)) })
			if s == nil {
				continue
			}
			views++
			all = append(all, s.all...)
			maps.Copy(r.Owners, s.owners)
			maps.Copy(r.Names, s.names)
			shown.info, shown.timers = shown.info || s.info, shown.timers || s.timers
			shown.listeners, shown.others = shown.listeners || s.listeners, shown.others || s.others || view != "ss -l"
			shown.waiting = shown.waiting || s.waiting
		}
		if views == 0 {
			s := e.copiedSockets(l)
			if s == nil {
				return nil, nil
			}
			all, shown = s.all, *s
			r.Proc = "a copy of /proc/net/tcp"
		}
		socketSettings(e, r)
		series.Look(r, all)
		r.Grown = r.Grown && shown.info
		out = append(out, r)
	}
	return out, shown.prune
}

// copiedSockets are those of copies of /proc/net/tcp and tcp6, which show the states and
// queues of all sockets and nothing of tcp_info; nil without any. The addresses in them
// are in the byte order of the host.
func (e *evidence) copiedSockets(l look) *printedSockets {
	s := &printedSockets{}
	found := false
	for _, name := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		p := l.of(name)
		if p == nil || strings.HasSuffix(p.origin.machine, "s390x") || strings.HasSuffix(p.origin.machine, "ppc64") {
			continue
		}
		err := inetdiag.ScanProc(bytes.NewReader(p.text), func(one *inetdiag.Socket) {
			if len(s.all) < maxSockets {
				s.all = append(s.all, *one)
			}
		})
		if err != nil {
			e.noteOnce("%s in %s is not understood: %s", name, printable(p.from, 80), printable(err.Error(), 120))
			continue
		}
		found = true
	}
	if !found {
		return nil
	}
	s.listeners, s.others, s.waiting, s.timers = true, true, true, true
	return s
}

// socketSettings adds the settings without which sockets can't be judged, if
// sysctls were collected.
func socketSettings(e *evidence, r *sockets.Reading) {
	for i := range e.pieces {
		p := &e.pieces[i]
		if p.kind.name != "sysctl" {
			continue
		}
		values := parse(e, p, func() (map[string]string, error) { return parseSysctls(string(p.text)), nil })
		number := func(name string, field, fields int) uint64 {
			f := strings.Fields(values[name])
			if len(f) != fields {
				return 0
			}
			n, _ := strconv.ParseUint(f[field], 10, 32)
			return n
		}
		first, last := number("net.ipv4.ip_local_port_range", 0, 2), number("net.ipv4.ip_local_port_range", 1, 2)
		if first > 0 && first <= last && last <= 0xffff && values["net.ipv4.ip_local_reserved_ports"] == "" {
			r.PortRange = [2]uint16{uint16(first), uint16(last)}
		}
		r.Somaxconn = uint32(number("net.core.somaxconn", 0, 1))
		r.RmemDefault, r.RmemMax = uint32(number("net.ipv4.tcp_rmem", 1, 3)), uint32(number("net.ipv4.tcp_rmem", 2, 3))
	}
}

// prune takes out what ss does not show with the options that it was given.
func (s printedSockets) prune(f *fact.Facts) {
	// What vanished between two looks says nothing when these are far apart, and
	// nobody watched how gaps were filled.
	without(f, "tcp.peer_resets", "tcp.quiet_vanished", "tcp.ended_unused", "tcp.flows_not_read", "sockets.every_ms", "sockets.adapted",
		"retrans.seen_share", "fd.share_max")
	keep := map[string]bool{}
	if s.others {
		for _, n := range []string{"tcp.established", "tcp.close_wait", "tcp.fin_wait", "tcp.syn_sent", "tcp.port_use_max", "tcp.port_use_to"} {
			keep[n] = true
		}
	}
	if s.waiting { // only ss -a shows them
		keep["tcp.time_wait"], keep["tcp.syn_recv"] = true, true
	}
	if s.listeners {
		keep["listen.standing_max"] = true
	} else {
		delete(f.Tables, "listener")
	}
	if !s.info {
		for _, table := range []string{"flow", "peer", "prefix", "service", "egress", "size", "segment", "direction"} {
			delete(f.Tables, table)
		}
	}
	maps.DeleteFunc(f.Values, func(name string, _ fact.Value) bool { return !keep[name] && s.hides(name) })
	for _, row := range f.Tables["listener"] {
		if !s.waiting {
			delete(row, "syn_recv")
		}
	}
}

// hides tells whether a value is one that ss did not show.
func (s printedSockets) hides(name string) bool {
	switch name {
	case "tcp.time_wait", "tcp.syn_recv", "tcp.syn_recv_retrying":
		return true
	case "tcp.syn_sent_retrying", "tcp.syn_sent_retrying_here":
		return !s.timers
	}
	return !s.info || strings.HasPrefix(name, "holes.")
}
