package apply

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// fileKnob is a line of a file of whydrop's own that keeps a setting over a reboot.
// Field is what the line begins with, such as "net.core.somaxconn =": a line that
// begins so already is replaced. Other lines are nobody's business.
var fileKnob = knob{
	title: "line",
	check: func(c Change) error {
		if !slices.ContainsFunc(persistent, func(dir string) bool { return filepath.Dir(c.Of) == dir }) ||
			!strings.HasPrefix(filepath.Base(c.Of), "90-whydrop") {
			return fmt.Errorf("%q is not a file of whydrop's: expected 90-whydrop... in one of %s", c.Of, strings.Join(persistent, ", "))
		}
		if c.Field == "" || !strings.HasPrefix(c.To, c.Field) {
			return fmt.Errorf("%s: the line does not begin with %q", c.Of, c.Field)
		}
		return nil
	},
	read: func(c Change) (State, error) {
		text, err := readOwnFile(c.Of)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return State{Text: noFile}, nil
		case err != nil:
			return State{}, err
		}
		s := State{Text: noLine}
		for line := range strings.Lines(text) {
			if c.begins(line) {
				s.Text = strings.TrimSpace(line)
			}
		}
		return s, nil
	},
	write: func(c Change) error { return editLine(c, c.To) },
	restore: func(c Change, was State) error {
		if was.Text == noFile || was.Text == noLine {
			return editLine(c, "")
		}
		return editLine(c, was.Text)
	},
	reached: func(c Change, now State) bool { return now.Text == c.To },
	// Others may have put lines of their own beside it, so that the file stays.
	restored: func(was, now State) bool {
		return was.Text == noFile && now.Text == noLine || was.Text == noLine && now.Text == noFile
	},
}

const (
	noFile = "no such file"
	noLine = "no such line"
)

// begins tells whether a line is the one that a change is about: it begins with the
// key, and where the key is all of the wanted line, it is no more than that.
func (c Change) begins(line string) bool {
	if c.Field == c.To {
		return strings.TrimSpace(line) == c.Field
	}
	return strings.HasPrefix(line, c.Field)
}

// ownFileLimit is how long a file of whydrop's may be, in bytes.
const ownFileLimit = 1 << 20

// readOwnFile reads a file that whydrop may replace: a plain one that nobody but its
// owner can write. A link is left alone, since what it leads to is somebody else's.
func readOwnFile(name string) (string, error) {
	f, err := os.OpenFile(name, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if errors.Is(err, unix.ELOOP) {
		return "", fmt.Errorf("%s is a link: whydrop leaves it alone", name)
	}
	if err != nil {
		return "", err
	}
	defer f.Close()
	var st unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &st); err != nil {
		return "", err
	}
	if err := checkOwner(name, &st, unix.S_IFREG); err != nil {
		return "", err
	}
	b, err := io.ReadAll(io.LimitReader(f, ownFileLimit+1))
	if err == nil && len(b) > ownFileLimit {
		err = fmt.Errorf("%s is longer than %d bytes: whydrop leaves it alone", name, ownFileLimit)
	}
	return string(b), err
}

// persistent are the folders in which whydrop keeps a file of its own.
var persistent = []string{"/etc/sysctl.d", "/etc/modules-load.d", "/etc/udev/rules.d"}

const fileHead = "# Written by whydrop apply; whydrop rollback takes it back.\n"

// editLine replaces the line of a change, adds it, or removes it if the new one is
// empty. What is left of the file is removed if it is no more than whydrop's own
// head. The file is replaced as a whole: at no moment is half of it there.
func editLine(c Change, line string) error {
	old, err := readOwnFile(c.Of)
	missing := errors.Is(err, fs.ErrNotExist)
	if err != nil && !missing {
		return err
	}
	var text strings.Builder
	if missing {
		text.WriteString(fileHead)
	}
	placed := line == ""
	for l := range strings.Lines(old) {
		if !c.begins(l) {
			text.WriteString(strings.TrimRight(l, "\n") + "\n")
		} else if !placed {
			text.WriteString(line + "\n")
			placed = true
		}
	}
	if !placed {
		text.WriteString(line + "\n")
	}
	switch {
	case text.String() != fileHead:
		return replaceFile(c.Of, []byte(text.String()))
	case missing:
		return nil
	}
	return errors.Join(os.Remove(c.Of), syncDir(filepath.Dir(c.Of)))
}

// replaceFile puts a file in the place of another at once, durably, with its mode.
func replaceFile(name string, data []byte) error {
	mode := fs.FileMode(0o644)
	if st, err := os.Lstat(name); err == nil {
		mode = st.Mode().Perm()
	}
	f, err := os.CreateTemp(filepath.Dir(name), "."+filepath.Base(name)+".*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.Write(data)
	if err = errors.Join(err, f.Chmod(mode), f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), name); err != nil {
		return err
	}
	return syncDir(filepath.Dir(name))
}

// syncDir makes a new name in a folder durable.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

// sysctlFolders are where sysctl.d(5) looks, the first of two files of the same name.
var sysctlFolders = []string{"/etc/sysctl.d", "/run/sysctl.d", "/usr/local/lib/sysctl.d", "/usr/lib/sysctl.d", "/lib/sysctl.d"}

// sysctlLast is what sysctl(8) --system reads after all others.
var sysctlLast = "/etc/sysctl.conf"

// Overridden returns the file that is read after this line at the next boot and sets
// the same sysctl otherwise, and the value there; empty for none.
func (k Kept) Overridden() (file, value string) {
	key, wanted, ok := sysctlLine(k.Line)
	if !ok || filepath.Base(k.File) != filepath.Base(sysctlFile) {
		return "", ""
	}
	later := map[string]string{} // by name
	for _, dir := range sysctlFolders {
		names, _ := filepath.Glob(filepath.Join(dir, "*.conf"))
		for _, path := range names {
			name := filepath.Base(path)
			if _, hidden := later[name]; !hidden && name > filepath.Base(sysctlFile) {
				later[name] = path
			}
		}
	}
	var files []string
	for _, name := range slices.Sorted(maps.Keys(later)) {
		files = append(files, later[name])
	}
	for _, path := range append(files, sysctlLast) {
		b, err := os.ReadFile(path)
		if err != nil {
			continue
		}
		for line := range strings.Lines(string(b)) {
			if k, v, ok := sysctlLine(line); ok && k == key {
				file, value = path, v
			}
		}
	}
	if sameWords(value, wanted) {
		return "", ""
	}
	return file, value
}

// sysctlLine takes a line of sysctl.d(5) apart: the key as a path, and the value.
func sysctlLine(line string) (path, value string, ok bool) {
	key, value, ok := strings.Cut(strings.TrimSpace(line), "=")
	path, err := sysctlPath(strings.TrimSpace(strings.TrimPrefix(key, "-")))
	return path, strings.TrimSpace(value), ok && err == nil
}
