package plain

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"
	"golang.org/x/sys/unix"
)

// desk is a terminal in its usual mode, which shows what is typed, with the built
// program on it.
type desk struct {
	t      *testing.T
	master *os.File
	cmd    *exec.Cmd
	state  string // directory

	reading sync.WaitGroup
	hungUp  atomic.Bool
	mu      sync.Mutex
	output  bytes.Buffer
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

func start(t *testing.T, program string, env []string, args ...string) *desk {
	t.Helper()
	master, slave, err := pty.Open()
	if err != nil {
		t.Skipf("no pseudo-terminal: %v", err)
	}
	d := &desk{t: t, master: master, state: t.TempDir()}
	t.Cleanup(func() { d.hangUp(); slave.Close() })
	d.cmd = exec.Command(program, append([]string{"--no-bpf"}, args...)...)
	d.cmd.Dir = d.state
	d.cmd.Env = append(append(os.Environ(), "XDG_STATE_HOME="+d.state, "TERM=xterm-256color"), env...)
	d.cmd.Stdin, d.cmd.Stdout, d.cmd.Stderr = slave, slave, slave
	d.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := d.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	d.reading.Add(1)
	go d.read()
	return d
}

// read takes what the terminal shows until it is hung up. A read that waits would
// keep the terminal open.
func (d *desk) read() {
	defer d.reading.Done()
	buffer := make([]byte, 4096)
	ready := []unix.PollFd{{Fd: int32(d.master.Fd()), Events: unix.POLLIN}}
	for !d.hungUp.Load() {
		if n, _ := unix.Poll(ready, 50); n < 1 {
			continue
		}
		n, err := d.master.Read(buffer)
		d.mu.Lock()
		d.output.Write(buffer[:n])
		d.mu.Unlock()
		if err != nil {
			return
		}
	}
}

// hangUp takes the terminal away.
func (d *desk) hangUp() {
	d.hungUp.Store(true)
	d.reading.Wait()
	d.master.Close()
}

func (d *desk) seen() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return strings.ReplaceAll(d.output.String(), "\r\n", "\n")
}

func (d *desk) hears(text string) {
	d.t.Helper()
	for range 400 {
		if strings.Contains(d.seen(), text) {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	_ = d.cmd.Process.Kill()
	d.t.Fatalf("%q did not come; the terminal got %s", text, d.seen())
}

func (d *desk) types(text string) {
	d.t.Helper()
	if _, err := d.master.WriteString(text); err != nil {
		d.t.Fatal(err)
	}
}

// ends waits for the end and returns the answers that were kept.
func (d *desk) ends() string {
	d.t.Helper()
	ended := make(chan error, 1)
	go func() { ended <- d.cmd.Wait() }()
	select {
	case err := <-ended:
		if err != nil {
			d.t.Errorf("ended with %v after %s", err, d.seen())
		}
	case <-time.After(20 * time.Second):
		_ = d.cmd.Process.Kill()
		d.t.Fatalf("did not end; the terminal got %s", d.seen())
	}
	if strings.Contains(d.seen(), "\x1b") {
		d.t.Errorf("an escape sequence in %q", d.seen())
	}
	files, _ := filepath.Glob(filepath.Join(d.state, "whydrop", "cases", "*.case"))
	if len(files) != 1 {
		d.t.Errorf("answers are kept in %v", files)
		return ""
	}
	data, err := os.ReadFile(files[0])
	if err != nil {
		d.t.Fatal(err)
	}
	return string(data)
}

// TestProgram has conversations with the built program.
func TestProgram(t *testing.T) {
	program := build(t)
	t.Run("terminal", func(t *testing.T) { terminal(t, program) })
	t.Run("pipes", func(t *testing.T) { pipes(t, program) })
}

// terminal has conversations on a pseudo-terminal that shows what is typed, and
// ends them in every way.
func terminal(t *testing.T, program string) {
	tests := []struct {
		name string
		end  func(d *desk)
		want string
	}{
		{"quit", func(d *desk) { d.types("quit\n") }, "Ended. "},
		{"end of input", func(d *desk) { d.types("\x04") }, "Ended. "},
		{"Ctrl+C", func(d *desk) { d.types("\x03") }, "Interrupted."},
		{"SIGTERM", func(d *desk) { _ = d.cmd.Process.Signal(syscall.SIGTERM) }, "Interrupted."},
		{"hang-up", func(d *desk) { _ = d.cmd.Process.Signal(syscall.SIGHUP) }, "Interrupted."},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d := start(t, program, nil, "--plain")
			d.hears("\nQ1a answer: ")
			d.types("1\n")
			d.hears("\nQ1a answer: 1\nQ1a: 1 ") // shown once
			d.hears("\nQ1b answer: ")
			d.types("n since noon\n")
			d.hears("Q1b: Note: since noon.\n")
			tt.end(d)
			if got := d.ends(); !strings.Contains(got, "Q1a") || !strings.Contains(got, "since noon") {
				t.Errorf("answers are %s", got)
			}
			for _, text := range []string{tt.want, "the case is kept; go on with: whydrop resume --plain "} {
				d.hears(text)
			}
		})
	}
	t.Run("stopped and continued", func(t *testing.T) {
		d := start(t, program, nil, "--plain")
		d.hears("\nQ1a answer: ")
		_ = d.cmd.Process.Signal(syscall.SIGSTOP)
		time.Sleep(100 * time.Millisecond)
		_ = d.cmd.Process.Signal(syscall.SIGCONT)
		d.hears("\nQ1a answer: Q1a answer: ") // a shell has written in between
		d.types("1\nquit\n")
		if got := d.ends(); !strings.Contains(got, "Q1a") {
			t.Errorf("answers are %s", got)
		}
	})
	t.Run("the terminal goes away", func(t *testing.T) {
		d := start(t, program, nil, "--plain")
		d.hears("\nQ1a answer: ")
		d.types("1\n")
		d.hears("\nQ1b answer: ")
		d.hangUp()
		if got := d.ends(); !strings.Contains(got, "Q1a") {
			t.Errorf("answers are %s", got)
		}
	})
	for _, term := range []string{"dumb", ""} {
		t.Run("chosen by itself with TERM="+term, func(t *testing.T) {
			d := start(t, program, []string{"TERM=" + term})
			d.hears("so the walkthrough asks on plain lines")
			d.hears("\nQ1a answer: ")
			d.types("d\nquit\n")
			d.ends()
		})
	}
}

// pipes has conversations without a terminal.
func pipes(t *testing.T, program string) {
	say := func(t *testing.T, in string) (string, string) {
		t.Helper()
		state := t.TempDir()
		cmd := exec.Command(program, "--plain", "--no-bpf", "--duration", "1s")
		cmd.Dir, cmd.Env = state, append(os.Environ(), "XDG_STATE_HOME="+state)
		cmd.Stdin = strings.NewReader(in)
		var said, also bytes.Buffer
		cmd.Stdout, cmd.Stderr = &said, &also
		if err := cmd.Run(); err != nil {
			t.Fatalf("%v: %s", err, also.String())
		}
		lines(t, said.String())
		return said.String(), also.String()
	}
	t.Run("no input at all", func(t *testing.T) {
		said, also := say(t, "")
		if !strings.Contains(said, "\nDiagnosis. ") || also != "" {
			t.Errorf("said %s and %s", said, also)
		}
	})
	t.Run("all questions and the report", func(t *testing.T) {
		said, also := say(t, strings.Repeat("1\n", 20)+"r\n")
		if !strings.Contains(said, "20 of 20 questions are answered.") || strings.Count(said, "\nDiagnosis. ") != 1 || !strings.Contains(also, "the case is kept; go on with: whydrop resume") {
			t.Errorf("said %s and %s", said, also)
		}
		_, path, _ := strings.Cut(said, "Report written to:\n")
		path, _, _ = strings.Cut(path, "\n")
		if report, err := os.ReadFile(path); err != nil || !strings.Contains(string(report), "eport for ") {
			t.Errorf("the report is %q, %v; said %s", report, err, said)
		}
	})
}
