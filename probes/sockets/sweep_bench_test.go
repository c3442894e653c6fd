package sockets

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"testing"

	"golang.org/x/sys/unix"

	"whydrop/probes/sockets/inetdiag"
)

// BenchmarkSweep measures a repeated look at N sockets; BenchmarkSweepFloor the
// bare dump of the same sockets that only counts them. `ss -tinHO` is the peer.
func BenchmarkSweep(b *testing.B) { benchmarkSweep(b, benchmarkLook) }

func BenchmarkSweepFloor(b *testing.B) { benchmarkSweep(b, benchmarkFloor) }

func benchmarkSweep(b *testing.B, run func(*testing.B)) {
	for _, rows := range []int{1_000, 10_000, 100_000} {
		b.Run(fmt.Sprint(rows), func(b *testing.B) {
			inNamespace(b)
			for i := range holders(rows / 2) {
				hold(b, i, min(holderConnections, rows/2-i*holderConnections))
			}
			run(b)
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(rows), "ns/socket")
		})
	}
}

func benchmarkLook(b *testing.B) {
	s := New()
	if _, err := s.Look(context.Background()); err != nil {
		b.Fatal(err)
	}
	defer s.conn.Close()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.Look(context.Background()); err != nil {
			b.Fatal(err)
		}
	}
}

func benchmarkFloor(b *testing.B) {
	c, err := inetdiag.Dial()
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	n := 0
	for b.Loop() {
		_, err := c.Dump(context.Background(), inetdiag.Request{
			Family: unix.AF_INET, States: inetdiag.AllStates,
			Extensions: inetdiag.WithInfo | inetdiag.WithMemory | inetdiag.WithCong,
		}, func(*inetdiag.Socket) { n++ })
		if err != nil {
			b.Fatal(err)
		}
	}
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
