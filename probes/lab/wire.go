//go:build linux

package lab

import (
	"container/heap"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// wire is a cable with a character: a process that carries Ethernet frames
// between two TAP devices and loses, delays, repeats, reorders or damages TCP
// segments on the way. Its descriptors 3 and 4 are the two ends.
type wire struct {
	Up   way // from the host to the router
	Down way // from the router to the host
}

// way is one direction of a wire. Shares are between 0 and 1 and of IP packets;
// ARP and neighbour discovery always pass.
type way struct {
	Delay   float64 // seconds
	Jitter  float64 // seconds at most on top; keeps the order
	Rate    float64 // bytes a second; 0: no limit
	Queue   int     // packets that may wait for the rate; the rest is dropped
	Loss    float64 // share lost at random
	Repeat  float64 // share delivered twice
	Late    float64 // share that is overtaken by what follows
	LateBy  float64 // seconds
	Corrupt float64 // share with a damaged payload byte, so a bad TCP checksum
}

// run counts, for each way, up_ and down_: frames, lost, queue_drops, repeated,
// late, corrupted.
func (w *wire) run(t *tally) error {
	host := os.NewFile(3, "host end")
	router := os.NewFile(4, "router end")
	t.ready()
	fail := make(chan error, 2)
	go func() { fail <- w.Up.carry(host, router, t, "up_") }()
	go func() { fail <- w.Down.carry(router, host, t, "down_") }()
	return <-fail
}

// frame waits for the moment at which it leaves the wire.
type frame struct {
	at   time.Time
	n    int // order of arrival, for equal times
	data []byte
}

type frames []frame

func (f frames) Len() int { return len(f) }
func (f frames) Less(i, j int) bool {
	return f[i].at.Before(f[j].at) || f[i].at.Equal(f[j].at) && f[i].n < f[j].n
}
func (f frames) Swap(i, j int) { f[i], f[j] = f[j], f[i] }
func (f *frames) Push(x any)   { *f = append(*f, x.(frame)) }
func (f *frames) Pop() any {
	old := *f
	last := old[len(old)-1]
	*f = old[:len(old)-1]
	return last
}

// line is the state of one way: frames under way, and when the transmitter of a
// limited wire is free again.
type line struct {
	way
	mu    sync.Mutex
	queue frames
	count int
	free  time.Time
	last  time.Time
	wake  chan struct{}
}

// carry moves frames from one end to the other until an end fails.
func (w way) carry(from, to *os.File, t *tally, prefix string) error {
	l := &line{way: w, wake: make(chan struct{}, 1)}
	go l.deliver(to)
	buf := make([]byte, 65536)
	for {
		n, err := from.Read(buf)
		if errors.Is(err, unix.EIO) || errors.Is(err, unix.EBADFD) {
			time.Sleep(20 * time.Millisecond) // the device is down for now
			continue
		}
		if err != nil {
			return fmt.Errorf("reading the wire: %w", err)
		}
		t.add(prefix+"frames", 1)
		if event := l.accept(append([]byte(nil), buf[:n]...), time.Now()); event != "" {
			t.add(prefix+event, 1)
		}
	}
}

// accept decides what becomes of a frame and returns the name of what befell it.
func (l *line) accept(data []byte, now time.Time) string {
	chance := func(share float64) bool { return share > 0 && isIP(data) && rand.Float64() < share }
	if chance(l.Loss) {
		return "lost"
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	leaves := now
	if l.Rate > 0 {
		if l.free.Before(now) {
			l.free = now
		}
		waiting := l.free.Sub(now).Seconds() * l.Rate / 1500
		if l.Queue > 0 && waiting > float64(l.Queue) && isIP(data) {
			return "queue_drops"
		}
		l.free = l.free.Add(time.Duration(float64(len(data)) / l.Rate * float64(time.Second)))
		leaves = l.free
	}
	at := leaves.Add(time.Duration((l.Delay + l.Jitter*rand.Float64()) * float64(time.Second)))
	event := ""
	switch {
	case chance(l.Late):
		event = "late"
		at = at.Add(time.Duration(l.LateBy * float64(time.Second)))
	case at.Before(l.last):
		at = l.last // jitter alone does not reorder
	}
	if event == "" {
		l.last = at
	}
	if chance(l.Corrupt) && corrupt(data) {
		event = "corrupted"
	}
	l.push(at, data)
	if chance(l.Repeat) {
		event = "repeated"
		l.push(at, data)
	}
	return event
}

func (l *line) push(at time.Time, data []byte) {
	l.count++
	heap.Push(&l.queue, frame{at, l.count, data})
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// deliver writes frames when their time has come.
func (l *line) deliver(to *os.File) {
	for {
		l.mu.Lock()
		wait := time.Hour
		var due [][]byte
		for len(l.queue) > 0 {
			if wait = time.Until(l.queue[0].at); wait > 0 {
				break
			}
			due = append(due, heap.Pop(&l.queue).(frame).data)
			wait = time.Hour
		}
		l.mu.Unlock()
		for _, data := range due {
			_, _ = to.Write(data) // a device that is down loses frames, as a cable does
		}
		select {
		case <-l.wake:
		case <-time.After(wait):
		}
	}
}

// isIP tells whether the Ethernet frame carries TCP in IPv4 or IPv6.
func isIP(f []byte) bool {
	if len(f) < 34 {
		return false
	}
	switch uint16(f[12])<<8 | uint16(f[13]) {
	case unix.ETH_P_IP:
		return f[23] == unix.IPPROTO_TCP
	case unix.ETH_P_IPV6:
		return f[20] == unix.IPPROTO_TCP
	}
	return false
}

// corrupt flips a bit in the last byte of a frame that carries TCP payload.
func corrupt(f []byte) bool {
	if len(f) < 120 {
		return false
	}
	f[len(f)-1] ^= 0x20
	return true
}

// openTAP makes a TAP device in the current namespace.
func openTAP(name string) (*os.File, error) {
	fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("%w: a wire needs read and write access to /dev/net/tun: %w", ErrNeeds, err)
	}
	req, err := unix.NewIfreq(name)
	if err == nil {
		req.SetUint16(unix.IFF_TAP | unix.IFF_NO_PI)
		err = unix.IoctlIfreq(fd, unix.TUNSETIFF, req)
	}
	if err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("making TAP device %s: %w", name, err)
	}
	return os.NewFile(uintptr(fd), name), nil
}

// wired links h to the router by a wire instead of a veth pair; the actor is
// called "wire".
func (s *site) wired(h *host, dev string, lan byte, w wire) error {
	far := "to-" + h.name
	var ends []*os.File
	for _, end := range []struct {
		h   *host
		dev string
	}{{h, dev}, {s.router, far}} {
		err := end.h.do(func() error {
			tap, err := openTAP(end.dev)
			if err == nil {
				ends = append(ends, tap)
			}
			return err
		})
		if err != nil {
			return err
		}
	}
	if err := s.router.cast("wire", &w, ends...); err != nil {
		return err
	}
	for _, end := range ends {
		end.Close()
	}
	return s.address(h, dev, far, lan)
}
