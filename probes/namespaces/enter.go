package namespaces

import (
	"errors"
	"fmt"
	"os"
	"runtime"

	"golang.org/x/sys/unix"

	"whydrop/probes/procfile"
)

// Thread is the network namespace of the thread that opens it.
const Thread = "/proc/thread-self/ns/net"

// firstOnly is a file that only the machine's first network namespace shows, on every
// kernel since namespaces have settings of their own.
const firstOnly = "/proc/sys/net/core/netdev_max_backlog"

// IsFirst tells whether the thread is in the machine's first network namespace.
func IsFirst() bool { return unix.Access(firstOnly, unix.F_OK) == nil }

var errNoFirst = errors.New("the machine's first network namespace cannot be entered: needs CAP_SYS_PTRACE and CAP_SYS_ADMIN, and not to be in a container")

// First opens the machine's first network namespace, and says through which process:
// the first one or, where that may not be looked at, one that this process descends
// from. It fails where none of them is there, or it may not be entered.
func First() (ns *os.File, pid int, err error) {
	for _, pid := range append([]int{1}, procfile.Ancestors("/proc")...) {
		ns, err := os.Open(fmt.Sprintf("/proc/%d/ns/net", pid))
		if err != nil {
			continue
		}
		first := false
		if Inside(ns, func() error { first = IsFirst(); return nil }) == nil && first {
			return ns, pid, nil
		}
		ns.Close()
	}
	return nil, 0, errNoFirst
}

// Inside runs f on a thread that is in the given network namespace. The rights of
// this process stay what they are. It needs CAP_SYS_ADMIN, unless the thread is there
// already.
func Inside(ns *os.File, f func() error) error {
	var there, here unix.Stat_t
	if unix.Fstat(int(ns.Fd()), &there) == nil && unix.Stat(Thread, &here) == nil && there.Ino == here.Ino && there.Dev == here.Dev {
		return f()
	}
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
		if err := unix.Setns(int(ns.Fd()), unix.CLONE_NEWNET); err != nil {
			done <- fmt.Errorf("entering another network namespace: %w: needs CAP_SYS_ADMIN", err)
			return
		}
		done <- f()
	}()
	return <-done
}
