package main

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"

	"whydrop/checklist/train"
	"whydrop/content"
	"whydrop/ui"
)

// trainDirectories are where sessions are kept: the state directory, and where that
// can't be written the directory for temporary files.
func trainDirectories() []string {
	var dirs []string
	if dir := stateDir(); dir != "" {
		dirs = append(dirs, filepath.Join(dir, "whydrop", "train"))
	}
	return append(dirs, filepath.Join(os.TempDir(), "whydrop-"+strconv.Itoa(os.Geteuid())+"-train"))
}

// left are the sessions on disk, the newest of each directory first. Those kept elsewhere
// count where the state directory takes nothing; a directory that belongs to somebody
// else is passed over.
func (t *trainer) left() []train.Saved {
	var all []train.Saved
	dirs := trainDirectories()
	for i, dir := range dirs {
		if !own(dir) {
			continue
		}
		some, _ := train.Sessions(dir)
		if i > 0 && len(some) > 0 && takes(dirs[0]) {
			break
		}
		all = append(all, some...)
	}
	return all
}

// takes says whether something can be kept in a directory, which is made where it does
// not exist.
func takes(dir string) bool {
	f, err := os.CreateTemp(dir, ".whydrop-*")
	if errors.Is(err, fs.ErrNotExist) && filepath.Dir(dir) != dir {
		if _, err := os.Stat(dir); err == nil { // such as /proc
			return false
		}
		return takes(filepath.Dir(dir))
	}
	if err != nil {
		return false
	}
	f.Close()
	return os.Remove(f.Name()) == nil
}

// damaged says which kept interviews nobody can go on with.
func (t *trainer) damaged() (lines []string) {
	for _, s := range t.left() {
		if s.Damaged {
			lines = append(lines, content.Show(s.Path)+" is empty or has lost its first line: it cannot be gone on with")
		}
	}
	return lines
}

// own says whether a directory belongs to this user, or is not there.
func own(dir string) bool {
	st, err := os.Lstat(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return true
	}
	if err != nil || !st.IsDir() {
		return false
	}
	sys, is := st.Sys().(*syscall.Stat_t)
	return is && int(sys.Uid) == os.Geteuid()
}

// lastLeft is the session to go on with: the newest that is not over, or whose words
// were not judged, of an incident if it is named; else the newest.
func (t *trainer) lastLeft(id string) (*train.Saved, error) {
	all := slices.DeleteFunc(t.left(), func(s train.Saved) bool {
		return t.book.Scenario(s.Scenario) == nil || id != "" && s.Scenario != id
	})
	slices.SortStableFunc(all, func(a, b train.Saved) int { return b.Last.Compare(a.Last) })
	for i, s := range all {
		if !s.Over {
			return &all[i], nil
		}
		events, _, err := train.Logs.Read(s.Path)
		if err == nil && !slices.ContainsFunc(events, func(e train.Event) bool { return e.Kind == train.Checked }) {
			return &all[i], nil
		}
	}
	if len(all) == 0 {
		if lost := t.damaged(); len(lost) > 0 {
			return nil, usageError{errors.New(lost[0])}
		}
		return nil, usageError{errors.New("no interview is kept; 'whydrop train' begins one")}
	}
	return &all[0], nil
}

// worthKeeping says whether anything was done in a session.
func worthKeeping(s *train.Session) bool {
	return slices.ContainsFunc(s.Events(), func(e train.Event) bool {
		return !slices.Contains([]train.Kind{train.Began, train.Resumed, train.Waited}, e.Kind)
	})
}

// readDraft reads what was being typed when a session was left. What is damaged is no
// draft.
func readDraft(path string) (d ui.TrainDraft) {
	data, err := os.ReadFile(path)
	if err != nil || json.Unmarshal(data, &d) != nil {
		return ui.TrainDraft{}
	}
	return d
}

// keepDraft keeps what is being typed, so that a kill at any time loses at most the
// last letter. Nothing typed needs no file.
func keepDraft(path string, d ui.TrainDraft) error {
	if emptyDraft(d) {
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return nil
	}
	data, err := json.Marshal(d)
	if err != nil {
		return err
	}
	if err := os.WriteFile(path+".new", data, 0o600); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

// emptyDraft says whether nothing was typed.
func emptyDraft(d ui.TrainDraft) bool {
	data, err := json.Marshal(d)
	return err == nil && string(data) == `{"conclusion":{}}`
}
