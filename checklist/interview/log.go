package interview

import (
	"bufio"
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

// extension ends the name of an interview's log.
const extension = ".interview"

// mostEvent bounds one line of a log, in bytes.
const mostEvent = 64 << 10

// mostLog bounds a log that is read, in bytes: more than anybody types in a day.
const mostLog = 64 << 20

// Log is an interview on disk: an event a line, as JSON, only ever appended. Its name
// tells the time and the scenario, never the candidate.
type Log struct {
	Path string
	file *os.File
}

// ErrInUse says that another whydrop writes the interview.
var ErrInUse = errors.New("the interview is open in another whydrop")

// Create begins the log of a new interview in a directory, which is made if it does
// not exist.
func Create(dir, scenario string, now time.Time) (*Log, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	name := now.UTC().Format("20060102-150405") + "-" + fileName(scenario)
	for i := 1; ; i++ {
		path := filepath.Join(dir, name+extension)
		if i > 1 {
			path = filepath.Join(dir, fmt.Sprintf("%s-%d%s", name, i, extension))
		}
		f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY|os.O_APPEND|unix.O_NOFOLLOW, 0o600)
		if err == nil {
			return lock(path, f)
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

func lock(path string, f *os.File) (*Log, error) {
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		f.Close()
		if errors.Is(err, unix.EWOULDBLOCK) {
			err = ErrInUse
		}
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return &Log{path, f}, nil
}

// Resume opens a log to go on with it and returns what is in it, as ReadLog does. A
// last line without its end, which was being written at a kill, is cut off.
func Resume(path string) (l *Log, events []Event, notes []string, err error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_APPEND|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, nil, nil, err
	}
	if l, err = lock(path, f); err != nil {
		return nil, nil, nil, err
	}
	data, err := readAll(f)
	if whole := bytes.LastIndexByte(data, '\n') + 1; err == nil && whole < len(data) {
		data = data[:whole]
		err = f.Truncate(int64(whole))
	}
	if err != nil {
		l.Close()
		return nil, nil, nil, fmt.Errorf("%s: %w", path, err)
	}
	events, notes = parseLog(data)
	return l, events, notes, nil
}

// ReadLog reads a log. Notes tell the lines that are damaged or not known and are left
// out.
func ReadLog(path string) (events []Event, notes []string, err error) {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, nil, err
	}
	defer f.Close()
	data, err := readAll(f)
	if err != nil {
		return nil, nil, err
	}
	events, notes = parseLog(data)
	return events, notes, nil
}

// readAll reads a log that is a regular file of a sane size.
func readAll(f *os.File) ([]byte, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Size() > mostLog {
		return nil, fmt.Errorf("%s is no log of an interview: expected a file of at most %d MiB", f.Name(), mostLog>>20)
	}
	return io.ReadAll(io.LimitReader(f, mostLog))
}

func parseLog(data []byte) (events []Event, notes []string) {
	lines := bufio.NewScanner(bytes.NewReader(data))
	lines.Buffer(nil, mostEvent)
	seen := map[int]bool{}
	n := 0
	for lines.Scan() {
		n++
		var e Event
		switch err := json.Unmarshal(lines.Bytes(), &e); {
		case err != nil:
			notes = append(notes, fmt.Sprintf("line %d is damaged and left out: %v", n, content.Show(err.Error())))
		case !slices.Contains(kinds, e.Kind):
			notes = append(notes, fmt.Sprintf("line %d is left out: %q is nothing that this whydrop knows", n, string(e.Kind)))
		case seen[e.Number]:
			notes = append(notes, fmt.Sprintf("line %d is left out: event %d stands there already", n, e.Number))
		default:
			seen[e.Number] = true
			events = append(events, e)
		}
	}
	if err := lines.Err(); err != nil {
		notes = append(notes, fmt.Sprintf("what follows line %d is left out: %v", n, err))
	}
	return events, notes
}

// Append writes an event. When it returns, a kill of whydrop does not lose the event.
func (l *Log) Append(e Event) error {
	data, err := json.Marshal(e)
	if err != nil {
		return err
	}
	_, err = l.file.Write(append(data, '\n'))
	return err
}

// Close closes the log.
func (l *Log) Close() error { return l.file.Close() }

// Saved is what is in a log, in short.
type Saved struct {
	Path     string
	Scenario string // its id
	Begun    time.Time
	Last     time.Time
	Ticks    int
	Level    string // that was decided for the whole, "" if none was yet
}

// Kept returns the interviews of a directory, the newest first. A directory that does
// not exist has none; files that are no logs are passed over.
func Kept(dir string) ([]Saved, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		if errors.Is(err, os.ErrNotExist) {
			return nil, nil
		}
		return nil, err
	}
	var all []Saved
	for _, entry := range slices.Backward(entries) { // the names begin with the time
		path := filepath.Join(dir, entry.Name())
		if !entry.Type().IsRegular() || !strings.HasSuffix(path, extension) {
			continue
		}
		events, _, err := ReadLog(path)
		if err != nil || len(events) == 0 || events[0].Kind != Began {
			continue
		}
		all = append(all, saved(path, events))
	}
	return all, nil
}

func saved(path string, events []Event) Saved {
	s := Saved{Path: path, Scenario: string(events[0].Key), Begun: events[0].At, Last: events[len(events)-1].At}
	for _, e := range events {
		switch {
		case e.Kind == Ticked:
			s.Ticks++
		case e.Kind == Unticked:
			s.Ticks--
		case e.Kind == Decided && e.Key == KeyOf(Section, content.Whole):
			s.Level = e.Text
		}
	}
	return s
}
