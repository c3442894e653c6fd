//go:build linux

package lab

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// Main turns a process that was started again as part of a bench into that
// part, and does not return then. In every other process it does nothing. Call
// it before anything else in main or TestMain.
func Main() {
	if filepath.Base(os.Args[0]) == ServiceCtl {
		serviceMain()
	}
	if path := os.Getenv(envEnter); path != "" {
		enter(path)
	}
	part := os.Getenv(envPart)
	if part == "" {
		return
	}
	what, err := io.ReadAll(os.Stdin)
	switch {
	case err != nil:
		fmt.Fprintln(os.Stderr, "lab: a part without a task:", err)
		os.Exit(1)
	case part == partGuard:
		guard(string(what))
	case part == partDirector:
		direct(string(what))
	case part == partActor:
		act(what)
	}
	os.Exit(0)
}

// enteredFD is where a process started by Command finds the namespace to enter,
// or the socket to the director that runs the program in its place.
const enteredFD = 3

// Command returns a command that runs the program at path inside the sick
// host's network namespace, with the file system and users of this process. It
// is killed when ctx ends, when the bench is closed and when this process dies.
// Its ExtraFiles are taken. An error in entering is exit status 126.
//
// An ordinary user's namespaces can be entered from within only: there the
// command is a stand-in, which passes on its standard files, signals and exit
// status, while the program runs as root of the bench's user namespace.
func (b *Bench) Command(ctx context.Context, path string, args ...string) *exec.Cmd {
	return b.CommandOn(ctx, b.scenario.sick, path, args...)
}

// CommandOn is Command on the host of that name: "client", "router" or "server".
func (b *Bench) CommandOn(ctx context.Context, host, path string, args ...string) *exec.Cmd {
	door, err := b.door(host)
	if err != nil {
		return &exec.Cmd{Path: path, Err: fmt.Errorf("lab %s: %w", b.scenario.Name, err)}
	}
	ctx, cancel := context.WithCancel(ctx)
	context.AfterFunc(b.ctx, cancel)
	env := append(cleanEnv(os.Environ()), envName+"="+b.scenario.Name, envGuarded+"="+b.mark)
	return enterCommand(ctx, door, env, append([]string{path}, args...))
}

// door is what a process needs to come into the host: its namespace, or for an
// ordinary user a socket to the director.
func (b *Bench) door(host string) (*os.File, error) {
	i := slices.Index(hostNames, host)
	if i < 0 {
		return nil, fmt.Errorf("there is no host %q, expected one of %s", host, strings.Join(hostNames, ", "))
	}
	if os.Geteuid() != 0 {
		return b.callStandIn(host)
	}
	return b.hosts[i], nil
}

// enterCommand is this executable again, to go through door and become argv.
func enterCommand(ctx context.Context, door *os.File, env, argv []string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "/proc/self/exe")
	cmd.Args = argv
	cmd.Env = append(env, envEnter+"="+argv[0])
	cmd.ExtraFiles = []*os.File{door}
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	return cmd
}

// enter moves this process into the namespace at enteredFD and becomes the
// program at path.
func enter(path string) {
	runtime.LockOSThread()
	fail := func(what string, err error) {
		fmt.Fprintf(os.Stderr, "lab: %s: %v\n", what, err)
		os.Exit(126)
	}
	if _, err := unix.GetsockoptInt(enteredFD, unix.SOL_SOCKET, unix.SO_TYPE); err == nil {
		standIn(path)
	}
	if err := unix.Setns(enteredFD, unix.CLONE_NEWNET); err != nil {
		fail("entering the host's network namespace", err)
	}
	unix.Close(enteredFD)
	if unix.Unshare(unix.CLONE_NEWNS) == nil && unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, "") == nil {
		_, _ = ask(order{Seat: unix.Gettid()}) // else what leaves the host's network outlives it
		showOwnSysfs()
		ownNetns()
	}
	full, err := exec.LookPath(path)
	if err != nil {
		fail("finding the program", err)
	}
	fail("starting "+full, unix.Exec(full, os.Args, ownEnv()))
}

// AsRoot is the command that runs this program again, with the same arguments, as
// root of a user namespace of its own. It dies with this process.
func AsRoot() *exec.Cmd {
	cmd := exec.Command("/proc/self/exe", os.Args[1:]...)
	cmd.Args[0] = os.Args[0]
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	becomeRoot(cmd.SysProcAttr)
	return cmd
}

// ownEnv is the environment for the program that this process becomes or asks for.
func ownEnv() []string {
	return slices.DeleteFunc(os.Environ(), func(e string) bool { return strings.HasPrefix(e, envEnter+"=") })
}

// reportSeat tells the guard of the mount namespace of a thread of who asks, if that is
// not the director's: what is begun there ends with the bench.
func (s *site) reportSeat(who *net.UnixConn, thread int) {
	raw, err := who.SyscallConn()
	if err != nil {
		return
	}
	var peer *unix.Ucred
	if raw.Control(func(fd uintptr) { peer, err = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED) }) != nil || err != nil {
		return
	}
	ns, err := os.Open(fmt.Sprintf("/proc/%d/task/%d/ns/mnt", peer.Pid, thread))
	if err != nil {
		return
	}
	defer ns.Close()
	mine, err := os.Stat("/proc/self/ns/mnt")
	if is, bad := ns.Stat(); err == nil && bad == nil && !os.SameFile(mine, is) {
		// A guard that is gone takes this process with it.
		_ = unix.Sendmsg(reportFD, []byte("seat"), unix.UnixRights(int(ns.Fd())), nil, 0)
	}
}

// netnsDir is where ip-netns(8) keeps the names of namespaces.
const netnsDir = "/run/netns"

// HideNetns makes the directory of names of namespaces where the machine has none, for
// seats to hide it, and returns what removes it. An ordinary user cannot make names.
func HideNetns() (undo func()) {
	if os.Mkdir(netnsDir, 0o755) != nil {
		return func() {}
	}
	return func() { _ = os.Remove(netnsDir) } // unless somebody uses it by now
}

// ownNetns hides the names of the machine's namespaces from this process and its
// children: those that they make are their own, and go with them.
func ownNetns() {
	_ = unix.Mount("tmpfs", netnsDir, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, "mode=0755") // where there is none, there is nothing to hide
}

// showOwnSysfs mounts a fresh /sys, which shows the network devices of the
// current namespace, in the mount namespace of this process. Where mounting is not
// allowed, the old /sys stays: a program must cope with that in a container, too.
func showOwnSysfs() {
	// The old mount stays underneath and keeps /sys/fs/cgroup out of sight, so
	// that one is carried over.
	fd, err := unix.OpenTree(unix.AT_FDCWD, "/sys/fs/cgroup", unix.OPEN_TREE_CLONE|unix.AT_RECURSIVE|unix.OPEN_TREE_CLOEXEC)
	if unix.Mount("sysfs", "/sys", "sysfs", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, "") != nil {
		return
	}
	if err == nil {
		unix.MoveMount(fd, "", unix.AT_FDCWD, "/sys/fs/cgroup", unix.MOVE_MOUNT_F_EMPTY_PATH)
		unix.Close(fd)
	}
}
