package casefile

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"whydrop/checklist"
	"whydrop/content"
)

const (
	// wholeFile is up to which size every observation of a file is read, in bytes, and
	// wholeEnd how much of the end of a longer one. Before that, one in five minutes is.
	wholeFile = 5 << 20
	wholeEnd  = 2 << 20
)

// longestFile is how much of a file is read, in bytes. No case is as long.
const longestFile = 256 << 20

// Errors of files that cannot be read as a case.
var (
	ErrNoCase = errors.New("no case of whydrop")
	ErrNewer  = errors.New("written by a newer whydrop")
	ErrFormat = errors.New("in a format that no whydrop writes")
)

// Loaded is a case as it was kept.
type Loaded struct {
	Path   string
	Header Header // of its beginning
	// Latest is of the whydrop that wrote it last.
	Latest Header
	// Case has the answers, the track and what was applied. Its facts are the newest
	// observation that was kept, nil if there is none.
	Case  *checklist.Case
	Place Place
	Tried []Tried
	// Notes say in words what is damaged or missing, and what of the file has no
	// place in today's content.
	Notes        []string
	Verdict      Verdict
	Last         time.Time // when something was written last
	Observations int
	// Ended says that the last whydrop left it in good order.
	Ended bool

	numbers
	whole  int64 // bytes up to the end of the last line
	beyond bool  // there is more than what was read
}

// Load reads a case without writing anything: another whydrop may have it open. The
// error wraps ErrNoCase, ErrNewer or ErrFormat if it is none that can be read.
func Load(path string, book *content.Book) (*Loaded, error) {
	f, err := open(path, os.O_RDONLY)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return load(path, f, book)
}

// Resume opens a case to go on with it: what stands behind its last whole line is cut
// off. The error is an InUseError if another whydrop has it open. One that belongs to
// another user is not written.
func Resume(path string, book *content.Book, h Header) (*File, *Loaded, error) {
	f, err := open(path, os.O_RDWR|os.O_APPEND)
	if err != nil {
		return nil, nil, err
	}
	file, l, err := resume(path, f, book, h)
	if err != nil {
		f.Close()
	}
	return file, l, err
}

func resume(path string, f *os.File, book *content.Book, h Header) (*File, *Loaded, error) {
	if _, err := ownFile(f); err != nil {
		return nil, nil, fmt.Errorf("%s: %w", content.Show(path), err)
	}
	if locked(f) {
		return nil, nil, &InUseError{path, writerOf(f)}
	}
	l, err := load(path, f, book)
	if err == nil && l.beyond {
		err = fmt.Errorf("%s: larger than %d bytes: it can only be looked at", content.Show(path), longestFile)
	}
	if err != nil {
		return nil, nil, err
	}
	if err := f.Truncate(l.whole); err != nil {
		return nil, nil, err
	}
	have := sayingOf(Snapshot{Case: l.Case, Place: l.Place})
	have.verdict = l.Verdict
	if n := len(l.Tried); n > 0 {
		have.tried = l.Tried[n-1]
	}
	file := start(&diskFile{f}, path, l.whole, l.lines, have)
	file.seen.last = l.Case.Facts
	file.seen.source(h)
	h.Schema = Schema
	if err := file.put(chunk{lines: []entry{line(resumeKind, h)}, sync: true}); err != nil && !errors.Is(err, ErrSlow) {
		file.Abandon()
		return nil, nil, err
	}
	return file, l, nil
}

// locked locks a file, and says whether another has done so. One who only looks does it
// for a moment.
func locked(f *os.File) bool {
	for range 10 {
		if unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB) != unix.EWOULDBLOCK {
			return false // or the file system has no locks
		}
		time.Sleep(20 * time.Millisecond)
	}
	return true
}

// HeaderOf reads the beginning of a case. The header is empty if that is damaged.
func HeaderOf(path string) (Header, error) {
	f, err := open(path, os.O_RDONLY)
	if err != nil {
		return Header{}, err
	}
	defer f.Close()
	l := loader{Loaded: &Loaded{Path: path}}
	good := false
	err = eachLine(f, func(p parsed) error {
		good = good || p.err == nil && p.whole
		if p.err == nil && (p.kind == beginKind || p.kind == resumeKind) {
			if err := l.header(p.kind, p.data); err != nil {
				return err
			}
		}
		if l.Header.Schema != "" {
			return io.EOF
		}
		return nil
	})
	if err == nil && !good {
		err = fmt.Errorf("%s: %w", content.Show(path), ErrNoCase)
	}
	if err != nil && err != io.EOF && err != errBeyond {
		return Header{}, err
	}
	return l.Header, nil
}

// open opens a regular file, and no symbolic link.
func open(path string, flags int) (*os.File, error) {
	f, err := os.OpenFile(path, flags|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if errors.Is(err, unix.ELOOP) {
		return nil, fmt.Errorf("%s: a symbolic link: %w", content.Show(path), ErrNoFile)
	}
	if err != nil {
		return nil, err
	}
	if st, err := f.Stat(); err != nil || !st.Mode().IsRegular() {
		f.Close()
		return nil, errors.Join(err, fmt.Errorf("%s: %w", content.Show(path), ErrNoFile))
	}
	return f, nil
}

// writerOf is the process that writes a case that is locked, 0 if unknown.
func writerOf(f *os.File) int {
	pid := 0
	_ = eachLine(f, func(l parsed) error {
		if l.kind == beginKind || l.kind == resumeKind {
			if h, err := into[Header](l.data); err == nil {
				pid = h.PID
			}
		}
		return nil
	})
	return pid
}

// parsed is one line of a file.
type parsed struct {
	at    int // counted in the file, from 1
	n     uint64
	kind  string
	data  []byte
	err   error // errDamaged or errLong
	end   int64 // bytes up to its end
	whole bool  // its end is there
}

// errBeyond says that a file is longer than what is read of it.
var errBeyond = errors.New("more than is read")

// eachLine calls back with each line of a file, also with those that are damaged.
func eachLine(f io.Reader, each func(parsed) error) error {
	in := bufio.NewReaderSize(io.LimitReader(f, longestFile), 1<<16)
	var buffer []byte
	var end int64
	for at := 1; ; at++ {
		text, size, err := nextLine(in, &buffer)
		end += size
		switch {
		case err == io.EOF && end >= longestFile:
			return errBeyond
		case err == io.EOF && size == 0:
			return nil
		case err != nil && err != io.EOF && err != errLong:
			return err
		}
		l := parsed{at: at, end: end, whole: err != io.EOF, err: err}
		if err == nil {
			l.n, l.kind, l.data, l.err = parseLine(text)
		}
		if stop := each(l); stop != nil {
			return stop
		}
	}
}
