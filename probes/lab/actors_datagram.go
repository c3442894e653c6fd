//go:build linux

package lab

import (
	"fmt"
	"net"
	"time"

	"golang.org/x/sys/unix"
)

// datagrams sends UDP datagrams, or receives them.
type datagrams struct {
	Target string  // host:port to send to
	Bytes  int     // of each datagram; more than a packet holds is fragmented
	Rate   float64 // datagrams a second
	Listen string  // host:port to receive at instead
}

// run counts: sent; received.
func (d *datagrams) run(t *tally) error {
	if d.Listen != "" {
		return d.receive(t)
	}
	conn, err := net.Dial("udp", d.Target)
	if err != nil {
		return err
	}
	raw, err := conn.(*net.UDPConn).SyscallConn()
	if err != nil {
		return err
	}
	var optErr error
	err = raw.Control(func(fd uintptr) {
		// Without path MTU discovery the datagrams may be fragmented anywhere.
		level, name := unix.IPPROTO_IP, unix.IP_MTU_DISCOVER
		if conn.RemoteAddr().(*net.UDPAddr).IP.To4() == nil {
			level, name = unix.IPPROTO_IPV6, unix.IPV6_MTU_DISCOVER
		}
		optErr = unix.SetsockoptInt(int(fd), level, name, unix.IP_PMTUDISC_DONT)
	})
	if err != nil || optErr != nil {
		return fmt.Errorf("IP_MTU_DISCOVER: %w", optErr)
	}
	t.ready()
	body := make([]byte, d.Bytes)
	for range time.Tick(time.Duration(float64(time.Second) / d.Rate)) {
		if _, err := conn.Write(body); err == nil {
			t.add("sent", 1)
		}
	}
	return nil
}

func (d *datagrams) receive(t *tally) error {
	conn, err := net.ListenPacket("udp", d.Listen)
	if err != nil {
		return err
	}
	t.ready()
	for buf := make([]byte, 1<<16); ; {
		if _, _, err := conn.ReadFrom(buf); err != nil {
			return err
		}
		t.add("received", 1)
	}
}
