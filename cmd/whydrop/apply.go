package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"whydrop/checklist"
	"whydrop/content"
	"whydrop/probes/apply"
	"whydrop/probes/fact"
	"whydrop/probes/load"
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
	traffic  string
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
in turn without asking, keeps for each cause what helps until it has stopped, and
takes back what does not.
Where the right to make a change is missing it says which, and shows the command.

Where nothing flows that shows the fault, --reproduce sends traffic during each
observation, and says how it fared before and after the step.

What an earlier run left half done, because it was killed together with what guards
it, is taken back first, here and by any whydrop that looks at this host.

Exit status: 0 when a step was kept, when none was wanted, and when there was none to
apply; 1 when a step failed or was refused, or nothing that was applied helped;
2 wrong usage.`,
		Example: `  whydrop apply
  whydrop apply --dry-run
  whydrop apply --step 2 --yes --persist
  whydrop apply --reproduce before.json`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error { return runApply(cmd, o) },
	}
	f := cmd.Flags()
	f.DurationVar(&o.duration, "duration", 5*time.Second, "how long to observe before the plan is made")
	f.DurationVar(&o.watch, "watch", 10*time.Second, "how long to observe after each step")
	f.DurationVar(&o.confirm, "confirm", 2*time.Minute, "how long a step may wait to be kept before it goes back by itself")
	f.StringVar(&o.answers, "answers", "", "judge with the answers of this `file`")
	f.StringVar(&o.traffic, "reproduce", "", "send traffic while the host is observed: that of a `file` of 'reproduce --json', or connections to HOST:PORT")
	f.IntVar(&o.step, "step", 0, "only this step of the plan, by its `number`")
	f.BoolVar(&o.yes, "yes", false, "do not ask: keep what helps, take back what does not")
	f.BoolVar(&o.dryRun, "dry-run", false, "show the changes and make none")
	f.BoolVar(&o.persist, "persist", false, "keep what helps over a reboot, too")
	hereOnly(cmd)
	return cmd
}

// check finds fault with the options; the time to keep a step is made to last for the
// observation where nobody chose it.
func (o *applyOptions) check(chosen bool) error {
	for _, d := range []struct {
		name     string
		is       time.Duration
		min, max time.Duration
	}{
		{"duration", o.duration, minDuration, maxDuration}, {"watch", o.watch, minDuration, maxDuration}, {"confirm", o.confirm, minConfirm, maxConfirm},
	} {
		if d.is < d.min || d.is > d.max {
			return fmt.Errorf("--%s %v: expected %v to %v", d.name, d.is, d.min, d.max)
		}
	}
	if o.yes && o.dryRun {
		return errors.New("--yes and --dry-run: expected one of them")
	}
	if least := o.watch + minConfirm; o.confirm < least {
		if chosen {
			return fmt.Errorf("--confirm %v: expected at least %v more than --watch %v", o.confirm, minConfirm, o.watch)
		}
		o.confirm = least
	}
	return nil
}

func runApply(cmd *cobra.Command, o applyOptions) error {
	if err := o.check(cmd.Flags().Changed("confirm")); err != nil {
		return usageError{err}
	}
	c, err := openAnswered(cmd, o.answers)
	if err != nil {
		return err
	}
	recoverChanges(cmd.ErrOrStderr())
	a := &applier{cmd: cmd, o: o, out: cmd.OutOrStdout(), c: c, in: bufio.NewReader(cmd.InOrStdin()), done: map[string]bool{}}
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
	// heard are the lines that were typed, once somebody asked.
	heard chan string
	// beside is sent while the host is observed, nil for nothing; sent is how it fared
	// before any change.
	beside *beside
	sent   *load.Result
	// How many steps were kept, taken back, could not be applied, and are not whydrop's.
	kept, failed, refused, others int
	// before is the observation with which the next step is compared.
	before *fact.Facts
	// first is the diagnosis from which the plan follows, latest that of the newest
	// observation.
	first, latest *checklist.Diagnosis
	// done are the causes for which a step that was kept did what it is for.
	done map[string]bool
}

var (
	errNothingHelped = errors.New("no step that was applied helped: all were taken back")
	errRefused       = errors.New("no step could be applied: see above for what is missing")
)

func (a *applier) run() error {
	var err error
	if a.o.traffic != "" {
		if a.beside, err = newBeside(a.cmd, a.o.traffic, max(a.o.duration, a.o.confirm)+besideSlack, a.o.yes); err != nil {
			return err
		}
	}
	fmt.Fprintf(a.cmd.ErrOrStderr(), "observing for %v ...\n", a.o.duration)
	if a.sent, err = a.observe(a.o.duration); err != nil {
		return err
	}
	a.before = a.c.Facts
	d := a.c.Diagnose()
	a.first, a.latest = d, d
	steps := a.c.Plan(d)
	a.say("%s", strings.ToUpper(string(d.Verdict))+": "+verdictLine(d))
	if a.note != "" {
		a.say("%s", a.note)
	}
	for i, s := range steps {
		if a.o.step != 0 && a.o.step != i+1 || a.solved(s) {
			continue
		}
		end, err := a.step(i+1, len(steps), s)
		if err != nil || end {
			return err
		}
	}
	return a.finish(len(steps))
}

// solved tells whether a step is not wanted any more, because one before it did what
// it is for.
func (a *applier) solved(s checklist.PlanStep) bool {
	if !a.o.yes || a.kept == 0 || a.o.step != 0 {
		return false
	}
	f := a.latest.Finding(s.Cause.ID)
	return a.done[s.Cause.ID] || f == nil || !f.Named()
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
	case a.kept == 0 && a.failed == 0 && a.refused > 0:
		return errRefused
	case a.o.yes && a.o.step != 0 && a.others > 0:
		return fmt.Errorf("step %d is not whydrop's to take", a.o.step)
	case a.kept > 0:
		for _, f := range a.latest.Named() {
			head := "New since, perhaps of the change itself"
			if before := a.first.Finding(f.Cause.ID); before != nil && before.Named() {
				head = "Still there"
			}
			if !a.done[f.Cause.ID] {
				a.say("\n%s: %s (%.0f %% likely). whydrop diagnose tells more.", head, f.Cause.Title, f.Probability*100)
			}
		}
	}
	return nil
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
func (a *applier) step(n, of int, s checklist.PlanStep) (end bool, err error) {
	a.say("\nStep %d of %d: %s", n, of, content.Show(s.Remedy.Title))
	a.field("for", s.Cause.Title)
	if len(s.Changes) == 0 {
		a.others++
		a.field("change", s.Change)
		a.field("why", s.Why)
		a.field("now", s.Runtime)
		a.field("verify", s.Verify)
		a.field("to send", s.Ask)
		a.say("  This step is yours to take: whydrop does not change %s.", notOurs(s.Remedy.Kind))
		return false, nil
	}
	todo, fault := a.show(s)
	switch {
	case fault == nil && len(todo) == 0:
		a.say("  Nothing to do here.")
		return false, nil
	case a.o.dryRun:
		return false, nil
	case fault != nil:
		a.refused++
		a.say("  Not applied: whydrop cannot make this change here. Who can, does it by the command above.")
		return false, nil
	case a.o.yes && a.o.step == 0 && s.Advice():
		a.say("  Advice for a calmer hour, not applied: --step %d applies it.", n)
		return false, nil
	case a.o.yes && a.o.step == 0 && s.Decision():
		a.say("  Somebody may have set this on purpose, so it is not applied unasked: --step %d applies it.", n)
		return false, nil
	case a.o.yes:
	default:
		switch a.wanted() {
		case "next":
			return false, nil
		case "quit":
			return true, nil
		}
	}
	return a.apply(s, todo)
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
// returns those that are to be made, and what hinders whydrop from it: a step is made
// as a whole or not at all.
func (a *applier) show(s checklist.PlanStep) (todo []apply.Change, fault error) {
	for _, c := range s.Changes {
		was, err := c.Read()
		if err != nil {
			a.field("cannot", c.Name()+": "+err.Error())
			a.command("by hand", c.Words(nil).Run)
			fault = errors.Join(fault, err)
			continue
		}
		if c.Reached(was) {
			a.field("has it", c.Name()+" is "+was.Text)
			continue
		}
		w := c.Words(&was).With(c, was)
		a.field("change", fmt.Sprintf("%s: %s -> %s", c.Name(), was.Text, c.To))
		a.command("now", w.Run)
		a.command("take back", w.Undo)
		for _, k := range w.Keep {
			a.field("for good", fmt.Sprintf("%s in %s", k.Line, k.File))
		}
		if err := c.Allowed(); err != nil {
			a.field("cannot", err.Error())
			fault = errors.Join(fault, err)
		}
		todo = append(todo, c)
	}
	a.field("why", s.Why)
	a.field("computed", s.Calculation)
	a.field("effect", s.Effect)
	a.field("risk", s.Risk)
	a.field("scope", s.Scope)
	a.field("needs", s.Needs)
	return todo, fault
}

// apply makes the changes of a step under guard, and keeps them or takes them back.
func (a *applier) apply(s checklist.PlanStep, todo []apply.Change) (end bool, err error) {
	r, err := startRecord(s.Remedy.Title)
	if err != nil {
		return true, printable(err)
	}
	defer r.Close()
	if volatile(r) {
		a.say("  %s cannot be written: the previous values are kept in %s, until the next reboot.", rootChanges[0], rootChanges[1])
	}
	g, err := apply.StartGuard("/proc/self/exe", r, a.o.confirm)
	if err != nil {
		return true, printable(err)
	}
	back := func(why string) error {
		if err := g.Undo(); err != nil {
			return printable(fmt.Errorf("%s; taking it back: %w", why, err))
		}
		a.say("  %s: taken back.", content.Show(why))
		return nil
	}
	for _, c := range todo {
		if err := r.Do(c); err != nil {
			a.failed++
			return false, back(err.Error())
		}
	}
	watch := a.watchFor(s)
	a.say("  Applied. Observing for %v ...", watch)
	now, _ := a.observe(watch) // where nothing is seen, nothing helped
	if a.cmd.Context().Err() != nil {
		return true, errors.Join(back("Interrupted"), context.Cause(a.cmd.Context()))
	}
	a.latest = a.c.Diagnose()
	helped, solved := a.judge(s)
	a.fared(now)
	keep, reboot := helped || s.Needs != "", a.o.persist
	why := "It did not help"
	if !a.o.yes {
		why = "Not kept"
		switch a.verdict(g) {
		case "keep":
			keep = true
		case "reboot":
			keep, reboot = true, true
		default:
			keep = false
			if g.Ended() {
				why = "The time is over, or somebody ended it"
			}
		}
	}
	if !keep {
		a.failed++
		return a.cmd.Context().Err() != nil, back(why)
	}
	if err := a.keep(g, r, todo, reboot); err != nil {
		return true, err
	}
	a.before, a.done[s.Cause.ID] = a.c.Facts, solved || s.Needs != ""
	return false, nil
}

// watchFor is how long to observe after a step: longer than is usual where it shows
// later, and no longer than the guard waits.
func (a *applier) watchFor(s checklist.PlanStep) time.Duration {
	return max(a.o.watch, min(s.Takes, a.o.confirm-minConfirm).Round(time.Second))
}

// keep keeps the changes, over a reboot as well if wanted.
func (a *applier) keep(g *apply.Guard, r *apply.Record, changes []apply.Change, reboot bool) error {
	if reboot {
		for _, mind := range persist(r, changes) {
			a.field("mind", mind)
		}
	}
	if err := g.Keep(); err != nil {
		return printable(errors.Join(fmt.Errorf("it could not be kept: %w", err), g.Undo()))
	}
	a.kept++
	a.say("  Kept. Take it back any time: whydrop rollback %s", r.Name())
	return nil
}

// judge says whether a step helped: whether less happens of what it is to stop or,
// where too little was counted, whether its cause is not named any more; and whether
// that was all there is to do about its cause.
func (a *applier) judge(s checklist.PlanStep) (helped, solved bool) {
	e := checklist.EffectOf(s, a.before, a.c.Facts)
	now, named := 0.0, false
	if f := a.latest.Finding(s.Cause.ID); f != nil {
		now, named = f.Probability, f.Named()
	}
	if e.What != "" {
		a.field("effect", e.Says())
	}
	a.field("cause", fmt.Sprintf("%s: %.0f %% likely now", s.Cause.Title, now*100))
	if s.Needs != "" {
		a.field("mind", "it acts only after this: "+s.Needs)
	}
	switch e.Outcome {
	case checklist.TooFew:
		return !named, !named
	case checklist.Fewer:
		return true, !named
	}
	return e.Outcome.Helped(), e.Outcome.Helped()
}
