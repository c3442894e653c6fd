package progress

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"whydrop/content"
)

// longestLine is how many bytes a line may have: an entry has some hundreds.
const longestLine = 64 << 10

// lockWait is for how long another whydrop that writes at this moment is waited
// for. Without the lock nothing is lost: a line is appended in one piece.
const lockWait = 2 * time.Second

// ErrForeign says that a log belongs to another user, or is no regular file.
var ErrForeign = errors.New("it is not a file of your own")

// Log is what was trained. Several processes may have it open. One goroutine at a
// time calls its methods.
type Log struct {
	files   []*logFile
	entries []Entry
	damaged int
}

// logFile is one file and how far it was read.
type logFile struct {
	path string
	read int64
}

// Open reads the log. It is kept in the first of the files that takes it; what is
// in the others counts too. A file that does not exist is empty, and is made when
// something is added. The error says which file could not be read; what the others
// hold is there all the same.
func Open(paths ...string) (*Log, error) {
	l := &Log{}
	var wrong []error
	for _, path := range paths {
		f := &logFile{path: path}
		l.files = append(l.files, f)
		if err := l.readAll(f); err != nil && !errors.Is(err, os.ErrNotExist) {
			wrong = append(wrong, fmt.Errorf("%s: %w", content.Show(path), reason(err)))
		}
	}
	if len(paths) > 1 { // each is in its order; clocks that were wrong stay within a file
		slices.SortStableFunc(l.entries, func(a, b Entry) int { return a.At.Compare(b.At) })
	}
	return l, errors.Join(wrong...)
}

func (l *Log) readAll(f *logFile) error {
	file, err := open(f.path, os.O_RDONLY)
	if err != nil {
		return err
	}
	defer file.Close()
	_, err = l.more(file, f)
	return err
}

// Entries returns what was trained, in the order in which it was written.
func (l *Log) Entries() []Entry { return l.entries }

// Damaged is how many lines could not be read.
func (l *Log) Damaged() int { return l.damaged }

// Add keeps an entry: it is on disk when Add returns without an error. What other
// processes added since is read too, and stands before it in Entries. The error is
// of every file that did not take it, or of an entry that is wrong.
func (l *Log) Add(e Entry) (kept string, err error) {
	if e.At.IsZero() {
		e.At = time.Now()
	}
	e.At = e.At.UTC().Round(time.Millisecond)
	if err := e.Check(); err != nil {
		return "", err
	}
	data, err := json.Marshal(e)
	if err != nil {
		return "", err
	}
	var wrong []error
	for _, f := range l.files {
		if err := l.append(f, data); err == nil {
			l.entries = append(l.entries, e)
			return f.path, nil
		} else {
			wrong = append(wrong, fmt.Errorf("%s: %w", content.Show(f.path), reason(err)))
		}
	}
	if len(wrong) == 0 {
		wrong = append(wrong, errors.New("there is no file for it"))
	}
	return "", errors.Join(wrong...)
}

func (l *Log) append(f *logFile, data []byte) error {
	if err := os.MkdirAll(filepath.Dir(f.path), 0o700); err != nil {
		return err
	}
	file, err := open(f.path, os.O_RDWR|os.O_CREATE|os.O_APPEND)
	if err != nil {
		return err
	}
	defer file.Close() // unlocks it
	lock(file)
	torn, err := l.more(file, f)
	if err != nil {
		return err
	}
	line := fmt.Appendf(nil, "%08x %s\n", crc32.Checksum(data, castagnoli), data)
	if torn != nil { // what was cut off must not spoil this line
		line = append([]byte{'\n'}, line...)
	}
	if len(line) > longestLine {
		return fmt.Errorf("an entry of %d bytes: expected at most %d", len(line), longestLine)
	}
	if _, err := file.Write(line); err != nil {
		return err
	}
	if torn != nil {
		l.take(torn, false)
	}
	if err := file.Sync(); errors.Is(err, unix.EIO) || errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT) {
		return err // not every file system can do it; these say that it is lost
	}
	f.read, err = file.Seek(0, io.SeekEnd)
	return err
}

// more reads the lines that were added since the last time, and returns what stands
// behind them without an end, nil for nothing.
func (l *Log) more(file *os.File, f *logFile) (torn []byte, err error) {
	st, err := file.Stat()
	if err != nil {
		return nil, err
	}
	f.read = min(f.read, st.Size()) // somebody may have made it shorter
	if _, err := file.Seek(f.read, io.SeekStart); err != nil {
		return nil, err
	}
	in := bufio.NewReaderSize(io.LimitReader(file, st.Size()-f.read), longestLine)
	for {
		line, err := in.ReadSlice('\n')
		long := false
		for size := int64(len(line)); ; size = int64(len(line)) {
			f.read += size
			if !errors.Is(err, bufio.ErrBufferFull) {
				break
			}
			long = true
			line, err = in.ReadSlice('\n')
		}
		switch {
		case errors.Is(err, io.EOF):
			f.read -= int64(len(line))
			if long { // it is no entry, whatever its end says
				return []byte{}, nil
			}
			return append([]byte(nil), line...), nil
		case err != nil:
			return nil, err
		}
		l.take(line[:len(line)-1], long)
	}
}

// take takes a line without its end.
func (l *Log) take(line []byte, long bool) {
	if e, ok := parse(line); ok && !long {
		l.entries = append(l.entries, e)
	} else {
		l.damaged++
	}
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// parse reads a line. An entry that is wrong by itself counts as damaged too: its
// marks are not to be trusted.
func parse(line []byte) (e Entry, ok bool) {
	sum, data, found := bytes.Cut(line, []byte(" "))
	want, err := strconv.ParseUint(string(sum), 16, 32)
	if !found || err != nil || len(sum) != 8 || uint32(want) != crc32.Checksum(data, castagnoli) {
		return e, false
	}
	if err := json.Unmarshal(data, &e); err != nil {
		return Entry{}, false
	}
	return e, e.Check() == nil
}

// open opens a file of the user's own; nothing else is read or written.
func open(path string, flags int) (*os.File, error) {
	f, err := os.OpenFile(path, flags|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0o600)
	if errors.Is(err, unix.ELOOP) {
		return nil, ErrForeign
	}
	if err != nil {
		return nil, err
	}
	var st unix.Stat_t
	err = unix.Fstat(int(f.Fd()), &st)
	if err == nil && (st.Mode&unix.S_IFMT != unix.S_IFREG || int(st.Uid) != os.Geteuid()) {
		err = ErrForeign
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// lock waits shortly until no other process writes the file.
func lock(f *os.File) {
	for late := time.Now().Add(lockWait); time.Now().Before(late); time.Sleep(5 * time.Millisecond) {
		if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); !errors.Is(err, unix.EWOULDBLOCK) {
			return // locked, or the file system cannot do it
		}
	}
}

// reason is an error without the file that it is about.
func reason(err error) error {
	var of *os.PathError
	if errors.As(err, &of) {
		return of.Err
	}
	return err
}
