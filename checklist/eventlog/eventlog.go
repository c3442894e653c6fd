// Package eventlog keeps a session as its events: a file that is only ever appended to,
// an event a line, as JSON. What was appended is there after a kill; a damaged line
// costs itself alone. Training and interviews are kept so.
package eventlog

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"whydrop/content"
)

// mostLog bounds a log that is read, in bytes.
const mostLog = 256 << 20

// ErrInUse says that another whydrop writes the log.
var ErrInUse = errors.New("it is open in another whydrop")

// Form is a kind of log, with events of type E.
type Form[E any] struct {
	Extension string // ends the name of a log, with its dot
	Word      string // what a log keeps: "interview"
	// Known returns the number of an event in its session, the word for its kind, and
	// whether this whydrop knows that kind.
	Known func(E) (number int, kind string, known bool)
}

// Log is a log that is being written.
type Log[E any] struct {
	Path string
	file *os.File
}

// Create begins a log in a directory, which is made if it does not exist. Its name is
// the time and the id of the scenario.
func (k Form[E]) Create(dir, scenario string, now time.Time) (*Log[E], error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	name := now.UTC().Format("20060102-150405") + "-" + fileName(scenario)
	for i := 1; ; i++ {
		path := filepath.Join(dir, name+k.Extension)
		if i > 1 {
			path = filepath.Join(dir, fmt.Sprintf("%s-%d%s", name, i, k.Extension))
		}
		f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY|os.O_APPEND|unix.O_NOFOLLOW, 0o600)
		if err == nil {
			return lock[E](path, f)
		}
		if !errors.Is(err, os.ErrExist) || i > 100 {
			return nil, err
		}
	}
}

// fileName is an id of a scenario that can stand in a file's name.
func fileName(id string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' {
			return r
		}
		return '_'
	}, id[:min(len(id), 80)])
}

func lock[E any](path string, f *os.File) (*Log[E], error) {
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		f.Close()
		if errors.Is(err, unix.EWOULDBLOCK) {
			err = ErrInUse
		}
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return &Log[E]{path, f}, nil
}

// Resume opens a log to go on with it and returns what is in it, as Read does. A last
// line without its end, which was being written at a kill, is cut off and told.
func (k Form[E]) Resume(path string) (l *Log[E], events []E, notes []string, err error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_APPEND|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, nil, nil, err
	}
	if l, err = lock[E](path, f); err != nil {
		return nil, nil, nil, err
	}
	data, err := k.readAll(f)
	if err == nil {
		err = f.Truncate(int64(bytes.LastIndexByte(data, '\n') + 1))
	}
	if err != nil {
		l.Close()
		return nil, nil, nil, fmt.Errorf("%s: %w", path, err)
	}
	events, notes = k.Parse(data)
	return l, events, notes, nil
}

// Read reads a log. Notes tell the lines that are damaged or not known and are left out.
func (k Form[E]) Read(path string) (events []E, notes []string, err error) {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, nil, err
	}
	defer f.Close()
	data, err := k.readAll(f)
	if err != nil {
		return nil, nil, err
	}
	events, notes = k.Parse(data)
	return events, notes, nil
}

// readAll reads a log that is a regular file of a sane size.
func (k Form[E]) readAll(f *os.File) ([]byte, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Size() > mostLog {
		return nil, fmt.Errorf("%s keeps no %s: expected a file of at most %d MiB", f.Name(), k.Word, mostLog>>20)
	}
	return io.ReadAll(io.LimitReader(f, mostLog))
}

// Parse reads what is in a log, as Read does.
func (k Form[E]) Parse(data []byte) (events []E, notes []string) {
	torn := len(data) > 0 && data[len(data)-1] != '\n'
	if torn {
		data = data[:bytes.LastIndexByte(data, '\n')+1]
	}
	seen := map[int]bool{}
	n := 0
	for line := range bytes.Lines(data) {
		n++
		var e E
		if err := json.Unmarshal(line, &e); err != nil {
			notes = append(notes, fmt.Sprintf("line %d is damaged and left out: %v", n, content.Show(err.Error())))
			continue
		}
		switch number, kind, known := k.Known(e); {
		case !known:
			notes = append(notes, fmt.Sprintf("line %d is left out: %q is nothing that this whydrop knows", n, kind))
		case seen[number]:
			notes = append(notes, fmt.Sprintf("line %d is left out: event %d stands there already", n, number))
		default:
			seen[number] = true
			events = append(events, e)
		}
	}
	if torn {
		notes = append(notes, fmt.Sprintf("line %d has no end and is left out: it was being written when whydrop ended", n+1))
	}
	return events, notes
}

// Each reads the logs of a directory, the newest first. A directory that does not exist
// has none; files that are no logs, or cannot be read, are passed over.
func (k Form[E]) Each(dir string, read func(path string, events []E)) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		if errors.Is(err, os.ErrNotExist) {
			return nil
		}
		return err
	}
	for _, entry := range slices.Backward(entries) { // the names begin with the time
		path := filepath.Join(dir, entry.Name())
		if !entry.Type().IsRegular() || !strings.HasSuffix(path, k.Extension) {
			continue
		}
		if events, _, err := k.Read(path); err == nil {
			read(path, events)
		}
	}
	return nil
}

// Append writes an event. When it returns, a kill of whydrop does not lose the event.
func (l *Log[E]) Append(e E) error {
	data, err := json.Marshal(e)
	if err != nil {
		return err
	}
	_, err = l.file.Write(append(data, '\n'))
	return err
}

// Close closes the log.
func (l *Log[E]) Close() error { return l.file.Close() }
