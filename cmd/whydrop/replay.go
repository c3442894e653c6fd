package main

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"whydrop/checklist"
	"whydrop/content"
	"whydrop/probes/drops"
	"whydrop/probes/fact"
	"whydrop/probes/record"
	"whydrop/probes/record/foreign"
	"whydrop/probes/remote"
)

// hostFlags say where facts come from: this machine or a recording.
type hostFlags struct {
	replay []string
	at     string
	remote remoteFlags
}

func (h *hostFlags) add(flags *pflag.FlagSet, at string) {
	flags.StringArrayVar(&h.replay, "replay", nil, "take this `FILE` instead of this host: what whydrop record wrote, a sosreport, or pasted output of ss, nstat and the like (given several times: the oldest first)")
	flags.StringVar(&h.at, "at", "", "with --replay: "+at+" (`TIME` as 14:03:05 in UTC, 2026-03-01T14:03:05Z, +10m from its beginning, -30s from its end)")
	h.remote.add(flags)
}

// host is what the facts are about: this machine, another, or a recorded one.
type host struct {
	there     *remote.Host      // nil but for another machine
	target    string            // what that one is to try
	recording *record.Recording // nil but for a recorded one
	index     int               // the observation that --at names, or -1
	files     []string
}

// openHost opens the host that the flags name. A recording that is damaged is opened
// as far as it can be read, and what is wrong is told on standard error.
func openHost(cmd *cobra.Command, flags hostFlags) (*host, error) {
	if err := flags.remote.check(len(flags.replay) > 0); err != nil {
		return nil, usageError{err}
	}
	if len(flags.replay) == 0 {
		if flags.at != "" {
			return nil, usageError{errors.New("--at: expected with --replay")}
		}
		there, err := flags.remote.dial(cmd)
		return &host{there: there, index: -1}, err
	}
	r, err := openRecording(cmd, flags.replay)
	if err != nil {
		return nil, fmt.Errorf("--replay: %w", err)
	}
	h := &host{recording: r, index: -1, files: flags.replay}
	if r.Len() == 0 {
		why := noteShower(cmd, redacting(cmd), r.Header.Host)(strings.Join(r.Notes, "; "))
		return nil, fmt.Errorf("--replay: %s: there is nothing to judge: %s", strings.Join(flags.replay, ", "), why)
	}
	if flags.at != "" {
		at, err := r.Moment(flags.at, time.Time{})
		if err != nil {
			return nil, usageError{fmt.Errorf("--at: %w", err)}
		}
		h.index = r.Index(at)
	}
	tellNotes(cmd, r, redacting(cmd))
	return h, nil
}

// tellNotes tells on standard error what is wrong with a recording.
func tellNotes(cmd *cobra.Command, r *record.Recording, pseudonyms bool) {
	show := noteShower(cmd, pseudonyms, r.Header.Host)
	for _, note := range r.Notes {
		fmt.Fprintf(cmd.ErrOrStderr(), "whydrop: the recording: %s\n", show(note))
	}
}

// openRecording opens what --replay names: a recording, or files of others.
func openRecording(cmd *cobra.Command, paths []string) (*record.Recording, error) {
	for _, path := range paths {
		if path == "-" {
			continue
		}
		switch r, err := record.Open(path); {
		case err == nil && len(paths) == 1:
			return r, nil
		case err == nil:
			r.Close()
			return nil, fmt.Errorf("%s is a recording and %d files are named: expected one recording alone", path, len(paths))
		case !errors.Is(err, record.ErrForeign):
			return nil, err
		}
	}
	book, err := loadContent(cmd)
	if err != nil {
		return nil, err
	}
	return foreign.Open(paths, foreign.Knowledge{NICs: book, Stdin: cmd.InOrStdin()})
}

// here says whether the facts come from this machine.
func (h *host) here() bool { return h.recording == nil && h.there == nil }

// observe gives a case what the host shows: this one in the time from now on, a
// recorded one at the moment that was asked for, or at its end.
func (h *host) observe(cmd *cobra.Command, c *checklist.Case, d time.Duration, flows []drops.Flow, more ...fact.Source) error {
	if h.here() {
		recoverChanges(cmd.ErrOrStderr())
		return observe(cmd, c, d, flows, more...)
	}
	if h.there != nil {
		return observeThere(cmd, c, h, d, flows)
	}
	i := h.index
	if i < 0 {
		i = h.recording.Len() - 1
	}
	f, err := h.recording.Observation(i)
	if err != nil {
		return fmt.Errorf("--replay: %w", err)
	}
	c.Facts, c.Started = f, f.Start
	if terminal(cmd.ErrOrStderr()) || len(h.recording.Notes) > 0 {
		fmt.Fprintln(cmd.ErrOrStderr(), h.about(f, redacting(cmd)))
	}
	return nil
}

// close closes the recording.
func (h *host) close() {
	if h.recording != nil {
		_ = h.recording.Close() // it was only read
	}
	if h.there != nil {
		h.there.Close()
	}
}

// now is the time in which the host lives: that of reports about it.
func (h *host) now(c *checklist.Case) time.Time {
	if h.recording == nil || c.Facts == nil {
		return time.Now()
	}
	return record.EndOf(c.Facts)
}

// about says what is judged, if need be without saying whose it is.
func (h *host) about(f *fact.Facts, pseudonyms bool) string {
	what := recorded(h.recording)
	if pseudonyms {
		what = "a recording, " + times(h.recording)
	}
	switch {
	case f.HistoryOnly():
		return what + "; judged: one sample, which is history"
	case f.Seconds <= 0:
		return what + "; judged: what it shows, over a time that it does not tell"
	}
	return fmt.Sprintf("%s; judged: the %.0f s until %s", what, f.Seconds, day(record.EndOf(f)))
}

// recorded says what a recording is of.
func recorded(r *record.Recording) string { return recordedOf(r.Header.Host, r) }

// recordedOf says it of a host by the name that is to be told.
func recordedOf(host string, r *record.Recording) string {
	name := "a recording"
	if r.Header.From != "" {
		name = content.Show(r.Header.From)
	}
	if host != "" {
		name += " of " + content.Show(host)
	}
	return name + ", " + times(r)
}

// times says when a recording begins and ends.
func times(r *record.Recording) string {
	if r.Len() == 1 {
		return day(r.End())
	}
	end := day(r.End())
	if r.Begin().Format(time.DateOnly) == r.End().Format(time.DateOnly) {
		end = r.End().Format("15:04:05 UTC")
	}
	return fmt.Sprintf("%s to %s", r.Begin().Format(time.DateTime), end)
}

func day(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") }
