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
		kind, _, _ := strings.Cut(c.To, " ")
		if kind == "default" {
			return strings.HasSuffix(now.Text, defaultMark)
		}
		return now.Text == kind
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
		if handle == 0 && !q.Default {
			err = replaceable(o, all)
		}
		binary.NativeEndian.PutUint32(q.Queue.Header[16:], 0) // tcm_info
		return q, err
	}
	if handle == 0 {
		return queueState{Default: true}, nil
	}
	return queueState{}, fmt.Errorf("%s has no queue %s", c.Of, c.Field)
}

// replaceable finds fault with a root that could not be made again from its own
// message.
func replaceable(root object, all []object) error {
	for _, o := range all {
		if deviceOf(o) == deviceOf(root) && parentOf(o)>>16 == handleOf(root)>>16 && parentOf(o) != tcRoot {
			return fmt.Errorf("the qdisc %s has others below it, which would be lost: whydrop does not replace it", kindOf(root))
		}
	}
	if root.get(unix.TCA_STAB) != nil {
		return fmt.Errorf("the qdisc %s has a table of sizes, which could not be made again: whydrop does not replace it", kindOf(root))
	}
	return nil
}

func readQdisc(c Change) (State, error) {
	q, err := findQueue(c)
	if err != nil {
		return State{}, err
	}
	s := State{Text: kindOf(q.Queue)}
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
	return sendQueue(q.Queue.with(unix.TCA_OPTIONS, options), q.Class, 0)
}

func restoreQdisc(c Change, was State) error {
	var before queueState
	if err := json.Unmarshal(was.Raw, &before); err != nil {
		return err
	}
	now, err := findQueue(c)
	if err != nil {
		return err
	}
	same := before.Default == now.Default && kindOf(before.Queue) == kindOf(now.Queue) &&
		bytes.Equal(before.Queue.get(unix.TCA_OPTIONS), now.Queue.get(unix.TCA_OPTIONS))
	switch {
	case same:
		return nil
	case before.Default && c.Field == "":
		device, err := index(c.Of)
		if err != nil {
			return err
		}
		return deleteRoot(device)
	case c.Field == "":
		return sendQueue(before.Queue, false, netlink.Create|netlink.Replace)
	}
	o := before.Queue
	if kindOf(o) == "tbf" {
		o = o.with(unix.TCA_OPTIONS, withBurst(o.get(unix.TCA_OPTIONS), o.get(unix.TCA_OPTIONS)))
	}
	return sendQueue(o, before.Class, 0)
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
