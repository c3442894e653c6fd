package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/charmbracelet/x/term"
	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"whydrop/probes/lab"
)

// exitStatus ends the program with the status of a command that it ran.
type exitStatus int

func (s exitStatus) Error() string { return fmt.Sprintf("the command ended with status %d", int(s)) }

// hangUpGrace is how long a command may take to end after a signal that ends
// whydrop.
const hangUpGrace = 2 * time.Second

type labOptions struct {
	host string
	yes  bool
}

func labCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "lab",
		Short: "Make a test host with a known fault and try things on it",
		Long: `lab makes faults on demand: three hosts, client, router and server, in network
namespaces of their own, with programs that talk like real services and clients,
and one known fault. The network of this machine is not touched, and everything
is gone when the command ends, however it ends.

Root can make all faults. An ordinary user can make most, where user namespaces
are allowed to ordinary users. A few faults change settings of the whole machine
while they run: these are told, asked for, and put back.`,
		Example: `  whydrop lab list
  whydrop lab run accept-queue-full whydrop diagnose
  whydrop lab shell drop-rule`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(labListCommand(), labRunCommand(), labShellCommand(), labCleanCommand())
	return cmd
}

func labRunCommand() *cobra.Command {
	var o labOptions
	cmd := &cobra.Command{
		Use:   "run [flags] FAULT [--] COMMAND [ARGUMENT]...",
		Short: "Run a command in the sick host",
		Long: `run makes the fault, runs the command in the sick host and removes everything
when it ends. FAULT is a name of 'whydrop lab list', or the id of a cause. The
proof that the fault is at work goes to standard error. The exit status is that
of the command, and 126 when it could not be started.`,
		Example: `  whydrop lab run accept-queue-full whydrop diagnose
  whydrop lab run --host client drop-rule -- ss -tan`,
		ValidArgsFunction: completeFault,
		RunE: func(cmd *cobra.Command, args []string) error {
			switch {
			case len(args) == 0:
				return usageError{errors.New("expected a fault and a command: whydrop lab run FAULT COMMAND")}
			case len(args) > 1 && args[1] == "--":
				args = slices.Delete(args, 1, 2)
			case len(args) > 1 && strings.HasPrefix(args[1], "-"):
				return usageError{fmt.Errorf("%s: flags of run stand before the fault, flags of the command behind it", args[1])}
			}
			if len(args) == 1 {
				return usageError{fmt.Errorf("expected a command to run; 'whydrop lab shell %s' gives a shell", args[0])}
			}
			return onBench(cmd, args[0], o, args[1:])
		},
	}
	cmd.Flags().SetInterspersed(false)
	o.flags(cmd)
	return cmd
}

func labShellCommand() *cobra.Command {
	var o labOptions
	cmd := &cobra.Command{
		Use:   "shell FAULT",
		Short: "Open a shell in the sick host",
		Long: `shell makes the fault and opens $SHELL (or /bin/sh) in the sick host. When the
shell ends, everything is removed. FAULT is a name of 'whydrop lab list', or the
id of a cause. In the shell, WHYDROP_LAB is the name of the fault.`,
		Example: "  whydrop lab shell accept-queue-full\n  whydrop lab shell --host client drop-rule",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usageError{fmt.Errorf("%d arguments: expected one fault", len(args))}
			}
			return nil
		},
		ValidArgsFunction: completeFault,
		RunE:              func(cmd *cobra.Command, args []string) error { return onBench(cmd, args[0], o, nil) },
	}
	o.flags(cmd)
	return cmd
}

func labCleanCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "clean",
		Short: "Remove what is left of test hosts after whydrop and its guard were killed",
		Long: `clean ends programs that still run on test hosts which are gone, and puts back
settings of the whole machine that a fault had changed. It is needed only when
whydrop and its guard were both killed; run and shell do it, too. Test hosts that
are in use are not touched.`,
		Example: "  whydrop lab clean",
		Args:    noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			did, err := lab.Clean()
			if len(did) == 0 && err == nil {
				did = []string{"nothing is left to clean"}
			}
			for _, line := range did {
				fmt.Fprintln(cmd.OutOrStdout(), line)
			}
			return err
		},
	}
}

func (o *labOptions) flags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&o.host, "host", "", "another `HOST` of the bench than the sick one: client, router or server")
	cmd.Flags().BoolVar(&o.yes, "yes", false, "don't ask before a fault that the whole machine feels")
	_ = cmd.RegisterFlagCompletionFunc("host", cobra.FixedCompletions([]string{"client", "router", "server"}, cobra.ShellCompDirectiveNoFileComp))
}

// onBench runs a command on a bench with the fault; without one, a shell.
func onBench(cmd *cobra.Command, fault string, o labOptions, command []string) error {
	s, err := findFault(fault)
	if err != nil {
		return usageError{err}
	}
	if o.host == "" {
		o.host = s.Host()
	}
	if !slices.Contains([]string{"client", "router", "server"}, o.host) {
		return usageError{fmt.Errorf("--host %q: expected client, router or server", o.host)}
	}
	if (s.Needs == "root" || len(s.Settings) > 0) && os.Geteuid() != 0 {
		return fmt.Errorf("%s needs root", s.Name)
	}
	if err := lab.Supported(); err != nil {
		return err
	}
	if err := consent(cmd.InOrStdin(), cmd.ErrOrStderr(), s, o.yes); err != nil {
		return err
	}
	if os.Geteuid() != 0 {
		// As root of a user namespace all hosts can be entered from here, which a
		// shell needs: it keeps the terminal.
		return inForeground(lab.AsRoot(), nil)
	}
	did, err := lab.Clean()
	for _, line := range did {
		fmt.Fprintln(cmd.ErrOrStderr(), line)
	}
	if err != nil {
		return err
	}
	b, err := openBench(cmd, s)
	if err != nil {
		return err
	}
	ended := inForeground(program(b, o.host, command), b.Done())
	if err := b.Close(); err != nil {
		fmt.Fprintln(cmd.ErrOrStderr(), "whydrop:", err)
	}
	return ended
}

// findFault finds a scenario by name, or the first one of a cause.
func findFault(name string) (lab.Scenario, error) {
	if s, ok := lab.Find(name); ok {
		return s, nil
	}
	all := lab.All()
	if i := slices.IndexFunc(all, func(s lab.Scenario) bool { return s.Cause == name && name != "" }); i >= 0 {
		return all[i], nil
	}
	hint := "'whydrop lab list' shows all"
	if near := nearFaults(name, all); len(near) > 0 {
		hint = "did you mean " + strings.Join(near, ", ") + "? " + hint
	}
	return lab.Scenario{}, fmt.Errorf("there is no fault %q: %s", name, hint)
}

// nearFaults are names that contain what was typed, or differ in a few letters.
func nearFaults(name string, all []lab.Scenario) []string {
	const most = 5
	typed := &cobra.Command{SuggestionsMinimumDistance: max(2, len(name)/4)}
	var near []string
	for _, s := range all {
		if len(name) > 2 && strings.Contains(s.Name+" "+s.Cause, strings.ToLower(name)) {
			near = append(near, s.Name)
		}
		typed.AddCommand(&cobra.Command{Use: s.Name, Run: func(*cobra.Command, []string) {}})
	}
	for _, n := range typed.SuggestionsFor(name) {
		if !slices.Contains(near, n) {
			near = append(near, n)
		}
	}
	return near[:min(most, len(near))]
}

func completeFault(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveDefault
	}
	var names []string
	for _, s := range lab.All() {
		names = append(names, cobra.CompletionWithDesc(s.Name, s.About))
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

// consent asks before a fault that the whole machine feels. Without a
// terminal nobody can agree.
func consent(in io.Reader, out io.Writer, s lab.Scenario, yes bool) error {
	if !s.Disturbs() {
		return nil
	}
	if s.Alone != "" {
		fmt.Fprintf(out, "%s takes %s of the whole machine while it runs.\n", s.Name, s.Alone)
	}
	if len(s.Settings) > 0 {
		fmt.Fprintf(out, "%s changes settings of the whole machine while it runs, and puts them back:\n", s.Name)
	}
	for _, key := range s.Settings {
		now, err := lab.Setting(key)
		if err != nil {
			return err
		}
		fmt.Fprintf(out, "  %s, now %s\n", key, strings.Join(strings.Fields(now), " "))
	}
	if yes {
		return nil
	}
	if !terminal(in) {
		return usageError{errors.New("nobody is there to agree: without a terminal, --yes is needed")}
	}
	fmt.Fprint(out, "Other programs of this machine feel that, too. Go on? [y/N] ")
	answer, err := bufio.NewReader(in).ReadString('\n')
	if answer = strings.ToLower(strings.TrimSpace(answer)); err != nil || answer != "y" && answer != "yes" {
		return errors.New("nothing was changed")
	}
	return nil
}

// openBench makes the fault and tells its proof. A signal meanwhile ends it.
func openBench(cmd *cobra.Command, s lab.Scenario) (*lab.Bench, error) {
	errOut := cmd.ErrOrStderr()
	fmt.Fprintf(errOut, "lab %s: %s\n", s.Name, s.About)
	ctx, cancel := context.WithCancel(context.WithoutCancel(cmd.Context()))
	interrupted := context.AfterFunc(cmd.Context(), cancel)
	b, err := lab.Start(ctx, s)
	if err != nil {
		cancel()
		return nil, err
	}
	proof, err := b.Proof()
	if !interrupted() { // from here on, signals are for the command
		b.Close()
		return nil, cmd.Context().Err()
	}
	if err != nil {
		b.Close()
		return nil, err
	}
	fmt.Fprintf(errOut, "proof: %s\n", proof)
	return b, nil
}

// program is the command on the bench; without one, a shell whose prompt says
// where it is.
func program(b *lab.Bench, host string, command []string) *exec.Cmd {
	ctx := context.Background() // Close ends it
	if len(command) > 0 {
		if _, err := exec.LookPath(command[0]); err != nil && command[0] == "whydrop" {
			if self, err := os.Executable(); err == nil {
				command[0] = self
			}
		}
		return b.CommandOn(ctx, host, command[0], command[1:]...)
	}
	shell := os.Getenv("SHELL")
	if _, err := exec.LookPath(shell); err != nil {
		shell = "/bin/sh"
	}
	fmt.Fprintf(os.Stderr, "this shell is on the %s; exit removes everything\n", host)
	cmd := b.CommandOn(ctx, host, shell)
	where := "lab " + b.Scenario().Name
	// PS1 for a plain shell; Debian's bash puts debian_chroot into its own.
	cmd.Env = append(cmd.Env, "PS1=("+where+") $ ", "debian_chroot="+where)
	return cmd
}

// inForeground runs cmd with the terminal of this process and returns its exit
// status as an error. Keys that interrupt reach it by the terminal and don't end
// whydrop; signals that end whydrop are passed on, and cmd has a short while to
// end. done closes when cmd has lost its ground.
func inForeground(cmd *exec.Cmd, done <-chan struct{}) error {
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	defer keepTerminal()()
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, unix.SIGINT, unix.SIGQUIT, unix.SIGTERM, unix.SIGHUP)
	defer signal.Stop(signals)
	if err := cmd.Start(); err != nil {
		return err
	}
	if terminal(os.Stdin) {
		go followStops(cmd.Process.Pid)
	}
	waited := make(chan error, 1)
	go func() { waited <- cmd.Wait() }()
	for {
		select {
		case err := <-waited:
			return statusOf(err)
		case <-done:
			_ = cmd.Process.Kill()
			<-waited
			return errors.New("the bench has ended under the command: a process of the lab was killed")
		case s := <-signals:
			if (s == unix.SIGINT || s == unix.SIGQUIT) && terminal(os.Stdin) {
				continue
			}
			_ = cmd.Process.Signal(s)
			if s == unix.SIGTERM || s == unix.SIGHUP {
				_ = cmd.Process.Signal(unix.SIGCONT)
				time.AfterFunc(hangUpGrace, func() { _ = cmd.Process.Kill() })
			}
		}
	}
}

// keepTerminal notes the modes of the terminal and its foreground, for the
// returned function to put back what a killed program has left.
func keepTerminal() func() {
	fd := os.Stdin.Fd()
	state, err := term.GetState(fd)
	if err != nil {
		return func() {}
	}
	group, err := unix.IoctlGetInt(int(fd), unix.TIOCGPGRP)
	if err != nil || group != unix.Getpgrp() { // in the background it is not ours
		return func() {}
	}
	return func() {
		signal.Ignore(unix.SIGTTOU)
		_ = unix.IoctlSetPointerInt(int(fd), unix.TIOCSPGRP, group)
		_ = term.Restore(fd, state)
		signal.Reset(unix.SIGTTOU)
	}
}

// followStops stops this program when a shell has suspended itself, as the shell
// outside then waits for; when it goes on, the inner one goes on. Other stops
// reach both by the terminal.
func followStops(pid int) {
	tty := int(os.Stdin.Fd())
	for {
		if err := unix.Waitid(unix.P_PID, pid, nil, unix.WSTOPPED, nil); err == unix.EINTR {
			continue
		} else if err != nil { // it has ended
			return
		}
		inner, err := unix.Getpgid(pid)
		if err != nil || inner == unix.Getpgrp() || !stopped(pid) {
			continue
		}
		signal.Ignore(unix.SIGTTOU)
		_ = unix.IoctlSetPointerInt(tty, unix.TIOCSPGRP, unix.Getpgrp())
		_ = unix.Kill(0, unix.SIGSTOP)
		time.Sleep(100 * time.Millisecond) // the stop reaches all threads; from here on it goes on
		if front, err := unix.IoctlGetInt(tty, unix.TIOCGPGRP); err == nil && front == unix.Getpgrp() {
			_ = unix.IoctlSetPointerInt(tty, unix.TIOCSPGRP, inner)
		}
		signal.Reset(unix.SIGTTOU)
		_ = unix.Kill(-inner, unix.SIGCONT)
	}
}

// stopped reports whether a process is stopped now.
func stopped(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	_, state, _ := strings.Cut(string(stat), ") ")
	return err == nil && strings.HasPrefix(state, "T")
}

// statusOf is what a shell would show: 128 and the number of a deadly signal.
func statusOf(err error) error {
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		return err
	}
	if status, ok := exit.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return exitStatus(128 + int(status.Signal()))
	}
	return exitStatus(exit.ExitCode())
}
