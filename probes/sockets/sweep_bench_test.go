package sockets

import (
	"bufio"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"whydrop/probes/fact"
	"whydrop/probes/sockets/inetdiag"
)

// BenchmarkSweep measures repeated looks at N sockets, each in the same run with a
// bare dump of the same sockets that only counts them (the floor) and, where it is
// installed, with `ss -tinHO` (the peer). The figures are CPU time, user and system.
func BenchmarkSweep(b *testing.B) {
	for _, rows := range []int{1_000, 10_000, 100_000} {
		b.Run(fmt.Sprint(rows), func(b *testing.B) {
			inNamespace(b)
			for i := range holders(rows / 2) {
				hold(b, i, min(holderConnections, rows/2-i*holderConnections))
			}
			benchmarkLook(b, rows)
		})
	}
}

func benchmarkLook(b *testing.B, rows int) {
	s := New()
	for range 3 { // the owners of the listeners are found once
		if _, err := s.Look(context.Background()); err != nil {
			b.Fatal(err)
		}
	}
	defer s.conn.Close()
	floor := bareDump(b)
	var look, bare, ss time.Duration
	var before, after runtime.MemStats
	var allocs, bytes uint64
	peer := true
	for b.Loop() {
		bare += cpuOf(func() { floor(inetdiag.WithInfo) })
		runtime.ReadMemStats(&before)
		look += cpuOf(func() {
			if _, err := s.Look(context.Background()); err != nil {
				b.Fatal(err)
			}
		})
		runtime.ReadMemStats(&after)
		allocs, bytes = allocs+after.Mallocs-before.Mallocs, bytes+after.TotalAlloc-before.TotalAlloc
		took, ok := cpuOfSS()
		ss, peer = ss+took, peer && ok
	}
	n := float64(b.N)
	b.ReportMetric(float64(look.Nanoseconds())/n/float64(rows), "cpu-ns/socket")
	b.ReportMetric(look.Seconds()/bare.Seconds(), "x-floor")
	if peer {
		b.ReportMetric(look.Seconds()/ss.Seconds(), "x-ss")
	}
	b.ReportMetric(float64(allocs)/n, "allocs/look")
	b.ReportMetric(float64(bytes)/n, "B/look")
}

// BenchmarkExtensions measures what the kernel takes to tell more of each socket.
func BenchmarkExtensions(b *testing.B) {
	const rows = 20_000
	inNamespace(b)
	for i := range holders(rows / 2) {
		hold(b, i, min(holderConnections, rows/2-i*holderConnections))
	}
	dump := bareDump(b)
	names := []string{"no-ns/socket", "info-ns/socket", "info+mem-ns/socket", "info+mem+cong-ns/socket"}
	with := []inetdiag.Extension{0, inetdiag.WithInfo, inetdiag.WithInfo | inetdiag.WithMemory,
		inetdiag.WithInfo | inetdiag.WithMemory | inetdiag.WithCong}
	took := make([]time.Duration, len(with))
	for b.Loop() {
		for i, extensions := range with {
			took[i] += cpuOf(func() { dump(extensions) })
		}
	}
	for i := range with {
		b.ReportMetric(float64(took[i].Nanoseconds())/float64(b.N)/rows, names[i])
	}
}

// bareDump returns a function that dumps all IPv4 sockets and only counts the
// messages: what no reader of inet_diag can be cheaper than.
func bareDump(b *testing.B) func(inetdiag.Extension) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_SOCK_DIAG)
	if err != nil {
		b.Skip(err)
	}
	b.Cleanup(func() { unix.Close(fd) })
	order := binary.NativeEndian
	answer := make([]byte, 32<<10)
	return func(extensions inetdiag.Extension) {
		request := make([]byte, unix.SizeofNlMsghdr+56)
		order.PutUint32(request, uint32(len(request)))
		order.PutUint16(request[4:], unix.SOCK_DIAG_BY_FAMILY)
		order.PutUint16(request[6:], unix.NLM_F_REQUEST|unix.NLM_F_DUMP)
		request[16], request[17], request[18] = unix.AF_INET, unix.IPPROTO_TCP, uint8(extensions)
		order.PutUint32(request[20:], inetdiag.AllStates)
		if err := unix.Sendto(fd, request, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
			b.Fatal(err)
		}
		for sockets := 0; ; {
			n, err := unix.Read(fd, answer)
			if err != nil {
				b.Fatal(err)
			}
			for at := 0; at < n; at += int(order.Uint32(answer[at:])+3) &^ 3 {
				if order.Uint16(answer[at+4:]) == unix.NLMSG_DONE {
					return
				}
				sockets++
			}
		}
	}
}

// cpuOf returns the CPU time that the calling thread spends in f.
func cpuOf(f func()) time.Duration {
	before := threadCPU()
	f()
	return threadCPU() - before
}

// cpuOfSS runs ss(8) in this namespace and returns its CPU time.
func cpuOfSS() (time.Duration, bool) {
	c := exec.Command("ss", "-tinHO")
	err := c.Run()
	if err != nil {
		return 0, false
	}
	return c.ProcessState.UserTime() + c.ProcessState.SystemTime(), true
}

// holderConnections is how many connections one process holds, both ends: within
// the limit of open files of most hosts.
const holderConnections = 4000

func holders(connections int) int { return (connections + holderConnections - 1) / holderConnections }

// TestMain makes the test binary the process that holds connections open, when
// hold starts it so.
func TestMain(m *testing.M) {
	if n, err := strconv.Atoi(os.Getenv("HOLD_CONNECTIONS")); err == nil {
		port, _ := strconv.Atoi(os.Getenv("HOLD_PORT"))
		if err := holdConnections(n, port); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		fmt.Println("ready")
		io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// hold starts a process in this network namespace that holds n connections over
// loopback until the benchmark ends.
func hold(b *testing.B, i, n int) {
	b.Helper()
	c := exec.Command("/proc/self/exe")
	c.Env = append(os.Environ(), fmt.Sprint("HOLD_CONNECTIONS=", n), fmt.Sprint("HOLD_PORT=", 10000+i))
	stdin, err := c.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	stdout, err := c.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := c.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { stdin.Close(); c.Wait() })
	if line, err := bufio.NewReader(stdout).ReadString('\n'); line != "ready\n" {
		b.Skipf("cannot hold %d connections: %s %v", n, line, err)
	}
}

func holdConnections(n, port int) error {
	listener, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
	if err != nil {
		return err
	}
	server := &unix.SockaddrInet4{Port: port, Addr: [4]byte{127, 0, 0, 1}}
	if err := unix.Bind(listener, server); err != nil {
		return err
	}
	if err := unix.Listen(listener, 128); err != nil {
		return err
	}
	for i := range n {
		client, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
		if err != nil {
			return err
		}
		unix.SetsockoptInt(client, unix.IPPROTO_IP, unix.IP_BIND_ADDRESS_NO_PORT, 1)
		if err := unix.Bind(client, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 1, byte(i)}}); err != nil {
			return err
		}
		if err := unix.Connect(client, server); err != nil {
			return err
		}
		if _, _, err := unix.Accept(listener); err != nil {
			return err
		}
	}
	return nil
}

// BenchmarkFacts measures what it takes to turn a full window of readings into
// facts, on a host where many connections to many addresses retransmit.
func BenchmarkFacts(b *testing.B) {
	s := New()
	kernel := &herd{n: 20_000, socket: inetdiag.Socket{
		State: inetdiag.Established, InfoLen: 248, HasMem: true, Local: netip.MustParseAddrPort("10.9.0.1:40000"),
		Info: inetdiag.Info{SndMSS: 1448, RTT: 20_000, MinRTT: 10_000, SndWnd: 65535},
	}}
	s.dial = func() (dumper, error) { return kernel, nil }
	var readings []fact.Reading
	for i := range 64 {
		data, err := s.Look(context.Background())
		if err != nil {
			b.Fatal(err)
		}
		readings = append(readings, fact.Reading{At: time.Unix(int64(i), 0), Data: data})
	}
	b.ReportAllocs()
	for b.Loop() {
		s.Facts(readings, fact.New(time.Unix(0, 0), 64))
	}
}
