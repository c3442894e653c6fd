package drops

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
	"unsafe"

	"github.com/cilium/ebpf/btf"

	"whydrop/probes/fact"
	"whydrop/probes/fact/facttest"
)

// encode is a value as the program writes it.
func encode(t testing.TB, v any) []byte {
	t.Helper()
	b, err := binary.Append(nil, binary.NativeEndian, v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestLayout: what is decoded without gaps has none in C either.
func TestLayout(t *testing.T) {
	for _, v := range []any{kernelSlot{}, kernelSample{}, kernelLedger{}, kernelEnd{}} {
		if n, size := binary.Size(v), int(reflect.TypeOf(v).Size()); n != size {
			t.Errorf("%T: %d bytes encoded, %d in memory", v, n, size)
		}
	}
	if unsafe.Offsetof(kernelLedger{}.Slots) != 32 || slotSize != 64 {
		t.Error("the head is not four counters, or a slot not a cache line")
	}
}

func TestEachSlot(t *testing.T) {
	b := slices.Concat(
		encode(t, kernelSlot{Location: 0xff01, Reason: 5, Direction: 1, Skbs: 2, Packets: 9, TcpPackets: 7}),
		encode(t, kernelSlot{Reason: 6, Direction: 1}), // about to be written
		encode(t, kernelSlot{Location: 0xff02, Reason: 6, Direction: 2, Skbs: 1, Packets: 1}),
		make([]byte, slotSize-1),
	)
	var at []int
	var places []place
	var tallies []Tally
	eachSlot(b, func(i int, p place, tally Tally) {
		at, places, tallies = append(at, i), append(places, p), append(tallies, tally)
	})
	if !slices.Equal(at, []int{0, 2}) || !slices.Equal(places, []place{{5, 0xff01, Received}, {6, 0xff02, Transmitted}}) ||
		!slices.Equal(tallies, []Tally{{2, 9, 7}, {1, 1, 0}}) {
		t.Errorf("slots %v: %v %v", at, places, tallies)
	}
	if _, err := decodeHead(b[:20]); err == nil {
		t.Error("a head cut short was decoded")
	}
}

func TestDecodeSample(t *testing.T) {
	v4 := kernelSample{
		Number: 3, Weight: 40, Reason: 2, Ifindex: 7, SrcPort: 4000, DstPort: 443, Ethertype: 0x0800, Direction: 1, Family: 4, Protocol: 6, Data: 1,
		Src: [16]byte{192, 0, 2, 1}, Dst: [16]byte{198, 51, 100, 2},
	}
	want := sample{2, Received, 40, 7, "tcp", netip.MustParseAddrPort("192.0.2.1:4000"), netip.MustParseAddrPort("198.51.100.2:443"), true}
	if got, ok := decodeSample(encode(t, v4), 3); !ok || got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if _, ok := decodeSample(encode(t, v4), 4); ok {
		t.Error("a sample with another number was taken")
	}
	if _, ok := decodeSample(encode(t, v4)[:70], 3); ok {
		t.Error("a sample cut short was taken")
	}
	v6 := kernelSample{Number: 1, Family: 6, Protocol: 58, Src: netip.MustParseAddr("2001:db8::1").As16(), Dst: netip.MustParseAddr("ff02::1").As16()}
	if got, ok := decodeSample(encode(t, v6), 1); !ok || got.protocol != "ipv6-icmp" || got.dst.Addr() != netip.MustParseAddr("ff02::1") || got.weight != 1 {
		t.Errorf("IPv6: %+v", got)
	}
	arp := kernelSample{Number: 1, Ethertype: 0x0806}
	if got, ok := decodeSample(encode(t, arp), 1); !ok || got.protocol != "arp" || got.src.IsValid() {
		t.Errorf("ARP: %+v", got)
	}
}

func FuzzLedger(f *testing.F) {
	f.Add(encode(f, kernelSlot{Location: 1, Direction: 9}), uint64(1))
	f.Add(encode(f, kernelSample{Number: 7, Family: 5, Ethertype: 0xffff}), uint64(7))
	f.Fuzz(func(t *testing.T, b []byte, number uint64) {
		_, _ = decodeHead(b)
		eachSlot(b, func(i int, p place, _ Tally) {
			if p.location == 0 || i >= len(b)/slotSize {
				t.Errorf("slot %d: %+v", i, p)
			}
		})
		if s, ok := decodeSample(b, number); ok && (s.weight == 0 || s.protocol == "" || s.src.IsValid() != s.dst.IsValid()) {
			t.Errorf("sample %+v", s)
		}
		clean(t, decodeSymbol(b))
	})
}

// clean fails if a symbol has anything but a C identifier in it.
func clean(t *testing.T, name string) {
	t.Helper()
	if strings.Trim(name, "_$abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789") != "" {
		t.Errorf("symbol %q", name)
	}
}

func TestDecodeSymbol(t *testing.T) {
	for in, want := range map[string]string{
		"tcp_v4_rcv\x00rest":                  "tcp_v4_rcv",
		"ovs_dp_process_packet [openvswitch]": "ovs_dp_process_packet",
		"__netif_receive_skb_core.cold\x00":   "__netif_receive_skb_core",
		"tcp_rcv.constprop.0+0x12/0x80":       "tcp_rcv",
		"0xffffffff81a0b2c0":                  "",
		"\x1b[31mred":                         "",
		"":                                    "",
	} {
		if got := decodeSymbol([]byte(in)); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

const someSymbols = `ffffffff81000000 T _text
ffffffff81a00000 T ip_rcv
ffffffff81a00100 t ip_rcv_core.isra.0
garbage
ffffffff81a00180 d some_data
ffffffff81a00200 T tcp_v4_rcv
ffffffffc0100000 t ovs_drop	[openvswitch]
ffffffffc0000000 t nf_x	[nf_conntrack]
`

func TestFindSymbols(t *testing.T) {
	tests := []struct {
		address uint64
		want    string
	}{
		{0xffffffff80000000, ""},
		{0xffffffff81a00000, "ip_rcv"},
		{0xffffffff81a000ff, "ip_rcv"},
		{0xffffffff81a001ff, "ip_rcv_core"},
		{0xffffffff81a00210, "tcp_v4_rcv"},
		{0xffffffffc0000010, "nf_x"},
		{0xffffffffc0100010, "ovs_drop"},
	}
	var addresses []uint64
	for _, tt := range tests {
		addresses = append(addresses, tt.address)
	}
	slices.Reverse(addresses)
	got := findSymbols(strings.NewReader(someSymbols), addresses)
	for _, tt := range tests {
		if got[tt.address] != tt.want {
			t.Errorf("%#x: %q, want %q", tt.address, got[tt.address], tt.want)
		}
	}
	hidden := "0000000000000000 T _text\n0000000000000000 T ip_rcv\n"
	if got := findSymbols(strings.NewReader(hidden), addresses); len(got) != 0 {
		t.Errorf("names from hidden addresses: %v", got)
	}
}

func FuzzFindSymbols(f *testing.F) {
	f.Add([]byte(someSymbols), uint64(0xffffffff81a00210))
	f.Add([]byte("ffffffffffffffff t \x1b[2J\n"), uint64(1)<<63)
	f.Fuzz(func(t *testing.T, b []byte, address uint64) {
		for _, name := range findSymbols(bytes.NewReader(b), []uint64{address, 0, address + 1}) {
			clean(t, name)
		}
	})
}

func TestParseFlow(t *testing.T) {
	addr := netip.MustParseAddr
	tests := []struct {
		in   string
		want Flow
	}{
		{"10.0.0.5:443", Flow{addr("10.0.0.5"), 443}},
		{"10.0.0.5", Flow{addr("10.0.0.5"), 0}},
		{":443", Flow{Port: 443}},
		{"[2001:db8::5]:443", Flow{addr("2001:db8::5"), 443}},
		{"[2001:db8::5]", Flow{addr("2001:db8::5"), 0}},
		{"2001:db8::5", Flow{addr("2001:db8::5"), 0}},
		{"::ffff:10.0.0.5", Flow{addr("10.0.0.5"), 0}},
		{"[::ffff:10.0.0.5]:80", Flow{addr("10.0.0.5"), 80}},
	}
	for _, tt := range tests {
		got, err := ParseFlow(tt.in)
		if err != nil || got != tt.want {
			t.Errorf("%q: %v, %v", tt.in, got, err)
		}
	}
	for _, bad := range []string{
		"", ":", ":0", ":65536", ":x", "10.0.0.5:", "10.0.0.5:0", "10.0.0", "example.org:80", "[2001:db8::5", "[2001:db8::5]x",
		"[2001:db8::5]:", "[10.0.0.5]:80", "fe80::1%eth0", "10.0.0.5:80:90", "[]:80", ":+80",
	} {
		if got, err := ParseFlow(bad); err == nil || !strings.Contains(err.Error(), "expected ADDRESS") {
			t.Errorf("%q was read as %v, error %v", bad, got, err)
		}
	}
}

func FuzzParseFlow(f *testing.F) {
	for _, s := range []string{"10.0.0.5:443", ":1", "[::1]:2", "::1", "[", "a:b"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		flow, err := ParseFlow(s)
		if err != nil {
			return
		}
		if back, err := ParseFlow(flow.String()); err != nil || back != flow {
			t.Errorf("%q: %v is written as %q and read as %v, %v", s, flow, flow, back, err)
		}
	})
}

func TestReasons(t *testing.T) {
	var no *reasons
	if no.name(3) != "" {
		t.Error("a kernel without reasons names one")
	}
	r := &reasons{names: map[uint32]string{2: "NOT_SPECIFIED"}, subsystems: map[uint32]string{}}
	for reason, want := range map[uint32]string{2: "NOT_SPECIFIED", 900: "SUBSYS 0 reason 900", 2<<16 | 5: "SUBSYS 2 reason 5"} {
		if got := r.name(reason); got != want {
			t.Errorf("%#x: %q, want %q", reason, got, want)
		}
	}
}

// prototype is the tracepoint's type on a kernel whose tracepoint has these
// arguments.
func prototype(t *testing.T, args ...btf.Type) *btf.Spec {
	t.Helper()
	params := []btf.FuncParam{{Type: &btf.Pointer{Target: &btf.Void{}}}}
	for _, a := range args {
		params = append(params, btf.FuncParam{Type: a})
	}
	proto := &btf.FuncProto{Return: &btf.Void{}, Params: params}
	b, err := btf.NewBuilder([]btf.Type{&btf.Typedef{Name: "btf_trace_kfree_skb", Type: &btf.Pointer{Target: proto}}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := b.Marshal(nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	spec, err := btf.LoadSpecFromReader(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	return spec
}

func TestChoose(t *testing.T) {
	skb := &btf.Pointer{Target: &btf.Struct{Name: "sk_buff", Size: 8}}
	location := &btf.Pointer{Target: &btf.Void{}}
	reason := &btf.Enum{Name: "skb_drop_reason", Size: 4, Values: []btf.EnumValue{{Name: "SKB_NOT_DROPPED_YET"}}}
	sock := &btf.Pointer{Target: &btf.Struct{Name: "sock", Size: 8}}
	number := &btf.Int{Name: "int", Size: 4}
	tests := []struct {
		name string
		args []btf.Type
		want []string
	}{
		{"6.11", []btf.Type{skb, location, reason, sock}, []string{kernelProgDropWithSocket, kernelProgDropWithReason}},
		{"5.17", []btf.Type{skb, location, reason}, []string{kernelProgDropWithReason}},
		{"a fourth argument of another kind", []btf.Type{skb, location, reason, number}, []string{kernelProgDropWithReason}},
		{"5.5", []btf.Type{skb, location}, []string{kernelProgDropWithLocation}},
		{"a third argument of another kind", []btf.Type{skb, location, number}, []string{kernelProgDropWithLocation}},
		{"too few", []btf.Type{skb}, nil},
	}
	for _, tt := range tests {
		got, err := choose(prototype(t, tt.args...))
		if !slices.Equal(got, tt.want) || (err == nil) != (tt.want != nil) {
			t.Errorf("%s: %v, %v", tt.name, got, err)
		}
	}
}

func TestFacts(t *testing.T) {
	start := time.Unix(1700000000, 0)
	client, server := netip.MustParseAddrPort("192.0.2.1:4000"), netip.MustParseAddrPort("192.0.2.2:443")
	flow := FlowSample{"TCP_ZEROWINDOW", Received, "tcp", client, server, "eth0", 3, 30, 20}
	rare := FlowSample{"TCP_ZEROWINDOW", Received, "tcp", server, client, "eth0", 1, 10, 0}
	arp := FlowSample{Reason: "OTHERHOST", Direction: Received, Protocol: "arp", Samples: 1, Weight: 1}
	zero := Count{"TCP_ZEROWINDOW", "tcp_data_queue", Received, Tally{5, 10, 10}}
	still := Count{"NO_SOCKET", "", Received, Tally{4, 4, 0}}
	later := zero
	later.Tally = Tally{25, 90, 90}
	other := Count{"OTHERHOST", "ip_rcv_core", Received, Tally{1, 1, 0}}
	readings := []fact.Reading{
		{At: start, Data: &Reading{Reasoned: true, Counts: []Count{still, zero}, Flows: []FlowSample{{Reason: "NO_SOCKET", Weight: 4, Samples: 4, Protocol: "udp"}}}},
		{At: start.Add(time.Second), Data: &Reading{Reasoned: true, Counts: []Count{still, zero}, Flows: []FlowSample{flow, rare}}},
		{At: start.Add(2 * time.Second), Data: &Reading{Reasoned: true, Counts: []Count{still, other, later}, Flows: []FlowSample{arp, flow}, SamplesMissed: 2, Missed: 1}},
	}
	f := fact.New(start, 2)
	New().Facts(readings, f)
	facttest.InVocabulary(t, "../../content/facts/drops.yaml", f)
	want := []fact.Row{
		{
			"name": "NO_SOCKET", "reason": "NO_SOCKET", "direction": "rx", "packets": 0.0, "packets_total": 4.0,
			"skbs": 0.0, "skbs_total": 4.0, "tcp_packets": 0.0, "tcp_packets_total": 0.0,
		},
		{
			"name": "OTHERHOST in ip_rcv_core", "reason": "OTHERHOST", "location": "ip_rcv_core", "direction": "rx", "packets": 1.0, "packets_total": 1.0,
			"skbs": 1.0, "skbs_total": 1.0, "tcp_packets": 0.0, "tcp_packets_total": 0.0,
		},
		{
			"name": "TCP_ZEROWINDOW in tcp_data_queue", "reason": "TCP_ZEROWINDOW", "location": "tcp_data_queue", "direction": "rx", "packets": 80.0, "packets_total": 90.0,
			"skbs": 20.0, "skbs_total": 25.0, "tcp_packets": 80.0, "tcp_packets_total": 90.0, "data_packets": 46.0, // 20 and 20 of the 70 sampled
		},
	}
	if got := f.Tables["drop"]; !reflect.DeepEqual(got, want) {
		t.Errorf("drop:\n%v\nwant\n%v", got, want)
	}
	if v := f.Values["drops.packets"]; v.Now != 81.0 || *v.Total != 95 {
		t.Errorf("drops.packets %v of %v", v.Now, *v.Total)
	}
	if f.Values["drops.missed"].Now != 1.0 || f.Values["drops.samples_missed"].Now != 2.0 {
		t.Errorf("missed: %v", f.Values)
	}
	flows := f.Tables["drop_flow"]
	if len(flows) != 3 || flows[0]["name"] != "arp" || flows[0]["src"] != nil ||
		flows[1]["name"] != "192.0.2.1:4000 > 192.0.2.2:443" || flows[1]["packets"] != 69.0 || flows[1]["samples"] != 6.0 ||
		flows[2]["packets"] != 11.0 {
		t.Errorf("drop_flow: %v", flows)
	}
}

func TestFactsOfOneReading(t *testing.T) {
	f := fact.New(time.Unix(0, 0), 0)
	counts := []Count{{"", "tcp_v4_rcv", Received, Tally{1, 1, 1}}}
	New().Facts([]fact.Reading{{Data: &Reading{Counts: counts}}}, f)
	facttest.InVocabulary(t, "../../content/facts/drops.yaml", f)
	row := f.Tables["drop"][0]
	if row["name"] != "dropped in tcp_v4_rcv" || row["packets"] != nil || row["packets_total"] != 1.0 || row["reason"] != nil {
		t.Errorf("growth or a reason out of nowhere: %v", row)
	}
	if _, ok := f.Values["drops.packets"]; ok {
		t.Error("growth of drops.packets from one reading")
	}
}

func TestTopFlows(t *testing.T) {
	var many []FlowSample
	for i := range 30 {
		many = append(many, FlowSample{Reason: "NO_SOCKET", Direction: Received, Protocol: "udp", Weight: uint64(i + 1), Samples: 1,
			Src: netip.AddrPortFrom(netip.MustParseAddr("192.0.2.1"), uint16(i+1)), Dst: netip.MustParseAddrPort("192.0.2.2:53")})
	}
	f := fact.New(time.Unix(0, 0), 1)
	New().Facts([]fact.Reading{
		{Data: &Reading{}},
		{Data: &Reading{Flows: many, Counts: []Count{{"NO_SOCKET", "", Received, Tally{465, 465, 0}}}}},
	}, f)
	rows := f.Tables["drop_flow"]
	if len(rows) != topFlows || rows[0]["packets"] != 30.0 || rows[9]["packets"] != 21.0 {
		t.Errorf("%d flows: %v", len(rows), rows)
	}
}

// TestUnavailable: without privilege the look says what it needs.
func TestUnavailable(t *testing.T) {
	s := New()
	defer s.Close()
	_, err := s.Look(context.Background())
	switch {
	case err == nil:
		t.Skip("this user may count drops")
	case !errors.Is(err, fact.ErrUnavailable) || !strings.Contains(err.Error(), "needs "):
		t.Error(err)
	}
}

func TestTooManyFlows(t *testing.T) {
	s := New(Flow{Port: 1}, Flow{Port: 2}, Flow{Port: 3})
	defer s.Close()
	if _, err := s.Look(context.Background()); err == nil {
		t.Error("three ends of a flow were taken")
	}
}
