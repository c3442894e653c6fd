//go:build linux

package lab

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"net"
	"os"
	"runtime"
	"strconv"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// The services and clients of the lab speak a small protocol. A request is a
// header and a body; the answer is as long as the header asks. A connection may
// carry any number of requests.
type header struct {
	Body  uint32 // bytes that follow the header; endless: until the client closes
	Reply uint32 // bytes wanted; endless: until the client closes
	Hold  uint32 // milliseconds to wait before the answer (a long poll)
	Port  uint32 // that the client means; 0: whichever. Another's request is not answered
}

// misdirected says whether the client meant another service than the one that it has
// been led to.
func (h header) misdirected(conn net.Conn) bool {
	return h.Port != 0 && h.Port != port(conn.LocalAddr().String())
}

// voucher is how the answer to a request begins, as far as it is long enough: only a
// service of the lab knows it, and no echo is it.
func (h header) voucher() []byte {
	sum := fnv.New64a()
	_ = binary.Write(sum, binary.BigEndian, h) // never fails
	return sum.Sum(nil)[:min(voucherSize, h.Reply)]
}

// errStranger says that something else answered than the service that was meant.
var errStranger = errors.New("this is not the service's answer")

// vouched reads the beginning of the answer, and whether it is the service's.
func (h header) vouched(conn io.Reader) error {
	got := make([]byte, len(h.voucher()))
	if _, err := io.ReadFull(conn, got); err != nil {
		return err
	}
	if !bytes.Equal(got, h.voucher()) {
		return errStranger
	}
	return nil
}

const (
	headerSize  = 16
	voucherSize = 8
	endless     = 1<<32 - 1
)

// service is a TCP server with a pool of workers: it accepts when one is free.
type service struct {
	Addr    string  // "host:port", "" host for all addresses
	Backlog int     // of listen(2); 0: the system's maximum
	Workers int     // connections served at a time; 0: no limit
	Think   float64 // seconds of work before each answer
	Pause   float64 // seconds between two accepts

	ReadRate  float64 // bytes a second that a worker reads; 0: no limit
	ReadPause float64 // seconds it stops after each read of ReadChunk
	ReadChunk int     // bytes read at once; default 32768
	SendRate  float64 // bytes a second that a worker sends; 0: no limit
	RcvBuf    int     // SO_RCVBUF of the listener, inherited; 0: autotuning
	ShrinkTo  int     // SO_RCVBUF set after accept, when a larger window was offered; 0: not
	NoFile    int     // RLIMIT_NOFILE; 0: unchanged
	Leak      bool    // keep the descriptors of connections that clients have closed
	CloseIn   bool    // close after one answer: TIME_WAIT is on this side
	Abort     float64 // share of connections closed with unread data, 0 to 1
	Linger    bool    // abort by SO_LINGER zero in the middle of the answer instead
	Share     bool    // SO_REUSEPORT: others listen at the same address
	Work      float64 // seconds of CPU time that each answer takes
	ReadWork  float64 // seconds of CPU time that each read takes
	Spin      int     // threads that do nothing but use CPU time
	OneCPU    bool    // all threads run on the machine's first CPU only
	SlowPages float64 // seconds that a page of the memory takes to come in which it reads into and sends from; 0: none
	Healed    float64 // seconds after which Backlog, Workers, Think and Pause end; 0: never
}

func (v *service) run(t *tally) error {
	if err := v.confine(); err != nil {
		return err
	}
	l, err := v.listen()
	if err != nil {
		return err
	}
	t.ready()
	spin(v.Spin)
	start := time.Now()
	if v.Healed > 0 {
		time.AfterFunc(time.Duration(v.Healed*float64(time.Second)), func() { _ = setBacklog(l, 4096) })
	}
	healed := func() bool { return v.Healed > 0 && time.Since(start).Seconds() > v.Healed }
	free := make(chan struct{}, max(v.Workers, 1))
	var turn float64
	for {
		limited := v.Workers > 0 && !healed()
		if limited {
			free <- struct{}{}
		}
		conn, err := l.Accept()
		if err != nil {
			t.add("accept_errors", 1)
			time.Sleep(50 * time.Millisecond) // as servers do on EMFILE
			if limited {
				<-free
			}
			continue
		}
		t.add("accepted", 1)
		turn += v.Abort
		abort := turn >= 1
		if abort {
			turn--
		}
		go func() {
			v.serve(conn, t, abort, healed)
			if limited {
				<-free
			}
		}()
		if v.Pause > 0 && !healed() {
			sleep(v.Pause)
		}
	}
}

// confine sets the process's own limits.
func (v *service) confine() error {
	if v.NoFile > 0 {
		// Set late and by the process itself: the limit is on what it opens now.
		lim := unix.Rlimit{Cur: uint64(v.NoFile), Max: uint64(v.NoFile)}
		if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &lim); err != nil {
			return fmt.Errorf("RLIMIT_NOFILE: %w", err)
		}
	}
	if v.OneCPU {
		return pin()
	}
	return nil
}

// pin keeps the threads of this process, and those that they start, on CPU 0.
func pin() error {
	var first unix.CPUSet
	first.Set(0)
	tasks, err := os.ReadDir("/proc/self/task")
	for _, task := range tasks {
		id, _ := strconv.Atoi(task.Name())
		err = errors.Join(err, unix.SchedSetaffinity(id, &first))
	}
	return err
}

// work uses CPU time of this thread.
func work(seconds float64) {
	if seconds <= 0 {
		return
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var start, now unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &start)
	now = start
	for float64(now.Nano()-start.Nano()) < seconds*1e9 {
		_ = unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &now)
	}
}

// spin keeps that many threads busy for good.
func spin(threads int) {
	runtime.GOMAXPROCS(1 + threads)
	for range threads {
		go func() {
			for {
				work(1)
			}
		}()
	}
}

// listen opens the socket with the wanted backlog and buffer.
func (v *service) listen() (net.Listener, error) {
	var config net.ListenConfig
	config.SetMultipathTCP(false)
	config.Control = func(_, _ string, raw syscall.RawConn) error {
		return raw.Control(func(fd uintptr) {
			if v.RcvBuf > 0 {
				_ = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF, v.RcvBuf)
			}
			if v.Share {
				_ = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEPORT, 1)
			}
		})
	}
	l, err := config.Listen(context.Background(), "tcp", v.Addr)
	if err != nil || v.Backlog == 0 {
		return l, err
	}
	return l, setBacklog(l, v.Backlog)
}

// setBacklog calls listen(2) again, which changes the backlog.
func setBacklog(l net.Listener, backlog int) error {
	raw, err := l.(*net.TCPListener).SyscallConn()
	if err != nil {
		return err
	}
	var listenErr error
	err = raw.Control(func(fd uintptr) { listenErr = unix.Listen(int(fd), backlog) })
	return errors.Join(err, listenErr)
}

// leaked are the connections of a service that does not close them.
var leaked sync.Map

// serve answers the requests of one connection.
func (v *service) serve(conn net.Conn, t *tally, abort bool, healed func() bool) {
	defer func() {
		if v.Leak {
			leaked.Store(conn, true) // what nobody refers to is closed some day
			return
		}
		conn.Close()
	}()
	if v.ShrinkTo > 0 {
		_ = conn.(*net.TCPConn).SetReadBuffer(v.ShrinkTo)
		sleep(0.1)
	}
	mem, err := v.memory()
	if err != nil {
		t.add("no_memory", 1)
		return
	}
	defer mem.free()
	var head [headerSize]byte
	for {
		if abort && !v.Linger {
			// The request stays unread in the socket: close sends a reset.
			sleep(0.05 + v.Think)
			t.add("aborted", 1)
			return
		}
		if _, err := io.ReadFull(conn, head[:]); err != nil {
			return
		}
		h := header{
			Body:  binary.BigEndian.Uint32(head[:]),
			Reply: binary.BigEndian.Uint32(head[4:]),
			Hold:  binary.BigEndian.Uint32(head[8:]),
			Port:  binary.BigEndian.Uint32(head[12:]),
		}
		if h.misdirected(conn) {
			t.add("misdirected", 1)
			return
		}
		if h.Body == endless { // there is no other answer
			_, _ = conn.Write(h.voucher())
		}
		if err := v.readBody(conn, h.Body, mem, t); err != nil {
			return
		}
		if !healed() {
			sleep(v.Think)
		}
		work(v.Work)
		sleep(float64(h.Hold) / 1000)
		if abort {
			_, _ = h.begin(conn, mem, int(min(h.Reply/2, bufSize)))
			sleep(0.02)
			_ = conn.(*net.TCPConn).SetLinger(0)
			t.add("aborted", 1)
			return
		}
		if err := v.sendReply(conn, h, mem, t); err != nil {
			return
		}
		t.add("answered", 1)
		if v.CloseIn {
			return
		}
	}
}

func (v *service) readBody(conn net.Conn, body uint32, mem memory, t *tally) error {
	chunk := v.ReadChunk
	if chunk <= 0 || chunk > bufSize {
		chunk = 32 << 10
	}
	pace := newPace(v.ReadRate)
	for left := int64(body); left > 0; {
		n, err := conn.Read(mem.take()[:min(int64(chunk), left)])
		t.add("bytes_in", float64(n))
		if err != nil {
			return err
		}
		if body != endless {
			left -= int64(n)
		}
		pace.wait(n)
		work(v.ReadWork)
		sleep(v.ReadPause)
	}
	return nil
}

// begin sends so many bytes of the answer at once, the first ones.
func (h header) begin(conn net.Conn, mem memory, size int) (int, error) {
	voucher := h.voucher()[:min(voucherSize, size, int(h.Reply))]
	n, err := (&net.Buffers{voucher, mem.take()[:size-len(voucher)]}).WriteTo(conn)
	return int(n), err
}

func (v *service) sendReply(conn net.Conn, h header, mem memory, t *tally) error {
	chunk := bufSize
	if v.SendRate > 0 {
		chunk = min(chunk, max(1448, int(v.SendRate/50)))
	}
	pace := newPace(v.SendRate)
	forever := h.Reply == endless
	for left := int64(h.Reply); left > 0; {
		n, err := h.begin(conn, mem, int(min(int64(chunk), left)))
		h.Reply = 0 // it has begun
		t.add("bytes_out", float64(n))
		if err != nil {
			return err
		}
		if !forever {
			left -= int64(n)
		}
		pace.wait(n)
	}
	return nil
}

// pace holds a transfer to a rate.
type pace struct {
	rate  float64 // bytes a second; 0: no limit
	debt  float64 // seconds ahead of the rate
	stamp time.Time
}

func newPace(rate float64) *pace { return &pace{rate: rate, stamp: time.Now()} }

func (p *pace) wait(n int) {
	if p.rate <= 0 {
		return
	}
	now := time.Now()
	p.debt = max(0, p.debt-now.Sub(p.stamp).Seconds()) + float64(n)/p.rate
	p.stamp = now
	if p.debt > 0.01 {
		sleep(p.debt)
	}
}

func sleep(seconds float64) {
	if seconds > 0 {
		time.Sleep(time.Duration(seconds * float64(time.Second)))
	}
}
