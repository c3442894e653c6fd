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
		unloadCongestionControls(c.Of, was)
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
	if len(parts) < 2 || !slices.Contains(sysctlRoots, parts[0]) {
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
		s.Raw, err = json.Marshal(congestionControls())
	}
	return s, err
}

func writeSysctl(key, value string) error {
	file, err := sysctlPath(key)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(file, os.O_WRONLY, 0)
	switch {
	case errors.Is(err, unix.EROFS), errors.Is(err, unix.EACCES), errors.Is(err, unix.EPERM):
		return fmt.Errorf("%w: needs root, and for what all network namespaces share the first one", err)
	case err != nil:
		return err
	}
	_, err = f.WriteString(value)
	err = errors.Join(err, f.Close())
	switch {
	case errors.Is(err, unix.EINVAL), errors.Is(err, unix.ERANGE):
		return fmt.Errorf("the kernel does not take the value %q: %w", value, err)
	case errors.Is(err, unix.ENOENT):
		return fmt.Errorf("the kernel does not have %q: %w", value, err)
	}
	return err
}

// congestionControls are the algorithms that are loaded.
func congestionControls() []string {
	b, _ := os.ReadFile("/proc/sys/net/ipv4/tcp_available_congestion_control")
	return strings.Fields(string(b))
}

// unloadCongestionControls takes out the modules that came with a change of the
// algorithm. One that connections still use stays: it does nothing by itself.
func unloadCongestionControls(key string, was State) {
	var before []string
	if path.Base(strings.ReplaceAll(key, ".", "/")) != "tcp_congestion_control" || json.Unmarshal(was.Raw, &before) != nil || len(before) == 0 {
		return
	}
	for _, name := range congestionControls() {
		if !slices.Contains(before, name) {
			_ = unix.DeleteModule("tcp_"+name, unix.O_NONBLOCK)
		}
	}
}
