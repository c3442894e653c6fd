package apply

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"whydrop/probes/namespaces"
)

// Guard is a process of its own that undoes a record when the time is over, when it
// is told to, or when the one that started it goes away without a word: by a crash,
// by a kill, with its terminal.
type Guard struct {
	record *Record
	words  *os.File // to it
	cmd    *exec.Cmd
	timer  *timer // the second net, nil for none
	until  time.Time

	over chan struct{} // closed when it has ended
	said string        // its last line, once over is closed
}

// GuardCommand is the hidden argument with which whydrop starts itself as a guard;
// the path of the record comes behind it, then the time.
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
	ns, err := os.Open("/proc/thread-self/ns/net")
	if err != nil {
		return nil, errors.Join(err, hear.Close(), words.Close(), said.Close(), say.Close())
	}
	g := &Guard{record: r, words: words, over: make(chan struct{}), until: time.Now().Add(within)}
	g.cmd = exec.Command(program, GuardCommand, r.Path, within.String())
	g.cmd.Dir = "/"
	g.cmd.ExtraFiles = []*os.File{hear, say, ns}
	g.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	err = startOutside(g.cmd)
	_ = errors.Join(hear.Close(), say.Close(), ns.Close()) // the guard has them, and its end is to be heard
	if err != nil {
		return nil, errors.Join(fmt.Errorf("the guard that takes changes back could not be started: %w", err), words.Close(), said.Close())
	}
	lines := bufio.NewReader(said)
	if line, err := lines.ReadString('\n'); line != "ready\n" {
		return nil, errors.Join(fmt.Errorf("the guard that takes changes back did not come up: %q %w", line, err), words.Close(), said.Close(), g.cmd.Wait())
	}
	g.timer = startTimer(r, within)
	go g.listen(lines, said)
	if err := r.guarded(within); err != nil {
		return nil, errors.Join(fmt.Errorf("the previous values could not be kept, so nothing is changed: %w", err), g.Undo())
	}
	return g, nil
}

// listen waits for the guard's last line, and for its end.
func (g *Guard) listen(lines *bufio.Reader, said *os.File) {
	g.said, _ = lines.ReadString('\n') // nothing, if it was killed
	said.Close()
	_ = g.cmd.Wait()
	close(g.over)
}

// startOutside starts a program in the first network namespace where that may be
// entered: whoever ends all processes of the sick one shall not end the guard.
func startOutside(cmd *exec.Cmd) error {
	entered := false
	if first, _, err := namespaces.First(); err == nil {
		defer first.Close()
		err = namespaces.Inside(first, func() error { entered = true; return cmd.Start() })
		if entered {
			return err
		}
	}
	return cmd.Start()
}

// Over is closed when the guard has ended: because the time is over, or because
// somebody ended it. If it was killed, nobody takes the changes back but its owner.
func (g *Guard) Over() <-chan struct{} { return g.over }

// Ended tells whether the guard has ended: the time is over, somebody told it to, or took
// the changes back from elsewhere.
func (g *Guard) Ended() bool {
	select {
	case <-g.over:
		return true
	default:
		return false
	}
}

// Until is when the guard takes everything back.
func (g *Guard) Until() time.Time { return g.until }

// Keep tells the guard that the changes are to stay. The record says so first. It
// fails if they went back already.
func (g *Guard) Keep() error {
	if err := g.record.Keep(); err != nil {
		return err
	}
	g.tell("keep")
	g.timer.stop()
	return nil
}

// Undo has the guard set everything back and returns what could not be.
func (g *Guard) Undo() error {
	g.tell("undo")
	defer g.timer.stop()
	said, err := strconv.Unquote(strings.TrimSpace(g.said))
	if err != nil {
		return g.record.Undo(false) // the guard was killed: do it here
	}
	if said != "" {
		return errors.New(said)
	}
	return g.record.load()
}

// tell says a word to the guard, and waits for its end.
func (g *Guard) tell(word string) {
	_, _ = g.words.WriteString(word + "\n") // nobody hears it if the guard is gone
	g.words.Close()
	<-g.over
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
	closeInherited()
	r, err := Open(path)
	if err != nil {
		return err
	}
	defer r.Close()
	if err := unix.Flock(int(r.file.Fd()), unix.LOCK_SH); err != nil {
		return err
	}
	spare()
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
	if err := takeBack(r, func(f func() error) error { return namespaces.Inside(ns, f) }); err != nil {
		failed = err.Error()
	}
	_, _ = say.WriteString(strconv.Quote(failed) + "\n")
	return nil
}

// takeBack undoes a record unless it was kept: what the record says goes before any
// word. What fails for a moment (a device that is being reset) is tried again.
func takeBack(r *Record, in func(func() error) error) error {
	var err error
	for range 3 {
		err = in(func() error { return r.undoUnlessKept() })
		if foreign := (foreignError{}); err == nil || errors.As(err, &foreign) {
			return err
		}
		time.Sleep(time.Second)
	}
	return err
}

// spare asks the kernel to end others first when memory runs out.
func spare() { _ = os.WriteFile("/proc/self/oom_score_adj", []byte("-900"), 0) }

// closeInherited closes what a careless parent left open: a pipe that the guard holds
// keeps its reader waiting. What Go opens itself closes on exec.
func closeInherited() {
	entries, _ := os.ReadDir("/proc/self/fd")
	for _, e := range entries {
		fd, err := strconv.Atoi(e.Name())
		if err != nil || fd <= guardNetFD {
			continue
		}
		if flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err == nil && flags&unix.FD_CLOEXEC == 0 {
			unix.Close(fd)
		}
	}
}
