package sockets

import (
	"bytes"
	"strconv"

	"whydrop/probes/fact"
	"whydrop/probes/procfile"
	"whydrop/probes/sockets/inetdiag"
)

// The counters by which retransmissions are told apart, with their places in MIB.
const (
	retransSegs = iota
	fastRetrans
	slowStartRetrans
	lossProbes
	timeouts
	synRetrans
	dsackRecv
	mibs
)

// mibNames spells them as /proc/net/snmp and /proc/net/netstat do.
var mibNames = [mibs]string{
	"Tcp.RetransSegs", "TcpExt.TCPFastRetrans", "TcpExt.TCPSlowStartRetrans", "TcpExt.TCPLossProbes",
	"TcpExt.TCPTimeouts", "TcpExt.TCPSynRetrans", "TcpExt.TCPDSACKRecv",
}

// MIB is what the kernel counts of all connections together, also of those that
// begin and end between two looks. It is read with the sockets, so that both tell
// of the same time.
type MIB struct {
	Values [mibs]uint64 `json:"values"`
	Known  [mibs]bool   `json:"known"`
}

const maxMIB = 1 << 20 // bytes of one file

// readMIB reads the counters. One that cannot be read is not known.
func readMIB(procRoot string, buffer *procfile.Buffer) (m MIB) {
	for _, file := range []string{"thread-self/net/snmp", "thread-self/net/netstat"} {
		if b, err := buffer.Read(procRoot, file, maxMIB); err == nil {
			m.parse(b)
		}
	}
	return m
}

// parse takes the counters from a line of names and the line of values after it.
func (m *MIB) parse(b []byte) {
	for len(b) > 0 {
		var names, values []byte
		names, b, _ = bytes.Cut(b, []byte{'\n'})
		group, names, ok := bytes.Cut(names, []byte(": "))
		if !ok || (string(group) != "Tcp" && string(group) != "TcpExt") {
			continue
		}
		values, b, _ = bytes.Cut(b, []byte{'\n'})
		before, values, ok := bytes.Cut(values, []byte(": "))
		if !ok || !bytes.Equal(group, before) {
			return
		}
		m.pairs(string(group), names, values)
	}
}

func (m *MIB) pairs(group string, names, values []byte) {
	for len(names) > 0 && len(values) > 0 {
		var name, value []byte
		name, names, _ = bytes.Cut(names, []byte{' '})
		value, values, _ = bytes.Cut(values, []byte{' '})
		for i, want := range mibNames {
			if len(want) != len(group)+1+len(name) || want[:len(group)] != group || want[len(group)+1:] != string(name) {
				continue
			}
			n, err := strconv.ParseUint(string(value), 10, 64)
			m.Values[i], m.Known[i] = n, err == nil
		}
	}
}

// grown is by how much the counters grew during the window.
func (w *window) grownMIB() (grown MIB) {
	for i := range mibs {
		grown.Known[i] = len(w.looks) > 1
		for j, look := range w.looks {
			grown.Known[i] = grown.Known[i] && look.MIB.Known[i]
			if j > 0 {
				n, _ := fact.Growth(w.looks[j-1].MIB.Values[i], look.MIB.Values[i], strconv.IntSize)
				grown.Values[i] += n
			}
		}
	}
	return grown
}

// classes adds what the retransmissions were (net/ipv4/tcp_output.c, tcp_timer.c).
//
// Tcp.RetransSegs counts them all. TCPFastRetrans and TCPSlowStartRetrans are what
// an incoming ACK set off, outside and inside of the recovery from a timeout.
// TCPSynRetrans are SYNs and SYN-ACKs. What remains are the first segment of each
// timeout and the tail loss probes that sent something again. TCPTimeouts counts
// every expiry of the timer, those of SYNs and SYN-ACKs too; TCPLossProbes also
// the probes that sent new data, so it is a limit only.
func (w *window) classes(f *fact.Facts) {
	grown := w.grownMIB()
	known := func(counters ...int) bool {
		for _, i := range counters {
			if !grown.Known[i] {
				return false
			}
		}
		return true
	}
	n := &grown.Values
	if known(retransSegs) && n[retransSegs] > 0 && w.grown {
		f.Gauge("retrans.seen_share", ratio(w.total.Retrans, n[retransSegs]))
	}
	if known(fastRetrans) {
		f.Gauge("retrans.fast", float64(n[fastRetrans]))
	}
	if known(synRetrans) {
		w.handshakes(f, n[synRetrans])
	}
	if known(retransSegs, synRetrans, dsackRecv) {
		f.Gauge("retrans.spurious", float64(min(n[dsackRecv], less(n[retransSegs], n[synRetrans]))))
	}
	if known(retransSegs, fastRetrans, slowStartRetrans, lossProbes, timeouts, synRetrans) {
		rest := less(n[retransSegs], n[fastRetrans]+n[slowStartRetrans]+n[synRetrans])
		expiries := w.dataTimeouts(n[timeouts], n[synRetrans])
		probes := min(less(rest, expiries), n[lossProbes])
		f.Gauge("retrans.timeouts", float64(expiries))
		f.Gauge("retrans.tlp", float64(probes))
		f.Gauge("retrans.rto", float64(rest-probes+n[slowStartRetrans]))
	}
}

// dataTimeouts returns how many timeouts were of data: those that are not of SYNs
// and SYN-ACKs. A SYN-ACK is also sent again without a timeout, when the SYN comes
// again; so no fewer than the connections themselves have counted (Linux 6.7).
func (w *window) dataTimeouts(all, syns uint64) uint64 {
	var counted uint64
	if w.grown && w.knows(inetdiag.LenTotalRTO) {
		ofSyns, ofAnswers := w.handshakesSeen()
		counted = less(w.total.Timeouts, ofSyns+ofAnswers)
	}
	return max(less(all, syns), min(counted, all))
}

// handshakes tells SYNs from SYN-ACKs, which the kernel counts together: by the
// part that the sockets showed of each.
func (w *window) handshakes(f *fact.Facts, together uint64) {
	syns, answers := w.handshakesSeen()
	switch seen := syns + answers; {
	case together == 0:
		syns, answers = 0, 0
	case seen == 0:
		return // too quick for the looks: not known which
	default:
		answers = uint64(float64(together)*float64(answers)/float64(seen) + 0.5)
		syns = together - answers
	}
	f.Gauge("retrans.syn", float64(syns))
	f.Gauge("retrans.synack", float64(answers))
}

// handshakesSeen is what the sockets showed of SYNs and SYN-ACKs sent again.
func (w *window) handshakesSeen() (syns, answers uint64) {
	for _, look := range w.looks[1:] {
		syns, answers = syns+look.SynRetrans, answers+look.SynAckRetrans
	}
	return syns, answers
}

func less(a, b uint64) uint64 { return a - min(a, b) }
