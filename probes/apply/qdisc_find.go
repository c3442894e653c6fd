package apply

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// queueState is what sets a queue back.
type queueState struct {
	Default bool   // the kernel's own: it comes back when the other one goes
	Queue   object // kind and options as the kernel sent them
	Class   bool
	// Fifo is one that somebody put below a tbf. Whatever is changed of the tbf, the
	// kernel gives it the tbf's limit, too (tbf_change() in net/sched/sch_tbf.c).
	Fifo *object `json:",omitempty"`
	// Length is the interface's txqueuelen, -1 where it is not known. The kernel changes
	// it with the root where it is 0, and takes it as the limit of its own fifos.
	Length int
}

// spot is where a queue stands. Handle is 0 for a place: the root of the interface,
// or what queues in a class.
type spot struct {
	device uint32
	handle uint32 // of a qdisc or class that has a parameter
	parent uint32 // of a place: tcRoot or a class
}

func spotOf(c Change) (spot, error) {
	device, err := index(c.Of)
	if err != nil {
		return spot{}, err
	}
	s := spot{device: device, parent: tcRoot}
	if c.Field == "" {
		return s, nil
	}
	name, _, _ := strings.Cut(c.Field, " ")
	handle, err := parseHandle(name)
	if whole(c.Field) {
		s.parent = handle
	} else {
		s.handle = handle
	}
	return s, err
}

// header is what a message about a place begins with.
func (s spot) header() []byte {
	h := queueHeader(s.device)
	binary.NativeEndian.PutUint32(h[12:], s.parent)
	return h
}

// findQueue returns what stands at a place, or the qdisc or class with a handle.
func findQueue(c Change) (queueState, error) {
	at, err := spotOf(c)
	if err != nil {
		return queueState{}, err
	}
	length, err := txqueuelenKnob.read(c)
	if err != nil {
		return queueState{}, err
	}
	q, err := at.find(c)
	q.Length = -1
	if _, scanned := fmt.Sscan(length.Text, &q.Length); scanned != nil {
		q.Length = -1
	}
	return q, err
}

func (s spot) find(c Change) (queueState, error) {
	if s.handle == 0 && s.parent != tcRoot {
		return s.leaf()
	}
	request := uint16(unix.RTM_GETQDISC)
	class := s.handle&0xffff != 0
	if class {
		request = unix.RTM_GETTCLASS
	}
	all, err := dumpObjects(request, queueHeader(s.device))
	if err != nil {
		return queueState{}, err
	}
	for _, o := range all {
		if deviceOf(o) != s.device || s.handle == 0 && parentOf(o) != tcRoot || s.handle != 0 && handleOf(o) != s.handle {
			continue
		}
		q := stateOf(o)
		q.Class = class
		if s.handle == 0 {
			err = replaceable(o, all)
		}
		q.Fifo = fifoBelow(o, all)
		return q, err
	}
	if s.handle == 0 {
		return queueState{Default: true, Queue: object{Header: s.header()}}, nil
	}
	return queueState{}, fmt.Errorf("%s has no queue %s", c.Of, c.Field)
}

func stateOf(o object) queueState {
	q := queueState{Default: handleOf(o) == 0, Queue: o.only(unix.TCA_KIND, unix.TCA_OPTIONS)}
	q.Queue.Header = slices.Clone(o.Header)
	binary.NativeEndian.PutUint32(q.Queue.Header[16:], 0) // tcm_info
	return q
}

// fillsItself are the kinds that give a class a fifo when what queued in it is
// deleted, as they do when it is made (htb_graft(), hfsc_graft_class() and so on in
// net/sched). Below others nothing would be left: they drop every packet then.
var fillsItself = []string{"htb", "hfsc", "drr", "qfq"}

// leaf returns what queues in a class.
func (s spot) leaf() (queueState, error) {
	all, err := dumpObjects(unix.RTM_GETQDISC, queueHeader(s.device), appendAttribute(nil, tcaDumpInvisible, nil)...)
	if err != nil {
		return queueState{}, err
	}
	var found *object
	var above string
	for _, o := range all {
		switch {
		case deviceOf(o) != s.device:
		case handleOf(o) == s.parent&^0xffff:
			above = kindOf(o)
		case parentOf(o) == s.parent:
			found = &o
		}
	}
	if found == nil { // one that came back by itself stands in no list
		if found, err = s.unlisted(); err != nil {
			return queueState{}, err
		}
	}
	q := stateOf(*found)
	if q.Default && !slices.Contains(fillsItself, above) {
		return q, fmt.Errorf("below %s the kernel does not make a queue again: whydrop does not replace it", nameOr(above, "this"))
	}
	return q, replaceable(*found, all)
}

// unlisted asks for what queues in a class by the class. The kernel only answers who
// wants an echo (tc_get_qdisc(), qdisc_get_notify() in net/sched/sch_api.c).
func (s spot) unlisted() (*object, error) {
	answers, err := exchange(unix.RTM_GETQDISC, netlink.Echo, s.header())
	for _, a := range answers {
		if len(a.Data) < tcmsgSize {
			continue
		}
		if o := (object{a.Data[:tcmsgSize:tcmsgSize], splitAttributes(a.Data[tcmsgSize:])}); parentOf(o) == s.parent {
			return &o, nil
		}
	}
	if err == nil || errors.Is(err, unix.ENOENT) || errors.Is(err, unix.EINVAL) {
		err = fmt.Errorf("there is no class %s that packets queue in", handleText(s.parent))
	}
	return nil, err
}

func nameOr(s, other string) string {
	if s == "" {
		return other
	}
	return s
}

// tcaDumpInvisible (Linux 4.11) asks for the queues that classes have by default,
// too.
const tcaDumpInvisible = 10

// fifoBelow is the fifo with a handle below a tbf, nil for none.
func fifoBelow(tbf object, all []object) *object {
	if kindOf(tbf) != "tbf" {
		return nil
	}
	for _, o := range all {
		if deviceOf(o) == deviceOf(tbf) && parentOf(o) != tcRoot && parentOf(o)>>16 == handleOf(tbf)>>16 && handleOf(o) != 0 &&
			slices.Contains([]string{"pfifo", "bfifo", "pfifo_head_drop"}, kindOf(o)) {
			fifo := o.only(unix.TCA_KIND, unix.TCA_OPTIONS)
			binary.NativeEndian.PutUint32(fifo.Header[16:], 0)
			return &fifo
		}
	}
	return nil
}

// wholeQueues are the kinds of qdiscs that their own message describes wholly: they
// have no classes that somebody configures, and no tables that are not told. (Pie is
// none: the kernel rounds its times twice.)
var wholeQueues = []string{"pfifo", "bfifo", "pfifo_fast", "pfifo_head_drop", "fq_codel", "codel", "fq", "sfq", "cake", "tbf", "noqueue"}

const statsRateEstimate = 2 // TCA_STATS_RATE_EST in include/uapi/linux/gen_stats.h

// replaceable finds fault with a qdisc that could not be made again from its own
// message: one with classes, with others below it, or with filters. The kernel's own
// comes again by itself, but what somebody hung below it (as below mq) does not.
func replaceable(queue object, all []object) error {
	own := handleOf(queue) == 0
	kind := kindOf(queue)
	if !own && !slices.Contains(wholeQueues, kind) {
		return fmt.Errorf("the qdisc %s can have classes and tables, which would be lost: whydrop does not replace it", kind)
	}
	if own && parentOf(queue) != tcRoot {
		return nil // a fifo without a name has nothing below it
	}
	for _, o := range all {
		below := deviceOf(o) == deviceOf(queue) && parentOf(o) != tcRoot && parentOf(o)>>16 == handleOf(queue)>>16
		if below && handleOf(o) != 0 {
			return fmt.Errorf("the qdisc %s has others below it, which would be lost: whydrop does not replace it", kind)
		}
	}
	if what := untold(queue); what != "" {
		return fmt.Errorf("the qdisc %s has %s, which could not be made again: whydrop does not replace it", kind, what)
	}
	if own {
		return nil
	}
	header := queueHeader(deviceOf(queue))
	binary.NativeEndian.PutUint32(header[12:], handleOf(queue))
	filters, err := dumpObjects(unix.RTM_GETTFILTER, header)
	if err == nil && len(filters) > 0 {
		err = fmt.Errorf("the qdisc %s has filters, which would be lost: whydrop does not replace it", kind)
	}
	return err
}

// untold is what the message of a qdisc does not tell wholly, "" for nothing.
func untold(queue object) string {
	switch stats := (object{Attributes: splitAttributes(queue.get(unix.TCA_STATS2))}); {
	case queue.get(unix.TCA_STAB) != nil:
		return "a table of sizes"
	case stats.get(statsRateEstimate) != nil:
		return "an estimator of rates"
	}
	return ""
}

// place is where the change puts a qdisc, in the words of tc(8).
func (c Change) place() string {
	if class, _, ok := strings.Cut(c.Field, " "); ok {
		return "parent " + class
	}
	return "root"
}

// clearCommand is the command after which the kernel's own queue stands at a place
// again. That of a class takes the length of the interface at that moment.
func (c Change) clearCommand(was queueState) string {
	clear := "tc qdisc del dev " + Quote(c.Of) + " " + c.place()
	limit := int(word32(was.Queue.get(unix.TCA_OPTIONS), 0))
	if c.Field == "" || was.Length < 0 || limit == was.Length {
		return clear
	}
	length := "ip link set dev " + Quote(c.Of) + " txqueuelen "
	return fmt.Sprintf("%s%d; %s; %s%d", length, limit, clear, length, was.Length)
}
