// Command whydrop finds out why a Linux host drops TCP packets.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"syscall"

	"github.com/spf13/cobra"

	"whydrop/probes/lab"
)

// Exit statuses. Zero means that the host could be observed, whatever was found.
const (
	exitFailure = 1
	exitUsage   = 2
	exitFault   = 3 // only with --exit-code
)

// usageError is a mistake in how whydrop was called.
type usageError struct{ error }

// faultFound ends the program with status 3, as --exit-code asks.
var errFaultFound = errors.New("a fault was found")

func main() {
	lab.Main()  // a process of the lab is this program again
	guardMain() // and so is the guard of a change
	cores(2)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// cores bounds how many cores Go code runs on at a time: a sick host has none to
// spare, and with fewer each time the program wakes wakes fewer threads. A brief
// observation reads fastest with two.
func cores(n int) {
	if os.Getenv("GOMAXPROCS") == "" {
		runtime.GOMAXPROCS(min(n, runtime.GOMAXPROCS(0)))
	}
}

func run(ctx context.Context, args []string, out, errOut io.Writer) int {
	root := rootCommand()
	root.SetArgs(args)
	root.SetOut(out)
	root.SetErr(errOut)
	completions(root)
	err := root.ExecuteContext(ctx)
	var usage usageError
	var status exitStatus
	switch {
	case err == nil:
		return 0
	case errors.Is(err, errFaultFound):
		return exitFault
	case errors.As(err, &status):
		return int(status)
	case errors.As(err, &usage):
		fmt.Fprintf(errOut, "whydrop: %v\nSee 'whydrop --help'.\n", err)
		return exitUsage
	default:
		fmt.Fprintf(errOut, "whydrop: %v\n", err)
		return exitFailure
	}
}

func rootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:   "whydrop",
		Short: "Why does this Linux host drop TCP packets, and what to do about it",
		Long: `whydrop answers one question for an engineer on call: why does this Linux host
drop TCP packets, and what do I do about it?

Without a command it starts the walkthrough: it asks the clarifying questions,
measures beside each, narrows down the causes and writes the incident report.
It reads; it sends packets only to a destination that is named, and changes a
setting only in apply and try, one at a time, with consent and with the way back.
With the rights for it, it lets a small BPF program count the packets that the
kernel drops, until it ends; --no-bpf does without.

Settings such as --theme can also stand in the configuration file or in the
environment (WHYDROP_THEME=ascii); 'whydrop config' shows all of them.`,
		Example: `  whydrop                                  # the walkthrough
  whydrop --demo                           # the walkthrough on a recorded sick host
  whydrop --plain                          # the same on plain lines
  whydrop --host root@web1                 # the walkthrough on another machine, over ssh
  whydrop resume                           # go on with the case of before
  whydrop diagnose                         # observe 5 seconds and name the causes
  whydrop diagnose --json --duration 10s   # the same for scripts
  whydrop apply                            # the plan's steps one by one, with consent and a way back`,
		SilenceErrors: true,
		SilenceUsage:  true,
		Version:       version(),
		Args:          noArguments,
	}
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	root.PersistentFlags().String("content", "", "lay this `directory`'s causes, questions and remedies over the built-in ones")
	root.PersistentFlags().Bool("no-bpf", false, "attach no BPF program: do without the kernel's own drop reasons")
	addRedact(root)
	root.PersistentFlags().String("config", "", "read the settings from this `file` instead of "+shortHome(configFile()))
	root.PersistentPreRunE = func(cmd *cobra.Command, _ []string) error {
		_, err := applySettings(cmd)
		return err
	}
	addWalk(root)
	root.AddCommand(diagnoseCommand(), planCommand(), reportCommand(), applyCommand(), tryCommand(), rollbackCommand(), resumeCommand(), casesCommand(), loadCommand(), probeCommand(), recordCommand(), doctorCommand(), explainCommand(), labCommand(), trainCommand(), interviewCommand(), drillCommand(), progressCommand(), configCommand(), manCommand(), serveFactsCommand())
	return root
}

// completions adds the commands that write completions, which the library has, with
// an example each: where the shell looks for them. They write where the root did
// when they were added.
func completions(root *cobra.Command) {
	root.InitDefaultCompletionCmd()
	all, _, err := root.Find([]string{"completion"})
	if err != nil {
		return
	}
	all.Example = "  source <(whydrop completion bash)"
	for shell, example := range map[string]string{
		"bash":       "  whydrop completion bash > ~/.local/share/bash-completion/completions/whydrop",
		"zsh":        "  whydrop completion zsh > /usr/local/share/zsh/site-functions/_whydrop",
		"fish":       "  whydrop completion fish > ~/.config/fish/completions/whydrop.fish",
		"powershell": "  whydrop completion powershell > whydrop.ps1",
	} {
		if cmd, _, err := all.Find([]string{shell}); err == nil {
			cmd.Example = example
		}
	}
}

func noArguments(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	return usageError{fmt.Errorf("%q is not a command or argument of %q", args[0], cmd.CommandPath())}
}

// stamped is the version where a package is built of a source without its
// repository: -ldflags "-X main.stamped=1.2.0".
var stamped string

// version is the module's version as the build recorded it.
func version() string {
	if stamped != "" {
		return stamped
	}
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" {
		return "unknown"
	}
	return info.Main.Version
}
