package routes

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
	"time"

	"golang.org/x/sys/unix"
)

// conn is a NETLINK_ROUTE socket with its buffer. What is asked here, any user
// may ask.
type conn struct {
	fd  int
	seq uint32
	buf []byte
	out []byte
}

const readSize = 32 << 10

// dial opens a socket in the network namespace of the calling thread.
func dial() (*conn, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_ROUTE)
	if err != nil {
		return nil, fmt.Errorf("open a NETLINK_ROUTE socket: %w", err)
	}
	if err := unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("bind the NETLINK_ROUTE socket: %w", err)
	}
	return &conn{fd: fd, buf: make([]byte, readSize)}, nil
}

func (c *conn) close() { unix.Close(c.fd) }

// errEnough ends a dump early; the connection has to be closed then.
var errEnough = errors.New("enough")

// dump asks for all objects of a kind and visits the body of each answer. After an
// error the connection holds half an answer and has to be closed.
func (c *conn) dump(ctx context.Context, kind uint16, request []byte, visit func(body []byte) error) error {
	return c.exchange(ctx, kind, unix.NLM_F_DUMP, request, visit)
}

// get asks for one object. An error of type unix.Errno is the kernel's answer,
// and the connection stays usable.
func (c *conn) get(ctx context.Context, kind uint16, request []byte, visit func(body []byte) error) error {
	return c.exchange(ctx, kind, 0, request, visit)
}

func (c *conn) exchange(ctx context.Context, kind, flags uint16, request []byte, visit func([]byte) error) error {
	if err := c.send(kind, flags, request); err != nil {
		return fmt.Errorf("ask rtnetlink: %w", err)
	}
	for {
		if err := c.limit(ctx); err != nil {
			return err
		}
		n, err := unix.Read(c.fd, c.buf)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case errors.Is(err, unix.EAGAIN):
			return fmt.Errorf("rtnetlink did not answer in time: %w", context.DeadlineExceeded)
		case err != nil:
			return fmt.Errorf("read from rtnetlink: %w", err)
		}
		if done, err := c.batch(c.buf[:n], flags == unix.NLM_F_DUMP, visit); done || err != nil {
			return err
		}
	}
}

func (c *conn) send(kind, flags uint16, request []byte) error {
	c.seq++
	order := binary.NativeEndian
	c.out = order.AppendUint32(c.out[:0], uint32(unix.SizeofNlMsghdr+len(request)))
	c.out = order.AppendUint16(c.out, kind)
	c.out = order.AppendUint16(c.out, unix.NLM_F_REQUEST|flags)
	c.out = order.AppendUint32(c.out, c.seq)
	c.out = order.AppendUint32(c.out, 0)
	c.out = append(c.out, request...)
	return unix.Sendto(c.fd, c.out, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK})
}

// limit makes the next read give up when the context does.
func (c *conn) limit(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	wait := 2 * time.Second
	if deadline, ok := ctx.Deadline(); ok {
		wait = max(time.Until(deadline), time.Millisecond)
	}
	tv := unix.NsecToTimeval(wait.Nanoseconds())
	return unix.SetsockoptTimeval(c.fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &tv)
}

// batch visits the answers of one read and says whether they were the last.
func (c *conn) batch(b []byte, multi bool, visit func([]byte) error) (done bool, err error) {
	order := binary.NativeEndian
	for len(b) >= unix.SizeofNlMsghdr {
		size := int(order.Uint32(b))
		if size < unix.SizeofNlMsghdr || size > len(b) {
			return true, fmt.Errorf("rtnetlink: a message of %d bytes in %d", size, len(b))
		}
		kind, seq, body := order.Uint16(b[4:]), order.Uint32(b[8:]), b[unix.SizeofNlMsghdr:size]
		b = b[min(align(size), len(b)):]
		switch {
		case seq != c.seq:
			continue // left over from a request that was given up
		case kind == unix.NLMSG_DONE, kind == unix.NLMSG_ERROR:
			if len(body) < 4 {
				return true, nil // older kernels end a dump without a status
			}
			if code := int32(order.Uint32(body)); code < 0 {
				return true, unix.Errno(-code)
			}
			return true, nil
		}
		if err := visit(body); err != nil {
			return true, err
		}
		done = !multi
	}
	return done, nil
}

// attributes yields the netlink attributes of b by type, as far as they are well formed.
func attributes(b []byte) iter.Seq2[uint16, []byte] {
	return func(yield func(uint16, []byte) bool) {
		for len(b) >= unix.SizeofRtAttr {
			size := int(binary.NativeEndian.Uint16(b))
			if size < unix.SizeofRtAttr || size > len(b) {
				return
			}
			kind := binary.NativeEndian.Uint16(b[2:]) &^ (unix.NLA_F_NESTED | unix.NLA_F_NET_BYTEORDER)
			if !yield(kind, b[unix.SizeofRtAttr:size]) {
				return
			}
			b = b[min(align(size), len(b)):]
		}
	}
}

// attribute appends one attribute to a request.
func attribute(request []byte, kind uint16, value []byte) []byte {
	order := binary.NativeEndian
	request = order.AppendUint16(request, uint16(unix.SizeofRtAttr+len(value)))
	request = order.AppendUint16(request, kind)
	request = append(request, value...)
	return append(request, make([]byte, align(len(value))-len(value))...)
}

// align rounds up to the alignment of netlink messages and attributes, 4 bytes.
func align(n int) int { return (n + 3) &^ 3 }
