package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"whydrop/checklist/redact"
	"whydrop/content"
	"whydrop/probes/fact"
	"whydrop/probes/record"
	"whydrop/ui"
)

// maxEvery is the slowest rate of a recording: each observation tells of the time
// since the one before, and that should not be longer.
const maxEvery = 5 * time.Minute

type recordOptions struct {
	out      string
	duration time.Duration
	every    time.Duration
	share    bool
	force    bool
	replay   []string
	remote   remoteFlags
}

func recordCommand() *cobra.Command {
	var o recordOptions
	cmd := &cobra.Command{
		Use:   "record",
		Short: "Record what the probes see, to look at it later or elsewhere",
		Long: `record watches the host and writes everything that the probes see into one
compressed file, an observation a second, until --duration is over or Ctrl+C. The
walkthrough, diagnose and plan run on that file with --replay as on the host itself.
It only reads the host.

The file can be read up to where it ends, also while it is written, and after a crash
or on a full disk. It is for its owner only (mode 0600), and no file is overwritten
without --force. It holds addresses, host names and firewall rules; --share gives
all of them pseudonyms, and with --replay does so to what was recorded before.

Exit status: 0 when something was recorded; 1 failure; 2 wrong usage.`,
		Example: `  whydrop record -o incident.whydrop
  whydrop record -o night.whydrop --duration 8h --every 10s
  whydrop record -o for-others.whydrop --duration 5m --share
  whydrop record --replay incident.whydrop -o for-others.whydrop --share
  whydrop record --host root@web1 -o web1.whydrop --duration 1m
  whydrop --replay incident.whydrop`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error { return runRecord(cmd, o) },
	}
	f := cmd.Flags()
	f.StringVarP(&o.out, "output", "o", "", "the `FILE` to write; - for standard output")
	f.DurationVar(&o.duration, "duration", 0, "how long to record; 0 until it is stopped")
	f.DurationVar(&o.every, "every", time.Second, "time between two observations")
	f.BoolVar(&o.share, "share", false, "give pseudonyms to addresses, hosts, users, programs and other names of yours, as --redact does")
	f.BoolVar(&o.force, "force", false, "overwrite the file if there is one")
	f.StringArrayVar(&o.replay, "replay", nil, "record this `FILE` again instead of a host, to share it")
	o.remote.add(f)
	return cmd
}

func (o recordOptions) check() error {
	switch {
	case o.out == "":
		return errors.New("-o: expected a file to write, or - for standard output")
	case o.duration < 0 || o.duration > 0 && o.duration < minDuration:
		return fmt.Errorf("--duration %v: expected %v or more, or 0s to record until it is stopped", o.duration, minDuration)
	case o.every < time.Second || o.every > maxEvery:
		return fmt.Errorf("--every %v: expected %v to %v", o.every, time.Second, maxEvery)
	}
	return o.remote.check(len(o.replay) > 0)
}

func runRecord(cmd *cobra.Command, o recordOptions) error {
	if err := o.check(); err != nil {
		return usageError{err}
	}
	book, err := loadContent(cmd)
	if err != nil {
		return err
	}
	if len(o.replay) > 0 {
		return o.again(cmd, book)
	}
	there, err := o.remote.dial(cmd)
	if err != nil {
		return err
	}
	if there != nil {
		defer there.Close()
	}
	out, err := createRecording(cmd, o)
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(cmd.Context())
	defer stop()
	t := &taping{out: out, every: o.every, duration: o.duration, progress: cmd.ErrOrStderr(), stop: stop, far: there != nil}
	if o.share || redacting(cmd) {
		t.redactor, t.redacted = newRedactor(book), true
	}
	err = watchHost(ctx, cmd, book, there, max(walkWindow, o.every), t.take)
	clearProgress(cmd.ErrOrStderr())
	return errors.Join(t.end(cmd.ErrOrStderr(), o.out), err)
}

// createRecording opens the file to write.
func createRecording(cmd *cobra.Command, o recordOptions) (*os.File, error) {
	if o.out == "-" {
		if terminal(cmd.OutOrStdout()) {
			return nil, usageError{errors.New("-o -: standard output is a terminal: expected a pipe or a file")}
		}
		signal.Ignore(syscall.SIGPIPE) // a reader that goes away is told of, not died of
		return os.Stdout, nil
	}
	how := os.O_WRONLY | os.O_CREATE | os.O_EXCL
	if o.force {
		how = os.O_WRONLY | os.O_CREATE | os.O_TRUNC
	}
	f, err := os.OpenFile(o.out, how, 0o600)
	if errors.Is(err, os.ErrExist) {
		return nil, usageError{fmt.Errorf("%s is there already: expected a new file, or --force", o.out)}
	}
	if err == nil && o.force {
		if info, statErr := f.Stat(); statErr == nil && info.Mode().IsRegular() {
			err = f.Chmod(0o600)
		}
	}
	return f, err
}

// taping writes what is observed.
type taping struct {
	out      *os.File
	every    time.Duration
	duration time.Duration    // 0 until it is stopped
	redactor *redact.Redactor // nil to keep the names
	redacted bool             // they are pseudonyms
	from     string           // what it is made of, if not of this host
	progress io.Writer
	stop     func()
	far      bool // the host is another machine

	writer *record.Writer
	size   int64
	host   string
	begin  time.Time // of the first observation, by the clock of this machine
	first  time.Time // its end
	last   time.Time
	passed time.Duration // between the observations: a clock may have been set back
	unseen time.Duration // of which no observation tells
	err    error         // of the file: nothing more can be written
	left   error         // of an observation that was left out
}

// Write counts what goes into the file.
func (t *taping) Write(p []byte) (int, error) {
	n, err := t.out.Write(p)
	t.size += int64(n)
	return n, err
}

// take adds an observation if it is time for one, and ends the recording after the
// last: a busy host may take long to show its first.
func (t *taping) take(f *fact.Facts) {
	at := record.EndOf(f)
	defer func() {
		if t.duration > 0 && time.Since(t.begin) >= t.duration-watchSlack {
			t.stop()
		}
	}()
	since := at.Sub(t.last) // less than nothing where the clock of the host was set back
	if t.err != nil || t.writer != nil && since >= 0 && since < t.every-watchSlack {
		return
	}
	if t.redactor != nil {
		f = t.redactor.Facts(f)
	}
	if t.writer == nil {
		t.host, t.begin, t.first = f.Host, time.Now().Add(f.Start.Sub(at)), at
		t.writer = record.NewWriter(t, record.Header{Whydrop: version(), Host: f.Host, Kernel: f.Kernel, Start: f.Start, From: t.from, Redacted: t.redacted})
	}
	before := t.last
	if t.last = at; !before.IsZero() && since > 0 {
		t.passed += since
		t.unseen += max(0, since-at.Sub(f.Start))
	}
	if err := t.writer.Add(f); err != nil {
		t.left = err
	}
	if t.err = t.writer.Flush(); t.err != nil {
		t.last = before
		t.stop()
		return
	}
	if t.writer.Flushed() == ui.Settled {
		ui.Spare()
	}
	if terminal(t.progress) {
		fmt.Fprintf(t.progress, "\rrecording %s, %s; Ctrl+C ends it ", span(at.Sub(t.first)), bytesText(t.size))
	}
}

// watchSlack is by how much an observation may come early.
const watchSlack = 300 * time.Millisecond

// end ends the file, and tells what is in it.
func (t *taping) end(w io.Writer, name string) error {
	if t.writer == nil {
		if name != "-" {
			t.out.Close()
			os.Remove(name)
		}
		return errors.New("nothing was recorded: it was stopped before the first observation")
	}
	err := t.err
	if err == nil {
		err = t.writer.Close()
	}
	if name != "-" {
		if err == nil {
			_ = t.out.Sync() // not every file system can
		}
		if closed := t.out.Close(); err == nil {
			err = closed
		}
	}
	n := t.writer.Flushed()
	kept := fmt.Sprintf("%s of %s, %s to %s, %s", record.Observations(n), content.Show(t.host), t.first.UTC().Format(time.DateTime), day(t.last), bytesText(t.size))
	path := content.Show(quote(name))
	switch {
	case err != nil && n == 0:
		return fmt.Errorf("nothing could be recorded: %w", err)
	case err != nil:
		return fmt.Errorf("the recording ended early: %w; what it holds can be read: %s", err, kept)
	case name == "-":
		fmt.Fprintf(w, "recorded %s\n", kept)
	default:
		fmt.Fprintf(w, "recorded %s, into %s\nlook at it with: whydrop --replay %s\n", kept, path, path)
	}
	if gaps := t.gaps(n); gaps != "" {
		fmt.Fprintln(w, gaps)
	}
	if t.left != nil {
		return fmt.Errorf("an observation could not be recorded: %w", t.left)
	}
	return nil
}

// gaps says how many observations of those that were asked for are not there, ""
// where next to none is missing.
func (t *taping) gaps(have int) string {
	if t.every <= 0 {
		return ""
	}
	asked := int(math.Round(t.passed.Seconds()/t.every.Seconds())) + 1
	if missing := asked - have; missing <= asked/20 {
		return ""
	}
	text := fmt.Sprintf("%d of %s: %s", have, record.Observations(asked), t.missed())
	if t.unseen < time.Second {
		return text + "; each tells of the time before it, so no time is missing"
	}
	return text + fmt.Sprintf("; of %s no observation tells", span(t.unseen))
}

// missed is why observations are not there.
func (t *taping) missed() string {
	if t.far {
		return "the connection was lost, or the host was too busy"
	}
	return fmt.Sprintf("the host was too busy to be looked at every %v", t.every)
}

// bytesText is a size for people.
func bytesText(n int64) string {
	switch {
	case n < 1<<10:
		return fmt.Sprintf("%d B", n)
	case n < 10<<20:
		return fmt.Sprintf("%d KiB", n>>10)
	}
	return fmt.Sprintf("%d MiB", n>>20)
}
