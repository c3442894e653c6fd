package load

import (
	"bufio"
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"
)

// run is traffic under way.
type run struct {
	*recorder
	ctx     context.Context // ends when the operator interrupts
	traffic Traffic
	to      netip.AddrPort
	name    string // HOST:PORT of the target
	message []byte // one request

	left    atomic.Int64 // bytes that may still pass
	foreign atomic.Int32 // answers of no counterpart, until there is one of a counterpart
	ending  atomic.Pointer[string]
	stop    chan struct{} // closed with ending
}

// mostForeign answers end the traffic: the target is no counterpart.
const mostForeign = 3

// Run sends the traffic and returns how it fared. The end of the context interrupts
// it at once; that is no error. It fails for traffic that Check or Spares refuse.
func Run(ctx context.Context, t *Target, traffic Traffic) (*Result, error) {
	if err := traffic.Check(); err != nil {
		return nil, err
	}
	if err := traffic.Spares(); err != nil {
		return nil, err
	}
	to, tried := t.choose(ctx, traffic.Timeout.Duration())
	r := &run{recorder: newRecorder(t, traffic), ctx: ctx, traffic: traffic, to: to, name: t.Name, stop: make(chan struct{})}
	r.left.Store(traffic.Bytes)
	r.message = traffic.message()
	if traffic.HTTP != "" {
		r.message = traffic.get(cmp.Or(traffic.Host, t.Name))
	}
	r.r.Address, r.r.Tried = to, tried
	switch {
	case traffic.Kind == Idle:
		r.rests()
	case traffic.Kind == Up || traffic.Kind == Down:
		r.bulk()
	case traffic.Kind == Request && traffic.Keep > 0:
		r.kept()
	default:
		r.each()
	}
	ended := "time"
	if why := r.ending.Load(); why != nil {
		ended = *why
	}
	if ctx.Err() != nil {
		ended = "interrupted"
	}
	return r.finish(traffic.attempts(), ended), nil
}

// end ends the traffic early: no more is begun.
func (r *run) end(why string) {
	if r.ending.CompareAndSwap(nil, &why) {
		close(r.stop)
	}
}

// spend takes bytes from those that may pass, or ends the traffic.
func (r *run) spend(n int64) error {
	if r.left.Add(-n) < 0 {
		r.end("bytes")
		return errBytes
	}
	return nil
}

// wait sleeps until t. It is false if the traffic ends before.
func (r *run) wait(t time.Time) bool {
	if d := time.Until(t); d > 0 {
		timer := time.NewTimer(d)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-r.ctx.Done():
			return false
		case <-r.stop:
			return false
		}
	}
	return r.going()
}

func (r *run) going() bool {
	select {
	case <-r.stop:
		return false
	default:
		return r.ctx.Err() == nil
	}
}

// intended is when the i-th attempt is to begin.
func (r *run) intended(i int) time.Time {
	return r.start.Add(time.Duration(float64(i) / r.traffic.Rate * float64(time.Second)))
}

// each makes every attempt on a connection of its own, at its time, whatever came
// of those before.
func (r *run) each() {
	var under sync.WaitGroup
	defer under.Wait()
	slots := make(chan struct{}, r.traffic.Open)
	over := r.start.Add(r.traffic.Duration.Duration())
	for i := range r.traffic.attempts() {
		at := r.intended(i)
		if !r.wait(at) {
			return
		}
		late := false
		select {
		case slots <- struct{}{}:
		default: // as many as allowed are under way
			late = true
			if !r.slot(slots, over) {
				return
			}
		}
		a := r.begin(at, time.Now(), late)
		under.Go(func() {
			r.alone(a)
			<-slots
			r.add(a, r.ctx.Err() != nil)
		})
	}
}

// slot waits until one of those under way is done, at most until the traffic is over.
func (r *run) slot(slots chan struct{}, over time.Time) bool {
	timer := time.NewTimer(time.Until(over))
	defer timer.Stop()
	select {
	case slots <- struct{}{}:
		return true
	case <-timer.C:
	case <-r.ctx.Done():
	case <-r.stop:
	}
	return false
}

// alone makes an attempt on a connection of its own.
func (r *run) alone(a *attempt) {
	l, err := r.open(a)
	if err != nil {
		return
	}
	if r.traffic.Kind == Request {
		err = r.exchange(l, a)
		if err == nil {
			a.response = time.Since(a.begin)
		}
	}
	l.close(r.traffic.Reset || err != nil)
}

// line is a connection with what the traffic has to know about it.
type line struct {
	*conn
	r      *run
	in     *bufio.Reader
	secure *tls.Conn // nil without TLS
	syns   uint32    // SYNs that it sent again
	keep   bool      // it can carry another request
}

// Write sends bytes, within TLS where that is there.
func (l *line) Write(b []byte) (int, error) {
	if l.secure != nil {
		return l.secure.Write(b)
	}
	return l.conn.Write(b)
}

// readers are used again: each holds a buffer.
var readers = sync.Pool{New: func() any { return bufio.NewReaderSize(nil, 16<<10) }}

// open connects, and makes the TLS handshake if that is wanted. It tells the attempt
// how long each took.
func (r *run) open(a *attempt) (*line, error) {
	now := time.Now()
	c, err := dial(r.ctx, r.to, now.Add(r.traffic.Timeout.Duration()))
	took := time.Since(a.begin)
	if c == nil {
		r.connected(0)
		return nil, a.fail("connect", err)
	}
	l := &line{conn: c, r: r}
	if info, infoErr := c.info(); infoErr == nil {
		l.syns = info.Total_retrans
	}
	r.connected(l.syns)
	if err != nil {
		c.end(true)
		return nil, a.fail("connect", err)
	}
	a.connect = took
	l.in = readers.Get().(*bufio.Reader)
	l.in.Reset(c)
	if r.traffic.TLS {
		if err := r.shake(l, a); err != nil {
			l.close(true)
			return nil, a.fail("handshake", err)
		}
	}
	return l, nil
}

// close closes the connection and counts what it did.
func (l *line) close(reset bool) {
	if l.secure != nil && !reset {
		l.farewell()
	}
	if info, err := l.info(); err == nil {
		l.r.closed(info, l.syns)
	}
	l.end(reset)
	l.in.Reset(nil)
	readers.Put(l.in)
}

// exchange sends a request and reads the answer.
func (r *run) exchange(l *line, a *attempt) error {
	out := int64(len(r.message))
	if r.traffic.HTTP == "" {
		out = headerSize + r.traffic.Body
	}
	if err := r.spend(out); err != nil {
		return a.fail("send", err)
	}
	begin := time.Now()
	if err := l.until(r.ctx, begin.Add((r.traffic.Timeout + r.traffic.Think).Duration())); err != nil {
		return a.fail("send", err)
	}
	if err := l.send(r.message, out); err != nil {
		return a.fail("send", err)
	}
	if _, err := l.in.Peek(1); err != nil {
		return a.fail("wait", err)
	}
	first := time.Since(begin)
	err := r.readAnswer(l)
	if !errors.Is(err, errForeign) {
		a.first = first
	}
	switch {
	case errors.Is(err, errForeign):
		if r.foreign.Add(1) == mostForeign {
			r.end("foreign")
		}
	case err == nil:
		r.foreign.Store(-1 << 30)
	}
	if err != nil {
		return a.fail("read", err)
	}
	return nil
}

// send sends n bytes: the message, and noise behind it.
func (l *line) send(message []byte, n int64) error {
	for {
		if _, err := l.Write(message); err != nil {
			return err
		}
		if n -= int64(len(message)); n <= 0 {
			return nil
		}
		message = noise[:min(n, int64(len(noise)))]
	}
}

// readAnswer reads an answer of a counterpart, or of an HTTP server.
func (r *run) readAnswer(l *line) error {
	if r.traffic.HTTP == "" {
		n, err := answer(l.in)
		if err != nil {
			return err
		}
		l.keep = true
		return exactly(l.in, n, r.spend)
	}
	h, err := readHead(l.in)
	for ; err == nil && h.status < 200; h, err = readHead(l.in) { // interim (RFC 9110, 15.2)
		if err := r.spend(1); err != nil {
			return err
		}
	}
	if err != nil {
		return err
	}
	l.keep = h.keep
	if err := h.readBody(l.in, r.spend); err != nil {
		return err
	}
	if h.status >= 400 {
		return statusError(h.status)
	}
	return nil
}

// kept makes requests on connections that are used again and again, each at its
// time. Where an answer is late, the next request on the connection begins late, and
// its time counts from when it should have begun.
func (r *run) kept() {
	var under sync.WaitGroup
	defer under.Wait()
	over := r.start.Add(r.traffic.Duration.Duration())
	for k := range r.traffic.Keep {
		under.Go(func() {
			var l *line
			for i := k; i < r.traffic.attempts(); i += r.traffic.Keep {
				at := r.intended(i)
				late := time.Now().After(at) // the answer before came late
				if !r.wait(at) || !time.Now().Before(over) {
					break
				}
				l = r.again(l, i, late && i > k)
			}
			if l != nil {
				l.close(r.traffic.Reset)
			}
		})
	}
}

// again makes the i-th request, on a new connection if there is none, and returns
// the connection for the next one.
func (r *run) again(l *line, i int, late bool) *line {
	a := r.begin(r.intended(i), time.Now(), late)
	defer func() { r.add(a, r.ctx.Err() != nil) }()
	if l == nil {
		var err error
		if l, err = r.open(a); err != nil {
			return nil
		}
		if i < r.traffic.Keep { // the first: it is not yet late for anybody
			a.begin = time.Now()
		}
	}
	err := r.exchange(l, a)
	if err == nil {
		a.response = time.Since(a.begin)
	}
	if err != nil && !errors.As(err, new(statusError)) || !l.keep {
		l.close(err != nil)
		return nil
	}
	return l
}
