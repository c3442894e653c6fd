package main

import (
	"bytes"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/creack/pty"

	"whydrop/checklist"
	"whydrop/checklist/casefile"
	"whydrop/content"
)

// asWhydrop is the test binary under the name under which it is whydrop.
func asWhydrop(t *testing.T) string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(t.TempDir(), "whydrop")
	if err := os.Symlink(self, program); err != nil {
		t.Fatal(err)
	}
	return program
}

// eventually waits for something that another process or goroutine does.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for range 400 {
		if holds() {
			return
		}
		time.Sleep(25 * time.Millisecond)
	}
	t.Fatalf("%s: waited in vain", what)
}

// casesIn are the files of cases below a state directory.
func casesIn(state string) []string {
	files, _ := filepath.Glob(filepath.Join(state, "whydrop", "cases", "*"))
	return files
}

// kept is the case in a state directory, an empty one if there is none.
func kept(t *testing.T, state string) *checklist.Case {
	t.Helper()
	c := newCase(t)
	for _, f := range casesIn(state) {
		if l, err := casefile.Load(f, c.Book); err == nil {
			c = l.Case
		}
	}
	return c
}

var ownContent = sync.OnceValues(func() (*content.Book, error) { return content.Load("") })

func newCase(t *testing.T) *checklist.Case {
	t.Helper()
	book, err := ownContent()
	if err != nil {
		t.Fatal(err)
	}
	return checklist.NewCase(book, time.Now())
}

// Answers survive the signal that nothing survives, on screens and on lines, on a
// terminal and in a pipe.
func TestAnswersSurviveKill(t *testing.T) {
	program := asWhydrop(t)
	tests := []struct {
		name  string
		args  []string
		start func(*exec.Cmd) (io.WriteCloser, error)
		keys  string
	}{
		{"screens", []string{"--demo"}, onTerminal, "\r \r \r \r"},
		{"lines on a terminal", []string{"--plain", "--demo"}, onTerminal, "1\n1\n1\n"},
		{"lines in a pipe", []string{"--plain", "--demo", "--duration", "0s"}, inPipe, "1\n1\n1\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			state := t.TempDir()
			cmd := inState(program, state, tt.args...)
			keys, err := tt.start(cmd)
			if err != nil {
				t.Skipf("no terminal or pipe: %v", err)
			}
			defer keys.Close()
			defer func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }()
			if _, err := io.WriteString(keys, tt.keys); err != nil {
				t.Fatal(err)
			}
			eventually(t, "three answers in the file", func() bool { return kept(t, state).Answered() == 3 })
			if err := cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			_ = cmd.Wait()
			if n := kept(t, state).Answered(); n != 3 {
				t.Errorf("after the kill %d answers are left", n)
			}
		})
	}
}

// inState is a whydrop with a state directory of its own.
func inState(program, state string, args ...string) *exec.Cmd {
	cmd := exec.Command(program, args...)
	cmd.Dir = state
	cmd.Env = append(os.Environ(), "XDG_STATE_HOME="+state, "XDG_CONFIG_HOME="+state, "TMPDIR="+state, "TERM=xterm", "LC_ALL=C.UTF-8")
	return cmd
}

func onTerminal(cmd *exec.Cmd) (io.WriteCloser, error) {
	terminal, err := pty.StartWithSize(cmd, &pty.Winsize{Cols: 80, Rows: 24})
	if err == nil {
		go io.Copy(io.Discard, terminal)
	}
	return terminal, err
}

func inPipe(cmd *exec.Cmd) (io.WriteCloser, error) {
	keys, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	return keys, cmd.Start()
}

// A keeper in which something is said, as the walkthrough would.
type keeping struct {
	*testing.T
	*keeper
	c    *checklist.Case
	told []string
}

func keepIn(t *testing.T, dirs ...string) *keeping {
	k := &keeping{T: t, keeper: newKeeper(thisHost()), c: newCase(t)}
	k.places = nil
	for _, dir := range dirs {
		k.places = append(k.places, &place{Directory: casefile.Directory{Dir: dir}})
	}
	k.begin(k.c)
	return k
}

func (k *keeping) say(question, note string) {
	k.Helper()
	if err := k.c.Answer(question, checklist.Answer{Note: note}); err != nil {
		k.Fatal(err)
	}
	if err := k.keep(casefile.Snapshot{Case: k.c}); err != nil {
		k.told = append(k.told, err.Error())
	}
}

// finish ends the keeping and returns what it says.
func (k *keeping) finish() (string, error) {
	var out bytes.Buffer
	err := k.end(&out, k.c, "whydrop resume")
	if err != nil {
		out.WriteString(err.Error())
	}
	return out.String(), err
}

// noDirectory is a path below which no directory can be made, not even by root.
func noDirectory(t *testing.T) string {
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	return filepath.Join(path, "cases")
}

// Where the state directory takes nothing, the answers go elsewhere, and that is
// told once; where nothing takes them, that is told too.
func TestKeeperWithoutItsPlace(t *testing.T) {
	dir := func(t *testing.T) string { return filepath.Join(t.TempDir(), "cases") }
	tests := []struct {
		name         string
		first, other func(*testing.T) string
		news, end    string
	}{
		{"all is well", dir, dir, "", "go on with: whydrop resume 20"},
		{"the first place takes none", noDirectory, dir, "the answers are kept in ", "go on with: whydrop resume 20"},
		{"no place takes any", noDirectory, noDirectory, "the answers are NOT kept: ", "the answers could not be kept: "},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dirs := []string{tt.first(t), tt.other(t)}
			k := keepIn(t, dirs...)
			k.say("Q1a", "one")
			k.say("Q1b", "two")
			k.say("Q2a", "three")
			if k.unkept() != strings.Contains(tt.news, "NOT") {
				t.Errorf("unkept is %v", k.unkept())
			}
			said, err := k.finish()
			if got := strings.Join(k.told, "\n"); !strings.HasPrefix(got, tt.news) || len(k.told) > 1 || (len(k.told) == 0) != (tt.news == "") {
				t.Errorf("told %q, want once %q", k.told, tt.news)
			}
			if !strings.Contains(said, tt.end) {
				t.Errorf("at the end: %q, want %q in it", said, tt.end)
			}
			all, _ := casefile.List(casefile.Directory{Dir: dirs[0]}, casefile.Directory{Dir: dirs[1]})
			if err == nil && (len(all) != 1 || all[0].Notes != 3) || err != nil && len(all) > 0 {
				t.Errorf("kept are %+v", all)
			}
		})
	}
}

// When its place takes the case again, it is there, whole, and nowhere else.
func TestKeeperComesBack(t *testing.T) {
	first, other := noDirectory(t), t.TempDir()
	k := keepIn(t, first, other)
	k.say("Q1a", "elsewhere")
	if err := os.Remove(filepath.Dir(first)); err != nil {
		t.Fatal(err)
	}
	k.places[0].begun = time.Time{} // a while later
	k.say("Q1b", "here again")
	if said, err := k.finish(); err != nil || len(k.told) != 2 || !strings.HasPrefix(k.told[1], "the answers are kept again, in "+first) {
		t.Errorf("told %q, at the end %q", k.told, said)
	}
	if all, _ := casefile.List(casefile.Directory{Dir: other}); len(all) > 0 {
		t.Errorf("elsewhere there is still %+v", all)
	}
	if all, _ := casefile.List(casefile.Directory{Dir: first}); len(all) != 1 || all[0].Notes != 2 {
		t.Errorf("kept are %+v", all)
	}
}

// Nothing said, or all taken back, leaves no file; two walkthroughs of the same
// second have one each.
func TestKeeperLeavesNothingBehind(t *testing.T) {
	dir := t.TempDir()
	for n, say := range []string{"", "something", "else"} {
		k := keepIn(t, dir)
		k.c.Started = time.Date(2026, 5, 1, 3, 0, 0, 0, time.UTC)
		k.begin(k.c)
		k.say("Q1a", "typed and taken back")
		k.say("Q1a", "")
		k.say("Q1a", say)
		if said, err := k.finish(); err != nil || (said == "") != (say == "") {
			t.Errorf("at the end: %q", said)
		}
		if got, _ := filepath.Glob(filepath.Join(dir, "*")); len(got) != n {
			t.Errorf("after %d walkthroughs with answers there is %v", n, got)
		}
	}
}
