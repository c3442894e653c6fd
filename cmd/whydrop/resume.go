package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"whydrop/checklist"
	"whydrop/checklist/casefile"
	"whydrop/content"
	"whydrop/probes/fact"
)

// resumed is a case that is gone on with.
type resumed struct {
	kept *casefile.Loaded
	file *casefile.File // nil if nothing is to be written
	// look says that no host is watched: what the case holds is shown.
	look bool
	why  string // and why
}

func resumeCommand() *cobra.Command {
	var o walkOptions
	var look bool
	cmd := &cobra.Command{
		Use:   "resume [CASE]",
		Short: "Go on with a case where it was left",
		Long: `resume opens a case that the walkthrough kept, where it was left: the same screen
and question, with the answers, notes, marks and changes of before, and watches the
host again. CASE is the name of a case, its beginning, or a file; without it the
newest is taken. 'whydrop cases' lists them.

A case is kept while it is worked on, so it is whole also after a kill, a crash or a
lost connection. One whydrop at a time writes a case.

A case of another machine is gone on with by --host. On another host than that of the
case, and with --look, no host is watched: the case is shown as it was measured last. With --look nothing is written.`,
		Example: `  whydrop resume
  whydrop resume 20261121-0314
  whydrop resume --look ./20261121-031500-db1.case`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 1 {
				return usageError{fmt.Errorf("%d cases: expected one", len(args))}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			return resume(cmd, strings.Join(args, ""), look, o)
		},
		ValidArgsFunction: completeCases,
	}
	o.addLook(cmd.Flags())
	o.host.remote.add(cmd.Flags())
	cmd.Flags().BoolVar(&look, "look", false, "only look: write nothing, watch no host")
	return cmd
}

func resume(cmd *cobra.Command, name string, look bool, o walkOptions) error {
	if err := o.host.remote.check(look); err != nil {
		return usageError{err}
	}
	book, err := loadContent(cmd)
	if err != nil {
		return err
	}
	path, err := casefile.Find(name, caseDirectories()...)
	if err != nil {
		return err
	}
	of, err := casefile.HeaderOf(path)
	if err != nil {
		return err
	}
	r := &resumed{look: look, why: "only looked at"}
	here := thisHost()
	if o.host.remote.host != "" {
		if of.Demo || len(of.Replay) > 0 {
			return usageError{errors.New("--host: the case is of a recorded host")}
		}
		if o.there, err = openHost(cmd, o.host); err != nil {
			return err
		}
		defer o.there.close()
		here = remoteHeader(o.there.there, here)
	}
	if r.look {
		r.kept, err = casefile.Load(path, book)
	} else {
		err = r.goOn(path, book, of, here)
	}
	if err != nil {
		return err
	}
	o.resume, o.demo = r, r.kept.Header.Demo && !r.look
	if !r.look {
		o.host.replay = r.kept.Header.Replay
	}
	r.tell(cmd)
	err = walkthrough(cmd, o)
	if r.file != nil {
		r.file.Abandon() // what was not closed: the walkthrough did not begin
	}
	return err
}

// goOn opens the case to be written.
func (r *resumed) goOn(path string, book *content.Book, of, here casefile.Header) error {
	here.Demo, here.Replay = of.Demo, of.Replay
	if other := otherHost(of, here); other != "" && !of.Demo {
		r.look, r.why = true, other
	}
	for _, file := range of.Replay {
		if _, err := os.Stat(file); err != nil {
			r.look, r.why = true, "the recording is not there: "+content.Show(file)
		}
	}
	here.Recorded = r.look
	here.Started = time.Now()
	f, kept, err := casefile.Resume(path, book, here)
	var busy *casefile.InUseError
	if errors.As(err, &busy) || errors.Is(err, casefile.ErrForeign) {
		return fmt.Errorf("%w; to look at it: whydrop resume --look %s", err, content.Show(quote(argument(path))))
	}
	if err != nil {
		return err
	}
	r.file, r.kept = f, kept
	if r.look {
		if len(of.Replay) == 0 {
			kept.Case.Track.GoOnElsewhere(kept.Last, here.Started, kept.Ended)
		}
		return nil
	}
	kept.Case.Facts = nil                // it is measured anew
	if !of.Demo && len(of.Replay) == 0 { // whose moments are those of the recording
		kept.Case.Track.GoOn(kept.Last, here.Started, kept.Ended)
	}
	if n := len(kept.Case.Applied); n > 0 && kept.Case.Applied[n-1].Fate == checklist.Waiting {
		kept.Case.Ended(time.Now(), checklist.WentBack, "whydrop ended before it was kept")
	}
	return nil
}

// argument is how a case is named on the command line.
func argument(path string) string {
	for _, d := range caseDirectories() {
		if filepath.Dir(path) == d.Dir {
			return casefile.Name(path)
		}
	}
	return path
}

// otherHost says why a case is not about this host, "" if it is. The case of a
// recording has the host of that.
func otherHost(of, here casefile.Header) string {
	switch {
	case len(of.Replay) > 0:
		return ""
	case of.Host == "":
		return "it is not known which host it is of"
	case of.Host != here.Host:
		return fmt.Sprintf("it is of the host %s, this is %s (--host watches another machine)", content.Show(of.Host), content.Show(here.Host))
	case of.Machine != "" && here.Machine != "" && of.Machine != here.Machine:
		return fmt.Sprintf("it is of another machine that is called %s too", content.Show(of.Host))
	}
	return ""
}

// tell says what is amiss with the case, where it can still be read afterwards.
func (r *resumed) tell(cmd *cobra.Command) {
	for _, note := range r.kept.Notes {
		fmt.Fprintf(cmd.ErrOrStderr(), "whydrop: the case: %s\n", note)
	}
}

// note is one line for the screen.
func (r *resumed) note() string {
	c := r.kept.Case
	text := fmt.Sprintf("Case %s of %s: %d answered.", casefile.Name(r.kept.Path), content.Show(r.kept.Header.Host), c.Answered())
	if r.look {
		text = fmt.Sprintf("RECORDED, no host is watched: %s. ", r.why) + text
	}
	if n := len(r.kept.Notes); n > 0 {
		text += " DAMAGED OR INCOMPLETE: " + r.kept.Notes[0]
	}
	return text
}

// looking says whether only what was kept is shown.
func (o walkOptions) looking() bool { return o.resume != nil && o.resume.look }

// header is what a new case says of its host.
func (o walkOptions) header(h *host) casefile.Header {
	header := thisHost()
	if h.here() {
		return header
	}
	if h.there != nil {
		return remoteHeader(h.there, header)
	}
	header.Host, header.Kernel, header.Machine = h.recording.Header.Host, h.recording.Header.Kernel, ""
	if header.Demo = o.demo; !o.demo {
		for _, file := range o.host.replay {
			if whole, err := filepath.Abs(file); err == nil {
				file = whole
			}
			header.Replay = append(header.Replay, file)
		}
	}
	return header
}

// resumed has the walkthrough go on with a case.
func (w *walk) resumed(r *resumed) {
	w.resume = &r.kept.Place
	w.note = strings.TrimSpace(r.note() + " " + w.note)
	if r.file != nil {
		w.keeper.goOn(r.file)
		r.file = nil
	} else {
		w.keeper.looking = true
	}
	if r.look {
		w.try, w.apply = nil, nil
		w.watch = func(ctx context.Context, _ func(*fact.Facts)) { <-ctx.Done() }
	}
}

// completeCases completes the name of a case.
func completeCases(_ *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
	all, _ := casefile.List(caseDirectories()...)
	var names []string
	for _, s := range all {
		names = append(names, s.Name+"\t"+content.Show(s.Host))
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}
