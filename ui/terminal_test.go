package ui

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"
	"golang.org/x/sys/unix"

	"whydrop/probes/fact"
)

// seat is a terminal with the built program on it.
type seat struct {
	t      *testing.T
	master *os.File
	slave  *os.File
	before *unix.Termios
	cmd    *exec.Cmd
	state  string // directory

	mu     sync.Mutex
	output bytes.Buffer
}

func build(t *testing.T) string {
	t.Helper()
	if testing.Short() {
		t.Skip("builds the program: skipped with -short")
	}
	program := filepath.Join(t.TempDir(), "whydrop")
	if out, err := exec.Command("go", "build", "-o", program, "whydrop/cmd/whydrop").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	return program
}

func start(t *testing.T, program string, env ...string) *seat {
	t.Helper()
	master, slave, err := pty.Open()
	if err != nil {
		t.Skipf("no pseudo-terminal: %v", err)
	}
	s := &seat{t: t, master: master, slave: slave, state: t.TempDir()}
	t.Cleanup(func() { master.Close(); slave.Close() })
	s.size(80, 24)
	if s.before, err = unix.IoctlGetTermios(int(slave.Fd()), unix.TCGETS); err != nil {
		t.Fatal(err)
	}
	s.cmd = exec.Command(program)
	s.cmd.Dir = s.state
	s.cmd.Env = append(os.Environ(), append([]string{"TERM=xterm-256color", "LANG=C", "LC_ALL=C", "NO_COLOR=", "XDG_STATE_HOME=" + s.state}, env...)...)
	s.cmd.Stdin, s.cmd.Stdout, s.cmd.Stderr = slave, slave, slave
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		buffer := make([]byte, 4096)
		for {
			n, err := master.Read(buffer)
			s.mu.Lock()
			s.output.Write(buffer[:n])
			s.mu.Unlock()
			if err != nil {
				return
			}
		}
	}()
	return s
}

func (s *seat) size(cols, rows uint16) {
	if err := pty.Setsize(s.master, &pty.Winsize{Cols: cols, Rows: rows}); err != nil {
		s.t.Fatal(err)
	}
}

func (s *seat) seen() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.output.String()
}

// await waits until one of some texts is written after the point from, and
// returns the point now.
func (s *seat) await(from int, texts ...string) int {
	s.t.Helper()
	for range 400 {
		seen := s.seen()
		for _, text := range texts {
			if strings.Contains(seen[from:], text) {
				return len(seen)
			}
		}
		time.Sleep(50 * time.Millisecond)
	}
	s.cmd.Process.Kill()
	s.t.Fatalf("%q did not come; the terminal got %q", texts, s.seen()[from:])
	return 0
}

// drawn waits until a text is on the screen. Only what differs is written when
// a screen changes; a new size makes the program draw all of it.
func (s *seat) drawn(text string) {
	s.t.Helper()
	for try := range uint16(40) {
		from := len(s.seen())
		s.size(80, 25+try%2)
		time.Sleep(250 * time.Millisecond)
		if strings.Contains(s.seen()[from:], text) {
			return
		}
	}
	s.cmd.Process.Kill()
	s.t.Fatalf("%q is not on the screen; the terminal got %q", text, s.seen())
}

func (s *seat) press(keys string) {
	if _, err := s.master.WriteString(keys); err != nil {
		s.t.Fatal(err)
	}
}

var question = regexp.MustCompile(`\x1b\[\?u|\$p|\x1b\[>?0?c|\x1b\[[56]n|\x1b\]1[012];\?|\x1b\[>0?q|\x1bP\+q`)

// restored waits for the end and checks that the terminal is as it was found,
// and that it was never asked anything.
func (s *seat) restored() {
	s.t.Helper()
	ended := make(chan error, 1)
	go func() { ended <- s.cmd.Wait() }()
	select {
	case err := <-ended:
		if err != nil {
			s.t.Errorf("ended with %v", err)
		}
	case <-time.After(20 * time.Second):
		s.cmd.Process.Kill()
		s.t.Fatal("did not end")
	}
	time.Sleep(100 * time.Millisecond)
	after, err := unix.IoctlGetTermios(int(s.slave.Fd()), unix.TCGETS)
	if err != nil {
		s.t.Fatal(err)
	}
	if *after != *s.before {
		s.t.Errorf("terminal modes are %+v, they were %+v", *after, *s.before)
	}
	seen := s.seen()
	for set, reset := range map[string]string{"\x1b[?1049h": "\x1b[?1049l", "\x1b[?25l": "\x1b[?25h", "\x1b[?2004h": "\x1b[?2004l"} {
		if strings.LastIndex(seen, set) > strings.LastIndex(seen, reset) {
			s.t.Errorf("%q was not taken back", set)
		}
	}
	if asked := question.FindString(seen); asked != "" {
		s.t.Errorf("the terminal was asked %q", asked)
	}
}

func (s *seat) answers() string {
	files, _ := filepath.Glob(filepath.Join(s.state, "whydrop", "answers-*.yaml"))
	if len(files) != 1 {
		s.t.Errorf("answers are kept in %v", files)
		return ""
	}
	data, err := os.ReadFile(files[0])
	if err != nil {
		s.t.Fatal(err)
	}
	return string(data)
}

// TestTerminal drives the built program on a pseudo-terminal that never answers
// a question.
func TestTerminal(t *testing.T) {
	program := build(t)
	t.Run("answer, resize, leave", func(t *testing.T) { answerResizeLeave(t, program) })
	t.Run("quit at once", func(t *testing.T) {
		s := start(t, program)
		s.press("q")
		s.restored()
	})
	t.Run("ctrl+c while a note is typed", func(t *testing.T) {
		s := start(t, program)
		s.await(0, "starts")
		s.press("\r")
		s.await(0, "Don't know")
		s.press("nhalf a note")
		s.drawn("note: half a note")
		s.press("\x03")
		s.restored()
		if got := s.answers(); !strings.Contains(got, "half a note") {
			t.Errorf("answers are %q", got)
		}
	})
	for _, sig := range []syscall.Signal{syscall.SIGHUP, syscall.SIGTERM} {
		t.Run(sig.String(), func(t *testing.T) { endBySignal(t, program, sig) })
	}
	t.Run("no colour", func(t *testing.T) {
		s := start(t, program, "NO_COLOR=yes")
		s.await(0, "HEALTHY", "FAULT", "UNEXPLAINED", "INCONCLUSIVE")
		s.press("q")
		s.restored()
		if colour := colours.FindString(s.seen()); colour != "" {
			t.Errorf("coloured with %q", colour)
		}
	})
	t.Run("a terminal that cannot move its cursor", func(t *testing.T) {
		s := start(t, program, "TERM=dumb")
		s.await(0, "diagnose")
		if err := s.cmd.Wait(); err == nil || strings.Contains(s.seen(), "\x1b") {
			t.Errorf("ended with %v after %q", err, s.seen())
		}
	})
}

var colours = regexp.MustCompile(`\x1b\[[0-9;]*\b(3[0-9]|4[0-9]|9[0-7]|10[0-7])\b[0-9;]*m`)

func answerResizeLeave(t *testing.T, program string) {
	s := start(t, program)
	s.await(0, "starts")
	s.press("\r")
	s.drawn("Don't know")
	s.press(" ")
	s.drawn("[x]")
	s.size(120, 40)
	from := s.await(0, "Where on the packet's way")
	s.press("q")
	s.await(from, "Leave?")
	s.press("y")
	s.restored()
	if got := s.answers(); !strings.Contains(got, "Q1a") {
		t.Errorf("answers are %q", got)
	}
	if !strings.Contains(s.seen(), "answers kept in") {
		t.Error("not said where the answers are")
	}
}

func endBySignal(t *testing.T, program string, sig syscall.Signal) {
	s := start(t, program)
	s.await(0, "starts")
	s.press("\r d")
	s.drawn("2 of 20")
	if err := s.cmd.Process.Signal(sig); err != nil {
		t.Fatal(err)
	}
	s.restored()
	if got := s.answers(); !strings.Contains(got, "Q1a") {
		t.Errorf("answers are %q", got)
	}
}

func TestQuietEnvironment(t *testing.T) {
	got := quiet([]string{"TERM=xterm-kitty", "TERM_PROGRAM=kitty", "WT_SESSION=1", "LANG=C", "SSH_TTY=/dev/pts/1"})
	want := "SSH_TTY=quiet TERM=xterm-256color LANG=C"
	if strings.Join(got, " ") != want {
		t.Errorf("environment is %v, want %s", got, want)
	}
}

// A fault in the measuring must not leave the terminal in pieces.
func TestPanicWhileMeasuring(t *testing.T) {
	err := observe(context.Background(), func(context.Context, func(*fact.Facts)) { panic("oh") }, nil)
	if err == nil || !strings.Contains(err.Error(), "oh") {
		t.Errorf("error is %v", err)
	}
}
