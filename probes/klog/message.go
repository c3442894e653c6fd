package klog

import (
	"bytes"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// record is a message and whether the kernel itself wrote it.
type record struct {
	Message
	kernel bool
}

// parse reads one record of /dev/kmsg: "PRIORITY,SEQUENCE,MICROSECONDS,FLAGS;TEXT",
// then lines that begin with a space and hold keys. Fields may be added before
// the semicolon.
func parse(b []byte) (record, bool) {
	head, text, ok := bytes.Cut(b, []byte{';'})
	if !ok {
		return record{}, false
	}
	fields := bytes.SplitN(head, []byte{','}, 4)
	if len(fields) < 3 {
		return record{}, false
	}
	prio, err1 := strconv.ParseUint(string(fields[0]), 10, 32)
	seq, err2 := strconv.ParseUint(string(fields[1]), 10, 63)
	at, err3 := strconv.ParseUint(string(fields[2]), 10, 53)
	if err1 != nil || err2 != nil || err3 != nil {
		return record{}, false
	}
	text, _, _ = bytes.Cut(text, []byte{'\n'})
	return record{
		Message: Message{
			Seq: seq, At: time.Duration(at) * time.Microsecond, Level: int(prio & 7),
			Text: cut(string(text), maxText),
		},
		// Facility 0; what processes write to /dev/kmsg can't have it.
		kernel: prio>>3 == 0,
	}, true
}

// cut shortens a text to n bytes without splitting a character.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	n -= len(ellipsis)
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n] + ellipsis
}

// ellipsis shows that a message goes on.
const ellipsis = "..."

// subjects are the beginnings of words, in lower case, by which a message is
// known to be about the network, memory, CPUs in trouble, or a network driver.
var subjects = []string{
	"tcp", "udp", "ip", "ipv", "icmp", "arp", "neighbor", "neighbour", "route", "martian", "syn", "socket", "sock",
	"orphan", "net", "netdev", "netfilter", "nf", "nft", "iptables", "conntrack", "xfrm", "bpf", "xdp",
	"eth", "en", "em", "bond", "team", "br", "veth", "vlan", "vxlan", "wl", "wg", "nic", "link", "carrier", "duplex",
	"transmit", "tx", "rx", "queue", "qdisc", "phy", "pause",
	"memory", "oom", "alloc", "page", "slab", "slub", "swap", "killed", "vmalloc",
	"watchdog", "lockup", "hung", "rcu", "stall", "softirq", "nohz", "throttl", "temperature", "mce", "nmi",
	"ena", "ixgb", "i40e", "iavf", "ice", "igb", "igc", "e1000", "mlx", "bnx", "tg3", "be2net", "cxgb", "qede",
	"qlcnic", "sfc", "enic", "gve", "virtio", "vmxnet", "hv", "netvsc", "atlantic", "r8169", "nfp", "mana", "dpaa",
	"firmware", "reset", "pcie", "aer", "vfs", "file-max",
}

// relevant reports whether a message has a word that begins with a subject.
func relevant(text string) bool {
	lower := strings.ToLower(text)
	word := false
	for i := range len(lower) {
		c := lower[i]
		letter := c >= 'a' && c <= 'z'
		if letter && !word && begins(lower[i:]) {
			return true
		}
		word = letter
	}
	return false
}

func begins(s string) bool {
	for _, w := range subjects {
		if !strings.HasPrefix(s, w) {
			continue
		}
		// Two letters begin too many words: only with a number after them, or alone.
		if len(w) > 2 || len(s) == len(w) || s[len(w)] < 'a' || s[len(w)] > 'z' {
			return true
		}
	}
	return false
}
