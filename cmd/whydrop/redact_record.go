package main

import (
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"whydrop/content"
	"whydrop/probes/fact"
)

// again records what was recorded before: to share it, or to make one file of what
// others recorded.
func (o recordOptions) again(cmd *cobra.Command, book *content.Book) error {
	if cmd.Flag("duration").Changed || cmd.Flag("every").Changed {
		return usageError{errors.New("--replay: expected without --duration and --every, all of the recording is written")}
	}
	for _, path := range o.replay {
		from, err := os.Stat(path)
		if to, toErr := os.Stat(o.out); err == nil && toErr == nil && os.SameFile(from, to) {
			return usageError{fmt.Errorf("-o %s: expected another file than the one that is read", o.out)}
		}
	}
	r, err := openRecording(cmd, o.replay)
	if err != nil {
		return fmt.Errorf("--replay: %w", err)
	}
	defer r.Close()
	tellNotes(cmd, r, o.share || redacting(cmd))
	out, err := createRecording(cmd, o)
	if err != nil {
		return err
	}
	t := &taping{out: out, progress: cmd.ErrOrStderr(), stop: func() {}, from: r.Header.From, redacted: r.Header.Redacted}
	if o.share || redacting(cmd) {
		t.redactor = newRedactor(book)
		// A name may stand in a sentence long before a table shows what it names.
		err = r.Each(func(f *fact.Facts) bool {
			t.redactor.Facts(f)
			return cmd.Context().Err() == nil
		})
		t.from, t.redacted = t.redactor.Words(t.from), true
	}
	if err == nil {
		err = r.Each(func(f *fact.Facts) bool {
			t.take(f)
			return t.err == nil && cmd.Context().Err() == nil
		})
	}
	clearProgress(cmd.ErrOrStderr())
	return errors.Join(err, t.end(cmd.ErrOrStderr(), o.out))
}
