package content

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cilium/ebpf/btf"
)

// Every reason of the running kernel is described: a new kernel shows here what
// is missing.
func TestKernelReasonsAreKnown(t *testing.T) {
	kernel, err := btf.LoadKernelSpec()
	if err != nil {
		t.Skipf("this kernel has no readable BTF: %v", err)
	}
	var reasons *btf.Enum
	if err := kernel.TypeByName("skb_drop_reason", &reasons); err != nil {
		t.Skipf("this kernel has no drop reasons (Linux 5.17): %v", err)
	}
	book := mustLoad(t)
	for _, v := range reasons.Values {
		name := strings.TrimPrefix(v.Name, "SKB_DROP_REASON_")
		if name == "MAX" || strings.HasPrefix(name, "SUBSYS_") {
			continue
		}
		if r := book.DropReason(v.Name, ""); r.Guess {
			t.Errorf("%s is not described", name)
		}
	}
}

func TestDropReason(t *testing.T) {
	book := mustLoad(t)
	tests := []struct {
		reason, location string
		name, hop        string
		loss             Loss
		guess            bool
	}{
		{"NETFILTER_DROP", "nf_hook_slow", "NETFILTER_DROP", "netfilter", LossYes, false},
		{"SKB_DROP_REASON_TCP_OLD_ACK", "tcp_ack", "TCP_OLD_ACK", "tcp", LossNo, false},
		{"PTYPE_ABSENT", "", "UNHANDLED_PROTO", "nic", LossNo, false},
		{"NO_SOCKET", "tcp_v4_rcv", "NO_SOCKET", "tcp", LossDepends, false},

		// The place makes the reason exact.
		{"NOT_SPECIFIED", "", "NOT_SPECIFIED", "ip", LossDepends, false},
		{"NOT_SPECIFIED", "some_function", "NOT_SPECIFIED", "ip", LossDepends, false},
		{"NOT_SPECIFIED", "do_xdp_generic", "XDP", "bpf", LossYes, false},
		{"NOT_SPECIFIED", "do_xdp_generic.part.0", "XDP", "bpf", LossYes, false},
		{"NOT_SPECIFIED", "ip_error", "ROUTE_REFUSED", "ip", LossYes, false},
		{"NOT_SPECIFIED", "dst_discard_out", "BLACKHOLE_ROUTE", "ip", LossYes, false},
		{"NOT_SPECIFIED", "tbf_enqueue", "SEGMENTED", "qdisc", LossNo, false},
		{"NOT_SPECIFIED", "e1000_xmit_frame", "DEVICE_XMIT", "nic", LossYes, true},
		{"NOT_SPECIFIED", "enqueue_to_backlog", "CPU_BACKLOG", "softnet", LossYes, false},
		{"IP_INHDR", "ip_forward", "IP_TTL_EXCEEDED", "ip", LossYes, false},
		{"IP_INHDR", "ip_rcv_core", "IP_INHDR", "ip", LossYes, false},
		{"IP_INNOROUTES", "ip_error", "IP_INNOROUTES", "ip", LossYes, false},
		{"QUEUE_PURGE", "neigh_destroy", "NEIGH_DEAD", "neigh", LossYes, false},
		{"QUEUE_PURGE", "sk_stream_kill_queues", "QUEUE_PURGE", "socket", LossNo, false},
		// Messages within the host are no network loss, whatever the reason.
		{"SOCKET_FILTER", "netlink_broadcast_filtered", "LOCAL_MESSAGE", "socket", LossNo, false},
		{"SOCKET_RCVBUFF", "unix_dgram_sendmsg", "LOCAL_MESSAGE", "socket", LossNo, false},
		{"NOT_SPECIFIED", "packet_rcv_spkt", "PACKET_SOCK_ERROR", "socket", LossNo, false},

		// Subsystems, and reasons of a kernel to come.
		{"OVS_DROP_DEFERRED_LIMIT", "ovs_execute_actions", "OVS_DROP_DEFERRED_LIMIT", "nic", LossYes, false},
		{"___RX_DROP_U_MIC_FAIL", "", "___RX_DROP_U_MIC_FAIL", "link", LossDepends, false},
		{"TCP_NEVER_HEARD_OF", "tcp_v4_rcv", "TCP_NEVER_HEARD_OF", "tcp", LossDepends, true},
		{"IPV6_NEVER_HEARD_OF", "", "IPV6_NEVER_HEARD_OF", "ip", LossDepends, true},
		{"SUBSYS 7 reason 3", "", "SUBSYS 7 reason 3", "ip", LossDepends, true},
		{"", "", "", "ip", LossDepends, true},
		{"[", "[", "[", "ip", LossDepends, true},
		{"*", "*", "*", "ip", LossDepends, true},
	}
	for _, tt := range tests {
		r := book.DropReason(tt.reason, tt.location)
		if r.Name != tt.name || r.Hop != tt.hop || r.Loss != tt.loss || r.Guess != tt.guess {
			t.Errorf("%q in %q is %s at %s, loss %s, guess %v; want %s at %s, loss %s, guess %v", tt.reason, tt.location,
				r.Name, r.Hop, r.Loss, r.Guess, tt.name, tt.hop, tt.loss, tt.guess)
		}
		if r.Means == "" {
			t.Errorf("%q in %q means nothing", tt.reason, tt.location)
		}
	}
}

func TestKernelHas(t *testing.T) {
	tests := []struct {
		since, until, kernel string
		want                 bool
	}{
		{"5.18", "", "6.1.0-13-amd64", true},
		{"5.18", "", "5.18", true},
		{"5.18", "", "5.17.3", false},
		{"6.9", "", "6.12.1", true},
		{"6.14", "", "6.9", false},
		{"6.14", "6.18", "6.18.44", true},
		{"6.14", "6.18", "6.19-rc1", false},
		{"", "", "6.18", false},
		{"5.18", "", "", false},
		{"5.18", "", "unknown", false},
		{"5.18", "", "99999999999999999999.1", false},
	}
	for _, tt := range tests {
		r := &DropReason{Since: tt.since, Until: tt.until}
		if got := r.KernelHas(tt.kernel); got != tt.want {
			t.Errorf("since %q until %q: kernel %q has it: %v", tt.since, tt.until, tt.kernel, got)
		}
	}
}

// An organisation can describe the reasons of its own kernel, and whatever is
// wrong with them is told with file and line.
func TestDropReasonsOverlay(t *testing.T) {
	tests := []struct{ name, file, want string }{
		{"one of our own", "drop_reasons:\n  - {name: OURS, hop: ip, loss: \"no\", means: ours, source: ours}\n", ""},
		{"one that replaces", "drop_reasons:\n  - {name: NO_SOCKET, hop: tcp, loss: \"no\", means: ours, source: ours}\n", ""},
		{"a place of our own", "drop_places:\n  - {id: ours, at: [our_*], is: XDP}\n", ""},
		{"unknown hop", "drop_reasons:\n  - {name: OURS, hop: nowhere, loss: \"no\", means: ours, source: ours}\n", `own.yaml:2: drop reason OURS is at the unknown hop "nowhere"`},
		{"unknown loss", "drop_reasons:\n  - {name: OURS, hop: ip, loss: perhaps, means: ours, source: ours}\n", `own.yaml:2: drop reason OURS has loss "perhaps": expected yes, no or depends`},
		{"unknown cause", "drop_reasons:\n  - {name: OURS, hop: ip, loss: \"no\", means: ours, source: ours, causes: [ip.nothing]}\n", `own.yaml:2: drop reason OURS points at the unknown cause "ip.nothing"`},
		{"no source", "drop_reasons:\n  - {name: OURS, hop: ip, loss: \"no\", means: ours}\n", "own.yaml:2: drop reason OURS: expected means and source"},
		{"no release", "drop_reasons:\n  - {name: OURS, hop: ip, loss: \"no\", means: ours, source: ours, since: six}\n", `own.yaml:2: drop reason OURS: "six" is not a kernel release`},
		{"a pattern that is none", "drop_reasons:\n  - {name: \"OURS[*\", hop: ip, loss: \"no\", means: ours, source: ours}\n", `own.yaml:2: drop reason "OURS[*" is not a name`},
		{"a name of another", "drop_reasons:\n  - {name: OURS, was: [XDP], hop: ip, loss: \"no\", means: ours, source: ours}\n", "own.yaml:2: drop reason XDP is also a name of XDP"},
		{"misspelt key", "drop_reasons:\n  - {name: OURS, hopp: ip}\n", "own.yaml:2: field hopp not found"},
		{"twice", "drop_places:\n  - {id: ours, at: [our_*], is: XDP}\n  - {id: ours, at: [our_*], is: XDP}\n", "own.yaml:3: drop place ours stands twice"},
		{"a place that is nothing known", "drop_places:\n  - {id: ours, at: [our_*], is: NOTHING}\n", `own.yaml:2: drop place ours: "NOTHING" is not a drop reason`},
		{"a place for an old name", "drop_places:\n  - {id: ours, at: [our_*], reasons: [PTYPE_ABSENT], is: XDP}\n", `own.yaml:2: drop place ours: "PTYPE_ABSENT" is not a drop reason`},
		{"a place nowhere", "drop_places:\n  - {id: ours, is: XDP}\n", "own.yaml:2: drop place ours: expected the names of functions under at"},
		{"derived fields of no table", "derived:\n  - {table: nothing, fields: [{name: x, type: text, means: x}]}\n", `own.yaml:2: derived fields of "nothing", which is not a table`},
		{"a derived field that is there", "derived:\n  - {table: drop, fields: [{name: packets, type: number, means: x}]}\n", "own.yaml:2: table drop has a field packets already"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, "own.yaml"), []byte(tt.file), 0o600); err != nil {
				t.Fatal(err)
			}
			_, err := Load(dir)
			if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
				t.Errorf("error is\n%v\nwant\n%s", err, tt.want)
			}
		})
	}
}
