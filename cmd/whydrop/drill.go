package main

import (
	"bufio"
	"context"
	"fmt"
	"maps"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"whydrop/checklist/drill"
	trained "whydrop/checklist/progress"
	"whydrop/content"
	"whydrop/ui"
	"whydrop/ui/plain"
	"whydrop/ui/tty"
)

// dueSchema is the format of drill --due --json.
const dueSchema = "whydrop.due/1"

type drillOptions struct {
	kinds, hops      []string
	fresh, count     int
	due, json, plain bool
	keys             keyChanges
}

func drillCommand() *cobra.Command {
	var o drillOptions
	var kinds []string
	for _, k := range drill.Kinds {
		kinds = append(kinds, string(k))
	}
	cmd := &cobra.Command{
		Use:   "drill",
		Short: "Short questions on the packet's journey, causes, signals, settings and commands",
		Long: `drill asks short questions and explains each answer with its source: the packet's
journey in order and what can go wrong where, which counter tells which cause and
the other way round, how to tell look-alikes apart, what a setting does and which
proposals to refuse, what a command is for, and what is only believed.

Cards come again when they are about to be forgotten (FSRS): those that are due
first, then a few new ones. A grade is on disk before the next card is shown; the
answers stand in ~/.local/state/whydrop/progress.log. It reads nothing of the host.`,
		Example: `  whydrop drill                       # what is due, then up to ten new cards
  whydrop drill --hop listen --new 5
  whydrop drill --kind journey,folklore
  whydrop drill --due                 # say what is due, ask nothing
  printf '2\n\n' | whydrop drill --kind belief --count 1   # answer, and take the proposed grade`,
		Args:              noArguments,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE:              func(cmd *cobra.Command, _ []string) error { return runDrill(cmd, o) },
	}
	flags := cmd.Flags()
	flags.StringSliceVar(&o.kinds, "kind", nil, "only cards of these kinds: "+strings.Join(kinds, ", "))
	flags.StringSliceVar(&o.hops, "hop", nil, "only cards about these places: listen, tcp, ... ('whydrop explain' lists them)")
	flags.IntVar(&o.fresh, "new", 10, "how many cards that were never shown, at most")
	flags.IntVar(&o.count, "count", 40, "how many cards in all, at most; 0 for any number")
	flags.BoolVar(&o.due, "due", false, "say what is due and end")
	flags.BoolVar(&o.json, "json", false, "with --due: write JSON ("+dueSchema+")")
	flags.BoolVar(&o.plain, "plain", false, "ask on plain lines, for screen readers, serial lines and scripts")
	flags.Var(&o.keys, "keys", "other keys, such as dont-know=x; 'whydrop config' names the actions")
	word(flags, "theme", "glyphs: what the locale promises, or these", "auto", "unicode", "ascii")
	word(flags, "colour", "colours: what the terminal promises, or so many", "auto", "16", "256", "never")
	_ = cmd.RegisterFlagCompletionFunc("kind", cobra.FixedCompletions(kinds, cobra.ShellCompDirectiveNoFileComp))
	_ = cmd.RegisterFlagCompletionFunc("hop", completeHop)
	return cmd
}

// completeHop offers the ids of the places.
func completeHop(cmd *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
	book, err := loadContent(cmd)
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var ids []string
	for _, h := range book.Hops {
		ids = append(ids, cobra.CompletionWithDesc(h.ID, h.Title))
	}
	return ids, cobra.ShellCompDirectiveNoFileComp
}

func runDrill(cmd *cobra.Command, o drillOptions) error {
	if o.fresh < 0 || o.count < 0 {
		return usageError{fmt.Errorf("--new %d, --count %d: expected 0 or more", o.fresh, o.count)}
	}
	if o.json && !o.due {
		return usageError{fmt.Errorf("--json needs --due: questions are asked of people")}
	}
	book, err := loadContent(cmd)
	if err != nil {
		return err
	}
	wanted, err := o.wanted(book)
	if err != nil {
		return err
	}
	cards, err := drill.Cards(book)
	if err != nil {
		return err
	}
	log := openProgress(cmd)
	deck := drill.NewDeck(cards, log.Entries(), time.Now)
	if o.due {
		return tellDue(cmd, deck.Status(wanted), wanted, book, o.json)
	}
	if deck.Status(wanted).Cards == 0 {
		return usageError{fmt.Errorf("no card is of kind %s and about %s", strings.Join(o.kinds, ", "), strings.Join(o.hops, ", "))}
	}
	session := deck.Begin(wanted)
	if session.Left() == 0 {
		_, err := fmt.Fprintln(cmd.OutOrStdout(), ahead(deck.Status(wanted), wanted, time.Now()))
		return err
	}
	kept := ""
	d := &drilled{
		session: session,
		keep: func(e trained.Entry) ([]trained.Entry, error) {
			path, err := log.Add(e)
			if err == nil {
				kept = path
			}
			return log.Entries(), err
		},
		place: func(hop string) string { return book.Hop(hop).Title },
		ahead: func() string { return ahead(session.Status(wanted), wanted, time.Now()) },
	}
	err = d.run(cmd, o)
	if usual := progressFiles()[0]; kept != "" && kept != usual {
		fmt.Fprintf(cmd.ErrOrStderr(), "the answers are kept in %s: %s takes none\n", content.Show(kept), content.Show(shortHome(usual)))
	}
	return err
}

// wanted are the cards that the flags ask for.
func (o drillOptions) wanted(book *content.Book) (drill.Options, error) {
	w := drill.Options{Hops: o.hops, New: o.fresh, Count: o.count}
	for _, k := range o.kinds {
		if !slices.Contains(drill.Kinds, drill.Kind(k)) {
			return w, usageError{fmt.Errorf("--kind %s: expected one of %s", content.Show(k), strings.Trim(fmt.Sprint(drill.Kinds), "[]"))}
		}
		w.Kinds = append(w.Kinds, drill.Kind(k))
	}
	for _, h := range o.hops {
		if book.Hop(h) == nil {
			var ids []string
			for _, each := range book.Hops {
				ids = append(ids, each.ID)
			}
			return w, usageError{fmt.Errorf("--hop %s: expected one of %s", content.Show(h), strings.Join(ids, ", "))}
		}
	}
	return w, nil
}

// drilled is what both forms of the drill need.
type drilled struct {
	session *drill.Session
	keep    func(trained.Entry) ([]trained.Entry, error)
	place   func(hop string) string
	ahead   func() string
}

func (d *drilled) run(cmd *cobra.Command, o drillOptions) error {
	if !o.plain {
		why := tty.Capable(os.Stdin, os.Stdout, os.Environ())
		if why == "" {
			return d.screen(cmd, o)
		}
		fmt.Fprintf(cmd.ErrOrStderr(), "whydrop: %s, so the drill asks on plain lines (--plain)\n", why)
	}
	signal.Ignore(syscall.SIGPIPE) // a reader that goes away must not take the answers with it
	typed := terminal(os.Stdin)
	return plain.RunDrill(cmd.Context(), plain.DrillOptions{
		In: cmd.InOrStdin(), Out: cmd.OutOrStdout(), Session: d.session, Keep: d.keep, Place: d.place, Ahead: d.ahead,
		Typed: typed, Shown: typed && terminal(os.Stdout),
	})
}

func (d *drilled) screen(cmd *cobra.Command, o drillOptions) error {
	var unkept error
	keep := func(e trained.Entry) ([]trained.Entry, error) {
		entries, err := d.keep(e)
		if err != nil {
			unkept = err
		}
		return entries, err
	}
	err := ui.RunDrill(cmd.Context(), ui.DrillOptions{
		Session: d.session, Keep: keep, Place: d.place, Ahead: d.ahead,
		Look: ui.Look{Theme: cmd.Flag("theme").Value.String(), Colours: cmd.Flag("colour").Value.String(), Keys: o.keys},
	})
	if all, right, fresh := d.session.Answered(); all > 0 && err == nil && context.Cause(cmd.Context()) == nil {
		fmt.Fprintf(cmd.ErrOrStderr(), "%s answered, %d known at once, %d new. %s\n", counted(all, "card", "cards"), right, fresh, d.ahead())
	}
	if err == nil && unkept != nil {
		err = fmt.Errorf("not every answer is kept: %w", unkept)
	}
	return err
}

// tellDue says what is due.
func tellDue(cmd *cobra.Command, st drill.Status, o drill.Options, book *content.Book, asJSON bool) error {
	if asJSON {
		return writeCases(cmd.OutOrStdout(), struct {
			Schema string `json:"schema"`
			drill.Status
		}{dueSchema, st})
	}
	out := bufio.NewWriter(cmd.OutOrStdout())
	fmt.Fprintln(out, ahead(st, o, time.Now()))
	for _, h := range book.Hops {
		if n := st.ByHop[h.ID]; n > 0 {
			fmt.Fprintf(out, "  %-9s %3d  %s\n", h.ID, n, h.Title)
		}
	}
	for _, k := range slices.Sorted(maps.Keys(st.ByKind)) {
		fmt.Fprintf(out, "  --kind %-8s %3d\n", k, st.ByKind[k])
	}
	return out.Flush()
}

// ahead says what there is to ask and when there is more.
func ahead(st drill.Status, o drill.Options, now time.Time) string {
	of := ""
	if len(o.Kinds)+len(o.Hops) > 0 {
		of = " of those that are wanted"
	}
	text := "No card" + of + " is due"
	if st.Due > 0 {
		text = counted(st.Due, "card", "cards") + of + map[bool]string{true: " is due", false: " are due"}[st.Due == 1]
	}
	text += fmt.Sprintf("; %d of %d were never shown.", st.New, st.Cards)
	if !st.Next.IsZero() {
		text += " The next falls due " + when(st.Next, now) + "."
	}
	return text
}

// when is a time to come in words.
func when(t, now time.Time) string {
	day := func(t time.Time) int64 {
		y, m, d := t.In(now.Location()).Date()
		return time.Date(y, m, d, 0, 0, 0, 0, time.UTC).Unix() / 86400
	}
	switch days := day(t) - day(now); {
	case days <= 0 && t.Sub(now) < time.Minute:
		return "now"
	case days <= 0:
		return "at " + t.In(now.Location()).Format("15:04")
	case days == 1:
		return "tomorrow"
	default:
		return fmt.Sprintf("in %d days", days)
	}
}

// counted is a number with what it counts.
func counted(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
