package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"whydrop/checklist"
	"whydrop/checklist/redact"
	"whydrop/content"
	"whydrop/probes"
	"whydrop/probes/apply"
	"whydrop/probes/fact"
	"whydrop/probes/load"
)

// Bounds of a trial. With fewer than two rounds there is nothing to compare; more
// than fifty are no trial any more.
const (
	minRounds = 2
	maxRounds = 50
	minTrial  = 5 * time.Second
	maxTrial  = 2 * time.Hour
)

type tryOptions struct {
	json    bool
	yes     bool
	value   string
	measure string
	traffic string
	lasts   time.Duration
	rounds  int
}

func tryCommand() *cobra.Command {
	var o tryOptions
	cmd := &cobra.Command{
		Use:   "try [NAME [INTERFACE|ROUTE]]",
		Short: "Change one setting for a while, and measure whether it makes a difference",
		Long: `try without a name lists what may be tried on this host, with what it measures
and what it risks. (To try a destination instead, see diagnose --target.)

With a name it changes that one setting for a while: in rounds of two blocks, one
with the change and one without it, in an order drawn by lot. What is measured
right after a switch is left out. In the end, and whatever happens meanwhile, the
setting is as it was: also if whydrop is killed or the connection to this terminal
drops, a process of its own sets it back.

Then it says whether the change made a difference, by how much, and how often
chance alone would show as much. That holds for traffic that drifts and comes in
bursts, too: nothing but the lot decided which block was which. Six rounds are the
fewest that can tell anything, and seven with some certainty; with more, or longer
ones, smaller differences show. A difference of less than 2 % is told as such. A trial
is judged by the first of its measures that counts anything before it begins, or by
the one that --measure names.

It needs traffic: let the load of every day run meanwhile, or send some of a known
shape: --reproduce repeats that of a file which 'whydrop reproduce --json' wrote.
Bulk data stays on its connections: for what only new ones take up, send requests.
Without a terminal it needs --yes, and else only shows what it would do.`,
		Example: `  whydrop try
  whydrop try mtu-probing
  whydrop try segmentation-offload eth0 --rounds 12
  whydrop try congestion-control --value cubic --for 5m --yes --json
  whydrop try mtu-probing --reproduce before.json`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 2 {
				return usageError{fmt.Errorf("%q: expected the name of a trial, and what it is on", args[2])}
			}
			return nil
		},
		ValidArgsFunction: completeTrial,
		RunE:              func(cmd *cobra.Command, args []string) error { return runTry(cmd, args, o) },
	}
	f := cmd.Flags()
	f.BoolVar(&o.json, "json", false, "write JSON ("+trialsSchema+", with a name "+trialSchema+")")
	f.BoolVar(&o.yes, "yes", false, "do not ask")
	f.StringVar(&o.value, "value", "", "the `value` to try instead of the one proposed")
	f.StringVar(&o.measure, "measure", "", "judge by this measure, by its `id`")
	f.StringVar(&o.traffic, "reproduce", "", "send traffic meanwhile: that of a `file` of 'reproduce --json', or connections to HOST:PORT")
	f.DurationVar(&o.lasts, "for", 0, "how long the trial may take in all (default: as the trial needs)")
	f.IntVar(&o.rounds, "rounds", checklist.TrialRounds, "how many pairs of blocks to measure")
	hereOnly(cmd)
	return cmd
}

func completeTrial(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	dir, _ := cmd.Flags().GetString("content")
	book, err := content.Load(dir)
	if err != nil || len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var names []string
	for _, t := range book.Trials {
		names = append(names, cobra.CompletionWithDesc(t.ID, t.Title))
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

func (o tryOptions) check() error {
	switch {
	case o.rounds < minRounds || o.rounds > maxRounds:
		return fmt.Errorf("--rounds %d: expected %d to %d", o.rounds, minRounds, maxRounds)
	case o.lasts != 0 && (o.lasts < minTrial || o.lasts > maxTrial):
		return fmt.Errorf("--for %v: expected %v to %v", o.lasts, minTrial, maxTrial)
	}
	return nil
}

func runTry(cmd *cobra.Command, args []string, o tryOptions) error {
	if err := o.check(); err != nil {
		return usageError{err}
	}
	c, err := openCase(cmd)
	if err != nil {
		return err
	}
	t := &tryer{cmd: cmd, o: o, book: c.Book, out: cmd.OutOrStdout()}
	if redacting(cmd) {
		t.pseudonyms = newRedactor(c.Book)
		t.out = &renamed{with: t.pseudonyms, to: cmd.OutOrStdout()}
	}
	if len(args) == 0 {
		return t.list()
	}
	trial := c.Book.Trial(args[0])
	if trial == nil {
		return usageError{unknownTrial(args[0], c.Book.Trials)}
	}
	if o.json && !o.yes {
		return usageError{errors.New("--json: a trial that nobody can be asked about needs --yes")}
	}
	of := ""
	if len(args) == 2 {
		of = args[1]
	}
	return t.run(trial, of)
}

func unknownTrial(name string, trials []*content.Trial) error {
	known := &cobra.Command{SuggestionsMinimumDistance: 3}
	for _, t := range trials {
		known.AddCommand(&cobra.Command{Use: t.ID, Run: func(*cobra.Command, []string) {}})
	}
	if near := known.SuggestionsFor(name); len(near) > 0 {
		return fmt.Errorf("there is no trial %q: did you mean %s?", content.Show(name), near[0])
	}
	return fmt.Errorf("there is no trial %q: 'whydrop try' lists them", content.Show(name))
}

// tryer makes one trial.
type tryer struct {
	cmd  *cobra.Command
	o    tryOptions
	book *content.Book
	out  io.Writer
	// pseudonyms are given to what is written, nil for none.
	pseudonyms *redact.Redactor

	trial  *checklist.Trial
	was    apply.State
	before checklist.TrialBlock
	// instead is the measure by which the trial would be judged if it counted anything.
	instead *content.Measure
	alter   *apply.Alternation
}

// observe looks at the host with the probes of the given names alone.
func (t *tryer) observe(ctx context.Context, names []string, d time.Duration) *fact.Facts {
	sources := slices.DeleteFunc(probes.Default(knowledge(t.cmd, t.book)).Sources(), func(s fact.Source) bool {
		return !slices.Contains(names, s.Name())
	})
	f := probes.NewObserver(sources...).Observe(ctx, d, nil)
	if t.pseudonyms != nil {
		t.pseudonyms.Facts(f) // whose names those are
	}
	return f
}

// plan works out the trial, and measures once what it will measure.
func (t *tryer) plan(trial *content.Trial, of string) error {
	first := t.observe(t.cmd.Context(), trial.Probes(t.book.Facts), 0)
	worked, err := checklist.NewTrial(t.book, trial, first, of, t.o.value)
	if err != nil {
		return usageError{err}
	}
	t.trial = worked
	worked.Rounds = t.o.rounds
	if t.o.lasts != 0 {
		if err := worked.Fit(t.o.lasts); err != nil {
			return usageError{fmt.Errorf("--for %w", err)}
		}
	}
	if t.o.measure != "" {
		m := t.book.Measure(t.o.measure)
		if m == nil {
			return usageError{fmt.Errorf("there is no measure %q: expected one of %s", content.Show(t.o.measure), strings.Join(measureIDs(t.book.Measures), ", "))}
		}
		worked.Judge(m)
	}
	t.was, err = worked.Change.Read()
	if err != nil {
		return fmt.Errorf("%s cannot be tried here: %w", trial.ID, err)
	}
	if worked.Change.Reached(t.was) {
		return usageError{fmt.Errorf("%s is %s already: choose another value with --value (%s)", content.Show(worked.Change.Name()), content.Show(t.was.Text), trial.Takes)}
	}
	return nil
}

// send begins to send the traffic that is wanted, and returns what ends it.
func (t *tryer) send() (end func() (*load.Result, error), err error) {
	if t.o.traffic == "" {
		return func() (*load.Result, error) { return nil, nil }, nil
	}
	b, err := newBeside(t.cmd, t.o.traffic, t.trial.Block+t.trial.Lasts()+consentTime, t.o.yes)
	if err != nil {
		return nil, err
	}
	return b.start(t.cmd.Context()), nil
}

// consentTime is for how long traffic goes on beside what the trial itself takes.
const consentTime = time.Minute

func (t *tryer) measureBefore() error {
	fmt.Fprintf(t.cmd.ErrOrStderr(), "measuring for %v before anything is changed ...\n", t.trial.Block)
	t.before = t.trial.Read(t.observe(t.cmd.Context(), t.trial.Probes(t.book.Facts), t.trial.Block))
	if err := t.cmd.Context().Err(); err != nil {
		return errors.New("interrupted before anything was changed")
	}
	first := t.trial.Measures[0]
	if t.o.measure == "" && t.trial.JudgeWhatCounts(t.book.Facts, t.before) {
		t.instead = first
	}
	judged := t.trial.Measures[0]
	if now, known := t.before.Values[judged.ID]; !known || now == 0 && judged.Better == content.MoreIsBetter {
		return fmt.Errorf("there is nothing to compare: %q is nothing now, or cannot be read here. Let the load run, send some with --reproduce, or choose another measure with --measure: %s",
			judged.Title, strings.Join(measureIDs(t.trial.Measures[1:]), ", "))
	}
	return nil
}

func measureIDs(measures []*content.Measure) []string {
	var ids []string
	for _, m := range measures {
		ids = append(ids, m.ID)
	}
	return ids
}

func (t *tryer) run(trial *content.Trial, of string) error {
	recoverChanges(t.cmd.ErrOrStderr())
	if err := t.plan(trial, of); err != nil {
		return err
	}
	sent, err := t.send()
	if err != nil {
		return err
	}
	defer sent()
	if err := t.measureBefore(); err != nil {
		return err
	}
	if !t.o.json {
		t.showPlan()
	}
	switch {
	case t.o.yes:
	case !terminal(os.Stdin) || !terminal(os.Stdout):
		fmt.Fprintln(t.out, "\nNothing is changed: without a terminal a trial needs --yes.")
		return nil
	default:
		if !t.consent() {
			fmt.Fprintln(t.out, "Nothing is changed.")
			return nil
		}
	}
	blocks, err := t.alternate()
	if len(blocks) == 0 && err != nil {
		return t.refused(err)
	}
	r := t.result(blocks, err)
	if r.Sent, err = sent(); err != nil {
		return err
	}
	if r.Sent != nil && t.pseudonyms != nil {
		withoutNames(r.Sent)
	}
	if t.o.json {
		return errors.Join(writeJSON(t.out, r), r.failed)
	}
	t.showResult(r)
	return r.failed
}

// consent asks. The end of the input is a no.
func (t *tryer) consent() bool {
	fmt.Fprint(t.cmd.OutOrStdout(), "\nStart? It is put back by itself in the end. [y]es, [n]o: ")
	said := make(chan string, 1)
	go func() {
		line, _ := bufio.NewReader(t.cmd.InOrStdin()).ReadString('\n')
		said <- strings.ToLower(strings.TrimSpace(line))
	}()
	select {
	case word := <-said:
		return word == "y" || word == "yes"
	case <-t.cmd.Context().Done():
		return false
	}
}

// refused tells why nothing came of a trial, and how to make it by hand where it is
// for want of a right.
func (t *tryer) refused(err error) error {
	if errors.Is(err, os.ErrPermission) {
		w := t.trial.Change.Words(&t.was).With(t.trial.Change, t.was)
		return fmt.Errorf("%w\nIt takes %s.\nWho may can do it by hand: %s; and take it back: %s", err, t.trial.Of.Takes, content.Show(w.Run), content.Show(w.Undo))
	}
	return err
}

// alternate makes the trial, and puts the setting back whatever comes of it.
func (t *tryer) alternate() (blocks []checklist.TrialBlock, err error) {
	dir, err := changesDir()
	if err != nil {
		return nil, err
	}
	// A sick host takes longer for everything: the guard waits for twice as long.
	within := 2*t.trial.Lasts() + time.Minute
	t.alter, err = apply.Alternate(dir, "/proc/self/exe", "a trial: "+t.trial.Of.Title, t.trial.Change, within)
	if err != nil {
		return nil, err
	}
	defer func() {
		end := t.alter.End()
		if end != nil && (err == nil || !strings.Contains(err.Error(), end.Error())) { // Off has said it
			err = errors.Join(err, end)
		}
	}()
	for _, turn := range []func() error{t.alter.On, t.alter.Off} { // who may not change it shall learn that now
		if err := turn(); err != nil {
			return nil, err
		}
	}
	n, all := 0, 2*t.trial.Rounds+1
	start := time.Now()
	blocks, err = t.trial.Run(t.cmd.Context(), t, func(checklist.TrialBlock) {
		n++
		if terminal(t.cmd.ErrOrStderr()) {
			left := time.Since(start) / time.Duration(n) * time.Duration(all-n)
			fmt.Fprintf(t.cmd.ErrOrStderr(), "\rblock %d of %d, %v to go      ", n, all, left.Round(time.Second))
		}
	})
	clearProgress(t.cmd.ErrOrStderr())
	return blocks, err
}

// On, Off and Observe make a tryer the host of its trial.
func (t *tryer) On() error  { return t.alter.On() }
func (t *tryer) Off() error { return t.alter.Off() }

// Observe measures for a while.
func (t *tryer) Observe(ctx context.Context, d time.Duration) *fact.Facts {
	return t.observe(ctx, t.trial.Probes(t.book.Facts), d)
}
