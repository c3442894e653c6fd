package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"whydrop/checklist"
	"whydrop/content"
	"whydrop/probes"
	"whydrop/probes/fact"
	"whydrop/ui"
)

// walkWindow is how far back the walkthrough looks: what moved within it is
// evidence of a present fault.
const walkWindow = 15 * time.Second

// addWalk makes the walkthrough what whydrop does without a command.
func addWalk(root *cobra.Command) {
	var answers string
	root.Flags().StringVar(&answers, "answers", "", "begin with the answers of this `file`")
	root.RunE = func(cmd *cobra.Command, _ []string) error { return walkthrough(cmd, answers) }
}

func walkthrough(cmd *cobra.Command, answers string) error {
	if !terminal(os.Stdin) || !terminal(os.Stdout) {
		return errors.New("the walkthrough needs a terminal on standard input and output; 'whydrop diagnose' works without one")
	}
	if os.Getenv("TERM") == "dumb" {
		return errors.New("this terminal (TERM=dumb) cannot move its cursor, which the walkthrough needs; set TERM if that is wrong, 'whydrop diagnose' works without")
	}
	// A mistake in the answers is told before the screen is taken; the content
	// itself is loaded behind the first screen.
	open := func() (*checklist.Case, error) { return openCase(cmd) }
	if answers != "" {
		c, err := openCase(cmd)
		if err != nil {
			return err
		}
		if err := readAnswers(c, answers, cmd.InOrStdin()); err != nil {
			return err
		}
		open = func() (*checklist.Case, error) { return c, nil }
	}
	var written reports
	opened := make(chan *content.Book, 1) // the probes need it too
	left, err := ui.Run(cmd.Context(), ui.Options{
		Open: func() (*checklist.Case, error) {
			c, err := open()
			if err == nil {
				opened <- c.Book
			}
			return c, err
		},
		Watch: func(ctx context.Context, each func(*fact.Facts)) {
			select {
			case <-ctx.Done():
			case book := <-opened:
				probes.Default(knowledge(cmd, book)).Watch(ctx, walkWindow, each)
			}
		},
		Export: written.export,
	})
	for _, path := range written.list() {
		fmt.Fprintf(cmd.ErrOrStderr(), "report written to %s\n", path)
	}
	return errors.Join(err, keepAnswers(cmd, left))
}

// reports are the reports that were written, to be told again when the screen
// is left.
type reports struct {
	mu    sync.Mutex
	paths []string
}

func (r *reports) export(c *checklist.Case, d *checklist.Diagnosis) (string, error) {
	path, err := exportReport(c, d)
	if err == nil {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.paths = append(r.paths, path)
	}
	return path, err
}

func (r *reports) list() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.paths
}

// exportReport writes the incident report into the working directory, or where
// that can't be written into the directory for temporary files.
func exportReport(c *checklist.Case, d *checklist.Diagnosis) (string, error) {
	var report bytes.Buffer
	if err := c.WriteReport(&report, d, time.Now()); err != nil {
		return "", err
	}
	host := "host"
	if c.Facts != nil && c.Facts.Host != "" {
		host = fileName(c.Facts.Host)
	}
	name := fmt.Sprintf("whydrop-%s-%s.md", host, time.Now().UTC().Format("20060102-150405"))
	path, err := writeNew(".", name, report.Bytes())
	if err != nil {
		path, err = writeNew(os.TempDir(), name, report.Bytes())
	}
	return path, err
}

// fileName keeps of a host's name what is safe in a file's name.
func fileName(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' {
			return r
		}
		return '_'
	}, s)
}

// writeNew writes a new file, readable by its owner only, and never over an
// existing one: a number is put behind the name instead.
func writeNew(dir, name string, data []byte) (string, error) {
	ext := filepath.Ext(name)
	for n := 1; ; n++ {
		path := filepath.Join(dir, name)
		if n > 1 {
			path = filepath.Join(dir, fmt.Sprintf("%s-%d%s", strings.TrimSuffix(name, ext), n, ext))
		}
		f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		if errors.Is(err, os.ErrExist) && n < 100 {
			continue
		}
		if err != nil {
			return "", err
		}
		_, err = f.Write(data)
		if err := errors.Join(err, f.Close()); err != nil {
			return "", err
		}
		if abs, err := filepath.Abs(path); err == nil {
			path = abs
		}
		return path, nil
	}
}

// keepAnswers writes the answers of a walkthrough that ends to the state
// directory, so that nothing typed is lost, and says where.
func keepAnswers(cmd *cobra.Command, c *checklist.Case) error {
	if c == nil || len(c.Answers) == 0 {
		return nil
	}
	data, err := c.AnswersYAML()
	if err != nil {
		return err
	}
	dir := os.Getenv("XDG_STATE_HOME")
	if home, err := os.UserHomeDir(); dir == "" && err == nil {
		dir = filepath.Join(home, ".local", "state")
	}
	name := "answers-" + c.Started.UTC().Format("20060102-150405") + ".yaml"
	path, err := "", errors.New("no state directory")
	if dir != "" {
		dir = filepath.Join(dir, "whydrop")
		if err = os.MkdirAll(dir, 0o700); err == nil {
			path, err = writeNew(dir, name, data)
		}
	}
	if err != nil {
		path, err = writeNew(os.TempDir(), "whydrop-"+name, data)
	}
	if err != nil {
		return fmt.Errorf("the answers could not be kept: %w", err)
	}
	fmt.Fprintf(cmd.ErrOrStderr(), "answers kept in %s; go on with: whydrop --answers %s\n", path, path)
	return nil
}
