package sockets

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"

	"whydrop/probes/fact"
)

// removeDrops takes away what dropPort and loseSome added.
func removeDrops(tb testing.TB) {
	tb.Helper()
	c, err := nftables.New()
	if err != nil {
		tb.Fatal(err)
	}
	c.DelTable(&nftables.Table{Family: nftables.TableFamilyIPv4, Name: "t"})
	if err := c.Flush(); err != nil {
		tb.Fatal(err)
	}
}

// loseSome makes the firewall drop every n-th packet to a port of 127.0.0.1.
func loseSome(tb testing.TB, port int, n uint32) {
	tb.Helper()
	c, err := nftables.New()
	if err != nil {
		tb.Fatal(err)
	}
	table := c.AddTable(&nftables.Table{Family: nftables.TableFamilyIPv4, Name: "t"})
	chain := c.AddChain(&nftables.Chain{
		Name: "drop", Table: table, Type: nftables.ChainTypeFilter,
		Hooknum: nftables.ChainHookInput, Priority: nftables.ChainPriorityFilter,
	})
	c.AddRule(&nftables.Rule{Table: table, Chain: chain, Exprs: []expr.Any{
		&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseTransportHeader, Offset: 2, Len: 2},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: []byte{byte(port >> 8), byte(port)}},
		&expr.Numgen{Register: 1, Modulus: n, Type: unix.NFT_NG_INCREMENTAL},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: []byte{0, 0, 0, 0}},
		&expr.Verdict{Kind: expr.VerdictDrop},
	}})
	if err := c.Flush(); err != nil {
		tb.Skipf("cannot add a firewall rule: %v", err)
	}
}

// counted checks that the classes and the kernel's counters tell the same.
func counted(t *testing.T, f *fact.Facts, want map[string]func(float64) bool) {
	t.Helper()
	for name, ok := range want {
		if got, known := f.Num(name); !known || !ok(got) {
			t.Errorf("%s is %v (known: %v)", name, got, known)
		}
	}
}

func exactly(want float64) func(float64) bool { return func(n float64) bool { return n == want } }
func atLeastThat(want float64) func(float64) bool {
	return func(n float64) bool { return n >= want }
}

// TestTailLossProbe: the last segments of a burst are lost. The kernel probes after
// two round trips, long before the timeout.
func TestTailLossProbe(t *testing.T) {
	inNamespace(t)
	client, _ := pair(t, listen(t, 8080, 4), 8080)
	for range 3 {
		unix.Write(client, []byte("hello"))
		time.Sleep(20 * time.Millisecond)
	}
	f := observe(t, 3, 30*time.Millisecond, func(i int) {
		if i == 0 {
			dropPort(t, 8080, false)
			unix.SetsockoptInt(client, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
			for range 3 {
				unix.Write(client, []byte("again"))
			}
			time.Sleep(50 * time.Millisecond)
			removeDrops(t)
		}
	})
	counted(t, f, map[string]func(float64) bool{
		"retrans.tlp": exactly(1), "retrans.timeouts": exactly(0), "retrans.rto": exactly(0),
		"retrans.syn": exactly(0), "retrans.synack": exactly(0), "tcp.flows_retrans": exactly(1),
	})
}

// TestTimeouts: everything is lost. After one probe there are only timeouts.
func TestTimeouts(t *testing.T) {
	inNamespace(t)
	client, _ := pair(t, listen(t, 8080, 4), 8080)
	unix.Write(client, []byte("hello"))
	time.Sleep(20 * time.Millisecond)
	f := observe(t, 4, 350*time.Millisecond, func(i int) {
		if i == 0 {
			dropPort(t, 8080, false)
			unix.Write(client, []byte("again"))
		}
	})
	counted(t, f, map[string]func(float64) bool{
		"retrans.timeouts": atLeastThat(2), "retrans.rto": atLeastThat(2), "retrans.fast": exactly(0), "retrans.syn": exactly(0),
	})
	if row := rowOf(t, f, "peer", "name", "127.0.0.1"); row["timeouts"] != f.Values["retrans.timeouts"].Now {
		t.Errorf("timeouts of the peer: %v, of all %v", row["timeouts"], f.Values["retrans.timeouts"].Now)
	}
}

// TestFastRetransmit: some segments of a long transfer are lost, what follows them
// arrives.
func TestFastRetransmit(t *testing.T) {
	inNamespace(t)
	client, server := pair(t, listen(t, 8080, 4), 8080)
	f := observe(t, 4, 100*time.Millisecond, func(i int) {
		if i == 0 {
			loseSome(t, 8080, 40)
		}
		transfer(client, server, 8<<20, 100*time.Millisecond)
	})
	counted(t, f, map[string]func(float64) bool{"retrans.fast": atLeastThat(5), "retrans.syn": exactly(0)})
	var classes float64
	for _, class := range []string{"fast", "rto", "tlp", "syn", "synack"} {
		n, _ := f.Num("retrans." + class)
		classes += n
	}
	if sent, _ := f.Num("tcp.segs_retrans"); classes < sent {
		t.Errorf("the classes add up to %v, the sockets sent %v again", classes, sent)
	}
	if row := rowOf(t, f, "egress", "name", sameHost); row["retrans"].(float64) < 5 {
		t.Errorf("egress: %v", row)
	}
}

// transfer moves data from one end to the other until it is through or time is up.
func transfer(client, server, size int, most time.Duration) {
	buffer := make([]byte, 1<<16)
	for until := time.Now().Add(most); size > 0 && time.Now().Before(until); {
		n, _ := unix.Write(client, buffer[:min(size, len(buffer))])
		size -= max(n, 0)
		unix.Read(server, buffer)
	}
}

// TestHandshakes: the kernel counts SYNs and SYN-ACKs sent again together.
func TestHandshakes(t *testing.T) {
	for name, c := range map[string]struct {
		fromPort    bool // SYN-ACKs are dropped, not SYNs
		syn, synAck func(float64) bool
	}{
		"the SYN is lost":     {false, exactly(2), exactly(0)},
		"the SYN-ACK is lost": {true, atLeastThat(1), atLeastThat(1)},
	} {
		t.Run(name, func(t *testing.T) {
			inNamespace(t)
			listen(t, 8080, 4)
			dropPort(t, 8080, c.fromPort)
			f := observe(t, 5, 300*time.Millisecond, func(i int) {
				if i == 0 {
					connect(t, 8080)
					connect(t, 8080)
				}
			})
			counted(t, f, map[string]func(float64) bool{
				"retrans.syn": c.syn, "retrans.synack": c.synAck, "retrans.timeouts": exactly(0), "retrans.tlp": exactly(0),
			})
		})
	}
}

// TestMIBOfOtherKernels: a counter that a kernel does not have is unknown, and so
// are the classes that need it.
func TestMIBOfOtherKernels(t *testing.T) {
	var m MIB
	m.parse([]byte("Ip: Forwarding\nIp: 1\nTcp: RtoAlgorithm RetransSegs\nTcp: 1 17\nTcpExt: TCPFastRetrans TCPTimeouts\nTcpExt: 5 x\n"))
	if m.Values[retransSegs] != 17 || !m.Known[retransSegs] || m.Values[fastRetrans] != 5 || m.Known[timeouts] || m.Known[lossProbes] {
		t.Errorf("%+v", m)
	}
	b, err := os.ReadFile("/proc/self/net/netstat")
	if err != nil {
		t.Skip(err)
	}
	m = MIB{}
	m.parse(b)
	for i, name := range mibNames {
		if group, _, _ := strings.Cut(name, "."); group == "TcpExt" && !m.Known[i] {
			t.Errorf("%s is not found", name)
		}
	}
}

func FuzzMIB(f *testing.F) {
	f.Add([]byte("Tcp: RtoAlgorithm RetransSegs\nTcp: 1 17\nTcpExt: TCPFastRetrans TCPTimeouts\nTcpExt: 5 6\n"))
	f.Add([]byte("TcpExt: \nTcpExt: "))
	f.Fuzz(func(t *testing.T, b []byte) {
		var m MIB
		m.parse(b)
		for i := range m.Known {
			if m.Known[i] && !strings.Contains(string(b), fmt.Sprint(m.Values[i])) && !strings.Contains(string(b), "0") {
				t.Errorf("%s = %d is not in %q", mibNames[i], m.Values[i], b)
			}
		}
	})
}
