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

// qdiscKnob is the root queueing discipline of an interface, or a parameter of a
// qdisc or class that is there. Field is empty for the root; To is then its kind
// with parameters, "cake bandwidth 90mbit", or "default" for what the kernel gives
// by itself. Else Field is handle and parameter, such as "1: rate" or "1:10 ceil".
//
// A root is only replaced where all of it can be set back: the kernel's own, or one
// without classes.
var qdiscKnob = knob{
	title:   "qdisc",
	check:   checkQdisc,
	read:    readQdisc,
	write:   writeQdisc,
	restore: restoreQdisc,
	reached: func(c Change, now State) bool {
		if c.Field != "" {
			a, err := parameterValue(c.Field, c.To)
			b, err2 := parameterValue(c.Field, now.Text)
			return err == nil && err2 == nil && a == b
		}
		if c.To == "default" {
			return strings.HasSuffix(now.Text, defaultMark)
		}
		kind, parameters, _ := strings.Cut(c.To, " ")
		nowKind, nowParameters, _ := strings.Cut(now.Text, " ")
		if kind != nowKind || parameters == "" {
			return kind == nowKind && !strings.HasSuffix(now.Text, defaultMark)
		}
		return rootWords(c.To) == rootWords(kind+" "+nowParameters)
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
		handle, parameter, _ := strings.Cut(c.Field, " ")
		if _, err := parseHandle(handle); err != nil {
			return err
		}
		if !slices.Contains([]string{"rate", "ceil", "limit"}, parameter) {
			return fmt.Errorf("qdisc %s: expected a handle and rate, ceil or limit", c.Field)
		}
		if _, err := parameterValue(c.Field, c.To); err != nil {
			return err
		}
		return checkDevice(c)
	}
	if _, _, err := newRoot(c.To); err != nil && c.To != "default" {
		return err
	}
	return checkDevice(c)
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

// The units of rates and sizes as tc(8) reads and writes them: rates in bits a
// second by thousands, sizes in bytes by 1024.
var (
	rateUnits = []unit{{"gbit", 1e9}, {"mbit", 1e6}, {"kbit", 1e3}, {"bit", 1}}
	sizeUnits = []unit{{"mb", 1 << 20}, {"kb", 1 << 10}, {"b", 1}, {"", 1}}
)

type unit struct {
	name string
	is   uint64
}

func parseUnits(s string, units []unit) (uint64, error) {
	for _, u := range units {
		if digits, ok := strings.CutSuffix(strings.ToLower(s), u.name); ok {
			if n, err := strconv.ParseUint(digits, 10, 64); err == nil && n < 1<<62/u.is {
				return n * u.is, nil
			}
		}
	}
	return 0, fmt.Errorf("%q: expected a number with a unit such as %s", s, units[0].name)
}

// parameterValue is a rate in bytes a second, or a limit as the qdisc counts it.
func parameterValue(field, s string) (uint64, error) {
	if strings.HasSuffix(field, "limit") {
		return parseUnits(strings.TrimSuffix(s, "p"), sizeUnits)
	}
	bits, err := parseUnits(s, rateUnits)
	return bits / 8, err
}

func rateText(bytesPerSecond uint64) string {
	bits := bytesPerSecond * 8
	for _, u := range rateUnits {
		if bits%u.is == 0 && bits >= u.is {
			return strconv.FormatUint(bits/u.is, 10) + u.name
		}
	}
	return "0bit"
}

// newRoot is the message of a root qdisc in words.
func newRoot(words string) (kind string, options []byte, err error) {
	w := strings.Fields(words)
	if len(w) == 0 {
		return "", nil, errors.New("expected the kind of a qdisc")
	}
	kind = w[0]
	switch {
	case len(w) == 1 && slices.Contains([]string{"fq_codel", "fq", "pfifo_fast", "sfq", "cake"}, kind):
		return kind, nil, nil
	case len(w) == 3 && kind == "cake" && w[1] == "bandwidth":
		bits, err := parseUnits(w[2], rateUnits)
		return kind, appendAttribute(nil, tcaCakeBaseRate64, binary.NativeEndian.AppendUint64(nil, bits/8)), err
	case len(w) == 3 && (kind == "pfifo" || kind == "bfifo") && w[1] == "limit":
		n, err := parseUnits(w[2], sizeUnits)
		return kind, binary.NativeEndian.AppendUint32(nil, uint32(n)), err
	}
	return "", nil, fmt.Errorf("qdisc %q: expected fq_codel, fq, sfq, pfifo_fast, cake [bandwidth RATE], pfifo limit N, bfifo limit BYTES or default", words)
}

const tcaCakeBaseRate64 = 2 // include/uapi/linux/pkt_sched.h

// rootWords brings the words of a root into one form: 0.5gbit and 500mbit are the
// same.
func rootWords(words string) string {
	kind, options, err := newRoot(words)
	if err != nil {
		return words
	}
	return rootText(kind, options)
}

// rootText is a root in words, with the parameter that whydrop sets.
func rootText(kind string, options []byte) string {
	switch kind {
	case "pfifo", "bfifo":
		return kind + " limit " + plain(word32(options, 0))
	case "cake":
		o := object{Attributes: splitAttributes(options)}
		if rate := o.get(tcaCakeBaseRate64); len(rate) == 8 && binary.NativeEndian.Uint64(rate) > 0 {
			return kind + " bandwidth " + rateText(binary.NativeEndian.Uint64(rate))
		}
	}
	return kind
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

// queueState is what sets a queue back.
type queueState struct {
	Default bool   // the kernel's own: it comes back when the other one goes
	Queue   object // kind and options as the kernel sent them
	Class   bool
	// Fifo is one that somebody put below a tbf. Whatever is changed of the tbf, the
	// kernel gives it the tbf's limit, too (tbf_change() in net/sched/sch_tbf.c).
	Fifo *object `json:",omitempty"`
}

// findQueue returns the root, or the qdisc or class with the handle.
func findQueue(c Change) (queueState, error) {
	device, err := index(c.Of)
	if err != nil {
		return queueState{}, err
	}
	handle := uint32(0)
	if c.Field != "" {
		name, _, _ := strings.Cut(c.Field, " ")
		if handle, err = parseHandle(name); err != nil {
			return queueState{}, err
		}
	}
	request := uint16(unix.RTM_GETQDISC)
	class := handle&0xffff != 0
	if class {
		request = unix.RTM_GETTCLASS
	}
	all, err := dumpObjects(request, queueHeader(device))
	if err != nil {
		return queueState{}, err
	}
	for _, o := range all {
		if deviceOf(o) != device || handle == 0 && parentOf(o) != tcRoot || handle != 0 && handleOf(o) != handle {
			continue
		}
		q := queueState{Default: handleOf(o) == 0, Queue: o.only(unix.TCA_KIND, unix.TCA_OPTIONS), Class: class}
		if handle == 0 {
			err = replaceable(o, all)
		}
		binary.NativeEndian.PutUint32(q.Queue.Header[16:], 0) // tcm_info
		q.Fifo = fifoBelow(o, all)
		return q, err
	}
	if handle == 0 {
		return queueState{Default: true, Queue: object{Header: rootHeader(device)}}, nil
	}
	return queueState{}, fmt.Errorf("%s has no queue %s", c.Of, c.Field)
}

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

// wholeRoots are the kinds of qdiscs that their own message describes wholly: they
// have no classes that somebody configures, and no tables that are not told.
var wholeRoots = []string{"pfifo", "bfifo", "pfifo_fast", "pfifo_head_drop", "fq_codel", "codel", "fq", "fq_pie", "pie", "sfq", "cake", "tbf", "noqueue"}

// replaceable finds fault with a root that could not be made again from its own
// message: one with classes, with others below it, or with filters. The kernel's own
// comes again by itself, but what somebody hung below it (as below mq) does not.
func replaceable(root object, all []object) error {
	own := handleOf(root) == 0
	kind := kindOf(root)
	if !own && !slices.Contains(wholeRoots, kind) {
		return fmt.Errorf("the qdisc %s can have classes and tables, which would be lost: whydrop does not replace it", kind)
	}
	for _, o := range all {
		below := deviceOf(o) == deviceOf(root) && parentOf(o) != tcRoot && parentOf(o)>>16 == handleOf(root)>>16
		if below && (!own || handleOf(o) != 0) {
			return fmt.Errorf("the qdisc %s has others below it, which would be lost: whydrop does not replace it", kind)
		}
	}
	if root.get(unix.TCA_STAB) != nil {
		return fmt.Errorf("the qdisc %s has a table of sizes, which could not be made again: whydrop does not replace it", kind)
	}
	if own {
		return nil
	}
	header := queueHeader(deviceOf(root))
	binary.NativeEndian.PutUint32(header[12:], handleOf(root))
	filters, err := dumpObjects(unix.RTM_GETTFILTER, header)
	if err == nil && len(filters) > 0 {
		err = fmt.Errorf("the qdisc %s has filters, which would be lost: whydrop does not replace it", kind)
	}
	return err
}

func readQdisc(c Change) (State, error) {
	q, err := findQueue(c)
	if err != nil {
		return State{}, err
	}
	s := State{Text: rootText(kindOf(q.Queue), q.Queue.get(unix.TCA_OPTIONS))}
	if q.Default {
		s.Text = strings.TrimSpace(s.Text + defaultMark)
	}
	if c.Field != "" {
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
	if c.Field == "" {
		device, err := index(c.Of)
		if err != nil {
			return err
		}
		if c.To == "default" {
			return deleteRoot(device)
		}
		kind, options, err := newRoot(c.To)
		if err != nil {
			return err
		}
		o := object{Header: rootHeader(device)}
		o.Attributes = []attribute{{unix.TCA_KIND, append([]byte(kind), 0)}}
		if options != nil {
			o.Attributes = append(o.Attributes, attribute{unix.TCA_OPTIONS, options})
		}
		return sendQueue(o, false, netlink.Create|netlink.Replace)
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

func restoreQdisc(c Change, was State) error {
	before, err := decodeQueue(was)
	if err != nil {
		return err
	}
	now, err := findQueue(c)
	if err != nil {
		return err
	}
	if before.sameAs(now) {
		return nil
	}
	device, err := index(c.Of) // which another boot numbers otherwise
	if err != nil {
		return err
	}
	o := before.Queue.on(device)
	if kindOf(o) == "tbf" {
		o = o.with(unix.TCA_OPTIONS, withBurst(o.get(unix.TCA_OPTIONS), o.get(unix.TCA_OPTIONS)))
	}
	switch {
	case c.Field != "":
		before.Queue = o
		if before.Fifo != nil {
			fifo := before.Fifo.on(device)
			before.Fifo = &fifo
		}
		return before.change()
	case !before.Default:
		return sendQueue(o, false, netlink.Create|netlink.Replace)
	case !now.Default:
		if err := deleteRoot(device); err != nil {
			return err
		}
	}
	// What comes by itself depends on net.core.default_qdisc at this moment.
	if now, err = findQueue(c); err != nil || before.sameAs(now) || kindOf(o) == kindOf(now.Queue) || !slices.Contains(wholeRoots, kindOf(o)) || kindOf(o) == "noqueue" {
		return err
	}
	return sendQueue(o, false, netlink.Create|netlink.Replace)
}

// decodeQueue reads the state of a queue from a record.
func decodeQueue(was State) (queueState, error) {
	var q queueState
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
	err := sendQueue(q.Queue, q.Class, 0)
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
	return q.Default == o.Default && bytes.Equal(fifo(q), fifo(&o)) && kindOf(q.Queue) == kindOf(o.Queue) &&
		(q.Default || bytes.Equal(q.Queue.get(unix.TCA_OPTIONS), o.Queue.get(unix.TCA_OPTIONS)))
}

// on is a queue on another interface.
func (o object) on(device uint32) object {
	out := object{Header: slices.Clone(o.Header), Attributes: o.Attributes}
	binary.NativeEndian.PutUint32(out.Header[4:], device)
	return out
}

func rootHeader(device uint32) []byte {
	h := queueHeader(device)
	binary.NativeEndian.PutUint32(h[12:], tcRoot)
	return h
}

func deleteRoot(device uint32) error {
	_, err := exchange(unix.RTM_DELQDISC, 0, rootHeader(device))
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
