package inetdiag

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"

	"golang.org/x/sys/unix"
)

// Get asks for one socket, told by its addresses, ports and cookie, and calls
// visit for it. It costs a few microseconds. After an error other than a kernel's
// refusal the connection has to be closed. Errors: unix.ENOENT or ESTALE where the
// socket is no more, the context's, and malformed messages.
func (c *Conn) Get(ctx context.Context, k *Socket, extensions Extension, visit func(*Socket)) error {
	if err := c.limit(ctx); err != nil {
		return err
	}
	if err := c.ask(k, extensions); err != nil {
		return fmt.Errorf("ask inet_diag for a socket: %w", err)
	}
	found := false
	for {
		n, err := unix.Read(c.fd, c.buf)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case errors.Is(err, unix.EAGAIN):
			return fmt.Errorf("inet_diag did not answer in time: %w", context.DeadlineExceeded)
		case err != nil:
			return fmt.Errorf("read from inet_diag: %w", err)
		case n == 0:
			return errors.New("inet_diag: the answer ends early")
		}
		done, _, err := c.batch(c.buf[:n], func(s *Socket) { found = true; visit(s) })
		if err != nil || done || found {
			return err
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
}

// ask sends the request for one socket: struct inet_diag_req_v2 with its id.
func (c *Conn) ask(k *Socket, extensions Extension) error {
	c.seq++
	b := c.out[:]
	clear(b)
	order := binary.NativeEndian
	order.PutUint32(b[0:], uint32(len(b)))
	order.PutUint16(b[4:], unix.SOCK_DIAG_BY_FAMILY)
	order.PutUint16(b[6:], unix.NLM_F_REQUEST)
	order.PutUint32(b[8:], c.seq)
	b[16] = unix.AF_INET
	if k.Local.Addr().Is6() {
		b[16] = unix.AF_INET6
	}
	b[17] = unix.IPPROTO_TCP
	b[18] = uint8(extensions)
	order.PutUint32(b[20:], AllStates)
	id := b[24:]
	binary.BigEndian.PutUint16(id, k.Local.Port())
	binary.BigEndian.PutUint16(id[2:], k.Remote.Port())
	putAddress(id[4:20], k.Local.Addr())
	putAddress(id[20:36], k.Remote.Addr())
	order.PutUint32(id[36:], k.Ifindex)
	order.PutUint32(id[40:], uint32(k.Cookie))
	order.PutUint32(id[44:], uint32(k.Cookie>>32))
	return unix.Sendto(c.fd, b, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK})
}

func putAddress(b []byte, a netip.Addr) { copy(b, a.AsSlice()) }
