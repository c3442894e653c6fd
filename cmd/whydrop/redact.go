package main

import (
	"bytes"
	"io"
	"os"
	"strings"
	"sync"

	"github.com/spf13/cobra"

	"whydrop/checklist"
	"whydrop/checklist/redact"
	"whydrop/content"
	"whydrop/probes/fact"
)

// addRedact adds the flag that makes what is handed on name nobody.
func addRedact(root *cobra.Command) {
	root.PersistentFlags().Bool("redact", false, "give pseudonyms to addresses, hosts, users, programs and other names of yours in what is written or exported")
}

func redacting(cmd *cobra.Command) bool {
	on, _ := cmd.Flags().GetBool("redact")
	return on
}

// redaction returns what gives a case pseudonyms, the same ones each time; nil if
// that is not asked for. The key is a new one in each run, and forgotten.
func redaction(cmd *cobra.Command) func(*checklist.Case) (*checklist.Case, *checklist.Diagnosis) {
	if !redacting(cmd) {
		return nil
	}
	var once sync.Once
	var r *redact.Redactor
	return func(c *checklist.Case) (*checklist.Case, *checklist.Diagnosis) {
		once.Do(func() { r = newRedactor(c.Book) })
		return r.Case(c)
	}
}

// redactNote tells in the walkthrough what has pseudonyms and what has not; "" without
// them.
func redactNote(cmd *cobra.Command) string {
	if !redacting(cmd) {
		return ""
	}
	return "Here stand the real names, and in the case that is kept; reports that are written have pseudonyms (--redact)."
}

// newRedactor knows who runs whydrop: the name may stand in a note.
func newRedactor(book *content.Book) *redact.Redactor {
	r := redact.New(book, nil)
	for _, name := range []string{userName(), os.Getenv("SUDO_USER")} {
		if !strings.Contains(name, " ") { // "uid 1000"
			r.User(name)
		}
	}
	return r
}

// named returns facts as they are shown: with pseudonyms, if that is asked for.
func named(cmd *cobra.Command, book *content.Book, f *fact.Facts) *fact.Facts {
	if redacting(cmd) {
		return newRedactor(book).Facts(f)
	}
	return f
}

// noteShower returns what makes a note about a host fit to be shown: without control
// characters and, if pseudonyms are asked for, without a name in it.
func noteShower(cmd *cobra.Command, pseudonyms bool, host string) func(string) string {
	if !pseudonyms {
		return func(note string) string { return content.Show(note) }
	}
	book, err := loadContent(cmd)
	if err != nil {
		return func(string) string { return "(a note that may hold names)" }
	}
	r := newRedactor(book)
	r.Facts(&fact.Facts{Host: host})
	return func(note string) string { return content.Show(r.Words(note)) }
}

// redactCheckup lets what the doctor found be written, with pseudonyms for the host,
// the user and whatever looks like a name, if that is asked for.
func redactCheckup(cmd *cobra.Command, c *checkup, write func(io.Writer) error) error {
	if !redacting(cmd) {
		return write(cmd.OutOrStdout())
	}
	book, err := loadContent(cmd)
	if err != nil {
		return err
	}
	r := newRedactor(book)
	c.Host = r.Facts(&fact.Facts{Host: c.Host}).Host
	if !strings.Contains(c.User, " ") {
		c.User = r.User(c.User)
	}
	var text bytes.Buffer
	if err := write(&text); err != nil {
		return err
	}
	_, err = io.WriteString(cmd.OutOrStdout(), r.Text(text.String()))
	return err
}

// export writes the report into a file, redacted if that is asked for: its name
// too.
func (w *walk) export(c *checklist.Case, d *checklist.Diagnosis) (string, error) {
	now := w.host.now(c)
	if w.redact != nil {
		c, d = w.redact(c)
	}
	return exportReport(c, d, now)
}
