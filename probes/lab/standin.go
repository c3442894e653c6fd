//go:build linux

package lab

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// forwarded are the signals that a stand-in passes on to its program.
var forwarded = []os.Signal{unix.SIGINT, unix.SIGTERM, unix.SIGHUP, unix.SIGQUIT, unix.SIGWINCH, unix.SIGUSR1, unix.SIGUSR2}

// job is what a stand-in asks the director to run; its standard files come with
// the message.
type job struct {
	Args []string
	Env  []string
	Dir  string
}

// callStandIn gives one end of a new socket to the director and returns the
// other; what is asked for there runs in host.
func (b *Bench) callStandIn(host string) (*os.File, error) {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("socketpair: %w", err)
	}
	defer unix.Close(pair[1])
	ours := os.NewFile(uintptr(pair[0]), "stand-in")
	if _, _, err := b.conn.WriteMsgUnix([]byte(host), unix.UnixRights(pair[1]), nil); err != nil {
		ours.Close()
		return nil, fmt.Errorf("asking the director: %w", err)
	}
	return ours, nil
}

// standIn asks the director to run the program at path and ends with its exit
// status.
func standIn(path string) {
	fail := func(what string, err error) {
		fmt.Fprintf(os.Stderr, "lab: %s: %v\n", what, err)
		os.Exit(126)
	}
	conn, err := fileConn(os.NewFile(enteredFD, "director"))
	if err != nil {
		fail("finding the director", err)
	}
	dir, _ := os.Getwd() // empty is the director's own
	msg, err := json.Marshal(job{Args: append([]string{path}, os.Args[1:]...), Env: ownEnv(), Dir: dir})
	if err == nil {
		_, _, err = conn.WriteMsgUnix(msg, unix.UnixRights(0, 1, 2), nil)
	}
	if err != nil {
		fail("asking the director", err)
	}
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, forwarded...)
	go func() {
		for s := range signals {
			fmt.Fprint(conn, int(s.(syscall.Signal)))
		}
	}()
	buf := make([]byte, 16)
	n, err := conn.Read(buf)
	status, bad := strconv.Atoi(string(buf[:n]))
	if err := errors.Join(err, bad); err != nil {
		fail("waiting for the program", err)
	}
	os.Exit(status)
}

// fileConn turns a socket's file into a connection and closes the file.
func fileConn(file *os.File) (*net.UnixConn, error) {
	defer file.Close()
	conn, err := net.FileConn(file)
	if err != nil {
		return nil, err
	}
	socket, ok := conn.(*net.UnixConn)
	if !ok {
		conn.Close()
		return nil, errors.New("not a Unix socket")
	}
	return socket, nil
}

// errand is a job with its standard files and the socket of its stand-in.
type errand struct {
	job
	host  string
	files []*os.File
	conn  *net.UnixConn
}

// newErrand waits for the stand-in to say what to run in host.
func newErrand(host string, file *os.File) (*errand, error) {
	conn, err := fileConn(file)
	if err != nil {
		return nil, err
	}
	e := &errand{host: host, conn: conn}
	msg, oob := make([]byte, 1<<18), make([]byte, 256)
	n, oobn, _, _, err := conn.ReadMsgUnix(msg, oob)
	if err == nil {
		e.files = receivedFiles(oob[:oobn])
		err = json.NewDecoder(bytes.NewReader(msg[:n])).Decode(&e.job)
	}
	if err == nil && (len(e.files) != 3 || len(e.Args) == 0) {
		err = errors.New("incomplete job")
	}
	if err != nil {
		conn.Close()
		return nil, err
	}
	return e, nil
}

// run starts the errand's program in its host. The program ends with its
// stand-in.
func (s *site) run(e *errand) {
	ctx, cancel := context.WithCancel(context.Background())
	cmd := enterCommand(ctx, nil, e.Env, e.Args)
	cmd.Dir = e.Dir
	cmd.Stdin, cmd.Stdout, cmd.Stderr = e.files[0], e.files[1], e.files[2]
	fd, err := -1, fmt.Errorf("there is no host %q", e.host)
	if h := s.host(e.host); h != nil {
		fd, err = unix.FcntlInt(uintptr(h.ns), unix.F_DUPFD_CLOEXEC, 0)
	}
	if err == nil {
		ns := os.NewFile(uintptr(fd), "namespace")
		cmd.ExtraFiles = []*os.File{ns}
		err = cmd.Start()
		ns.Close()
	}
	for _, f := range e.files {
		f.Close()
	}
	go func() {
		defer e.conn.Close()
		if err == nil {
			err = cmd.Wait()
		}
		fmt.Fprint(e.conn, exitStatus(err))
		cancel()
	}()
	go func() {
		defer cancel()
		buf := make([]byte, 16)
		for {
			n, err := e.conn.Read(buf)
			if err != nil || n == 0 {
				return
			}
			if number, err := strconv.Atoi(string(buf[:n])); err == nil && cmd.Process != nil {
				_ = cmd.Process.Signal(syscall.Signal(number))
			}
		}
	}()
}

// exitStatus is what a shell would show: 128 and the number of a deadly signal.
func exitStatus(err error) int {
	var exit *exec.ExitError
	switch {
	case err == nil:
		return 0
	case !errors.As(err, &exit):
		return 126
	}
	if status := exit.Sys().(syscall.WaitStatus); status.Signaled() {
		return 128 + int(status.Signal())
	}
	return exit.ExitCode()
}
