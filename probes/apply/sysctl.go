package apply

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"whydrop/probes/namespaces"
)

// sysctlKnob is a file below /proc/sys. The value is its text, with single blanks
// between several numbers.
var sysctlKnob = knob{
	check: func(c Change) error { _, err := sysctlPath(c.Of); return err },
	read:  readSysctl,
	write: func(c Change) error { return writeSysctl(c.Of, c.To) },
	restore: func(c Change, was State) error {
		if now, err := readSysctl(c); err == nil && sameWords(now.Text, was.Text) {
			return nil
		}
		if err := writeSysctl(c.Of, was.Text); err != nil {
			return err
		}
		forgetCongestionControl(c, was)
		return nil
	},
}

// sysctlRoots are the parts of /proc/sys that have to do with lost packets; the
// rest is nobody's business here.
var sysctlRoots = []string{"net", "vm", "fs"}

// sysctlPath is the file of a key. As in sysctl.d(5), the first separator decides
// which it is: net.ipv4.conf.eth0/1.rp_filter and net/ipv4/conf/eth0.1/rp_filter
// are the same.
func sysctlPath(key string) (string, error) {
	rel := key
	if i := strings.IndexAny(key, "./"); i >= 0 && key[i] == '.' {
		rel = strings.Map(func(r rune) rune {
			switch r {
			case '.':
				return '/'
			case '/':
				return '.'
			}
			return r
		}, key)
	}
	parts := strings.Split(rel, "/")
	if len(parts) < 2 || !slices.Contains(sysctlRoots, parts[0]) || parts[1] == "binfmt_misc" { // which starts programs
		return "", fmt.Errorf("%q is no sysctl that whydrop sets: expected one below %s", key, strings.Join(sysctlRoots, ", "))
	}
	for _, p := range parts {
		if p == "" || p == "." || p == ".." {
			return "", fmt.Errorf("%q is not the key of a sysctl", key)
		}
	}
	return path.Join("/proc/sys", rel), nil
}

// where runs f on a thread that can read and write the file of a sysctl: where all
// network namespaces share it, only the machine's first one can, and others lack the
// file (net.ipv4.tcp_mem) or have it read-only (net.netfilter.nf_conntrack_max).
func where(file string, f func() error) error {
	first, _ := holder(file)
	if first == nil {
		return f()
	}
	defer first.Close()
	return namespaces.Inside(first, f)
}

// holder is the machine's first network namespace and a process in it, if it alone can
// set a sysctl and may be entered; else nil. Each namespace has interfaces of its own,
// so their settings are never looked for there.
func holder(file string) (first *os.File, pid int) {
	if namespaces.IsFirst() || settable(file) || !shareable(file) {
		return nil, 0
	}
	first, pid, err := namespaces.First()
	if err != nil {
		return nil, 0
	}
	there := false
	err = namespaces.Inside(first, func() error { there = settable(file); return nil })
	if err != nil || !there {
		first.Close()
		return nil, 0
	}
	return first, pid
}

// settable tells whether a sysctl is there and some user may write it.
func settable(file string) bool {
	var st unix.Stat_t
	return unix.Stat(file, &st) == nil && st.Mode&0o222 != 0
}

func shareable(file string) bool {
	dir := filepath.Dir(file)
	parent := filepath.Base(filepath.Dir(dir))
	perLink := (parent == "conf" || parent == "neigh") && filepath.Base(dir) != "default"
	return strings.HasPrefix(file, "/proc/sys/net/") && !perLink
}

// Shared tells whether all network namespaces share a setting that only the machine's
// first one can set, this thread is in another one, and that one may be entered.
func (c Change) Shared() bool { return c.sharedBy() != 0 }

// sharedBy is a process in the namespace that holds a shared setting, 0 for none.
func (c Change) sharedBy() int {
	if c.Knob != "sysctl" {
		return 0
	}
	file, err := sysctlPath(c.Of)
	if err != nil {
		return 0
	}
	first, pid := holder(file)
	if first != nil {
		first.Close()
	}
	return pid
}

func readSysctl(c Change) (State, error) {
	file, err := sysctlPath(c.Of)
	if err != nil {
		return State{}, err
	}
	var b []byte
	err = where(file, func() error { b, err = os.ReadFile(file); return err })
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return State{}, fmt.Errorf("this network namespace or kernel has no %s", c.Of)
	case err != nil:
		return State{}, err
	}
	s := State{Text: strings.Join(strings.Fields(string(b)), " ")}
	if filepath.Base(file) == "tcp_congestion_control" {
		s.Raw, err = json.Marshal(readCongestionControls())
	}
	return s, err
}

func writeSysctl(key, value string) error {
	file, err := sysctlPath(key)
	if err != nil {
		return err
	}
	err = where(file, func() error {
		f, err := os.OpenFile(file, os.O_WRONLY, 0)
		if err != nil {
			return sysctlRight(err)
		}
		_, err = f.WriteString(value + "\n") // a list is emptied by an empty line, not by nothing
		return errors.Join(err, f.Close())
	})
	switch {
	case errors.Is(err, unix.EINVAL), errors.Is(err, unix.ERANGE):
		return fmt.Errorf("the kernel does not take the value %q: %w", value, err)
	case errors.Is(err, unix.ENOENT):
		return fmt.Errorf("the kernel does not have %q: %w", value, err)
	}
	return err
}

// sysctlRight says what a refusal asks for.
func sysctlRight(err error) error {
	switch {
	case errors.Is(err, unix.EROFS):
		return fmt.Errorf("%w: /proc/sys is mounted read-only, as in a container: set it on the host, or give the container the setting when it is started", err)
	case errors.Is(err, unix.EACCES), errors.Is(err, unix.EPERM):
		return fmt.Errorf("%w: needs CAP_NET_ADMIN or root, and for what all network namespaces share the first one", err)
	}
	return err
}

// congestionControls are the algorithms that are loaded, and those that programs
// without rights may choose: one that becomes the default joins both.
type congestionControls struct {
	Available, Allowed []string
}

const ipv4Settings = "/proc/sys/net/ipv4/"

func readCongestionControls() congestionControls {
	words := func(name string) []string {
		b, _ := os.ReadFile(ipv4Settings + name)
		return strings.Fields(string(b))
	}
	return congestionControls{words("tcp_available_congestion_control"), words("tcp_allowed_congestion_control")}
}

// forgetCongestionControl takes out the module that came with a change of the
// algorithm, or else takes it off the list of what all may choose. One that somebody
// still uses stays: it does nothing by itself.
func forgetCongestionControl(c Change, was State) {
	var before congestionControls
	if len(was.Raw) == 0 || json.Unmarshal(was.Raw, &before) != nil || len(before.Available) == 0 {
		return
	}
	if !slices.Contains(before.Available, c.To) {
		if unix.DeleteModule("tcp_"+c.To, unix.O_NONBLOCK) == nil {
			return
		}
	}
	allowed := readCongestionControls().Allowed
	if !slices.Contains(before.Allowed, c.To) && slices.Contains(allowed, c.To) {
		allowed = slices.DeleteFunc(allowed, func(name string) bool { return name == c.To })
		_ = writeSysctl("net.ipv4.tcp_allowed_congestion_control", strings.Join(allowed, " ")) // only from the first namespace
	}
}
