package apply

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"whydrop/probes/namespaces"
)

// errGone says that what was changed went with its network namespace.
var errGone = errors.New("the network namespace is gone")

// here is the start of a record on this host.
func here(title string) Begin {
	b := Begin{At: time.Now(), Title: title, Boot: bootID()}
	b.Netns = inode(namespaces.Thread)
	b.Cookie = cookie()
	b.First = namespaces.IsFirst()
	return b
}

func bootID() string {
	b, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return "unknown"
	}
	return strings.TrimSpace(string(b))
}

func inode(path string) uint64 {
	var st unix.Stat_t
	if unix.Stat(path, &st) != nil {
		return 0
	}
	return st.Ino
}

// cookie is the number of the thread's network namespace that no other one of this
// boot has (SO_NETNS_COOKIE, since Linux 5.14); 0 where the kernel does not tell.
func cookie() uint64 {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return 0
	}
	defer unix.Close(fd)
	c, err := unix.GetsockoptUint64(fd, unix.SOL_SOCKET, unix.SO_NETNS_COOKIE)
	if err != nil {
		return 0
	}
	return c
}

// isHere tells whether the thread is in the network namespace of the record.
func (r *Record) isHere() bool {
	return r.Netns == inode(namespaces.Thread) && (r.Cookie == 0 || r.Cookie == cookie())
}

// Elsewhere tells whether the changes are of another network namespace than this one.
func (r *Record) Elsewhere() bool { return r.Boot == bootID() && !r.isHere() }

// within runs f in the network namespace in which the record was made. After a
// reboot only the first one is there; what other ones held is gone by itself.
func (r *Record) within(f func() error) error {
	if r.Boot != bootID() && r.First || r.isHere() {
		return f()
	}
	ns, err := r.namespace()
	if errors.Is(err, errGone) {
		return errors.Join(r.forget(), f()) // what is left is the machine's
	}
	if err != nil {
		return err
	}
	defer ns.Close()
	return namespaces.Inside(ns, f)
}

// lost tells whether the network namespace of the record is gone.
func (r *Record) lost() bool {
	if r.Boot != bootID() && r.First || r.isHere() {
		return false
	}
	ns, err := r.namespace()
	if err == nil {
		ns.Close()
	}
	return errors.Is(err, errGone)
}

// ofNamespace tells whether a setting went with its network namespace: files, and
// sysctls that all namespaces share, belong to the machine.
func (e *Entry) ofNamespace() bool {
	return e.Change.Knob != "file" && !e.Shared && (e.Change.Knob != "sysctl" || strings.HasPrefix(e.Change.Of, "net"))
}

// forget marks what went with its network namespace as undone; files stay.
func (r *Record) forget() error {
	var errs []error
	for n := range r.Entries {
		if e := &r.Entries[n]; !e.Undone && e.ofNamespace() {
			errs = append(errs, r.settle(n))
		}
	}
	return errors.Join(errs...)
}

// namespace opens the network namespace of a record: by its inode, of a process or
// by a name that ip netns gave it. Inodes are used again: the cookie tells.
func (r *Record) namespace() (*os.File, error) {
	if r.Boot != bootID() {
		return nil, errGone
	}
	for _, pattern := range []string{"/run/netns/*", "/var/run/docker/netns/*", "/proc/[0-9]*/ns/net"} {
		paths, _ := filepath.Glob(pattern)
		for _, p := range paths {
			if inode(p) != r.Netns {
				continue
			}
			f, err := os.Open(p)
			if err != nil {
				continue
			}
			if r.Cookie == 0 {
				return f, nil
			}
			found := uint64(0)
			err = namespaces.Inside(f, func() error { found = cookie(); return nil })
			if err == nil && found != r.Cookie {
				err = errGone // another one got its inode
			}
			if err != nil {
				return nil, errors.Join(err, f.Close())
			}
			return f, nil
		}
	}
	return nil, errGone
}
