package apply

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Guard is a process of its own that undoes a record when the time is over, when it
// is told to, or when the one that started it goes away without a word: by a crash,
// by a kill, with its terminal.
type Guard struct {
	record *Record
	words  *os.File // to it
	said   *bufio.Reader
	cmd    *exec.Cmd
}

// GuardCommand is the hidden argument with which whydrop starts itself as a guard;
// the path of the record comes behind it.
const GuardCommand = "guard-changes"

const (
	guardWordsFD = 3 // what the guard is told
	guardSaysFD  = 4 // what it answers
	guardNetFD   = 5 // the network namespace of the changes
)

// StartGuard starts the guard of a record, program being whydrop itself, and waits
// until it stands. Only then may a change be made.
func StartGuard(program string, r *Record, within time.Duration) (*Guard, error) {
	hear, words, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	said, say, err := os.Pipe()
	if err != nil {
		return nil, errors.Join(err, hear.Close(), words.Close())
	}
	defer hear.Close()
	defer say.Close()
	ns, err := os.Open("/proc/thread-self/ns/net")
	if err != nil {
		return nil, errors.Join(err, words.Close(), said.Close())
	}
	defer ns.Close()
	g := &Guard{record: r, words: words, said: bufio.NewReader(said)}
	g.cmd = exec.Command(program, GuardCommand, r.Path, within.String())
	g.cmd.Dir = "/"
	g.cmd.ExtraFiles = []*os.File{hear, say, ns}
	g.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := startOutside(g.cmd); err != nil {
		return nil, errors.Join(fmt.Errorf("the guard that takes changes back could not be started: %w", err), words.Close(), said.Close())
	}
	if line, err := g.said.ReadString('\n'); line != "ready\n" {
		return nil, errors.Join(fmt.Errorf("the guard that takes changes back did not come up: %q %w", line, err), words.Close(), g.cmd.Wait())
	}
	return g, nil
}

// startOutside starts a program in the first network namespace where that may be
// entered: whoever ends all processes of the sick one shall not end the guard.
func startOutside(cmd *exec.Cmd) error {
	first, err := os.Open("/proc/1/ns/net")
	if err != nil {
		return cmd.Start()
	}
	defer first.Close()
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // never unlocked, so that nobody gets the thread
		_ = unix.Setns(int(first.Fd()), unix.CLONE_NEWNET)
		done <- cmd.Start()
	}()
	return <-done
}

// Keep tells the guard that the changes are to stay. The record says so first.
func (g *Guard) Keep() error {
	if err := g.record.Keep(); err != nil {
		return err
	}
	_, err := g.tell("keep")
	return err
}

// Undo has the guard set everything back and returns what could not be.
func (g *Guard) Undo() error {
	said, err := g.tell("undo")
	if err != nil {
		return g.record.Undo(false) // the guard is gone: do it here
	}
	if said != "" {
		return errors.New(said)
	}
	return nil
}

func (g *Guard) tell(word string) (string, error) {
	defer g.words.Close()
	if _, err := g.words.WriteString(word + "\n"); err != nil {
		return "", err
	}
	line, err := g.said.ReadString('\n')
	if err != nil {
		return "", err
	}
	said, err := strconv.Unquote(strings.TrimSpace(line))
	return said, errors.Join(err, g.cmd.Wait())
}

// Watch is what the guard's process does. It returns when all is set back or kept.
func Watch(path, within string) error {
	limit, err := time.ParseDuration(within)
	if err != nil {
		return err
	}
	words, say, ns := os.NewFile(guardWordsFD, "words"), os.NewFile(guardSaysFD, "say"), os.NewFile(guardNetFD, "netns")
	signal.Ignore(syscall.SIGHUP, syscall.SIGINT, syscall.SIGQUIT, syscall.SIGPIPE, syscall.SIGTSTP)
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM)
	r, err := Open(path)
	if err != nil {
		return err
	}
	defer r.Close()
	if err := unix.Flock(int(r.file.Fd()), unix.LOCK_SH); err != nil {
		return err
	}
	if _, err := say.WriteString("ready\n"); err != nil {
		return err
	}
	heard := make(chan string, 1)
	go func() {
		line, _ := bufio.NewReader(words).ReadString('\n')
		heard <- strings.TrimSpace(line) // "" when the other end is gone
	}()
	select {
	case <-heard:
	case <-time.After(limit):
	case <-stop:
	}
	var failed string
	if err := r.load(); err != nil || !r.Kept { // what the record says goes before the word
		if err := inside(ns, func() error { return r.Undo(false) }); err != nil {
			failed = err.Error()
		}
	}
	_, _ = say.WriteString(strconv.Quote(failed) + "\n")
	return nil
}
