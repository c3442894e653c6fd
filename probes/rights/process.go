// Package rights looks at what this process may do (capabilities, namespaces,
// confinement) and at what this kernel offers and restricts. It needs no
// privilege.
package rights

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// maxFile bounds what is read of one small file, in bytes.
const maxFile = 1 << 20

// Process is what this process may do. A pointer that is nil could not be told.
type Process struct {
	UID        int    `json:"uid"` // effective
	Effective  Set    `json:"-"`
	Bounding   Set    `json:"-"`            // what no program started here can exceed
	NoNewPrivs bool   `json:"no_new_privs"` // neither sudo nor file capabilities work
	Seccomp    bool   `json:"seccomp"`      // a filter may refuse system calls
	Label      string `json:"label,omitempty"`
	// FirstUser, FirstPID and FirstNet say whether this is the first (the
	// host's) user, process and network namespace.
	FirstUser *bool `json:"first_user_namespace"`
	FirstPID  *bool `json:"first_pid_namespace"`
	FirstNet  *bool `json:"first_network_namespace"`
	// Container is the mark that a container runtime left, "" if there is none.
	Container string `json:"container,omitempty"`
	// HidePID is the hidepid option of /proc (proc(5)), "" if other users'
	// processes are shown.
	HidePID string `json:"hidepid,omitempty"`
	// SysReadOnly is set where /proc/sys is mounted read-only, as containers
	// have it: settings have to be changed outside.
	SysReadOnly bool `json:"proc_sys_read_only"`
}

// Inodes of the first namespaces (include/linux/proc_ns.h). That of the first
// network namespace is not fixed.
const (
	firstUser = "user:[4026531837]"
	firstPID  = "pid:[4026531836]"
)

// Self looks at this process. root is "/" but for tests. With an error, that
// /proc/self/status can't be read, what could be told is returned all the same.
func Self(root string) (*Process, error) {
	p := &Process{
		UID:       os.Geteuid(),
		FirstUser: is(root, "proc/self/ns/user", firstUser), FirstPID: is(root, "proc/self/ns/pid", firstPID),
		FirstNet: firstNet(root), Container: container(root),
	}
	if b, err := read(root, "proc/self/attr/current"); err == nil {
		p.Label = label(b)
	}
	if b, err := read(root, "proc/self/mountinfo"); err == nil {
		p.mounts(string(b))
	}
	b, err := read(root, "proc/self/status")
	if err == nil {
		err = p.status(b)
	}
	if err != nil {
		return p, fmt.Errorf("own rights (/proc/self/status): %w", err)
	}
	return p, nil
}

// firstNet tells by a sysctl that only the first network namespace has
// (net/core/sysctl_net_core.c).
func firstNet(root string) *bool {
	if _, err := os.Stat(filepath.Join(root, "proc/sys/net/core/somaxconn")); err != nil {
		return nil
	}
	_, err := os.Stat(filepath.Join(root, "proc/sys/net/core/netdev_budget"))
	return yes(err == nil)
}

func yes(b bool) *bool { return &b }

// is compares a link of /proc with what it is in the first namespace.
func is(root, link, first string) *bool {
	target, err := os.Readlink(filepath.Join(root, link))
	if err != nil {
		return nil
	}
	return yes(target == first)
}

// status takes the capabilities from /proc/self/status (proc_pid_status(5)).
func (p *Process) status(b []byte) error {
	var effective, bounding bool
	for line := range strings.Lines(string(b)) {
		key, value, _ := strings.Cut(line, ":")
		value = strings.TrimSpace(value)
		var err error
		switch key {
		case "CapEff":
			p.Effective, err = parseSet(value)
			effective = true
		case "CapBnd":
			p.Bounding, err = parseSet(value)
			bounding = true
		case "NoNewPrivs":
			p.NoNewPrivs = value == "1"
		case "Seccomp":
			p.Seccomp = value == "1" || value == "2"
		}
		if err != nil {
			return err
		}
	}
	if !effective || !bounding {
		return errors.New("expected CapEff and CapBnd")
	}
	return nil
}

// label is the security context that AppArmor or SELinux gave; "" where nothing
// confines.
func label(b []byte) string {
	s := string(bytes.TrimRight(b, "\n\x00 "))
	if s == "unconfined" || s == "kernel" || strings.Contains(s, ":unconfined_t:") {
		return ""
	}
	return s[:min(len(s), 200)]
}

// mounts looks in mountinfo for the options of /proc and of /proc/sys. The last
// mount at a place is the one that is seen.
func (p *Process) mounts(mountinfo string) {
	for line := range strings.Lines(mountinfo) {
		before, after, ok := strings.Cut(strings.TrimSpace(line), " - ")
		fields, super := strings.Fields(before), strings.Fields(after)
		if !ok || len(fields) < 6 || len(super) < 3 {
			continue
		}
		switch fields[4] {
		case "/proc":
			p.HidePID = ""
			p.SysReadOnly = option(fields[5], "ro") != ""
			if h := option(super[2], "hidepid"); h != "0" && h != "off" {
				p.HidePID = h
			}
		case "/proc/sys":
			p.SysReadOnly = option(fields[5], "ro") != ""
		}
	}
}

// option returns the value of a mount option, its name if it has none, "" if it
// is not set.
func option(options, name string) string {
	for o := range strings.SplitSeq(options, ",") {
		if o == name {
			return name
		}
		if v, ok := strings.CutPrefix(o, name+"="); ok {
			return v
		}
	}
	return ""
}

// container names the mark that a runtime left.
func container(root string) string {
	marks := []struct{ file, name string }{
		{"var/run/secrets/kubernetes.io", "Kubernetes"}, {"run/.containerenv", "Podman"}, {".dockerenv", "Docker"},
	}
	for _, m := range marks {
		if _, err := os.Stat(filepath.Join(root, m.file)); err == nil {
			return m.name
		}
	}
	return ""
}

// read returns the content of a small file.
func read(root, file string) ([]byte, error) {
	f, err := os.Open(filepath.Join(root, file))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, maxFile))
}
