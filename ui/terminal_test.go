package ui

import (
	"bytes"
	"context"
	"fmt"
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
	t      testing.TB
	master *os.File
	slave  *os.File
	before *unix.Termios
	cmd    *exec.Cmd
	state  string // directory

	mu     sync.Mutex
	output bytes.Buffer
}

func build(t testing.TB, pkg string) string {
	t.Helper()
	if testing.Short() {
		t.Skip("builds the program: skipped with -short")
	}
	program := filepath.Join(t.TempDir(), "whydrop")
	if out, err := exec.Command("go", "build", "-o", program, pkg).CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	return program
}

func start(t testing.TB, program string, env ...string) *seat {
	t.Helper()
	return startOn(t, program, 80, 24, env...)
}

// startOn starts a program on a terminal of a size.
func startOn(t testing.TB, program string, cols, rows uint16, env ...string) *seat {
	t.Helper()
	s := sit(t, cols, rows)
	s.cmd = exec.Command(program)
	s.cmd.Env = append(os.Environ(), append([]string{"TERM=xterm-256color", "LANG=C", "LC_ALL=C", "NO_COLOR=", "XDG_STATE_HOME=" + s.state}, env...)...)
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := s.run(); err != nil {
		t.Fatal(err)
	}
	return s
}

// sit makes a terminal of a size.
func sit(t testing.TB, cols, rows uint16) *seat {
	t.Helper()
	master, slave, err := pty.Open()
	if err != nil {
		t.Skipf("no pseudo-terminal: %v", err)
	}
	s := &seat{t: t, master: master, slave: slave, state: t.TempDir()}
	t.Cleanup(func() { master.Close(); slave.Close() })
	s.size(cols, rows)
	if s.before, err = unix.IoctlGetTermios(int(slave.Fd()), unix.TCGETS); err != nil {
		t.Fatal(err)
	}
	return s
}

// run starts the program on the terminal and keeps what it writes.
func (s *seat) run() error {
	s.cmd.Dir = s.state
	s.cmd.Stdin, s.cmd.Stdout, s.cmd.Stderr = s.slave, s.slave, s.slave
	if err := s.cmd.Start(); err != nil {
		return err
	}
	go func() {
		buffer := make([]byte, 4096)
		for {
			n, err := s.master.Read(buffer)
			s.mu.Lock()
			s.output.Write(buffer[:n])
			s.mu.Unlock()
			if err != nil {
				return
			}
		}
	}()
	return nil
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
	files, _ := filepath.Glob(filepath.Join(s.state, "whydrop", "cases", "*.case"))
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
	program := build(t, "whydrop/cmd/whydrop")
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
	for _, sig := range []syscall.Signal{syscall.SIGHUP, syscall.SIGTERM} {
		t.Run(sig.String()+" while something is printed", func(t *testing.T) { endWhilePrinting(t, program, sig) })
	}
	t.Run("ctrl+z where no shell would continue it", func(t *testing.T) {
		s := start(t, program)
		s.await(0, "starts")
		s.press("\r")
		s.drawn("Don't know")
		from := len(s.seen())
		s.press("\x1a")
		s.await(from, "\x1b[?1049h")
		s.press("3")
		s.drawn("[3 Tree]")
		s.press("qy")
		s.restored()
	})
	t.Run("stopped and continued by force", func(t *testing.T) { stoppedByForce(t, program) })
	t.Run("a paste that never ends", func(t *testing.T) {
		s := start(t, program)
		s.await(0, "starts")
		s.press("\r\x1b[200~lost on the way")
		time.Sleep(2 * time.Second)
		s.press("\x03")
		s.restored()
	})
	t.Run("a terminal that takes nothing", func(t *testing.T) { endBlocked(t, program) })
	t.Run("suspend and come back", func(t *testing.T) { suspendAndComeBack(t, program) })
	t.Run("printed often", func(t *testing.T) { printOften(t, program) })
	t.Run("the clipboard through tmux", func(t *testing.T) {
		s := start(t, program, "TMUX=/tmp/tmux,1,0")
		s.await(0, "starts")
		s.press("\r2")
		s.drawn("Summary")
		s.press("y")
		s.await(0, "\x1bPtmux;\x1b\x1b]52;c;")
		s.await(0, "copied, if the terminal allows it")
		s.press("qy")
		s.restored()
	})
	t.Run("the mouse, given and given back", func(t *testing.T) {
		s := start(t, program)
		s.await(0, "starts")
		s.press("\r")
		s.drawn("Don't know")
		s.press("M")
		from := s.await(0, "\x1b[?1002h")
		s.press("\x1b[<0;30;1M") // a click on the first line, on the tab of the journey
		s.await(from, "[4 Journey]")
		s.press("qy")
		s.restored()
		if seen := s.seen(); strings.LastIndex(seen, "\x1b[?1002h") > strings.LastIndex(seen, "\x1b[?1002l") {
			t.Error("the mouse was not given back")
		}
	})
	t.Run("no colour", func(t *testing.T) {
		s := start(t, program, "NO_COLOR=yes")
		s.await(0, "HEALTHY", "FAULT", "UNEXPLAINED", "INCONCLUSIVE")
		s.press("q")
		s.restored()
		if colour := colours.FindString(s.seen()); colour != "" {
			t.Errorf("coloured with %q", colour)
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
	from := s.await(0, "received")
	s.press("q")
	s.await(from, "Leave?")
	s.press("y")
	s.restored()
	if got := s.answers(); !strings.Contains(got, "Q1a") {
		t.Errorf("answers are %q", got)
	}
	if !strings.Contains(s.seen(), "the case is kept; go on with: whydrop resume") {
		t.Error("not said where the answers are")
	}
}

// suspendAndComeBack uses a shell's job control as people do.
func suspendAndComeBack(t *testing.T, program string) {
	s := start(t, "/bin/sh", "PS1=outside> ", "ENV=")
	s.await(0, "outside> ")
	s.press(program + "\n")
	from := s.await(0, "starts")
	s.press("\r \x1a")
	from = s.await(from, "\x1b[?1049l")
	s.press("echo still $((40+2))\n")
	from = s.await(from, "still 42")
	s.press("fg\n")
	s.await(from, "\x1b[?1049h")
	from = s.await(from, "[x]") // what was ticked is still there
	s.press("qy")
	s.await(from, "the case is kept; go on with: whydrop resume")
	s.press("exit\n")
	s.restored()
}

// printOften leaves the screen for the plain terminal again and again: nothing may
// stay open, and no key may get lost on the way.
func printOften(t *testing.T, program string) {
	s := start(t, program)
	s.await(0, "starts")
	s.press("\r")
	s.drawn("Don't know")
	waiting := 0
	for i := range 10 {
		from := len(s.seen())
		s.press("Y\r")
		from = s.await(from, "(enter goes back)")
		s.press("lost on nobody\n")
		s.await(from, "\x1b[?1049h")
		if n := s.open("anon_inode:[eventpoll]"); i == 0 {
			waiting = n
		} else if n != waiting {
			t.Fatalf("%d event polls are open, there were %d", n, waiting)
		}
	}
	s.press("3")
	s.drawn("[3 Tree]")
	s.press("qy")
	s.restored()
}

// open counts the program's open files of a kind.
func (s *seat) open(kind string) (n int) {
	files, _ := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", s.cmd.Process.Pid))
	for _, f := range files {
		if to, _ := os.Readlink(f); to == kind {
			n++
		}
	}
	return n
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

// endWhilePrinting ends the program while it waits on the plain terminal.
func endWhilePrinting(t *testing.T, program string, sig syscall.Signal) {
	s := start(t, program)
	s.await(0, "starts")
	s.press("\r d")
	s.drawn("2 of 20")
	from := len(s.seen())
	s.press("Y\r")
	s.await(from, "(enter goes back)")
	if err := s.cmd.Process.Signal(sig); err != nil {
		t.Fatal(err)
	}
	s.restored()
	if got := s.answers(); !strings.Contains(got, "Q1a") {
		t.Errorf("answers are %q", got)
	}
}

// stoppedByForce stops the program with a signal that it can't catch, changes the
// terminal as a shell does, and continues it.
func stoppedByForce(t *testing.T, program string) {
	s := start(t, program)
	s.await(0, "starts")
	s.press("\r")
	s.drawn("Don't know")
	_ = s.cmd.Process.Signal(syscall.SIGSTOP)
	time.Sleep(200 * time.Millisecond)
	if err := unix.IoctlSetTermios(int(s.slave.Fd()), unix.TCSETS, s.before); err != nil {
		t.Fatal(err)
	}
	from := len(s.seen())
	_ = s.cmd.Process.Signal(syscall.SIGCONT)
	s.await(from, "\x1b[?1049h")
	s.press("3") // no line is ended: only a terminal of single keys passes it on
	s.drawn("[3 Tree]")
	s.press("qy")
	s.restored()
}

// endBlocked ends the program on a terminal whose output is held (ctrl+s): the
// answers are kept all the same.
func endBlocked(t *testing.T, program string) {
	s := start(t, program)
	s.await(0, "starts")
	s.press("\r d")
	s.drawn("2 of 20")
	if err := unix.IoctlSetInt(int(s.slave.Fd()), unix.TCXONC, unix.TCOOFF); err != nil {
		t.Fatal(err)
	}
	s.size(120, 40)
	s.press("2y3M4\x0c") // nothing of this may wait for the terminal
	time.Sleep(time.Second)
	_ = s.cmd.Process.Signal(syscall.SIGTERM)
	for range 100 {
		if files, _ := filepath.Glob(filepath.Join(s.state, "whydrop", "cases", "*.case")); len(files) > 0 {
			break
		}
		time.Sleep(100 * time.Millisecond)
	}
	time.Sleep(500 * time.Millisecond) // it comes to the point where it waits to say so
	if got := s.answers(); !strings.Contains(got, "Q1a") {
		t.Errorf("answers are %q", got)
	}
	if err := unix.IoctlSetInt(int(s.slave.Fd()), unix.TCXONC, unix.TCOON); err != nil {
		t.Fatal(err)
	}
	s.restored()
}

// A fault in the measuring must not leave the terminal in pieces.
func TestPanicWhileMeasuring(t *testing.T) {
	err := observe(context.Background(), func(context.Context, func(*fact.Facts)) { panic("oh") }, nil)
	if err == nil || !strings.Contains(err.Error(), "oh") {
		t.Errorf("error is %v", err)
	}
}
