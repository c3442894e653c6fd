package apply

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Record is what was changed in one go, on disk: each previous value is there,
// durably, before the setting is written. As long as it is neither kept nor undone
// it is pending, and whoever finds it so without a guard may undo it.
type Record struct {
	// Path is the file: a line for each event, with a checksum before it. What a
	// crash left of the last line is cut off.
	Path string
	Begin
	Entries []Entry
	Kept    bool

	file *os.File
}

// Begin says where and when a record begins.
type Begin struct {
	At    time.Time `json:"at"`
	Boot  string    `json:"boot"`            // /proc/sys/kernel/random/boot_id
	Netns uint64    `json:"netns"`           // inode of the network namespace
	First bool      `json:"first,omitempty"` // it was the host's first one
	Title string    `json:"title"`           // what the operator is told that it was
}

// Entry is one setting that was changed.
type Entry struct {
	Change Change
	Was    State
	Wrote  bool // the write is known to have taken
	Undone bool // it is as it was, or nothing is left to set back
}

// event is a line of the file.
type event struct {
	Kind   string  `json:"kind"` // begin, was, wrote, undone, kept
	Begin  *Begin  `json:"begin,omitempty"`
	Entry  int     `json:"entry,omitempty"`
	Change *Change `json:"change,omitempty"`
	Was    *State  `json:"was,omitempty"`
}

// Start begins a record in a folder, which is made if need be.
func Start(dir, title string) (*Record, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("the previous values could not be kept, so nothing is changed: %w", err)
	}
	r := &Record{Begin: here(title)}
	for n := 0; ; n++ {
		name := fmt.Sprintf("%s-%d", r.At.UTC().Format("20060102-150405"), os.Getpid()+n)
		r.Path = filepath.Join(dir, name+extension)
		f, err := os.OpenFile(r.Path, os.O_CREATE|os.O_EXCL|os.O_RDWR|os.O_APPEND, 0o600)
		if errors.Is(err, fs.ErrExist) && n < 100 {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("the previous values could not be kept, so nothing is changed: %w", err)
		}
		r.file = f
		break
	}
	if err := errors.Join(unix.Flock(int(r.file.Fd()), unix.LOCK_SH), r.append(event{Kind: "begin", Begin: &r.Begin}), syncDir(dir)); err != nil {
		return nil, errors.Join(err, r.file.Close(), os.Remove(r.Path))
	}
	return r, nil
}

const extension = ".changes"

// here is the start of a record on this host.
func here(title string) Begin {
	b := Begin{At: time.Now(), Title: title, Boot: bootID()}
	b.Netns = inode("/proc/thread-self/ns/net")
	first := inode("/proc/1/ns/net")
	b.First = first != 0 && first == b.Netns
	return b
}

func bootID() string {
	b, _ := os.ReadFile("/proc/sys/kernel/random/boot_id")
	return strings.TrimSpace(string(b))
}

func inode(path string) uint64 {
	var st unix.Stat_t
	if unix.Stat(path, &st) != nil {
		return 0
	}
	return st.Ino
}

// append writes an event and waits until it is on the disk.
func (r *Record) append(e event) error {
	b, err := json.Marshal(e)
	if err != nil {
		return err
	}
	line := fmt.Appendf(nil, "%08x %s\n", crc32.ChecksumIEEE(b), b)
	if _, err := r.file.Write(line); err != nil {
		return fmt.Errorf("writing %s: %w", r.Path, err)
	}
	if err := r.file.Sync(); err != nil {
		return fmt.Errorf("writing %s: %w", r.Path, err)
	}
	return nil
}

// Open reads a record. Lines that are damaged end it.
func Open(path string) (*Record, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_APPEND, 0)
	if err != nil {
		return nil, err
	}
	r := &Record{Path: path, file: f}
	if err := r.load(); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return r, nil
}

// recordLimit is how long a record may be, in bytes.
const recordLimit = 16 << 20

// load reads the file from its beginning.
func (r *Record) load() error {
	b, err := io.ReadAll(io.NewSectionReader(r.file, 0, recordLimit))
	if err != nil {
		return err
	}
	r.Entries, r.Kept = nil, false
	good := 0
	for line := range bytes.Lines(b) {
		e, ok := parseEvent(line)
		if !ok || !r.add(e) {
			break
		}
		good += len(line)
	}
	if r.Boot == "" {
		return fmt.Errorf("%s is no record of changes", r.Path)
	}
	if good < len(b) {
		return r.file.Truncate(int64(good)) // the end of a line that a crash cut
	}
	return nil
}

func parseEvent(line []byte) (e event, ok bool) {
	sum, body, found := bytes.Cut(bytes.TrimSuffix(line, []byte("\n")), []byte(" "))
	if !found || !bytes.HasSuffix(line, []byte("\n")) || string(sum) != fmt.Sprintf("%08x", crc32.ChecksumIEEE(body)) {
		return e, false
	}
	return e, json.Unmarshal(body, &e) == nil
}

func (r *Record) add(e event) bool {
	entry := func() *Entry {
		if e.Entry < 0 || e.Entry >= len(r.Entries) {
			return nil
		}
		return &r.Entries[e.Entry]
	}
	switch at := entry(); {
	case e.Kind == "begin" && e.Begin != nil:
		r.Begin = *e.Begin
	case e.Kind == "was" && e.Change != nil && e.Was != nil && e.Entry == len(r.Entries):
		r.Entries = append(r.Entries, Entry{Change: *e.Change, Was: *e.Was})
	case e.Kind == "wrote" && at != nil:
		at.Wrote = true
	case e.Kind == "undone" && at != nil:
		at.Undone = true
	case e.Kind == "kept":
		r.Kept = true
	default:
		return false
	}
	return true
}

// Do makes one change: it reads the setting, keeps what it read, and writes.
// ErrReached says that there was nothing to do.
func (r *Record) Do(c Change) error {
	was, err := c.Read()
	if err != nil {
		return fmt.Errorf("reading %s: %w", c.Name(), err)
	}
	if c.Reached(was) {
		return fmt.Errorf("%s is %s: %w", c.Name(), was.Text, ErrReached)
	}
	n := len(r.Entries)
	if err := r.append(event{Kind: "was", Entry: n, Change: &c, Was: &was}); err != nil {
		return fmt.Errorf("the previous value could not be kept, so nothing is changed: %w", err)
	}
	r.Entries = append(r.Entries, Entry{Change: c, Was: was})
	if err := c.set(); err != nil {
		return errors.Join(err, r.undo(n, true))
	}
	r.Entries[n].Wrote = true
	return r.append(event{Kind: "wrote", Entry: n})
}

// Keep ends the time in which the changes go back by themselves.
func (r *Record) Keep() error {
	if err := r.append(event{Kind: "kept"}); err != nil {
		return err
	}
	r.Kept = true
	return nil
}

// Pending tells whether something is changed that nobody said is to be kept.
func (r *Record) Pending() bool {
	return !r.Kept && r.Standing()
}

// Standing tells whether something is changed that was not set back.
func (r *Record) Standing() bool {
	return slices.ContainsFunc(r.Entries, func(e Entry) bool { return !e.Undone })
}

// Undo sets everything back, the last change first, in the network namespace in
// which it was made. A setting that somebody changed in the meantime is left alone
// and told, unless force is given.
func (r *Record) Undo(force bool) error {
	if err := r.load(); err != nil { // its owner may have gone on writing
		return err
	}
	return r.within(func() error {
		var errs []error
		for n := range slices.Backward(r.Entries) {
			if !r.Entries[n].Undone {
				errs = append(errs, r.undo(n, force))
			}
		}
		return errors.Join(errs...)
	})
}

func (r *Record) undo(n int, force bool) error {
	e := &r.Entries[n]
	now, err := e.Change.Read()
	if err != nil {
		return fmt.Errorf("%s could not be set back to %s: %w", e.Change.Name(), e.Was.Text, err)
	}
	foreign := e.Wrote && !e.Change.Reached(now) && !sameWords(now.Text, e.Was.Text)
	if foreign && !force {
		return fmt.Errorf("%s was set to %s, and is %s now: somebody else changed it, so it is left alone", e.Change.Name(), e.Change.To, now.Text)
	}
	if err := e.Change.back(e.Was); err != nil {
		return err
	}
	e.Undone = true
	return r.append(event{Kind: "undone", Entry: n})
}

// Close closes the file; the record stays.
func (r *Record) Close() error { return r.file.Close() }

// Records returns the records in a folder, the oldest first. One that cannot be
// read is told as an error beside the others.
func Records(dir string) ([]*Record, error) {
	names, err := filepath.Glob(filepath.Join(dir, "*"+extension))
	if err != nil {
		return nil, err
	}
	slices.Sort(names)
	var all []*Record
	var errs []error
	for _, name := range names {
		r, err := Open(name)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		all = append(all, r)
	}
	return all, errors.Join(errs...)
}

// Recover undoes the pending changes in a folder whose whydrop and whose guard are
// gone, and returns those.
func Recover(dir string) ([]*Record, error) {
	all, err := Records(dir)
	var undone []*Record
	for _, r := range all {
		if !r.Pending() || unix.Flock(int(r.file.Fd()), unix.LOCK_EX|unix.LOCK_NB) != nil {
			r.Close()
			continue
		}
		err = errors.Join(err, r.Undo(false))
		undone = append(undone, r)
	}
	return undone, err
}
