package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"whydrop/checklist/interview"
	"whydrop/content"
	"whydrop/ui"
	"whydrop/ui/plain"
	"whydrop/ui/tty"
)

type interviewOptions struct {
	list, resume, script, card, json, plain bool
	rubric, candidate, scorecard            string
	keys                                    keyChanges
}

func interviewCommand() *cobra.Command {
	var o interviewOptions
	cmd := &cobra.Command{
		Use:   "interview [INCIDENT]",
		Short: "Hold the interview with somebody: script, rubric, clock and scorecard",
		Long: `interview puts you into the interviewer's seat, opposite a candidate. It shows the
opening to read out and what it really was; for each question what to answer, for
each command the figures of the sick host to read out; remarks to drop in, hints with
what they cost, look-alikes, and which steps of a plan are right. You find what they
just asked, proposed or concluded in their words, tick it with one key, and note what
you heard. A rubric says what junior, senior and staff engineers do; from the ticks it
suggests a level and says why, and you decide; what was not heard is not judged. The
scorecard has the evidence for each mark, and all that was heard in its order.

Everything is on disk before the next key, in ~/.local/state/whydrop/interviews;
--resume goes on. A candidate's name stands in the scorecard only, in no file's name.
Nothing is sent anywhere, and nothing of this host is read.`,
		Example: `  whydrop interview --list
  whydrop interview checkout-three-seconds
  whydrop interview --resume
  whydrop interview --script checkout-three-seconds > script.md
  whydrop interview --resume --card --json`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 1 {
				return usageError{fmt.Errorf("%d incidents: expected one", len(args))}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			return runInterview(cmd, strings.Join(args, ""), o)
		},
		ValidArgsFunction: func(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			return completeIncidents(cmd, args)
		},
	}
	flags := cmd.Flags()
	flags.BoolVar(&o.list, "list", false, "list the incidents and the interviews that are kept, and end")
	flags.BoolVar(&o.resume, "resume", false, "go on with the interview that was held last, of INCIDENT if it is named")
	flags.BoolVar(&o.script, "script", false, "write the whole script as markdown, for paper, and end")
	flags.BoolVar(&o.card, "card", false, "with --resume: write the scorecard to standard output and end")
	flags.BoolVar(&o.json, "json", false, "with --card: write JSON ("+interview.Schema+")")
	flags.StringVar(&o.rubric, "rubric", "", "judge by the rubric in this `file` instead of the built-in one")
	flags.StringVar(&o.candidate, "candidate", "", "the candidate's `name`, for the scorecard")
	flags.StringVar(&o.scorecard, "scorecard", "", "write the scorecard to this `file` (markdown; JSON beside it) instead of beside the interview")
	flags.BoolVar(&o.plain, "plain", false, "on plain lines, for screen readers, serial lines and scripts")
	flags.Var(&o.keys, "keys", "other keys, such as next=N; 'whydrop config' names the actions")
	word(flags, "theme", "glyphs: what the locale promises, or these", "auto", "unicode", "ascii")
	word(flags, "colour", "colours: what the terminal promises, or so many", "auto", "16", "256", "never")
	return cmd
}

// check says what does not go together.
func (o interviewOptions) check() error {
	switch {
	case o.json && !o.card:
		return usageError{errors.New("--json needs --card")}
	case o.card && !o.resume:
		return usageError{errors.New("--card needs --resume: a scorecard is of an interview that was held")}
	case o.script && (o.resume || o.list):
		return usageError{errors.New("--script goes with neither --resume nor --list")}
	}
	return nil
}

func runInterview(cmd *cobra.Command, id string, o interviewOptions) error {
	if err := o.check(); err != nil {
		return err
	}
	book, err := loadTraining(cmd)
	if err != nil {
		return err
	}
	rubric, err := book.Rubric(o.rubric)
	if err != nil {
		return err
	}
	if id != "" && book.Scenario(id) == nil {
		return usageError{fmt.Errorf("there is no incident %s%s 'whydrop interview --list' lists them", content.Show(id), cmp.Or(nearIncident(book, id), ":"))}
	}
	h := &hearing{cmd: cmd, book: book, rubric: rubric, o: o}
	switch {
	case o.list || id == "" && !o.resume && !o.script:
		return h.tellList()
	case o.script:
		return h.tellScript(id)
	case o.card:
		return h.writeCard(id)
	}
	if err := h.open(id); err != nil {
		return err
	}
	return h.hold()
}

// nearIncident asks whether the incident whose id is most alike was meant, "" if none is.
func nearIncident(book *content.Book, id string) string {
	incidents := &cobra.Command{}
	for _, s := range book.Scenarios {
		incidents.AddCommand(&cobra.Command{Use: s.ID, Run: func(*cobra.Command, []string) {}})
	}
	for incidents.SuggestionsMinimumDistance = 1; incidents.SuggestionsMinimumDistance <= 5; incidents.SuggestionsMinimumDistance++ {
		if near := incidents.SuggestionsFor(id); len(near) > 0 {
			return ", did you mean " + near[0] + "?"
		}
	}
	return ""
}

// tellScript writes the script for paper.
func (h *hearing) tellScript(id string) error {
	if id == "" {
		return usageError{errors.New("--script: expected an incident: 'whydrop interview --list' lists them")}
	}
	n, err := interview.New(h.book, h.rubric, h.book.Scenario(id))
	if err != nil {
		return err
	}
	_, err = fmt.Fprint(h.cmd.OutOrStdout(), n.Paper())
	return err
}

// hearing wires an interview with the disk.
type hearing struct {
	cmd    *cobra.Command
	book   *content.Book
	rubric *content.Rubric
	o      interviewOptions
	n      *interview.Interview
	log    *interview.Log // nil where no place takes it
	notes  []string
	unkept error // the first
}

// interviewDirs are where interviews are kept: the state directory, and where that
// can't be written one for temporary files that is this user's alone.
func interviewDirs() []string {
	var dirs []string
	if dir := stateDir(); dir != "" {
		dirs = append(dirs, filepath.Join(dir, "whydrop", "interviews"))
	}
	return append(dirs, filepath.Join(os.TempDir(), "whydrop-"+strconv.Itoa(os.Geteuid())+"-interviews"))
}

// kept are the interviews that are kept, those of an incident if one is named, the
// newest first.
func (h *hearing) kept(id string) []interview.Saved {
	var all []interview.Saved
	for _, dir := range interviewDirs() {
		saved, err := interview.Kept(dir)
		if err != nil {
			h.warn("%s cannot be read: %v", content.Show(shortHome(dir)), err)
		}
		for _, s := range saved {
			if id == "" || s.Scenario == id {
				all = append(all, s)
			}
		}
	}
	return all
}

func (h *hearing) warn(format string, args ...any) {
	fmt.Fprintf(h.cmd.ErrOrStderr(), "whydrop: "+format+"\n", args...)
}

// last is the interview that was held last.
func (h *hearing) last(id string) (interview.Saved, error) {
	all := h.kept(id)
	if len(all) == 0 {
		return interview.Saved{}, errors.New("no interview is kept: begin one with whydrop interview INCIDENT")
	}
	if h.book.Scenario(all[0].Scenario) == nil {
		return interview.Saved{}, fmt.Errorf("the interview held last is of %s, which is no incident any more: name another one", content.Show(all[0].Scenario))
	}
	return all[0], nil
}

// open begins an interview, or goes on with the last one.
func (h *hearing) open(id string) (err error) {
	var events []interview.Event
	if h.o.resume {
		s, err := h.last(id)
		if err != nil {
			return err
		}
		id = s.Scenario
		if h.log, events, h.notes, err = interview.Logs.Resume(s.Path); err != nil {
			return err
		}
		if dir := filepath.Dir(s.Path); dir != interviewDirs()[0] {
			h.notes = append(h.notes, "this interview is kept in "+content.Show(shortHome(dir))+", not in the state directory")
		}
	} else if h.log, err = createInterview(id); err != nil {
		h.unkept = err
		h.notes = append(h.notes, "this interview is NOT kept: "+err.Error())
	}
	if h.n, err = interview.New(h.book, h.rubric, h.book.Scenario(id)); err != nil {
		return err
	}
	h.notes = append(h.notes, h.n.Replay(events)...)
	h.n.Keep = func(e interview.Event) error {
		if h.log == nil {
			return nil // it was told at the beginning
		}
		err := h.log.Append(e)
		if err != nil && h.unkept == nil {
			h.unkept = err
		}
		return err
	}
	return h.begin()
}

// begin starts the clock, and gives the candidate their name. That something is not
// kept is told at the end.
func (h *hearing) begin() error {
	err := h.n.Begin()
	if h.o.candidate != "" {
		err = errors.Join(err, h.n.Call(h.o.candidate))
	}
	var unkept *interview.NotKeptError
	if errors.As(err, &unkept) {
		return nil
	}
	return err
}

// createInterview makes a log in the first directory that takes it.
func createInterview(id string) (*interview.Log, error) {
	var wrong []error
	for _, dir := range interviewDirs() {
		log, err := interview.Logs.Create(dir, id, time.Now())
		if err == nil {
			return log, nil
		}
		wrong = append(wrong, err)
	}
	return nil, joined(wrong)
}

// hold holds the interview, and writes the scorecard at the end.
func (h *hearing) hold() error {
	err := h.sit()
	if path, unwritten := h.write(h.n); unwritten != nil {
		err = errors.Join(err, unwritten)
	} else {
		fmt.Fprintf(h.cmd.ErrOrStderr(), "The scorecard: %s; whydrop interview --resume goes on.\n", content.Show(shortHome(path)))
	}
	if h.n.WasHeld() && h.log != nil {
		if _, unkept := openProgress(h.cmd).Add(h.n.Learned(filepath.Base(h.log.Path))); unkept != nil {
			err = errors.Join(err, fmt.Errorf("the log of what was trained: %w", unkept))
		}
	}
	if h.log != nil {
		err = errors.Join(err, h.log.Close())
	}
	if h.unkept != nil {
		err = errors.Join(err, fmt.Errorf("not everything is kept: %w", h.unkept))
	}
	return err
}

func (h *hearing) sit() error {
	if !h.o.plain {
		why := tty.Capable(os.Stdin, os.Stdout, os.Environ())
		if why == "" {
			return ui.RunInterview(h.cmd.Context(), ui.InterviewOptions{
				Interview: h.n, Write: h.write, Notes: h.notes,
				Look: ui.Look{Theme: h.cmd.Flag("theme").Value.String(), Colours: h.cmd.Flag("colour").Value.String(), Keys: h.o.keys},
			})
		}
		h.warn("%s, so the interview is held on plain lines (--plain)", why)
	}
	signal.Ignore(syscall.SIGPIPE) // a reader that goes away must not take the interview with it
	typed := terminal(os.Stdin)
	return plain.Interview(h.cmd.Context(), plain.InterviewOptions{
		In: h.cmd.InOrStdin(), Out: h.cmd.OutOrStdout(), Interview: h.n, Write: h.write, Notes: h.notes,
		Typed: typed, Shown: typed && terminal(os.Stdout),
	})
}

// write writes the scorecard as markdown and as JSON, and returns where the markdown
// is. Each file is whole at any moment.
func (h *hearing) write(n *interview.Interview) (string, error) {
	path := h.o.scorecard
	if path == "" {
		if h.log == nil {
			return "", errors.New("the interview is kept nowhere: name a file with --scorecard")
		}
		path = strings.TrimSuffix(h.log.Path, filepath.Ext(h.log.Path)) + ".md"
	}
	data, err := json.MarshalIndent(n.Card(), "", "  ")
	if err != nil {
		return "", err
	}
	beside := strings.TrimSuffix(path, ".md") + ".json"
	for _, f := range []struct {
		path string
		data []byte
	}{{path, []byte(n.Scorecard())}, {beside, append(data, '\n')}} {
		if err := replaceFile(f.path, f.data); err != nil {
			return "", err
		}
	}
	return path, nil
}

// replaceFile puts data in the place of a file at once; others may not read it.
func replaceFile(path string, data []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".whydrop-*") // mode 0600
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		_ = os.Remove(f.Name())
	}
	return err
}

// writeCard writes the scorecard of the interview that was held last.
func (h *hearing) writeCard(id string) error {
	s, err := h.last(id)
	if err != nil {
		return err
	}
	events, notes, err := interview.Logs.Read(s.Path)
	if err != nil {
		return err
	}
	n, err := interview.New(h.book, h.rubric, h.book.Scenario(s.Scenario))
	if err != nil {
		return err
	}
	n.Now = func() time.Time { return s.Last } // no time goes by any more
	for _, note := range append(notes, n.Replay(events)...) {
		h.warn("%s", note)
	}
	if h.o.json {
		return writeCases(h.cmd.OutOrStdout(), n.Card())
	}
	_, err = fmt.Fprint(h.cmd.OutOrStdout(), n.Scorecard())
	return err
}

// tellList lists the incidents with what they are, and the interviews that are kept.
func (h *hearing) tellList() error {
	w := tabwriter.NewWriter(h.cmd.OutOrStdout(), 0, 8, 2, ' ', 0)
	fmt.Fprintln(w, "INCIDENT\tLEVEL\tTITLE\tWHAT IT IS")
	for _, sc := range h.book.Scenarios {
		truth := strings.Join(sc.Truth, ", ")
		if sc.Healthy() {
			truth = "nothing is wrong"
		}
		fmt.Fprintf(w, "%s\t%d\t%s\t%s\n", content.Show(sc.ID), sc.Level, content.Show(sc.Title), content.Show(truth))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	all := h.kept("")
	if len(all) == 0 {
		return nil
	}
	fmt.Fprintln(w)
	fmt.Fprintln(w, "HELD\tINCIDENT\tTICKS\tLEVEL DECIDED")
	for _, s := range all {
		level := s.Level
		if level == "" {
			level = "none yet"
		}
		fmt.Fprintf(w, "%s\t%s\t%d\t%s\n", s.Begun.Local().Format("2006-01-02 15:04"), content.Show(s.Scenario), s.Ticks, content.Show(level))
	}
	return w.Flush()
}
