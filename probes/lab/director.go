//go:build linux

package lab

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"sync"
	"time"

	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// Where a director finds what the guard gave it.
const (
	directorFD = 3 // its socket to the bench
	reportFD   = 4 // a socket to the guard
	outsideFD  = 5 // the network namespace of the machine
)

// direct builds a scenario, keeps it running and answers the bench until the
// socket ends. It runs on the main thread, which is the parent of all actors:
// they get a kill signal when it ends.
func direct(name string) {
	runtime.LockOSThread()
	signal.Ignore(os.Interrupt, unix.SIGTERM, unix.SIGHUP) // the bench decides
	for _, fd := range []int{directorFD, reportFD, outsideFD} {
		unix.CloseOnExec(fd)
	}
	socket, err := fileConn(os.NewFile(directorFD, "bench"))
	if err != nil {
		fmt.Fprintln(os.Stderr, "lab: the director has no bench:", err)
		os.Exit(1)
	}
	s := &site{cast: map[string]*player{}, rules: map[string]ruleRef{}, groups: map[string]string{}, outside: outsideFD}
	requests, over := make(chan request), make(chan struct{})
	go receive(socket, requests, over)
	err = s.start(name, over)
	if err == nil {
		err = s.manage(requests)
	}
	s.answer(socket, "", err, true)
	for {
		select {
		case <-over:
			s.end()
			return
		case r := <-requests:
			switch {
			case r.run != nil:
				s.run(r.run)
			case r.restart != nil:
				r.restart.done <- s.again(r.restart)
			default:
				says, err := s.proof(time.Second)
				s.answer(socket, says, err, false)
			}
		}
	}
}

// request is what the director is asked: a proof, a program to run, or one of the
// cast to start again.
type request struct {
	run     *errand
	restart *restart
}

// receive reads requests until the bench is gone. It has a goroutine of its own
// and so notices the end at once, also while the site is being built.
func receive(socket *net.UnixConn, requests chan<- request, over chan<- struct{}) {
	defer close(over)
	buf, oob := make([]byte, 64), make([]byte, 256)
	for {
		n, oobn, _, _, err := socket.ReadMsgUnix(buf, oob)
		if err != nil || n == 0 {
			return
		}
		files := receivedFiles(oob[:oobn])
		if len(files) == 0 {
			requests <- request{}
			continue
		}
		host := string(buf[:n])
		go func() {
			if e, err := newErrand(host, files[0]); err == nil {
				requests <- request{run: e}
			}
		}()
	}
}

// start builds the scenario and waits until its signs are seen.
func (s *site) start(name string, over <-chan struct{}) error {
	scenario, ok := Find(name)
	if !ok {
		return fmt.Errorf("there is no scenario %q", name)
	}
	home, err := netns.Get()
	if err != nil {
		return err
	}
	s.scenario, s.home = scenario, home
	hash := hashOf(name)
	s.subnet, s.habits = byte(hash%200)+20, habitsOf(hash)
	if err := scenario.plan(s); err != nil {
		return err
	}
	deadline := time.Now().Add(startTimeout - 10*time.Second)
	for {
		_, err := s.proof(500 * time.Millisecond)
		if err == nil {
			return nil
		}
		select {
		case <-over:
			return errors.New("the bench was closed")
		default:
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("the fault is not at work: %w", err)
		}
	}
}

// answer sends a reply; the first one carries the hosts' namespaces.
func (s *site) answer(socket *net.UnixConn, says string, err error, first bool) {
	r := reply{Says: says}
	if err != nil {
		r.Error = err.Error()
		r.Needs = errors.Is(err, ErrNeeds) || errors.Is(err, fs.ErrPermission) || errors.Is(err, unix.EOPNOTSUPP)
	}
	msg, _ := json.Marshal(r) // strings and a bool always marshal
	var rights []byte
	if first && err == nil {
		rights = s.namespaces()
		// A guard that is gone takes this process with it.
		_ = unix.Sendmsg(reportFD, []byte("hosts"), rights, nil, 0)
	}
	// A bench that is gone shows as the end of requests.
	_, _, _ = socket.WriteMsgUnix(msg, rights, nil)
}

// namespaces is a control message with the hosts' namespaces.
func (s *site) namespaces() []byte {
	var fds []int
	for _, name := range hostNames {
		if h := s.host(name); h != nil {
			fds = append(fds, int(h.ns))
		}
	}
	return unix.UnixRights(fds...)
}

func (s *site) host(name string) *host {
	for _, h := range []*host{s.client, s.router, s.server} {
		if h != nil && h.name == name {
			return h
		}
	}
	return nil
}

// end stops all players and undoes what does not go with the namespaces.
func (s *site) end() {
	for _, p := range s.cast {
		_ = p.cmd.Process.Kill()
	}
	for _, p := range s.cast {
		_ = p.cmd.Wait()
	}
	for i := len(s.undo) - 1; i >= 0; i-- {
		s.undo[i]()
	}
}

// Supported returns nil when network namespaces can be made here, by root or in
// a user namespace, and otherwise says why not. It tries once.
var Supported = sync.OnceValue(func() error {
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = []string{envPart + "=" + partDirector}
	cmd.SysProcAttr = namespaceAttr()
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("%w: starting a process in a new network namespace: %v (needs CAP_SYS_ADMIN, or user namespaces allowed to ordinary users: sysctls user.max_user_namespaces, user.max_net_namespaces, kernel.unprivileged_userns_clone, kernel.apparmor_restrict_unprivileged_userns)", ErrNeeds, err)
	}
	_ = cmd.Wait() // it has no socket and ends at once
	return nil
})
