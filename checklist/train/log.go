package train

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

// logExtension ends the name of a session's log.
const logExtension = ".train"

// mostEvent bounds one line of a log: a measurement of a live host is the longest.
const mostEvent = 16 << 20

// Log is a session on disk: an event a line, as JSON, only ever appended.
type Log struct {
	Path string
	file *os.File
}

// ErrInUse says that another whydrop writes the session.
var ErrInUse = errors.New("the session is open in another whydrop")

// Create begins the log of a new session in a directory, which is made if it does not
// exist.
func Create(dir, scenario string, now time.Time) (*Log, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	name := now.UTC().Format("20060102-150405") + "-" + fileName(scenario)
	for i := 1; ; i++ {
		path := filepath.Join(dir, name+logExtension)
		f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY|os.O_APPEND|unix.O_NOFOLLOW, 0o600)
		if err == nil {
			return lock(path, f)
		}
		if !errors.Is(err, os.ErrExist) || i > 100 {
			return nil, err
		}
		name = fmt.Sprintf("%s-%d", strings.TrimSuffix(name, fmt.Sprintf("-%d", i)), i+1)
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

// Resume opens a log to go on with it and returns what is in it: see ReadLog. A last
// line without its end, which was being written at a kill, is cut off.
func Resume(path string) (l *Log, events []Event, notes []string, err error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_APPEND|unix.O_NOFOLLOW, 0)
	if err != nil {
		return nil, nil, nil, err
	}
	if l, err = lock(path, f); err != nil {
		return nil, nil, nil, err
	}
	data, err := io.ReadAll(f)
	if err == nil && len(data) > 0 && data[len(data)-1] != '\n' {
		err = f.Truncate(int64(bytes.LastIndexByte(data, '\n') + 1))
	}
	if err != nil {
		l.Close()
		return nil, nil, nil, fmt.Errorf("%s: %w", path, err)
	}
	events, notes = parseLog(data)
	return l, events, notes, nil
}

// ReadLog reads a log. Notes tell the lines that are damaged or not known and are
// left out.
func ReadLog(path string) (events []Event, notes []string, err error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, nil, err
	}
	events, notes = parseLog(data)
	return events, notes, nil
}

// kinds are the kinds of events that can be read.
var kinds = []Kind{Began, Resumed, Asked, Measured, Suspected, Dropped, Noted, Hinted, Concluded, Committed, Checked, Verified}

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
	Steps    int
	Over     bool // the conclusion is made
	// Damaged says that the log is empty or has lost its beginning: nobody can go on with it.
	Damaged bool
}

// Sessions returns the sessions of a directory, the newest first. A directory that
// does not exist has none; files that are no logs are passed over.
func Sessions(dir string) ([]Saved, error) {
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
		if !entry.Type().IsRegular() || !strings.HasSuffix(path, logExtension) {
			continue
		}
		events, _, err := ReadLog(path)
		if err != nil {
			continue
		}
		if len(events) == 0 || events[0].Kind != Began {
			all = append(all, Saved{Path: path, Damaged: true})
			continue
		}
		s := Saved{Path: path, Scenario: events[0].ID, Begun: events[0].At, Last: events[len(events)-1].At}
		for _, e := range events {
			if e.Counts() {
				s.Steps++
			}
			s.Over = s.Over || e.Kind == Committed
		}
		all = append(all, s)
	}
	return all, nil
}
