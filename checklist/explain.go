package checklist

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"whydrop/content"
)

// Article is what the content knows about one name, as a page to read. It shows
// nothing of a host: N and words in capitals stand where values would.
type Article struct {
	Kind     content.Kind `json:"kind"`
	Name     string       `json:"name"`
	Title    string       `json:"title"`
	Sections []Section    `json:"sections"`
}

// Section is a part of an article. The first of an article has no title.
type Section struct {
	Title string `json:"title,omitempty"`
	Items []Item `json:"items"`
}

// Item is a paragraph, an entry of a list if it has a label, or a command.
type Item struct {
	Label   string `json:"label,omitempty"`
	Text    string `json:"text,omitempty"`
	Command string `json:"command,omitempty"` // to be copied as it stands
	More    []Item `json:"more,omitempty"`    // what belongs to it
}

// Explain writes an article about a name of the content. The entry has to come
// from Book.Entries, Book.Find or Book.Near.
func Explain(book *content.Book, e content.Entry) *Article {
	w := &writer{book: book, article: &Article{Kind: e.Kind, Name: e.Name, Title: e.Title}}
	switch e.Kind {
	case content.KindCause:
		w.cause(book.Cause(e.Name))
	case content.KindHop:
		w.hop(book.Hop(e.Name))
	case content.KindReason:
		w.reason(book.DropReason(e.Name, ""))
	case content.KindSysctl:
		w.sysctl(e.Name)
	case content.KindFact:
		w.fact(book.Facts.Fact(e.Name), "")
	case content.KindTable:
		w.table(book.Facts.TableOf(e.Name))
	case content.KindField:
		table, field, _ := strings.Cut(e.Name, ".")
		w.fact(book.Facts.Field(table, field), table)
	case content.KindSign:
		w.sign(e.Name)
	case content.KindItem:
		w.item(e.Name)
	case content.KindStatistic:
		w.statistic(e.Name)
	}
	return w.article
}

// Contents lists the causes by hop.
func Contents(book *content.Book) *Article {
	w := &writer{book: book, article: &Article{Title: "The causes that whydrop can name"}}
	for _, h := range book.Hops {
		var ids []string
		for _, c := range book.Causes {
			if c.Hop == h.ID {
				ids = append(ids, c.ID)
			}
		}
		w.section(h.ID+": "+h.Title, w.causes(ids)...)
	}
	w.section("Names", paragraph("whydrop explain NAME tells of a cause, a hop, a drop reason of the kernel, a counter or another fact, a sysctl, a driver's statistic, or a number of the checklist."))
	return w.article
}

// writer collects the sections of an article.
type writer struct {
	book    *content.Book
	article *Article
}

// section adds a part, unless nothing is in it.
func (w *writer) section(title string, items ...Item) {
	items = slices.DeleteFunc(items, func(i Item) bool {
		return i.Label == "" && i.Text == "" && i.Command == "" && len(i.More) == 0
	})
	if len(items) > 0 {
		w.article.Sections = append(w.article.Sections, Section{title, items})
	}
}

func paragraph(text string) Item { return Item{Text: oneLine(text)} }

func labelled(label, text string) Item { return Item{Label: label, Text: oneLine(text)} }

// about is labelled, or nothing if there is no text.
func about(label, text string) Item {
	if text == "" {
		return Item{}
	}
	return labelled(label, text)
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

func plain(texts []string) []Item {
	var items []Item
	for _, t := range texts {
		items = append(items, labelled("-", t))
	}
	return items
}

func commands(lines []string) []Item {
	var items []Item
	for _, l := range lines {
		items = append(items, Item{Command: l})
	}
	return items
}

// causes are the given causes as a list.
func (w *writer) causes(ids []string) []Item {
	var items []Item
	for _, id := range ids {
		items = append(items, labelled(id, w.title(id)))
	}
	return items
}

func (w *writer) title(cause string) string {
	if c := w.book.Cause(cause); c != nil {
		return c.Title
	}
	return ""
}

// place says where on the packet's way a hop is.
func (w *writer) place(hop string) string {
	h := w.book.Hop(hop)
	if h == nil {
		return hop
	}
	way := map[string]string{"rx": "packets that arrive", "tx": "packets that leave"}[h.Direction]
	if way == "" {
		way = "both ways"
	}
	return fmt.Sprintf("%s (%s, %s). %s", h.Title, h.ID, way, h.Means)
}

func (w *writer) hop(h *content.Hop) {
	w.section("", paragraph(w.place(h.ID)))
	var ids []string
	for _, c := range w.book.Causes {
		if c.Hop == h.ID {
			ids = append(ids, c.ID)
		}
	}
	w.section("Causes here", w.causes(ids)...)
	w.section("Where drops are counted", w.places(func(l *content.LedgerLine) bool { return l.Hop == h.ID })...)
	var steps []Item
	for _, s := range w.book.Journey {
		if slices.Contains(s.Hops, h.ID) {
			name := s.Title
			if s.Number != "" {
				name = s.Number + " " + name
			}
			steps = append(steps, Item{Label: "-", Text: name + ".", More: []Item{about("", s.Loses)}})
		}
	}
	w.section("On the packet's way, and what gets lost there", steps...)
	var reasons []Item
	for _, r := range w.book.DropReasons {
		if r.Hop == h.ID && !r.IsPattern() {
			reasons = append(reasons, labelled(r.Name, r.Means))
		}
	}
	w.section("The kernel's drop reasons here", reasons...)
}

// places are the places of the ledger for which a condition holds.
func (w *writer) places(wanted func(*content.LedgerLine) bool) []Item {
	var items []Item
	for _, l := range w.book.Ledger {
		if !wanted(l) {
			continue
		}
		name := l.Name.Outline(w.book.Facts, l.Each)
		if name == "" {
			name = l.Counter.Source
		}
		text := name + ", " + l.Unit
		if l.Loss != "yes" {
			text += "; not every one is missed by anybody"
		}
		items = append(items, labelled(l.Hop+" "+l.Direction, text))
	}
	return items
}

var losses = map[content.Loss]string{
	content.LossYes: "yes, somebody misses them", content.LossNo: "no, nobody misses them",
	content.LossDepends: "depends on what was in the packet",
}

func (w *writer) reason(r *content.DropReason) {
	since := ""
	if r.Since != "" {
		since = "Linux " + r.Since + " and later"
	}
	if r.Until != "" {
		since += ", until " + r.Until
	}
	w.section("",
		labelled("a loss", losses[r.Loss]), labelled("where", w.place(r.Hop)), about("kernels", since),
		about("also called", strings.Join(r.Was, ", ")), about("dropped in", r.Source))
	w.section("Causes that it points at", w.causes(r.Causes)...)
	w.section("Where the same packets are counted", w.places(func(l *content.LedgerLine) bool { return slices.Contains(l.Reasons, r.Name) })...)
	var at []Item
	for _, p := range w.book.DropPlaces {
		if p.Is == r.Name {
			from := "any reason"
			if len(p.Reasons) > 0 {
				from = strings.Join(p.Reasons, ", ")
			}
			at = append(at, labelled("-", from+" in "+strings.Join(p.At, ", ")))
		}
	}
	w.section("Stands for what the kernel calls", at...)
	var like []string
	if t := w.book.Facts.TableOf(content.DropTable); t != nil {
		like = append(like, t.ByHand)
	}
	w.section("See it by hand", commands(like)...)
}

// sysctl tells what is known of a key.
func (w *writer) sysctl(key string) {
	var items []Item
	if d := w.book.Facts.Fact("sysctl." + key); d != nil {
		items = append(items, about("unit", d.Unit))
	}
	var sources []string
	if s := w.book.Sysctl(key); s != nil {
		items = append(items, about("default", s.Is))
		for _, v := range s.Values {
			is := v.Is
			if is == "" {
				is = content.Unknown
			}
			items = append(items, labelled("since "+v.Since, is))
		}
		sources = append(sources, s.Source)
	}
	w.section("", items...)
	w.section("See it by hand", Item{Command: "sysctl -n " + key}, Item{Command: "grep -rs " + key + " /etc/sysctl.conf /etc/sysctl.d /run/sysctl.d /usr/lib/sysctl.d"})
	var sets []Item
	for _, c := range w.book.Causes {
		for _, r := range c.Remedies {
			if r.Setting == key {
				sets = append(sets, Item{Label: c.ID, Text: r.Title, More: w.remedyItems(r)})
			}
		}
	}
	w.section("Remedies that set it", sets...)
	w.uses("sysctl."+key, "")
	w.section("Sources", plain(sources)...)
}

// item gathers everything that carries a number of the brief.
func (w *writer) item(number string) {
	for _, b := range w.book.Brief {
		if b.Number == number {
			w.section("", paragraph(b.Fact))
			w.section("Commonly believed, and wrong", paragraph(b.Believed))
		}
	}
	if q := w.book.Question(number); q != nil {
		w.question(q)
	}
	for _, t := range w.book.Tools {
		if t.Number == number {
			w.section("What it is for", paragraph(t.Use))
			w.section("Mind", paragraph(t.Mind))
			w.section("Commands", commands(t.Commands)...)
		}
	}
	for _, s := range w.book.Journey {
		if s.Number == number {
			w.section("What happens", paragraph(s.Happens))
			w.section("What gets lost there", paragraph(s.Loses))
		}
	}
	var ids []string
	for _, c := range w.book.Causes {
		if slices.Contains(c.Brief, number) {
			ids = append(ids, c.ID)
		}
	}
	w.section("Causes", w.causes(ids)...)
	for _, b := range w.book.Brief {
		if b.Number == number {
			w.section("Sources", plain(b.Sources)...)
		}
	}
}

func (w *writer) question(q *content.Question) {
	w.section("The question", paragraph(q.Ask), paragraph(q.Why))
	w.section("How to find out", paragraph(q.FindOut))
	var answers []Item
	for _, o := range q.Options {
		var points []string
		for _, c := range w.book.Causes {
			if o.Implies[c.ID] > 0 {
				points = append(points, c.ID)
			}
		}
		slices.SortStableFunc(points, func(a, b string) int { return int(o.Implies[b] - o.Implies[a]) })
		text := "points at " + strings.Join(points, ", ")
		if len(points) == 0 {
			text = "points at nothing"
		}
		answers = append(answers, labelled("-", o.Label+": "+text))
	}
	w.section("The answers", answers...)
}

func (w *writer) statistic(name string) {
	var items []Item
	for _, s := range w.book.Spellings(name) {
		items = append(items, labelled(s.Driver, s.Meaning.Means))
	}
	w.section("With these drivers it means", items...)
	w.section("See it by hand", Item{Command: "ethtool -i DEV; ethtool -S DEV"})
}

// WriteMarkdown writes the article as markdown (CommonMark).
func (a *Article) WriteMarkdown(out io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "# %s\n\n%s %s\n", markdown(a.Title), a.Kind, codeSpan(a.Name))
	for _, s := range a.Sections {
		if s.Title != "" {
			fmt.Fprintf(&b, "\n## %s\n", markdown(s.Title))
		}
		b.WriteByte('\n')
		markdownItems(&b, s.Items, "")
	}
	_, err := io.WriteString(out, b.String())
	return err
}

func markdownItems(b *strings.Builder, items []Item, indent string) {
	for _, i := range items {
		if indent == "" && i.Label == "" && i.Command == "" {
			fmt.Fprintf(b, "%s\n\n", markdown(i.Text))
			continue
		}
		b.WriteString(indent + "- ")
		if i.Command != "" {
			b.WriteString(codeSpan(i.Command))
		}
		if i.Label != "" && i.Label != "-" {
			fmt.Fprintf(b, "**%s**: ", markdown(i.Label))
		}
		b.WriteString(markdown(i.Text) + "\n")
		markdownItems(b, i.More, indent+"  ")
	}
}
