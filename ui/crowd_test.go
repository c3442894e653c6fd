package ui

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
)

// envCrowd tells the test binary to make so many sockets in the network namespace
// that it is in, and to run the program named by its argument among them; with 0,
// to hold some of them.
const envCrowd = "WHYDROP_CROWD"

func TestMain(m *testing.M) {
	if state := os.Getenv(envHour); state != "" {
		if err := liveThroughAnHour(state); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	if n, err := strconv.Atoi(os.Getenv(envCrowd)); err == nil {
		if n == 0 {
			n, _ = strconv.Atoi(os.Args[2])
			err = hold(os.Args[1], n)
		} else {
			err = amongSockets(n, os.Args[1])
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// BenchmarkFigureKeyAmongSockets is from a key to the first byte that it changes
// while 100,000 sockets are swept.
func BenchmarkFigureKeyAmongSockets(b *testing.B) {
	program := build(b, "whydrop/cmd/whydrop")
	for _, size := range sizes {
		b.Run(size.name, func(b *testing.B) {
			s := crowded(b, 100_000, program, size.cols, size.rows)
			defer s.end()
			s.shows("What is affected")
			s.press("\r")
			time.Sleep(5 * time.Second)
			s.keys(b, 300)
		})
	}
}

// crowded starts a program in a namespace with n sockets.
func crowded(b *testing.B, n int, program string, cols, rows uint16) *seat {
	b.Helper()
	self, err := os.Executable()
	if err != nil {
		b.Fatal(err)
	}
	s := sit(b, cols, rows)
	s.cmd = exec.Command(self, program)
	s.cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%d", envCrowd, n), "TERM=xterm-256color", "LANG=C.UTF-8", "LC_ALL=C.UTF-8", "XDG_STATE_HOME="+s.state)
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true, Pdeathsig: syscall.SIGKILL, Cloneflags: syscall.CLONE_NEWNET}
	if os.Getuid() != 0 {
		s.cmd.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
		s.cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}}
		s.cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}}
	}
	if err := s.run(); err != nil {
		b.Skipf("no namespace of its own: %v", err)
	}
	return s
}

// amongSockets makes n sockets, both ends of connections on loopback, and runs a
// program. Several processes hold them: none may have so many files open.
func amongSockets(n int, program string) error {
	lo, err := netlink.LinkByName("lo")
	if err != nil {
		return err
	}
	if err := netlink.LinkSetUp(lo); err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	for i := 0; n > 0; i++ {
		each := min(n, socketsEach)
		n -= each
		cmd := exec.Command(self, fmt.Sprintf("127.0.%d.1:80", i), strconv.Itoa(each))
		cmd.Env = append(os.Environ(), envCrowd+"=0")
		cmd.Stderr = os.Stderr
		cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
		ready, err := cmd.StdoutPipe()
		if err != nil {
			return err
		}
		if err := cmd.Start(); err != nil {
			return err
		}
		defer cmd.Process.Kill()
		if _, err := ready.Read(make([]byte, 1)); err != nil {
			return fmt.Errorf("the sockets could not be made: %w", err)
		}
	}
	cmd := exec.Command(program)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	return cmd.Run()
}

// socketsEach is how many sockets one process holds.
const socketsEach = 10_000

// hold makes n sockets on an address, says that they are there, and waits to be
// killed.
func hold(address string, n int) error {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	var held []net.Conn
	for range n / 2 {
		there, err := net.Dial("tcp", address)
		if err != nil {
			return err
		}
		here, err := listener.Accept()
		if err != nil {
			return err
		}
		held = append(held, there, here)
	}
	fmt.Println("ready")
	time.Sleep(time.Hour)
	for _, c := range held {
		c.Close()
	}
	return nil
}
