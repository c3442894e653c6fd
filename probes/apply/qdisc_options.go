package apply

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// parameter is a number in the options of a qdisc or class.
type parameter struct {
	text  func(uint64) string
	read  func(options []byte) uint64
	write func(options []byte, v uint64) ([]byte, error)
}

// The attributes of the options (include/uapi/linux/pkt_sched.h).
const (
	tbfParms, tbfRate64, tbfBurst  = 1, 4, 6
	htbParms, htbRate64, htbCeil64 = 1, 6, 7
	fqCodelLimit, fqLimit          = 2, 1

	ratespecSize = 12 // struct tc_ratespec; its rate, in bytes/s, at 8
	tbfSize      = 36 // struct tc_tbf_qopt: two ratespecs, limit, buffer, mtu
	htbSize      = 44 // struct tc_htb_opt: two ratespecs, buffer, cbuffer, ...
)

// parameter finds what a change of a queue is about.
func (q *queueState) parameter(c Change) (parameter, error) {
	_, name, _ := strings.Cut(c.Field, " ")
	kind := kindOf(q.Queue)
	switch kind + " " + name {
	case "tbf rate":
		return nested(tbfParms, tbfSize, 8, tbfRate64, rateText, withBurst), nil
	case "tbf limit":
		return nested(tbfParms, tbfSize, 24, 0, plain, withBurst), nil
	case "tbf burst":
		return burstOfTbf(), nil
	case "htb rate":
		return nested(htbParms, htbSize, 8, htbRate64, rateText, fitHtb(24)), nil
	case "htb ceil":
		return nested(htbParms, htbSize, ratespecSize+8, htbCeil64, rateText, fitHtb(28)), nil
	case "fq_codel limit", "codel limit":
		return nested(fqCodelLimit, 4, 0, 0, plain, nil), nil
	case "fq limit":
		return nested(fqLimit, 4, 0, 0, plain, nil), nil
	case "pfifo limit", "bfifo limit":
		return parameter{plain, func(b []byte) uint64 { return word32(b, 0) }, func(_ []byte, v uint64) ([]byte, error) {
			return binary.NativeEndian.AppendUint32(nil, uint32(min(v, math.MaxUint32))), nil
		}}, nil
	}
	return parameter{}, fmt.Errorf("whydrop does not set %s of %s", name, kind)
}

// limitAlone are the kinds of which whydrop changes the limit and nothing else, with
// its attribute: it is sent alone, for fq_codel takes no number of flows once it has
// one (fq_codel_change() in net/sched/sch_fq_codel.c).
var limitAlone = map[string]uint16{"fq_codel": fqCodelLimit, "codel": fqCodelLimit, "fq": fqLimit}

// sendableQueue is a qdisc as it must be sent for the kernel to make it as it told it.
func sendableQueue(o object) object {
	options := o.get(unix.TCA_OPTIONS)
	switch kindOf(o) {
	case "tbf":
		return o.with(unix.TCA_OPTIONS, withBurst(options, options))
	case "fq_codel":
		return o.with(unix.TCA_OPTIONS, withTimes(options, 1, 3, 7)) // target, interval, ce_threshold
	case "codel":
		return o.with(unix.TCA_OPTIONS, withTimes(options, 1, 3, 5))
	}
	return o
}

// withTimes adds a microsecond to times of codel. It keeps them in units of 1024 ns
// and rounds down what it takes and what it tells: sent as told, they would be less
// by one (codel_time_to_us() in include/net/codel.h).
func withTimes(options []byte, times ...uint16) []byte {
	o := object{Attributes: splitAttributes(options)}
	for i, a := range o.Attributes {
		if v := word32(a.Data, 0); slices.Contains(times, a.Type&typeMask) && len(a.Data) == 4 && v < math.MaxUint32 {
			o.Attributes[i].Data = binary.NativeEndian.AppendUint32(nil, uint32(v+1))
		}
	}
	return o.message()
}

func plain(v uint64) string { return strconv.FormatUint(v, 10) }

func word32(b []byte, at int) uint64 {
	if len(b) < at+4 {
		return 0
	}
	return uint64(binary.NativeEndian.Uint32(b[at:]))
}

// nested is a number of 32 bits at a place of an attribute of the options. Numbers
// that need more stand in an attribute of their own, wide (0 for none). fit mends
// what depends on the number.
func nested(kind uint16, size, at int, wide uint16, text func(uint64) string, fit func(now, next []byte) []byte) parameter {
	read := func(options []byte) uint64 {
		o := object{Attributes: splitAttributes(options)}
		if v := o.get(wide); wide != 0 && len(v) == 8 {
			return binary.NativeEndian.Uint64(v)
		}
		return word32(o.get(kind), at)
	}
	return parameter{text: text, read: read, write: func(options []byte, v uint64) ([]byte, error) {
		o := object{Attributes: splitAttributes(options)}
		body := append([]byte{}, o.get(kind)...)
		if len(body) < size {
			return nil, fmt.Errorf("the kernel's answer is %d bytes long, expected %d", len(body), size)
		}
		binary.NativeEndian.PutUint32(body[at:], uint32(min(v, math.MaxUint32)))
		next := o.with(kind, body)
		if wide != 0 {
			next = next.with(wide, nil)
			if v > math.MaxUint32 {
				next = next.with(wide, binary.NativeEndian.AppendUint64(nil, v))
			}
		}
		out := next.message()
		if fit != nil {
			out = fit(options, out)
		}
		return out, nil
	}}
}

// tick is the unit of times in the options: 64 ns (PSCHED_SHIFT in
// include/net/pkt_sched.h).
const tick = 64e-9

// withBurst adds the size of the bucket that the first options have, in bytes, to
// the second: the options themselves hold it only as the time that it takes to fill,
// rounded down, and a bucket that is one byte too small passes no full packet. Where no
// number of bytes takes just that time, it was given as a time, and stays one.
func withBurst(of, to []byte) []byte {
	next := object{Attributes: splitAttributes(to)}
	given := object{Attributes: splitAttributes(of)}.get(tbfBurst) != nil
	size, exact := bucket(of), false
	if !given && tbfRate(of) == tbfRate(to) {
		if size, exact = filledIn(of); !exact {
			return next.with(tbfBurst, nil).message()
		}
	}
	next = next.with(tbfBurst, binary.NativeEndian.AppendUint32(nil, uint32(size)))
	return next.message()
}

// filledIn is the largest number of bytes for which the kernel computes the time that
// the options of a tbf have: psched_ratecfg_precompute() and psched_l2t_ns() in
// net/sched/sch_generic.c and include/net/sch_generic.h.
func filledIn(options []byte) (size uint64, exact bool) {
	body := object{Attributes: splitAttributes(options)}.get(tbfParms)
	rate, ticks := tbfRate(options), word32(body, 28)
	if rate == 0 || len(body) < tbfSize || body[1]&0xf > 1 { // ATM cells
		return 0, false
	}
	overhead := uint64(binary.NativeEndian.Uint16(body[2:]))
	factor, shift := uint64(1e9), 0
	for factor/rate&(1<<31) == 0 && factor>>63 == 0 {
		factor, shift = factor<<1, shift+1
	}
	mult := factor / rate & math.MaxUint32
	about := burstBytes(rate, ticks)
	for size = about + 2; size+overhead > overhead && size+4 > about; size-- {
		if (size+overhead)*mult>>shift>>6 == ticks {
			return size, size <= math.MaxUint32
		}
	}
	return 0, false
}

// bucket is the size of the bucket of a tbf with these options, in bytes.
func bucket(options []byte) uint64 {
	o := object{Attributes: splitAttributes(options)}
	if v := o.get(tbfBurst); len(v) == 4 { // the kernel does not tell it, a command does
		return word32(v, 0)
	}
	return min(burstBytes(tbfRate(options), word32(o.get(tbfParms), 28)), math.MaxUint32)
}

// tbfRate is the rate of a tbf in bytes a second.
func tbfRate(options []byte) uint64 {
	return nested(tbfParms, tbfSize, 8, tbfRate64, nil, nil).read(options)
}

// burstOfTbf is the bucket of a tbf. The kernel takes it in bytes, and tells it as the
// time that it takes to fill (tbf_change() in net/sched/sch_tbf.c).
func burstOfTbf() parameter {
	return parameter{text: plain, read: bucket, write: func(options []byte, v uint64) ([]byte, error) {
		rate := tbfRate(options)
		if rate == 0 || v > math.MaxUint32 {
			return nil, fmt.Errorf("a burst of %d bytes is none that a tbf takes", v)
		}
		ticks := math.Ceil(float64(v) / float64(rate) / tick)
		next, err := nested(tbfParms, tbfSize, 28, 0, nil, nil).write(options, uint64(ticks))
		if err != nil {
			return nil, err
		}
		o := object{Attributes: splitAttributes(next)}
		o = o.with(tbfBurst, binary.NativeEndian.AppendUint32(nil, uint32(v)))
		return o.message(), nil
	}}
}

// sameBurst tells whether two sizes of a bucket are the same but for the rounding of
// the time that it takes to fill.
func sameBurst(a, b uint64) bool {
	return max(a, b)-min(a, b) <= 1+max(a, b)/1000
}

// fitHtb keeps the burst or cburst, in bytes, where rate or ceil change: the options
// hold it as the time that it takes.
func fitHtb(buffer int) func(now, next []byte) []byte {
	return func(now, next []byte) []byte {
		spec, wide := 0, uint16(htbRate64)
		if buffer == 28 {
			spec, wide = ratespecSize, htbCeil64
		}
		p := nested(htbParms, htbSize, spec+8, wide, nil, nil)
		o := object{Attributes: splitAttributes(next)}
		body := append([]byte{}, o.get(htbParms)...)
		if before, after := p.read(now), p.read(next); after > 0 {
			ticks := float64(word32(body, buffer)) * float64(before) / float64(after)
			binary.NativeEndian.PutUint32(body[buffer:], uint32(min(math.Ceil(ticks), math.MaxUint32)))
		}
		o = o.with(htbParms, body)
		return o.message()
	}
}
