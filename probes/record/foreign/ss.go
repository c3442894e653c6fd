package foreign

import (
	"errors"
	"fmt"
	"hash/fnv"
	"net/netip"
	"strconv"
	"strings"

	"whydrop/probes/sockets/inetdiag"
)

// maxSockets bounds what is read of one output of ss.
const maxSockets = 500_000

// printedSockets is what one output of ss shows.
type printedSockets struct {
	all []inetdiag.Socket
	// owners are process ids by inode, names their names.
	owners map[uint32][]int
	names  map[int]string

	info      bool // with -i: what is known of connections
	timers    bool // with -o
	listeners bool // listening sockets are among them
	others    bool // connections are among them
	waiting   bool // TIME-WAIT or SYN-RECV are among them: ss -a
	skipped   int  // lines that are not understood
}

// states are what ss calls the states of TCP (misc/ss.c, sctp_sstate_name aside).
var states = map[string]inetdiag.State{
	"ESTAB": inetdiag.Established, "SYN-SENT": inetdiag.SynSent, "SYN-RECV": inetdiag.SynRecv,
	"FIN-WAIT-1": inetdiag.FinWait1, "FIN-WAIT-2": inetdiag.FinWait2, "TIME-WAIT": inetdiag.TimeWait,
	"CLOSE-WAIT": inetdiag.CloseWait, "LAST-ACK": inetdiag.LastAck, "LISTEN": inetdiag.Listen, "CLOSING": inetdiag.Closing,
}

// parseSS reads what ss printed of TCP sockets, with any of its options. What
// tcp_info has beyond the fields that ss shows stays unknown.
func parseSS(text string) (*printedSockets, error) {
	p := &printedSockets{owners: map[uint32][]int{}, names: map[int]string{}}
	length := uint16(0)
	listensOnly := false
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\r\n ")
		if line == "" || len(line) > maxLine || len(p.all) == maxSockets {
			continue
		}
		if strings.HasPrefix(line, "Recv-Q") { // ss -l without the column of the state
			listensOnly = true
			continue
		}
		if line[0] == ' ' || line[0] == '\t' { // more about the socket above
			if n := len(p.all); n > 0 {
				length = max(length, p.details(&p.all[n-1], line))
			}
			continue
		}
		if strings.HasPrefix(line, "State") || strings.HasPrefix(line, "Netid") {
			continue
		}
		if listensOnly {
			line = "LISTEN " + line
		}
		n, ok := p.socket(line)
		if !ok {
			p.skipped++
			continue
		}
		length = max(length, n)
	}
	if len(p.all) == 0 && p.skipped > 0 {
		return nil, errors.New("no TCP socket in it")
	}
	p.info = length > 0
	for i := range p.all {
		p.finish(&p.all[i], length)
	}
	return p, nil
}

// infoText is in lines about a socket.
var infoText = re(`(?:^| )(?:rto|rtt|mss|cwnd|skmem):[\d.(]`)

// unindented reads a line about the socket above whose indent was lost.
func (p *printedSockets) unindented(line string) (length uint16, ok bool) {
	if len(p.all) == 0 || !infoText.MatchString(line) {
		return 0, false
	}
	return p.details(&p.all[len(p.all)-1], line), true
}

// socket reads the line of a socket: state, queues, addresses, and what options
// of ss add behind them. A line about the socket above is taken for it, too.
func (p *printedSockets) socket(line string) (length uint16, ok bool) {
	f := strings.Fields(line)
	if len(f) > 0 && f[0] == "tcp" {
		f = f[1:]
	}
	if len(f) < 5 {
		return p.unindented(line)
	}
	state, known := states[f[0]]
	rqueue, err1 := strconv.ParseUint(f[1], 10, 32)
	wqueue, err2 := strconv.ParseUint(f[2], 10, 32)
	local, okLocal := endpoint(f[3])
	remote, okRemote := endpoint(f[4])
	if !known || err1 != nil || err2 != nil || !okLocal || !okRemote {
		return p.unindented(line)
	}
	p.all = append(p.all, inetdiag.Socket{
		State: state, RQueue: uint32(rqueue), WQueue: uint32(wqueue), Local: local, Remote: remote,
	})
	switch state {
	case inetdiag.Listen:
		p.listeners = true
	case inetdiag.TimeWait, inetdiag.SynRecv:
		p.waiting = true
	default:
		p.others = true
	}
	return p.details(&p.all[len(p.all)-1], line), true
}

// endpoint reads an address and port of ss: "10.0.0.1:443", "[::1]:22", "*:80",
// "127.0.0.1%lo:53", and "[::ffff:10.0.0.1]:22". The port may be "*".
func endpoint(s string) (netip.AddrPort, bool) {
	at := strings.LastIndexByte(s, ':')
	if at < 0 || len(s) > 100 {
		return netip.AddrPort{}, false
	}
	host, port := s[:at], s[at+1:]
	host = strings.Trim(host, "[]")
	if zone := strings.IndexByte(host, '%'); zone >= 0 {
		host = strings.Trim(host[:zone], "[]")
	}
	var addr netip.Addr
	switch {
	case host == "*" || host == "":
		addr = netip.IPv6Unspecified()
	default:
		var err error
		if addr, err = netip.ParseAddr(host); err != nil {
			return netip.AddrPort{}, false
		}
	}
	n := uint64(0)
	if port != "*" {
		var err error
		if n, err = strconv.ParseUint(port, 10, 16); err != nil {
			if n = servicePorts[port]; n == 0 {
				return netip.AddrPort{}, false
			}
		}
	}
	return netip.AddrPortFrom(addr.Unmap(), uint16(n)), true
}

// servicePorts are the names that ss most often shows in place of ports without
// -n (services(5)).
var servicePorts = map[string]uint64{
	"ssh": 22, "smtp": 25, "domain": 53, "http": 80, "sunrpc": 111, "ldap": 389, "https": 443, "ldaps": 636,
	"mysql": 3306, "postgresql": 5432, "http-alt": 8080, "webcache": 8080, "ms-wbt-server": 3389, "redis": 6379,
}

// details reads what options of ss tell about a socket. It returns how long a
// struct tcp_info has to be for the fields that were seen.
func (p *printedSockets) details(k *inetdiag.Socket, line string) (length uint16) {
	users := ""
	if at := strings.Index(line, "users:(("); at >= 0 { // a process's name can hold blanks
		if end := strings.Index(line[at:], "))"); end > 0 {
			users, line = line[at:at+end], line[:at]+line[at+end+2:]
		}
	}
	words := strings.Fields(line)
	for _, w := range words {
		if value, ok := strings.CutPrefix(w, "ino:"); ok {
			n, _ := strconv.ParseUint(value, 10, 32)
			k.Inode = uint32(n)
		}
	}
	if users != "" {
		p.users(k, users)
	}
	for i, w := range words {
		name, value, has := strings.Cut(w, ":")
		if !has {
			if rest := i + 1; w == "delivery_rate" && rest < len(words) {
				k.Info.DeliveryRate = rate(words[rest])
			}
			continue
		}
		switch name {
		case "timer":
			p.timers = true
			timer(k, value)
		case "uid":
			n, _ := strconv.ParseUint(value, 10, 32)
			k.UID = uint32(n)
		case "sk":
			k.Cookie, _ = strconv.ParseUint(strings.TrimSuffix(value, ","), 16, 64)
		case "skmem":
			memory(k, value)
		case "mem":
		default:
			length = max(length, infoField(&k.Info, name, value))
		}
	}
	return length
}

// users reads users:(("nginx",pid=7,fd=3),...).
func (p *printedSockets) users(k *inetdiag.Socket, w string) {
	if k.Inode == 0 { // without -e; the number only has to be the socket's own
		k.Inode = 1<<31 + uint32(len(p.all))
	}
	for part := range strings.SplitSeq(w, "(\"") {
		name, rest, ok := strings.Cut(part, "\",")
		if !ok || len(p.owners[k.Inode]) >= 8 {
			continue
		}
		// Before iproute2 4.0: ("nginx",7,3).
		number, _, _ := strings.Cut(strings.TrimPrefix(rest, "pid="), ",")
		if pid, err := strconv.Atoi(number); err == nil && pid > 0 {
			p.owners[k.Inode] = append(p.owners[k.Inode], pid)
			p.names[pid] = printable(name, 16)
		}
	}
}

var timers = map[string]inetdiag.Timer{
	"on": inetdiag.TimerRetransmit, "keepalive": inetdiag.TimerKeepalive, "timewait": inetdiag.TimerTimeWait, "persist": inetdiag.TimerProbe,
}

// timer reads timer:(on,200ms,3): what for, when, and how often it has expired.
func timer(k *inetdiag.Socket, value string) {
	f := strings.Split(strings.Trim(value, "()"), ",")
	if len(f) != 3 {
		return
	}
	k.Timer = timers[f[0]]
	n, _ := strconv.ParseUint(f[2], 10, 8)
	k.Retrans = uint8(n)
}

// memory reads skmem:(r0,rb131072,t0,tb16384,f0,w0,o0,bl0,d0).
func memory(k *inetdiag.Socket, value string) {
	for part := range strings.SplitSeq(strings.Trim(value, "()"), ",") {
		at := strings.IndexAny(part, "0123456789")
		if at < 1 {
			continue
		}
		v, err := strconv.ParseUint(part[at:], 10, 32)
		if err != nil {
			continue
		}
		n := uint32(v)
		switch part[:at] {
		case "r":
			k.Mem.RMem = n
		case "rb":
			k.Mem.RcvBuf = n
		case "tb":
			k.Mem.SndBuf = n
		case "w":
			k.Mem.WMem = n
		case "d": // the last field of kernels that have it (Linux 4.7)
			k.Mem.Drops, k.HasMem = n, true
		}
	}
}

// finish completes a socket once all of them are known.
func (p *printedSockets) finish(k *inetdiag.Socket, length uint16) {
	connected := k.State != inetdiag.Listen && k.State != inetdiag.TimeWait && k.State != inetdiag.SynRecv
	if connected {
		k.InfoLen = length
	}
	// Without -o: only a retransmission timeout backs off with data in flight.
	if k.Timer == inetdiag.TimerOff && k.Info.Backoff > 0 && k.Info.Unacked > 0 {
		k.Timer = inetdiag.TimerRetransmit
		k.Retrans = k.Info.Backoff
	}
	if length >= inetdiag.LenMinRTT && k.Info.MinRTT == 0 {
		k.Info.MinRTT = ^uint32(0)
	}
	if k.Cookie == 0 { // without -e: told apart by its addresses
		h := fnv.New64a()
		fmt.Fprint(h, k.Local, k.Remote, k.State == inetdiag.Listen)
		k.Cookie = h.Sum64() | 1
	}
}
