package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/charmbracelet/x/term"
	"github.com/spf13/cobra"

	"whydrop/checklist"
	"whydrop/content"
	"whydrop/probes"
	"whydrop/probes/drops"
	"whydrop/probes/fact"
	"whydrop/probes/target"
)

// Bounds of an observation. Under a second hardly anything moves; over an hour
// somebody has mistyped.
const (
	minDuration = time.Second
	maxDuration = time.Hour
)

type diagnoseOptions struct {
	json     bool
	facts    bool
	report   bool
	duration time.Duration
	answers  string
	target   string
	flows    []string
	exitCode bool
	timeline bool
	host     hostFlags
	written  time.Time // when the report is written
}

func diagnoseCommand() *cobra.Command {
	var o diagnoseOptions
	cmd := &cobra.Command{
		Use:   "diagnose",
		Short: "Observe the host and name the causes, without questions",
		Long: `diagnose observes the host for a while and judges every cause by what moved
during that time. It only reads; with --target it also opens connections to the
destination named. The answer goes to standard output, progress and warnings to
standard error.

With --host it observes another machine over ssh: by the whydrop of the same version
there, else by this program, which is brought and leaves nothing behind.

With --replay it judges a recorded host, as it stood at the end of the recording or
at --at; nothing of this host is read then. --timeline lists when in the recording
each cause rose and fell.

Exit status: 0 when the host could be observed, whatever was found; with
--exit-code 3 when a cause is named; 1 failure; 2 wrong usage.`,
		Example: `  whydrop diagnose
  whydrop diagnose --duration 30s --json
  whydrop diagnose --answers answers.yaml --report > incident.md
  whydrop diagnose --report --redact > for-others.md   # names are pseudonyms
  whydrop diagnose --host root@web1
  whydrop diagnose --replay incident.whydrop --timeline
  whydrop diagnose --replay incident.whydrop --at 14:03:05`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error { return diagnose(cmd, o) },
	}
	cmd.Flags().BoolVar(&o.json, "json", false, "write JSON ("+checklist.Schema+")")
	cmd.Flags().BoolVar(&o.facts, "facts", false, "with --json: add every fact that was measured")
	cmd.Flags().BoolVar(&o.report, "report", false, "write the incident report in markdown")
	cmd.Flags().DurationVar(&o.duration, "duration", 5*time.Second, "how long to observe")
	cmd.Flags().StringVar(&o.answers, "answers", "", "`file` with answers to the questions (YAML or JSON: question id to option ids and note; - for standard input)")
	cmd.Flags().StringVar(&o.target, "target", "", "also try this destination, `HOST[:PORT]`: the only thing that sends packets")
	cmd.Flags().StringSliceVar(&o.flows, "flow", nil, "let the kernel's drop reasons count only this `ADDRESS[:PORT]` or :PORT (given twice: between the two)")
	cmd.Flags().BoolVar(&o.exitCode, "exit-code", false, "exit with status 3 if a cause is named")
	cmd.Flags().BoolVar(&o.timeline, "timeline", false, "with --replay: list when in the recording each cause rose and fell")
	o.host.add(cmd.Flags(), "judge the recording as it stood then, not at its end")
	return cmd
}

func diagnose(cmd *cobra.Command, o diagnoseOptions) error {
	if err := o.check(); err != nil {
		return usageError{err}
	}
	var more []fact.Source
	if o.target != "" {
		t, err := target.New(o.target)
		if err != nil {
			return usageError{err}
		}
		more = append(more, t)
	}
	flows, err := parseFlows(o.flows)
	if err != nil {
		return usageError{err}
	}
	h, err := openHost(cmd, o.host)
	if err != nil {
		return err
	}
	defer h.close()
	h.target = o.target
	c, err := openAnswered(cmd, o.answers)
	if err != nil {
		return err
	}
	if o.timeline {
		return writeTimeline(cmd, c, h.recording, o.json)
	}
	if err := h.observe(cmd, c, o.duration, flows, more...); err != nil {
		return err
	}
	o.written = h.now(c)
	d := c.Diagnose()
	if anonymous := redaction(cmd); anonymous != nil {
		c, d = anonymous(c)
	}
	if err := write(cmd.OutOrStdout(), c, d, o); err != nil {
		return fmt.Errorf("standard output: %w", err)
	}
	if o.exitCode && d.Verdict == checklist.Fault {
		return errFaultFound
	}
	return nil
}

// check tells a mistake in how diagnose was called.
func (o diagnoseOptions) check() error {
	switch {
	case o.duration < minDuration || o.duration > maxDuration:
		return fmt.Errorf("--duration %v: expected %v to %v", o.duration, minDuration, maxDuration)
	case o.json && o.report:
		return errors.New("--json and --report: expected one of them")
	case len(o.host.replay) == 0 && o.timeline:
		return errors.New("--timeline: expected with --replay")
	case len(o.host.replay) > 0:
		return o.checkReplay()
	}
	return nil
}

// checkReplay tells what does not go with a recording.
func (o diagnoseOptions) checkReplay() error {
	switch {
	case o.timeline && o.report:
		return errors.New("--timeline and --report: expected one of them")
	case o.timeline && o.host.at != "":
		return errors.New("--timeline and --at: expected one of them")
	case o.timeline && o.exitCode:
		return errors.New("--timeline and --exit-code: expected one of them")
	case o.target != "":
		return errors.New("--target and --replay: nothing is sent where a recording is judged")
	case len(o.flows) > 0:
		return errors.New("--flow and --replay: what was counted was decided when it was recorded")
	}
	return nil
}

// knowledge is what the probes need of the content.
func knowledge(cmd *cobra.Command, book *content.Book, flows ...drops.Flow) probes.Knowledge {
	// Without the defaults of this kernel, settings are compared with the files of
	// the host alone.
	defaults, _ := content.SysctlDefaults(probes.Release())
	noBPF, _ := cmd.Flags().GetBool("no-bpf")
	return probes.Knowledge{NICs: book, Sysctls: defaults, Flows: flows, NoBPF: noBPF}
}

// parseFlows reads the operator's flow: one end of it, or both.
func parseFlows(texts []string) ([]drops.Flow, error) {
	if len(texts) > 2 {
		return nil, fmt.Errorf("--flow is given %d times: expected one end of a connection, or both", len(texts))
	}
	var flows []drops.Flow
	for _, text := range texts {
		f, err := drops.ParseFlow(text)
		if err != nil {
			return nil, fmt.Errorf("--flow: %w", err)
		}
		flows = append(flows, f)
	}
	return flows, nil
}

func write(out io.Writer, c *checklist.Case, d *checklist.Diagnosis, o diagnoseOptions) error {
	switch {
	case o.json:
		return c.WriteJSON(out, d, o.facts)
	case o.report:
		return c.WriteReport(out, d, o.written)
	default:
		return errors.Join(c.WritePage(out, d), writeHistory(out, c, d))
	}
}

const (
	mostHistory  = 20 // places that are listed of one sample
	historyWidth = 78 // of their lines
)

// writeHistory lists what one sample tells of losses: the totals, most first.
func writeHistory(out io.Writer, c *checklist.Case, d *checklist.Diagnosis) error {
	if c.Facts == nil || !c.Facts.HistoryOnly() {
		return nil
	}
	places := slices.DeleteFunc(c.Places(d), func(e checklist.LedgerEntry) bool { return e.Total == nil || *e.Total <= 0 })
	slices.SortStableFunc(places, func(a, b checklist.LedgerEntry) int { return cmp.Compare(*b.Total, *a.Total) })
	var text strings.Builder
	text.WriteString("\nLost since the counters began: history, by which no cause is named\n")
	for i, e := range places {
		if i == mostHistory {
			fmt.Fprintf(&text, "  and at %d more places; whydrop report lists them\n", len(places)-i)
			break
		}
		maybe := ""
		if !e.Loss {
			maybe = ", perhaps missed by nobody"
		}
		line := fmt.Sprintf("  %-9s %-3s  %s %s  (%s%s)", e.Hop, e.Direction, content.Show(*e.Total), e.Unit, content.Show(e.Counter), maybe)
		text.WriteString(strings.Join(checklist.Wrap(line, historyWidth), "\n                  ") + "\n")
	}
	if len(places) == 0 {
		text.WriteString("  nothing, as far as the counters tell that were collected\n")
	}
	_, err := io.WriteString(out, text.String())
	return err
}

// openCase loads the content and opens a case.
func openCase(cmd *cobra.Command) (*checklist.Case, error) {
	dir, err := cmd.Flags().GetString("content")
	if err != nil {
		return nil, err
	}
	book, err := content.Load(dir)
	if err != nil {
		return nil, err
	}
	return checklist.NewCase(book, time.Now()), nil
}

// openAnswered opens a case with the answers of a file; without any if it names none.
func openAnswered(cmd *cobra.Command, answers string) (*checklist.Case, error) {
	c, err := openCase(cmd)
	if err == nil && answers != "" {
		err = readAnswers(cmd.Context(), c, answers, cmd.InOrStdin())
	}
	return c, err
}

// observe gives a case what the host shows in the time from now on, and tells on a
// terminal how far it is.
func observe(cmd *cobra.Command, c *checklist.Case, d time.Duration, flows []drops.Flow, more ...fact.Source) error {
	c.Facts = probes.Default(knowledge(cmd, c.Book, flows...), more...).Observe(cmd.Context(), d, progress(cmd.ErrOrStderr(), d))
	clearProgress(cmd.ErrOrStderr())
	return observed(c)
}

// observed fails if nothing at all could be read: then there is no diagnosis.
func observed(c *checklist.Case) error {
	var why []string
	for _, p := range c.Facts.Probes {
		if p.Status == "ok" {
			return nil
		}
		why = append(why, p.Name+": "+p.Why)
	}
	return fmt.Errorf("the host could not be observed, no probe could read anything (is /proc mounted?): %s", strings.Join(why, "; "))
}

// progress tells on a terminal how far the observation is.
func progress(w io.Writer, total time.Duration) func(time.Duration) {
	if !terminal(w) {
		return nil
	}
	return func(passed time.Duration) {
		fmt.Fprintf(w, "\robserving, %d of %d s ", int(passed.Seconds()), int(total.Seconds()))
	}
}

func clearProgress(w io.Writer) {
	if terminal(w) {
		fmt.Fprintf(w, "\r%s\r", strings.Repeat(" ", 40))
	}
}

func terminal(w any) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(f.Fd())
}
