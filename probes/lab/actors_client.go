//go:build linux

package lab

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// caller makes requests: on a new connection each, or on connections it keeps.
type caller struct {
	Target   string   // host:port
	Targets  []string // several instead, called in turn
	Local    string   // source address; "": the kernel's choice
	Rate     float64  // new connections a second
	Burst    int      // connections made at once; the rate stays; default 1
	Keep     int      // connections kept open instead, each used again and again
	Pools    bool     // how many it keeps is a setting of its host
	Pause    float64  // seconds between two requests on a kept connection
	Body     uint32   // bytes of a request
	Reply    uint32   // bytes of the answer
	Hold     uint32   // milliseconds that the service is asked to wait
	Timeout  float64  // seconds for connecting and for each answer; default 2
	Total    int      // connections after which it stops; 0: never
	Abandon  bool     // reset connections that failed instead of closing them
	Leave    float64  // seconds after which it resets the connection without its answer; 0: never
	Dawdle   float64  // seconds for which it does not read, with a small receive buffer; then it leaves
	Mute     bool     // connect only, and wait for Timeout
	ShrinkTo int      // SO_RCVBUF set after the request, when a larger window was offered; 0: not
	Hurry    bool     // close as soon as the request is handed to the kernel

	turn atomic.Int64 // of Targets
}

// run counts: ok, failed, and failed by kind (timeout, refused, reset,
// unreachable, no_port, closed, stranger); slow: the connection took over 0.9 s, the time
// of a repeated SYN; prompt: those ok that took less; dialed.
func (c *caller) run(t *tally) error {
	if c.Timeout == 0 {
		c.Timeout = 2
	}
	t.ready()
	if c.Keep > 0 {
		for i := range c.Keep {
			round := max(c.Pause+float64(c.Hold)/1000, 0.2)
			go c.keep(t, float64(i)*round/float64(c.Keep))
		}
		select {}
	}
	burst := max(c.Burst, 1)
	tick := time.NewTicker(time.Duration(float64(burst) / c.Rate * float64(time.Second)))
	for made := 0; c.Total == 0 || made < c.Total; made += burst {
		<-tick.C
		for range burst {
			go func() {
				start := time.Now()
				conn, err := c.dial(t)
				if err == nil {
					err = c.ask(conn)
					if err != nil && c.Abandon {
						_ = conn.(*net.TCPConn).SetLinger(0)
					}
					conn.Close()
				}
				c.counted(t, start, err)
			}()
		}
	}
	select {}
}

func (c *caller) timeout() time.Duration { return time.Duration(c.Timeout * float64(time.Second)) }

func (c *caller) dial(t *tally) (net.Conn, error) {
	d := net.Dialer{Timeout: c.timeout(), KeepAlive: -1}
	d.SetMultipathTCP(false)
	if c.Local != "" {
		d.LocalAddr = &net.TCPAddr{IP: net.ParseIP(c.Local)}
	}
	if c.Dawdle > 0 {
		d.Control = func(_, _ string, raw syscall.RawConn) error {
			return raw.Control(func(fd uintptr) { _ = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF, 4096) })
		}
	}
	start, target := time.Now(), c.Target
	if n := len(c.Targets); n > 0 {
		target = c.Targets[int(c.turn.Add(1))%n]
	}
	t.add("dialed", 1)
	conn, err := d.Dial("tcp", target)
	if time.Since(start) > 900*time.Millisecond {
		t.add("slow", 1)
	}
	return conn, err
}

// keep uses one connection for many requests and makes it anew when it fails.
func (c *caller) keep(t *tally, after float64) {
	sleep(after)
	for {
		start := time.Now()
		conn, err := c.dial(t)
		for err == nil {
			if err = c.request(conn); err == nil {
				c.counted(t, start, nil)
				sleep(c.Pause)
				start = time.Now()
			}
		}
		c.counted(t, start, err)
		if conn != nil {
			conn.Close()
		}
		sleep(max(0.2, min(c.Pause, 1)))
	}
}

// ask is a request, or what a caller without patience or manners makes of it.
func (c *caller) ask(conn net.Conn) error {
	switch {
	case c.Mute:
		sleep(c.Timeout)
		return nil
	case c.Dawdle > 0:
		msg := make([]byte, headerSize)
		header{Reply: c.Reply}.put(msg)
		_, err := conn.Write(msg)
		sleep(c.Dawdle)
		return err
	case c.Hurry:
		msg := make([]byte, headerSize+int(c.Body))
		header{c.Body, c.Reply, c.Hold, port(conn.RemoteAddr().String())}.put(msg)
		_ = conn.SetDeadline(time.Now().Add(c.timeout()))
		_, err := conn.Write(msg)
		return err
	case c.Leave > 0:
		msg := make([]byte, headerSize)
		header{Reply: c.Reply, Hold: c.Hold}.put(msg)
		_, err := conn.Write(msg)
		sleep(c.Leave)
		_ = conn.(*net.TCPConn).SetLinger(0)
		return err
	}
	return c.request(conn)
}

// request asks once, reads the whole answer and looks that it is the service's.
func (c *caller) request(conn net.Conn) error {
	_ = conn.SetDeadline(time.Now().Add(c.timeout() + time.Duration(c.Hold)*time.Millisecond))
	msg := make([]byte, headerSize+int(c.Body))
	h := header{c.Body, max(c.Reply, voucherSize), c.Hold, port(conn.RemoteAddr().String())}
	h.put(msg)
	if _, err := conn.Write(msg); err != nil {
		return err
	}
	if c.ShrinkTo > 0 {
		_ = conn.(*net.TCPConn).SetReadBuffer(c.ShrinkTo)
		sleep(0.1)
	}
	if err := h.vouched(conn); err != nil {
		return err
	}
	_, err := io.CopyN(io.Discard, conn, int64(h.Reply)-int64(len(h.voucher())))
	return err
}

func (h header) put(b []byte) {
	binary.BigEndian.PutUint32(b, h.Body)
	binary.BigEndian.PutUint32(b[4:], h.Reply)
	binary.BigEndian.PutUint32(b[8:], h.Hold)
	binary.BigEndian.PutUint32(b[12:], h.Port)
}

// port is the port of an endpoint "host:port", 0 if it has none.
func port(at string) uint32 {
	p, err := netip.ParseAddrPort(at)
	if err != nil {
		return 0
	}
	return uint32(p.Port())
}

// counted counts a request that began at start.
func (c *caller) counted(t *tally, start time.Time, err error) {
	count(t, err)
	if err == nil && time.Since(start) < prompt+time.Duration(c.Hold)*time.Millisecond {
		t.add("prompt", 1)
	}
}

// count files err under the kind of failure that a client would log.
func count(t *tally, err error) {
	if err == nil {
		t.add("ok", 1)
		return
	}
	t.add("failed", 1)
	kind := "other"
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		kind = "refused"
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		kind = "reset"
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		kind = "no_port"
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH), errors.Is(err, syscall.EACCES), errors.Is(err, syscall.EINVAL):
		kind = "unreachable"
	case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, syscall.ETIMEDOUT), isTimeout(err):
		kind = "timeout"
	case errors.Is(err, errStranger):
		kind = "stranger"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		kind = "closed"
	}
	t.add(kind, 1)
}

func isTimeout(err error) bool {
	var n net.Error
	return errors.As(err, &n) && n.Timeout()
}

// stream moves bulk data over lasting connections.
type stream struct {
	Target   string
	Conns    int
	Down     bool    // receive instead of send
	Rate     float64 // bytes a second a connection sends; 0: as fast as it may
	ReadRate float64 // bytes a second a connection reads; 0: no limit
	Chunk    int     // bytes a write or read; default 16384
	RcvBuf   int     // SO_RCVBUF; 0: autotuning
	SndBuf   int     // SO_SNDBUF; 0: autotuning
	Burst    float64 // seconds between bursts; each sends Rate times it at once
	Even     bool    // one write at a time, evenly spaced, instead of several in a row
	Session  float64 // seconds after which it begins anew on another connection; 0: never
}

// run counts: bytes; vouched: those from or to the service that was meant; stalled: seconds in which a connection moved nothing,
// counted from the first second on; failed by kind, as caller does.
func (s *stream) run(t *tally) error {
	if s.Chunk == 0 {
		s.Chunk = 16 << 10
	}
	t.ready()
	for range max(s.Conns, 1) {
		go func() {
			for {
				count(t, s.transfer(t))
				sleep(0.5)
			}
		}()
	}
	select {}
}

func (s *stream) transfer(t *tally) error {
	d := net.Dialer{Timeout: 3 * time.Second, KeepAlive: -1}
	d.SetMultipathTCP(false)
	d.Control = func(_, _ string, raw syscall.RawConn) error {
		return raw.Control(func(fd uintptr) {
			if s.RcvBuf > 0 {
				_ = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF, s.RcvBuf)
			}
			if s.SndBuf > 0 {
				_ = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_SNDBUF, s.SndBuf)
			}
		})
	}
	conn, err := d.Dial("tcp", s.Target)
	if err != nil {
		return err
	}
	defer conn.Close()
	t.add("dialed", 1)
	h := header{Body: endless, Reply: voucherSize, Port: port(s.Target)}
	if s.Down {
		h = header{Reply: endless, Port: port(s.Target)}
	}
	var head [headerSize]byte
	h.put(head[:])
	if _, err := conn.Write(head[:]); err != nil {
		return err
	}
	var known atomic.Bool
	if !s.Down {
		go func() { known.Store(h.vouched(conn) == nil) }() // until the connection is closed
	}
	return s.move(conn, h, &known, t)
}

// pace is the rate of a connection.
func (s *stream) pace() *pace {
	if s.Down {
		return newPace(s.ReadRate)
	}
	return newPace(s.Rate)
}

// step reads or writes once, for a second at most.
func (s *stream) step(conn net.Conn, buf []byte) (int, error) {
	if s.Down {
		_ = conn.SetReadDeadline(time.Now().Add(time.Second))
		return conn.Read(buf)
	}
	_ = conn.SetWriteDeadline(time.Now().Add(time.Second))
	return conn.Write(buf)
}

// move copies until the connection fails; a deadline of a second shows stalls. known
// says whether the service has vouched for itself to who sends.
func (s *stream) move(conn net.Conn, h header, known *atomic.Bool, t *tally) error {
	buf := make([]byte, s.Chunk)
	pace, stalled, burst, start := s.pace(), 0, 0.0, time.Now()
	voucher, unknown := h.voucher(), 0 // what is left of it to be read; bytes to who knows whom
	for s.Session == 0 || time.Since(start).Seconds() < s.Session {
		n, err := s.step(conn, buf)
		if s.Down {
			begins := voucher[:min(n, len(voucher))]
			if !bytes.HasPrefix(buf, begins) {
				return errStranger
			}
			voucher = voucher[len(begins):]
		}
		t.add("bytes", float64(n))
		if unknown += n; s.Down || known.Load() {
			t.add("vouched", float64(unknown))
			unknown = 0
		}
		if n == 0 && errors.Is(err, os.ErrDeadlineExceeded) {
			t.add("stalled", 1)
			if stalled++; stalled > 60 {
				return err
			}
			continue
		}
		if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
			return err
		}
		stalled = 0
		if s.Even {
			sleep(float64(n) / s.Rate)
			continue
		}
		if s.Burst > 0 {
			if burst += float64(n); burst >= s.Rate*s.Burst {
				burst = 0
				sleep(s.Burst)
			}
			continue
		}
		pace.wait(n)
	}
	return nil
}
