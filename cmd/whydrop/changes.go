package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"golang.org/x/sys/unix"

	"whydrop/content"
	"whydrop/probes/apply"
)

// The folders in which root keeps the records of changes. The second one is lost at a
// reboot, as are the changes: it serves where the first cannot be written, as on a
// full disk.
var rootChanges = []string{"/var/lib/whydrop/changes", "/run/whydrop/changes"}

// changesDirs are the folders in which records of changes can stand, that in which
// new ones belong first: on the host for root, else with the user's other state. That
// of another user, whose HOME sudo can leave to root, is none of them.
func changesDirs() []string {
	var dirs []string
	if os.Geteuid() == 0 {
		dirs = append(dirs, rootChanges...)
	}
	home, err := os.UserHomeDir()
	state := os.Getenv("XDG_STATE_HOME")
	switch {
	case filepath.IsAbs(state):
		home = state // which need not be there yet
	case err == nil && filepath.IsAbs(home):
		state = filepath.Join(home, ".local", "state")
	default:
		return dirs
	}
	var owner unix.Stat_t
	if unix.Stat(home, &owner) == nil && int(owner.Uid) != os.Geteuid() {
		return dirs
	}
	return append(dirs, filepath.Join(state, "whydrop", "changes"))
}

// changesDir is the folder in which a new record belongs: the first that can be
// written.
func changesDir() (string, error) {
	r, err := startRecord("a look at where changes are kept")
	if err != nil {
		return "", err
	}
	return filepath.Dir(r.Path), errors.Join(os.Remove(r.Path), r.Close())
}

// startRecord begins a record in the first folder that can be written.
func startRecord(title string) (*apply.Record, error) {
	var err error // that of the folder in which it belongs
	for _, dir := range changesDirs() {
		r, failed := apply.Start(dir, title)
		if failed == nil {
			return r, nil
		}
		if err == nil {
			err = failed
		}
	}
	if err == nil {
		err = errors.New("there is no folder to keep the previous values in, so nothing is changed: HOME is not set")
	}
	return nil, err
}

// volatile tells whether a record is lost at a reboot.
func volatile(r *apply.Record) bool { return filepath.Dir(r.Path) == rootChanges[1] }

// persist adds the lines that keep changes over a reboot, and returns what is to be
// minded of it, a sentence each.
func persist(r *apply.Record, changes []apply.Change) (mind []string) {
	if volatile(r) {
		return []string{"not kept over a reboot: the value before could not be kept that long, for " + rootChanges[0] + " cannot be written"}
	}
	for _, c := range changes {
		kept := c.Words(nil).Keep
		if len(kept) == 0 {
			mind = append(mind, c.Name()+" is not kept over a reboot by whydrop: see the plan for how")
		}
		for _, k := range kept {
			if err := r.Do(k.Change()); err != nil && !errors.Is(err, apply.ErrReached) {
				mind = append(mind, "not kept over a reboot: "+err.Error())
				continue
			}
			if !r.First && !c.Shared() {
				mind = append(mind, k.File+" is read for the host's first network namespace, and this is another one: give a container the setting where it is made")
			}
			if file, value := k.Overridden(); file != "" {
				mind = append(mind, file+" is read later and sets it to "+value+": mend it, or the next boot brings that")
			}
		}
	}
	return mind
}

// recoverChanges takes back what a whydrop left that was killed together with its
// guard, and tells so. Where there is nothing of that kind it costs next to nothing.
func recoverChanges(w io.Writer) {
	for _, dir := range changesDirs() {
		undone, err := apply.Recover(dir)
		for _, r := range undone {
			if !r.Standing() {
				fmt.Fprintf(w, "whydrop: took back what an earlier run left half done: %s (%s)\n", content.Show(r.Title), changedSettings(r))
			}
			r.Close()
		}
		tellErrors(w, err)
	}
}

// laterWords are words for standard error that wait until a screen is left.
type laterWords struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (w *laterWords) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.text.Write(b)
}

func (w *laterWords) tell(out io.Writer) {
	w.mu.Lock()
	defer w.mu.Unlock()
	_, _ = w.text.WriteTo(out)
}

// changedSettings are the settings of a record in words.
func changedSettings(r *apply.Record) string {
	var names []string
	for _, e := range r.Entries {
		was := e.Was.Text
		if e.Change.Knob == "route" && e.Change.Field == "" {
			was = "there"
		}
		names = append(names, content.Show(e.Change.Name()+" is "+was+" again"))
	}
	return strings.Join(names, ", ")
}

// tellErrors tells each of several errors on a line, with nothing in it that a
// terminal would take for a command.
func tellErrors(w io.Writer, err error) {
	if err == nil {
		return
	}
	for line := range strings.Lines(err.Error()) {
		fmt.Fprintln(w, "whydrop: "+content.Show(strings.TrimRight(line, "\n")))
	}
}

// printable is an error whose words may be printed.
func printable(err error) error {
	if err == nil {
		return nil
	}
	var lines []string
	for line := range strings.Lines(err.Error()) {
		lines = append(lines, content.Show(strings.TrimRight(line, "\n")))
	}
	return printableError{strings.Join(lines, "\n"), err}
}

type printableError struct {
	text string
	err  error
}

func (e printableError) Error() string { return e.text }
func (e printableError) Unwrap() error { return e.err }

// guardMain is this program as the guard of a change, or as what the timer below the
// guard starts: see apply.StartGuard.
func guardMain() {
	var err error
	switch {
	case len(os.Args) == 4 && os.Args[1] == apply.GuardCommand:
		err = apply.Watch(os.Args[2], os.Args[3])
	case len(os.Args) == 3 && os.Args[1] == apply.TimerCommand:
		err = apply.TakeBack(os.Args[2])
		tellErrors(os.Stderr, err) // into the journal
	default:
		return
	}
	if err != nil {
		os.Exit(exitFailure)
	}
	os.Exit(0)
}
