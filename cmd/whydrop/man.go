package main

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"
)

// manCommand writes the manual pages, for a package to install.
func manCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "man DIRECTORY",
		Short: "Write the manual pages into a directory",
		Long: `man writes the manual pages of whydrop and of its commands, one file each, into a
directory, for a package to install as /usr/share/man/man1. 'whydrop completion'
writes the completions for a shell.`,
		Example: "  whydrop man ~/.local/share/man/man1",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usageError{fmt.Errorf("expected one directory, got %d arguments", len(args))}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := os.MkdirAll(args[0], 0o755); err != nil {
				return err
			}
			cmd.Root().DisableAutoGenTag = true
			date := released()
			header := &doc.GenManHeader{Section: "1", Source: "whydrop " + version(), Manual: "whydrop", Date: &date}
			if err := doc.GenManTree(cmd.Root(), header, args[0]); err != nil {
				return err
			}
			pages, _ := filepath.Glob(filepath.Join(args[0], "whydrop*.1"))
			fmt.Fprintf(cmd.ErrOrStderr(), "%d pages written to %s\n", len(pages), args[0])
			return nil
		},
	}
}

// released is when the program's source was committed, so that the pages of one
// source are always the same; the epoch where the build does not know. As in all
// builds that can be repeated, SOURCE_DATE_EPOCH (seconds) goes before.
func released() time.Time {
	if s, err := strconv.ParseInt(os.Getenv("SOURCE_DATE_EPOCH"), 10, 64); err == nil {
		return time.Unix(s, 0).UTC()
	}
	info, _ := debug.ReadBuildInfo()
	if info != nil {
		for _, s := range info.Settings {
			if s.Key != "vcs.time" {
				continue
			}
			if at, err := time.Parse(time.RFC3339, s.Value); err == nil {
				return at
			}
		}
	}
	return time.Unix(0, 0).UTC()
}
