package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"whydrop/checklist"
	"whydrop/checklist/casefile"
	"whydrop/probes/fact"
	"whydrop/probes/record"
)

const (
	// reportWindow is how far back the last measurements of a report go at most.
	reportWindow = time.Minute
	// watchFrom is from what duration on a host is watched second by second: what is
	// shorter is one observation, which reads every source at its beginning and end.
	watchFrom = 10 * time.Second
	// watchPatience is how much longer a busy host may take for its last second.
	watchPatience = 10 * time.Second
	// templateLimit is how long a template may be, in bytes.
	templateLimit = 1 << 20
)

type reportOptions struct {
	format   string
	out      string
	force    bool
	template string
	show     bool
	duration time.Duration
	answers  string
	host     hostFlags
}

func reportCommand() *cobra.Command {
	var o reportOptions
	cmd := &cobra.Command{
		Use:   "report [CASE]",
		Short: "Write the incident report as markdown, HTML or JSON",
		Long: `report writes the incident report: of a case that the walkthrough kept, of a
recording (--replay), or of this host, which it watches for --duration first. It only
reads. The formats:

  markdown  for GitHub, GitLab and tickets, with the packet's way as a Mermaid diagram
  html      one file with plots over the session's time, for a browser or paper
  json      everything in it, for programs (` + checklist.ReportSchema + `)

The first paragraph is for everybody, the causes and the plan for engineers, the
appendix has the raw values. The same case or recording gives the same report.

With --template the report looks as you wish. Begin with the built-in template:
--show-template writes it, with the names of what it can use. A template is one of
Go's (text/template, for HTML html/template); its data is what --format json writes,
"follow_ups" being .FollowUps. It can read no file and run no command.

Exit status: 0 when the report is written; 1 failure; 2 wrong usage.`,
		Example: `  whydrop report > incident.md
  whydrop report --duration 60s -o incident.html
  whydrop report --replay incident.whydrop -o incident.html
  whydrop report --redact > for-others.md         # names are pseudonyms
  whydrop report --show-template > ours.tmpl
  whydrop report --template ours.tmpl`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 1 {
				return usageError{fmt.Errorf("%d cases: expected one at most", len(args))}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error { return runReport(cmd, o, args) },
	}
	f := cmd.Flags()
	f.StringVar(&o.format, "format", "", "how to write it: "+strings.Join(checklist.ReportFormats, ", ")+"; without it as the name of the -o file ends, or markdown")
	f.StringVarP(&o.out, "output", "o", "-", "the `FILE` to write; - for standard output")
	f.BoolVar(&o.force, "force", false, "overwrite the file if there is one")
	f.StringVar(&o.template, "template", "", "write the report by the template in this `FILE`")
	f.BoolVar(&o.show, "show-template", false, "write the built-in template of the format, and nothing else")
	f.DurationVar(&o.duration, "duration", walkWindow, "how long to watch this host before")
	f.StringVar(&o.answers, "answers", "", "`file` with answers to the questions")
	o.host.add(f, "the report as it stood then, not at its end")
	_ = cmd.RegisterFlagCompletionFunc("format", cobra.FixedCompletions(checklist.ReportFormats, cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

// check completes the options, and tells a mistake in them.
func (o *reportOptions) check(args []string) error {
	if o.format == "" {
		o.format = map[string]string{".html": "html", ".htm": "html", ".json": "json"}[strings.ToLower(filepath.Ext(o.out))]
	}
	if o.format == "" {
		o.format = "markdown"
	}
	switch {
	case !slices.Contains(checklist.ReportFormats, o.format):
		return fmt.Errorf("--format %q: expected one of %s", o.format, strings.Join(checklist.ReportFormats, ", "))
	case o.out == "":
		return errors.New("-o: expected a file to write, or - for standard output")
	case o.duration < minDuration || o.duration > maxDuration:
		return fmt.Errorf("--duration %v: expected %v to %v", o.duration, minDuration, maxDuration)
	case (o.template != "" || o.show) && o.format == "json":
		return errors.New("--format json has no template: expected markdown or html")
	case len(args) > 0:
		return o.checkCase()
	}
	return nil
}

// checkCase tells what does not go with a case.
func (o *reportOptions) checkCase() error {
	switch {
	case len(o.host.replay) > 0:
		return errors.New("a case and --replay: expected one of them")
	case o.host.remote.host != "":
		return errors.New("a case and --host: expected one of them")
	case o.host.at != "":
		return errors.New("a case and --at: its report tells the whole of it; expected --replay FILE with --at")
	case o.answers != "":
		return errors.New("a case and --answers: it has answers of its own")
	}
	return nil
}

func runReport(cmd *cobra.Command, o reportOptions, args []string) error {
	if err := o.check(args); err != nil {
		return usageError{err}
	}
	if o.show {
		_, err := io.WriteString(cmd.OutOrStdout(), checklist.ReportTemplate(o.format))
		return err
	}
	template, err := o.readTemplate(cmd.InOrStdin())
	if err != nil {
		return err
	}
	of, err := o.investigated(cmd, args)
	if err != nil {
		return err
	}
	r := of.report(cmd)
	var text bytes.Buffer
	if o.template != "" {
		err = r.WriteAs(&text, o.format, filepath.Base(o.template), template)
	} else {
		err = r.Write(&text, o.format)
	}
	if err != nil {
		return err
	}
	return o.write(cmd, text.Bytes())
}

func (o *reportOptions) readTemplate(stdin io.Reader) (string, error) {
	if o.template == "" {
		return "", nil
	}
	data, err := readAtMost(o.template, stdin, templateLimit)
	if err != nil {
		return "", fmt.Errorf("--template: %w", err)
	}
	return string(data), nil
}

// reported is what a report is made from.
type reported struct {
	kase *checklist.Case
	// asOf is up to when it tells: now where this host was watched, otherwise when the
	// case or recording ends, so that the same one gives the same report.
	asOf   time.Time
	source string   // empty for this host
	notes  []string // what is damaged or missing there
}

func (o *reportOptions) investigated(cmd *cobra.Command, args []string) (*reported, error) {
	if len(args) > 0 {
		return keptCase(cmd, args[0])
	}
	h, err := openHost(cmd, o.host)
	if err != nil {
		return nil, err
	}
	defer h.close()
	c, err := openAnswered(cmd, o.answers)
	if err != nil {
		return nil, err
	}
	of := &reported{kase: c}
	if h.recording == nil {
		err = o.watch(cmd, c, h)
	} else {
		err = followRecording(cmd.Context(), c, h)
		of.source, of.notes = recorded(h.recording), h.recording.Notes
	}
	of.asOf = h.now(c)
	return of, err
}

// report makes the report, with pseudonyms if that is asked for. What the source is
// called may hold names, too: then only its kind is told.
func (of *reported) report(cmd *cobra.Command) *checklist.Report {
	c, d := of.kase, of.kase.Diagnose()
	if anonymous := redaction(cmd); anonymous != nil {
		c, d = anonymous(c)
		if of.source != "" {
			of.source = "a recorded host"
		}
		if len(of.notes) > 0 {
			of.notes = []string{"what it was made from is incomplete: without --redact it is told how"}
		}
	}
	r := c.Report(d, of.asOf)
	r.Whydrop = version()
	r.From(of.source, of.notes)
	return r
}

// watch lets a case follow this host for a while.
func (o *reportOptions) watch(cmd *cobra.Command, c *checklist.Case, h *host) error {
	if o.duration < watchFrom {
		return h.observe(cmd, c, o.duration, nil)
	}
	if h.here() {
		recoverChanges(cmd.ErrOrStderr())
	}
	ctx, stop := context.WithTimeout(cmd.Context(), o.duration+watchPatience)
	defer stop()
	tell := progress(cmd.ErrOrStderr(), o.duration)
	err := watchHost(ctx, cmd, c.Book, h.there, min(o.duration, reportWindow), func(f *fact.Facts) {
		if ctx.Err() != nil {
			return
		}
		follow(c, f)
		if h.there != nil && c.Facts == nil {
			c.Started = f.Start // its clock may differ
		}
		passed := record.EndOf(f).Sub(c.Started)
		if tell != nil {
			tell(min(passed, o.duration))
		}
		if passed >= o.duration {
			stop()
		}
	})
	clearProgress(cmd.ErrOrStderr())
	switch {
	case err != nil:
		return fmt.Errorf("--host %w", err)
	case c.Facts == nil && cmd.Context().Err() != nil:
		return cmd.Context().Err()
	case c.Facts == nil:
		return errors.New("the host could not be observed: nothing was measured in time; expected a longer --duration")
	}
	return observed(c)
}

// follow takes the next observation into a case, as the walkthrough does.
func follow(c *checklist.Case, f *fact.Facts) {
	c.Facts = f
	c.Track.Add(record.EndOf(f), f, c.Diagnose())
	c.Counted(f)
}

// followRecording lets a case follow a recording, to the moment that was asked for or
// to its end. Of a long one not every observation is judged, but every second of it
// stands in one that is.
func followRecording(ctx context.Context, c *checklist.Case, h *host) error {
	r := h.recording
	last := h.index
	if last < 0 {
		last = r.Len() - 1
	}
	apart := r.Time(last).Sub(r.Begin()) / mostJudged
	var judged time.Time
	i := -1
	err := r.Each(func(f *fact.Facts) bool {
		i++
		if i == 0 {
			c.Started = f.Start
		}
		at, window := record.EndOf(f), time.Duration(f.Seconds*float64(time.Second))
		if i == 0 || i == last || at.Sub(judged) >= min(apart, window) {
			judged = at
			follow(c, f)
		}
		return i < last && ctx.Err() == nil
	})
	if err == nil {
		err = ctx.Err()
	}
	if err == nil && c.Facts == nil {
		err = errors.New("the recording shows nothing")
	}
	return err
}

// keptCase opens a case that the walkthrough kept.
func keptCase(cmd *cobra.Command, name string) (*reported, error) {
	book, err := loadContent(cmd)
	if err != nil {
		return nil, err
	}
	path, err := casefile.Find(name, caseDirectories()...)
	if err != nil {
		return nil, err
	}
	kept, err := casefile.Load(path, book)
	if err != nil {
		return nil, err
	}
	of := &reported{kase: kept.Case, asOf: kept.Last, source: "the case " + casefile.Name(path), notes: kept.Notes}
	switch {
	case kept.Header.Demo:
		of.source += ", a demonstration on a recorded host"
	case len(kept.Header.Replay) > 0:
		of.source += ", on a recorded host"
	}
	return of, nil
}

// write writes the report where it is wanted.
func (o *reportOptions) write(cmd *cobra.Command, data []byte) error {
	if o.out == "-" {
		if _, err := cmd.OutOrStdout().Write(data); err != nil {
			return fmt.Errorf("standard output: %w", err)
		}
		return nil
	}
	how := os.O_WRONLY | os.O_CREATE | os.O_EXCL
	if o.force {
		how = os.O_WRONLY | os.O_CREATE | os.O_TRUNC
	}
	f, err := os.OpenFile(o.out, how, 0o600)
	if errors.Is(err, os.ErrExist) {
		return usageError{fmt.Errorf("%s is there already: expected a new file, or --force", o.out)}
	}
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	return errors.Join(err, f.Close())
}
