package apply

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// qdiscKnob is the queueing discipline at a place, or a parameter of a qdisc or class
// that is there. Field is empty for the root of the interface and "1:10 leaf" for what
// queues in a class; To is then its kind with parameters, "cake bandwidth 90mbit", or
// "default" for what the kernel gives by itself. Else Field is handle and parameter,
// such as "1: rate" or "1:10 ceil".
//
// A qdisc is only replaced where all of it can be set back: the kernel's own where it
// comes again, or one without classes.
var qdiscKnob = knob{
	title:   "qdisc",
	check:   checkQdisc,
	read:    readQdisc,
	write:   writeQdisc,
	restore: restoreQdisc,
	reached: func(c Change, now State) bool {
		if !whole(c.Field) {
			a, err := parameterValue(c.Field, c.To)
			b, err2 := parameterValue(c.Field, now.Text)
			return err == nil && err2 == nil && (a == b || strings.HasSuffix(c.Field, " burst") && sameBurst(a, b))
		}
		if c.To == "default" {
			return strings.HasSuffix(now.Text, defaultMark)
		}
		kind, parameters, _ := strings.Cut(c.To, " ")
		nowKind, nowParameters, _ := strings.Cut(now.Text, " ")
		if kind != nowKind || parameters == "" {
			return kind == nowKind && !strings.HasSuffix(now.Text, defaultMark)
		}
		return queueWords(c.To) == queueWords(kind+" "+nowParameters)
	},
	// The kernel makes its own by a setting that can have changed since: then the one
	// of before is there again, only not as the kernel's own.
	restored: func(was, now State) bool {
		kind, own := strings.CutSuffix(was.Text, defaultMark)
		return own && now.Text == kind
	},
}

const defaultMark = " by default"

func checkQdisc(c Change) error {
	if c.Field != "" {
		name, parameter, _ := strings.Cut(c.Field, " ")
		handle, err := parseHandle(name)
		if err != nil {
			return err
		}
		if !slices.Contains([]string{leafOf, "rate", "ceil", "limit", "burst"}, parameter) {
			return fmt.Errorf("qdisc %s: expected a handle and leaf, rate, ceil, limit or burst", c.Field)
		}
		if whole(c.Field) && (handle&0xffff == 0 || handle == tcRoot) {
			return fmt.Errorf("qdisc %s: expected a class, such as 1:10", c.Field)
		}
	}
	if whole(c.Field) {
		if _, _, err := newQueue(c.To); err != nil && c.To != "default" {
			return err
		}
	} else if _, err := parameterValue(c.Field, c.To); err != nil {
		return err
	}
	return checkDevice(c)
}

// leafOf is the parameter of a class that stands for what queues in it.
const leafOf = "leaf"

// whole tells whether a field stands for a qdisc, rather than for a number of one.
func whole(field string) bool {
	_, parameter, _ := strings.Cut(field, " ")
	return field == "" || parameter == leafOf
}

// parseHandle reads "1:" and "1:10", hexadecimal as tc writes them.
func parseHandle(s string) (uint32, error) {
	major, minor, ok := strings.Cut(s, ":")
	a, err := strconv.ParseUint(major, 16, 16)
	b := uint64(0)
	if minor != "" && err == nil {
		b, err = strconv.ParseUint(minor, 16, 16)
	}
	if !ok || err != nil || a == 0 {
		return 0, fmt.Errorf("%q is not a handle: expected one such as 1: or 1:10", s)
	}
	return uint32(a<<16 | b), nil
}

const (
	tcmsgSize = 20         // struct tcmsg
	tcRoot    = 0xffffffff // TC_H_ROOT
)

func queueHeader(device uint32) []byte {
	h := make([]byte, tcmsgSize)
	binary.NativeEndian.PutUint32(h[4:], device)
	return h
}

func handleOf(o object) uint32 { return binary.NativeEndian.Uint32(o.Header[8:]) }
func parentOf(o object) uint32 { return binary.NativeEndian.Uint32(o.Header[12:]) }
func deviceOf(o object) uint32 { return binary.NativeEndian.Uint32(o.Header[4:]) }
func kindOf(o object) string   { return string(bytes.TrimRight(o.get(unix.TCA_KIND), "\x00")) }

func readQdisc(c Change) (State, error) {
	q, err := findQueue(c)
	if err != nil {
		return State{}, err
	}
	s := State{Text: queueText(kindOf(q.Queue), q.Queue.get(unix.TCA_OPTIONS))}
	if q.Default {
		s.Text = strings.TrimSpace(s.Text + defaultMark)
	}
	if !whole(c.Field) {
		p, err := q.parameter(c)
		if err != nil {
			return State{}, err
		}
		s.Text = p.text(p.read(q.Queue.get(unix.TCA_OPTIONS)))
	}
	s.Raw, err = json.Marshal(q)
	return s, err
}

func writeQdisc(c Change) error {
	q, err := findQueue(c)
	if err != nil {
		return err
	}
	if whole(c.Field) {
		return writeWhole(c)
	}
	p, err := q.parameter(c)
	if err != nil {
		return err
	}
	v, err := parameterValue(c.Field, c.To)
	if err != nil {
		return err
	}
	options, err := p.write(q.Queue.get(unix.TCA_OPTIONS), v)
	if err != nil {
		return err
	}
	q.Queue = q.Queue.with(unix.TCA_OPTIONS, options)
	return q.change()
}

// writeWhole puts a qdisc of its own into a place, or the kernel's.
func writeWhole(c Change) error {
	at, err := spotOf(c)
	if err != nil {
		return err
	}
	if c.To == "default" {
		return at.clear()
	}
	kind, options, err := newQueue(c.To)
	if err != nil {
		return err
	}
	o := object{Header: at.header()}
	o.Attributes = []attribute{{unix.TCA_KIND, append([]byte(kind), 0)}}
	if options != nil {
		o.Attributes = append(o.Attributes, attribute{unix.TCA_OPTIONS, options})
	}
	return sendQueue(o, false, netlink.Create|netlink.Replace)
}

func restoreQdisc(c Change, was State) error {
	before, err := decodeQueue(was)
	if err != nil {
		return err
	}
	now, err := findQueue(c)
	if err != nil {
		return err
	}
	at, err := spotOf(c) // another boot numbers the interface otherwise
	if err != nil {
		return err
	}
	same := before.sameAs(now)
	before.Queue = sendableQueue(before.Queue.on(at.device))
	switch {
	case whole(c.Field):
		return at.restore(c, before, now, same)
	case same:
		return nil
	}
	if before.Fifo != nil {
		fifo := before.Fifo.on(at.device)
		before.Fifo = &fifo
	}
	return before.change()
}

// restore puts what was at a place before there again.
func (s spot) restore(c Change, before, now queueState, same bool) error {
	var err error
	switch {
	case before.Default && s.parent != tcRoot:
		return s.refill(c.Of, before, now)
	case same:
	case !before.Default:
		err = sendQueue(before.Queue, false, netlink.Create|netlink.Replace)
	case !now.Default:
		err = s.clear()
	}
	if err == nil {
		err = keepLength(c.Of, before, now.Length)
	}
	if err != nil || same || !before.Default {
		return err
	}
	// What comes by itself depends on net.core.default_qdisc at this moment.
	kind := kindOf(before.Queue)
	if now, err = findQueue(c); err != nil || kind == kindOf(now.Queue) || !slices.Contains(wholeQueues, kind) || kind == "noqueue" {
		return err
	}
	return sendQueue(before.Queue, false, netlink.Create|netlink.Replace)
}

// defaultLength is what the kernel makes of a txqueuelen of 0 when an interface
// without a queue of its own gets a qdisc (DEFAULT_TX_QUEUE_LEN, qdisc_create() in
// net/sched/sch_api.c).
const defaultLength = 1000

// keepLength sets the txqueuelen back that the kernel changed with the root.
func keepLength(device string, before queueState, now int) error {
	if before.Length != 0 || now != defaultLength {
		return nil
	}
	return setTxqueuelen(device, "0")
}

// refill has the kernel make a class's own fifo again, with the limit that it had. It
// takes the txqueuelen of that moment, which may have changed since the class was made.
func (s spot) refill(device string, before, now queueState) error {
	limit, length := int(word32(before.Queue.get(unix.TCA_OPTIONS), 0)), now.Length
	if length == limit && before.Length >= 0 { // so it is left if whydrop is killed below
		length = before.Length
	}
	set := func(is, to int) error {
		if is == to || to < 0 {
			return nil
		}
		return setTxqueuelen(device, strconv.Itoa(to))
	}
	if now.Default {
		return set(now.Length, length)
	}
	if err := set(now.Length, limit); err != nil {
		return err
	}
	return errors.Join(s.clear(), set(limit, length))
}

// decodeQueue reads the state of a queue from a record.
func decodeQueue(was State) (queueState, error) {
	q := queueState{Length: -1}
	if err := json.Unmarshal(was.Raw, &q); err != nil {
		return q, fmt.Errorf("the value before cannot be read: %w", err)
	}
	if q.Fifo != nil {
		if err := q.Fifo.check(tcmsgSize); err != nil {
			return q, err
		}
	}
	return q, q.Queue.check(tcmsgSize)
}

// change gives a queue that is there its parameters, and the fifo below it those that
// it has.
func (q *queueState) change() error {
	o := q.Queue
	if kind, alone := limitAlone[kindOf(o)]; alone {
		options := object{Attributes: splitAttributes(o.get(unix.TCA_OPTIONS))}.only(kind)
		o = o.with(unix.TCA_OPTIONS, options.message())
	}
	err := sendQueue(o, q.Class, 0)
	if err == nil && q.Fifo != nil {
		err = sendQueue(*q.Fifo, false, 0)
	}
	return err
}

func (q *queueState) sameAs(o queueState) bool {
	fifo := func(q *queueState) []byte {
		if q.Fifo == nil {
			return nil
		}
		return q.Fifo.get(unix.TCA_OPTIONS)
	}
	ownRoot := q.Default && parentOf(q.Queue) == tcRoot
	return q.Default == o.Default && bytes.Equal(fifo(q), fifo(&o)) && kindOf(q.Queue) == kindOf(o.Queue) &&
		(ownRoot || bytes.Equal(q.Queue.get(unix.TCA_OPTIONS), o.Queue.get(unix.TCA_OPTIONS)))
}

// on is a queue on another interface.
func (o object) on(device uint32) object {
	out := object{Header: slices.Clone(o.Header), Attributes: o.Attributes}
	binary.NativeEndian.PutUint32(out.Header[4:], device)
	return out
}

// clear takes what stands at a place away; the kernel's own comes in its stead.
func (s spot) clear() error {
	_, err := exchange(unix.RTM_DELQDISC, 0, s.header())
	return err
}

func sendQueue(o object, class bool, flags netlink.HeaderFlags) error {
	request := uint16(unix.RTM_NEWQDISC)
	if class {
		request = unix.RTM_NEWTCLASS
	}
	_, err := exchange(request, flags, o.message())
	if errors.Is(err, unix.ENOENT) {
		return fmt.Errorf("this kernel has no qdisc %s: %w", kindOf(o), err)
	}
	return err
}
