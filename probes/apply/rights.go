package apply

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Allowed returns what hinders this user from making a change here, as far as that
// can be told without making it: the right that is missing.
func (c Change) Allowed() error {
	switch c.Knob {
	case "sysctl":
		file, err := sysctlPath(c.Of)
		if err != nil {
			return err
		}
		return where(file, func() error { return sysctlRight(mayWrite(file)) })
	case "rps", "xps":
		root, close, err := sysfs(c.Of)
		if err != nil {
			return err
		}
		defer close()
		masks, err := readMasks(c)
		for queue := range masks {
			err = errors.Join(err, needs(mayWrite(maskFile(root, c, queue))))
			break
		}
		return err
	case "file":
		if err := unix.Access(filepath.Dir(c.Of), unix.W_OK); err != nil {
			return fmt.Errorf("writing %s: %w: needs root", c.Of, err)
		}
		return nil
	}
	return netAdmin()
}

// mayWrite opens a file for writing and writes nothing.
func mayWrite(file string) error {
	f, err := os.OpenFile(file, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	return f.Close()
}

// netAdmin tells whether this process has CAP_NET_ADMIN in the user namespace to
// which the thread's network namespace belongs, or in one above it (user_namespaces(7),
// ioctl_ns(2)).
func netAdmin() error {
	missing := errors.New("not permitted: needs CAP_NET_ADMIN")
	status, err := os.ReadFile("/proc/thread-self/status")
	if err != nil {
		return nil // then the change itself tells
	}
	_, rest, _ := strings.Cut(string(status), "\nCapEff:")
	line, _, _ := strings.Cut(rest, "\n")
	caps, err := strconv.ParseUint(strings.TrimSpace(line), 16, 64)
	if err == nil && caps>>unix.CAP_NET_ADMIN&1 == 0 {
		return missing
	}
	ns, err := os.Open("/proc/thread-self/ns/net")
	if err != nil {
		return nil
	}
	defer ns.Close()
	owner, err := unix.IoctlRetInt(int(ns.Fd()), unix.NS_GET_USERNS)
	if errors.Is(err, unix.EPERM) {
		return fmt.Errorf("%w in the user namespace that this network namespace belongs to", missing)
	}
	if err == nil {
		unix.Close(owner)
	}
	return nil
}
