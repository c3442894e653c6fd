// Package casefile keeps a case on disk while it is worked on: answers, notes, marks,
// what was changed, what the host showed. What was said is written before the next
// key is handled, so it is there again after a kill or a crash.
//
// # The file
//
// A case file is lines that are only ever appended. Each has a checksum of eight
// hexadecimal digits (CRC-32C of the rest of the line), the number of the line from 1,
// the kind of the line and JSON:
//
//	8c73f2a1 1 begin {"schema":"whydrop.case/1","whydrop":"1.2.0","host":"vm",...}
//	02b4e6d0 2 answer {"question":"Q1a","options":["one-application"],"at":"2026-..."}
//
// A later line about the same question, event or step replaces an earlier one. A
// damaged line is passed over and told; the numbers tell those that are missing. A
// last line without its end was being written when whydrop was killed: it is cut off.
// Lines of a kind that is not known are left as they are.
//
// Observations are compressed, and thinned out: all of them at first and around what
// happens, then as many as a budget of bytes an hour allows, see allowance.
package casefile

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"whydrop/checklist"
)

// Snapshot is a case at one moment, as it is to be kept.
type Snapshot struct {
	Case *checklist.Case
	// Diagnosis is of the newest observation of the case; nil if there is none yet.
	Diagnosis *checklist.Diagnosis
	Place     Place
	Tried     *Tried // the destination that was tried last, nil for none
}

const (
	// shortWait is how long a key waits for the disk.
	shortWait = 200 * time.Millisecond
	// longWait is how long the end waits for it.
	longWait = 5 * time.Second
	// syncPause is how soon after one fsync another may come: a note is not worth one
	// for each of its letters.
	syncPause = 300 * time.Millisecond
	// queued is how many writings may wait for a disk that does not answer.
	queued = 256
)

// ErrSlow says that the disk has not taken what was said in time. It may yet.
var ErrSlow = errors.New("the disk does not answer")

// Errors of files that are not to be written.
var (
	ErrForeign = errors.New("it belongs to another user")
	ErrNoFile  = errors.New("it is no regular file")
	errRemoved = errors.New("it was removed")
)

// InUseError says that another whydrop writes the case.
type InUseError struct {
	Path string
	PID  int // 0 if it is not known
}

func (e *InUseError) Error() string {
	who := "another whydrop"
	if e.PID > 0 {
		who = fmt.Sprintf("the whydrop of process %d", e.PID)
	}
	return fmt.Sprintf("%s is open in %s", Name(e.Path), who)
}

// disk is what a file is to its writer.
type disk interface {
	Write(p []byte) (int, error)
	Truncate(size int64) error
	Sync() error
	Close() error
}

// File is a case file that is written. One goroutine uses it.
type File struct {
	path string
	said said // as it was handed over to be written last
	slow bool // told, and not over yet

	chunks chan chunk
	ending chan struct{} // nothing more is handed over
	ended  chan struct{} // the writer has ended
	syncs  chan struct{}

	mu    sync.Mutex
	acked said  // as it is in the file
	bad   error // of the writing that failed; nothing is written until it is known

	seen *observer
	sync atomic.Pointer[error] // of the last fsync
}

// chunk is lines that are written at once.
type chunk struct {
	lines []entry
	said  *said // what is in the file with them; nil if nothing else is
	sync  bool
	again bool         // what failed is known
	done  chan<- error // holds one
}

type entry struct {
	kind string
	data []byte
}

// Create begins the file of a new case in a directory, which is made if it does not
// exist. prefix comes before the file's name.
func Create(dir, prefix string, h Header) (*File, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	name := prefix + h.Started.UTC().Format("20060102-150405")
	if host := plainName(h.Host); host != "" {
		name += "-" + host
	}
	d, path, err := createNew(dir, name)
	if err != nil {
		return nil, err
	}
	f := start(d, path, 0, 0, said{})
	f.seen.source(h)
	h.Schema = Schema
	if err := f.put(chunk{lines: []entry{line(beginKind, h)}, sync: true}); err != nil && !errors.Is(err, ErrSlow) {
		f.Abandon()
		_ = os.Remove(path)
		return nil, err
	}
	if at, err := os.Open(dir); err == nil {
		go func() { _ = at.Sync(); at.Close() }() // not every file system can
	}
	return f, nil
}

// createNew makes a file with a name that nobody has, and locks it.
func createNew(dir, name string) (*diskFile, string, error) {
	for n := 1; ; n++ {
		path := filepath.Join(dir, name+extension)
		if n > 1 {
			path = filepath.Join(dir, fmt.Sprintf("%s-%d%s", name, n, extension))
		}
		f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL|os.O_APPEND|unix.O_NOFOLLOW, 0o600)
		if errors.Is(err, os.ErrExist) && n < 100 {
			continue
		}
		if err != nil {
			return nil, "", err
		}
		_ = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB) // not every file system can
		return &diskFile{f}, path, nil
	}
}

// diskFile is a file that notices that it was removed.
type diskFile struct{ *os.File }

func (d *diskFile) Write(p []byte) (int, error) {
	var st unix.Stat_t
	if err := unix.Fstat(int(d.Fd()), &st); err == nil && st.Nlink == 0 {
		return 0, errRemoved
	}
	return d.File.Write(p)
}

// plainName keeps of a host's name what is safe in a file's name.
func plainName(s string) string {
	s = strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '_' {
			return r
		}
		if r == '.' {
			return '-'
		}
		return '_'
	}, s)
	return s[:min(len(s), 40)]
}

// start starts what writes a file that holds size bytes and n lines.
func start(d disk, path string, size int64, n uint64, have said) *File {
	f := &File{
		path: path, said: have, acked: have,
		chunks: make(chan chunk, queued), ending: make(chan struct{}), ended: make(chan struct{}), syncs: make(chan struct{}, 1),
	}
	f.seen = newObserver(f)
	go f.write(d, size, n)
	return f
}

// Path returns where the case is.
func (f *File) Path() string { return f.path }

// write writes what is handed over until the end, then closes the file.
func (f *File) write(d disk, size int64, n uint64) {
	defer close(f.ended)
	synced := make(chan struct{})
	go func() {
		defer close(synced)
		for range f.syncs {
			err := d.Sync()
			f.sync.Store(&err)
			select {
			case <-f.ending:
			case <-time.After(syncPause):
			}
		}
	}()
	w := writer{disk: d, size: size, n: n}
	var bad error // until it is known that something that was said is not there
	for c, more := f.next(); more; c, more = f.next() {
		if c.again {
			bad = nil
		}
		err := bad
		if bad == nil {
			err = w.write(c.lines)
		}
		if c.said != nil {
			bad = err
		}
		f.wrote(c, err)
	}
	close(f.syncs)
	<-synced
	_ = d.Close() // unlocks it
}

// next returns what is to be written next, until the end.
func (f *File) next() (c chunk, more bool) {
	select {
	case c = <-f.chunks:
		return c, true
	case <-f.ending:
	}
	select {
	case c = <-f.chunks:
		return c, true
	default:
		return c, false
	}
}

// writer appends lines to a disk.
type writer struct {
	disk   disk
	size   int64
	n      uint64 // lines
	buffer []byte
	torn   bool // a part of a line stands at the end
}

// write appends lines, all or none.
func (w *writer) write(lines []entry) error {
	w.buffer = w.buffer[:0]
	if w.torn {
		w.buffer = append(w.buffer, '\n')
	}
	for i, l := range lines {
		w.buffer = appendLine(w.buffer, w.n+uint64(i)+1, l.kind, l.data)
	}
	if _, err := w.disk.Write(w.buffer); err != nil {
		w.torn = w.disk.Truncate(w.size) != nil
		return err
	}
	w.size, w.n, w.torn = w.size+int64(len(w.buffer)), w.n+uint64(len(lines)), false
	return nil
}

// wrote tells how a writing went.
func (f *File) wrote(c chunk, err error) {
	if c.said != nil {
		f.mu.Lock()
		if f.bad = err; err == nil {
			f.acked = *c.said
		}
		f.mu.Unlock()
	}
	if err == nil && c.sync {
		select {
		case f.syncs <- struct{}{}:
		default: // one is to come
		}
	}
	c.done <- err
}

// put hands lines over to be written, and waits for it a little.
func (f *File) put(c chunk) error {
	done := make(chan error, 1)
	c.done = done
	select {
	case f.chunks <- c:
	default:
		return ErrSlow
	}
	if f.slow { // no key waits again
		select {
		case err := <-done:
			return err
		default:
			return ErrSlow
		}
	}
	late := time.NewTimer(shortWait)
	defer late.Stop()
	select {
	case err := <-done:
		return err
	case <-late.C:
		return ErrSlow
	}
}

// Keep has written what is new in a snapshot, before it returns. Observations are
// written beside it. The error is ErrSlow if the disk did not take it in time: then it
// may still come to be written, and Behind tells.
func (f *File) Keep(s Snapshot) error {
	if f.slow = f.slow && f.Behind(); f.slow && len(f.chunks) == cap(f.chunks) {
		return ErrSlow
	}
	f.mu.Lock()
	failed := f.bad != nil
	if failed {
		f.said = f.acked
	}
	f.mu.Unlock()
	now := sayingOf(s).after(f.said)
	lines, sync := f.said.until(now)
	if eventful(lines) {
		f.seen.happened()
	}
	f.seen.take(s, needOf(lines))
	if len(lines) == 0 && !failed {
		return f.synced()
	}
	f.said = now
	err := f.put(chunk{lines: lines, said: &now, sync: sync, again: failed})
	f.slow = errors.Is(err, ErrSlow)
	if err == nil {
		err = f.synced()
	}
	return err
}

// eventful says whether something happened after which the host is to be seen closely.
func eventful(lines []entry) bool {
	for _, l := range lines {
		if l.kind == eventKind || l.kind == appliedKind || l.kind == triedKind {
			return true
		}
	}
	return false
}

// needOf says how much the newest observation is needed beside lines: a verdict follows
// from it.
func needOf(lines []entry) need {
	if slices.ContainsFunc(lines, func(l entry) bool { return l.kind == verdictKind }) {
		return judged
	}
	return asRoom
}

// Behind says whether there is something that was said and is not in the file.
func (f *File) Behind() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.bad != nil || !f.acked.equal(f.said)
}

// Unseen returns why the newest observations are not in the file, nil if they are.
func (f *File) Unseen() error {
	if err := f.seen.failed.Load(); err != nil {
		return *err
	}
	return nil
}

// synced returns the error of the last fsync.
func (f *File) synced() error {
	if err := f.sync.Load(); err != nil {
		return *err
	}
	return nil
}

// Close writes the last of a case and closes it.
func (f *File) Close(s Snapshot) error {
	late := time.NewTimer(longWait)
	defer late.Stop()
	err := f.Keep(s)
	f.seen.take(s, final)
	f.seen.end(late.C)
	if err == nil || errors.Is(err, ErrSlow) {
		lines := append(f.said.counted(s), line(endKind, endLine{time.Now()}))
		err = f.put(chunk{lines: lines, sync: true})
	}
	close(f.ending)
	select {
	case <-f.ended:
	case <-late.C:
		return ErrSlow
	}
	f.mu.Lock()
	bad := f.bad
	f.mu.Unlock()
	switch {
	case bad != nil:
		return bad
	case f.Behind():
		return ErrSlow
	case errors.Is(err, ErrSlow):
		return nil // it came in the end
	}
	return err
}

// Discard closes a case that is not worth keeping, and removes it.
func (f *File) Discard() error {
	f.Abandon()
	return os.Remove(f.path)
}

// Abandon closes the file as it is.
func (f *File) Abandon() {
	late := time.NewTimer(longWait)
	defer late.Stop()
	f.seen.end(late.C)
	close(f.ending)
	select {
	case <-f.ended:
	case <-late.C:
	}
}

// Empty says that nothing was said or done that is worth keeping.
func (s Snapshot) Empty() bool {
	if len(s.Case.Answers) > 0 || len(s.Case.Applied) > 0 || s.Tried != nil || s.Place.Mark != "" {
		return false
	}
	for _, e := range s.Case.Track.Events() {
		if e.Kind == checklist.Marked {
			return false
		}
	}
	return true
}
