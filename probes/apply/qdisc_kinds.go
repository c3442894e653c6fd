package apply

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

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

// parameterValue is a rate in bytes a second, a burst in bytes, or a limit as the
// qdisc counts it.
func parameterValue(field, s string) (uint64, error) {
	if strings.HasSuffix(field, "limit") || strings.HasSuffix(field, "burst") {
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

// newQueue is the message of a qdisc in words.
func newQueue(words string) (kind string, options []byte, err error) {
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

// queueWords brings the words of a qdisc into one form: 0.5gbit and 500mbit are the
// same.
func queueWords(words string) string {
	kind, options, err := newQueue(words)
	if err != nil {
		return words
	}
	return queueText(kind, options)
}

// queueText is a qdisc in words, with the parameter that whydrop sets.
func queueText(kind string, options []byte) string {
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
