package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"whydrop/checklist"
	"whydrop/checklist/casefile"
	"whydrop/checklist/redact"
	"whydrop/content"
	"whydrop/probes/fact"
)

// casesSchema is the format of cases --json.
const casesSchema = "whydrop.cases/1"

func casesCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "cases",
		Short: "List the cases that were kept; show or remove one",
		Long: `cases lists the cases that the walkthrough kept, the newest first: when it began,
how long it took, on which host, how many questions were answered, and the verdict.
They are files in ~/.local/state/whydrop/cases that only their owner can read. They
hold what was measured and said as it is, also where --redact is given: pseudonyms
are for what is exported.`,
		Example: `  whydrop cases
  whydrop cases show 20261121-0314
  whydrop cases remove 20261121-031500-db1`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error { return listCases(cmd, asJSON) },
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "write JSON ("+casesSchema+")")
	cmd.AddCommand(showCaseCommand(), removeCaseCommand())
	return cmd
}

func listCases(cmd *cobra.Command, asJSON bool) error {
	all, err := casefile.List(caseDirectories()...)
	if redacting(cmd) {
		book, wrong := loadContent(cmd)
		if wrong != nil {
			return wrong
		}
		names := newRedactor(book)
		for i := range all {
			anonymousSummary(&all[i], names)
		}
	}
	if asJSON {
		if all == nil {
			all = []casefile.Summary{}
		}
		return errors.Join(err, writeCases(cmd.OutOrStdout(), map[string]any{"schema": casesSchema, "cases": all}))
	}
	if len(all) == 0 && err == nil {
		fmt.Fprintln(cmd.ErrOrStderr(), "no case is kept; the walkthrough keeps one in which something is said")
		return nil
	}
	out := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
	fmt.Fprintln(out, "CASE\tHOST\tBEGUN\tTOOK\tANSWERS\tVERDICT")
	for _, s := range all {
		fmt.Fprintln(out, caseLine(s))
	}
	return errors.Join(err, out.Flush())
}

// anonymousSummary leaves of the name of a case when it began: resume takes that too.
func anonymousSummary(s *casefile.Summary, names *redact.Redactor) {
	f := names.Facts(&fact.Facts{Host: s.Host, Kernel: s.Kernel})
	s.Name, s.Path, s.Host, s.Kernel = anonymousName(s.Name), "", f.Host, f.Kernel
	s.Wrong = names.Words(s.Wrong)
}

// caseTime is what the name of a case begins with; the host's name comes after it.
var caseTime = regexp.MustCompile(`^(whydrop-)?[0-9]{8}-[0-9]{6}`)

func anonymousName(name string) string {
	if m := caseTime.FindString(name); m != "" {
		return m
	}
	return "a case"
}

func writeCases(out io.Writer, v any) error {
	e := json.NewEncoder(out)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

func caseLine(s casefile.Summary) string {
	if s.Wrong != "" {
		return fmt.Sprintf("%s\t-\t-\t-\t-\tcannot be read: %s", content.Show(s.Name), content.Show(s.Wrong))
	}
	verdict := string(s.Verdict.Verdict)
	if verdict == "" {
		verdict = "-"
	}
	if s.Verdict.Title != "" {
		verdict += ": " + s.Verdict.Title
	}
	for _, more := range []struct {
		is   bool
		text string
	}{{s.Demo, "demo"}, {s.PID > 0, fmt.Sprintf("open in process %d", s.PID)}, {s.Damaged+s.Missing > 0, amiss(s)}} {
		if more.is {
			verdict += " (" + more.text + ")"
		}
	}
	begun := "-"
	if !s.Started.IsZero() {
		begun = s.Started.UTC().Format("2006-01-02 15:04 UTC")
	}
	host := content.Show(s.Host)
	if host == "" {
		host = "-"
	}
	return strings.Join([]string{content.Show(s.Name), host, begun, took(s), answersText(s), content.Show(verdict)}, "\t")
}

// answersText is how many questions were answered, and of how many others something
// was noted.
func answersText(s casefile.Summary) string {
	switch s.Notes {
	case 0:
		return fmt.Sprint(s.Answers)
	case 1:
		return fmt.Sprintf("%d, 1 note", s.Answers)
	}
	return fmt.Sprintf("%d, %d notes", s.Answers, s.Notes)
}

// amiss says what of a case cannot be read.
func amiss(s casefile.Summary) string {
	var said []string
	for _, of := range []struct {
		n    int
		what string
	}{{s.Damaged, "damaged"}, {s.Missing, "missing"}} {
		switch of.n {
		case 0:
		case 1:
			said = append(said, "1 line "+of.what)
		default:
			said = append(said, fmt.Sprintf("%d lines %s", of.n, of.what))
		}
	}
	return strings.Join(said, ", ")
}

func took(s casefile.Summary) string {
	d := s.Last.Sub(s.Started)
	switch {
	case s.Started.IsZero() || d < 0:
		return "-"
	case d < time.Minute:
		return fmt.Sprintf("%.0f s", d.Seconds())
	case d < time.Hour:
		return fmt.Sprintf("%.0f min", d.Minutes())
	}
	return fmt.Sprintf("%.1f h", d.Hours())
}

func showCaseCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "show [CASE]",
		Short: "What was said, done and found in a case; without a name in the newest",
		Example: `  whydrop cases show
  whydrop cases show 20261121-0314`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 1 {
				return usageError{fmt.Errorf("%d cases: expected one", len(args))}
			}
			return showCase(cmd, strings.Join(args, ""), asJSON)
		},
		ValidArgsFunction: completeCases,
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "write JSON ("+casesSchema+")")
	return cmd
}

func showCase(cmd *cobra.Command, name string, asJSON bool) error {
	path, err := casefile.Find(name, caseDirectories()...)
	if err != nil {
		return err
	}
	book, err := loadContent(cmd)
	if err != nil {
		return err
	}
	kept, err := casefile.Load(path, book)
	if err != nil {
		return err
	}
	c := kept.Case
	if anonymous := redaction(cmd); anonymous != nil {
		c, _ = anonymous(c)
		kept.Path, kept.Notes = anonymousName(casefile.Name(path)), nil // they may quote what was said
	}
	if asJSON {
		return writeCases(cmd.OutOrStdout(), caseJSON(kept, c))
	}
	return writeCase(cmd.OutOrStdout(), kept, c)
}

func caseJSON(kept *casefile.Loaded, c *checklist.Case) any {
	v := map[string]any{
		"schema": casesSchema, "case": casefile.Name(kept.Path), "last": kept.Last, "diagnosis": kept.Verdict,
		"answers": c.Answers, "events": c.Track.Events(), "applied": c.Applied, "observations": kept.Observations, "notes": kept.Notes,
	}
	if !c.Started.IsZero() {
		v["started"] = c.Started
	}
	if c.Facts != nil {
		v["host"], v["kernel"] = c.Facts.Host, c.Facts.Kernel
	}
	return v
}

// writeCase tells a case in short.
func writeCase(w io.Writer, kept *casefile.Loaded, c *checklist.Case) error {
	out := bufio.NewWriter(w)
	say := func(format string, args ...any) { fmt.Fprintf(out, format+"\n", args...) }
	say("%s", content.Show(casefile.Name(kept.Path)))
	if c.Facts != nil {
		say("%s, kernel %s", content.Show(c.Facts.Host), content.Show(c.Facts.Kernel))
	}
	begun := day(c.Started)
	if c.Started.IsZero() {
		begun = "at a time that is not known"
	}
	say("begun %s, last written %s, observations kept: %d", begun, day(kept.Last), kept.Observations)
	if at := kept.Latest; at.Recorded && c == kept.Case {
		say("gone on with on %s, where nothing is measured", content.Show(at.Host))
	}
	verdict := string(kept.Verdict.Verdict)
	if kept.Verdict.Title != "" {
		verdict += ": " + kept.Verdict.Title
	}
	if verdict != "" {
		say("%s", content.Show(verdict))
	}
	for _, note := range kept.Notes {
		say("! %s", note)
	}
	if len(c.Answers) > 0 {
		say("\nAnswers")
	}
	for _, q := range c.Book.Questions() {
		if c.Answers[q.ID].Said() {
			say("  %s %s\n    %s", q.ID, content.Show(q.Ask), content.Show(answered(q, c.Answers[q.ID])))
		}
	}
	if events := c.Track.Events(); len(events) > 0 {
		say("\nWhat happened")
		for _, e := range events {
			say("  %s %s: %s", e.At.UTC().Format("15:04:05"), content.Show(string(e.Kind)), content.Show(e.Text))
		}
	}
	if len(kept.Tried) > 0 && c == kept.Case {
		say("\nTried")
		for _, t := range kept.Tried {
			say("  %s %s %s", t.At.UTC().Format("15:04:05"), content.Show(t.Destination), content.Show(t.Says))
		}
	}
	say("\ngo on with: whydrop resume %s", content.Show(quote(argument(kept.Path))))
	return out.Flush()
}

// answered tells an answer on one line.
func answered(q *content.Question, a checklist.Answer) string {
	var said []string
	for _, id := range a.Options {
		if o := q.Option(id); o != nil {
			said = append(said, o.Label)
		} else {
			said = append(said, "don't know")
		}
	}
	if a.Note != "" {
		said = append(said, "note: "+a.Note)
	}
	return strings.Join(said, "; ")
}

func removeCaseCommand() *cobra.Command {
	var yes bool
	cmd := &cobra.Command{
		Use:     "remove CASE...",
		Short:   "Remove cases, for good",
		Example: "  whydrop cases remove 20261121-031500-db1",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usageError{errors.New("expected the name of a case; 'whydrop cases' lists them")}
			}
			return nil
		},
		RunE:              func(cmd *cobra.Command, args []string) error { return removeCases(cmd, args, yes) },
		ValidArgsFunction: completeCases,
	}
	cmd.Flags().BoolVar(&yes, "yes", false, "don't ask")
	return cmd
}

func removeCases(cmd *cobra.Command, args []string, yes bool) error {
	var paths []string
	for _, name := range args {
		path, err := casefile.Find(name, caseDirectories()...)
		if err == nil && name == "" {
			err = usageError{errors.New("the name of a case is empty")}
		}
		if err != nil {
			return err // nothing is removed then
		}
		paths = append(paths, path)
	}
	if !yes {
		if !terminal(cmd.InOrStdin()) {
			return usageError{errors.New("nobody is there to agree: without a terminal, --yes is needed")}
		}
		for _, path := range paths {
			fmt.Fprintln(cmd.ErrOrStderr(), content.Show(path))
		}
		fmt.Fprintf(cmd.ErrOrStderr(), "remove for good? [y/N] ")
		answer, _ := bufio.NewReader(io.LimitReader(cmd.InOrStdin(), 100)).ReadString('\n')
		if answer = strings.ToLower(strings.TrimSpace(answer)); answer != "y" && answer != "yes" {
			return errors.New("nothing is removed")
		}
	}
	var wrong []error
	for _, path := range paths {
		if err := casefile.Remove(path); err != nil {
			wrong = append(wrong, err)
			continue
		}
		fmt.Fprintf(cmd.OutOrStdout(), "removed %s\n", content.Show(casefile.Name(path)))
	}
	return errors.Join(wrong...)
}
