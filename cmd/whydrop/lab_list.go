package main

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"whydrop/probes/lab"
)

// labSchema is the schema of the list's JSON.
const labSchema = "whydrop.lab/1"

// faultInfo is one scenario as the JSON tells it.
type faultInfo struct {
	Name     string   `json:"name"`
	About    string   `json:"about"`
	Causes   []string `json:"causes"` // none: a healthy host
	Also     []string `json:"also"`   // causes that hold as companions
	SeenFrom string   `json:"seen_from"`
	Needs    string   `json:"needs,omitempty"`
	Settings []string `json:"settings"`            // sysctls of the whole machine that it changes
	Alone    string   `json:"alone,omitempty"`     // what else it takes of the whole machine
	Unseen   string   `json:"unseen,omitempty"`    // why it cannot be told inside the host
	UnseenBy string   `json:"unseen_by,omitempty"` // by whom; nobody at all if empty
}

func labListCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "list [WORD]...",
		Short: "List the faults and the healthy hosts that can be made",
		Long: `list shows every fault that the lab can make, by the place on the packet's way
where it is; the hosts with two faults and the healthy ones come last. With words,
it shows those whose name, cause or description contains all of them.`,
		Example: "  whydrop lab list\n  whydrop lab list listen\n  whydrop lab list loss client --json",
		RunE: func(cmd *cobra.Command, args []string) error {
			found := matching(lab.All(), args)
			if asJSON {
				return writeFaults(cmd.OutOrStdout(), found)
			}
			if len(found) == 0 {
				return fmt.Errorf("no fault has %q in its name, cause or description", strings.Join(args, " "))
			}
			return showFaults(newSheet(cmd.OutOrStdout()), found, len(args) > 0)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "write JSON ("+labSchema+")")
	return cmd
}

// matching are the scenarios that contain every word.
func matching(all []lab.Scenario, words []string) []lab.Scenario {
	return slices.DeleteFunc(all, func(s lab.Scenario) bool {
		text := strings.ToLower(strings.Join([]string{s.Name, s.Cause, s.And, s.About}, " "))
		return slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(text, strings.ToLower(w)) })
	})
}

func writeFaults(w io.Writer, found []lab.Scenario) error {
	list := []faultInfo{}
	for _, s := range found {
		list = append(list, faultInfo{
			Name: s.Name, About: s.About, Causes: causesOf(s), Also: append([]string{}, s.Also...), SeenFrom: s.Host(),
			Needs: s.Needs, Alone: s.Alone, Settings: append([]string{}, s.Settings...), Unseen: s.Unseen, UnseenBy: s.UnseenBy,
		})
	}
	return writeJSON(w, struct {
		Schema string      `json:"schema"`
		Faults []faultInfo `json:"faults"`
	}{labSchema, list})
}

// causesOf are the causes that a diagnosis should name.
func causesOf(s lab.Scenario) []string {
	return slices.DeleteFunc([]string{s.Cause, s.And}, func(id string) bool { return id == "" })
}

// group is the heading under which a scenario is listed: its hop.
func group(s lab.Scenario) string {
	switch {
	case s.And != "":
		return "two faults"
	case s.Cause == "":
		return "healthy"
	}
	hop, _, _ := strings.Cut(s.Cause, ".")
	return hop
}

// showFaults writes a table; with long, each fault is described, too.
func showFaults(s *sheet, found []lab.Scenario, long bool) error {
	groups := map[string][]lab.Scenario{}
	var order []string
	name, cause := len("name"), len("cause")
	for _, f := range found {
		g := group(f)
		if groups[g] == nil {
			order = append(order, g)
		}
		groups[g] = append(groups[g], f)
		if f.And == "" { // a pair takes a line of its own
			name, cause = max(name, len(f.Name)), max(cause, len(f.Cause))
		}
	}
	last := func(g string) int { return slices.Index([]string{"two faults", "healthy"}, g) }
	slices.SortStableFunc(order, func(a, b string) int { return last(a) - last(b) })
	row := func(cells ...string) {
		s.whole(strings.TrimRight("  "+cell(cells[0], max(name, len(cells[0])), false)+"  "+cell(cells[1], max(cause, len(cells[1])), false)+"  "+cell(cells[2], 9, false)+"  "+cells[3], " "))
	}
	row("name", "cause", "seen from", "needs")
	for _, g := range order {
		s.heading(g)
		for _, f := range groups[g] {
			row(f.Name, strings.Join(causesOf(f), " + "), f.Host(), faultNeeds(f))
			if long {
				s.text("      ", f.About)
			}
		}
	}
	s.whole("")
	hint := "Words after list choose and describe some. "
	if long {
		hint = ""
	}
	s.text("", fmt.Sprintf("%d in all. %swhydrop lab shell NAME opens a shell in that host, whydrop lab run NAME COMMAND runs a command there.", len(found), hint))
	return s.flush()
}

// faultNeeds says what a fault needs beyond namespaces.
func faultNeeds(f lab.Scenario) string {
	if len(f.Settings) > 0 {
		return "root, sets " + strings.Join(f.Settings, ", ")
	}
	if f.Alone != "" {
		return f.Alone
	}
	return f.Needs
}
