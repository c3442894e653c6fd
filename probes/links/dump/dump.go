// Package dump makes netlink dump requests and hands out the answers message by
// message as they come, without a copy: a dump of a million routes can be cut
// short, and one of 20,000 firewall rules costs no more than the kernel's part.
package dump

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// Conn is a netlink socket for dump requests, one at a time.
type Conn struct {
	fd  int
	seq uint32
	buf []byte
}

// ErrCut says that the receiver of a dump had enough. The socket is of no
// further use: the rest of the dump is still in it.
var ErrCut = errors.New("dump cut short")

// bufferSize is how much the kernel puts into one datagram of a dump. It walks
// a long list from its start again for each: larger is much faster.
const bufferSize = 32 << 10

// Dial opens a socket of a netlink family (unix.NETLINK_ROUTE and so on) in the
// network namespace of the calling thread. No answer is waited for longer than
// limit, except while the kernel itself waits for a lock.
func Dial(family int, limit time.Duration) (*Conn, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, family)
	if err != nil {
		return nil, fmt.Errorf("opening a netlink socket: %w", err)
	}
	c := &Conn{fd: fd, buf: make([]byte, bufferSize)}
	wait := unix.NsecToTimeval(limit.Nanoseconds())
	if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &wait); err != nil {
		c.Close()
		return nil, fmt.Errorf("netlink socket: %w", err)
	}
	return c, nil
}

// Close closes the socket. Nothing was written that an error could have lost.
func (c *Conn) Close() { _ = unix.Close(c.fd) }

// Dump sends a dump request and calls each with the payload of every answer,
// which is only valid during the call. It returns ErrCut when each returns
// false, and an error that wraps the kernel's errno when it refuses.
func (c *Conn) Dump(request uint16, body []byte, each func(payload []byte) bool) error {
	return c.ask(request, netlink.Dump, body, each)
}

// Get asks for one object and calls each with what the kernel answers, as Dump does.
// The kernel tells some requests apart by whether an echo is wanted: it is.
func (c *Conn) Get(request uint16, body []byte, each func(payload []byte) bool) error {
	return c.ask(request, netlink.Echo|netlink.Acknowledge, body, each)
}

func (c *Conn) ask(request uint16, flags netlink.HeaderFlags, body []byte, each func(payload []byte) bool) error {
	c.seq++
	m := netlink.Message{
		Header: netlink.Header{
			Length:   uint32(unix.NLMSG_HDRLEN + len(body)),
			Type:     netlink.HeaderType(request),
			Flags:    netlink.Request | flags,
			Sequence: c.seq,
		},
		Data: body,
	}
	raw, err := m.MarshalBinary()
	if err != nil {
		return fmt.Errorf("netlink request %d: %w", request, err)
	}
	if err := unix.Sendto(c.fd, raw, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return fmt.Errorf("netlink request %d: %w", request, err)
	}
	for {
		n, _, flags, from, err := unix.Recvmsg(c.fd, c.buf, nil, 0)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case err != nil:
			return fmt.Errorf("netlink answer to %d: %w", request, err)
		case flags&unix.MSG_TRUNC != 0:
			return fmt.Errorf("netlink answer to %d: a message of more than %d bytes", request, len(c.buf))
		}
		if nl, ok := from.(*unix.SockaddrNetlink); !ok || nl.Pid != 0 {
			continue // only the kernel is believed
		}
		if done, err := walk(c.buf[:n], c.seq, each); done || err != nil {
			return err
		}
	}
}

// walk goes through the messages of one datagram. It is done at NLMSG_DONE.
func walk(b []byte, seq uint32, each func(payload []byte) bool) (done bool, err error) {
	for len(b) >= unix.NLMSG_HDRLEN {
		size := int(binary.NativeEndian.Uint32(b))
		if size < unix.NLMSG_HDRLEN || size > len(b) {
			return true, fmt.Errorf("netlink: message of %d bytes in %d", size, len(b))
		}
		kind, payload := binary.NativeEndian.Uint16(b[4:]), b[unix.NLMSG_HDRLEN:size]
		mine := binary.NativeEndian.Uint32(b[8:]) == seq
		b = b[min(len(b), (size+3)&^3):]
		switch {
		case !mine:
		case kind == unix.NLMSG_DONE:
			return true, nil
		case kind == unix.NLMSG_ERROR:
			return true, answered(payload)
		case kind >= unix.NLMSG_MIN_TYPE && !each(payload):
			return true, ErrCut
		}
	}
	return false, nil
}

// answered reads the errno of an NLMSG_ERROR message.
func answered(payload []byte) error {
	if len(payload) < 4 {
		return errors.New("netlink: error message cut off")
	}
	if errno := int32(binary.NativeEndian.Uint32(payload)); errno != 0 {
		return fmt.Errorf("netlink: %w", unix.Errno(-errno))
	}
	return nil
}

// Attributes calls each for every attribute of b, with its type (flags taken
// off) and value. It returns false when it ended at a malformed attribute.
func Attributes(b []byte, each func(kind uint16, value []byte)) bool {
	for len(b) >= unix.SizeofRtAttr {
		size := int(binary.NativeEndian.Uint16(b))
		if size < unix.SizeofRtAttr || size > len(b) {
			return false
		}
		each(binary.NativeEndian.Uint16(b[2:])&^(unix.NLA_F_NESTED|unix.NLA_F_NET_BYTEORDER), b[unix.SizeofRtAttr:size])
		b = b[min(len(b), (size+3)&^3):]
	}
	return true
}
