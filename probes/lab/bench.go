//go:build linux

package lab

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Environment variables that tell a re-executed process what it is.
const (
	envPart  = "WHYDROP_LAB_PART"  // one of the parts
	envEnter = "WHYDROP_LAB_ENTER" // path of the program to run in a host
)

// The parts that a process of a bench can play. What it is to do comes by its standard
// input: an environment is there to be read by everybody on the sick host.
const (
	partGuard    = "guard"    // gets the name of the scenario to look after
	partDirector = "director" // gets the name of the scenario to build
	partActor    = "actor"    // gets JSON of an actorSpec
)

// Environment variables of the programs that run in a host.
const (
	envName    = "WHYDROP_LAB"       // name of the scenario
	envGuarded = "WHYDROP_LAB_BENCH" // the guard that looks after them, see guardMark
)

// ErrNeeds marks a scenario that this user or this kernel cannot build.
var ErrNeeds = errors.New("the lab cannot build this here")

// startTimeout bounds how long hosts, traffic and fault may take to be ready.
const startTimeout = 40 * time.Second

// Bench is a running scenario.
type Bench struct {
	scenario Scenario
	guard    *exec.Cmd
	mark     string        // guardMark of the guard
	exited   chan struct{} // closed when the guard is gone, and all with it
	leash    *os.File      // its end means Close to the guard
	conn     *net.UnixConn // to the director; its end means Close
	hosts    []*os.File    // network namespaces, as in hostNames
	ctx      context.Context
	cancel   context.CancelFunc
	ask      sync.Mutex // one question to the director at a time; guards hosts
	close    sync.Once
	closeErr error
}

// hostNames are the hosts of a bench, in the order in which the director tells
// their namespaces.
var hostNames = []string{"client", "router", "server"}

// reply is the director's answer to a request.
type reply struct {
	Says  string `json:"says,omitempty"`
	Error string `json:"error,omitempty"`
	Needs bool   `json:"needs,omitempty"` // Error is about what is missing here
}

// Start builds the hosts of s, starts their traffic and returns when the fault
// is at work (or, for a healthy host, when its traffic flows). The error wraps
// [ErrNeeds] when this user or kernel cannot build the scenario. The bench runs
// until Close, until ctx ends, or until this process ends in whatever way.
func Start(ctx context.Context, s Scenario) (*Bench, error) {
	if s.plan == nil {
		return nil, fmt.Errorf("lab: %q is not a scenario of this package", s.Name)
	}
	if err := s.Makeable(); err != nil {
		return nil, err
	}
	b := &Bench{scenario: s, exited: make(chan struct{})}
	b.ctx, b.cancel = context.WithCancel(ctx)
	if err := b.launch(); err != nil {
		b.cancel()
		return nil, fmt.Errorf("lab %s: %w", s.Name, err)
	}
	stop := context.AfterFunc(ctx, func() { b.Close() })
	if err := b.awaitReady(); err != nil {
		stop()
		b.Close()
		return nil, fmt.Errorf("lab %s: %w", s.Name, err)
	}
	return b, nil
}

// launch starts the guard, which starts the director: the process that makes the
// namespaces, starts the hosts' programs and ends with its end of the socket.
func (b *Bench) launch() error {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("socketpair: %w", err)
	}
	theirs := os.NewFile(uintptr(pair[1]), "director")
	defer theirs.Close()
	if b.conn, err = fileConn(os.NewFile(uintptr(pair[0]), "bench")); err != nil {
		return err
	}
	held, leash, err := os.Pipe()
	if err != nil {
		b.conn.Close()
		return err
	}
	defer held.Close()
	b.leash = leash
	cmd := selfCommand(partGuard, b.scenario.Name)
	cmd.ExtraFiles = []*os.File{theirs, held}
	cmd.Stderr = os.Stderr
	// A guard that was stopped goes on when this process ends, to do its work.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Pdeathsig: syscall.SIGCONT}
	if err := cmd.Start(); err != nil {
		b.conn.Close()
		b.leash.Close()
		return fmt.Errorf("starting the guard: %w", err)
	}
	b.guard, b.mark = cmd, guardMark(cmd.Process.Pid)
	go b.outlive()
	return nil
}

// outlive waits for the guard's end, which is the end of the bench. A guard that
// was killed leaves its work to this process.
func (b *Bench) outlive() {
	err := b.guard.Wait()
	if err != nil && len(b.scenario.Settings) > 0 {
		_, _ = cleanSettings() // tried again by the next bench
	}
	b.cancel()
	close(b.exited)
}

// Done is closed when the bench has ended, by Close or because a process of the
// lab was killed.
func (b *Bench) Done() <-chan struct{} { return b.exited }

// selfCommand is this executable again, told which part it plays and what it is to do.
func selfCommand(part, what string) *exec.Cmd {
	cmd := exec.Command("/proc/self/exe")
	cmd.Args = []string{"whydrop-lab"}
	cmd.Env = append(cleanEnv(os.Environ()), envPart+"="+part)
	cmd.Stdin = strings.NewReader(what)
	return cmd
}

// cleanEnv is env without the lab's own variables.
func cleanEnv(env []string) []string {
	var out []string
	for _, e := range env {
		if !strings.HasPrefix(e, "WHYDROP_LAB_") {
			out = append(out, e)
		}
	}
	return out
}

// namespaceAttr puts a child into a network namespace of its own and, for an
// ordinary user, into a user namespace in which it is root.
func namespaceAttr() *syscall.SysProcAttr {
	attr := &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET}
	if os.Geteuid() != 0 {
		becomeRoot(attr)
	}
	return attr
}

// becomeRoot makes a child root of a user namespace of its own.
func becomeRoot(attr *syscall.SysProcAttr) {
	attr.Cloneflags |= syscall.CLONE_NEWUSER
	attr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}}
	attr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}}
}

// awaitReady reads the director's first message, which carries the network
// namespaces of the hosts as file descriptors.
func (b *Bench) awaitReady() error {
	patience := startTimeout
	if len(b.scenario.Settings) > 0 {
		patience += lockPatience
	}
	b.conn.SetReadDeadline(time.Now().Add(patience))
	defer b.conn.SetReadDeadline(time.Time{})
	msg, oob := make([]byte, 1<<16), make([]byte, 256)
	n, oobn, _, _, err := b.conn.ReadMsgUnix(msg, oob)
	if err != nil || n == 0 {
		return fmt.Errorf("the director ended before the fault was at work: %w", errors.Join(err, b.ctx.Err()))
	}
	b.ask.Lock()
	b.hosts = receivedFiles(oob[:oobn])
	b.ask.Unlock()
	if _, err = parseReply(msg[:n]); err == nil && len(b.hosts) != len(hostNames) {
		err = errors.New("the director did not tell the hosts' namespaces")
	}
	return err
}

// receivedFiles are the descriptors that came with a message.
func receivedFiles(oob []byte) []*os.File {
	var files []*os.File
	messages, err := unix.ParseSocketControlMessage(oob)
	if err != nil {
		return nil
	}
	for i := range messages {
		fds, err := unix.ParseUnixRights(&messages[i])
		if err != nil {
			continue
		}
		for _, fd := range fds {
			unix.CloseOnExec(fd)
			files = append(files, os.NewFile(uintptr(fd), "received"))
		}
	}
	return files
}

func parseReply(msg []byte) (string, error) {
	var r reply
	if err := json.Unmarshal(msg, &r); err != nil {
		return "", fmt.Errorf("the director's answer is damaged: %w", err)
	}
	switch {
	case r.Needs:
		return "", fmt.Errorf("%w: %s", ErrNeeds, strings.TrimPrefix(r.Error, ErrNeeds.Error()+": "))
	case r.Error != "":
		return "", errors.New(r.Error)
	}
	return r.Says, nil
}

// Scenario returns the scenario that runs on the bench.
func (b *Bench) Scenario() Scenario { return b.scenario }

// Proof measures for about a second and returns the evidence that the fault is
// at work, from a place that a diagnosis inside the sick host does not read:
// what the clients suffer, the router's rule counters, the wire's own counts.
// The error tells what should move and does not.
func (b *Bench) Proof() (string, error) {
	b.ask.Lock()
	defer b.ask.Unlock()
	if b.ctx.Err() != nil {
		return "", fmt.Errorf("lab %s: the bench is closed", b.scenario.Name)
	}
	b.conn.SetDeadline(time.Now().Add(startTimeout))
	if _, err := b.conn.Write([]byte("proof")); err != nil {
		return "", fmt.Errorf("lab %s: asking the director: %w", b.scenario.Name, err)
	}
	msg := make([]byte, 1<<16)
	n, err := b.conn.Read(msg)
	if err != nil || n == 0 {
		return "", fmt.Errorf("lab %s: the director is gone: %w", b.scenario.Name, err)
	}
	says, err := parseReply(msg[:n])
	if err != nil {
		return "", fmt.Errorf("lab %s: %w", b.scenario.Name, err)
	}
	return says, nil
}

// Close ends every process of the bench and every program that runs in its
// hosts, and puts settings of the machine back; the kernel removes the namespaces
// with the last process. It may be called again.
func (b *Bench) Close() error {
	b.close.Do(func() {
		b.cancel()
		b.conn.Close()
		b.leash.Close()
		select {
		case <-b.exited:
		case <-time.After(4 * grace):
			b.closeErr = fmt.Errorf("lab %s: the guard did not end by itself and was killed", b.scenario.Name)
			b.guard.Process.Kill()
			<-b.exited
		}
		b.ask.Lock()
		defer b.ask.Unlock()
		for _, f := range b.hosts {
			f.Close()
		}
	})
	return b.closeErr
}
