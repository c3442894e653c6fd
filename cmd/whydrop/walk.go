package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"whydrop/checklist"
	"whydrop/checklist/casefile"
	"whydrop/content"
	"whydrop/probes"
	"whydrop/probes/fact"
	"whydrop/probes/record"
	"whydrop/probes/target"
	"whydrop/ui"
	"whydrop/ui/plain"
	"whydrop/ui/tty"
)

// walkWindow is how far back the walkthrough looks: what moved within it is
// evidence of a present fault.
const walkWindow = 15 * time.Second

type walkOptions struct {
	answers  string
	plain    bool
	demo     bool
	host     hostFlags
	duration time.Duration
	mouse    bool
	keys     keyChanges
	resume   *resumed // a case that is gone on with; nil for a new one
	there    *host    // another machine that is connected already, or nil
}

// addWalk makes the walkthrough what whydrop does without a command.
func addWalk(root *cobra.Command) {
	var o walkOptions
	root.Flags().StringVar(&o.answers, "answers", "", "begin with the answers of this `file`")
	o.addLook(root.Flags())
	root.Flags().BoolVar(&o.demo, "demo", false, "show a recorded sick host instead of this one")
	o.host.add(root.Flags(), "begin there")
	root.RunE = func(cmd *cobra.Command, _ []string) error { return walkthrough(cmd, o) }
}

// addLook adds the flags that say how the walkthrough looks and is obeyed.
func (o *walkOptions) addLook(flags *pflag.FlagSet) {
	flags.BoolVar(&o.plain, "plain", false, "ask on plain lines, for screen readers, serial lines and scripts")
	flags.DurationVar(&o.duration, "duration", 5*time.Second, "how long to observe before the first answer where the answers are piped")
	flags.BoolVar(&o.mouse, "mouse", false, "use the mouse: the wheel and clicks; without it the terminal selects text")
	flags.Var(&o.keys, "keys", "other keys, such as mark=K,pause=ctrl+p; 'whydrop config' names the actions")
	word(flags, "theme", "glyphs: what the locale promises, or these", "auto", "unicode", "ascii")
	word(flags, "colour", "colours: what the terminal promises, or so many", "auto", "16", "256", "never")
}

func walkthrough(cmd *cobra.Command, o walkOptions) error {
	if o.duration < 0 || o.duration > maxDuration {
		return usageError{fmt.Errorf("--duration %v: expected 0s to %v", o.duration, maxDuration)}
	}
	host, err := o.recorded(cmd)
	if err != nil {
		return err
	}
	defer host.close()
	open, err := o.opener(cmd)
	if err != nil {
		return err
	}
	opened := make(chan *content.Book, 1) // the probes need it too
	var recovered laterWords
	defer func() { recovered.tell(cmd.ErrOrStderr()) }() // when the screen is left
	w := walk{
		keeper: newKeeper(o.header(host)), redact: redaction(cmd), host: host,
		open: func() (*checklist.Case, error) {
			if host.here() && !o.looking() {
				recoverChanges(&recovered)
			}
			c, err := open()
			if err == nil {
				opened <- c.Book
			}
			return c, err
		},
		watch: func(ctx context.Context, each func(*fact.Facts)) {
			select {
			case <-ctx.Done():
			case book := <-opened:
				if err := watchHost(ctx, cmd, book, host.there, walkWindow, each); err != nil {
					fmt.Fprintf(&recovered, "whydrop: --host %v\n", err)
				}
			}
		},
	}
	w.try, w.attempts = tryDestination, &attempts{}
	w.apply = w.attempts.look
	switch {
	case host.there != nil:
		w.remote()
	case !host.here():
		w.replay(o.demo, &recovered)
	}
	if o.resume != nil {
		w.resumed(o.resume)
	}
	w.note = strings.TrimSpace(w.note + " " + redactNote(cmd))
	if o.plain {
		return w.plain(cmd, o)
	}
	if why := tty.Capable(os.Stdin, os.Stdout, os.Environ()); why != "" {
		fmt.Fprintf(cmd.ErrOrStderr(), "whydrop: %s, so the walkthrough asks on plain lines (--plain)\n", why)
		return w.plain(cmd, o)
	}
	return w.screens(cmd, o)
}

// opener returns what opens the case. A mistake in the answers is told before the
// screen is taken; the content itself is loaded behind the first screen.
func (o walkOptions) opener(cmd *cobra.Command) (func() (*checklist.Case, error), error) {
	switch {
	case o.resume != nil:
		return func() (*checklist.Case, error) { return o.resume.kept.Case, nil }, nil
	case o.answers != "":
		c, err := openAnswered(cmd, o.answers)
		return func() (*checklist.Case, error) { return c, nil }, err
	}
	return func() (*checklist.Case, error) { return openCase(cmd) }, nil
}

// recorded opens the recording that is to be shown, or this machine.
func (o walkOptions) recorded(cmd *cobra.Command) (*host, error) {
	switch {
	case o.there != nil:
		return o.there, nil
	case !o.demo:
		return openHost(cmd, o.host)
	case o.host.remote.host != "":
		return nil, usageError{errors.New("--demo and --host: expected one of them")}
	case len(o.host.replay) > 0 || o.host.at != "":
		return nil, usageError{errors.New("--demo and --replay: expected one of them")}
	}
	r, err := openDemo()
	return &host{recording: r, index: -1}, err
}

// replay lets the walkthrough show a recording: nothing is tried or applied there.
func (w *walk) replay(demo bool, later io.Writer) {
	w.note, w.try, w.apply = "REPLAY: "+recorded(w.host.recording)+". Nothing of this host is read.", nil, nil
	w.player = record.NewPlayer(w.host.recording, w.host.index)
	if demo {
		w.note, w.player.Again = demoNote, true
	}
	w.watch = func(ctx context.Context, each func(*fact.Facts)) {
		if err := w.player.Play(ctx, each); err != nil {
			fmt.Fprintf(later, "whydrop: --replay: %v\n", err)
		}
	}
}

// tryFor is how long a destination is tried on a key.
const tryFor = 4 * time.Second

// tryDestination tries what the operator named, as diagnose --target does.
func tryDestination(ctx context.Context, destination string) (*fact.Facts, error) {
	t, err := target.New(destination)
	if err != nil {
		return nil, err
	}
	return probes.NewObserver(t).Observe(ctx, tryFor, nil), nil
}

// walk is what both forms of the walkthrough need.
type walk struct {
	open  func() (*checklist.Case, error)
	watch func(context.Context, func(*fact.Facts))
	try   func(context.Context, string) (*fact.Facts, error) // nil on a recorded host
	note  string                                             // on the first screen
	// apply looks at what a step would change; nil on a recorded host.
	apply    func(context.Context, checklist.PlanStep) (checklist.Attempt, error)
	attempts *attempts
	// redact gives the case that is written pseudonyms; nil to keep its names.
	redact func(*checklist.Case) (*checklist.Case, *checklist.Diagnosis)

	keeper *keeper
	resume *casefile.Place // where to begin; nil for the beginning

	host   *host
	amiss  <-chan string  // what is amiss with the connection; nil for this machine
	player *record.Player // nil for this machine
}

// opened opens the case for somebody whose answers are kept.
func (w *walk) opened() (*checklist.Case, error) {
	c, err := w.open()
	if err == nil {
		w.keeper.begin(c)
	}
	return c, err
}

// again is the command that goes on with a case, on lines or on screens.
func again(cmd *cobra.Command, plain bool) string {
	command := "whydrop resume"
	if plain {
		command += " --plain"
	}
	command += againThere(cmd)
	if cmd.Flag("redact").Changed {
		command += " --redact"
	}
	if dir := cmd.Flag("content"); dir.Changed {
		command += " --content " + content.Show(quote(dir.Value.String()))
	}
	return command
}

// screens shows the walkthrough on whole screens.
func (w *walk) screens(cmd *cobra.Command, o walkOptions) error {
	written := &reports{write: w.export}
	left, err := ui.Run(cmd.Context(), ui.Options{
		First: content.FirstQuestion(), Note: w.note, Player: w.player, Amiss: w.amiss,
		Theme: cmd.Flag("theme").Value.String(), Colours: cmd.Flag("colour").Value.String(), Keys: o.keys, Mouse: o.mouse,
		Open: w.opened, Watch: w.watch, Try: w.try, Apply: w.apply, Export: written.export, Redact: w.redact, Keep: w.keeper.keep, Unkept: w.keeper.unkept, Resume: w.resume,
	})
	err = errors.Join(err, w.attempts.end(cmd.ErrOrStderr()))
	err = errors.Join(err, w.keeper.end(cmd.ErrOrStderr(), left, again(cmd, false))) // before a word that the terminal may not take
	for _, path := range written.list() {
		fmt.Fprintf(cmd.ErrOrStderr(), "report written to %s\n", path)
	}
	return err
}

// plain asks on lines. Where nobody types, the host is observed for a while
// first: a script answers at once, before anything can have happened.
func (w *walk) plain(cmd *cobra.Command, o walkOptions) error {
	signal.Ignore(syscall.SIGPIPE) // a reader that goes away must not take the answers with it
	typed := terminal(os.Stdin)
	if typed {
		o.duration = 0
	}
	left, err := plain.Run(cmd.Context(), plain.Options{
		In: cmd.InOrStdin(), Out: cmd.OutOrStdout(), Typed: typed, Shown: typed && terminal(os.Stdout), Settle: o.duration,
		Open: w.opened, Watch: w.watch, Export: w.export, Redact: w.redact, Keep: w.keeper.keep, Resume: w.resume, Try: w.try, Apply: w.apply, Player: w.player, Note: w.note, Amiss: w.amiss,
	})
	err = errors.Join(err, w.attempts.end(cmd.ErrOrStderr()))
	err = errors.Join(err, w.keeper.end(cmd.ErrOrStderr(), left, again(cmd, true)))
	if o.looking() {
		return err
	}
	if err == nil && cmd.Context().Err() == nil && left.Facts == nil {
		return errors.New("the host could not be observed: nothing was measured in time")
	}
	if err == nil && left.Facts != nil && w.host.here() {
		return observed(left)
	}
	return err
}

// reports are the reports that were written, to be told again when the screen
// is left.
type reports struct {
	write func(*checklist.Case, *checklist.Diagnosis) (string, error)

	mu    sync.Mutex
	paths []string
}

func (r *reports) export(c *checklist.Case, d *checklist.Diagnosis) (string, error) {
	path, err := r.write(c, d)
	if err == nil {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.paths = append(r.paths, path)
	}
	return path, err
}

func (r *reports) list() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.paths
}

// exportReport writes the incident report into the working directory, or where
// that can't be written into the directory for temporary files.
func exportReport(c *checklist.Case, d *checklist.Diagnosis, now time.Time) (string, error) {
	var report bytes.Buffer
	if err := c.WriteReport(&report, d, now); err != nil {
		return "", err
	}
	host := "host"
	if c.Facts != nil && c.Facts.Host != "" {
		host = fileName(c.Facts.Host)
	}
	name := fmt.Sprintf("whydrop-%s-%s.md", host, now.UTC().Format("20060102-150405"))
	path, err := writeNew(".", name, report.Bytes())
	if err != nil {
		path, err = writeNew(os.TempDir(), name, report.Bytes())
	}
	return path, err
}

// fileName keeps of a host's name what is safe in a file's name.
func fileName(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' {
			return r
		}
		return '_'
	}, s)
}

// writeNew writes a new file, readable by its owner only, and never over an
// existing one: a number is put behind the name instead.
func writeNew(dir, name string, data []byte) (string, error) {
	ext := filepath.Ext(name)
	for n := 1; ; n++ {
		path := filepath.Join(dir, name)
		if n > 1 {
			path = filepath.Join(dir, fmt.Sprintf("%s-%d%s", strings.TrimSuffix(name, ext), n, ext))
		}
		f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		if errors.Is(err, os.ErrExist) && n < 100 {
			continue
		}
		if err != nil {
			return "", err
		}
		_, err = f.Write(data)
		if err := errors.Join(err, f.Close()); err != nil {
			return "", err
		}
		if abs, err := filepath.Abs(path); err == nil {
			path = abs
		}
		return path, nil
	}
}
