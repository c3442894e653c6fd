package foreign

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"whydrop/probes/links"
)

// maxQueues bounds the queueing disciplines and classes of one output.
const maxQueues = 2048

// printedQueue is a queueing discipline or class, and the name of its device.
type printedQueue struct {
	queue  links.Queue
	device string
}

// rootHandle is TC_H_ROOT, the parent of a root qdisc.
const rootHandle = 0xffffffff

// parseQueues reads what tc -s qdisc or tc -s class printed.
func parseQueues(text, device string) ([]printedQueue, error) {
	var all []printedQueue
	any := false
	for line := range strings.Lines(text) {
		words := strings.Fields(line)
		switch {
		case len(words) < 3 || len(all) == maxQueues:
		case words[0] == "qdisc" || words[0] == "class":
			any = true
			all = append(all, newQueue(words, device))
		case len(all) > 0:
			all[len(all)-1].counted(words)
		}
	}
	if !any {
		return nil, errors.New("no queueing discipline in it")
	}
	return all, nil
}

// newQueue reads "qdisc htb 1: dev eth0 root refcnt 2 ..." or "class htb 1:10 parent
// 1: ...": what it is and what it is set to (tc/tc_qdisc.c, print_qdisc).
func newQueue(words []string, device string) printedQueue {
	q := printedQueue{device: device, queue: links.Queue{Kind: printable(words[1], 30), Class: words[0] == "class"}}
	q.queue.Handle = handle(words[2])
	if q.queue.Ingress() {
		q.queue.Parent = rootHandle - 0xe // TC_H_INGRESS
	}
	for i := 3; i < len(words); i++ {
		value := ""
		if i+1 < len(words) {
			value = words[i+1]
		}
		switch words[i] {
		case "dev":
			q.device = printable(value, 40)
		case "root":
			q.queue.Parent = rootHandle
		case "parent":
			q.queue.Parent = handle(value)
		case "limit":
			q.limit(value)
		case "loss":
			q.queue.Loss = q.queue.Kind == "netem"
		default:
			if words[i] == rateWord(q.queue.Kind, q.queue.Class) {
				q.queue.Rate = bandwidth(value)
			}
		}
	}
	return q
}

// rateWord is what stands before the rate that a kind is limited to.
func rateWord(kind string, class bool) string {
	switch {
	case kind == "htb" && class:
		return "ceil"
	case kind == "tbf" || kind == "netem":
		return "rate"
	case kind == "cake":
		return "bandwidth"
	}
	return ""
}

// limit reads a limit: packets ("1000p", or a bare number of netem) or bytes
// ("3000b", "100Kb").
func (q *printedQueue) limit(value string) {
	if n, err := strconv.ParseUint(strings.TrimSuffix(value, "p"), 10, 32); err == nil {
		q.queue.LimitPackets = uint32(n)
		return
	}
	if v, ok := leadingNumber(value); ok {
		switch {
		case strings.HasSuffix(value, "Kb"):
			v *= 1 << 10
		case strings.HasSuffix(value, "Mb"):
			v *= 1 << 20
		}
		q.queue.LimitBytes = u32(v)
	}
}

// bandwidth reads a rate as tc prints it, in bytes a second: "10Mbit", "800Kbit".
func bandwidth(value string) uint64 {
	v, ok := leadingNumber(value)
	if !ok {
		return 0
	}
	for suffix, times := range map[string]float64{"Kbit": 1e3, "Mbit": 1e6, "Gbit": 1e9, "Tbit": 1e12} {
		if strings.HasSuffix(value, suffix) {
			v *= times
		}
	}
	return u64(v / 8)
}

// handle reads "8001:", "1:10" or ":3": two hexadecimal numbers.
func handle(s string) uint32 {
	major, minor, _ := strings.Cut(s, ":")
	a, _ := strconv.ParseUint(major, 16, 16)
	b, _ := strconv.ParseUint(minor, 16, 16)
	return uint32(a)<<16 | uint32(b)
}

// counted takes a line of counters: "Sent 120 bytes 2 pkt (dropped 0, overlimits 0
// requeues 0)" or "backlog 0b 0p requeues 0".
func (q *printedQueue) counted(words []string) {
	number := func(i int) uint64 {
		if i >= len(words) {
			return 0
		}
		n, _ := strconv.ParseUint(strings.TrimRight(words[i], "bp,)"), 10, 64)
		return n
	}
	switch words[0] {
	case "Sent":
		q.queue.Counted = true
		q.queue.Bytes, q.queue.Packets = number(1), number(3)
		for i, w := range words {
			switch strings.TrimLeft(w, "(") {
			case "dropped":
				q.queue.Drops = uint32(number(i + 1))
			case "overlimits":
				q.queue.Overlimits = uint32(number(i + 1))
			case "requeues":
				q.queue.Requeues = uint32(number(i + 1))
			}
		}
	case "backlog":
		if v, ok := leadingNumber(words[1]); ok { // "1514b", "12Kb"
			if strings.HasSuffix(words[1], "Kb") {
				v *= 1 << 10
			}
			q.queue.Backlog = u32(v)
		}
		q.queue.Qlen = uint32(number(2))
	}
}

// parseQueuesJSON reads what tc -j -s qdisc printed.
func parseQueuesJSON(text []byte) ([]printedQueue, error) {
	var doc []struct {
		Kind       string                     `json:"kind"`
		Handle     string                     `json:"handle"`
		Device     string                     `json:"dev"`
		Root       bool                       `json:"root"`
		Parent     string                     `json:"parent"`
		Options    map[string]json.RawMessage `json:"options"`
		Bytes      uint64                     `json:"bytes"`
		Packets    *uint64                    `json:"packets"`
		Drops      uint32                     `json:"drops"`
		Overlimits uint32                     `json:"overlimits"`
		Requeues   uint32                     `json:"requeues"`
		Backlog    uint32                     `json:"backlog"`
		Qlen       uint32                     `json:"qlen"`
	}
	if err := json.Unmarshal(text, &doc); err != nil {
		return nil, fmt.Errorf("tc: %w", err)
	}
	var all []printedQueue
	for _, d := range doc[:min(len(doc), maxQueues)] {
		q := printedQueue{device: printable(d.Device, 40), queue: links.Queue{
			Kind: printable(d.Kind, 30), Handle: handle(d.Handle), Parent: handle(d.Parent), Bytes: d.Bytes, Drops: d.Drops,
			Overlimits: d.Overlimits, Requeues: d.Requeues, Backlog: d.Backlog, Qlen: d.Qlen,
		}}
		if d.Root {
			q.queue.Parent = rootHandle
		}
		if d.Packets != nil {
			q.queue.Packets, q.queue.Counted = *d.Packets, true
		}
		q.options(d.Options)
		all = append(all, q)
	}
	if len(all) == 0 {
		return nil, errors.New("no queueing discipline in it")
	}
	return all, nil
}

// options reads the limits out of the options as JSON: rates are bytes a second.
func (q *printedQueue) options(options map[string]json.RawMessage) {
	number := func(name string) uint64 {
		v, err := strconv.ParseFloat(string(options[name]), 64)
		if err != nil {
			return 0
		}
		return u64(v)
	}
	switch q.queue.Kind {
	case "tbf":
		q.queue.Rate, q.queue.LimitBytes = number("rate"), u32(float64(number("limit")))
	case "cake":
		q.queue.Rate = number("bandwidth")
	case "bfifo":
		q.queue.LimitBytes = u32(float64(number("limit")))
	default:
		q.queue.LimitPackets = u32(float64(number("limit")))
	}
	_, q.queue.Loss = options["loss-random"]
}
