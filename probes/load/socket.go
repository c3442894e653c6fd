package load

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// conn is a TCP connection of our own. Unlike one of net.Dial it can be asked for
// its struct tcp_info when the attempt to connect has failed.
type conn struct {
	*os.File
	raw  syscall.RawConn
	stop func() bool // no longer watch the context
}

// dial opens a connection. Until it is closed, the end of the context interrupts
// whatever it waits for. If the attempt fails, the connection is returned with the
// error, to be asked for its tcp_info and closed; it is nil if there was no attempt.
func dial(ctx context.Context, to netip.AddrPort, deadline time.Time) (*conn, error) {
	family, address, err := sockaddr(to)
	if err != nil {
		return nil, err
	}
	fd, err := unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, unix.IPPROTO_TCP)
	if err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	_ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1) // as most clients do
	err = unix.Connect(fd, address)
	file := os.NewFile(uintptr(fd), "connection")
	raw, rawErr := file.SyscallConn()
	if rawErr != nil {
		file.Close()
		return nil, rawErr
	}
	c := &conn{File: file, raw: raw}
	c.stop = context.AfterFunc(ctx, func() { _ = file.SetDeadline(time.Unix(1, 0)) })
	if errors.Is(err, unix.EINPROGRESS) || errors.Is(err, unix.EINTR) {
		err = c.await(ctx, deadline)
	}
	if err != nil {
		return c, os.NewSyscallError("connect", err)
	}
	return c, nil
}

// await waits until the connection is there or the attempt has failed.
func (c *conn) await(ctx context.Context, deadline time.Time) error {
	if err := c.until(ctx, deadline); err != nil {
		return err
	}
	var failed error
	err := c.raw.Write(func(fd uintptr) bool {
		code, err := unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_ERROR)
		switch {
		case err != nil:
			failed = err
		case code != 0:
			failed = unix.Errno(code)
		default:
			_, err := unix.Getpeername(int(fd))
			return err == nil
		}
		return true
	})
	return errors.Join(failed, err)
}

// until sets the time at which waiting ends. An interruption stays one.
func (c *conn) until(ctx context.Context, t time.Time) error {
	if err := c.SetDeadline(t); err != nil {
		return err
	}
	if ctx.Err() != nil { // it may have come before the new deadline
		return os.ErrDeadlineExceeded
	}
	return nil
}

// info reads the kernel's account of the connection.
func (c *conn) info() (*unix.TCPInfo, error) {
	var info *unix.TCPInfo
	var asked error
	err := c.raw.Control(func(fd uintptr) {
		info, asked = unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO)
	})
	return info, errors.Join(asked, err)
}

// option sets socket options of TCP.
func (c *conn) option(values map[int]int) error {
	var failed error
	err := c.raw.Control(func(fd uintptr) {
		for option, v := range values {
			failed = errors.Join(failed, unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, option, v))
		}
	})
	return errors.Join(failed, err)
}

// end closes the connection: in order, or by a reset that throws away what has not
// been sent and leaves no TIME_WAIT.
func (c *conn) end(reset bool) {
	c.stop()
	if reset {
		_ = c.raw.Control(func(fd uintptr) {
			_ = unix.SetsockoptLinger(int(fd), unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1})
		})
	}
	_ = c.Close()
}

// sockaddr is the address as connect(2) takes it.
func sockaddr(to netip.AddrPort) (family int, address unix.Sockaddr, err error) {
	a := to.Addr().Unmap()
	if a.Is4() {
		return unix.AF_INET, &unix.SockaddrInet4{Port: int(to.Port()), Addr: a.As4()}, nil
	}
	six := &unix.SockaddrInet6{Port: int(to.Port()), Addr: a.As16()}
	if zone := a.Zone(); zone != "" {
		if six.ZoneId, err = zoneIndex(zone); err != nil {
			return 0, nil, err
		}
	}
	return unix.AF_INET6, six, nil
}

// zoneIndex is the index of the interface that a zone names, by its name or as a
// number (RFC 4007, 11.2).
func zoneIndex(zone string) (uint32, error) {
	if n, err := strconv.ParseUint(zone, 10, 32); err == nil {
		return uint32(n), nil
	}
	link, err := net.InterfaceByName(zone)
	if err != nil {
		return 0, fmt.Errorf("there is no interface %q here", zone)
	}
	return uint32(link.Index), nil
}

// portRange reads net.ipv4.ip_local_port_range (IPv6 uses it, too): how many ports
// connections to one address and port can have. Where it cannot be read it is the
// kernel's default, 32768 to 60999.
func portRange() int {
	const usual = 60999 - 32768 + 1
	text, err := os.ReadFile("/proc/sys/net/ipv4/ip_local_port_range")
	if err != nil {
		return usual
	}
	var low, high int
	if n, err := fmt.Sscan(string(text), &low, &high); n != 2 || err != nil || low < 1 || high > 65535 || high < low {
		return usual
	}
	return high - low + 1
}
