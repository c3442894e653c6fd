package remote

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"

	"whydrop/probes/fact"
)

const (
	// maxNoise bounds, in bytes, what the login shell may write before the script's
	// first line, and maxWord a line of it.
	maxNoise = 256 << 10
	maxWord  = 4 << 10
	// maxTold is how much of ssh's standard error is kept: its end.
	maxTold = 4 << 10
)

// ssh is one session of the system's ssh.
type ssh struct {
	cmd  *exec.Cmd
	in   io.WriteCloser
	out  *bufio.Reader
	told tail
	done chan struct{} // closed when it has ended
	err  error         // how, once done is closed
}

// arguments are those of ssh: the operator's options first, because ssh takes the
// first of each.
func (o *Options) arguments(asking bool, command string) []string {
	var args []string
	for _, option := range o.SSHOptions {
		args = append(args, "-o", option)
	}
	if !asking {
		args = append(args, "-o", "BatchMode=yes")
	}
	for _, option := range []string{
		"ConnectTimeout=20", "ServerAliveInterval=10", "ServerAliveCountMax=3", "ClearAllForwardings=yes", "EscapeChar=none",
	} {
		args = append(args, "-o", option)
	}
	return append(args, "-T", "-x", "-a", "--", o.Destination, command)
}

// start starts ssh. Where it may not ask, it is no part of the terminal's foreground:
// Ctrl+C there is for whydrop.
func (o *Options) start(asking bool, command string) (*ssh, error) {
	path, err := exec.LookPath("ssh")
	if err != nil {
		return nil, &Lasting{errors.New("there is no ssh on this machine: expected OpenSSH's client in the PATH")}
	}
	s := &ssh{cmd: exec.Command(path, o.arguments(asking, command)...), done: make(chan struct{})}
	if !asking {
		s.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	}
	s.cmd.Stderr = &s.told
	s.cmd.WaitDelay = leaving // who inherited its standard error may keep it open
	if s.in, err = s.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	s.out = bufio.NewReaderSize(out, 64<<10)
	return s, s.cmd.Start()
}

// end ends the session; politely lets the far side go by itself first.
func (s *ssh) end(polite bool) {
	if polite {
		patient := time.AfterFunc(leaving, s.kill)
		_, _ = io.WriteString(s.in, "end\n") // it may be gone
		_ = s.in.Close()
		_, _ = io.Copy(io.Discard, s.out)
		patient.Stop()
	}
	s.kill()
	_ = s.in.Close()
	s.err = s.cmd.Wait()
}

func (s *ssh) kill() { _ = s.cmd.Process.Kill() } // it may have ended

// line returns the next line of the far side that begins with what the script's do,
// without that. Others are passed over.
func (s *ssh) line() (string, error) {
	for noise := 0; noise < maxNoise; {
		line, err := s.word()
		noise += len(line) + 1
		if rest, ok := strings.CutPrefix(line, said); ok && err == nil {
			return rest, nil
		}
		if err != nil {
			return "", err
		}
	}
	return "", &Lasting{errors.New("the host's login shell writes without end: it has to be quiet where no terminal is")}
}

// word reads a line, and of a long one its beginning.
func (s *ssh) word() (string, error) {
	part, err := s.out.ReadSlice('\n')
	if err == bufio.ErrBufferFull {
		err = nil // the next is the rest of it
	}
	return strings.TrimRight(string(part[:min(len(part), maxWord)]), "\r\n"), err
}

// failed says why a session ended before it should, from what ssh told.
func (s *ssh) failed() error {
	s.end(false)
	told := strings.TrimPrefix(s.told.last(), "ssh: ")
	var exit *exec.ExitError
	errors.As(s.err, &exit)
	switch {
	case containsAny(told, "Permission denied", "Too many authentication failures", "Host key verification failed", "REMOTE HOST IDENTIFICATION HAS CHANGED"):
		return &Lasting{fmt.Errorf("ssh: %s", told)}
	case containsAny(told, "Bad configuration option", "command-line: line", "Could not resolve hostname"):
		return &Lasting{fmt.Errorf("ssh: %s", told)}
	case told != "":
		return fmt.Errorf("ssh: %s", told)
	case exit != nil && exit.ExitCode() >= 0:
		return fmt.Errorf("ssh ended with status %d and without a word", exit.ExitCode())
	}
	return errors.New("the connection ended")
}

func containsAny(text string, parts ...string) bool {
	for _, p := range parts {
		if strings.Contains(text, p) {
			return true
		}
	}
	return false
}

// tail keeps the end of what is written.
type tail struct {
	mu   sync.Mutex
	text []byte
}

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text = append(t.text, p[max(0, len(p)-maxTold):]...)
	t.text = t.text[max(0, len(t.text)-maxTold):]
	return len(p), nil
}

// last returns the last lines, on one line and without control characters.
func (t *tail) last() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	var lines []string
	for line := range strings.Lines(string(t.text)) {
		if line = show(line); line != "" {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines[max(0, len(lines)-3):], "; ")
}

// show is text of the far side as it may be shown.
func show(s string) string { return fact.Clean(s, 300) }

// watchdog ends a session that makes no progress for a time; the zero time stops it.
func (s *ssh) watchdog(ctx context.Context, d time.Duration) (progress func(), stop func()) {
	late := time.AfterFunc(d, s.kill)
	gone := context.AfterFunc(ctx, s.kill)
	return func() { late.Reset(d) }, func() { late.Stop(); gone() }
}
