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

// The names of records: as long as something can stand of it, and when nothing does
// any more.
const (
	extension = ".changes"
	retired   = ".undone"
)

// recordLimit is how long a record may be, in bytes.
const recordLimit = 16 << 20

// patience is how long one whydrop waits for another that changes a setting. A
// stopped one (Ctrl+Z) must not keep the guard from setting things back.
const patience = 5 * time.Second

// keepRetired is how long a record stays of which nothing stands.
const keepRetired = 90 * 24 * time.Hour

var errBusy = errors.New("another whydrop is changing settings at this moment")

// makeFolder makes the folder of the records, durably, and makes sure that nobody
// else can write there.
func makeFolder(dir string) error {
	if _, err := os.Lstat(dir); errors.Is(err, fs.ErrNotExist) {
		if err := makeParents(dir); err != nil {
			return err
		}
	}
	return checkFolder(dir)
}

// makeParents makes a folder and those above it, and makes their names durable.
func makeParents(dir string) error {
	if parent := filepath.Dir(dir); parent != dir {
		if _, err := os.Lstat(parent); errors.Is(err, fs.ErrNotExist) {
			if err := makeParents(parent); err != nil {
				return err
			}
		}
	}
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return syncDir(filepath.Dir(dir))
}

// checkFolder makes sure that a folder is one, that it belongs to this user, and
// that nobody else may write to it.
func checkFolder(dir string) error {
	var st unix.Stat_t
	if err := unix.Lstat(dir, &st); err != nil {
		return &fs.PathError{Op: "lstat", Path: dir, Err: err}
	}
	return checkOwner(dir, &st, unix.S_IFDIR)
}

// checkOwner finds fault with a file or folder that somebody else could have
// written.
func checkOwner(name string, st *unix.Stat_t, kind uint32) error {
	switch {
	case st.Mode&unix.S_IFMT != kind:
		return fmt.Errorf("%s is a link or no plain file or folder, so it is not used", name)
	case int(st.Uid) != os.Geteuid():
		return fmt.Errorf("%s belongs to user %d, so it is not used: records are only taken from this user's own", name, st.Uid)
	case st.Mode&0o022 != 0:
		return fmt.Errorf("%s can be written by others (mode %04o), so it is not used", name, st.Mode&0o7777)
	}
	return nil
}

// locked runs f while no other whydrop changes a setting or a record in the folder.
func locked(dir string, f func() error) error {
	unlock, err := lock(dir)
	if err != nil {
		return err
	}
	defer unlock()
	return f()
}

func lock(dir string) (unlock func(), err error) {
	d, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	for end := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		err := unix.Flock(int(d.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		switch {
		case err == nil:
			return func() { d.Close() }, nil
		case errors.Is(err, unix.EINTR):
		case !errors.Is(err, unix.EWOULDBLOCK):
			return nil, errors.Join(fmt.Errorf("locking %s: %w", dir, err), d.Close())
		case time.Now().After(end):
			return nil, errors.Join(errBusy, d.Close())
		}
	}
}

// locked runs f alone, with the record as it is on the disk.
func (r *Record) locked(f func() error) error {
	return locked(filepath.Dir(r.Path), func() error {
		if err := r.load(); err != nil {
			return fmt.Errorf("the record cannot be read, so nothing is changed: %w", err)
		}
		return f()
	})
}

// lockedAnyway is locked for who sets things back: that must not wait for ever.
func (r *Record) lockedAnyway(f func() error) error {
	if unlock, err := lock(filepath.Dir(r.Path)); err == nil {
		defer unlock()
	}
	if err := r.load(); err != nil {
		return err
	}
	return f()
}

// create makes the file of a new record.
func (r *Record) create(dir string) error {
	for n := 0; ; n++ {
		name := fmt.Sprintf("%s-%d", r.At.UTC().Format("20060102-150405"), os.Getpid()+n)
		r.Path = filepath.Join(dir, name+extension)
		f, err := os.OpenFile(r.Path, os.O_CREATE|os.O_EXCL|os.O_RDWR|os.O_APPEND, 0o600)
		if errors.Is(err, fs.ErrExist) && n < 100 {
			continue
		}
		r.file = f
		return err
	}
}

// Name is what the record is called on a command line.
func (r *Record) Name() string { return strings.TrimSuffix(filepath.Base(r.Path), extension) }

// Retired tells whether there was a record of this name of which nothing stands.
func Retired(dir, name string) bool {
	if name == "" || name != filepath.Base(name) {
		return false
	}
	_, err := os.Lstat(filepath.Join(dir, name+retired))
	return err == nil
}

// errEmpty says that a record has not even its beginning.
var errEmpty = errors.New("it was cut before its beginning was written")

// Open reads a record. It must be a plain file of this user's own. The end of a line
// that a crash cut does not count.
func Open(path string) (*Record, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_APPEND|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if errors.Is(err, unix.ELOOP) {
		return nil, fmt.Errorf("%s is a link, so it is not used", path)
	}
	if err != nil {
		return nil, err
	}
	r := &Record{Path: path, file: f}
	var st unix.Stat_t
	err = unix.Fstat(int(f.Fd()), &st)
	if err == nil {
		err = checkOwner(path, &st, unix.S_IFREG)
	}
	if err == nil {
		err = r.load()
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return r, nil
}

// load reads the file from its beginning.
func (r *Record) load() error {
	b, err := io.ReadAll(io.NewSectionReader(r.file, 0, recordLimit+1))
	if err != nil {
		return err
	}
	if len(b) > recordLimit {
		return fmt.Errorf("%s is longer than %d bytes: that is no record of changes", r.Path, recordLimit)
	}
	return r.parse(b)
}

func (r *Record) parse(b []byte) error {
	r.Begin, r.Entries, r.Kept, r.Ended, r.Due, r.Damaged, r.good = Begin{}, nil, false, false, 0, 0, 0
	number := 0
	for line := range bytes.Lines(b) {
		number++
		if !bytes.HasSuffix(line, []byte("\n")) {
			break // a crash cut it
		}
		e, ok := parseEvent(line)
		if ok = ok && r.add(e); !ok && r.Damaged == 0 {
			r.Damaged = number
		}
		if r.Damaged == 0 {
			r.good += int64(len(line))
		}
	}
	switch {
	case r.Boot != "":
		return nil
	case number <= 1 && r.Damaged == 0:
		return fmt.Errorf("%s: %w", r.Path, errEmpty)
	}
	return fmt.Errorf("%s is no record of changes", r.Path)
}

// line is an event as it stands in the file.
func (e event) line() ([]byte, error) {
	b, err := json.Marshal(e)
	return fmt.Appendf(nil, "%08x %s\n", crc32.ChecksumIEEE(b), b), err
}

func parseEvent(line []byte) (e event, ok bool) {
	sum, body, found := bytes.Cut(bytes.TrimSuffix(line, []byte("\n")), []byte(" "))
	if !found || string(sum) != fmt.Sprintf("%08x", crc32.ChecksumIEEE(body)) {
		return e, false
	}
	return e, json.Unmarshal(body, &e) == nil
}

// add adds what a line says; false for what cannot be.
func (r *Record) add(e event) bool {
	if begins := e.Kind == "begin"; begins != (r.Boot == "") {
		return false // the first line, and no other
	}
	switch e.Kind {
	case "begin":
		if e.Begin == nil {
			return false
		}
		r.Begin = *e.Begin
		return r.Boot != ""
	case "was":
		ok := e.Change != nil && e.Was != nil && e.Entry == len(r.Entries) && e.Change.Check() == nil
		if ok {
			r.Entries = append(r.Entries, Entry{Change: *e.Change, Was: *e.Was, Link: e.Link, Shared: e.Shared})
		}
		return ok
	case "guard":
		r.Due = e.Due
	case "kept":
		r.Kept = true
	case "ended":
		r.Ended = true
	default:
		return e.Entry >= 0 && e.Entry < len(r.Entries) && r.Entries[e.Entry].mark(e)
	}
	return true
}

// mark notes what became of an entry.
func (at *Entry) mark(e event) bool {
	switch e.Kind {
	case "wrote":
		at.Wrote = true
		if e.Now != nil {
			at.Now = *e.Now
		}
	case "undone":
		at.Undone = true
	case "left":
		at.Left = true
	default:
		return false
	}
	return true
}

// paths returns the records' files in a folder, the oldest first.
func paths(dir string) []string {
	names, _ := filepath.Glob(filepath.Join(dir, "*"+extension))
	slices.Sort(names)
	return names
}

// Records returns the records in a folder, the oldest first. One that cannot be
// read is told as an error beside the others. A folder that is not there has none.
func Records(dir string) ([]*Record, error) {
	names := paths(dir)
	if len(names) == 0 {
		return nil, nil
	}
	if err := checkFolder(dir); err != nil {
		return nil, err
	}
	var all []*Record
	var errs []error
	for _, name := range names {
		r, err := Open(name)
		switch {
		case err == nil:
			all = append(all, r)
		case errors.Is(err, errEmpty) && removeEmpty(name), errors.Is(err, fs.ErrNotExist):
		default:
			errs = append(errs, err)
		}
	}
	return all, errors.Join(errs...)
}

// removeEmpty removes a record that a crash left without its beginning: nothing was
// changed by it. That of a whydrop that is beginning it at this moment stays.
func removeEmpty(name string) bool {
	err := locked(filepath.Dir(name), func() error {
		r, err := Open(name)
		if err == nil {
			return r.Close()
		}
		if errors.Is(err, errEmpty) {
			return os.Remove(name)
		}
		return err
	})
	return err == nil
}

// rival returns another record of the folder, of those that count, in which the same
// setting stands; nil if there is none.
func (r *Record) rival(c Change, counts func(*Record) bool) *Record {
	for _, name := range slices.Backward(paths(filepath.Dir(r.Path))) {
		if name == r.Path {
			continue
		}
		other, err := Open(name)
		if err != nil {
			continue
		}
		other.Close()
		for n := range other.Entries {
			e := &other.Entries[n]
			if !e.Undone && e.Change.same(c) && counts(other) && other.meets(r, e) {
				return other
			}
		}
	}
	return nil
}

// meets tells whether the same setting is the same thing for two records: not if it
// belongs to another network namespace, or to a boot that is over.
func (r *Record) meets(o *Record, e *Entry) bool {
	switch {
	case e.Change.Knob == "file":
		return true
	case r.Boot != o.Boot:
		return false
	}
	return !e.ofNamespace() || r.Netns == o.Netns && r.Cookie == o.Cookie || e.Change.Shared()
}

// after tells whether a record is younger than another.
func (r *Record) after(o *Record) bool { return r.At.After(o.At) }

// Recover undoes the pending changes in a folder whose whydrop and whose guard are
// gone, and returns those. What somebody else changed since is told once. It also
// puts aside the records of which nothing stands any more. A folder without records
// costs the reading of its names.
func Recover(dir string) ([]*Record, error) {
	all, err := Records(dir)
	var undone []*Record
	for _, r := range slices.Backward(all) { // the newest first: it may lie over an older one
		if unix.Flock(int(r.file.Fd()), unix.LOCK_EX|unix.LOCK_NB) != nil && !r.overdue() {
			r.Close() // its owner or its guard lives
			continue
		}
		switch {
		case r.Pending():
			failed := r.Undo(false)
			if foreign := (foreignError{}); errors.As(failed, &foreign) {
				r.leave()
			}
			err = errors.Join(err, failed)
			undone = append(undone, r)
		case r.Standing() && r.Boot != bootID() && !r.First:
			err = errors.Join(err, r.locked(r.forget))
		}
		if !r.Standing() && r.Damaged == 0 {
			r.retire()
		}
		if !slices.Contains(undone, r) {
			r.Close()
		}
	}
	return undone, err
}

// Forget notes which changes that were kept went with their network namespaces. It
// looks at all processes for these, which Recover has no time for. What cannot be read
// Recover tells.
func Forget(dir string) error {
	all, _ := Records(dir)
	var err error
	for _, r := range all {
		free := unix.Flock(int(r.file.Fd()), unix.LOCK_EX|unix.LOCK_NB) == nil
		if free && r.Standing() && r.lost() {
			err = errors.Join(err, r.locked(r.forget))
		}
		if free && !r.Standing() && r.Damaged == 0 {
			r.retire()
		}
		r.Close()
	}
	return err
}

// retire puts a record aside of which nothing stands, and removes those that were
// put aside long ago.
func (r *Record) retire() {
	dir := filepath.Dir(r.Path)
	_ = os.Rename(r.Path, filepath.Join(dir, r.Name()+retired)) // seen again next time
	old, _ := filepath.Glob(filepath.Join(dir, "*"+retired))
	for _, name := range old {
		if st, err := os.Lstat(name); err == nil && time.Since(st.ModTime()) > keepRetired {
			_ = os.Remove(name)
		}
	}
}
