package inetdiag

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// The multicast groups of NETLINK_SOCK_DIAG that tell of destroyed TCP sockets
// (SKNLGRP_INET_TCP_DESTROY, SKNLGRP_INET6_TCP_DESTROY in
// include/uapi/linux/sock_diag.h), and both as a mask.
const (
	groupTCPDestroy  = 1
	groupTCP6Destroy = 3

	closedGroups = 1<<(groupTCPDestroy-1) | 1<<(groupTCP6Destroy-1)
)

// closedBuffer is what may wait to be read, bytes of kernel memory; about a
// kilobyte a socket. Without CAP_NET_ADMIN net.core.rmem_max is the limit.
const closedBuffer = 4 << 20

// Closed is a subscription to the TCP sockets that come to their end: each is told
// once, with its last struct tcp_info. So connections that begin and end between
// two dumps are not missed. It is not safe for concurrent use.
type Closed struct{ conn Conn }

// Subscribe begins to listen, in the network namespace of the calling thread. Any
// user may (Linux 4.3). It costs the kernel a message for each socket that ends.
func Subscribe() (*Closed, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, unix.NETLINK_SOCK_DIAG)
	if err != nil {
		return nil, fmt.Errorf("open a NETLINK_SOCK_DIAG socket: %w", err)
	}
	if unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, closedBuffer) != nil {
		_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, closedBuffer)
	}
	if err := unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Groups: closedGroups}); err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("listen for sockets that end: %w", err)
	}
	return &Closed{Conn{fd: fd, buf: make([]byte, readSize)}}, nil
}

// Close ends the subscription.
func (c *Closed) Close() error { return c.conn.Close() }

// Read calls visit for each socket that has ended since the last Read, without
// waiting for more. The Socket is reused, its state is mostly Close and it has no
// Memory. missed says that more ended than there was room for.
//
// Errors: the context's, and malformed messages.
func (c *Closed) Read(ctx context.Context, visit func(*Socket)) (missed bool, err error) {
	for ctx.Err() == nil {
		n, err := unix.Read(c.conn.fd, c.conn.buf)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case errors.Is(err, unix.EAGAIN):
			return missed, nil
		case errors.Is(err, unix.ENOBUFS):
			missed = true
			continue
		case err != nil:
			return missed, fmt.Errorf("read from inet_diag: %w", err)
		}
		if err := c.messages(c.conn.buf[:max(n, 0)], visit); err != nil {
			return missed, err
		}
	}
	return missed, ctx.Err()
}

// messages takes what one read gives. They answer no request and have no sequence
// number.
func (c *Closed) messages(b []byte, visit func(*Socket)) error {
	if len(b) >= unix.SizeofNlMsghdr {
		c.conn.seq = binary.NativeEndian.Uint32(b[8:])
	}
	_, _, err := c.conn.batch(b, visit)
	return err
}
