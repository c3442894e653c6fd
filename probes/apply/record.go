package apply

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
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
	// Ended says that somebody took it back: nothing more may be changed by it.
	Ended bool
	// Due is when its guard takes it back, on the clock that goes on while the machine
	// sleeps, since the boot (CLOCK_BOOTTIME); 0 without a guard.
	Due time.Duration
	// Damaged is the number of the first line that cannot be read, though others
	// stand behind it; 0 for none. What they say is not known.
	Damaged int

	file *os.File
	own  bool  // this process began it
	good int64 // how long it is without a torn last line
}

// Begin says where and when a record begins.
type Begin struct {
	At     time.Time `json:"at"`
	Boot   string    `json:"boot"`             // /proc/sys/kernel/random/boot_id
	Netns  uint64    `json:"netns"`            // inode of the network namespace
	Cookie uint64    `json:"cookie,omitempty"` // SO_NETNS_COOKIE: inodes are used again, these are not
	First  bool      `json:"first,omitempty"`  // it was the host's first one
	Title  string    `json:"title"`            // what the operator is told that it was
}

// Entry is one setting that was changed.
type Entry struct {
	Change Change
	Was    State
	Now    State  // after the write, as it was read; empty if whydrop did not get so far
	Link   uint32 // the interface's index, which stays when its name changes; 0 for none
	Shared bool   // all network namespaces share it, and the host's first one has it
	Wrote  bool   // the write is known to have taken
	Undone bool   // it is as it was, or nothing is left to set back
	Left   bool   // somebody else changed it since, and was told so
}

// event is a line of the file.
type event struct {
	Kind   string  `json:"kind"` // begin, guard, was, wrote, undone, left, kept, ended
	Begin  *Begin  `json:"begin,omitempty"`
	Entry  int     `json:"entry,omitempty"`
	Change *Change `json:"change,omitempty"`
	Was    *State  `json:"was,omitempty"`
	Now    *State  `json:"now,omitempty"`
	Link   uint32  `json:"link,omitempty"`
	Shared bool    `json:"shared,omitempty"`

	Due time.Duration `json:"due,omitempty"`
}

// Start begins a record in a folder, which is made if need be. The folder must be
// this user's alone: what stands in it is set back with the rights of whoever reads
// it.
func Start(dir, title string) (*Record, error) {
	r, err := start(dir, title)
	if err != nil {
		return nil, fmt.Errorf("the previous values could not be kept, so nothing is changed: %w", err)
	}
	return r, nil
}

func start(dir, title string) (*Record, error) {
	if err := makeFolder(dir); err != nil {
		return nil, err
	}
	r := &Record{Begin: here(title), own: true}
	err := locked(dir, func() error { // nobody shall find it half begun
		if err := r.create(dir); err != nil {
			return err
		}
		err := errors.Join(unix.Flock(int(r.file.Fd()), unix.LOCK_SH), r.append(event{Kind: "begin", Begin: &r.Begin}), syncDir(dir))
		if err != nil {
			err = errors.Join(err, r.file.Close(), os.Remove(r.Path))
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return r, nil
}

// append writes an event and waits until it is on the disk. What a crash or a full
// disk left of the line before it goes first.
func (r *Record) append(e event) error {
	line, err := e.line()
	if err != nil {
		return err
	}
	if st, err := r.file.Stat(); err == nil && st.Size() > r.good && r.Damaged == 0 {
		if err := r.file.Truncate(r.good); err != nil {
			return fmt.Errorf("writing %s: %w", r.Path, err)
		}
	}
	if _, err := r.file.Write(line); err != nil {
		return fmt.Errorf("writing %s: %w", r.Path, err)
	}
	if err := r.file.Sync(); err != nil {
		return fmt.Errorf("writing %s: %w", r.Path, err)
	}
	r.good += int64(len(line))
	return nil
}

// errEnded says that a record was taken back while its owner was still at it.
var errEnded = errors.New("these changes were taken back in the meantime")

// Do makes one change: it reads the setting, keeps what it read, and writes.
// ErrReached says that there was nothing to do. It fails if another whydrop is
// changing the same setting.
func (r *Record) Do(c Change) error {
	return r.locked(func() error {
		if r.Ended {
			return errEnded
		}
		was, err := c.Read()
		if err != nil {
			return fmt.Errorf("reading %s: %w", c.Name(), err)
		}
		if c.Reached(was) {
			return fmt.Errorf("%s is %s: %w", c.Name(), was.Text, ErrReached)
		}
		if other := r.rival(c, (*Record).Pending); other != nil {
			return fmt.Errorf("%s is being changed by another whydrop (%s), so it is left alone", c.Name(), other.Name())
		}
		n := len(r.Entries)
		link, shared := linkIndex(c), c.Shared()
		if err := r.append(event{Kind: "was", Entry: n, Change: &c, Was: &was, Link: link, Shared: shared}); err != nil {
			return fmt.Errorf("the previous value could not be kept, so nothing is changed: %w", err)
		}
		r.Entries = append(r.Entries, Entry{Change: c, Was: was, Link: link, Shared: shared})
		now, err := c.set()
		if err != nil {
			return errors.Join(err, r.undo(n, true))
		}
		r.Entries[n].Wrote, r.Entries[n].Now = true, now
		return r.append(event{Kind: "wrote", Entry: n, Now: &now})
	})
}

// Keep ends the time in which the changes go back by themselves. It fails if they
// went back already.
func (r *Record) Keep() error {
	return r.locked(func() error {
		if r.Ended {
			return errEnded
		}
		if err := r.append(event{Kind: "kept"}); err != nil {
			return err
		}
		r.Kept = true
		return nil
	})
}

// guarded notes when the guard takes it back.
func (r *Record) guarded(within time.Duration) error {
	return r.locked(func() error {
		r.Due = sinceBoot() + within
		return r.append(event{Kind: "guard", Due: r.Due})
	})
}

// overdue tells whether a guard should have taken it back some time ago: then it is
// gone, and who still holds the record does not run (it was stopped, say).
func (r *Record) overdue() bool {
	return r.Due > 0 && r.Boot == bootID() && sinceBoot() > r.Due+timerMargin
}

func sinceBoot() time.Duration {
	var t unix.Timespec
	if unix.ClockGettime(unix.CLOCK_BOOTTIME, &t) != nil {
		return 0
	}
	return time.Duration(t.Nano())
}

// Pending tells whether something is changed that nobody said is to be kept.
func (r *Record) Pending() bool {
	return !r.Kept && slices.ContainsFunc(r.Entries, func(e Entry) bool { return !e.Undone && !e.Left })
}

// Standing tells whether something is changed that was not set back.
func (r *Record) Standing() bool {
	return slices.ContainsFunc(r.Entries, func(e Entry) bool { return !e.Undone })
}

// foreignError says that somebody else changed a setting since.
type foreignError struct {
	name, to, now string
}

func (e foreignError) Error() string {
	return fmt.Sprintf("%s was set to %s, and is %s now: somebody else changed it, so it is left alone", e.name, e.to, e.now)
}

// Undo sets everything back, the last change first, in the network namespace in
// which it was made. A setting that somebody changed in the meantime, or that a later
// record lies upon, is left alone and told, unless force is given. Undone by another
// process than the one that began it, the record is ended.
func (r *Record) Undo(force bool) error {
	return r.lockedAnyway(func() error { return r.undoAll(force) })
}

// undoUnlessKept is Undo for a guard.
func (r *Record) undoUnlessKept() error {
	return r.lockedAnyway(func() error {
		if r.Kept {
			return nil
		}
		return r.undoAll(false)
	})
}

func (r *Record) undoAll(force bool) error {
	if !r.own && !r.Ended {
		r.Ended = true
		_ = r.append(event{Kind: "ended"}) // where this cannot be written, no change can be either
	}
	err := r.within(func() error {
		var errs []error
		for n := range slices.Backward(r.Entries) {
			if !r.Entries[n].Undone {
				errs = append(errs, r.undo(n, force))
			}
		}
		return errors.Join(errs...)
	})
	if r.Damaged > 0 {
		err = errors.Join(err, fmt.Errorf("%s is damaged in line %d: what stands behind it is not known and was not set back", r.Path, r.Damaged))
	}
	return err
}

// undo sets one entry back.
func (r *Record) undo(n int, force bool) error {
	e := &r.Entries[n]
	c, there := e.current(r.Boot == bootID())
	if !there {
		return r.settle(n)
	}
	if later := r.rival(c, (*Record).Standing); later != nil && later.after(r) && !force {
		return fmt.Errorf("%s was changed again since (%s): take that back first", c.Name(), later.Name())
	}
	now, err := c.Read()
	if err != nil {
		return fmt.Errorf("%s could not be set back to %s: %w", c.Name(), e.Was.Text, err)
	}
	if r.isBack(n, c, now) {
		return r.settle(n)
	}
	if foreign := e.Wrote && !e.made(now) && !sameWords(now.Text, e.Was.Text); foreign && !force {
		return foreignError{c.Name(), c.To, now.Text}
	}
	if err := c.back(e.before()); err != nil {
		return err
	}
	if err := r.settle(n); err != nil {
		return fmt.Errorf("%s is set back, but that could not be noted: %w", c.Name(), err)
	}
	return nil
}

// isBack tells whether there is nothing to set back: the change went with a reboot
// that nothing carried it over; or the value is the one before an earlier change of
// the same setting, which was set back already, and only the disk did not take it.
func (r *Record) isBack(n int, c Change, now State) bool {
	if r.Boot != bootID() && c.Knob != "file" && !(c.Reached(now) && r.persists()) {
		return true
	}
	e := &r.Entries[n]
	return e.Wrote && !e.made(now) && slices.ContainsFunc(r.Entries[:n], func(o Entry) bool {
		return o.Change.same(e.Change) && sameWords(now.Text, o.Was.Text)
	})
}

// settle notes that nothing is left to set back.
func (r *Record) settle(n int) error {
	r.Entries[n].Undone = true
	return r.append(event{Kind: "undone", Entry: n})
}

// leave notes what somebody else changed, so that it is told but once.
func (r *Record) leave() {
	for n := range r.Entries {
		if e := &r.Entries[n]; !e.Undone && !e.Left {
			e.Left = true
			_ = r.append(event{Kind: "left", Entry: n}) // told again then
		}
	}
}

// persists tells whether lines of files keep the changes over a reboot.
func (r *Record) persists() bool {
	return slices.ContainsFunc(r.Entries, func(e Entry) bool { return e.Change.Knob == "file" && e.Wrote })
}

// made tells whether a value is the one that whydrop made.
func (e *Entry) made(now State) bool {
	return e.Change.Reached(now) || e.Now.Text != "" && sameWords(now.Text, e.Now.Text)
}

// before is the state to set back. Of settings that are read together it is those
// that the change took along: others may have been changed by somebody else since.
func (e *Entry) before() State {
	k := knobs[e.Change.Knob]
	if k == nil || !k.group || len(e.Now.Raw) == 0 {
		return e.Was
	}
	var was, now map[string]json.RawMessage
	if json.Unmarshal(e.Was.Raw, &was) != nil || json.Unmarshal(e.Now.Raw, &now) != nil {
		return e.Was
	}
	for name, v := range was {
		if string(now[name]) == string(v) {
			delete(was, name)
		}
	}
	raw, err := json.Marshal(was)
	if err != nil {
		return e.Was
	}
	return State{Text: e.Was.Text, Raw: raw}
}

// Close closes the file; the record stays.
func (r *Record) Close() error { return r.file.Close() }
