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
	// Forget is for how many seconds a connection may be silent before the wire
	// forgets it, as a stateful firewall does; 0: never. What comes later, and
	// is no SYN, is swallowed, or answered with a RST to both ends.
	Forget float64
	Reset  bool
}

// way is one direction of a wire. Shares are between 0 and 1 and of TCP
// segments; everything else always passes.
type way struct {
	Delay    float64 // seconds
	Jitter   float64 // seconds at most on top
	Overtake bool    // jitter changes the order; else it keeps it
	Rate     float64 // bytes a second; 0: no limit
	Queue    int     // packets that may wait for the rate; the rest is dropped
	Mark     int     // packets waiting from which on those of ECN get the CE mark
	Loss     float64 // share lost at random
	Bad      bad     // losses in bursts
	Every    float64 // seconds from outage to outage; 0: none
	Outage   float64 // seconds in which everything is lost
	MaxSize  int     // larger IP packets are lost; 0: no limit
	Repeat   float64 // share delivered twice
	Late     float64 // share that is overtaken by what follows
	LateBy   float64 // seconds
	Corrupt  float64 // share with a damaged payload byte, so a bad TCP checksum
	Header   float64 // share with a damaged IPv4 header, so a bad header checksum
	SetBack  float64 // share of segments with data whose timestamp is set back by a minute
}

// bad is the model of Gilbert and Elliott: a wire that changes between a good
// state, which loses nothing, and a bad one.
type bad struct {
	Enter float64 // chance, with each segment, to turn bad
	Leave float64 // chance, with each segment, to turn good again
	Loss  float64 // share lost while bad
}

// run counts, for each way, up_ and down_: frames, lost, burst_lost, outage_lost,
// queue_drops, marked, too_large, repeated, late, corrupted, bad_header,
// set_back, forgotten.
func (w *wire) run(t *tally) error {
	host := os.NewFile(3, "host end")
	router := os.NewFile(4, "router end")
	t.ready()
	up, down := newLine(w.Up), newLine(w.Down)
	if w.Forget > 0 {
		up.state = newFlowState(w.Forget, w.Reset)
		down.state = up.state
	}
	up.back, down.back = down, up
	fail := make(chan error, 2)
	go func() { fail <- up.carry(host, router, t, "up_") }()
	go func() { fail <- down.carry(router, host, t, "down_") }()
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
	state *flowState // nil for a wire that forgets nothing
	back  *line      // the other way
	mu    sync.Mutex
	queue frames
	count int
	isBad bool
	free  time.Time
	last  time.Time
	wake  chan struct{}
}

func newLine(w way) *line { return &line{way: w, wake: make(chan struct{}, 1)} }

// carry moves frames from one end to the other until an end fails.
func (l *line) carry(from, to *os.File, t *tally, prefix string) error {
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
		if event := l.take(append([]byte(nil), buf[:n]...), time.Now()); event != "" {
			t.add(prefix+event, 1)
		}
	}
}

// take passes a frame on if the wire remembers its connection, and returns the
// name of what befell it.
func (l *line) take(data []byte, now time.Time) string {
	if l.state == nil || l.state.knows(data, now) {
		return l.accept(data, now)
	}
	if l.state.reset {
		ahead, back := resets(data)
		l.put(ahead, now)
		l.back.put(back, now)
	}
	return "forgotten"
}

// put sends a frame of the wire's own.
func (l *line) put(data []byte, now time.Time) {
	if data != nil {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.push(now, data)
	}
}

// accept decides what becomes of a frame and returns the name of what befell it.
func (l *line) accept(data []byte, now time.Time) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	if event := l.loses(data, now); event != "" {
		return event
	}
	leaves, event := l.transmit(data, now)
	if event == "queue_drops" {
		return event
	}
	at := leaves.Add(seconds(l.Delay + l.Jitter*rand.Float64()))
	switch {
	case chance(data, l.Late):
		event = "late"
		at = at.Add(seconds(l.LateBy))
	case at.Before(l.last) && !l.Overtake:
		at = l.last
	}
	if event != "late" && at.After(l.last) {
		l.last = at
	}
	switch {
	case chance(data, l.Corrupt) && corrupt(data):
		event = "corrupted"
	case chance(data, l.Header) && corruptHeader(data):
		event = "bad_header"
	case chance(data, l.SetBack) && setBack(data):
		event = "set_back"
	}
	l.push(at, data)
	if chance(data, l.Repeat) {
		event = "repeated"
		l.push(at, data)
	}
	return event
}

// loses says how the wire loses a frame, "" if it does not.
func (l *line) loses(data []byte, now time.Time) string {
	switch {
	case !carriesTCP(data):
		return ""
	case l.MaxSize > 0 && len(data)-14 > l.MaxSize:
		return "too_large"
	case l.Every > 0 && time.Duration(now.UnixNano())%seconds(l.Every) < seconds(l.Outage):
		return "outage_lost"
	case chance(data, l.Loss):
		return "lost"
	}
	if l.isBad {
		l.isBad = rand.Float64() >= l.Bad.Leave
	} else {
		l.isBad = rand.Float64() < l.Bad.Enter
	}
	if l.isBad && chance(data, l.Bad.Loss) {
		return "burst_lost"
	}
	return ""
}

// transmit queues a frame for the rate of the wire and says when its last byte
// has left, or that the queue is full.
func (l *line) transmit(data []byte, now time.Time) (leaves time.Time, event string) {
	if l.Rate <= 0 {
		return now, ""
	}
	if l.free.Before(now) {
		l.free = now
	}
	waiting := l.free.Sub(now).Seconds() * l.Rate / 1500
	if carriesTCP(data) {
		if l.Queue > 0 && waiting > float64(l.Queue) {
			return now, "queue_drops"
		}
		if l.Mark > 0 && waiting > float64(l.Mark) && markCE(data) {
			event = "marked"
		}
	}
	l.free = l.free.Add(seconds(float64(len(data)) / l.Rate))
	return l.free, event
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

// chance draws whether a TCP segment is among a share of them.
func chance(data []byte, share float64) bool {
	return share > 0 && carriesTCP(data) && rand.Float64() < share
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

// tun is the device by which TAP devices are made.
const tun = "/dev/net/tun"

// openTAP makes a TAP device in the current namespace.
func openTAP(name string) (*os.File, error) {
	fd, err := unix.Open(tun, unix.O_RDWR|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("%w: a wire needs read and write access to %s: %w", ErrNeeds, tun, err)
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
	if s.scenario.Needs == "" {
		return fmt.Errorf("%s does not declare that it needs a wire", s.scenario.Name)
	}
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
