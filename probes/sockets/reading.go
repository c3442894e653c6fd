package sockets

import (
	"net/netip"
	"time"

	"whydrop/probes/sockets/inetdiag"
)

// Reading is one look at all TCP sockets of the network namespace. Its size does
// not depend on how many there are.
type Reading struct {
	Look uint32 `json:"look"` // number of the look, from 1
	// Grown is set if the growths since the previous look are known: not at the
	// first one, and not where /proc had to do.
	Grown bool `json:"grown"`
	// Proc says why /proc/net/tcp had to do in place of inet_diag, "" if not.
	Proc string `json:"proc,omitempty"`
	// InfoLen is the longest struct tcp_info seen, 0 if no socket had one.
	InfoLen uint16 `json:"info_len"`
	HasMem  bool   `json:"has_mem"` // the kernel gives SK_MEMINFO

	States          [16]uint32 `json:"states"`            // sockets by TCP state
	SynRetrying     uint32     `json:"syn_retrying"`      // towards other hosts
	SynRetryingHere uint32     `json:"syn_retrying_here"` // towards own addresses
	SynRecvRetrying uint32     `json:"syn_recv_retrying"`
	Backoff         uint32     `json:"backoff"`
	WindowClosed    uint32     `json:"window_closed"`
	SendFails       uint32     `json:"send_fails"`
	Vanished        uint32     `json:"vanished"`       // see tcp.peer_resets
	VanishedQuiet   uint32     `json:"vanished_quiet"` // see tcp.quiet_vanished

	// Ended counts the connections that ended since the previous look, of which the
	// kernel told the last figures. MissedEnds says that there were more.
	Ended       uint32 `json:"ended"`
	EndedUnused uint32 `json:"ended_unused"` // see tcp.ended_unused
	MissedEnds  bool   `json:"missed_ends"`
	// EndsUnseen says that they are not followed, or no longer.
	EndsUnseen bool `json:"ends_unseen"`

	Growth Totals `json:"growth"` // of all sockets, since the previous look
	// SynRetrans and SynAckRetrans are the growths of what the sockets themselves
	// count of SYNs and SYN-ACKs sent again. Attempts that begin and end between
	// two looks are not in them.
	SynRetrans    uint64 `json:"syn_retrans"`
	SynAckRetrans uint64 `json:"syn_ack_retrans"`
	MIB           MIB    `json:"mib"` // read after the sockets
	// CPU is what the look cost, user and system.
	CPU time.Duration `json:"cpu"`
	// Sending, Receiving and Retransmitting count the sockets that did so since
	// the previous look, by the number of looks since they did so last: entry 0
	// is for never, or beyond the end. From them follows how many different
	// sockets did in any run of looks.
	Sending        []uint32 `json:"sending,omitempty"`
	Receiving      []uint32 `json:"receiving,omitempty"`
	Retransmitting []uint32 `json:"retransmitting,omitempty"`
	// Unread counts the sockets with a standing receive queue, by the number of
	// looks in a row; the last entry also holds those beyond.
	Unread []uint32 `json:"unread,omitempty"`
	Stuck  []Stuck  `json:"stuck,omitempty"`
	// StuckRTO is the longest retransmission timeout of those in Stuck, in us.
	StuckRTO uint32 `json:"stuck_rto"`
	// KeepaliveArmed counts the established sockets whose keepalive timer runs.
	KeepaliveArmed uint32 `json:"keepalive_armed"`

	SenderRTTs  []RTT `json:"sender_rtts,omitempty"` // samples
	RetransRTTs []RTT `json:"retrans_rtts,omitempty"`
	// ReceiveRTTs are of connections with arrivals out of order: Now as the
	// receiver measures it, with the queue that the data stands in.
	ReceiveRTTs []RTT `json:"receive_rtts,omitempty"`
	// Holes is what was watched between the previous look and this one.
	Holes Holes `json:"holes"`

	PortRange     [2]uint16      `json:"port_range"`     // zero if unknown
	PortsReserved uint32         `json:"ports_reserved"` // of PortRange
	PortUse       uint32         `json:"port_use"`       // most ports used towards PortUseTo
	PortUseTo     netip.AddrPort `json:"port_use_to"`
	Somaxconn     uint32         `json:"somaxconn"`    // 0 if unknown
	RmemDefault   uint32         `json:"rmem_default"` // tcp_rmem[1], bytes; 0 if unknown
	RmemMax       uint32         `json:"rmem_max"`     // tcp_rmem[2], bytes; 0 if unknown

	Listeners []Listener `json:"listeners"`
	Flows     []Flow     `json:"flows"`
	// Groups sums up connections by what they have in common, for each kind.
	Groups [kinds][]Group `json:"groups"`

	Processes   []Process        `json:"processes,omitempty"`
	ProcessesAt time.Time        `json:"processes_at"`
	Owners      map[uint32][]int `json:"owners,omitempty"` // pids by socket inode
	Names       map[int]string   `json:"names,omitempty"`  // of these processes
	Hidden      bool             `json:"hidden"`           // some owners could not be looked at
	Root        bool             `json:"root"`             // although this process is root's
	Unfinished  bool             `json:"unfinished"`       // the search for owners goes on
}

// Totals are growths summed over all sockets: segments, bytes, microseconds.
type Totals struct {
	Acked, Received                  uint64
	Busy, RwndLimited, SndbufLimited uint64
	Retrans, SegsOut, SegsIn         uint64
	OutOfOrder, DsackDups, ReordSeen uint64
	DeliveredCE, Drops, Timeouts     uint64
	Losses                           Losses
	// Disturbed counts, look by look, the connections with arrivals out of order.
	Disturbed uint64
}

func (t *Totals) add(c *Counters) {
	t.Acked += c.Acked
	t.Received += c.Received
	t.Busy += uint64(c.Busy)
	t.RwndLimited += uint64(c.RwndLimited)
	t.SndbufLimited += uint64(c.SndbufLimited)
	t.Retrans += uint64(c.Retrans)
	t.SegsOut += uint64(c.SegsOut)
	t.SegsIn += uint64(c.SegsIn)
	t.OutOfOrder += uint64(c.OutOfOrder)
	t.DsackDups += uint64(c.DsackDups)
	t.ReordSeen += uint64(c.ReordSeen)
	t.DeliveredCE += uint64(c.DeliveredCE)
	if c.OutOfOrder > 0 {
		t.Disturbed++
	}
	t.Drops += uint64(c.Drops)
	t.Timeouts += uint64(c.Timeouts)
}

func (t *Totals) addTotals(u *Totals) {
	t.Acked += u.Acked
	t.Received += u.Received
	t.Busy += u.Busy
	t.RwndLimited += u.RwndLimited
	t.SndbufLimited += u.SndbufLimited
	t.Retrans += u.Retrans
	t.SegsOut += u.SegsOut
	t.SegsIn += u.SegsIn
	t.OutOfOrder += u.OutOfOrder
	t.DsackDups += u.DsackDups
	t.ReordSeen += u.ReordSeen
	t.DeliveredCE += u.DeliveredCE
	t.Drops += u.Drops
	t.Timeouts += u.Timeouts
	t.Losses.addLosses(&u.Losses)
	t.Disturbed += u.Disturbed
}

// RTT is a connection's smoothed and least round-trip time, microseconds.
type RTT struct{ Now, Min uint32 }

// Stuck is a number of connections that back off with data in flight, alike in
// what tells the reason.
type Stuck struct {
	Looks       uint32 `json:"looks"`        // looks since data was last acknowledged
	Backoff     uint8  `json:"backoff"`      // at most 4
	FullSize    bool   `json:"full_size"`    // a full segment or more is stuck
	Small       bool   `json:"small"`        // less than half a segment is stuck
	SmallBefore bool   `json:"small_before"` // only small segments ever got through
	AfterIdle   bool   `json:"after_idle"`   // the peer had been silent for long before
	N           uint32 `json:"n"`
}

// Listener is one listening socket.
type Listener struct {
	Cookie      uint64         `json:"cookie"`
	Local       netip.AddrPort `json:"local"`
	Queue       uint32         `json:"queue"`
	Limit       uint32         `json:"limit"`
	Drops       uint32         `json:"drops"`
	DropsBefore uint32         `json:"drops_before"` // at the previous look
	SynRecv     uint32         `json:"syn_recv"`
	Inode       uint32         `json:"inode"`
}

// Class is the kind of trouble a connection is in.
type Class uint8

// The classes, each with its own places among the connections reported, so that
// a thousand failing connects do not hide the one slow reader.
const (
	Untroubled Class = iota
	Connecting       // SYNs sent again
	Loss             // retransmits, backs off, keepalives unanswered
	PeerWindow       // the peer's receive window is closed, or holds it back
	Reader           // the local application leaves data unread
	Buffer           // its own send buffer holds it back
	Arrival          // segments arrive out of order or are dropped by the socket
	Window           // it receives into a buffer that cannot grow
	classes
)

var classNames = [classes]string{"", "connecting", "loss", "peer window", "reader", "send buffer", "arrival", "receive window"}

func (c Class) String() string { return classNames[min(c, classes-1)] }

// Flow is one connection that is or was in trouble.
type Flow struct {
	Socket     inetdiag.Socket `json:"socket"`
	Congestion string          `json:"congestion,omitempty"`
	Before     Counters        `json:"before"` // at the previous look; zero if it is newer
	Now        Counters        `json:"now"`
	Looks      uint32          `json:"looks"`    // looks that showed it
	Idle       uint32          `json:"idle"`     // looks since data was last acknowledged
	Standing   uint16          `json:"standing"` // looks in a row that found data left unread
	Inbound    bool            `json:"inbound"`
	Here       bool            `json:"here"` // the remote address is this host's
	Class      Class           `json:"class"`
	Score      float32         `json:"score"`
}
