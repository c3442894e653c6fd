package apply

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
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
		b, err := os.ReadFile(c.Of)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return State{Text: "no such file"}, nil
		case err != nil:
			return State{}, err
		}
		s := State{Text: "no such line"}
		for line := range strings.Lines(string(b)) {
			if strings.HasPrefix(line, c.Field) {
				s.Text = strings.TrimSpace(line)
			}
		}
		s.Raw, err = json.Marshal(string(b))
		return s, err
	},
	write: func(c Change) error { return editLine(c, c.To) },
	restore: func(c Change, was State) error {
		if was.Raw == nil || was.Text == "no such line" {
			return editLine(c, "")
		}
		return editLine(c, was.Text)
	},
	reached: func(c Change, now State) bool { return now.Text == c.To },
}

// persistent are the folders in which whydrop keeps a file of its own.
var persistent = []string{"/etc/sysctl.d", "/etc/modules-load.d", "/etc/udev/rules.d"}

const fileHead = "# Written by whydrop apply; whydrop rollback takes it back.\n"

// editLine replaces the line of a change, adds it, or removes it if the new one is
// empty. A file without lines is removed, too. The file is replaced as a whole: at
// no moment is half of it there.
func editLine(c Change, line string) error {
	old, err := os.ReadFile(c.Of)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	var lines []string
	placed, any := line == "", line != ""
	for l := range strings.Lines(string(old)) {
		l = strings.TrimRight(l, "\n")
		if strings.HasPrefix(l, c.Field) {
			if placed {
				continue
			}
			l, placed = line, true
		}
		lines = append(lines, l)
		any = any || strings.TrimSpace(l) != "" && !strings.HasPrefix(strings.TrimSpace(l), "#")
	}
	if !placed {
		lines = append(lines, line)
	}
	if !any {
		err := os.Remove(c.Of)
		if errors.Is(err, fs.ErrNotExist) {
			err = nil
		}
		return err
	}
	text := strings.Join(lines, "\n") + "\n"
	if len(old) == 0 {
		text = fileHead + text
	}
	return replaceFile(c.Of, []byte(text), 0o644)
}

// replaceFile puts a file in the place of another at once, durably.
func replaceFile(name string, data []byte, mode fs.FileMode) error {
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
