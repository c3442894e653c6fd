package load

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// Limits are what a counterpart does at most. Zero values are not allowed.
type Limits struct {
	Open     int            // connections at a time; more are closed at once
	Bytes    int64          // both ways together; then it ends
	Duration time.Duration  // then it ends
	From     []netip.Prefix // who may connect; empty: everybody
}

// Hard limits of a counterpart.
const (
	MaxServe      = 24 * time.Hour
	MaxServeBytes = 1 << 40
)

// DefaultLimits are enough for what a Traffic does by default, many times.
func DefaultLimits() Limits { return Limits{Open: 256, Bytes: 1 << 30, Duration: 10 * time.Minute} }

// Check says what is wrong with the limits.
func (l *Limits) Check() error {
	switch {
	case l.Open < 1 || l.Open > 10*MaxOpen:
		return fmt.Errorf("connections at a time: %d, expected 1 to %d", l.Open, 10*MaxOpen)
	case l.Bytes < 1 || l.Bytes > MaxServeBytes:
		return fmt.Errorf("bytes altogether: %d, expected 1 to %d", l.Bytes, int64(MaxServeBytes))
	case l.Duration < time.Second || l.Duration > MaxServe:
		return fmt.Errorf("duration: %v, expected 1s to %v", l.Duration, MaxServe)
	}
	return nil
}

// Served is what a counterpart did.
type Served struct {
	Connections int64  `json:"connections"`
	TooMany     int64  `json:"refused_too_many"` // closed at once: too many at a time
	Strangers   int64  `json:"refused_strangers"`
	Requests    int64  `json:"requests"`
	Bytes       int64  `json:"bytes"`
	Broken      int64  `json:"broken"` // connections that ended by an error, reset by the other end or malformed
	Again       int64  `json:"segments_again"`
	Ended       string `json:"ended"` // time, bytes or interrupted
}

// counterpart is the other end of a Traffic.
type counterpart struct {
	limits Limits
	ctx    context.Context
	end    context.CancelCauseFunc
	open   chan struct{}

	connections, tooMany, strangers, requests, bytes, broken, again atomic.Int64
}

// errTime ends a counterpart.
var errTime = errors.New("time")

// Listen opens the socket of a counterpart at HOST:PORT. The host must be named: one
// that is reachable from everywhere is asked for as 0.0.0.0 or [::].
func Listen(ctx context.Context, address string) (net.Listener, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, fmt.Errorf("address %q: expected HOST:PORT", address)
	}
	if host == "" {
		return nil, fmt.Errorf("address %q: expected the host to listen at; 0.0.0.0 and [::] are all addresses", address)
	}
	var config net.ListenConfig
	config.SetMultipathTCP(false)
	return config.Listen(ctx, "tcp", address)
}

// Serve is the counterpart: it reads what is sent and answers requests, within its
// limits, until the time is over, the bytes are used up or the context ends. It
// closes the listener.
func Serve(ctx context.Context, l net.Listener, limits Limits) (*Served, error) {
	if err := limits.Check(); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	within, cancelTime := context.WithTimeoutCause(ctx, limits.Duration, errTime)
	defer cancelTime()
	bounded, end := context.WithCancelCause(within)
	c := &counterpart{limits: limits, ctx: bounded, end: end, open: make(chan struct{}, limits.Open)}
	defer context.AfterFunc(bounded, func() { l.Close() })()
	var under sync.WaitGroup
	err := c.accept(l, &under)
	end(err)
	l.Close()
	under.Wait()
	return c.account(), err
}

func (c *counterpart) account() *Served {
	ended := "interrupted"
	switch cause := context.Cause(c.ctx); {
	case errors.Is(cause, errTime):
		ended = "time"
	case errors.Is(cause, errBytes):
		ended = "bytes"
	}
	return &Served{
		Connections: c.connections.Load(), TooMany: c.tooMany.Load(), Strangers: c.strangers.Load(), Requests: c.requests.Load(),
		Bytes: c.bytes.Load(), Broken: c.broken.Load(), Again: c.again.Load(), Ended: ended,
	}
}

// accept takes connections until the listener is closed. Where there are no
// descriptors left it tries again.
func (c *counterpart) accept(l net.Listener, under *sync.WaitGroup) error {
	for {
		conn, err := l.Accept()
		switch {
		case c.ctx.Err() != nil:
			if err == nil {
				conn.Close()
			}
			return nil
		case errors.Is(err, net.ErrClosed):
			return err
		case err != nil:
			time.Sleep(50 * time.Millisecond)
			continue
		case !c.mayConnect(conn.RemoteAddr()):
			c.strangers.Add(1)
			conn.Close()
			continue
		}
		select {
		case c.open <- struct{}{}:
		default:
			c.tooMany.Add(1)
			conn.Close()
			continue
		}
		c.connections.Add(1)
		under.Go(func() {
			defer func() { <-c.open }()
			c.serve(conn.(*net.TCPConn))
		})
	}
}

func (c *counterpart) mayConnect(a net.Addr) bool {
	if len(c.limits.From) == 0 {
		return true
	}
	from, err := netip.ParseAddrPort(a.String())
	return err == nil && slices.ContainsFunc(c.limits.From, func(p netip.Prefix) bool {
		return p.Contains(from.Addr().Unmap().WithZone(""))
	})
}

// serve is one connection.
func (c *counterpart) serve(conn *net.TCPConn) {
	stop := context.AfterFunc(c.ctx, func() {
		_ = conn.SetLinger(0)
		conn.Close()
	})
	defer func() {
		if stop() {
			c.count(conn)
			conn.Close()
		}
	}()
	r := readers.Get().(*bufio.Reader)
	r.Reset(conn)
	defer func() { r.Reset(nil); readers.Put(r) }()
	err := c.talk(conn, r)
	if err != nil && !errors.Is(err, io.EOF) && c.ctx.Err() == nil {
		c.broken.Add(1)
	}
}

// count adds what the connection had to send again.
func (c *counterpart) count(conn *net.TCPConn) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return
	}
	_ = raw.Control(func(fd uintptr) {
		if info, err := unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO); err == nil {
			c.again.Add(int64(info.Total_retrans))
		}
	})
}

// talk answers requests until the other end closes. What is no request is read and
// discarded.
func (c *counterpart) talk(conn *net.TCPConn, r *bufio.Reader) error {
	for {
		start, err := r.Peek(len(magic))
		if string(start) != magic {
			if len(start) == 0 {
				return err
			}
			return discard(r, endless, c.passed)
		}
		var b [headerSize]byte
		if _, err := io.ReadFull(r, b[:]); err != nil {
			return err
		}
		h, err := parseHeader(b[:])
		if err != nil {
			return err
		}
		if err := c.passed(headerSize); err != nil {
			return err
		}
		if err := exactly(r, h.body, c.passed); err != nil {
			return err
		}
		c.requests.Add(1)
		if err := c.answer(conn, h); err != nil {
			return err
		}
	}
}

// passed counts bytes; as many as allowed end the counterpart.
func (c *counterpart) passed(n int64) error {
	if c.bytes.Add(n) > c.limits.Bytes {
		c.end(errBytes)
		return errBytes
	}
	return nil
}

// answer waits as asked and sends what was asked for.
func (c *counterpart) answer(conn *net.TCPConn, h header) error {
	if h.wait > 0 {
		select {
		case <-time.After(h.wait):
		case <-c.ctx.Done():
			return c.ctx.Err()
		}
	}
	head := make([]byte, 0, answerSize)
	head = append(head, magic...)
	head = append(head, header{reply: h.reply}.bytes()[16:24]...)
	first := min(h.reply, int64(len(noise)))
	rate := float64(h.kib) * 1024
	if rate > 0 {
		first = min(first, max(1448, int64(rate/50)))
	}
	part := append(head, noise[:first]...)
	left, begin, sent := h.reply-first, time.Now(), 0.0
	for {
		if err := c.passed(int64(len(part))); err != nil {
			return err
		}
		n, err := conn.Write(part)
		if err != nil || left <= 0 {
			return err
		}
		if sent += float64(n); rate > 0 {
			select {
			case <-time.After(time.Until(begin.Add(time.Duration(sent / rate * float64(time.Second))))):
			case <-c.ctx.Done():
				return c.ctx.Err()
			}
		}
		part = noise[:min(first, left)]
		left -= int64(len(part))
	}
}
