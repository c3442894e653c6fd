package links

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"golang.org/x/sys/unix"

	"whydrop/probes/links/dump"
)

// Queue is one qdisc or class at one moment. Its counters are 32 bits wide in
// the kernel, but for the bytes (struct gnet_stats_queue, gnet_stats_basic).
type Queue struct {
	Link   int // interface index
	Kind   string
	Class  bool `json:",omitempty"`
	Handle uint32
	Parent uint32

	Bytes      uint64
	Packets    uint64
	Drops      uint32
	Overlimits uint32
	Requeues   uint32
	Qlen       uint32 // packets standing in it
	Backlog    uint32 // bytes standing in it
	// Counted is false when the kernel sent no statistics with it.
	Counted bool

	Rate         uint64 `json:",omitempty"` // bytes/s it is limited to, 0 for none
	LimitPackets uint32 `json:",omitempty"` // 0: unknown
	LimitBytes   uint32 `json:",omitempty"` // 0: unknown
	Burst        uint64 `json:",omitempty"` // bytes in the bucket of a tbf, 0: unknown
	Loss         bool   `json:",omitempty"` // netem with a loss model
}

// queueKey tells queues of one reading apart. Default qdiscs all have handle 0.
type queueKey struct {
	link           int
	class          bool
	handle, parent uint32
	kind           string
}

func (q *Queue) key() queueKey {
	return queueKey{q.Link, q.Class, q.Handle, q.Parent, q.Kind}
}

// Ingress tells whether it is a hook for filters, which holds no packets.
func (q *Queue) Ingress() bool { return q.Kind == "ingress" || q.Kind == "clsact" }

// classful are the kinds whose classes count for themselves. The classes of
// mq, prio and fq_codel only repeat what their qdiscs say.
var classful = map[string]bool{"htb": true, "hfsc": true, "drr": true, "qfq": true, "cbq": true}

// tcmsgSize is the size of struct tcmsg.
const tcmsgSize = 20

// tcaDumpInvisible (Linux 4.11) asks for default leaf qdiscs too, such as the
// fifo inside a tbf: the drops of a shaper happen in them.
const tcaDumpInvisible = 10

func (r *Reading) readQueues(c *dump.Conn) error {
	add := func(class bool) func([]byte) bool {
		return func(b []byte) bool {
			if q, ok := parseQueue(b, class); ok {
				if len(r.Queues) < maxQueues {
					r.Queues = append(r.Queues, q)
				} else {
					r.Cut = true
				}
			}
			return true
		}
	}
	request := make([]byte, tcmsgSize, tcmsgSize+unix.SizeofRtAttr)
	request = binary.NativeEndian.AppendUint16(request, unix.SizeofRtAttr)
	request = binary.NativeEndian.AppendUint16(request, tcaDumpInvisible)
	if err := c.Dump(unix.RTM_GETQDISC, request, add(false)); err != nil {
		return err
	}
	asked := map[int]bool{}
	for _, q := range r.Queues {
		if q.Class || !classful[q.Kind] || asked[q.Link] {
			continue
		}
		asked[q.Link] = true
		one := make([]byte, tcmsgSize)
		binary.NativeEndian.PutUint32(one[4:], uint32(q.Link))
		if err := c.Dump(unix.RTM_GETTCLASS, one, add(true)); err != nil {
			return err
		}
	}
	return nil
}

// maxUnlisted is for how many classes a look asks what stands in them.
const maxUnlisted = 64

// unlisted adds the fifos of classes that a dump does not show: one that came back
// when somebody's queue was deleted is in no list of the kernel (htb_graft() and others
// give it to no list), though a request by the class tells it. Each is asked for once,
// for the request wakes who listens to changes of queues; it stays for as long as
// nothing else is seen in its class. What it drops its class counts.
func (s *Source) unlisted(c *dump.Conn, r *Reading) error {
	full := map[handleAt]bool{}
	for _, q := range r.Queues {
		full[handleAt{q.Link, q.Parent}] = true
	}
	before := s.limits
	s.limits = map[handleAt]uint32{}
	asked := 0
	for _, q := range r.Queues {
		at := handleAt{q.Link, q.Handle}
		if !q.Class || full[at] || len(r.Queues) >= maxQueues {
			continue
		}
		limit, known := before[at]
		if !known {
			if asked++; asked > maxUnlisted {
				continue
			}
			var err error
			if limit, err = fifoIn(c, at); err != nil {
				return err
			}
		}
		s.limits[at] = limit
		if limit > 0 {
			r.Queues = append(r.Queues, Queue{Link: q.Link, Kind: "pfifo", Parent: q.Handle, LimitPackets: limit})
		}
	}
	return nil
}

// fifoIn is the limit of the fifo that the kernel made in a class, 0 for none.
func fifoIn(c *dump.Conn, class handleAt) (limit uint32, err error) {
	request := make([]byte, tcmsgSize)
	binary.NativeEndian.PutUint32(request[4:], uint32(class.link))
	binary.NativeEndian.PutUint32(request[12:], class.handle)
	err = c.Get(unix.RTM_GETQDISC, request, func(b []byte) bool {
		if q, ok := parseQueue(b, false); ok && q.Parent == class.handle && q.Handle == 0 && q.Kind == "pfifo" {
			limit = q.LimitPackets
		}
		return true
	})
	if errno := unix.Errno(0); errors.As(err, &errno) && errno != unix.EAGAIN {
		err = nil // nothing stands in it, the class went, or the kernel does not tell
	}
	return limit, err
}

// parseQueue reads the payload of an RTM_NEWQDISC or RTM_NEWTCLASS message.
// It leaves out noqueue and noop, where nothing can stand, and classes that
// only repeat what their qdisc says.
func parseQueue(b []byte, class bool) (Queue, bool) {
	if len(b) < tcmsgSize {
		return Queue{}, false
	}
	q := Queue{
		Link: int(int32(u32(b[4:]))), Class: class,
		Handle: u32(b[8:]), Parent: u32(b[12:]),
	}
	var options, old []byte
	dump.Attributes(b[tcmsgSize:], func(kind uint16, v []byte) {
		switch kind {
		case unix.TCA_KIND:
			q.Kind = text(v)
		case unix.TCA_OPTIONS:
			options = v
		case unix.TCA_STATS:
			old = v
		case unix.TCA_STATS2:
			dump.Attributes(v, q.statistic)
		}
	})
	if !q.Counted {
		q.oldStatistics(old)
	}
	q.options(options)
	known := q.Kind != "" && q.Kind != "noqueue" && q.Kind != "noop"
	return q, known && (!class || classful[q.Kind])
}

// Attributes of TCA_STATS2: include/uapi/linux/gen_stats.h.
const (
	statsBasic     = 1
	statsQueue     = 3
	statsPackets64 = 8 // Linux 5.5
)

func (q *Queue) statistic(kind uint16, v []byte) {
	switch {
	case kind == statsBasic && len(v) >= 12:
		q.Bytes = u64(v)
		if q.Packets == 0 { // the 64-bit count may have come before
			q.Packets = uint64(u32(v[8:]))
		}
	case kind == statsPackets64 && len(v) >= 8:
		q.Packets = u64(v)
	case kind == statsQueue && len(v) >= 20:
		q.Qlen, q.Backlog, q.Drops = u32(v), u32(v[4:]), u32(v[8:])
		q.Requeues, q.Overlimits = u32(v[12:]), u32(v[16:])
		q.Counted = true
	}
}

// oldStatistics reads struct tc_stats, the form that came before TCA_STATS2.
func (q *Queue) oldStatistics(v []byte) {
	if len(v) < 36 {
		return
	}
	q.Bytes, q.Packets = u64(v), uint64(u32(v[8:]))
	q.Drops, q.Overlimits = u32(v[12:]), u32(v[16:])
	q.Qlen, q.Backlog = u32(v[28:]), u32(v[32:])
	q.Counted = true
}

// options reads rate and limits out of TCA_OPTIONS. The numbers are those of
// include/uapi/linux/pkt_sched.h.
func (q *Queue) options(v []byte) {
	if read := optionReaders[q.Kind]; read != nil {
		read(q, v)
	}
}

var optionReaders = map[string]func(*Queue, []byte){
	"tbf":             (*Queue).tbf,
	"htb":             (*Queue).htb,
	"hfsc":            (*Queue).hfsc,
	"netem":           (*Queue).netem,
	"sfq":             (*Queue).sfq,
	"pfifo":           func(q *Queue, v []byte) { q.LimitPackets = u32(v) },
	"pfifo_head_drop": func(q *Queue, v []byte) { q.LimitPackets = u32(v) },
	"bfifo":           func(q *Queue, v []byte) { q.LimitBytes = u32(v) },
	"fq_codel":        packetLimit(2),                                                   // TCA_FQ_CODEL_LIMIT
	"codel":           packetLimit(2),                                                   // TCA_CODEL_LIMIT
	"pie":             packetLimit(2),                                                   // TCA_PIE_LIMIT
	"fq":              packetLimit(1),                                                   // TCA_FQ_PLIMIT
	"fq_pie":          packetLimit(1),                                                   // TCA_FQ_PIE_LIMIT
	"red":             attribute(1, func(q *Queue, v []byte) { q.LimitBytes = u32(v) }), // TCA_RED_PARMS
	"cake":            attribute(2, func(q *Queue, v []byte) { q.Rate = u64(v) }),       // TCA_CAKE_BASE_RATE64, 0 for unlimited
}

// attribute makes a reader of one attribute of the options.
func attribute(wanted uint16, read func(*Queue, []byte)) func(*Queue, []byte) {
	return func(q *Queue, v []byte) {
		dump.Attributes(v, func(kind uint16, v []byte) {
			if kind == wanted {
				read(q, v)
			}
		})
	}
}

func packetLimit(wanted uint16) func(*Queue, []byte) {
	return attribute(wanted, func(q *Queue, v []byte) { q.LimitPackets = u32(v) })
}

func (q *Queue) sfq(v []byte) {
	if len(v) >= 12 {
		q.LimitPackets = u32(v[8:])
	}
}

// hfsc reads the upper limit of a class.
func (q *Queue) hfsc(v []byte) {
	dump.Attributes(v, func(kind uint16, v []byte) {
		if kind == 3 && len(v) >= 12 { // TCA_HFSC_USC: m1, d, m2
			q.Rate = uint64(u32(v[8:]))
		}
	})
}

// tbf reads rate, limit and the bucket, which the kernel tells as the time that it
// takes to fill, in units of 64 ns, rounded down (PSCHED_SHIFT in
// include/net/pkt_sched.h).
func (q *Queue) tbf(v []byte) {
	ticks := uint32(0)
	dump.Attributes(v, func(kind uint16, v []byte) {
		switch {
		case kind == 1 && len(v) >= 36: // TCA_TBF_PARMS: rate, peakrate, limit, buffer
			q.LimitBytes, ticks = u32(v[24:]), u32(v[28:])
			q.Rate = max(q.Rate, uint64(u32(v[8:])))
		case kind == 4: // TCA_TBF_RATE64, when 32 bits do not hold it
			q.Rate = u64(v)
		}
	})
	q.Burst = uint64(math.Ceil(min(float64(q.Rate)*float64(ticks)*64e-9, math.MaxUint32)))
}

// htb reads the ceil of a class; the qdisc itself has no rate.
func (q *Queue) htb(v []byte) {
	if !q.Class {
		return
	}
	dump.Attributes(v, func(kind uint16, v []byte) {
		switch {
		case kind == 1 && len(v) >= 24: // TCA_HTB_PARMS: rate, ceil
			q.Rate = max(q.Rate, uint64(u32(v[20:])))
		case kind == 7: // TCA_HTB_CEIL64
			q.Rate = u64(v)
		}
	})
}

func (q *Queue) netem(v []byte) {
	const fixed = 24 // struct tc_netem_qopt: latency, limit, loss, gap, duplicate, jitter
	if len(v) < fixed {
		return
	}
	q.LimitPackets, q.Loss = u32(v[4:]), u32(v[8:]) > 0
	dump.Attributes(v[fixed:], func(kind uint16, v []byte) {
		switch kind {
		case 5: // TCA_NETEM_LOSS: a Markov or Gilbert-Elliot model
			q.Loss = true
		case 6: // TCA_NETEM_RATE
			q.Rate = max(q.Rate, uint64(u32(v)))
		case 8: // TCA_NETEM_RATE64
			q.Rate = u64(v)
		}
	})
}

// rootHandle is TC_H_ROOT, the parent of a root qdisc.
const rootHandle = 0xffffffff

// handleText writes a handle as tc does: major:minor in hexadecimal.
func handleText(h uint32) string {
	if minor := h & 0xffff; minor != 0 {
		return fmt.Sprintf("%x:%x", h>>16, minor)
	}
	return fmt.Sprintf("%x:", h>>16)
}

// tree is the hierarchy of the queues of one reading.
type tree struct {
	queues   []Queue
	parent   []int   // index of the parent, -1 for none
	children [][]int // indexes
}

type handleAt struct {
	link   int
	handle uint32
}

// newTree links the queues with their parents. A parent that is not in the
// reading (the inner class of a tbf, the queue of an mq) stands for its qdisc.
func newTree(queues []Queue) *tree {
	t := &tree{queues: queues, parent: make([]int, len(queues)), children: make([][]int, len(queues))}
	at := make(map[handleAt]int, len(queues))
	for i, q := range queues {
		// Of the many with handle 0 only the root can have children.
		if q.Handle != 0 || q.Parent == rootHandle {
			at[handleAt{q.Link, q.Handle}] = i
		}
	}
	for i, q := range queues {
		t.parent[i] = -1
		parent := q.Parent
		if q.Class && parent == rootHandle {
			parent = q.Handle &^ 0xffff // a class right under its qdisc
		}
		p, ok := at[handleAt{q.Link, parent}]
		if !ok {
			p, ok = at[handleAt{q.Link, parent &^ 0xffff}]
		}
		if !ok || p == i || parent == rootHandle || q.Ingress() {
			continue
		}
		t.parent[i] = p
		t.children[p] = append(t.children[p], i)
	}
	return t
}
