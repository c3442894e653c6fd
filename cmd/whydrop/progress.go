package main

import (
	"bufio"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"whydrop/checklist/drill"
	trained "whydrop/checklist/progress"
	"whydrop/content"
	"whydrop/ui"
)

// progressSchema is the format of progress --json.
const progressSchema = "whydrop.progress/1"

// progressName is the file of what was trained.
const progressName = "progress.log"

// progressFiles are where it is kept: the state directory, and where that can't be
// written the directory for temporary files.
func progressFiles() []string {
	var files []string
	if dir := stateDir(); dir != "" {
		files = append(files, filepath.Join(dir, "whydrop", progressName))
	}
	return append(files, filepath.Join(os.TempDir(), "whydrop-"+strconv.Itoa(os.Geteuid())+"-"+progressName))
}

// openProgress opens the log of what was trained. What cannot be read of it is told
// and left out.
func openProgress(cmd *cobra.Command) *trained.Log {
	log, err := trained.Open(progressFiles()...)
	if err != nil {
		fmt.Fprintf(cmd.ErrOrStderr(), "whydrop: a part of what was trained cannot be read: %v\n", err)
	}
	if n := log.Damaged(); n > 0 {
		fmt.Fprintf(cmd.ErrOrStderr(), "whydrop: %s of what was trained cannot be read and left out\n", counted(n, "line", "lines"))
	}
	return log
}

func progressCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "progress",
		Short: "What was trained: strengths and weaknesses over time, and what to do next",
		Long: `progress shows what training came to: for each place on the packet's way and each
group of the checklist how well it goes and went, which scenarios were done, and
what to do next and why. Where there is too little to tell, it says so.

It reads ~/.local/state/whydrop/progress.log, which the drill and the trainer
write. Nothing of it leaves this machine.`,
		Example: "  whydrop progress\n  whydrop progress --json",
		Args:    noArguments,
		RunE:    func(cmd *cobra.Command, _ []string) error { return tellProgress(cmd, asJSON) },

		ValidArgsFunction: cobra.NoFileCompletions,
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "write JSON ("+progressSchema+")")
	word(cmd.Flags(), "theme", "glyphs: what the locale promises, or these", "auto", "unicode", "ascii")
	return cmd
}

func tellProgress(cmd *cobra.Command, asJSON bool) error {
	dir, err := cmd.Flags().GetString("content")
	if err != nil {
		return err
	}
	book, err := content.LoadTraining(dir)
	if err != nil {
		return err
	}
	cards, err := drill.Cards(book)
	if err != nil {
		return err
	}
	log := openProgress(cmd)
	now := time.Now()
	status := drill.NewDeck(cards, log.Entries(), func() time.Time { return now }).Status(drill.Options{})
	s := trained.Summarize(log.Entries(), now)
	next := s.Next(outlook(book, status))
	if asJSON {
		return writeCases(cmd.OutOrStdout(), struct {
			Schema string `json:"schema"`
			*trained.Summary
			Drill drill.Status     `json:"drill"`
			Next  []trained.Advice `json:"next"`
		}{progressSchema, s, status, next})
	}
	p := &progressPage{
		out: bufio.NewWriter(cmd.OutOrStdout()), book: book, ascii: ui.ASCIIGlyphs(cmd.Flag("theme").Value.String()), now: now,
	}
	p.tell(s, status, next)
	return p.out.Flush()
}

// outlook is what there is to train.
func outlook(book *content.Book, st drill.Status) trained.Outlook {
	o := trained.Outlook{Due: st.Due, New: st.New}
	for _, sc := range book.Scenarios {
		o.Scenarios = append(o.Scenarios, trained.Scenario{ID: sc.ID, Level: sc.Level})
	}
	return o
}

// progressPage writes the page.
type progressPage struct {
	out   *bufio.Writer
	book  *content.Book
	ascii bool
	now   time.Time
}

// courseWidth is how wide a course is drawn.
const courseWidth = 12

func (p *progressPage) say(format string, args ...any) { fmt.Fprintf(p.out, format+"\n", args...) }

func (p *progressPage) tell(s *trained.Summary, st drill.Status, next []trained.Advice) {
	if s.Answers+s.Sessions == 0 {
		p.say("Nothing was trained yet.")
	} else {
		p.say("Trained on %s, %s: %s, %s to %s.", counted(s.Days, "day", "days"), spent(s.Seconds),
			counted(s.Sessions, "session", "sessions"), counted(s.Answers, "answer", "answers"), counted(s.Cards, "card", "cards"))
		p.kept(s)
		p.strands("Places on the packet's way", s.Hops, p.hop)
		p.strands("Groups of the checklist", s.Groups, p.group)
		p.strands("What was judged", s.Areas, func(area string) string { return content.Show(area) })
		p.scenarios(s)
	}
	p.say("\nCards: %s", ahead(st, drill.Options{}, p.now))
	if len(next) > 0 {
		p.say("\nWhat to do next")
	}
	for i, a := range next {
		p.say("  %d. %s: %s\n     %s", i+1, a.Do, content.Show(a.Command), content.Show(a.Why))
	}
}

// kept says how much of what was learned stays.
func (p *progressPage) kept(s *trained.Summary) {
	switch {
	case s.Kept.Of == 0:
	case s.Kept.Of < fewKept:
		p.say("After a day or more %d of %s were right: too little to tell what stays.", s.Kept.Right, counted(s.Kept.Of, "answer", "answers"))
	default:
		p.say("After a day or more %d of %d answers were right (%.0f %%; 90 %% is aimed at).", s.Kept.Right, s.Kept.Of, 100*float64(s.Kept.Right)/float64(s.Kept.Of))
	}
	if course := ui.Course(s.Totals, courseWidth, p.ascii); course != "" {
		p.say("Sessions from the first to the last: %s, the last %.0f %%.", course, 100*s.Totals[len(s.Totals)-1])
	}
}

// fewKept is how many answers tell what stays.
const fewKept = 10

func (p *progressPage) hop(id string) string {
	if h := p.book.Hop(id); h != nil {
		return h.Title
	}
	return content.Show(id)
}

func (p *progressPage) group(number string) string {
	for _, g := range p.book.Groups {
		if strconv.Itoa(g.Number) == number {
			return number + " " + g.Title
		}
	}
	return content.Show(number)
}

func (p *progressPage) strands(title string, all []trained.Strand, name func(string) string) {
	if len(all) == 0 {
		return
	}
	p.say("\n%-30s %5s %10s %8s  %s", title, "mark", "cards", "sessions", "first to last")
	for _, s := range all {
		cards, sessions := "-", "-"
		if s.Answers > 0 {
			cards = fmt.Sprintf("%d of %d", s.Right, s.Answers)
		}
		if s.Sessions > 0 {
			sessions = strconv.Itoa(s.Sessions)
		}
		mark, course := fmt.Sprintf("%3.0f %%", 100*s.Mark), ui.Course(s.Course, courseWidth, p.ascii)
		if s.Judgement == trained.TooLittle {
			mark, course = "?", "too little to tell"
		} else if s.Judgement != trained.Fair {
			course += "  " + string(s.Judgement)
		}
		p.say("  %-28.28s %5s %10s %8s  %s", name(s.Name), mark, cards, sessions, course)
	}
}

// scenarios says for each level how many were done and how well.
func (p *progressPage) scenarios(s *trained.Summary) {
	levels := map[int][]string{}
	for _, sc := range p.book.Scenarios {
		levels[sc.Level] = append(levels[sc.Level], sc.ID)
	}
	if len(levels) == 0 {
		return
	}
	p.say("\nScenarios")
	for _, level := range slices.Sorted(maps.Keys(levels)) {
		done, sum := 0, 0.0
		for _, d := range s.Done {
			if slices.Contains(levels[level], d.ID) {
				done, sum = done+1, sum+d.First
			}
		}
		text := fmt.Sprintf("  level %d: %d of %d done", level, done, len(levels[level]))
		if done > 0 {
			text += fmt.Sprintf(", %.0f %% on average the first time", 100*sum/float64(done))
		}
		p.say("%s", text)
	}
}

// spent is a time that was spent in words.
func spent(seconds float64) string {
	minutes := int(seconds/60 + 0.5)
	switch {
	case minutes < 1:
		return "less than a minute"
	case minutes < 60:
		return fmt.Sprintf("%d min", minutes)
	}
	return fmt.Sprintf("%d h %d min", minutes/60, minutes%60)
}
