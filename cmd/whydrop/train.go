package main

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"whydrop/checklist/drill"
	"whydrop/checklist/eventlog"
	trained "whydrop/checklist/progress"
	"whydrop/checklist/train"
	"whydrop/content"
	"whydrop/ui"
	"whydrop/ui/plain"
	"whydrop/ui/tty"
)

type trainOptions struct {
	level        int
	list, resume bool
	anew         bool
	plain        bool
	scorecard    string
	keys         keyChanges
	liveOptions
}

func trainCommand() *cobra.Command {
	var o trainOptions
	cmd := &cobra.Command{
		Use:   "train [INCIDENT]",
		Short: "Train for the interview: packets are being dropped, how do you proceed?",
		Long: `train puts you into the candidate's seat. An incident opens with the one vague
sentence of an interviewer. You choose what to ask and what to measure on the sick
host, which was recorded and really was sick (or was not), say what you suspect, and
conclude: the cause, the place, the plan, in your own words. Then you are told how
it went and why: what each step was worth when you took it, what you overlooked,
and the way that an experienced engineer goes.

Without INCIDENT it shows the list with a suggestion. What you do is on disk before
the next key; --resume goes on after a break, a kill or a lost connection. The
interviews stand in ~/.local/state/whydrop/train. It reads nothing of this host.

With --live the sick host is a real one, made on the spot in network namespaces of
its own, with a shell beside the interview: real commands, a real fix, and a look
whether what was wrong has stopped. An ordinary user can do it, too. All of it goes
when the training ends, however it ends.`,
		Example: `  whydrop train
  whydrop train checkout-three-seconds
  whydrop train --list --level 2
  whydrop train --resume
  whydrop train --live second-uplink
  whydrop train --plain checkout-three-seconds --scorecard card.md`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 1 {
				return usageError{fmt.Errorf("%d incidents: expected one", len(args))}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error { return runTrain(cmd, strings.Join(args, ""), o) },
		ValidArgsFunction: func(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			return completeIncidents(cmd, args)
		},
	}
	flags := cmd.Flags()
	flags.IntVar(&o.level, "level", 0, "only incidents of this level: 1 a single clear fault, 2 look-alikes, 3 two faults or a false alarm")
	flags.BoolVar(&o.list, "list", false, "list the incidents and end")
	flags.BoolVar(&o.resume, "resume", false, "go on with the interview that was left last")
	flags.BoolVar(&o.anew, "new", false, "begin INCIDENT anew where an interview of it was left")
	flags.StringVar(&o.scorecard, "scorecard", "", "write the scorecard (markdown) to this `file` after the conclusion")
	flags.BoolVar(&o.plain, "plain", false, "ask on plain lines, for screen readers, serial lines and scripts")
	o.liveOptions.add(cmd)
	flags.Var(&o.keys, "keys", "other keys, such as next=N; 'whydrop config' names the actions")
	word(flags, "theme", "glyphs: what the locale promises, or these", "auto", "unicode", "ascii")
	word(flags, "colour", "colours: what the terminal promises, or so many", "auto", "16", "256", "never")
	return cmd
}

func completeIncidents(cmd *cobra.Command, args []string) ([]string, cobra.ShellCompDirective) {
	book, err := loadTraining(cmd)
	if err != nil || len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var ids []string
	for _, sc := range book.Scenarios {
		ids = append(ids, sc.ID+"\t"+sc.Title)
	}
	return ids, cobra.ShellCompDirectiveNoFileComp
}

func loadTraining(cmd *cobra.Command) (*content.Book, error) {
	dir, err := cmd.Flags().GetString("content")
	if err != nil {
		return nil, err
	}
	return content.LoadTraining(dir)
}

func runTrain(cmd *cobra.Command, id string, o trainOptions) error {
	if o.shell {
		return joinLive(id)
	}
	if err := o.checked(); err != nil {
		return err
	}
	book, err := loadTraining(cmd)
	if err != nil {
		return err
	}
	if id != "" && book.Scenario(id) == nil {
		return usageError{fmt.Errorf("there is no incident %s%s 'whydrop train --list' lists them", content.Show(id), cmp.Or(nearIncident(book, id), ":"))}
	}
	t := &trainer{cmd: cmd, book: book, log: openProgress(cmd), level: o.level, scorecard: o.scorecard, anew: o.anew, onHost: o.live, inside: o.inside}
	if o.list {
		return t.tellIncidents()
	}
	if o.live && !o.inside {
		return t.live(id)
	}
	if o.resume {
		if t.resume, err = t.lastLeft(id); err != nil {
			return err
		}
		id = t.resume.Scenario
	}
	return t.train(id, o)
}

// checked says what the flags ask for and cannot be.
func (o trainOptions) checked() error {
	switch {
	case o.level < 0 || o.level > 3:
		return usageError{fmt.Errorf("--level %d: expected 1, 2 or 3", o.level)}
	case o.resume && o.anew:
		return usageError{errors.New("--resume and --new: expected one of them")}
	}
	return o.check(o.resume)
}

// train holds interviews on the screen, or where none can be shown one on lines.
func (t *trainer) train(id string, o trainOptions) error {
	if !o.plain {
		why := tty.Capable(os.Stdin, os.Stdout, os.Environ())
		if why == "" {
			return t.screen(id, o)
		}
		fmt.Fprintf(t.cmd.ErrOrStderr(), "whydrop: %s, so the interview is held on plain lines (--plain)\n", why)
	}
	if id == "" {
		return t.tellIncidents()
	}
	return t.plain(id)
}

// trainer wires training sessions with the disk.
type trainer struct {
	cmd       *cobra.Command
	book      *content.Book
	log       *trained.Log
	level     int
	scorecard string       // the file that was asked for, or ""
	resume    *train.Saved // the session that was asked for, or nil
	anew      bool         // the first incident is not gone on with
	cards     []*drill.Card
	told      []string // for the end
	onHost    bool     // --live
	inside    bool     // this process sits on the host of --live
	sick      *liveHost
}

// screen holds interviews on the screen.
func (t *trainer) screen(id string, o trainOptions) error {
	left, err := ui.RunTrain(t.cmd.Context(), ui.TrainOptions{
		Book: t.book, Incidents: t.incidents, First: id,
		Open: func(id string, anew bool) (*ui.TrainSeat, error) { return t.seat(id, anew) },
		Look: ui.Look{Theme: t.cmd.Flag("theme").Value.String(), Colours: t.cmd.Flag("colour").Value.String(), Keys: o.keys},
	})
	for _, line := range t.told {
		fmt.Fprintln(t.cmd.ErrOrStderr(), line)
	}
	if left {
		fmt.Fprintf(t.cmd.ErrOrStderr(), "The interview is kept: whydrop train --resume goes on with it.\n")
	}
	return err
}

// plain holds one interview on lines.
func (t *trainer) plain(id string) error {
	seat, err := t.seat(id, false)
	if err != nil {
		return err
	}
	defer seat.Close()
	signal.Ignore(syscall.SIGPIPE) // a reader that goes away must not take the session with it
	typed := terminal(os.Stdin)
	o := plain.TrainOptions{
		In: t.cmd.InOrStdin(), Out: t.cmd.OutOrStdout(), Session: seat.Session, Book: t.book, Notes: seat.Notes,
		Kept: seat.Kept, Typed: typed, Shown: typed && terminal(os.Stdout),
	}
	if t.scorecard != "" {
		o.Scorecard = seat.Scorecard
	}
	if t.inside {
		o.In, o.Shell, o.Fixed = t.sick.input, t.sick.shell, t.sick.fixed(seat.Session)
	}
	err = plain.Train(t.cmd.Context(), o)
	if f := seat.Session.Feedback(); f != nil {
		advice, unkept := seat.Learned(seat.Session, f)
		err = errors.Join(err, unkept)
		for _, a := range advice {
			fmt.Fprintf(t.cmd.OutOrStdout(), "Next: %s: %s (%s)\n", a.Do, a.Command, a.Why)
		}
	}
	return err
}

// incidents are what can be chosen from, as they stand now.
func (t *trainer) incidents() []ui.TrainIncident {
	s := trained.Summarize(t.log.Entries(), time.Now())
	suggested, why := "", ""
	for _, a := range t.advice() {
		if id, is := strings.CutPrefix(a.Command, "whydrop train "); is {
			suggested, why = id, a.Why
		}
	}
	left := t.left()
	var all []ui.TrainIncident
	for _, sc := range t.book.Scenarios {
		if t.level != 0 && sc.Level != t.level || t.onHost && t.elsewhere(sc) {
			continue
		}
		i := ui.TrainIncident{ID: sc.ID, Title: sc.Title, Level: sc.Level}
		for _, d := range s.Done {
			if d.ID == sc.ID {
				i.Times, i.Best = d.Times, d.Best
			}
		}
		if n := slices.IndexFunc(left, func(s train.Saved) bool { return s.Scenario == sc.ID && !s.Over }); n >= 0 {
			i.Begun, i.Steps = true, left[n].Steps
		}
		if sc.ID == suggested {
			i.Why = why
		}
		all = append(all, i)
	}
	return all
}

// tellIncidents lists the incidents.
func (t *trainer) tellIncidents() error {
	var b bytes.Buffer
	for _, i := range t.incidents() {
		how := ""
		switch {
		case i.Begun:
			how = fmt.Sprintf("begun, %s", counted(i.Steps, "step", "steps"))
		case i.Times > 0:
			how = fmt.Sprintf("done %s, best %.0f %%", counted(i.Times, "time", "times"), 100*i.Best)
		case i.Why != "":
			how = "suggested"
		}
		fmt.Fprintln(&b, strings.TrimRight(fmt.Sprintf("%d  %-24s  %-40s  %s", i.Level, content.Show(i.ID), content.Show(i.Title), how), " "))
	}
	for _, line := range t.damaged() {
		fmt.Fprintf(&b, "\n%s.\n", line)
	}
	command := "whydrop train INCIDENT"
	if t.onHost {
		command = "whydrop train --live INCIDENT"
	}
	fmt.Fprintf(&b, "\n%s begins one.\n", command)
	_, err := b.WriteTo(t.cmd.OutOrStdout())
	return err
}

// advice is what to do next.
func (t *trainer) advice() []trained.Advice {
	if t.cards == nil {
		t.cards, _ = drill.Cards(t.book) // without cards there is advice on scenarios
	}
	now := time.Now()
	status := drill.NewDeck(t.cards, t.log.Entries(), func() time.Time { return now }).Status(drill.Options{})
	o := outlook(t.book, status)
	if t.level != 0 {
		o.Scenarios = slices.DeleteFunc(o.Scenarios, func(s trained.Scenario) bool { return s.Level != t.level })
	}
	return trained.Summarize(t.log.Entries(), now).Next(o)
}

// seat opens an incident, or goes on with the session that is kept of it.
func (t *trainer) seat(id string, anew bool) (*ui.TrainSeat, error) {
	sc := t.book.Scenario(id)
	host, err := t.host(sc)
	if err != nil {
		return nil, err
	}
	if t.inside {
		return t.sick.seated(t.begin(sc, host)), nil
	}
	saved := t.resume
	anew = anew || t.anew
	t.resume, t.anew = nil, false
	if saved == nil {
		all := t.left()
		if n := slices.IndexFunc(all, func(s train.Saved) bool { return s.Scenario == id && !s.Over }); n >= 0 {
			saved = &all[n]
		}
	}
	if saved == nil || anew {
		return t.begin(sc, host), nil
	}
	log, events, notes, err := train.Logs.Resume(saved.Path)
	if errors.Is(err, eventlog.ErrInUse) {
		return nil, fmt.Errorf("this interview is open in another whydrop: close that one to go on here, or begin it anew with whydrop train --new %s", sc.ID)
	}
	if err != nil {
		return nil, err
	}
	s, more := train.Replay(t.book, sc, host, events)
	s.Keep = log.Append
	seat := t.seated(s, log)
	seat.Notes = slices.Concat(seat.Notes, notes, more)
	if s.Live() && s.Concluded() == nil {
		seat.Notes = append(seat.Notes, "The live host of this interview is gone: from here on you measure what was recorded of one like it.")
	}
	if saved.Over {
		return seat, nil
	}
	seat.Notes = append(seat.Notes, fmt.Sprintf("You go on with the interview that you left on %s; whydrop train --new %s begins it anew.", saved.Last.Local().Format("2006-01-02 at 15:04"), sc.ID))
	return seat, nil
}

// begin begins a new session. Where nothing can be kept, it says so and goes on.
func (t *trainer) begin(sc *content.Scenario, host train.Host) *ui.TrainSeat {
	s := train.New(t.book, sc, host)
	s.Repeat = slices.ContainsFunc(t.log.Entries(), func(e trained.Entry) bool { return e.Kind == trained.Train && e.Scenario == sc.ID })
	var wrong []string
	for i, dir := range trainDirectories() {
		if !own(dir) {
			continue
		}
		log, err := train.Logs.Create(dir, sc.ID, time.Now())
		if err != nil {
			wrong = append(wrong, err.Error())
			continue
		}
		s.Keep = log.Append
		seat := t.seated(s, log)
		if i > 0 {
			seat.Notes = append(seat.Notes, "This interview is kept in "+log.Path+", for the state directory takes nothing.")
		}
		return seat
	}
	seat := t.seated(s, nil)
	seat.Notes = append(seat.Notes, fmt.Sprintf("This interview is NOT kept: %s.", strings.Join(wrong, "; ")))
	return seat
}

// seated is a session with what the seat needs of the disk; the log is nil where
// nothing is kept.
func (t *trainer) seated(s *train.Session, log *train.Log) *ui.TrainSeat {
	name := time.Now().UTC().Format("20060102-150405") + "-" + s.Scenario().ID
	seat := &ui.TrainSeat{Session: s, Scorecard: t.writeScorecard, Close: func() {}}
	if s.Repeat {
		seat.Notes = append(seat.Notes, "You have seen the end of this incident before: this is practice, and the scorecard says so.")
	}
	if log != nil {
		name = filepath.Base(log.Path)
		draft := log.Path + ".draft"
		seat.Draft = readDraft(draft)
		seat.KeepDraft = func(d ui.TrainDraft) error { return keepDraft(draft, d) }
		seat.Kept = func() bool { return worthKeeping(s) || !emptyDraft(seat.Draft) }
		seat.Close = func() {
			log.Close()
			if s.Concluded() == nil && !seat.Kept() {
				os.Remove(log.Path)
			}
		}
	}
	written := false
	seat.Learned = func(s *train.Session, f *train.Feedback) ([]ui.TrainAdvice, error) {
		_, err := t.log.Add(learned(t.book, name, s, f))
		if t.scorecard != "" && (!written || f.Checked) {
			written = true
			_, unwritten := t.writeScorecard(s)
			err = errors.Join(err, unwritten)
		}
		var all []ui.TrainAdvice
		for _, a := range t.advice() {
			all = append(all, ui.TrainAdvice{Do: a.Do, Command: a.Command, Why: a.Why})
		}
		return all, err
	}
	return seat
}

// learned is the entry of a session that is over for the log of what was trained.
func learned(book *content.Book, name string, s *train.Session, f *train.Feedback) trained.Entry {
	sc := s.Scenario()
	e := trained.Entry{
		Kind: trained.Train, Session: name, Scenario: sc.ID, Level: sc.Level, Truths: sc.Truth,
		Groups: map[int]float64{}, Areas: map[string]float64{},
		Steps: s.Steps(), Seconds: s.Elapsed().Seconds(), Total: share(f.Total, f.Of),
	}
	for _, id := range sc.Truth {
		if c := book.Cause(id); c != nil && !slices.Contains(e.Hops, c.Hop) {
			e.Hops = append(e.Hops, c.Hop)
		}
	}
	for _, g := range f.Groups {
		if len(g.Asked) > 0 || g.Mark < 1 { // who did not ask where nothing was worth asking showed nothing
			e.Groups[g.Group.Number] = share(g.Mark, 1)
		}
	}
	for _, m := range f.Marks {
		e.Areas[string(m.Area)] = share(m.Points, train.MostPoints)
	}
	return e
}

// share is a part of a whole, 0 to 1.
func share(part, whole float64) float64 {
	if !(whole > 0) {
		return 0
	}
	return min(max(part/whole, 0), 1)
}

// writeScorecard writes the scorecard to the file that was asked for, or to a new one
// in the working directory, or where that can't be written in that for temporary
// files.
func (t *trainer) writeScorecard(s *train.Session) (string, error) {
	data := []byte(s.Scorecard())
	if t.scorecard != "" {
		return t.scorecard, os.WriteFile(t.scorecard, data, 0o600)
	}
	name := fmt.Sprintf("whydrop-train-%s-%s.md", fileName(s.Scenario().ID), s.Begun().UTC().Format("20060102-150405"))
	path, err := writeNew(".", name, data)
	if err != nil {
		path, err = writeNew(os.TempDir(), name, data)
	}
	if err == nil {
		t.told = append(t.told, "scorecard written to "+path)
	}
	return path, err
}
