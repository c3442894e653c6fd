package drops

import (
	"net"
	"runtime"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/google/nftables"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// senders are sockets of the other namespace.
func senders(t *testing.T, l *lab, n int) []net.Conn {
	t.Helper()
	conns := make([]net.Conn, n)
	l.in(t, l.there, func() {
		for i := range conns {
			conn, err := net.Dial("udp", hereIP+":9")
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { conn.Close() })
			conns[i] = conn
		}
	})
	return conns
}

// TestLabFlood: two senders at once, in soft interrupts of any CPU. What the
// kernel could not show to the program is told as missed.
func TestLabFlood(t *testing.T) {
	const each = 100_000
	l := newLab(t)
	l.drop(t, nftables.ChainHookInput, unix.IPPROTO_UDP)
	conns := senders(t, l, 2)
	f := observe(t, func() {
		var wg sync.WaitGroup
		for _, conn := range conns {
			wg.Go(func() {
				for range each {
					if _, err := conn.Write(make([]byte, 64)); err != nil {
						t.Error(err)
						return
					}
				}
			})
		}
		wg.Wait()
	})
	missed, _ := f.Num("drops.missed")
	backlog := dropped(f, "CPU_BACKLOG", "", "rx", "packets")
	got := dropped(f, "NETFILTER_DROP", "", "rx", "packets")
	if got+missed+backlog != 2*each {
		t.Errorf("%v counted, %v missed, %v in the backlog: %d sent", got, missed, backlog, 2*each)
	}
	t.Logf("%v counted, %v missed, %v in the backlog, samples missed %v", got, missed, backlog, f.Values["drops.samples_missed"].Now)
}

// TestLabBacklog: a CPU's backlog overflows before the stack has noted where a
// packet came in. It came in nevertheless.
func TestLabBacklog(t *testing.T) {
	const n = 50_000
	if runtime.NumCPU() < 2 {
		t.Skip("needs two CPUs")
	}
	l := newLab(t)
	l.drop(t, nftables.ChainHookInput, unix.IPPROTO_UDP)
	slowInput(t, 1000)
	spread(t, "lab0")
	first := unix.CPUSet{}
	first.Set(0)
	var before unix.CPUSet
	if unix.SchedGetaffinity(0, &before) != nil || unix.SchedSetaffinity(0, &first) != nil {
		t.Skip("can't stay on one CPU")
	}
	t.Cleanup(func() { _ = unix.SchedSetaffinity(0, &before) })
	conns := senders(t, l, 10)
	f := observe(t, func() {
		for range n / len(conns) {
			for _, conn := range conns { // the send buffer of one would slow it down
				if _, err := conn.Write(make([]byte, 64)); err != nil {
					t.Error(err)
				}
			}
		}
		time.Sleep(100 * time.Millisecond) // the backlog is worked off
	})
	link, err := netlink.LinkByIndex(l.lab0.Attrs().Index)
	if err != nil || link.Attrs().Statistics == nil {
		t.Fatal("no statistics of the link: ", err)
	}
	want := float64(link.Attrs().Statistics.RxDropped)
	if want == 0 {
		t.Skip("the other CPU kept up")
	}
	if got := dropped(f, "CPU_BACKLOG", "", "rx", "packets"); got != want {
		t.Errorf("%v packets counted, the link lost %v in the backlog; %v", got, want, f.Tables["drop"])
	}
	t.Logf("%v of %d lost in the backlog", want, n)
}

// TestLabShares: flows that take turns are told apart, and their estimates add
// up to what was counted.
func TestLabShares(t *testing.T) {
	const rounds, packets = 20_000, 200_000
	l := newLab(t)
	l.drop(t, nftables.ChainHookInput, unix.IPPROTO_UDP)
	send := map[int]int{9: 9, 10: 1} // packets in a round, by port
	conns := map[int]net.Conn{}
	l.in(t, l.there, func() {
		for port := range send {
			conn, err := net.Dial("udp", net.JoinHostPort(hereIP, strconv.Itoa(port)))
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { conn.Close() })
			conns[port] = conn
		}
	})
	f := observe(t, func() {
		for range rounds {
			for port, n := range send {
				for range n {
					_, _ = conns[port].Write([]byte("x"))
				}
			}
		}
	})
	got, sum, samples := map[int]float64{}, 0.0, 0.0
	for _, r := range f.Tables["drop_flow"] {
		if r["reason"] == "NETFILTER_DROP" {
			port, _ := r["dst_port"].(float64)
			estimate, _ := r["packets"].(float64)
			n, _ := r["samples"].(float64)
			got[int(port)] += estimate
			sum += estimate
			samples += n
		}
	}
	t.Logf("%v samples of %d packets: %v", samples, packets, got)
	if sum < packets-5 || sum > packets+5 {
		t.Errorf("estimates add up to %v, %d were dropped", sum, packets)
	}
	if got[9] < 0.6*packets || got[9] == packets {
		t.Errorf("shares 9 and 1 were estimated as %v", got)
	}
}
