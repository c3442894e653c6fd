package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"whydrop/content"
	"whydrop/probes/lab"
)

// shell runs a shell on this host until it ends.
func (h *liveHost) shell(context.Context) error {
	if !terminal(os.Stdin) {
		return errors.New("a shell here needs a terminal; 'whydrop train --shell' opens one from another")
	}
	h.input.turn.Lock()
	defer h.input.turn.Unlock()
	fmt.Fprintln(os.Stderr, shellNote+"exit comes back to the interview")
	cmd := hostShell(os.Getpid())
	err := inForeground(cmd, h.t.cmd.Context().Done())
	var status exitStatus
	if errors.As(err, &status) { // of the last command: nothing that went wrong
		err = nil
	}
	return err
}

// shellNote says where a shell is.
const shellNote = "this shell is on the sick host, of which only the network is its own: files, programs and all other settings are this machine's. " +
	lab.ServiceCtl + " starts its services again with other settings. What you see here does not count as measured: measure it in the interview, too, or mend the host and look there whether it is mended before you conclude. "

// hostShell is the operator's shell on the host of a seat, with a prompt that says
// where it is.
func hostShell(seat int) *exec.Cmd {
	shell := os.Getenv("SHELL")
	if _, err := exec.LookPath(shell); err != nil {
		shell = "/bin/sh"
	}
	cmd := exec.Command(shell)
	// PS1 for a plain shell; Debian's bash puts debian_chroot into its own.
	cmd.Env = append(os.Environ(), lab.Mark(seat), "PS1=(sick host) $ ", "debian_chroot=sick host")
	files := fmt.Sprintf("/proc/%d/fd/%d", seat, shellFilesFD)
	if st, err := os.Stat(files); err != nil || !st.IsDir() {
		return cmd
	}
	// What tools keep from one call to the next, under the names of nstat(8), ifstat(8) and
	// sh(1), is of this host and goes with it.
	cmd.Env = append(cmd.Env, "NSTAT_HISTORY="+files+"/nstat", "IFSTAT_HISTORY="+files+"/ifstat", "HISTFILE="+files+"/history", "PATH="+files+":"+os.Getenv("PATH"))
	return cmd
}

// shellFilesFD is where a seat keeps the directory of its shells: a number that those
// find who come from another terminal.
const shellFilesFD = 250

// keepShellFiles makes a directory in memory for the shells on this host, mounted
// nowhere: the kernel removes it with this process. It needs a mount namespace of
// one's own, as every seat has; without one, shells have the machine's files alone.
func keepShellFiles() {
	fs, err := unix.Fsopen("tmpfs", unix.FSOPEN_CLOEXEC)
	if err != nil {
		return
	}
	defer unix.Close(fs)
	if unix.FsconfigSetString(fs, "mode", "0700") != nil || unix.FsconfigCreate(fs) != nil {
		return
	}
	dir, err := unix.Fsmount(fs, unix.FSMOUNT_CLOEXEC, unix.MOUNT_ATTR_NOSUID|unix.MOUNT_ATTR_NODEV)
	if err != nil {
		return
	}
	defer unix.Close(dir)
	if unix.Symlinkat(fmt.Sprintf("/proc/%d/exe", os.Getpid()), dir, lab.ServiceCtl) == nil {
		_ = unix.Dup3(dir, shellFilesFD, unix.O_CLOEXEC) // as if there was none
	}
}

// joinLive opens a shell on the host of a training that runs, by nsenter(1): it enters
// the namespaces of the seat, for an ordinary user the user namespace too.
func joinLive(id string) error {
	seat := seatHere(id)
	if seat == 0 {
		return errors.New(strings.TrimSpace("no training with --live of yours runs on this machine " + content.Show(id)))
	}
	nsenter, err := exec.LookPath("nsenter")
	if err != nil {
		return fmt.Errorf("entering the host needs nsenter (util-linux): %w", err)
	}
	at := onHost(seat)
	args := []string{"--net=" + at + "/ns/net", "--mount=" + at + "/ns/mnt", "--wdns=" + workingDirectory()}
	if os.Geteuid() != 0 {
		args = append(args, "--user="+at+"/ns/user", "--preserve-credentials")
	}
	shell := hostShell(seat)
	fmt.Fprintln(os.Stderr, shellNote+"exit leaves it")
	err = inForeground(&exec.Cmd{Path: nsenter, Args: append(append([]string{nsenter}, args...), shell.Args...), Env: shell.Env}, nil)
	if !isSeat(fmt.Sprintf("/proc/%d", seat), id) { // and has taken the shell with it, at its prompt
		fmt.Fprintln(os.Stderr, "\nthe training has ended: this is your own machine again")
		return nil
	}
	return err
}

// onHost is the directory of a thread of a seat that is on its host, as most are: one
// may be looking at another namespace, and the first stays there.
func onHost(seat int) string {
	threads, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/[0-9]*", seat)) // the pattern is well formed
	in := map[string][]string{}
	most := fmt.Sprintf("/proc/%d", seat)
	for _, thread := range threads {
		ns, err := os.Readlink(filepath.Join(thread, "ns/net"))
		if err != nil {
			continue
		}
		if in[ns] = append(in[ns], thread); len(in[ns]) > len(threads)/2 {
			most = in[ns][0]
		}
	}
	return most
}

func workingDirectory() string {
	dir, err := os.Getwd()
	if err != nil {
		return "/"
	}
	return dir
}

// seatHere is the process of this user's newest seat on a live host, of an incident if
// it is named; 0 if there is none.
func seatHere(id string) int {
	newest := 0
	dirs, _ := filepath.Glob("/proc/[0-9]*") // the pattern is well formed
	for _, dir := range dirs {
		pid, err := strconv.Atoi(filepath.Base(dir))
		if err == nil && pid != os.Getpid() && pid > newest && isSeat(dir, id) {
			newest = pid
		}
	}
	return newest
}

// isSeat says whether a process, by its directory of /proc, is a seat of this user.
func isSeat(dir, id string) bool {
	line, _ := os.ReadFile(filepath.Join(dir, "cmdline"))
	args := strings.Split(string(line), "\x00")
	return slices.Contains(args, "train") && slices.Contains(args, "--"+insideFlag) && (id == "" || slices.Contains(args, id)) && own(dir)
}
