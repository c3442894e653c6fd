package changes

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"whydrop/probes/klog"
)

// message is one message of the kernel.
type message struct {
	At   time.Duration // since boot
	Text string
}

// kernelLog returns what the kernel log still holds, or what it needs to be read.
func kernelLog(ctx context.Context) (log []message, needs string) {
	d, err := klog.New().Look(ctx)
	r, ok := d.(*klog.Reading)
	if err != nil || !ok {
		return nil, "a kernel log that can be read"
	}
	if r.Refused != "" {
		return nil, r.Needs
	}
	all := make([]message, len(r.Messages))
	for i, m := range r.Messages {
		all[i] = message{m.At, m.Text}
	}
	return all, ""
}

// sign is how a message of the kernel tells of a change.
type sign struct {
	words string // part of the message, in lower case
	kind  string
	what  string
}

// signs are messages of net/core, net/sched/sch_generic.c, net/ipv6/addrconf.c,
// kernel/module/main.c, kernel/livepatch, mm/oom_kill.c and the NIC drivers.
var signs = []sign{
	{"link is down", Link, "the link went down"},
	{"link is not ready", Link, "the link went down"},
	{"lost carrier", Link, "the link went down"},
	{"link status definitely down", Link, "the link of a bond's member went down"},
	{"link status definitely up", Link, "the link of a bond's member came up"},
	{"link down", Link, "the link went down"},
	{"link is up", Link, "the link came up"},
	{"link becomes ready", Link, "the link came up"},
	{"link up", Link, "the link came up"},
	{"netdev watchdog: ", Link, "the transmit queue stood still, the driver resets the NIC"},
	{"reset adapter", Link, "the driver reset the NIC"},
	{"loading out-of-tree module", Module, "a module that is not of this kernel was loaded"},
	{"livepatch: enabling patch", Kernel, "a live patch was applied"},
	{"out of memory: killed process", Service, "a process was killed for want of memory"},
}

// passing are the beginnings of the names of virtual links that come and go with
// containers and machines: what they do is no change of this host.
var passing = []string{"veth", "cali", "lxc", "vnet", "tap", "docker", "br-"}

// messages tells the changes that the kernel logged since the boot: of those that
// say the same, the last, and how many there were.
func (l *look) messages(log []message) {
	if l.Boot.IsZero() {
		return
	}
	last := map[string]Change{}
	times := map[string]int{}
	for _, m := range log {
		lower := strings.ToLower(m.Text)
		i := slices.IndexFunc(signs, func(s sign) bool { return strings.Contains(lower, s.words) })
		at := l.Boot.Add(m.At)
		if i < 0 || !l.sinceBoot(at) {
			continue
		}
		name := signs[i].subject(lower, m.Text)
		if slices.ContainsFunc(passing, func(p string) bool { return strings.HasPrefix(name, p) }) {
			continue
		}
		key := signs[i].what + "\x00" + name
		times[key]++
		last[key] = Change{Kind: signs[i].kind, Name: name, What: signs[i].what, Is: m.Text, At: at, Source: "kernel log"}
	}
	for key, c := range last {
		if n := times[key]; n > 1 {
			c.What += ", " + strconv.Itoa(n) + " times since the boot"
		}
		l.add(c)
	}
}

// subject is what a message speaks of: the last word with a colon before the
// sign, as eth0 in "ena 0000:00:05.0 eth0: Link is Down", or else the first word
// after it; of a process, the name in parentheses.
func (s sign) subject(lower, text string) string {
	if len(lower) != len(text) {
		text = lower // lower case can be of another length
	}
	at := strings.Index(lower, s.words)
	before, after := strings.Fields(text[:at]), strings.Fields(text[at+len(s.words):])
	for _, w := range slices.Backward(before) {
		if strings.HasSuffix(w, ":") {
			return strings.Trim(w, "():")
		}
	}
	for _, w := range after {
		if s.kind != Service || strings.HasPrefix(w, "(") {
			return strings.Trim(w, "():,'")
		}
	}
	return s.kind
}
