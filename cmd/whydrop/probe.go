package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"whydrop/content"
	"whydrop/probes"
	"whydrop/probes/fact"
	"whydrop/probes/rights"
)

// Schemas of the command's JSON.
const (
	probesSchema = "whydrop.probes/1"
	probeSchema  = "whydrop.probe/1"
)

// minProbeDuration is the shortest pause between two looks in which a counter of
// a busy host still moves.
const minProbeDuration = 100 * time.Millisecond

type probeOptions struct {
	json     bool
	all      bool
	duration time.Duration
}

func probeCommand() *cobra.Command {
	var o probeOptions
	cmd := &cobra.Command{
		Use:   "probe [NAME]",
		Short: "List the probes, or run one alone and show what it sees",
		Long: `Without a name, probe lists the probes: what each reads, which rights it needs
to show everything, and what a look costs here and now.

With a name it runs that probe alone, two looks apart, and shows every fact and
table that it yields. A counter's "now" is its growth between the two looks.

Exit status: 0 when the probe could look or said why not; 1 failure; 2 wrong
usage.`,
		Example: `  whydrop probe
  whydrop probe sockets --duration 5s
  whydrop probe counters --json | jq .facts.values`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 1 {
				return usageError{fmt.Errorf("%q: expected one probe", args[1])}
			}
			return nil
		},
		ValidArgsFunction: completeProbe,
		RunE:              func(cmd *cobra.Command, args []string) error { return probe(cmd, args, o) },
	}
	cmd.Flags().BoolVar(&o.json, "json", false, "write JSON ("+probesSchema+", with a name "+probeSchema+")")
	cmd.Flags().BoolVar(&o.all, "all", false, "show every row, and facts that are zero")
	cmd.Flags().DurationVar(&o.duration, "duration", time.Second, "time between the two looks")
	return cmd
}

func completeProbe(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	var names []string
	if len(args) == 0 {
		for _, s := range probes.Default(probes.Knowledge{}).Sources() {
			names = append(names, cobra.CompletionWithDesc(s.Name(), s.Reads()))
		}
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

func probe(cmd *cobra.Command, args []string, o probeOptions) error {
	if o.duration < minProbeDuration || o.duration > maxDuration {
		return usageError{fmt.Errorf("--duration %v: expected %v to %v", o.duration, minProbeDuration, maxDuration)}
	}
	recoverChanges(cmd.ErrOrStderr())
	dir, err := cmd.Flags().GetString("content")
	if err != nil {
		return err
	}
	book, err := content.Load(dir)
	if err != nil {
		return err
	}
	sources := probes.Default(knowledge(cmd, book)).Sources()
	if len(args) == 0 {
		return listProbes(cmd, sources, o)
	}
	i := slices.IndexFunc(sources, func(s fact.Source) bool { return s.Name() == args[0] })
	if i < 0 {
		return usageError{unknownProbe(args[0], sources)}
	}
	return runProbe(cmd, sources[i], book, o)
}

// unknownProbe names the probes there are, and the one that was perhaps meant.
func unknownProbe(name string, sources []fact.Source) error {
	var names []string
	known := &cobra.Command{SuggestionsMinimumDistance: 2}
	for _, s := range sources {
		names = append(names, s.Name())
		known.AddCommand(&cobra.Command{Use: s.Name(), Run: func(*cobra.Command, []string) {}})
	}
	hint := ""
	if near := known.SuggestionsFor(name); len(near) > 0 {
		hint = "did you mean " + near[0] + "? "
	}
	return fmt.Errorf("there is no probe %q: %sexpected one of %s", name, hint, strings.Join(names, ", "))
}

// probeInfo is one probe as the list and the JSON tell it.
type probeInfo struct {
	Name   string      `json:"name"`
	Reads  string      `json:"reads"`
	Pace   string      `json:"pace"` // "tick", "ends" or "once"
	Needs  []fact.Need `json:"needs"`
	Status string      `json:"status"`
	Why    string      `json:"why,omitempty"`
	Cost   cost        `json:"cost"`
}

// runOne looks with one source alone, d apart, and tells what it cost.
func runOne(cmd *cobra.Command, s fact.Source, d time.Duration) (probeInfo, *fact.Facts) {
	m := &metered{Source: s}
	var tell func(time.Duration)
	if d > 2*time.Second {
		tell = progress(cmd.ErrOrStderr(), d)
	}
	f := probes.NewObserver(m).Observe(cmd.Context(), d, tell)
	if tell != nil {
		clearProgress(cmd.ErrOrStderr())
	}
	info := probeInfo{Name: s.Name(), Reads: s.Reads(), Pace: paceName(s), Needs: fact.NeedsOf(s), Cost: m.cost()}
	if info.Needs == nil {
		info.Needs = []fact.Need{}
	}
	for _, st := range f.Probes {
		info.Status, info.Why = st.Status, st.Why
	}
	return info, f
}

func paceName(s fact.Source) string {
	if p, ok := s.(fact.Paced); ok {
		switch p.Pace() {
		case fact.EndsOnly:
			return "ends"
		case fact.Once:
			return "once"
		}
	}
	return "tick"
}

func listProbes(cmd *cobra.Command, sources []fact.Source, o probeOptions) error {
	var list []probeInfo
	for _, s := range sources {
		info, _ := runOne(cmd, s, 0)
		list = append(list, info)
	}
	if o.json {
		return writeJSON(cmd.OutOrStdout(), struct {
			Schema string      `json:"schema"`
			Probes []probeInfo `json:"probes"`
		}{probesSchema, list})
	}
	return showProbes(newSheet(cmd.OutOrStdout()), list)
}

func runProbe(cmd *cobra.Command, s fact.Source, book *content.Book, o probeOptions) error {
	info, f := runOne(cmd, s, o.duration)
	f = named(cmd, book, f)
	for _, st := range f.Probes {
		info.Why = st.Why
	}
	var err error
	if o.json {
		err = writeJSON(cmd.OutOrStdout(), struct {
			Schema string      `json:"schema"`
			Probe  probeInfo   `json:"probe"`
			Facts  *fact.Facts `json:"facts"`
		}{probeSchema, info, f})
	} else {
		self, _ := rights.Self("/") // without it all rights count as missing
		gaps := findGaps([]fact.Source{s}, f, self)
		err = showProbe(newSheet(cmd.OutOrStdout()), info, f, gaps, book.Facts, o.all)
	}
	if err == nil && info.Status == "failed" {
		err = errors.New("probe " + info.Name + " failed: " + content.Show(info.Why))
	}
	return err
}

func writeJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(v); err != nil {
		return fmt.Errorf("standard output: %w", err)
	}
	return nil
}
