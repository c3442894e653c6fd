package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"whydrop/checklist"
	"whydrop/checklist/casefile"
	"whydrop/content"
	"whydrop/probes"
	"whydrop/probes/drops"
	"whydrop/probes/fact"
	"whydrop/probes/remote"
)

// remoteFlags name another machine to be observed.
type remoteFlags struct {
	host    string
	options []string
	sudo    bool
	binary  string
	named   *pflag.Flag // --host, which may be given empty
}

func (r *remoteFlags) add(flags *pflag.FlagSet) {
	flags.StringVar(&r.host, "host", "", "observe this machine over ssh instead: `USER@HOST`, or a name of ssh's configuration")
	r.named = flags.Lookup("host")
	flags.StringArrayVar(&r.options, "ssh-option", nil, "with --host: an `OPTION` as ssh -o takes it, such as Port=2222")
	flags.BoolVar(&r.sudo, "sudo", false, "with --host: run as root there, by sudo without a password")
	flags.StringVar(&r.binary, "remote-binary", "", "with --host: bring this `FILE`, a whydrop for the other machine's architecture")
}

// check tells a mistake in the flags. The others say where the facts come from, too.
func (r *remoteFlags) check(elsewhere bool) error {
	switch {
	case r.host == "" && r.named != nil && r.named.Changed:
		return errors.New("--host: expected a host")
	case r.host == "" && (len(r.options) > 0 || r.sudo || r.binary != ""):
		return errors.New("--ssh-option, --sudo and --remote-binary: expected with --host")
	case r.host == "":
		return nil
	case elsewhere:
		return errors.New("--host and a recording: expected one of them")
	}
	if err := (&remote.Options{Destination: r.host}).Check(); err != nil {
		return fmt.Errorf("--host: %w", err)
	}
	return nil
}

// dial connects to the machine that the flags name; nil if they name none.
func (r *remoteFlags) dial(cmd *cobra.Command) (*remote.Host, error) {
	if r.host == "" {
		return nil, nil
	}
	h, err := remote.Dial(cmd.Context(), remote.Options{
		Destination: r.host, SSHOptions: r.options, Sudo: r.sudo, Binary: r.binary, Version: version(), Progress: dialling(cmd.ErrOrStderr()),
	})
	if terminal(cmd.ErrOrStderr()) {
		fmt.Fprint(cmd.ErrOrStderr(), "\r\x1b[K")
	}
	if err != nil {
		return nil, fmt.Errorf("--host %w", err)
	}
	if ahead := h.Skew(); ahead.Abs() > 5*time.Second {
		name := h.Destination()
		if redacting(cmd) {
			name = "the host"
		}
		fmt.Fprintf(cmd.ErrOrStderr(), "whydrop: the clock of %s is %v %s this one; the times are those of %[1]s\n", name, ahead.Abs(), map[bool]string{true: "ahead of", false: "behind"}[ahead > 0])
	}
	return h, nil
}

// dialling tells on a terminal how far the connecting is. What ssh asks begins where
// the line does; what stood behind that is taken away.
func dialling(w io.Writer) func(string) {
	if !terminal(w) {
		return nil
	}
	return func(text string) {
		if text == "" {
			fmt.Fprint(w, "\x1b[K")
			return
		}
		fmt.Fprintf(w, "\r\x1b[K%s\r", text)
	}
}

// watchHost watches this machine, or another, until ctx ends.
func watchHost(ctx context.Context, cmd *cobra.Command, book *content.Book, there *remote.Host, window time.Duration, each func(*fact.Facts)) error {
	if there == nil {
		probes.Default(knowledge(cmd, book)).Watch(ctx, window, each)
		return nil
	}
	if there.Amiss == nil {
		there.Amiss = tellBreaks(cmd.ErrOrStderr())
	}
	return there.Watch(ctx, remote.Request{Window: window, NoBPF: knowledge(cmd, book).NoBPF}, each)
}

// tellBreaks tells on lines when the connection breaks, and when it is there again.
func tellBreaks(w io.Writer) func(string) {
	broken := false
	return func(text string) {
		switch {
		case text == "" && broken:
			clearProgress(w)
			fmt.Fprintln(w, "whydrop: --host: the measurements go on")
		case text != "" && !broken:
			clearProgress(w)
			fmt.Fprintf(w, "whydrop: --host: %s\n", text)
		}
		broken = text != ""
	}
}

// observeThere gives a case what another machine shows in the time from now on.
func observeThere(cmd *cobra.Command, c *checklist.Case, h *host, d time.Duration, flows []drops.Flow) error {
	if h.target != "" {
		from, to := content.Show(h.there.Hello().Host), content.Show(h.target)
		if redacting(cmd) {
			from, to = "the host", "it"
		}
		fmt.Fprintf(cmd.ErrOrStderr(), "whydrop: --target: %s opens connections to %s; nothing is sent from here\n", from, to)
	}
	tell := progress(cmd.ErrOrStderr(), d)
	ctx, stop := context.WithCancel(cmd.Context())
	defer stop()
	if tell != nil {
		go func() {
			for begin := time.Now(); ctx.Err() == nil; time.Sleep(time.Second) {
				tell(min(time.Since(begin), d))
			}
		}()
	}
	f, err := h.there.Observe(ctx, remote.Request{Observe: d, Window: d, NoBPF: knowledge(cmd, c.Book).NoBPF, Flows: flows, Target: h.target})
	stop()
	clearProgress(cmd.ErrOrStderr())
	if err != nil {
		return fmt.Errorf("--host %w", err)
	}
	c.Facts, c.Started = f, f.Start
	return observed(c)
}

// remote lets the walkthrough show another machine: nothing is tried or applied there.
func (w *walk) remote() {
	amiss := make(chan string, 1)
	w.note, w.try, w.apply, w.amiss = remoteNote(w.host.there), nil, nil, amiss
	w.host.there.Amiss = func(text string) {
		select {
		case <-amiss: // nobody has read what was true before
		default:
		}
		amiss <- text
	}
}

// againThere are the flags by which another machine is reached again, each with a
// blank before.
func againThere(cmd *cobra.Command) string {
	var flags string
	for _, name := range []string{"host", "ssh-option", "sudo", "remote-binary"} {
		f := cmd.Flags().Lookup(name)
		if f == nil || !f.Changed {
			continue
		}
		values := []string{f.Value.String()}
		if several, is := f.Value.(pflag.SliceValue); is {
			values = several.GetSlice()
		}
		for _, value := range values {
			flags += " --" + name
			if f.Value.Type() != "bool" {
				flags += " " + content.Show(quote(value))
			}
		}
	}
	return flags
}

// remoteNote is what the first screen says of another machine.
func remoteNote(there *remote.Host) string {
	hello := there.Hello()
	as, apply := "as an ordinary user", "sudo whydrop apply"
	if hello.Root {
		as, apply = "as root", "whydrop apply"
	}
	return fmt.Sprintf("REMOTE: %s over ssh, %s. Nothing is changed or sent there; to apply the plan, with whydrop installed there: ssh -t %s %s", content.Show(hello.Host), as, content.Show(quote(there.Destination())), apply)
}

// remoteHeader is what a case says of another machine.
func remoteHeader(there *remote.Host, header casefile.Header) casefile.Header {
	hello := there.Hello()
	header.Host, header.Kernel, header.Machine = hello.Host, hello.Kernel, hello.Machine
	return header
}

// hereOnly refuses --host where a command changes the machine it runs on. It knows
// what goes with --host, so that nothing else is the mistake.
func hereOnly(cmd *cobra.Command) {
	(&remoteFlags{}).add(cmd.Flags())
	cmd.Flags().Lookup("host").Usage = "not with this command: it changes the machine it runs on alone (`USER@HOST`)"
	for _, name := range []string{"ssh-option", "sudo", "remote-binary"} {
		_ = cmd.Flags().MarkHidden(name) // it is there
	}
	run := cmd.RunE
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		flag := cmd.Flag("host")
		if !flag.Changed {
			return run(cmd, args)
		}
		name := quote(fact.Clean(flag.Value.String(), 255))
		return usageError{fmt.Errorf("--host: %s changes only the machine it runs on, under a guard there. Nothing was changed. Run it on that machine: ssh -t %s sudo %s", cmd.Name(), name, cmd.CommandPath())}
	}
}
