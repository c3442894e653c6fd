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
	envDirector = "WHYDROP_LAB_DIRECTOR" // name of the scenario to build
	envActor    = "WHYDROP_LAB_ACTOR"    // JSON of an actorSpec
	envEnter    = "WHYDROP_LAB_ENTER"    // path of the program to run in the sick host
)

// ErrNeeds marks a scenario that this user or this kernel cannot build.
var ErrNeeds = errors.New("the lab cannot build this here")

// startTimeout bounds how long hosts, traffic and fault may take to be ready.
const startTimeout = 40 * time.Second

// Bench is a running scenario.
type Bench struct {
	scenario Scenario
	director *exec.Cmd
	exited   chan struct{} // closed when the director is gone
	conn     *net.UnixConn // to the director; its end means Close
	sick     *os.File      // network namespace of the sick host
	ctx      context.Context
	cancel   context.CancelFunc
	ask      sync.Mutex // one question to the director at a time; guards sick
	close    sync.Once
	closeErr error
}

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
	if err := Supported(); err != nil {
		return nil, err
	}
	if (s.Needs == "root" || len(s.Settings) > 0) && os.Geteuid() != 0 {
		return nil, fmt.Errorf("%w: %s needs root", ErrNeeds, s.Name)
	}
	b := &Bench{scenario: s, exited: make(chan struct{})}
	if err := b.launch(); err != nil {
		return nil, fmt.Errorf("lab %s: %w", s.Name, err)
	}
	b.ctx, b.cancel = context.WithCancel(ctx)
	stop := context.AfterFunc(ctx, func() { b.Close() })
	if err := b.awaitReady(); err != nil {
		stop()
		b.Close()
		return nil, fmt.Errorf("lab %s: %w", s.Name, err)
	}
	return b, nil
}

// launch starts the director: the process that makes the namespaces, starts the
// hosts' programs and ends with its end of the socket.
func (b *Bench) launch() error {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("socketpair: %w", err)
	}
	theirs := os.NewFile(uintptr(pair[1]), "director")
	defer theirs.Close()
	ours := os.NewFile(uintptr(pair[0]), "bench")
	defer ours.Close()
	conn, err := net.FileConn(ours)
	if err != nil {
		return err
	}
	b.conn = conn.(*net.UnixConn)

	cmd := selfCommand(envDirector + "=" + b.scenario.Name)
	cmd.ExtraFiles = []*os.File{theirs}
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = namespaceAttr()
	if err := cmd.Start(); err != nil {
		b.conn.Close()
		return fmt.Errorf("starting the director: %w", err)
	}
	b.director = cmd
	go func() {
		cmd.Wait()
		close(b.exited)
	}()
	return nil
}

// selfCommand is this executable again, told by env what it is to be.
func selfCommand(env string) *exec.Cmd {
	cmd := exec.Command("/proc/self/exe")
	cmd.Args = []string{"whydrop-lab"}
	cmd.Env = append(cleanEnv(os.Environ()), env)
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
	attr := &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET, Setpgid: true}
	if os.Geteuid() != 0 {
		attr.Cloneflags |= syscall.CLONE_NEWUSER
		attr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}}
		attr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}}
	}
	return attr
}

// awaitReady reads the director's first message, which carries the network
// namespace of the sick host as a file descriptor.
func (b *Bench) awaitReady() error {
	b.conn.SetReadDeadline(time.Now().Add(startTimeout))
	defer b.conn.SetReadDeadline(time.Time{})
	msg, oob := make([]byte, 1<<16), make([]byte, 256)
	n, oobn, _, _, err := b.conn.ReadMsgUnix(msg, oob)
	if err != nil || n == 0 {
		return fmt.Errorf("the director ended before the fault was at work: %w", errors.Join(err, b.ctx.Err()))
	}
	files := receivedFiles(oob[:oobn])
	if len(files) > 0 {
		b.ask.Lock()
		b.sick = files[0]
		b.ask.Unlock()
	}
	_, err = parseReply(msg[:n])
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

// Close ends every process of the bench; the kernel removes the namespaces with
// the last of them. It may be called again. Programs started with Command are
// killed.
func (b *Bench) Close() error {
	b.close.Do(func() {
		b.cancel()
		b.conn.Close()
		select {
		case <-b.exited:
		case <-time.After(5 * time.Second):
			b.closeErr = fmt.Errorf("lab %s: the director did not end by itself and was killed", b.scenario.Name)
			b.director.Process.Kill()
			<-b.exited
		}
		b.ask.Lock()
		defer b.ask.Unlock()
		if b.sick != nil {
			b.sick.Close()
		}
	})
	return b.closeErr
}
