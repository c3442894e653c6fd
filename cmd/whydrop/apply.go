package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"whydrop/checklist"
	"whydrop/content"
	"whydrop/probes"
	"whydrop/probes/apply"
	"whydrop/probes/fact"
)

// Bounds of the time in which a change has to be kept.
const (
	minConfirm = 10 * time.Second
	maxConfirm = 24 * time.Hour
)

type applyOptions struct {
	duration time.Duration
	watch    time.Duration
	confirm  time.Duration
	answers  string
	step     int
	yes      bool
	dryRun   bool
	persist  bool
}

func applyCommand() *cobra.Command {
	var o applyOptions
	cmd := &cobra.Command{
		Use:   "apply",
		Short: "Apply the plan's steps one by one, see whether they help, and take back what does not",
		Long: `apply observes the host, works out the plan, and goes through those of its steps
that whydrop can do itself: sysctls, queues, rings, coalescing, offloads, the
spreading of work over CPUs, the metrics of routes. Firewall rules and settings of
applications are proposed, never applied.

Before each step it shows the exact change and asks. The value before is on disk
before the new one is written. Then it observes again and says whether what the
step is to stop has stopped. Unless the step is kept within --confirm it goes back
by itself, also if whydrop is killed or the connection to this terminal drops.

Without a terminal it only shows what it would do. With --yes it takes the steps
in turn without asking, keeps the first that helps, and takes back what does not.`,
		Example: `  whydrop apply
  whydrop apply --dry-run
  whydrop apply --step 2 --yes --persist`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error { return runApply(cmd, o) },
	}
	f := cmd.Flags()
	f.DurationVar(&o.duration, "duration", 5*time.Second, "how long to observe before the plan is made")
	f.DurationVar(&o.watch, "watch", 10*time.Second, "how long to observe after each step")
	f.DurationVar(&o.confirm, "confirm", 2*time.Minute, "how long a step may wait to be kept before it goes back by itself")
	f.StringVar(&o.answers, "answers", "", "judge with the answers of this `file`")
	f.IntVar(&o.step, "step", 0, "only this step of the plan, by its `number`")
	f.BoolVar(&o.yes, "yes", false, "do not ask: keep the first step that helps, take back what does not")
	f.BoolVar(&o.dryRun, "dry-run", false, "show the changes and make none")
	f.BoolVar(&o.persist, "persist", false, "keep what helps over a reboot, too")
	return cmd
}

func runApply(cmd *cobra.Command, o applyOptions) error {
	for _, d := range []struct {
		name     string
		is       time.Duration
		min, max time.Duration
	}{
		{"duration", o.duration, minDuration, maxDuration}, {"watch", o.watch, minDuration, maxDuration}, {"confirm", o.confirm, minConfirm, maxConfirm},
	} {
		if d.is < d.min || d.is > d.max {
			return usageError{fmt.Errorf("--%s %v: expected %v to %v", d.name, d.is, d.min, d.max)}
		}
	}
	if o.yes && o.dryRun {
		return usageError{errors.New("--yes and --dry-run: expected one of them")}
	}
	if o.confirm < o.watch+minConfirm && !o.yes {
		return usageError{fmt.Errorf("--confirm %v: expected at least %v more than --watch %v", o.confirm, minConfirm, o.watch)}
	}
	c, err := openCase(cmd)
	if err != nil {
		return err
	}
	if o.answers != "" {
		if err := readAnswers(cmd.Context(), c, o.answers, cmd.InOrStdin()); err != nil {
			return err
		}
	}
	a := &applier{cmd: cmd, o: o, out: cmd.OutOrStdout(), c: c, in: bufio.NewReader(cmd.InOrStdin())}
	if !o.yes && !o.dryRun && !(terminal(os.Stdin) && terminal(os.Stdout)) {
		a.o.dryRun = true
		a.note = "nothing is changed: without a terminal this is a dry run (--yes applies)"
	}
	return a.run()
}

// applier goes through the steps of a plan.
type applier struct {
	cmd  *cobra.Command
	o    applyOptions
	out  io.Writer
	in   *bufio.Reader
	c    *checklist.Case
	note string
	// kept and failed count the steps.
	kept, failed, shown int
}

var errNothingHelped = errors.New("no step that was applied helped: all were taken back")

func (a *applier) run() error {
	fmt.Fprintf(a.cmd.ErrOrStderr(), "observing for %v ...\n", a.o.duration)
	before := a.observe(a.o.duration)
	if err := observed(a.c); err != nil {
		return err
	}
	d := a.c.Diagnose()
	steps := a.c.Plan(d)
	a.say("%s", strings.ToUpper(string(d.Verdict))+": "+verdictLine(d))
	if a.note != "" {
		a.say("%s", a.note)
	}
	for i, s := range steps {
		if a.o.step != 0 && a.o.step != i+1 {
			continue
		}
		a.shown++
		end, err := a.step(i+1, len(steps), s, before)
		if err != nil || end {
			return err
		}
	}
	return a.finish(len(steps))
}

// finish tells what came of all steps.
func (a *applier) finish(steps int) error {
	switch {
	case a.o.step > steps || a.o.step < 0:
		return usageError{fmt.Errorf("--step %d: the plan has %d steps", a.o.step, steps)}
	case steps == 0:
		a.say("Nothing to change follows from what was measured.")
	case a.o.yes && a.kept == 0 && a.failed > 0:
		return errNothingHelped
	}
	return nil
}

func (a *applier) say(format string, args ...any) { fmt.Fprintf(a.out, format+"\n", args...) }

func (a *applier) observe(d time.Duration) *fact.Facts {
	a.c.Facts = probes.Default(knowledge(a.cmd, a.c.Book)).Observe(a.cmd.Context(), d, progress(a.cmd.ErrOrStderr(), d))
	clearProgress(a.cmd.ErrOrStderr())
	return a.c.Facts
}

func verdictLine(d *checklist.Diagnosis) string {
	var causes []string
	for _, f := range d.Named() {
		causes = append(causes, f.Cause.Title)
	}
	if len(causes) == 0 {
		return "no cause is named"
	}
	return strings.Join(causes, "; ")
}

// step shows a step and, where it may be and the operator wants it, applies it. end
// is true when no other step is to follow.
func (a *applier) step(n, of int, s checklist.PlanStep, before *fact.Facts) (end bool, err error) {
	a.say("\nStep %d of %d: %s", n, of, content.Show(s.Remedy.Title))
	a.field("for", s.Cause.Title)
	if len(s.Changes) == 0 {
		a.field("change", s.Change)
		a.field("why", s.Why)
		a.field("now", s.Runtime)
		a.field("verify", s.Verify)
		a.field("to send", s.Ask)
		a.say("  This step is yours to take: whydrop does not change %s.", notOurs(s.Remedy.Kind))
		return false, nil
	}
	todo := a.show(s)
	switch {
	case len(todo) == 0:
		a.say("  Nothing to do here.")
		return false, nil
	case a.o.dryRun:
		return false, nil
	case a.o.yes:
	default:
		switch a.ask("Apply this step? It goes back by itself in %v unless you keep it. [y]es, [n]ext step, [q]uit: ", a.o.confirm) {
		case "y", "yes":
		case "n", "next", "no":
			return false, nil
		default:
			return true, nil
		}
	}
	return a.apply(s, todo, before)
}

func (a *applier) field(head, text string) {
	if text == "" {
		return
	}
	a.say("  %-9s %s", head, content.Show(text))
}

func notOurs(kind string) string {
	switch kind {
	case "firewall":
		return "firewall rules"
	case "application":
		return "applications"
	case "network":
		return "the network"
	case "investigate":
		return "anything on this step"
	}
	return "this"
}

// show tells the exact changes of a step, with the values of this moment, and
// returns those that are to be made.
func (a *applier) show(s checklist.PlanStep) []apply.Change {
	var todo []apply.Change
	for _, c := range s.Changes {
		was, err := c.Read()
		switch {
		case err != nil:
			a.field("cannot", err.Error())
			continue
		case c.Reached(was):
			a.field("has it", c.Name()+" is "+was.Text)
			continue
		}
		w := c.Words(&was).With(c, was)
		a.field("change", fmt.Sprintf("%s: %s -> %s", c.Name(), was.Text, c.To))
		a.field("now", w.Run)
		a.field("take back", w.Undo)
		for _, k := range w.Keep {
			a.field("for good", fmt.Sprintf("%s in %s", k.Line, k.File))
		}
		todo = append(todo, c)
	}
	a.field("why", s.Why)
	a.field("computed", s.Calculation)
	a.field("effect", s.Effect)
	a.field("risk", s.Risk)
	a.field("scope", s.Scope)
	a.field("needs", s.Needs)
	return todo
}

// ask asks for a word; the end of the input is the empty one, which changes nothing.
func (a *applier) ask(format string, args ...any) string {
	fmt.Fprintf(a.out, format, args...)
	said := make(chan string, 1)
	go func() {
		line, _ := a.in.ReadString('\n')
		said <- strings.ToLower(strings.TrimSpace(line))
	}()
	select {
	case word := <-said:
		return word
	case <-a.cmd.Context().Done():
		a.say("")
		return ""
	}
}

// apply makes the changes of a step under guard, and keeps them or takes them back.
func (a *applier) apply(s checklist.PlanStep, todo []apply.Change, before *fact.Facts) (end bool, err error) {
	dir, err := changesDir()
	if err != nil {
		return true, err
	}
	r, err := apply.Start(dir, s.Remedy.Title)
	if err != nil {
		return true, err
	}
	defer r.Close()
	g, err := apply.StartGuard("/proc/self/exe", r, a.o.confirm)
	if err != nil {
		return true, err
	}
	back := func(why string) error {
		if err := g.Undo(); err != nil {
			return fmt.Errorf("%s; taking it back: %w", why, err)
		}
		a.say("  %s: taken back.", why)
		return nil
	}
	for _, c := range todo {
		if err := r.Do(c); err != nil {
			a.failed++
			return false, back("  " + err.Error())
		}
	}
	a.say("  Applied. Observing for %v ...", a.o.watch)
	since := a.observe(a.o.watch)
	if a.cmd.Context().Err() != nil {
		return true, errors.Join(back("Interrupted"), context.Cause(a.cmd.Context()))
	}
	helped := a.judge(s, before, since)
	keep, persist := helped || s.Needs != "", a.o.persist
	if !a.o.yes {
		switch a.ask("[k]eep it, keep it also over a [r]eboot, or take it [b]ack (which happens by itself after %v): ", a.o.confirm) {
		case "k", "keep":
			keep = true
		case "r", "reboot":
			keep, persist = true, true
		default:
			keep = false
		}
	}
	if !keep {
		a.failed++
		return false, back("Not kept")
	}
	return a.o.yes, a.keep(g, r, todo, persist)
}

// keep keeps the changes, over a reboot as well if wanted.
func (a *applier) keep(g *apply.Guard, r *apply.Record, changes []apply.Change, persist bool) error {
	if persist {
		for _, c := range changes {
			kept := c.Words(nil).Keep
			if len(kept) == 0 {
				a.say("  %s is not kept over a reboot by whydrop: see the plan for how.", c.Name())
			}
			for _, k := range kept {
				if err := r.Do(k.Change()); err != nil && !errors.Is(err, apply.ErrReached) {
					a.say("  Not kept over a reboot: %v", err)
				}
			}
		}
	}
	if err := g.Keep(); err != nil {
		return fmt.Errorf("it could not be kept and goes back: %w", err)
	}
	a.kept++
	a.say("  Kept. Take it back any time: whydrop rollback %s", recordName(r))
	return nil
}

// judge says whether a step helped: whether what it is to stop has stopped or, where
// too little was counted, whether its cause is still named.
func (a *applier) judge(s checklist.PlanStep, before, since *fact.Facts) bool {
	e := checklist.EffectOf(s, before, since)
	d := a.c.Diagnose()
	now := 0.0
	if f := d.Finding(s.Cause.ID); f != nil {
		now = f.Probability
	}
	if e.What != "" {
		a.field("effect", e.Says())
	}
	a.field("cause", fmt.Sprintf("%s: %.0f %% likely now", s.Cause.Title, now*100))
	if s.Needs != "" {
		a.field("mind", "it acts only after this: "+s.Needs)
	}
	if e.Outcome == checklist.TooFew {
		return now <= checklist.Named
	}
	return e.Outcome.Helped()
}

// changesDir is where the records of changes are kept: on the host for root, else
// with the user's other state.
func changesDir() (string, error) {
	if os.Geteuid() == 0 {
		const dir = "/var/lib/whydrop/changes"
		if os.MkdirAll(dir, 0o700) == nil {
			return dir, nil
		}
	}
	dir := os.Getenv("XDG_STATE_HOME")
	if !filepath.IsAbs(dir) {
		home, err := os.UserHomeDir()
		if err != nil {
			return "", fmt.Errorf("there is no folder to keep the previous values in: %w", err)
		}
		dir = filepath.Join(home, ".local", "state")
	}
	return filepath.Join(dir, "whydrop", "changes"), nil
}

func recordName(r *apply.Record) string {
	return strings.TrimSuffix(filepath.Base(r.Path), filepath.Ext(r.Path))
}
