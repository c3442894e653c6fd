package sockets

import (
	"context"
	"os"
	"runtime"
	"testing"
	"time"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"

	"whydrop/probes/fact"
	"whydrop/probes/fact/facttest"
)

// inNamespace moves the test into a network namespace of its own with the
// loopback link up. Its thread is not given back.
func inNamespace(tb testing.TB) {
	tb.Helper()
	runtime.LockOSThread()
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		runtime.UnlockOSThread()
		tb.Skipf("cannot make a network namespace: %v", err)
	}
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		tb.Fatal(err)
	}
	defer unix.Close(fd)
	request, err := unix.NewIfreq("lo")
	if err != nil {
		tb.Fatal(err)
	}
	request.SetUint16(unix.IFF_UP)
	if err := unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, request); err != nil {
		tb.Fatal(err)
	}
}

// listen opens a listening socket on 127.0.0.1 that nobody accepts from.
func listen(tb testing.TB, port, backlog int) int {
	tb.Helper()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err == nil {
		err = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1)
	}
	if err == nil {
		err = unix.Bind(fd, &unix.SockaddrInet4{Port: port, Addr: [4]byte{127, 0, 0, 1}})
	}
	if err == nil {
		err = unix.Listen(fd, backlog)
	}
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { unix.Close(fd) })
	return fd
}

// connect opens a connection to 127.0.0.1, without waiting for it to be made.
func connect(tb testing.TB, port int) int {
	tb.Helper()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { unix.Close(fd) })
	if err := unix.Connect(fd, &unix.SockaddrInet4{Port: port, Addr: [4]byte{127, 0, 0, 1}}); err != nil && err != unix.EINPROGRESS {
		tb.Fatal(err)
	}
	return fd
}

// pair returns both ends of a connection over loopback, not blocking.
func pair(tb testing.TB, listener, port int) (client, server int) {
	tb.Helper()
	client = connect(tb, port)
	server, _, err := unix.Accept4(listener, unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { unix.Close(server) })
	return client, server
}

// dropPort makes the firewall drop packets on the input hook: those to the port,
// or with fromPort those from it.
func dropPort(tb testing.TB, port int, fromPort bool) {
	tb.Helper()
	drop(tb, nftables.ChainHookInput, port, fromPort)
}

func drop(tb testing.TB, hook *nftables.ChainHook, port int, fromPort bool) {
	tb.Helper()
	c, err := nftables.New()
	if err != nil {
		tb.Fatal(err)
	}
	offset := uint32(2)
	if fromPort {
		offset = 0
	}
	table := c.AddTable(&nftables.Table{Family: nftables.TableFamilyIPv4, Name: "t"})
	accept := nftables.ChainPolicyAccept
	chain := c.AddChain(&nftables.Chain{
		Name: "drop", Table: table, Type: nftables.ChainTypeFilter, Policy: &accept,
		Hooknum: hook, Priority: nftables.ChainPriorityFilter,
	})
	c.AddRule(&nftables.Rule{Table: table, Chain: chain, Exprs: []expr.Any{
		&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseTransportHeader, Offset: offset, Len: 2},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: []byte{byte(port >> 8), byte(port)}},
		&expr.Verdict{Kind: expr.VerdictDrop},
	}})
	if err := c.Flush(); err != nil {
		tb.Skipf("cannot add a firewall rule: %v", err)
	}
}

// observe looks several times, calls between after each look but the last, and
// returns the facts.
func observe(tb testing.TB, looks int, pause time.Duration, between func(i int)) *fact.Facts {
	tb.Helper()
	s := New()
	tb.Cleanup(func() {
		if s.conn != nil {
			s.conn.Close()
		}
	})
	start := time.Now()
	var readings []fact.Reading
	for i := range looks {
		data, err := s.Look(context.Background())
		if err != nil {
			tb.Fatal(err)
		}
		readings = append(readings, fact.Reading{At: time.Now(), Data: data})
		if i < looks-1 {
			between(i)
			time.Sleep(pause)
		}
	}
	f := fact.New(start, time.Since(start).Seconds())
	s.Facts(readings, f)
	facttest.InVocabulary(tb, "../../content/facts/sockets.yaml", f)
	if testing.Verbose() {
		for _, table := range []string{"listener", "flow", "peer"} {
			for _, row := range f.Tables[table] {
				tb.Log(table, row)
			}
		}
	}
	return f
}

// rowOf returns the first row of a table for which field has the value.
func rowOf(tb testing.TB, f *fact.Facts, table, field string, value any) fact.Row {
	tb.Helper()
	for _, row := range f.Tables[table] {
		if row[field] == value {
			return row
		}
	}
	tb.Fatalf("no %s with %s %v among %v", table, field, value, f.Tables[table])
	return nil
}

func expect(tb testing.TB, what string, got any, ok bool) {
	tb.Helper()
	if !ok {
		tb.Errorf("%s: got %v", what, got)
	}
}

func TestAcceptQueueOverflow(t *testing.T) {
	inNamespace(t)
	listen(t, 8080, 4)
	f := observe(t, 3, 50*time.Millisecond, func(i int) {
		if i == 0 {
			for range 12 {
				connect(t, 8080)
			}
		}
	})
	row := rowOf(t, f, "listener", "port", 8080.0)
	expect(t, "limit", row["limit"], row["limit"] == 4.0)
	expect(t, "queue", row["queue"], row["queue"] == 5.0)
	expect(t, "share of looks when full", row["full_share"], row["full_share"].(float64) > 0.6)
	expect(t, "drops", row["drops"], row["drops"].(float64) >= 7)
	expect(t, "standing", row["standing"], row["standing"] == false)
	expect(t, "pid", row["pid"], row["pid"] == float64(os.Getpid()))
	share, known := f.Num("fd.share_max")
	expect(t, "fd.share_max", share, known && share > 0 && share < 1)
	syn, _ := f.Num("tcp.syn_sent")
	expect(t, "tcp.syn_sent", syn, syn == 7)
}

func TestReaderThatNeverReads(t *testing.T) {
	inNamespace(t)
	client, _ := pair(t, listen(t, 8080, 4), 8080)
	data := make([]byte, 1<<16)
	fill := func() {
		for {
			if _, err := unix.Write(client, data); err != nil {
				return
			}
		}
	}
	fill()
	time.Sleep(300 * time.Millisecond)
	fill()
	f := observe(t, 4, 250*time.Millisecond, func(int) { fill() })
	server := rowOf(t, f, "flow", "local_port", 8080.0)
	expect(t, "not_read", server, server["not_read"] == true)
	expect(t, "inbound", server, server["inbound"] == true)
	sender := rowOf(t, f, "flow", "remote_port", 8080.0)
	expect(t, "peer_window_closed", sender, sender["peer_window_closed"] == true)
	expect(t, "same_host", sender, sender["same_host"] == true)
	expect(t, "backoff counts no window probes", sender, sender["backoff"] == 0.0)
	for name, want := range map[string]float64{
		"tcp.flows_not_read": 1, "tcp.flows_peer_window_closed": 1, "tcp.flows_backoff": 0, "tcp.flows_stalled": 0,
	} {
		got, _ := f.Num(name)
		expect(t, name, got, got == want)
	}
	share, _ := f.Num("tcp.rwnd_limited_share")
	expect(t, "tcp.rwnd_limited_share", share, share > 0.9)
}

func TestStalledConnection(t *testing.T) {
	inNamespace(t)
	listener := listen(t, 8080, 8)
	small, _ := pair(t, listener, 8080)
	large, _ := pair(t, listener, 8080)
	unix.Write(small, []byte("hello"))
	unix.Write(large, []byte("hello"))
	time.Sleep(50 * time.Millisecond)
	f := observe(t, 5, 400*time.Millisecond, func(i int) {
		if i == 0 {
			dropPort(t, 8080, false)
			unix.Write(small, []byte("again"))
			unix.Write(large, make([]byte, 200_000))
		}
	})
	for name, want := range map[string]float64{
		"tcp.flows_stalled": 2, "tcp.flows_stalled_small": 1, "tcp.flows_stalled_full_size": 1,
		"tcp.small_ok_large_stalled": 1, "tcp.flows_retrans": 2, "tcp.flows_stalled_after_idle": 0,
		"tcp.top_peer_retrans_share": 1, "tcp.flows_backoff": 2,
	} {
		got, known := f.Num(name)
		expect(t, name, got, known && got == want)
	}
	row := rowOf(t, f, "flow", "remote_port", 8080.0)
	expect(t, "stalled", row, row["stalled"] == true && row["backoff"].(float64) >= 1 && row["acked"] == 0.0)
	expect(t, "retrans", row["retrans"], row["retrans"].(float64) >= 2)
}

func TestSendingThatFailsHere(t *testing.T) {
	inNamespace(t)
	client, _ := pair(t, listen(t, 8080, 4), 8080)
	f := observe(t, 3, 300*time.Millisecond, func(i int) {
		if i == 0 {
			drop(t, nftables.ChainHookOutput, 8080, false)
			unix.Write(client, []byte("hello"))
		}
	})
	row := rowOf(t, f, "flow", "remote_port", 8080.0)
	expect(t, "send_fails", row, row["send_fails"] == true && row["peer_window_closed"] == false && row["backoff"] == 0.0)
	for name, want := range map[string]float64{"tcp.flows_send_fails": 1, "tcp.flows_peer_window_closed": 0} {
		got, _ := f.Num(name)
		expect(t, name, got, got == want)
	}
}

func TestConnectWithoutAnswer(t *testing.T) {
	inNamespace(t)
	listen(t, 8080, 4)
	listen(t, 8081, 4)
	dropPort(t, 8080, false) // the SYN
	f := observe(t, 4, 400*time.Millisecond, func(i int) {
		if i == 0 {
			connect(t, 8080)
			connect(t, 8081)
		}
	})
	row := rowOf(t, f, "flow", "state", "SYN-SENT")
	expect(t, "syn_retries", row, row["syn_retries"] == 1.0 && row["remote_port"] == 8080.0)
	retrying, _ := f.Num("tcp.syn_sent_retrying_here")
	expect(t, "tcp.syn_sent_retrying_here", retrying, retrying == 1)
	peer := rowOf(t, f, "peer", "name", "127.0.0.1")
	expect(t, "peer", peer, peer["retrans"] == 1.0)
}

func TestAnswerThatGetsLost(t *testing.T) {
	inNamespace(t)
	listen(t, 8080, 4)
	dropPort(t, 8080, true) // the SYN-ACK
	connect(t, 8080)
	f := observe(t, 4, 500*time.Millisecond, func(int) {})
	row := rowOf(t, f, "listener", "port", 8080.0)
	expect(t, "syn_recv", row, row["syn_recv"] == 1.0)
	retrying, _ := f.Num("tcp.syn_recv_retrying")
	expect(t, "tcp.syn_recv_retrying", retrying, retrying == 1)
}

func TestEphemeralPorts(t *testing.T) {
	inNamespace(t)
	if err := os.WriteFile("/proc/sys/net/ipv4/ip_local_port_range", []byte("40000 40099"), 0); err != nil {
		t.Skip(err)
	}
	listener := listen(t, 8080, 64)
	for i := range 50 {
		client, server := pair(t, listener, 8080)
		if i < 20 { // TIME-WAIT takes a port as well
			unix.Close(client)
			unix.Close(server)
		}
	}
	f := observe(t, 2, time.Millisecond, func(int) {})
	share, known := f.Num("tcp.port_use_max")
	expect(t, "tcp.port_use_max", share, known && share == 0.5)
	expect(t, "tcp.port_use_to", f.Values["tcp.port_use_to"].Now, f.Values["tcp.port_use_to"].Now == "127.0.0.1:8080")
}

func TestHealthyTransferIsNoTrouble(t *testing.T) {
	inNamespace(t)
	client, server := pair(t, listen(t, 8080, 4), 8080)
	f := observe(t, 5, 20*time.Millisecond, func(int) {
		buffer := make([]byte, 1<<16)
		for range 20 {
			unix.Write(client, buffer[:20_000])
			for {
				if n, err := unix.Read(server, buffer); n <= 0 || err != nil {
					break
				}
			}
		}
	})
	for name, want := range map[string]float64{
		"tcp.flows_sending": 1, "tcp.flows_receiving": 1, "tcp.flows_retrans": 0, "tcp.segs_retrans": 0,
		"tcp.flows_stalled": 0, "tcp.flows_not_read": 0, "tcp.flows_peer_window_closed": 0, "tcp.established": 2,
	} {
		got, known := f.Num(name)
		expect(t, name, got, known && got == want)
	}
	acked, _ := f.Num("tcp.bytes_acked")
	expect(t, "tcp.bytes_acked", acked, acked >= 1_000_000)
	expect(t, "flows in trouble", f.Tables["flow"], len(f.Tables["flow"]) == 0)
}

// TestDualStackListener: a client of IPv4 on a listener of both families, with a
// receive buffer that was set by hand.
func TestDualStackListener(t *testing.T) {
	inNamespace(t)
	listener, err := unix.Socket(unix.AF_INET6, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Skip(err)
	}
	t.Cleanup(func() { unix.Close(listener) })
	if err := unix.SetsockoptInt(listener, unix.SOL_SOCKET, unix.SO_RCVBUF, 8192); err != nil {
		t.Fatal(err)
	}
	if err := unix.Bind(listener, &unix.SockaddrInet6{Port: 8080}); err != nil {
		t.Skip(err)
	}
	if err := unix.Listen(listener, 8); err != nil {
		t.Fatal(err)
	}
	client, _ := pair(t, listener, 8080)
	unix.Write(client, make([]byte, 100_000))
	time.Sleep(50 * time.Millisecond)
	f := observe(t, 3, 50*time.Millisecond, func(int) {})
	row := rowOf(t, f, "flow", "local", "127.0.0.1:8080")
	expect(t, "flow", row, row["inbound"] == true && row["rcvbuf_locked"] == true && row["not_read"] == true)
	rowOf(t, f, "listener", "name", "[::]:8080")
}
