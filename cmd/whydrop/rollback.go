package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

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
somebody else changed since, or a later change of whydrop's, is left alone and told,
unless --force is given.

Exit status: 0 when everything that was named is as it was before; 1 when something
was left alone or could not be set back; 2 wrong usage.`,
		Example: "  whydrop rollback\n  whydrop rollback 20261121-031500-4711\n  whydrop rollback --all",
		RunE:    func(cmd *cobra.Command, args []string) error { return rollback(cmd, args, all, force) },
	}
	cmd.Flags().BoolVar(&all, "all", false, "take back all changes that stand")
	cmd.Flags().BoolVar(&force, "force", false, "set back also what somebody else changed since")
	hereOnly(cmd)
	return cmd
}

func rollback(cmd *cobra.Command, names []string, all, force bool) error {
	if all && len(names) > 0 {
		return usageError{errors.New("--all and the name of a change: expected one of them")}
	}
	recoverChanges(cmd.ErrOrStderr())
	for _, dir := range changesDirs() {
		tellErrors(cmd.ErrOrStderr(), apply.Forget(dir))
	}
	records, unread := allRecords()
	var err error
	if unread != nil {
		err = errors.New("not all records could be read: see above")
	}
	defer func() {
		for _, r := range records {
			r.Close()
		}
	}()
	if len(names) == 0 && !all {
		return errors.Join(listChanges(cmd, records), printable(err))
	}
	chosen, err2 := chooseRecords(cmd, records, names, all)
	if err2 != nil {
		return err2
	}
	for i := len(chosen) - 1; i >= 0; i-- { // the newest first: it may lie over an older one
		r := chosen[i]
		undone := r.Undo(force)
		err = errors.Join(err, undone)
		if undone == nil {
			fmt.Fprintf(cmd.OutOrStdout(), "%s: taken back (%s)\n", r.Name(), content.Show(r.Title))
		}
	}
	return printable(err)
}

// allRecords are the records of all folders, the oldest first within each.
func allRecords() (records []*apply.Record, err error) {
	for _, dir := range changesDirs() {
		more, failed := apply.Records(dir)
		records, err = append(records, more...), errors.Join(err, failed)
	}
	return records, err
}

// chooseRecords returns the records of which something stands: those named, or all.
func chooseRecords(cmd *cobra.Command, records []*apply.Record, names []string, all bool) (chosen []*apply.Record, err error) {
	named := map[string]bool{}
	for _, n := range names {
		named[n] = true
	}
	known := map[string]bool{}
	for _, r := range records {
		known[r.Name()] = true
		switch {
		case !all && !named[r.Name()]:
		case r.Standing() || r.Damaged > 0:
			chosen = append(chosen, r)
		case !all:
			fmt.Fprintf(cmd.OutOrStdout(), "%s: nothing of it stands\n", r.Name())
		}
	}
	for _, n := range names {
		if known[n] {
			continue
		}
		for _, dir := range changesDirs() {
			known[n] = known[n] || apply.Retired(dir, n)
		}
		if !known[n] {
			return nil, usageError{fmt.Errorf("there is no change %q: 'whydrop rollback' lists them", content.Show(n))}
		}
		fmt.Fprintf(cmd.OutOrStdout(), "%s: nothing of it stands\n", n)
	}
	return chosen, nil
}

// listChanges tells the records of which something stands.
func listChanges(cmd *cobra.Command, records []*apply.Record) error {
	out := cmd.OutOrStdout()
	none := true
	for _, r := range records {
		if r.Standing() || r.Damaged > 0 {
			none = false
			list(cmd, r)
		}
	}
	if none {
		fmt.Fprintln(out, "No change of whydrop's stands.")
	}
	if _, err := os.Stat(filepath.Dir(rootChanges[0])); os.Geteuid() != 0 && err == nil {
		fmt.Fprintln(out, "This lists the changes of this user; sudo whydrop rollback lists those of root.")
	}
	return nil
}

// list tells a record.
func list(cmd *cobra.Command, r *apply.Record) {
	out := cmd.OutOrStdout()
	state := "kept"
	switch {
	case r.Pending() && !r.Ended:
		state = "not kept yet: it goes back by itself"
	case !r.Kept:
		state = "could not be taken back wholly"
	}
	if r.Elsewhere() {
		state += "; in another network namespace"
	}
	fmt.Fprintf(out, "%s  %s (%s)\n", r.Name(), content.Show(r.Title), state)
	for _, e := range r.Entries {
		if e.Undone {
			continue
		}
		left := ""
		if e.Left {
			left = "; somebody else changed it since, --force sets it back"
		}
		fmt.Fprintf(out, "  %s: %s -> %s%s\n", content.Show(e.Change.Name()), content.Show(e.Was.Text), content.Show(e.Change.To), left)
	}
	if r.Damaged > 0 {
		fmt.Fprintf(out, "  damaged in line %d: what stands behind it is not known (%s)\n", r.Damaged, content.Show(r.Path))
	}
}
