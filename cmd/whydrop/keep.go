package main

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"whydrop/checklist"
	"whydrop/checklist/casefile"
	"whydrop/probes"
)

const (
	// openWait is how long a key waits for a file to be made.
	openWait = 200 * time.Millisecond
	// openAgain is how soon after one attempt to make a file there is another.
	openAgain = 2 * time.Second
	// keepPatience is for how long the end waits for a disk.
	keepPatience = 5 * time.Second
)

// keeper has the case written while the walkthrough goes on: what was said is in a
// file before the next key is handled. Where the state directory takes nothing, it
// goes to the directory for temporary files, until it does. One goroutine at a time
// calls its methods.
type keeper struct {
	header casefile.Header
	last   *casefile.Snapshot // as it was handed over last
	places []*place           // the best first
	// looking says that nothing is to be kept: the case is only looked at.
	looking bool
	// resumed says that there was a case before.
	resumed bool

	told string // how things stood when that was told last
}

// caseDirectories are where cases are kept: the state directory, and where that
// can't be written the directory for temporary files.
func caseDirectories() []casefile.Directory {
	var dirs []casefile.Directory
	if dir := stateDir(); dir != "" {
		dirs = append(dirs, casefile.Directory{Dir: filepath.Join(dir, "whydrop", "cases")})
	}
	return append(dirs, casefile.Directory{Dir: os.TempDir(), Prefix: "whydrop-"})
}

// stateDir is where programs keep what should outlive them, by the XDG rules: a
// relative path in the variable is void. Empty if there is none.
func stateDir() string {
	if dir := os.Getenv("XDG_STATE_HOME"); filepath.IsAbs(dir) {
		return dir
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return ""
	}
	return filepath.Join(home, ".local", "state")
}

// newKeeper keeps what is said about a host.
func newKeeper(h casefile.Header) *keeper {
	k := &keeper{header: h}
	for _, d := range caseDirectories() {
		k.places = append(k.places, &place{Directory: d})
	}
	return k
}

// thisHost is what a case says of this host and this whydrop.
func thisHost() casefile.Header {
	h := casefile.Header{Whydrop: version(), Kernel: probes.Release(), PID: os.Getpid()}
	h.Host, _ = os.Hostname()
	// The id itself is not to be shown to others, machine-id(5).
	if id, err := os.ReadFile("/etc/machine-id"); err == nil {
		sum := sha256.Sum256(append([]byte("whydrop "), id...))
		h.Machine = hex.EncodeToString(sum[:8])
	}
	return h
}

// goOn has a file that was opened written further.
func (k *keeper) goOn(f *casefile.File) {
	k.resumed = true
	k.places = append([]*place{{file: f, Directory: casefile.Directory{Dir: filepath.Dir(f.Path())}}}, k.places...)
}

// begin takes a case as it is opened.
func (k *keeper) begin(c *checklist.Case) {
	k.header.Started = c.Started
	k.last = &casefile.Snapshot{Case: c}
}

// keep has written what is new. It waits for a disk only shortly. The error is told
// once: where the case is instead, or that it is nowhere.
func (k *keeper) keep(s casefile.Snapshot) error {
	if k.last == nil || k.looking {
		return nil
	}
	k.last = &s
	at, err := k.try(s)
	how := "kept"
	switch {
	case err != nil:
		how = notKept
	case at > 0:
		how = k.places[at].file.Path()
	}
	if how == k.told || how == "kept" && k.told == "" {
		return nil
	}
	k.told = how
	return k.situation(at, err)
}

// notKept is how things stand where no place takes a case.
const notKept = "not kept"

// unkept says whether something that was said is in no place.
func (k *keeper) unkept() bool { return k.told == notKept }

// try has the best place that can keep a case keep it, and returns which. What others
// kept meanwhile is not needed then.
func (k *keeper) try(s casefile.Snapshot) (at int, err error) {
	var wrong []error
	for at, p := range k.places {
		if p.err = p.keep(k.header, s); p.err != nil {
			wrong = append(wrong, fmt.Errorf("%s: %w", shortHome(p.Dir), reason(p.err)))
			continue
		}
		for _, other := range k.places[at+1:] {
			other.discard()
		}
		return at, nil
	}
	return 0, joined(wrong)
}

// slow says whether a disk may yet take what it did not.
func (k *keeper) slow() bool {
	return slices.ContainsFunc(k.places, func(p *place) bool { return errors.Is(p.err, casefile.ErrSlow) })
}

// situation is what to tell when the case is not where it was, or belongs. The most
// important comes first: a narrow screen shows no more.
func (k *keeper) situation(at int, err error) error {
	switch {
	case err != nil:
		return fmt.Errorf("the answers are NOT kept: %w", err)
	case at > 0 && k.places[0].err != nil:
		return fmt.Errorf("the answers are kept in %s: %s takes none (%w)", k.places[at].file.Path(), shortHome(k.places[0].Dir), reason(k.places[0].err))
	}
	return fmt.Errorf("the answers are kept again, in %s", k.places[at].file.Path())
}

// reason is an error without the file that it is about.
func reason(err error) error {
	var of *fs.PathError
	if errors.As(err, &of) {
		return of.Err
	}
	return err
}

// joined is several errors on one line.
func joined(wrong []error) error {
	var text []string
	for _, err := range wrong {
		text = append(text, err.Error())
	}
	return errors.New(strings.Join(text, "; "))
}

// end waits until all is written, and tells how to go on with it: resume is the
// command without the case. A case in which nothing was said is not kept.
func (k *keeper) end(w io.Writer, c *checklist.Case, resume string) error {
	if c == nil || k.last == nil || k.looking {
		return nil // it was never opened
	}
	s := *k.last
	s.Case = c
	if !k.resumed && s.Empty() {
		for _, p := range k.places {
			p.discard()
		}
		return nil
	}
	at, err := k.try(s)
	for late := time.Now().Add(keepPatience); err != nil && time.Now().Before(late) && k.slow(); at, err = k.try(s) {
		time.Sleep(openWait)
	}
	if err != nil {
		err = fmt.Errorf("the answers could not be kept: %w", err)
	} else if err = k.places[at].file.Close(s); err != nil {
		err = fmt.Errorf("the answers could not be kept in %s: %w", k.places[at].file.Path(), reason(err))
	} else {
		f := k.places[at].file
		if why := f.Unseen(); why != nil {
			fmt.Fprintf(w, "the newest measurements are not in it: %v\n", reason(why))
		}
		fmt.Fprintf(w, "the case is kept; go on with: %s %s\n", resume, casefile.Name(f.Path()))
		k.places[at].file = nil
	}
	for _, p := range k.places {
		p.leave()
	}
	return err
}

// place is a directory with the file that was made in it.
type place struct {
	casefile.Directory
	file  *casefile.File // nil if there is none
	err   error          // of the last keeping
	begun time.Time      // of the last attempt to make the file
	made  chan made      // brings it; nil while none is made
}

type made struct {
	file *casefile.File
	err  error
}

// keep keeps a case in this place.
func (p *place) keep(h casefile.Header, s casefile.Snapshot) error {
	if p.file == nil {
		if err := p.open(h); err != nil {
			return err
		}
	}
	return p.file.Keep(s)
}

// open makes the file, beside: a directory may lie on a server that does not answer.
func (p *place) open(h casefile.Header) error {
	if p.made == nil {
		if p.err != nil && time.Since(p.begun) < openAgain {
			return p.err
		}
		p.begun = time.Now()
		p.made = make(chan made, 1)
		go func(to chan<- made) {
			f, err := casefile.Create(p.Dir, p.Prefix, h)
			to <- made{f, err}
		}(p.made)
	}
	wait := openWait - time.Since(p.begun)
	late := time.NewTimer(max(wait, 0))
	defer late.Stop()
	select {
	case m := <-p.made:
		p.file, p.made = m.file, nil
		return m.err
	case <-late.C:
		return casefile.ErrSlow
	}
}

// discard removes the file that was made.
func (p *place) discard() {
	if p.file != nil {
		_ = p.file.Discard()
		p.file = nil
	}
}

// leave closes the file as it is.
func (p *place) leave() {
	if p.file != nil {
		p.file.Abandon()
		p.file = nil
	}
}
