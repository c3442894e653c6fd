package main

import (
	"bytes"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/creack/pty"

	"whydrop/checklist"
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

// kept are the answers in a state directory, as they could be gone on with.
func kept(t *testing.T, state string) *checklist.Case {
	t.Helper()
	c := newCase(t)
	files, _ := filepath.Glob(filepath.Join(state, "whydrop", "*"))
	for _, f := range files {
		data, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		if len(data) == 0 {
			continue // the name was taken this moment
		}
		if err := c.ReadAnswers(f, data); err != nil {
			t.Fatal(err)
		}
	}
	return c
}

func newCase(t *testing.T) *checklist.Case {
	t.Helper()
	book, err := content.Load("")
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
			cmd := exec.Command(program, tt.args...)
			cmd.Dir = state
			cmd.Env = append(os.Environ(), "XDG_STATE_HOME="+state, "XDG_CONFIG_HOME="+state, "TERM=xterm")
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

// Where the state directory takes nothing, the answers go elsewhere, and that is
// told once; where nothing takes them, that is told too.
func TestKeeperWithoutItsPlace(t *testing.T) {
	file := func(t *testing.T) string { // no directory can be made below it, not even by root
		path := filepath.Join(t.TempDir(), "file")
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	dir := func(t *testing.T) string { return t.TempDir() }
	tests := []struct {
		name         string
		first, other func(*testing.T) string
		news, end    string
	}{
		{"all is well", dir, dir, "", "go on with: whydrop --answers "},
		{"the first place takes none", file, dir, "the answers are kept in ", "go on with: whydrop --answers "},
		{"no place takes any", file, file, "the answers are NOT kept: ", "the answers could not be kept: "},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			k := newKeeper()
			k.places = []*place{{dir: filepath.Join(tt.first(t), "whydrop")}, {dir: filepath.Join(tt.other(t), "tmp")}}
			c := newCase(t)
			k.begin(c)
			var told []string
			say := func(question, note string) {
				if err := c.Answer(question, checklist.Answer{Note: note}); err != nil {
					t.Fatal(err)
				}
				if err := k.keep(c); err != nil {
					told = append(told, err.Error())
				}
			}
			done := func() bool {
				k.mu.Lock()
				defer k.mu.Unlock()
				return k.path != "" || k.err != nil
			}
			say("Q1a", "one")
			eventually(t, "a writing", done)
			say("Q1b", "two")
			say("Q2a", "three")
			var out bytes.Buffer
			err := k.end(&out, c, "whydrop")
			if err != nil {
				out.WriteString(err.Error())
			}
			if got := strings.Join(told, "\n"); !strings.HasPrefix(got, tt.news) || len(told) > 1 || (len(told) == 0) != (tt.news == "") {
				t.Errorf("told %q, want once %q", told, tt.news)
			}
			if !strings.Contains(out.String(), tt.end) {
				t.Errorf("at the end: %q, want %q in it", out.String(), tt.end)
			}
			if (err != nil) != (k.path == "") {
				t.Errorf("kept in %q, error %v", k.path, err)
			}
			if err == nil {
				data, _ := os.ReadFile(k.path)
				if back := newCase(t); back.ReadAnswers("kept", data) != nil || back.Answered() != 3 {
					t.Errorf("kept is %s", data)
				}
			}
		})
	}
}

// Marks stand in the file, on one line each; it can be gone on with all the same.
func TestMarksAreKept(t *testing.T) {
	state := t.TempDir()
	t.Setenv("XDG_STATE_HOME", state)
	k, c := newKeeper(), newCase(t)
	k.begin(c)
	if err := k.keep(c); err != nil {
		t.Fatal(err)
	}
	c.Track.Mark(time.Date(2026, 5, 1, 3, 0, 0, 0, time.UTC), "load test\nQ1a: nobody\x1b[2J")
	_ = k.keep(c)
	if err := k.end(io.Discard, c, "whydrop"); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(k.path)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(data), `# mark 2026-05-01 03:00:00 UTC: load test Q1a: nobody\x1b[2J`+"\n") {
		t.Errorf("kept is %q", data)
	}
	if back := kept(t, state); back.Answered() != 0 {
		t.Errorf("answers came of marks: %v", back.Answers)
	}
}

// Nothing said, or all taken back, leaves no file; two walkthroughs of the same
// second have one each.
func TestKeeperLeavesNothingBehind(t *testing.T) {
	state := t.TempDir()
	t.Setenv("XDG_STATE_HOME", state)
	files := func() []string {
		found, _ := filepath.Glob(filepath.Join(state, "whydrop", "*"))
		hidden, _ := filepath.Glob(filepath.Join(state, "whydrop", ".*"))
		return append(found, hidden...)
	}
	c := newCase(t)
	for n, say := range []string{"", "something", "else"} {
		k := newKeeper()
		k.begin(newCase(t))
		if say != "" {
			_ = c.Answer("Q1a", checklist.Answer{Note: "typed and taken back"})
			_ = k.keep(c)
			eventually(t, "a file", func() bool { return len(files()) >= n })
			_ = c.Answer("Q1a", checklist.Answer{})
			_ = k.keep(c)
			eventually(t, "no file", func() bool { return len(files()) < n })
			_ = c.Answer("Q1a", checklist.Answer{Note: say})
		}
		if err := k.end(io.Discard, c, "whydrop"); err != nil {
			t.Fatal(err)
		}
		if got := files(); len(got) != n {
			t.Errorf("after %d walkthroughs with answers there is %v", n, got)
		}
	}
}
