//go:build linux

package lab

import (
	"encoding/binary"
	"fmt"
	"os"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// bufSize is how many bytes a worker reads or sends at once, at most.
const bufSize = 64 << 10

// memory gives a worker what it reads into and sends from next, until it is given
// back.
type memory interface {
	take() []byte
	free()
}

func (v *service) memory() (memory, error) {
	if v.SlowPages > 0 {
		return newSlowPages(bufSize, v.SlowPages)
	}
	return plainMemory(make([]byte, bufSize)), nil
}

type plainMemory []byte

func (p plainMemory) take() []byte { return p }
func (p plainMemory) free()        {}

// slowPages is memory whose pages take their time to come in, as those of a
// mapped file on a slow disk or of a process that was swapped out do. A system
// call that copies from or to a socket waits for them while it owns the socket.
type slowPages struct {
	mem  []byte
	wait float64  // seconds that a page takes
	file *os.File // userfaultfd(2)
	gone time.Time
}

// Requests of userfaultfd(2), linux/userfaultfd.h.
const (
	uffdAPI       = 0xaa
	uffdioAPI     = 0xc018aa3f
	uffdioReg     = 0xc020aa00
	uffdioZero    = 0xc020aa04
	uffdMissing   = 1
	uffdPageFault = 0x12
	uffdMsgSize   = 32
)

// newSlowPages needs CAP_SYS_PTRACE, or vm.unprivileged_userfaultfd.
func newSlowPages(size int, wait float64) (*slowPages, error) {
	mem, err := unix.Mmap(-1, 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
	if err != nil {
		return nil, fmt.Errorf("mmap: %w", err)
	}
	fd, _, errno := unix.Syscall(unix.SYS_USERFAULTFD, unix.O_CLOEXEC|unix.O_NONBLOCK, 0, 0)
	if errno != 0 {
		_ = unix.Munmap(mem)
		return nil, fmt.Errorf("userfaultfd: %w", errno)
	}
	p := &slowPages{mem: mem, wait: wait, file: os.NewFile(fd, "userfaultfd")}
	err = p.request(uffdioAPI, uffdAPI, 0, 0)
	if err == nil {
		err = p.request(uffdioReg, p.start(), uint64(size), uffdMissing)
	}
	if err != nil {
		p.free()
		return nil, err
	}
	go p.bringIn()
	return p, nil
}

// free ends bringIn, too.
func (p *slowPages) free() {
	p.file.Close()
	_ = unix.Munmap(p.mem)
}

func (p *slowPages) start() uint64 { return uint64(uintptr(unsafe.Pointer(&p.mem[0]))) }

// request is an ioctl with up to four words of arguments.
func (p *slowPages) request(number uintptr, args ...uint64) error {
	var words [4]uint64
	copy(words[:], args)
	conn, err := p.file.SyscallConn()
	if err != nil {
		return err
	}
	var errno unix.Errno
	err = conn.Control(func(fd uintptr) {
		_, _, errno = unix.Syscall(unix.SYS_IOCTL, fd, number, uintptr(unsafe.Pointer(&words)))
	})
	if errno != 0 {
		err = errno
	}
	return err
}

// bringIn gives whoever waits for a page an empty one, late.
func (p *slowPages) bringIn() {
	msg := make([]byte, uffdMsgSize)
	page := uint64(unix.Getpagesize())
	for {
		if n, err := p.file.Read(msg); err != nil || n != uffdMsgSize {
			return
		}
		if msg[0] != uffdPageFault {
			continue
		}
		sleep(p.wait)
		at := binary.NativeEndian.Uint64(msg[16:]) &^ (page - 1)
		_ = p.request(uffdioZero, at, page, 0) // a page that is there already: nobody waits
	}
}

// take returns the memory. Its pages stay as long as one of them takes to come
// in; then all have to come in again.
func (p *slowPages) take() []byte {
	if time.Since(p.gone).Seconds() > 2*p.wait {
		_ = unix.Madvise(p.mem, unix.MADV_DONTNEED)
		p.gone = time.Now()
	}
	return p.mem
}
