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

func readSysctl(c Change) (State, error) {
	file, err := sysctlPath(c.Of)
	if err != nil {
		return State{}, err
	}
	b, err := os.ReadFile(file)
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
	f, err := os.OpenFile(file, os.O_WRONLY, 0)
	if err != nil {
		return sysctlRight(err)
	}
	_, err = f.WriteString(value + "\n") // a list is emptied by an empty line, not by nothing
	err = errors.Join(err, f.Close())
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
