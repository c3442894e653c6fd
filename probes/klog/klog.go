// Package klog reads the kernel log from /dev/kmsg
// (Documentation/ABI/testing/dev-kmsg).
package klog

import (
	"context"
	"errors"
	"io/fs"
	"runtime"
	"time"

	"golang.org/x/sys/unix"
)

const (
	name = "log"
	// maxKept bounds the messages that are remembered.
	maxKept = 1000
	// maxText bounds the text of a message, in bytes.
	maxText = 300
	// maxRecord is more than the largest record that the kernel prints
	// (PRINTK_MESSAGE_MAX, 2 KiB; CONSOLE_EXT_LOG_MAX, 8 KiB, before Linux 6.3).
	maxRecord = 16 << 10
	// maxBurst bounds the records taken in by one look after the first. A log
	// that grows faster, or takes too long, is taken up again at its end.
	maxBurst = 20000
)

// Source reads the kernel log. It keeps the device open between looks.
type Source struct {
	open func() (device, error)
	now  func() time.Duration // since boot, the clock of the log

	dev  device
	kept []Message // replaced, never changed: readings share it
	next uint64    // sequence number of the next record
	seen bool      // the history has been read
	buf  []byte
}

// device yields one record for each Read, without waiting: EAGAIN when there is
// none, EPIPE when records were overwritten before they were read.
type device interface {
	Read(p []byte) (int, error)
	SeekEnd() error
}

// New returns a source that reads /dev/kmsg.
func New() *Source { return &Source{open: openKmsg, now: sinceBoot} }

// Name is "log".
func (*Source) Name() string { return name }

// Reads names the device.
func (*Source) Reads() string { return "/dev/kmsg" }

// Message is one message of the kernel about the network, memory or a driver.
type Message struct {
	Seq   uint64
	At    time.Duration // since boot
	Level int           // 0 emergency to 7 debug
	Text  string        // at most 300 bytes, as the kernel escapes it
}

// Reading is the kernel log as far as it was read. The first look reads what the
// log still holds, later ones what was added.
type Reading struct {
	Now      time.Duration // since boot
	Next     uint64        // sequence number that follows the last record
	Messages []Message     // the last 1000, oldest first
	// Refused says why the log can't be read, Needs what would let it.
	Refused, Needs string
	// Lost is set when records were overwritten or skipped before they were read.
	Lost bool
}

// Look reads what the log has gained since the last look. A log that may not be
// read is no error: the reading says so.
func (s *Source) Look(ctx context.Context) (any, error) {
	r := &Reading{Now: s.now()}
	if s.dev == nil {
		d, err := s.open()
		if err != nil {
			r.Refused, r.Needs = refusal(err)
			return r, nil
		}
		s.dev, s.buf = d, make([]byte, maxRecord)
	}
	fresh, lost, err := s.drain(ctx)
	if err != nil {
		s.dev, s.seen = nil, false
		return nil, err
	}
	r.Lost = lost
	if len(fresh) > 0 {
		all := make([]Message, 0, len(s.kept)+len(fresh))
		all = append(append(all, s.kept...), fresh...)
		s.kept = all[max(0, len(all)-maxKept):]
	}
	s.seen = true
	r.Next, r.Messages = s.next, s.kept
	return r, nil
}

// drain reads records up to the end of the log and returns those that matter.
func (s *Source) drain(ctx context.Context) (fresh []Message, lost bool, err error) {
	for n := 0; ; n++ {
		if s.enough(ctx, n) {
			return fresh, true, s.dev.SeekEnd()
		}
		if len(fresh) >= 2*maxKept {
			fresh = append(fresh[:0], fresh[maxKept:]...)
		}
		k, err := s.dev.Read(s.buf)
		if errors.Is(err, unix.EAGAIN) || err == nil && k == 0 {
			return fresh, lost, nil
		}
		if err != nil {
			missed, ok := passOver(err)
			if !ok {
				return nil, lost, err
			}
			lost = lost || missed && s.seen
			continue
		}
		m, ok := parse(s.buf[:k])
		if !ok {
			continue
		}
		s.next = max(s.next, m.Seq+1)
		if m.kernel && relevant(m.Text) {
			fresh = append(fresh, m.Message)
		}
	}
}

// enough tells whether a look ends after n records although there may be more.
func (s *Source) enough(ctx context.Context, n int) bool {
	return n%256 == 255 && ctx.Err() != nil || s.seen && n >= maxBurst
}

// passOver tells whether to read on after an error, and whether records were
// missed: overwritten before they were read (EPIPE), or larger than the buffer
// (EINVAL).
func passOver(err error) (missed, ok bool) {
	missed = errors.Is(err, unix.EPIPE) || errors.Is(err, unix.EINVAL)
	return missed, missed || errors.Is(err, unix.EINTR)
}

// refusal says in words why the log can't be opened.
func refusal(err error) (why, needs string) {
	switch {
	case errors.Is(err, fs.ErrPermission):
		return "the kernel log", "CAP_SYSLOG, or kernel.dmesg_restrict=0"
	case errors.Is(err, fs.ErrNotExist):
		return "the kernel log: there is no /dev/kmsg here", "to run outside the container"
	}
	return "the kernel log: " + err.Error(), ""
}

// kmsg is /dev/kmsg, read without the runtime's poller, which would wait.
type kmsg struct{ fd int }

func openKmsg() (device, error) {
	fd, err := unix.Open("/dev/kmsg", unix.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil || st.Mode&unix.S_IFMT != unix.S_IFCHR {
		unix.Close(fd)
		return nil, fs.ErrNotExist // some containers put a file or a console there
	}
	k := &kmsg{fd: fd}
	runtime.AddCleanup(k, func(fd int) { unix.Close(fd) }, fd)
	return k, nil
}

// Read reads one record.
func (k *kmsg) Read(p []byte) (int, error) {
	n, err := unix.Read(k.fd, p)
	runtime.KeepAlive(k)
	return max(n, 0), err
}

// SeekEnd passes over everything that is in the log.
func (k *kmsg) SeekEnd() error {
	_, err := unix.Seek(k.fd, 0, unix.SEEK_END)
	runtime.KeepAlive(k)
	return err
}

// sinceBoot is the monotonic clock, which printk's stamps follow to within
// seconds.
func sinceBoot() time.Duration {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts); err != nil {
		return 0
	}
	return time.Duration(ts.Nano())
}
