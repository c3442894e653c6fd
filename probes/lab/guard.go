//go:build linux

package lab

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// Where a guard finds what the bench gave it.
const (
	guardSocketFD = 3 // the director's end of the socket to the bench
	leashFD       = 4 // a pipe that ends with the bench
)

// grace is how long a director may take to end by itself.
const grace = 3 * time.Second

// guard starts the director of a scenario and outlives everybody: when the
// bench, the director or the patience of its user ends, it ends the other, puts
// the settings of the machine back and kills what still runs in the hosts. It
// has a session of its own, out of reach of the terminal's signals; the director
// dies with it.
func guard(name string) {
	runtime.LockOSThread() // the director's life hangs on this thread
	unix.CloseOnExec(guardSocketFD)
	unix.CloseOnExec(leashFD)
	socket := os.NewFile(guardSocketFD, "bench")
	over := leash()
	refuse := func(err error) {
		if conn, bad := net.FileConn(socket); bad == nil {
			(&site{}).answer(conn.(*net.UnixConn), "", err, false)
		}
		os.Exit(1)
	}
	scenario, ok := Find(name)
	if !ok {
		refuse(fmt.Errorf("there is no scenario %q", name))
	}
	kept, err := keepSettings(scenario.Settings, over)
	if err != nil {
		refuse(err)
	}
	ward, err := startDirector(name, socket)
	if err != nil {
		kept.restore()
		refuse(fmt.Errorf("starting the director: %w", err))
	}
	socket.Close()
	ward.wait(over)
	err = kept.restore()
	ward.sweep()
	removeGroups(ward.cmd.Process.Pid)
	if err != nil {
		fmt.Fprintln(os.Stderr, "lab:", err)
		os.Exit(1)
	}
}

// leash closes the channel when the bench is gone or a signal asks to end.
func leash() <-chan struct{} {
	over := make(chan struct{})
	end := sync.OnceFunc(func() { close(over) })
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, unix.SIGTERM, unix.SIGINT, unix.SIGHUP)
	go func() {
		<-signals
		end()
	}()
	go func() {
		_, _ = os.NewFile(leashFD, "leash").Read(make([]byte, 1))
		end()
	}()
	return over
}

// ward is the director that a guard looks after.
type ward struct {
	cmd    *exec.Cmd
	exited chan struct{}
	mu     sync.Mutex
	hosts  []*os.File // namespaces of the hosts and of their seats; as long as one is open its number is not used again
}

// startDirector starts the director in a network namespace of its own and, for an
// ordinary user, in a user namespace in which it is root.
func startDirector(name string, socket *os.File) (*ward, error) {
	outside, err := os.Open("/proc/self/ns/net")
	if err != nil {
		return nil, err
	}
	defer outside.Close()
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("socketpair: %w", err)
	}
	theirs := os.NewFile(uintptr(pair[1]), "guard")
	defer theirs.Close()
	ours, err := fileConn(os.NewFile(uintptr(pair[0]), "director"))
	if err != nil {
		return nil, err
	}
	w := &ward{cmd: selfCommand(partDirector, name), exited: make(chan struct{})}
	w.cmd.ExtraFiles = []*os.File{socket, theirs, outside}
	w.cmd.Stderr = os.Stderr
	w.cmd.SysProcAttr = namespaceAttr()
	w.cmd.SysProcAttr.Pdeathsig = unix.SIGKILL
	if err := w.cmd.Start(); err != nil {
		ours.Close()
		return nil, err
	}
	go w.receiveHosts(ours)
	go func() {
		_ = w.cmd.Wait() // whatever it died of
		close(w.exited)
	}()
	return w, nil
}

// receiveHosts keeps the namespaces that the director has made or knows of.
func (w *ward) receiveHosts(from *net.UnixConn) {
	defer from.Close()
	msg, oob := make([]byte, 16), make([]byte, 256)
	for {
		n, oobn, _, _, err := from.ReadMsgUnix(msg, oob)
		if err != nil || n == 0 {
			return
		}
		w.mu.Lock()
		w.hosts = append(w.hosts, receivedFiles(oob[:oobn])...)
		w.mu.Unlock()
	}
}

// wait returns when the director has ended. When it is over, the director has
// its grace to end by itself.
func (w *ward) wait(over <-chan struct{}) {
	select {
	case <-w.exited:
		return
	case <-over:
	}
	select {
	case <-w.exited:
	case <-time.After(grace):
		_ = w.cmd.Process.Kill()
		<-w.exited
	}
}

// sweep kills what still runs in the hosts, or was begun from a seat on one and has
// gone to another network: children of programs that were started there, whatever
// became of their parents. A process must be met twice:
// a tool outside that only glances at a host is none of the lab's.
func (w *ward) sweep() {
	w.mu.Lock()
	defer w.mu.Unlock()
	hosts := map[uint64]bool{} // by inode: all kinds of namespaces share their numbers
	for _, f := range w.hosts {
		var st unix.Stat_t
		if unix.Fstat(int(f.Fd()), &st) == nil {
			hosts[st.Ino] = true
		}
	}
	of := func(proc, kind string) bool {
		var st unix.Stat_t
		return unix.Stat(filepath.Join(proc, "ns", kind), &st) == nil && hosts[st.Ino]
	}
	met := map[int]bool{}
	for try := 0; len(hosts) > 0 && try < 50; try++ {
		inside := processes(func(proc string) bool { return of(proc, "net") || of(proc, "mnt") })
		if len(inside) == 0 {
			return
		}
		for _, pid := range inside {
			if met[pid] {
				_ = unix.Kill(pid, unix.SIGKILL)
			}
			met[pid] = true
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// Control groups of a bench are named groupPrefix, the director's process, and
// whatever else, so that they can be found when it was killed.
const groupPrefix = "whydrop-lab-"

// groups lists control groups of benches: their paths, by director.
func groups() map[int][]string {
	found := map[int][]string{}
	for _, pattern := range []string{"/sys/fs/cgroup/", "/sys/fs/cgroup/*/"} { // version 2, and 1
		paths, _ := filepath.Glob(pattern + groupPrefix + "*") // the pattern is well formed
		for _, path := range paths {
			number, _, _ := strings.Cut(strings.TrimPrefix(filepath.Base(path), groupPrefix), "-")
			if pid, err := strconv.Atoi(number); err == nil {
				found[pid] = append(found[pid], path)
			}
		}
	}
	return found
}

// removeGroups removes the control groups of a director that has ended. A process
// that was killed may take a moment to leave its group.
func removeGroups(director int) {
	for range 25 {
		left := false
		for _, path := range groups()[director] {
			if err := unix.Rmdir(path); err != nil && err != unix.ENOENT {
				left = true
			}
		}
		if !left {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// processes lists the processes other than this one whose directory of /proc
// pleases.
func processes(pleases func(proc string) bool) []int {
	var out []int
	dirs, _ := filepath.Glob("/proc/[0-9]*") // the pattern is well formed
	for _, dir := range dirs {
		pid, err := strconv.Atoi(filepath.Base(dir))
		if err == nil && pid != os.Getpid() && pleases(dir) {
			out = append(out, pid)
		}
	}
	return out
}

// guardMark names the guard of a bench in the environment of programs that run on
// it: process and start time, which together are used once.
func guardMark(pid int) string {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return ""
	}
	// After the name in parentheses: state, parent, ... the start time is the 20th.
	fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
	if len(fields) < 20 || fields[0] == "Z" {
		return ""
	}
	return fmt.Sprintf("%d.%s", pid, fields[19])
}

// Mark is the environment variable, NAME=VALUE, by which programs on the bench of a
// process are found when its guard is gone; "" if the process is on none.
func Mark(pid int) string { return markOf(fmt.Sprintf("/proc/%d", pid)) }

func markOf(proc string) string {
	environ, _ := os.ReadFile(filepath.Join(proc, "environ")) // gone is fine
	for e := range strings.SplitSeq(string(environ), "\x00") {
		if strings.HasPrefix(e, envGuarded+"=") {
			return e
		}
	}
	return ""
}

// abandoned reports whether a process belongs to a bench whose guard is gone.
func abandoned(proc string) bool {
	mark, ok := strings.CutPrefix(markOf(proc), envGuarded+"=")
	pid, err := strconv.Atoi(mark[:max(strings.IndexByte(mark, '.'), 0)])
	return ok && err == nil && guardMark(pid) != mark
}

// Clean ends and puts back what is left of benches whose guards were killed:
// programs that still run on them, and settings of the whole machine (as root).
// Benches that run are not touched. It says what it did, one line each.
func Clean() ([]string, error) {
	var did []string
	for _, pid := range processes(abandoned) {
		name, _ := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid)) // gone is fine
		if unix.Kill(pid, unix.SIGKILL) == nil {
			did = append(did, fmt.Sprintf("killed %d (%q), which ran on an abandoned bench", pid, strings.TrimSpace(string(name))))
		}
	}
	if os.Geteuid() != 0 {
		return did, nil
	}
	for director := range groups() {
		if unix.Kill(director, 0) == unix.ESRCH {
			removeGroups(director)
			did = append(did, fmt.Sprintf("removed the control groups of bench %d", director))
		}
	}
	restored, err := cleanSettings()
	for _, key := range restored {
		did = append(did, "put "+key+" back")
	}
	if errors.Is(err, errHeld) {
		err = nil // its guard puts them back
	}
	return did, err
}
