//go:build linux

package lab

import (
	"encoding/binary"
	"fmt"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// slowMemory is a buffer whose pages take their time to appear, as those of a file
// mapped from a slow disk do, or of memory that was swapped out. A system call that
// copies into it waits in the middle, with the locks that it holds.
type slowMemory []byte

// What is used of include/uapi/linux/userfaultfd.h, Linux 4.3.
const (
	uffdAPI           = 0xaa
	uffdioAPI         = 0xc018aa3f
	uffdioRegister    = 0xc020aa00
	uffdioZeropage    = 0xc020aa04
	uffdMissing       = 1  // UFFDIO_REGISTER_MODE_MISSING
	uffdMessage       = 32 // size of struct uffd_msg
	uffdEventPagefail = 0x12
)

// newSlowMemory maps size bytes which, all together, appear so many seconds after
// they are first touched.
func newSlowMemory(size int, seconds float64) (slowMemory, error) {
	fd, _, errno := unix.Syscall(unix.SYS_USERFAULTFD, unix.O_CLOEXEC, 0, 0)
	if errno != 0 {
		return nil, fmt.Errorf("%w: userfaultfd: %w", ErrNeeds, errno)
	}
	m, err := unix.Mmap(-1, 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
	if err != nil {
		return nil, fmt.Errorf("slow memory: %w", err)
	}
	start := uint64(uintptr(unsafe.Pointer(&m[0])))
	if err := uffd(fd, uffdioAPI, uffdAPI, 0, 0); err != nil {
		return nil, err
	}
	if err := uffd(fd, uffdioRegister, start, uint64(size), uffdMissing, 0); err != nil {
		return nil, err
	}
	go func() {
		var message [uffdMessage]byte
		for {
			n, err := unix.Read(int(fd), message[:])
			if err == unix.EINTR {
				continue
			}
			if err != nil || n < uffdMessage || message[0] != uffdEventPagefail {
				return
			}
			time.Sleep(time.Duration(seconds * float64(time.Second)))
			_ = uffd(fd, uffdioZeropage, start, uint64(size), 0, 0)
		}
	}()
	return m, nil
}

// uffd makes a call whose argument is a struct of 64-bit numbers.
func uffd(fd uintptr, call uintptr, words ...uint64) error {
	var argument [32]byte
	for i, word := range words {
		binary.NativeEndian.PutUint64(argument[8*i:], word)
	}
	if _, _, errno := unix.Syscall(unix.SYS_IOCTL, fd, call, uintptr(unsafe.Pointer(&argument[0]))); errno != 0 {
		return fmt.Errorf("%w: userfaultfd: %w", ErrNeeds, errno)
	}
	return nil
}

// forget makes the pages take their time again.
func (m slowMemory) forget() { _ = unix.Madvise(m, unix.MADV_DONTNEED) }
