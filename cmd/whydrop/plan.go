package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"whydrop/checklist"
	"whydrop/probes/apply"
)

type planOptions struct {
	format   string
	duration time.Duration
	answers  string
	host     hostFlags
}

func planCommand() *cobra.Command {
	var o planOptions
	cmd := &cobra.Command{
		Use:   "plan",
		Short: "Work out what to do, and write it as text, a script, a sysctl file or Ansible tasks",
		Long: `plan observes the host, works out what to do about the causes, and writes the plan.
It only reads. The formats:

  text      for a terminal, with the values of this moment and each command
  markdown  the plan as it stands in the incident report
  sh        a script for a POSIX shell: shows, asks, keeps the values of before in a
            file, and takes everything back with undo; it may run again
  sysctl    a file for /etc/sysctl.d with the sysctls of the plan
  ansible   tasks for Ansible, which change what differs, now and over a reboot
  json      everything for programs (` + checklist.PlanSchema + `)

What is not a setting of this host stands in all of them as text: firewall rules and
applications are proposed, never changed.

With --replay the plan is for a recorded host. The values before are not known then.`,
		Example: `  whydrop plan
  whydrop plan --format sh > plan.sh
  whydrop plan --format ansible --duration 30s > tasks.yml
  whydrop plan --format markdown --redact > for-others.md
  whydrop plan --replay incident.whydrop`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error { return runPlan(cmd, o) },
	}
	f := cmd.Flags()
	f.StringVar(&o.format, "format", "text", "how to write it: "+strings.Join(checklist.Formats, ", "))
	f.DurationVar(&o.duration, "duration", 5*time.Second, "how long to observe before the plan is made")
	f.StringVar(&o.answers, "answers", "", "judge with the answers of this `file`")
	o.host.add(f, "plan for the recording as it stood then, not at its end")
	_ = cmd.RegisterFlagCompletionFunc("format", cobra.FixedCompletions(checklist.Formats, cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

func runPlan(cmd *cobra.Command, o planOptions) error {
	switch {
	case o.duration < minDuration || o.duration > maxDuration:
		return usageError{fmt.Errorf("--duration %v: expected %v to %v", o.duration, minDuration, maxDuration)}
	case !slices.Contains(checklist.Formats, o.format):
		return usageError{fmt.Errorf("--format %q: expected one of %s", o.format, strings.Join(checklist.Formats, ", "))}
	case redacting(cmd) && slices.Contains([]string{"sh", "sysctl", "ansible"}, o.format):
		return usageError{errors.New("--redact: a " + o.format + " of pseudonyms changes nothing: expected text, markdown or json")}
	}
	h, err := openHost(cmd, o.host)
	if err != nil {
		return err
	}
	defer h.close()
	c, err := openAnswered(cmd, o.answers)
	if err != nil {
		return err
	}
	if err := h.observe(cmd, c, o.duration, nil); err != nil {
		return err
	}
	made := h.now(c)
	d, read := c.Diagnose(), apply.Change.Read
	if !h.here() {
		read = nil
	}
	if anonymous := redaction(cmd); anonymous != nil {
		c, d = anonymous(c)
		read = nil // there are no such names here
	}
	if err := c.Export(d, made, read).Write(cmd.OutOrStdout(), o.format); err != nil {
		return fmt.Errorf("writing the plan: %w", err)
	}
	return nil
}
