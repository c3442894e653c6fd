package links

import (
	"encoding/binary"
	"reflect"
	"slices"
	"testing"

	"golang.org/x/sys/unix"
)

// attr makes one netlink attribute.
func attr(kind uint16, value ...byte) []byte {
	b := binary.NativeEndian.AppendUint16(nil, uint16(4+len(value)))
	b = binary.NativeEndian.AppendUint16(b, kind)
	b = append(b, value...)
	for len(b)%4 != 0 {
		b = append(b, 0)
	}
	return b
}

func name(kind uint16, s string) []byte { return attr(kind, append([]byte(s), 0)...) }

// words are 32-bit numbers one after the other.
func words(n ...uint32) []byte {
	var b []byte
	for _, w := range n {
		b = binary.NativeEndian.AppendUint32(b, w)
	}
	return b
}

func quads(n ...uint64) []byte {
	var b []byte
	for _, w := range n {
		b = binary.NativeEndian.AppendUint64(b, w)
	}
	return b
}

func linkMessage(index, flags uint32, attrs ...[]byte) []byte {
	return slices.Concat(words(0, index, flags, 0), slices.Concat(attrs...))
}

func TestParseLink(t *testing.T) {
	stats := make([]uint64, 23) // as many as Linux 4.4 has
	stats[0], stats[15], stats[20] = 100, 7, 3
	l, ok := parseLink(linkMessage(4, unix.IFF_UP,
		name(unix.IFLA_IFNAME, "eth0"), attr(unix.IFLA_MTU, words(9001)...), attr(unix.IFLA_TXQLEN, words(1000)...),
		name(unix.IFLA_QDISC, "mq"), attr(unix.IFLA_CARRIER, 1), attr(unix.IFLA_CARRIER_CHANGES, words(5)...),
		attr(unix.IFLA_STATS64, quads(stats...)...), attr(unix.IFLA_MASTER, words(9)...),
		attr(unix.IFLA_XDP|unix.NLA_F_NESTED, attr(2, 1)...), name(iflaParentDevName, "0000:00:05.0")))
	want := Link{Index: 4, Name: "eth0", Master: 9, Bus: "0000:00:05.0", Up: true, Carrier: true, XDP: true,
		MTU: 9001, TxQLen: 1000, Qdisc: "mq", Changes: changes(5), Stats: stats}
	if !ok || !reflect.DeepEqual(l, want) {
		t.Errorf("link %+v, want %+v", l, want)
	}
	if !l.device() || l.kind() != "device" {
		t.Error("a link with a bus address is not taken for a device")
	}
	old, ok := parseLink(linkMessage(2, 0, name(unix.IFLA_IFNAME, "veth0"),
		attr(unix.IFLA_LINKINFO, name(unix.IFLA_INFO_KIND, "veth")...)))
	if want := (Link{Index: 2, Name: "veth0", Kind: "veth"}); !ok || !reflect.DeepEqual(old, want) || old.device() {
		t.Errorf("link without optional attributes %+v, want %+v", old, want)
	}
	for _, bad := range [][]byte{nil, make([]byte, 15), linkMessage(1, 0)} {
		if _, ok := parseLink(bad); ok {
			t.Errorf("%v was taken for a link", bad)
		}
	}
}

func TestParseRoute(t *testing.T) {
	route := func(family, table, kind byte, attrs ...[]byte) []byte {
		return slices.Concat([]byte{family, 0, 0, 0, table, 0, 0, kind, 0, 0, 0, 0}, slices.Concat(attrs...))
	}
	hop := func(index uint32) []byte { return slices.Concat([]byte{8, 0, 0, 0}, words(index)) }
	linkLocal := append([]byte{0xfe, 0x80}, make([]byte, 14)...)
	for _, c := range []struct {
		name string
		raw  []byte
		want []int
	}{
		{"default", route(unix.AF_INET, unix.RT_TABLE_MAIN, unix.RTN_UNICAST, attr(unix.RTA_OIF, words(4)...)), []int{4}},
		{"multipath", route(unix.AF_INET, unix.RT_TABLE_MAIN, unix.RTN_UNICAST, attr(unix.RTA_MULTIPATH, slices.Concat(hop(4), hop(5))...)), []int{4, 5}},
		{"own address", route(unix.AF_INET, unix.RT_TABLE_LOCAL, unix.RTN_LOCAL, attr(unix.RTA_OIF, words(1)...)), nil},
		{"IPv6 link-local", route(unix.AF_INET6, unix.RT_TABLE_MAIN, unix.RTN_UNICAST, attr(unix.RTA_DST, linkLocal...), attr(unix.RTA_OIF, words(4)...)), nil},
		{"unreachable", route(unix.AF_INET, unix.RT_TABLE_MAIN, unix.RTN_UNREACHABLE), nil},
		{"cut off", []byte{unix.AF_INET}, nil},
		{"next hop of no length", route(unix.AF_INET, unix.RT_TABLE_MAIN, unix.RTN_UNICAST, attr(unix.RTA_MULTIPATH, make([]byte, 16)...)), nil},
	} {
		if got := parseRoute(c.raw); !slices.Equal(got, c.want) {
			t.Errorf("%s: links %v, want %v", c.name, got, c.want)
		}
	}
}

func queueMessage(handle, parent uint32, attrs ...[]byte) []byte {
	return slices.Concat(words(0, 4, handle, parent, 0), slices.Concat(attrs...))
}

// rate is a struct tc_ratespec.
func rate(bytesPerSecond uint32) []byte { return words(0, 0, bytesPerSecond) }

func TestParseQueue(t *testing.T) {
	stats := attr(unix.TCA_STATS2, slices.Concat(
		attr(statsBasic, slices.Concat(quads(5000), words(10, 0))...),
		attr(statsQueue, words(3, 4500, 7, 1, 2)...))...)
	counted := Queue{Link: 4, Bytes: 5000, Packets: 10, Qlen: 3, Backlog: 4500, Drops: 7, Requeues: 1, Overlimits: 2, Counted: true}
	with := func(kind string, set func(*Queue)) Queue {
		q := counted
		q.Kind, q.Handle, q.Parent = kind, 0x10000, rootHandle
		set(&q)
		return q
	}
	options := func(b ...[]byte) []byte { return attr(unix.TCA_OPTIONS, slices.Concat(b...)...) }
	for _, c := range []struct {
		kind    string
		class   bool
		options []byte
		want    Queue
	}{
		{"pfifo_fast", false, options(make([]byte, 20)), with("pfifo_fast", func(*Queue) {})},
		{"pfifo", false, options(words(100)), with("pfifo", func(q *Queue) { q.LimitPackets = 100 })},
		{"bfifo", false, options(words(30720)), with("bfifo", func(q *Queue) { q.LimitBytes = 30720 })},
		{"fq_codel", false, options(attr(1, words(5000)...), attr(2, words(10240)...)), with("fq_codel", func(q *Queue) { q.LimitPackets = 10240 })},
		{"fq", false, options(attr(1, words(10000)...), attr(2, words(100)...)), with("fq", func(q *Queue) { q.LimitPackets = 10000 })},
		{"tbf", false, options(attr(1, slices.Concat(rate(1_250_000), rate(0), words(30720, 0, 0))...)),
			with("tbf", func(q *Queue) { q.Rate, q.LimitBytes = 1_250_000, 30720 })},
		{"tbf", false, options(attr(1, slices.Concat(rate(750_000), rate(0), words(30720, 63078, 0))...)), // the bucket is rounded down to 3027.7
			with("tbf", func(q *Queue) { q.Rate, q.LimitBytes, q.Burst = 750_000, 30720, 3028 })},
		{"tbf", false, options(attr(1, slices.Concat(rate(1<<32-1), rate(0), words(1, 1<<32-1, 0))...), attr(4, quads(1<<63)...)),
			with("tbf", func(q *Queue) { q.Rate, q.LimitBytes, q.Burst = 1<<63, 1, 1<<32-1 })},
		{"tbf", false, options(attr(1, slices.Concat(rate(1<<32-1), rate(0), words(1, 0, 0))...), attr(4, quads(5_000_000_000)...)),
			with("tbf", func(q *Queue) { q.Rate, q.LimitBytes = 5_000_000_000, 1 })},
		{"htb", true, options(attr(1, slices.Concat(rate(1000), rate(2000), words(0, 0, 0, 0, 0))...)),
			with("htb", func(q *Queue) { q.Class, q.Rate = true, 2000 })},
		{"htb", false, options(attr(2, make([]byte, 20)...)), with("htb", func(*Queue) {})},
		{"cake", false, options(attr(2, quads(125000)...)), with("cake", func(q *Queue) { q.Rate = 125000 })},
		{"netem", false, options(words(0, 1000, 1<<28, 0, 0, 0)), with("netem", func(q *Queue) { q.LimitPackets, q.Loss = 1000, true })},
		{"netem", false, options(words(0, 1000, 0, 0, 0, 0), attr(6, words(9999, 0, 0, 0)...)), with("netem", func(q *Queue) { q.LimitPackets, q.Rate = 1000, 9999 })},
		{"tbf", false, options([]byte{1, 2}), with("tbf", func(*Queue) {})}, // options that are cut off
	} {
		q, ok := parseQueue(queueMessage(0x10000, rootHandle, name(unix.TCA_KIND, c.kind), c.options, stats), c.class)
		if !ok || !reflect.DeepEqual(q, c.want) {
			t.Errorf("%s:\n got %+v\nwant %+v", c.kind, q, c.want)
		}
	}
}

func TestParseQueueStatistics(t *testing.T) {
	kind := name(unix.TCA_KIND, "pfifo")
	old := slices.Concat(quads(900), words(9, 4, 2, 0, 0, 3, 300), words(0))
	q, _ := parseQueue(queueMessage(0x10000, rootHandle, kind, attr(unix.TCA_STATS, old...)), false)
	if !q.Counted || q.Bytes != 900 || q.Packets != 9 || q.Drops != 4 || q.Overlimits != 2 || q.Qlen != 3 || q.Backlog != 300 {
		t.Errorf("struct tc_stats read as %+v", q)
	}
	if q, ok := parseQueue(queueMessage(0x10000, rootHandle, kind), false); !ok || q.Counted {
		t.Errorf("a queue without statistics: %+v, must not be counted", q)
	}
	wide := attr(unix.TCA_STATS2, slices.Concat(attr(statsPackets64, quads(1<<33)...), attr(statsBasic, slices.Concat(quads(1), words(5, 0))...))...)
	if q, _ := parseQueue(queueMessage(1, rootHandle, kind, wide), false); q.Packets != 1<<33 {
		t.Errorf("%d packets, want the 64-bit count", q.Packets)
	}
	if _, ok := parseQueue(queueMessage(0, rootHandle, name(unix.TCA_KIND, "noqueue")), false); ok {
		t.Error("noqueue was taken for a queue")
	}
	if _, ok := parseQueue(queueMessage(0x10001, rootHandle, name(unix.TCA_KIND, "fq_codel")), true); ok {
		t.Error("a flow of fq_codel was taken for a class")
	}
}

func TestPort(t *testing.T) {
	member := func(kind string, data ...[]byte) []byte {
		return linkMessage(3, 1, name(unix.IFLA_IFNAME, "eth0"), attr(unix.IFLA_LINKINFO, slices.Concat(
			attr(unix.IFLA_INFO_SLAVE_DATA, slices.Concat(data...)...), name(unix.IFLA_INFO_SLAVE_KIND, kind))...))
	}
	l, _ := parseLink(member("bond", attr(bondSlaveState, 1), attr(bondSlaveMII, 2), attr(bondSlaveFailures, words(7)...)))
	if p := l.Port; p.State != "backup" || p.MII == nil || *p.MII || p.Failures == nil || *p.Failures != 7 {
		t.Errorf("member of a bond read as %+v", p)
	}
	if l, _ := parseLink(member("bridge", attr(bridgePortState, 4))); l.Port.State != "blocking" || l.Port.MII != nil {
		t.Errorf("port of a bridge read as %+v", l.Port)
	}
	if l, _ := parseLink(member("bridge", attr(bridgePortState, 99))); l.Port.State != "" {
		t.Errorf("a state that nobody knows read as %+v", l.Port)
	}
	if l, _ := parseLink(member("team", attr(1, 1))); l.Port.State != "" || l.Port.Failures != nil {
		t.Errorf("port of a team read as %+v", l.Port)
	}
}

func FuzzParse(f *testing.F) {
	f.Add(linkMessage(1, 1, name(unix.IFLA_IFNAME, "lo"), attr(unix.IFLA_STATS64, quads(1, 2)...)))
	f.Add(queueMessage(1, 2, name(unix.TCA_KIND, "netem"), attr(unix.TCA_OPTIONS, words(1, 2, 3)...)))
	f.Add(queueMessage(1, 2, name(unix.TCA_KIND, "tbf"), attr(unix.TCA_OPTIONS, attr(1, make([]byte, 36)...)...)))
	f.Fuzz(func(t *testing.T, b []byte) {
		if l, ok := parseLink(b); ok && len(l.Name) > maxName {
			t.Errorf("a name of %d bytes", len(l.Name))
		}
		parseAddress(b)
		parseRoute(b)
		var queues []Queue
		for _, class := range []bool{false, true} {
			if q, ok := parseQueue(b, class); ok {
				queues = append(queues, q, q)
			}
		}
		newTree(queues)
	})
}
