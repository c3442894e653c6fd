// Package inetdiag reads the kernel's TCP sockets, one at a time and without
// allocating: over NETLINK_SOCK_DIAG where the kernel offers it, and from
// /proc/net/tcp where it does not.
//
// Any user may dump all sockets of the network namespace in which the netlink
// socket was opened; no capability is needed.
package inetdiag

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// State is a TCP state with the kernel's number (include/net/tcp_states.h).
type State uint8

// The states that a dump can show.
const (
	Established State = 1 + iota
	SynSent
	SynRecv
	FinWait1
	FinWait2
	TimeWait
	Close
	CloseWait
	LastAck
	Listen
	Closing
	NewSynRecv // never shown by diag, which reports it as SynRecv
)

var stateNames = [...]string{
	"", "ESTAB", "SYN-SENT", "SYN-RECV", "FIN-WAIT-1", "FIN-WAIT-2", "TIME-WAIT",
	"CLOSE", "CLOSE-WAIT", "LAST-ACK", "LISTEN", "CLOSING", "SYN-RECV",
}

// String spells the state as ss(8) does.
func (s State) String() string {
	if int(s) < len(stateNames) {
		return stateNames[s]
	}
	return fmt.Sprintf("state %d", uint8(s))
}

// Timer is what the socket's pending timer is for (idiag_timer).
type Timer uint8

// The timers. A zero-window probe is not a retransmission timeout, although both
// double tcpi_backoff.
const (
	TimerOff Timer = iota
	TimerRetransmit
	TimerKeepalive
	TimerTimeWait
	TimerProbe // persist: probes a peer whose receive window is closed
)

// AllStates asks for every TCP state. It leaves out the bits above it, for which
// newer kernels walk the bind table too.
const AllStates uint32 = 0xfff

// Mask returns the state mask for the given states.
func Mask(states ...State) uint32 {
	var m uint32
	for _, s := range states {
		m |= 1 << s
	}
	return m
}

// Extension selects an attribute beside the fixed part of each socket.
type Extension uint8

// Attributes of include/uapi/linux/inet_diag.h.
const (
	attrInfo   = 2 // INET_DIAG_INFO
	attrCong   = 4 // INET_DIAG_CONG
	attrMemory = 7 // INET_DIAG_SKMEMINFO
)

// The extensions, as bits of inet_diag_req_v2.idiag_ext.
const (
	WithInfo   Extension = 1 << (attrInfo - 1)
	WithCong   Extension = 1 << (attrCong - 1)
	WithMemory Extension = 1 << (attrMemory - 1)
)

// Request says what to dump.
type Request struct {
	Family     uint8  // unix.AF_INET or unix.AF_INET6
	States     uint32 // see Mask and AllStates
	Extensions Extension
}

const (
	// A dump fills at most 32 KiB a read (netlink_dump in af_netlink.c).
	readSize    = 32 << 10
	requestSize = unix.SizeofNlMsghdr + 56 // nlmsghdr, inet_diag_req_v2
)

// Conn is a NETLINK_SOCK_DIAG socket with its buffer. It is not safe for
// concurrent use.
type Conn struct {
	fd     int
	seq    uint32
	buf    []byte
	out    [requestSize]byte
	socket Socket
}

// Dial opens a socket in the network namespace of the calling thread. It fails
// where a seccomp filter or a security module forbids the netlink family, or the
// kernel has no CONFIG_INET_DIAG.
func Dial() (*Conn, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_SOCK_DIAG)
	if err != nil {
		return nil, fmt.Errorf("open a NETLINK_SOCK_DIAG socket: %w", err)
	}
	if err := unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("bind the NETLINK_SOCK_DIAG socket: %w", err)
	}
	return &Conn{fd: fd, buf: make([]byte, readSize)}, nil
}

// Close closes the netlink socket.
func (c *Conn) Close() error {
	if c.fd < 0 {
		return nil
	}
	err := unix.Close(c.fd)
	c.fd = -1
	return err
}

// Dump calls visit for each socket that matches. The Socket is reused: visit must
// not keep the pointer. interrupted says that the table changed so that the
// kernel could not give a consistent picture (NLM_F_DUMP_INTR).
//
// After an error the connection holds half an answer and has to be closed.
// Errors: the kernel's, such as ENOENT where tcp_diag is not loaded, the
// context's, and malformed messages.
func (c *Conn) Dump(ctx context.Context, r Request, visit func(*Socket)) (interrupted bool, err error) {
	if err := c.send(r); err != nil {
		return false, fmt.Errorf("ask inet_diag for sockets: %w", err)
	}
	if err := c.limit(ctx); err != nil {
		return false, err
	}
	return c.receive(ctx, visit)
}

// receive reads the answer to the end.
func (c *Conn) receive(ctx context.Context, visit func(*Socket)) (interrupted bool, err error) {
	for {
		if err := ctx.Err(); err != nil {
			return interrupted, err
		}
		n, err := unix.Read(c.fd, c.buf)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case errors.Is(err, unix.EAGAIN):
			return interrupted, fmt.Errorf("inet_diag did not answer in time: %w", context.DeadlineExceeded)
		case err != nil:
			return interrupted, fmt.Errorf("read from inet_diag: %w", err)
		case n == 0:
			return interrupted, errors.New("inet_diag: the answer ends early")
		}
		done, intr, err := c.batch(c.buf[:n], visit)
		interrupted = interrupted || intr
		if done || err != nil {
			return interrupted, err
		}
	}
}

// limit makes each read give up after the time that is left until the deadline.
func (c *Conn) limit(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	wait := 5 * time.Second
	if deadline, ok := ctx.Deadline(); ok {
		wait = max(time.Until(deadline), time.Millisecond)
	}
	tv := unix.NsecToTimeval(wait.Nanoseconds())
	return unix.SetsockoptTimeval(c.fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &tv)
}

func (c *Conn) send(r Request) error {
	c.seq++
	b := c.out[:]
	clear(b)
	order := binary.NativeEndian
	order.PutUint32(b[0:], uint32(len(b)))
	order.PutUint16(b[4:], unix.SOCK_DIAG_BY_FAMILY)
	order.PutUint16(b[6:], unix.NLM_F_REQUEST|unix.NLM_F_DUMP)
	order.PutUint32(b[8:], c.seq)
	b[16] = r.Family
	b[17] = unix.IPPROTO_TCP
	b[18] = uint8(r.Extensions)
	order.PutUint32(b[20:], r.States)
	return unix.Sendto(c.fd, b, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK})
}

// batch visits the sockets of one read.
func (c *Conn) batch(b []byte, visit func(*Socket)) (done, interrupted bool, err error) {
	order := binary.NativeEndian
	for len(b) >= unix.SizeofNlMsghdr {
		size := int(order.Uint32(b))
		if size < unix.SizeofNlMsghdr || size > len(b) {
			return true, interrupted, fmt.Errorf("inet_diag: a message of %d bytes in %d", size, len(b))
		}
		body := b[unix.SizeofNlMsghdr:size]
		kind, flags, seq := order.Uint16(b[4:]), order.Uint16(b[6:]), order.Uint32(b[8:])
		b = b[min(align(size), len(b)):]
		if seq != c.seq {
			continue // left over from a request that was given up
		}
		interrupted = interrupted || flags&unix.NLM_F_DUMP_INTR != 0
		switch kind {
		case unix.NLMSG_DONE, unix.NLMSG_ERROR:
			return true, interrupted, answer(body)
		case unix.SOCK_DIAG_BY_FAMILY:
			known, err := c.socket.parse(body)
			if err != nil {
				return true, interrupted, fmt.Errorf("inet_diag: %w", err)
			}
			if known {
				visit(&c.socket)
			}
		}
	}
	if len(b) > 0 {
		return true, interrupted, fmt.Errorf("inet_diag: a message of %d bytes, shorter than its header", len(b))
	}
	return false, interrupted, nil
}

// answer turns the status that ends a dump into an error.
func answer(body []byte) error {
	if len(body) < 4 {
		return nil // older kernels end a dump without a status
	}
	code := int32(binary.NativeEndian.Uint32(body))
	if code >= 0 {
		return nil
	}
	return fmt.Errorf("inet_diag: %w", unix.Errno(-code))
}

// align rounds up to the alignment of netlink messages and attributes, 4 bytes.
func align(n int) int { return (n + 3) &^ 3 }
