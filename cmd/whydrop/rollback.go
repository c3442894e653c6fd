package main

import (
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"whydrop/content"
	"whydrop/probes/apply"
)

func rollbackCommand() *cobra.Command {
	var force, all bool
	cmd := &cobra.Command{
		Use:   "rollback [CHANGE...]",
		Short: "List what apply changed, and take it back",
		Long: `rollback without arguments lists the changes that apply made and that still stand.
With the name of one, or --all, it sets everything back that it changed, the last
first: the values of before, and the lines that keep them over a reboot. What
somebody else changed since is left alone and told, unless --force is given.`,
		Example: "  whydrop rollback\n  whydrop rollback 20261121-031500-4711\n  whydrop rollback --all",
		RunE:    func(cmd *cobra.Command, args []string) error { return rollback(cmd, args, all, force) },
	}
	cmd.Flags().BoolVar(&all, "all", false, "take back all changes that stand")
	cmd.Flags().BoolVar(&force, "force", false, "set back also what somebody else changed since")
	return cmd
}

func rollback(cmd *cobra.Command, names []string, all, force bool) error {
	dir, err := changesDir()
	if err != nil {
		return err
	}
	records, err := apply.Records(dir)
	defer func() {
		for _, r := range records {
			r.Close()
		}
	}()
	out := cmd.OutOrStdout()
	byName := map[string]*apply.Record{}
	var standing []*apply.Record
	for _, r := range records {
		byName[recordName(r)] = r
		if r.Standing() {
			standing = append(standing, r)
		}
	}
	if len(names) == 0 && !all {
		if len(standing) == 0 {
			fmt.Fprintln(out, "No change of whydrop's stands.")
		}
		for _, r := range standing {
			list(cmd, r)
		}
		return err
	}
	chosen := standing
	if !all {
		chosen = nil
		for _, n := range names {
			r := byName[n]
			if r == nil {
				return usageError{fmt.Errorf("there is no change %q: 'whydrop rollback' lists them", content.Show(n))}
			}
			chosen = append(chosen, r)
		}
	}
	for i := len(chosen) - 1; i >= 0; i-- { // the newest first: it may lie over an older one
		r := chosen[i]
		if !r.Standing() {
			fmt.Fprintf(out, "%s: nothing of it stands\n", recordName(r))
			continue
		}
		undone := r.Undo(force)
		err = errors.Join(err, undone)
		if undone == nil {
			fmt.Fprintf(out, "%s: taken back (%s)\n", recordName(r), content.Show(r.Title))
		}
	}
	return err
}

// list tells a record.
func list(cmd *cobra.Command, r *apply.Record) {
	out := cmd.OutOrStdout()
	state := "kept"
	if r.Pending() {
		state = "not kept yet: it goes back by itself"
	}
	fmt.Fprintf(out, "%s  %s (%s)\n", recordName(r), content.Show(r.Title), state)
	for _, e := range r.Entries {
		if e.Undone {
			continue
		}
		fmt.Fprintf(out, "  %s: %s -> %s\n", content.Show(e.Change.Name()), content.Show(e.Was.Text), content.Show(e.Change.To))
	}
}

// guardMain is this program as the guard of a change: see apply.StartGuard.
func guardMain() {
	if len(os.Args) != 4 || os.Args[1] != apply.GuardCommand {
		return
	}
	if err := apply.Watch(os.Args[2], os.Args[3]); err != nil {
		os.Exit(exitFailure)
	}
	os.Exit(0)
}
