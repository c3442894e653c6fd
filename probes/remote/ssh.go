package remote

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
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
	// ownStatus is ssh's exit status for troubles of its own, ssh(1); others are those
	// of the command.
	ownStatus = 255
	// lastWord is how long ssh may take to say why it ends.
	lastWord = 500 * time.Millisecond
)

// ssh is one session of the system's ssh.
type ssh struct {
	cmd  *exec.Cmd
	in   io.WriteCloser
	out  *bufio.Reader
	told tail // on its standard error
	// noise is what came before the script's first line; heard says that this came.
	noise tail
	heard bool
	// late is for how long in vain an answer was waited for, in nanoseconds; 0 while
	// one may come.
	late atomic.Int64
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
	destination, port := bracketed(o.Destination)
	if port != "" {
		args = append(args, "-o", "Port="+port)
	}
	return append(args, "-T", "-x", "-a", "--", destination, command)
}

// brackets are around an IPv6 address, as in URLs and scp(1).
var brackets = regexp.MustCompile(`^([^/\[\]]*@)?\[([0-9A-Fa-f:.]+(?:%[^\[\]]+)?)\](?::([0-9]+))?$`)

// bracketed takes the brackets off an address, which ssh knows only in ssh://.
func bracketed(destination string) (plain, port string) {
	if m := brackets.FindStringSubmatch(destination); m != nil {
		return m[1] + m[2], m[3]
	}
	return destination, ""
}

// start starts ssh. Where it may not ask, it is no part of the terminal's foreground:
// Ctrl+C there is for whydrop.
func (o *Options) start(asking bool, command string) (*ssh, error) {
	path, err := exec.LookPath("ssh")
	if err != nil {
		return nil, &Lasting{errors.New("there is no ssh on this machine: expected OpenSSH's client in the PATH")}
	}
	s := &ssh{cmd: exec.Command(path, o.arguments(asking, command)...)}
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
	late := time.AfterFunc(map[bool]time.Duration{true: leaving, false: lastWord}[polite], s.kill)
	defer late.Stop()
	if polite {
		_, _ = io.WriteString(s.in, "end\n") // it may be gone
	}
	_ = s.in.Close()
	if polite {
		_, _ = io.Copy(io.Discard, s.out)
	}
	_ = s.cmd.Wait() // its state tells
}

func (s *ssh) kill() { _ = s.cmd.Process.Kill() } // it may have ended

// line returns the next line of the far side that begins with what the script's do,
// without that. Others are passed over.
func (s *ssh) line() (string, error) {
	for noise := 0; noise < maxNoise; {
		line, err := s.word()
		noise += len(line) + 1
		if rest, ok := strings.CutPrefix(line, said); ok && err == nil {
			s.heard = true
			return rest, nil
		}
		_, _ = s.noise.Write([]byte(line + "\n")) // never fails
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

// lastingWords are in what ssh tells of troubles that another attempt will not mend. A
// name that cannot be resolved is none: it could before, and a cut wire cuts DNS, too.
var lastingWords = []string{
	"Permission denied", "Too many authentication failures", "Host key verification failed", "REMOTE HOST IDENTIFICATION HAS CHANGED",
	"Bad configuration option", "command-line: line",
}

// failed says why a session ended before it should, from what ssh told.
func (s *ssh) failed() error {
	s.end(false)
	told := strings.TrimPrefix(s.told.last(), "ssh: ")
	status, late := s.cmd.ProcessState.ExitCode(), time.Duration(s.late.Load())
	switch {
	case status != ownStatus && status >= 0 && !s.heard:
		return ended(status, strings.Trim(s.noise.last()+"; "+told, "; "))
	case status == ownStatus && containsAny(told, lastingWords...):
		return &Lasting{fmt.Errorf("ssh: %s", told)}
	case late > 0:
		return fmt.Errorf("no answer within %v", late)
	case told != "":
		return fmt.Errorf("ssh: %s", told)
	case status >= 0:
		return fmt.Errorf("ssh ended with status %d and without a word", status)
	}
	return errors.New("the connection ended")
}

// interrupted says whether Ctrl+C ended ssh, which may be before it is heard here.
func (s *ssh) interrupted() bool {
	status, is := s.cmd.ProcessState.Sys().(syscall.WaitStatus)
	return is && status.Signaled() && status.Signal() == syscall.SIGINT
}

// ended is the error of a login shell that did not run the command: one that is
// restricted, a forced command, an account that may not log in.
func ended(status int, words string) error {
	if words == "" {
		words = "nothing"
	}
	return fmt.Errorf("the login shell there ended with status %d before it ran what it was told, and said: %s (expected an account whose shell runs commands)", status, words)
}

func containsAny(text string, parts ...string) bool {
	for _, p := range parts {
		if strings.Contains(text, p) {
			return true
		}
	}
	return false
}

func beginsWithAny(text string, starts ...string) bool {
	return slices.ContainsFunc(starts, func(start string) bool { return strings.HasPrefix(text, start) })
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

// noReason is how lines begin that say nothing of why a session ends: that it was ended
// from here, and warnings (ssh(1) goes on after them).
var noReason = []string{"Killed by signal", "Warning: ", "** WARNING: ", "** This session may be vulnerable", "** The server may need", "debug1: ", "debug2: ", "debug3: "}

// last returns the last lines that may be a reason, on one line and without control
// characters.
func (t *tail) last() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	var lines []string
	for line := range strings.Lines(string(t.text)) {
		if line = show(line); line != "" && !beginsWithAny(line, noReason...) {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines[max(0, len(lines)-3):], "; ")
}

// show is text of the far side as it may be shown.
func show(s string) string { return fact.Clean(s, 300) }

// stop ends ssh in such a way that it puts the terminal back, where it asks for a
// password.
func (s *ssh) stop() {
	_ = s.cmd.Process.Signal(syscall.SIGTERM) // it may have ended
	time.AfterFunc(leaving, s.kill)
}

// watchdog ends a session that makes no progress for a time, or whose ctx ends.
// progress gives it more.
func (s *ssh) watchdog(ctx context.Context, d time.Duration) (progress func(time.Duration), stop func()) {
	var most atomic.Int64
	most.Store(int64(d))
	late := time.AfterFunc(d, func() { s.late.Store(most.Load()); s.stop() })
	gone := context.AfterFunc(ctx, s.stop)
	return func(d time.Duration) { most.Store(int64(d)); late.Reset(d) }, func() { late.Stop(); gone() }
}
