package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"whydrop/checklist"
	"whydrop/content"
)

const (
	// keepPause is how soon after one writing of the answers the next may come: a
	// note is not written for each of its letters.
	keepPause = 500 * time.Millisecond
	// keepPatience is for how long the end waits for a disk.
	keepPatience = 5 * time.Second
)

// keeper writes what the operator says to a file while the walkthrough goes on,
// beside it: nothing that was typed is lost, however it ends, and no key waits
// for a disk. One goroutine calls begin, keep and end.
type keeper struct {
	last  *checklist.Case // as it was handed over last
	marks int             // in it

	newest chan *checklist.Case // holds one: a newer one takes its place
	ending chan struct{}
	ended  chan struct{}
	places []*place // the best first
	at     int      // the place in use

	mu   sync.Mutex
	path string // where the answers are, "" for nowhere
	err  error  // of the last writing: not kept anywhere
	news error  // to be told
}

// newKeeper keeps answers in the state directory, or where that can't be written
// in the directory for temporary files.
func newKeeper() *keeper {
	k := &keeper{newest: make(chan *checklist.Case, 1), ending: make(chan struct{}), ended: make(chan struct{})}
	if dir := stateDir(); dir != "" {
		k.places = append(k.places, &place{dir: filepath.Join(dir, "whydrop")})
	}
	k.places = append(k.places, &place{dir: os.TempDir(), prefix: "whydrop-"})
	return k
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

// begin takes a case as it is opened: what it holds then is kept elsewhere.
func (k *keeper) begin(c *checklist.Case) {
	k.last = c.Copy()
	k.last.Facts = nil
	go k.write()
}

// keep hands the case over to be written if the operator said something since. It
// returns at once. The error is of an earlier writing, and is told once: where
// the answers are instead, or that they are nowhere.
func (k *keeper) keep(c *checklist.Case) error {
	if marks := len(marked(c)); marks != k.marks || !maps.EqualFunc(c.Answers, k.last.Answers, sameAnswer) {
		k.last, k.marks = c.Copy(), marks
		k.last.Facts = nil // they are large
		select {
		case <-k.newest:
		default:
		}
		k.newest <- k.last
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	news := k.news
	k.news = nil
	return news
}

func sameAnswer(a, b checklist.Answer) bool {
	return a.Note == b.Note && slices.Equal(a.Options, b.Options)
}

// marked returns the moments that the operator marked.
func marked(c *checklist.Case) []checklist.Event {
	var marks []checklist.Event
	for _, e := range c.Track.Events() {
		if e.Kind == checklist.Marked {
			marks = append(marks, e)
		}
	}
	return marks
}

// end waits until all is written, and tells where, and how to go on with it.
func (k *keeper) end(w io.Writer, c *checklist.Case, again string) error {
	if c == nil || k.last == nil {
		return nil // it was never opened
	}
	_ = k.keep(c) // what is not kept is told below
	close(k.ending)
	close(k.newest)
	select {
	case <-k.ended:
	case <-time.After(keepPatience):
		return fmt.Errorf("the answers could not be kept: the disk did not take them within %v", keepPatience)
	}
	if k.err != nil {
		return fmt.Errorf("the answers could not be kept: %w", k.err)
	}
	if k.path != "" {
		path := content.Show(quote(k.path))
		fmt.Fprintf(w, "answers kept in %s\ngo on with: %s --answers %s\n", path, again, path)
	}
	return nil
}

// write writes what is handed over until the end.
func (k *keeper) write() {
	defer close(k.ended)
	for c := range k.newest {
		path, err := k.store(c)
		k.mu.Lock()
		if (err != nil) != (k.err != nil) || err == nil && k.at > 0 && path != k.path {
			k.news = k.situation(path, err)
		}
		k.path, k.err = path, err
		k.mu.Unlock()
		select {
		case <-k.ending:
		case <-time.After(keepPause):
		}
	}
}

// situation is what to tell when the answers are not where they were, or belong.
// The most important comes first: a narrow screen shows no more.
func (k *keeper) situation(path string, err error) error {
	switch {
	case err != nil:
		return fmt.Errorf("the answers are NOT kept: %w", err)
	case k.at > 0 && k.places[0].err != nil:
		return fmt.Errorf("the answers are kept in %s: %s takes none (%w)", path, shortHome(k.places[0].dir), reason(k.places[0].err))
	}
	return fmt.Errorf("the answers are kept again, in %s", path)
}

// reason is an error without the file that it is about.
func reason(err error) error {
	var of *fs.PathError
	if errors.As(err, &of) {
		return of.Err
	}
	return err
}

// store writes the answers where that is possible, beginning with the place that
// took them last, and returns the file; "" where nothing is to be kept.
func (k *keeper) store(c *checklist.Case) (string, error) {
	if len(c.Answers) == 0 && len(marked(c)) == 0 {
		return "", k.places[k.at].clear()
	}
	data, err := keptFile(c)
	if err != nil {
		return "", err
	}
	var wrong []error
	for range k.places {
		p := k.places[k.at]
		if p.err = p.put("answers-"+c.Started.UTC().Format("20060102-150405")+".yaml", data); p.err == nil {
			return p.path, nil
		}
		wrong = append(wrong, fmt.Errorf("%s: %w", shortHome(p.dir), reason(p.err)))
		k.at = (k.at + 1) % len(k.places)
	}
	return "", joined(wrong)
}

// joined is several errors on one line.
func joined(wrong []error) error {
	var text []string
	for _, err := range wrong {
		text = append(text, err.Error())
	}
	return errors.New(strings.Join(text, "; "))
}

// keptFile is a case as it is kept: answers as --answers takes them. The marks
// stand above them, for people.
func keptFile(c *checklist.Case) ([]byte, error) {
	var file bytes.Buffer
	fmt.Fprintf(&file, "# whydrop, begun %s\n", c.Started.UTC().Format("2006-01-02 15:04:05 MST"))
	for _, e := range marked(c) {
		fmt.Fprintf(&file, "# mark %s: %s\n", e.At.UTC().Format("2006-01-02 15:04:05 MST"), content.Show(e.Text))
	}
	answers, err := c.AnswersYAML()
	file.Write(answers)
	return file.Bytes(), err
}

// place is a directory with the file that was made in it.
type place struct {
	dir, prefix string
	path        string // "" before the first writing
	err         error  // of the last writing
}

// put writes the file anew, as a whole or not at all. The first time it takes a
// name that nobody has.
func (p *place) put(name string, data []byte) error {
	fresh := p.path == ""
	if fresh {
		if err := os.MkdirAll(p.dir, 0o700); err != nil {
			return err
		}
		var err error
		if p.path, err = writeNew(p.dir, p.prefix+name, nil); err != nil {
			p.path = ""
			return err
		}
	}
	err := replace(p.path, data)
	if err != nil && fresh {
		_ = p.clear()
	}
	return err
}

// clear removes the file.
func (p *place) clear() error {
	if p.path == "" {
		return nil
	}
	path := p.path
	p.path = ""
	return os.Remove(path)
}

// replace gives a file another content at once, which survives a power cut: it
// has the old one or the new one, never a part.
func replace(path string, data []byte) error {
	dir := filepath.Dir(path)
	f, err := os.CreateTemp(dir, ".whydrop-*") // readable by its owner only
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		_ = os.Remove(f.Name())
		return err
	}
	if d, err := os.Open(dir); err == nil {
		_ = d.Sync() // not every file system can
		d.Close()
	}
	return nil
}
