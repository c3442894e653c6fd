package apply

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"

	"golang.org/x/sys/unix"
)

// errGone says that what was changed went with its network namespace.
var errGone = errors.New("the network namespace is gone")

// within runs f in the network namespace in which the record was made. After a
// reboot only the first one is there; what other ones held is gone by itself.
func (r *Record) within(f func() error) error {
	if r.Boot != bootID() {
		if !r.First {
			return r.forget()
		}
		return f()
	}
	if r.Netns == inode("/proc/thread-self/ns/net") {
		return f()
	}
	ns, err := findNamespace(r.Netns)
	if errors.Is(err, errGone) {
		return r.forget()
	}
	if err != nil {
		return err
	}
	defer ns.Close()
	return inside(ns, f)
}

// forget marks what went with its network namespace as undone.
func (r *Record) forget() error {
	var errs []error
	for n := range r.Entries {
		if !r.Entries[n].Undone && r.Entries[n].Change.Knob != "file" {
			r.Entries[n].Undone = true
			errs = append(errs, r.append(event{Kind: "undone", Entry: n}))
		}
	}
	for n := range r.Entries {
		if !r.Entries[n].Undone {
			errs = append(errs, r.undo(n, false))
		}
	}
	return errors.Join(errs...)
}

// inside runs f on a thread that is in another network namespace.
func inside(ns *os.File, f func() error) error {
	var st unix.Stat_t
	if err := unix.Fstat(int(ns.Fd()), &st); err == nil && st.Ino == inode("/proc/thread-self/ns/net") {
		return f() // no right is needed to stay
	}
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
		if err := unix.Setns(int(ns.Fd()), unix.CLONE_NEWNET); err != nil {
			done <- fmt.Errorf("entering the network namespace of the change: %w", err)
			return
		}
		done <- f()
	}()
	return <-done
}

// findNamespace opens a network namespace by its inode: of a process, or by a name
// that ip netns gave it.
func findNamespace(ino uint64) (*os.File, error) {
	for _, pattern := range []string{"/run/netns/*", "/var/run/docker/netns/*", "/proc/[0-9]*/ns/net"} {
		paths, _ := filepath.Glob(pattern)
		for _, p := range paths {
			if inode(p) != ino {
				continue
			}
			if f, err := os.Open(p); err == nil {
				return f, nil
			}
		}
	}
	if os.Geteuid() != 0 {
		return nil, fmt.Errorf("the network namespace of the change is not seen: needs root")
	}
	return nil, errGone
}
