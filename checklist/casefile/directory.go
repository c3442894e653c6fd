package casefile

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"whydrop/checklist"
	"whydrop/content"
)

// extension ends the name of a case file.
const extension = ".case"

// Name returns the name of a case: that of its file without the directory and the
// extension.
func Name(path string) string { return strings.TrimSuffix(filepath.Base(path), extension) }

// Summary is what a case comes to, without its observations.
type Summary struct {
	Name    string    `json:"case"`
	Path    string    `json:"path,omitempty"`
	Host    string    `json:"host,omitempty"`
	Kernel  string    `json:"kernel,omitempty"`
	Demo    bool      `json:"demo,omitempty"`
	Started time.Time `json:"started,omitzero"`
	Last    time.Time `json:"last"`    // when something was written last
	Answers int       `json:"answers"` // questions that were answered
	Notes   int       `json:"notes"`   // questions of which something was noted and none answered
	Marks   int       `json:"marks"`
	Changes int       `json:"changes"` // steps that were applied
	Verdict Verdict   `json:"diagnosis"`
	Bytes   int64     `json:"bytes"`
	// PID is the whydrop that has it open, 0 for none.
	PID int `json:"pid,omitempty"`
	// Damaged counts the lines that cannot be read, Missing those that are not there.
	Damaged int `json:"damaged,omitempty"`
	Missing int `json:"missing,omitempty"`
	// Wrong says why it cannot be read at all.
	Wrong string `json:"wrong,omitempty"`
}

// Directory is where cases are, and what their files' names begin with there. One with
// a prefix is shared with other users: theirs are passed over.
type Directory struct{ Dir, Prefix string }

// List returns the cases of some directories, the newest first. A directory that
// does not exist has none.
func List(dirs ...Directory) ([]Summary, error) {
	var all []Summary
	paths, err := paths(dirs)
	for _, path := range paths {
		all = append(all, Summarize(path))
	}
	slices.SortStableFunc(all, func(a, b Summary) int { return b.Last.Compare(a.Last) })
	return all, err
}

func paths(dirs []Directory) ([]string, error) {
	var all []string
	var wrong []error
	for _, d := range dirs {
		entries, err := os.ReadDir(d.Dir)
		if err != nil && !errors.Is(err, os.ErrNotExist) && !errors.Is(err, unix.ENOTDIR) {
			wrong = append(wrong, err)
		}
		for _, e := range entries {
			name := e.Name()
			if !strings.HasSuffix(name, extension) || !strings.HasPrefix(name, d.Prefix) {
				continue
			}
			if path := filepath.Join(d.Dir, name); d.Prefix == "" || own(path) {
				all = append(all, path)
			}
		}
	}
	return all, errors.Join(wrong...)
}

// Summarize reads what a case comes to. Only a file of the user's own is read.
func Summarize(path string) Summary {
	s := Summary{Name: Name(path), Path: path}
	if err := s.read(); err != nil {
		var of *os.PathError
		if errors.As(err, &of) {
			err = of.Err
		}
		s.Wrong = strings.TrimPrefix(err.Error(), content.Show(path)+": ")
	}
	return s
}

func (s *Summary) read() error {
	f, err := open(s.Path, os.O_RDONLY)
	if err != nil {
		return err
	}
	defer f.Close()
	st, err := ownFile(f)
	if st != nil {
		s.Bytes, s.Last = st.Size(), st.ModTime()
	}
	if err != nil {
		return err
	}
	l := summer{Summary: s, said: map[string]answerLine{}, steps: map[int]bool{}, marks: map[int]bool{}}
	if err := eachLine(f, l.take); err != nil && !errors.Is(err, errBeyond) {
		return err
	}
	if l.lines == 0 {
		return ErrNoCase
	}
	for _, a := range l.said {
		if (checklist.Answer{Options: a.Options}).Given() {
			s.Answers++
		} else {
			s.Notes++
		}
	}
	if !l.begun {
		s.Started = l.first
	}
	s.Changes, s.Marks, s.Damaged, s.Missing = len(l.steps), len(l.marks), len(l.damaged), int(l.missing())
	if unix.Flock(int(f.Fd()), unix.LOCK_SH|unix.LOCK_NB) != unix.EWOULDBLOCK {
		s.PID = 0
	}
	return nil
}

// summer counts what stands in a case.
type summer struct {
	*Summary
	numbers
	said         map[string]answerLine // by question
	steps, marks map[int]bool
	begun        bool      // its first line was read
	first        time.Time // the earliest that is told
}

func (s *summer) take(p parsed) error {
	if !p.whole || !s.good(p) {
		return nil
	}
	err := s.line(p.kind, p.data)
	if err == nil && !s.begun {
		at, _ := into[struct{ At, Started time.Time }](p.data)
		s.first = earlier(s.first, earlier(at.At, at.Started))
	}
	if errors.Is(err, ErrNewer) || errors.Is(err, ErrFormat) {
		return err
	}
	if err != nil {
		s.damaged = append(s.damaged, p.at)
	}
	return nil
}

func (s *summer) line(kind string, data []byte) error {
	switch kind {
	case beginKind, resumeKind:
		h, err := into[Header](data)
		if err != nil {
			return err
		}
		if err := h.readable(); err != nil {
			return err
		}
		if s.PID = h.PID; kind == beginKind {
			s.Host, s.Kernel, s.Started, s.Demo, s.begun = h.Host, h.Kernel, h.Started, h.Demo, true
		}
		return nil
	case answerKind:
		return takeInto(data, func(a *answerLine) {
			if delete(s.said, a.Question); len(a.Options) > 0 || a.Note != "" {
				s.said[a.Question] = *a
			}
		})
	case eventKind:
		return takeInto(data, func(e *eventLine) {
			if checklist.EventKind(e.Kind) == checklist.Marked {
				s.marks[e.Event] = true
			}
		})
	case appliedKind:
		return takeInto(data, func(a *appliedLine) { s.steps[a.Step] = true })
	case verdictKind:
		return takeInto(data, func(v *Verdict) { s.Verdict = *v })
	}
	return nil
}

// Find returns the file of a case: the newest for an empty name, the file itself for
// a path, otherwise the one case whose name begins so. The error lists those that
// there are.
func Find(name string, dirs ...Directory) (string, error) {
	if strings.ContainsRune(name, filepath.Separator) || strings.HasSuffix(name, extension) {
		return name, nil
	}
	all, err := paths(dirs)
	if name == "" {
		return newest(all, err)
	}
	var found []string
	for _, path := range all {
		if Name(path) == name {
			return path, nil
		}
		// Or as it is shown: its name may hold what no terminal is to get.
		if strings.HasPrefix(Name(path), name) || strings.HasPrefix(content.Show(Name(path)), name) {
			found = append(found, path)
		}
	}
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
		return "", errors.Join(fmt.Errorf("there is no case %s: expected %s", content.Show(name), names(all)), err)
	}
	return "", fmt.Errorf("%s begins the names of %d cases: %s", content.Show(name), len(found), names(found))
}

// newest is the case that was written last.
func newest(all []string, err error) (string, error) {
	best, at := "", time.Time{}
	for _, path := range all {
		st, err := os.Lstat(path)
		if err == nil && own(path) && (best == "" || st.ModTime().After(at)) {
			best, at = path, st.ModTime()
		}
	}
	if best == "" && err == nil {
		err = errors.New("there is no case yet: the walkthrough keeps one")
	}
	if best != "" {
		err = nil
	}
	return best, err
}

// own says whether a path is a regular file of the user's own.
func own(path string) bool {
	st, err := os.Lstat(path)
	return err == nil && st.Mode().IsRegular() && owned(st)
}

// owned says whether a file belongs to the user.
func owned(st os.FileInfo) bool {
	sys, ok := st.Sys().(*syscall.Stat_t)
	return ok && int(sys.Uid) == os.Geteuid()
}

// ownFile tells of a file that is open, with ErrForeign if it is another user's.
func ownFile(f *os.File) (os.FileInfo, error) {
	st, err := f.Stat()
	if err == nil && !owned(st) {
		err = ErrForeign
	}
	return st, err
}

// mostNames is how many cases an error names.
const mostNames = 5

func names(all []string) string {
	if len(all) == 0 {
		return "none, the walkthrough keeps one"
	}
	var some []string
	for _, path := range all[max(0, len(all)-mostNames):] {
		some = append(some, content.Show(Name(path)))
	}
	text := strings.Join(some, ", ")
	if n := len(all) - len(some); n > 0 {
		text += fmt.Sprintf(" and %d more", n)
	}
	return text
}

// Remove removes a case that nobody has open. Only what is a case of the user's own
// is removed.
func Remove(path string) error {
	f, err := open(path, os.O_RDONLY)
	if err != nil {
		return err
	}
	defer f.Close()
	st, err := ownFile(f)
	if err != nil {
		return fmt.Errorf("%s: %w", content.Show(path), err)
	}
	if locked(f) {
		return &InUseError{path, writerOf(f)}
	}
	if s := Summarize(path); s.Wrong == ErrNoCase.Error() && st.Size() > 0 {
		return fmt.Errorf("%s: %w", content.Show(path), ErrNoCase)
	}
	return os.Remove(path)
}
