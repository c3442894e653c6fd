package main

import (
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/charmbracelet/x/ansi"
	"github.com/spf13/cobra"

	"whydrop/checklist"
	"whydrop/content"
)

// explanationSchema names the format of the command's JSON.
const explanationSchema = "whydrop.explanation/1"

// maxSuggestions is how many names are told where a word means none or several.
const maxSuggestions = 8

func explainCommand() *cobra.Command {
	var format string
	cmd := &cobra.Command{
		Use:   "explain [NAME]",
		Short: "Tell everything that whydrop knows about a cause, a counter, a drop reason",
		Long: `explain shows a page about a cause: what happens, what one notices, how to see
it by hand, what speaks for and against it, what it is confused with, what to do
about it and at what risk, and the sources. It looks at nothing on this host: N
and words in capitals stand where values would.

NAME may also be a hop, a drop reason of the kernel, a counter or another fact, a
table, a sysctl, a statistic of a driver (ethtool -S), or a number of the
checklist (L2, Q1a). A part of a name, or words of a title, will do where they
fit one name only. Without a name it lists the causes.`,
		Example: `  whydrop explain
  whydrop explain accept-queue-full
  whydrop explain TCP_OVERWINDOW
  whydrop explain TcpExtListenOverflows
  whydrop explain net.core.somaxconn --format markdown`,
		ValidArgsFunction: completeExplain,
		RunE: func(cmd *cobra.Command, args []string) error {
			return explain(cmd, strings.Join(args, " "), format)
		},
	}
	cmd.Flags().StringVar(&format, "format", "text", "`text`, markdown or json")
	return cmd
}

func completeExplain(cmd *cobra.Command, args []string, word string) ([]string, cobra.ShellCompDirective) {
	var names []string
	book, err := loadContent(cmd)
	if len(args) > 0 || err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	for _, e := range book.Entries() {
		if strings.HasPrefix(strings.ToLower(e.Name), strings.ToLower(word)) {
			names = append(names, cobra.CompletionWithDesc(e.Name, e.Title))
		}
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

func loadContent(cmd *cobra.Command) (*content.Book, error) {
	dir, err := cmd.Flags().GetString("content")
	if err != nil {
		return nil, err
	}
	return content.Load(dir)
}

func explain(cmd *cobra.Command, word, format string) error {
	if format != "text" && format != "markdown" && format != "json" {
		return usageError{fmt.Errorf("--format %q: expected text, markdown or json", format)}
	}
	book, err := loadContent(cmd)
	if err != nil {
		return err
	}
	article := checklist.Contents(book)
	if strings.TrimSpace(word) != "" {
		e, err := meant(book, word)
		if err != nil {
			return usageError{err}
		}
		article = checklist.Explain(book, e)
	}
	out := cmd.OutOrStdout()
	switch format {
	case "json":
		return writeJSON(out, struct {
			Schema string `json:"schema"`
			*checklist.Article
		}{explanationSchema, article})
	case "markdown":
		if err := article.WriteMarkdown(out); err != nil {
			return fmt.Errorf("standard output: %w", err)
		}
		return nil
	default:
		return showArticle(newSheet(out), article, coloured(out))
	}
}

// meant finds the one entry that a word means.
func meant(book *content.Book, word string) (content.Entry, error) {
	found := book.Find(word)
	if len(found) == 1 {
		return found[0], nil
	}
	if len(found) == 0 {
		if near := book.Near(word, maxSuggestions); len(near) > 0 {
			return content.Entry{}, fmt.Errorf("%q is nothing that whydrop knows: did you mean %s?", word, names(near))
		}
		return content.Entry{}, fmt.Errorf("%q is nothing that whydrop knows: 'whydrop explain' lists the causes", word)
	}
	if found[0].Kind == content.KindCause && found[1].Kind != content.KindCause {
		return found[0], nil // the only cause among them
	}
	return content.Entry{}, fmt.Errorf("%q can mean %s: expected one of them", word, names(found))
}

func names(entries []content.Entry) string {
	var all []string
	for _, e := range entries[:min(len(entries), maxSuggestions)] {
		all = append(all, e.Name)
	}
	if rest := len(entries) - len(all); rest > 0 {
		return strings.Join(all, ", ") + fmt.Sprintf(" or %d more", rest)
	}
	if last := len(all) - 1; last > 0 {
		return strings.Join(all[:last], ", ") + " or " + all[last]
	}
	return strings.Join(all, "")
}

// coloured says whether what is written there may be styled: a terminal that is
// not dumb, and nobody asked for none (no-color.org).
func coloured(w io.Writer) bool {
	return terminal(w) && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
}

// articleSheet writes an article, with or without styles.
type articleSheet struct {
	*sheet
	bold, dim func(string) string
}

func showArticle(s *sheet, a *checklist.Article, colour bool) error {
	none := func(text string) string { return text }
	p := articleSheet{s, none, none}
	if colour {
		p.bold, p.dim = ansi.Style{}.Bold().Styled, ansi.Style{}.Faint().Styled
	}
	if a.Title != "" {
		p.styled(p.bold, a.Title)
	}
	if a.Name != "" {
		p.styled(p.dim, fmt.Sprintf("%s %s", a.Kind, a.Name))
	}
	for i, section := range a.Sections {
		if i > 0 || a.Title != "" || a.Name != "" {
			p.whole("")
		}
		if section.Title != "" {
			p.styled(p.bold, section.Title)
		}
		p.items(section.Items, 2)
	}
	return p.flush()
}

func (p articleSheet) styled(style func(string) string, text string) {
	for _, l := range checklist.Wrap(content.Show(text), p.width) {
		p.whole(style(l))
	}
}

// items writes entries below each other. The labels stand in a column, if there is
// room for it.
func (p articleSheet) items(items []checklist.Item, indent int) {
	column := 0
	for _, i := range items {
		column = max(column, ansi.StringWidth(i.Label))
	}
	if column > p.width*2/5 || p.width < narrow {
		column = 0
	}
	for _, i := range items {
		p.item(i, indent, column)
	}
}

func (p articleSheet) item(i checklist.Item, indent, column int) {
	space := strings.Repeat(" ", indent)
	below := indent + 2
	short := ansi.StringWidth(i.Label) <= 2 // a number or a dash
	switch {
	case i.Label == "" && i.Command != "":
		p.command(space, i.Command)
	case i.Label == "":
		p.text(space, content.Show(i.Text))
	case i.Command != "" && column > 0:
		p.command(space+cell(i.Label, column, false)+"  ", i.Command)
	case i.Command != "":
		p.whole(space + i.Label)
		p.command(strings.Repeat(" ", below), i.Command)
	case column > 0 || short:
		below = indent + max(column, ansi.StringWidth(i.Label)) + 2
		p.text(space+cell(i.Label, below-indent-2, false)+"  ", content.Show(i.Text))
	case p.width < narrow:
		p.hanging(space, i.Label+": "+content.Show(i.Text))
	default:
		p.whole(space + i.Label)
		p.text(strings.Repeat(" ", below), content.Show(i.Text))
	}
	p.items(i.More, below)
}

// hanging writes a paragraph whose lines after the first are indented by two.
func (p articleSheet) hanging(space, text string) {
	for n, l := range checklist.Wrap(text, p.width-len(space)-2) {
		if n > 0 {
			l = "  " + l
		}
		p.whole(space + l)
	}
}

// command writes a command so that it can be copied. Where it is too long for
// the line, each of several commands stands on a line of its own.
func (p articleSheet) command(head, line string) {
	line = content.Show(line)
	if ansi.StringWidth(head+"$ "+line) <= p.width {
		p.whole(head + "$ " + line)
		return
	}
	if strings.TrimSpace(head) != "" {
		p.whole(strings.TrimRight(head, " "))
		head = strings.Repeat(" ", len(head)-len(strings.TrimLeft(head, " "))+2)
	}
	for _, one := range commandsOf(line) {
		p.whole(head + "$ " + one)
	}
}

// commandsOf parts a line at its semicolons, but for those in quotes.
func commandsOf(line string) []string {
	var all []string
	var quote rune
	start := 0
	for at, r := range line {
		switch {
		case quote == 0 && (r == '\'' || r == '"'):
			quote = r
		case r == quote:
			quote = 0
		case quote == 0 && r == ';':
			all = append(all, strings.TrimSpace(line[start:at]))
			start = at + 1
		}
	}
	return append(all, strings.TrimSpace(line[start:]))
}
