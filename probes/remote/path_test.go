package remote

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"

	"whydrop/probes/fact"
)

// path is a network path between two hosts, each a network namespace with a TUN device.
// It delays each packet by 100 ms and loses 3 %, as a bad line does: TCP has to cope.
type path struct {
	cut   atomic.Bool // nothing gets through
	bytes [2]atomic.Int64
	lost  atomic.Int64
}

// badPath makes a path and lets the calling goroutine's thread be on its near end, for
// good. listen listens on the far end.
func badPath(t *testing.T) (p *path, listen func() net.Listener) {
	t.Helper()
	runtime.LockOSThread() // the thread ends with the goroutine
	p = &path{}
	var ends [2]*os.File
	var spaces [2]netns.NsHandle
	for i, address := range []string{"10.77.0.1/24", "10.77.0.2/24"} {
		space, err := netns.New()
		if err != nil {
			t.Skipf("no network namespace can be made here: %v", err)
		}
		t.Cleanup(func() { space.Close() })
		spaces[i], ends[i] = space, tun(t, address)
	}
	go p.carry(ends[0], ends[1], 0)
	go p.carry(ends[1], ends[0], 1)
	if err := netns.Set(spaces[0]); err != nil {
		t.Fatal(err)
	}
	return p, func() net.Listener {
		defer func() { _ = netns.Set(spaces[0]) }()
		if err := netns.Set(spaces[1]); err != nil {
			t.Fatal(err)
		}
		l, err := net.Listen("tcp", "10.77.0.2:0")
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
}

// tun makes a TUN device in the namespace of the calling thread.
func tun(t *testing.T, address string) *os.File {
	t.Helper()
	fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Skipf("no TUN device can be made here: %v", err)
	}
	request, _ := unix.NewIfreq("wire")
	request.SetUint16(unix.IFF_TUN | unix.IFF_NO_PI)
	if err := unix.IoctlIfreq(fd, unix.TUNSETIFF, request); err != nil {
		unix.Close(fd)
		t.Skipf("no TUN device can be made here: %v", err)
	}
	f := os.NewFile(uintptr(fd), "tun")
	t.Cleanup(func() { f.Close() })
	link, err := netlink.LinkByName("wire")
	if err != nil {
		t.Fatal(err)
	}
	own, err := netlink.ParseAddr(address)
	if err != nil {
		t.Fatal(err)
	}
	if err := netlink.AddrAdd(link, own); err != nil {
		t.Fatal(err)
	}
	if err := netlink.LinkSetUp(link); err != nil {
		t.Fatal(err)
	}
	return f
}

// carry takes packets from one end to the other until an end is closed.
func (p *path) carry(from, to *os.File, way int) {
	type packet struct {
		data []byte
		at   time.Time
	}
	under := make(chan packet, 2000) // more are lost, as in a queue that is full
	defer close(under)
	go func() {
		for s := range under {
			time.Sleep(time.Until(s.at))
			_, _ = to.Write(s.data)
		}
	}()
	random := rand.New(rand.NewPCG(7, uint64(way)))
	buf := make([]byte, 64<<10)
	for {
		n, err := from.Read(buf)
		if err != nil {
			return
		}
		if p.cut.Load() || random.Float64() < 0.03 {
			p.lost.Add(1)
			continue
		}
		select {
		case under <- packet{append([]byte(nil), buf[:n]...), time.Now().Add(100 * time.Millisecond)}:
			p.bytes[way].Add(int64(n))
		default:
			p.lost.Add(1)
		}
	}
}

// A path that loses 3 % with a round trip of 200 ms, and nothing at all for 10 seconds:
// the age of what is shown is told, and no observation is missing when it goes on. When
// the connection is closed, the next one goes on without bringing the program again.
func TestBadPath(t *testing.T) {
	if testing.Short() {
		t.Skip("takes half a minute")
	}
	dir := keys(t)
	p, listen := badPath(t)
	addr, drop := server(t, dir, listen())
	o := reached(t, dir, addr, "")
	t.Setenv("FAKE_EVERY", "250ms")
	begin := time.Now()
	h := dialled(t, o)
	t.Logf("connected and brought in %v: %d KiB there, %d KiB back, %d packets lost", time.Since(begin).Round(time.Millisecond), p.bytes[0].Load()>>10, p.bytes[1].Load()>>10, p.lost.Load())

	ages := &ages{}
	h.Amiss = ages.take
	ctx, stop := context.WithTimeout(t.Context(), 2*time.Minute)
	defer stop()
	seen := &sequence{t: t, connection: 1}
	err := h.Watch(ctx, Request{Window: time.Second}, func(f *fact.Facts) {
		seen.take(f)
		switch [2]int{seen.connection, seen.last} {
		case [2]int{1, 4}:
			t.Logf("first observations after %v", time.Since(begin).Round(time.Millisecond))
			p.cut.Store(true)
			time.AfterFunc(10*time.Second, func() { p.cut.Store(false) })
		case [2]int{1, 60}:
			t.Logf("all was there that was seen during the cut after %v", time.Since(begin).Round(time.Millisecond))
			drop()
		case [2]int{2, 8}:
			stop()
		}
	})
	if err != nil || seen.connection != 2 || seen.last < 8 {
		t.Fatalf("connection %d, observation %d, error %v", seen.connection, seen.last, err)
	}
	ages.check(t)
	log, _ := os.ReadFile(os.Getenv("FAKE_LOG"))
	if text := string(log); !strings.Contains(text, "whydrop /proc/") || strings.Count(text, "whydrop ") != 2 {
		t.Errorf("the program was brought again:\n%s", text)
	}
}

// sequence checks that no observation is missing: each connection counts them from 1.
type sequence struct {
	t                *testing.T
	connection, last int
}

func (s *sequence) take(f *fact.Facts) {
	n, _ := f.Num("tcp.OutSegs")
	before := s.last
	if s.last = int(n); s.last < before {
		s.connection++
		before = 0
	}
	if s.last != before+1 {
		s.t.Errorf("connection %d: observation %d came after %d", s.connection, s.last, before)
	}
}

// ages are what is told of the connection.
type ages struct {
	mu   sync.Mutex
	told []string
}

func (a *ages) take(text string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.told = append(a.told, text)
}

func (a *ages) check(t *testing.T) {
	t.Helper()
	a.mu.Lock()
	defer a.mu.Unlock()
	t.Logf("told: %q", a.told)
	oldest, lost := 0, false
	for _, text := range a.told {
		age := 0
		_, _ = fmt.Sscanf(text, "the newest measurements are %ds old", &age) // others say something else
		oldest = max(oldest, age)
		lost = lost || strings.Contains(text, "connection lost")
	}
	if oldest < 8 || !lost {
		t.Errorf("told as oldest %d s, and that the connection is lost: %v", oldest, lost)
	}
}
