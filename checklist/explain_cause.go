package checklist

import (
	"fmt"
	"slices"
	"strings"

	"whydrop/content"
	"whydrop/probes/apply"
)

func (w *writer) cause(c *content.Cause) {
	w.section("", labelled("where", w.place(c.Hop)), about("checklist", w.brief(c)))
	w.section("What happens", paragraph(c.Happens))
	w.section("What one notices", paragraph(c.Notice))
	w.section("Commonly believed, and wrong", paragraph(c.Believed))
	w.section("See it by hand", w.byHand(c)...)
	w.section("What speaks for it", append([]Item{paragraph(howToRead)}, w.rules(c.For)...)...)
	w.section("What speaks against it", w.rules(c.Against)...)
	var mistaken []Item
	for _, m := range c.ConfusedWith {
		mistaken = append(mistaken, Item{Label: m.Cause, Text: w.title(m.Cause), More: []Item{paragraph(m.Tell)}})
	}
	w.section("Easily mistaken for", mistaken...)
	w.section("What else can account for some of its evidence", w.causes(c.Explainers())...)
	w.section("To settle it", paragraph(c.Settle))
	var remedies []Item
	for i, r := range c.Remedies {
		remedies = append(remedies, Item{Label: fmt.Sprint(i + 1), Text: r.Title, More: w.remedyItems(r)})
	}
	w.section("What to do", remedies...)
	w.section("Where the loss is counted", w.places(func(l *content.LedgerLine) bool { return slices.Contains(l.Causes, c.ID) })...)
	var reasons []Item
	for _, r := range w.book.DropReasons {
		if slices.Contains(r.Causes, c.ID) {
			reasons = append(reasons, labelled(r.Name, r.Means))
		}
	}
	w.section("The kernel's drop reasons that point at it", reasons...)
	w.section("Answers that point at it", w.answersFor(c.ID)...)
	w.section("Looking further", w.investigation(c.ID)...)
	w.section("Sources", plain(c.Sources)...)
}

const howToRead = "Before each stands how much it counts; of several that show the same only the weightiest does. N and words in capitals stand for what would be measured."

// brief names the numbers of the brief that a cause belongs to.
func (w *writer) brief(c *content.Cause) string {
	var all []string
	for _, b := range w.book.Brief {
		if slices.Contains(c.Brief, b.Number) {
			all = append(all, b.Number+" "+b.Title)
		}
	}
	return strings.Join(all, "; ")
}

// strength says a weight in a word.
func strength(weight content.Decibans) string {
	switch {
	case weight >= 38:
		return "decisive"
	case weight >= 28:
		return "very strong"
	case weight >= 14:
		return "strong"
	case weight >= 8:
		return "moderate"
	default:
		return "a hint"
	}
}

// rules are the rules as a list, the weightiest first, with the condition and
// who else can account for it.
func (w *writer) rules(rules []*content.Rule) []Item {
	sorted := slices.Clone(rules)
	slices.SortStableFunc(sorted, func(a, b *content.Rule) int { return int(b.Weight - a.Weight) })
	var items []Item
	for _, r := range sorted {
		condition := r.When.Source
		if r.Each != "" {
			condition = "for any " + r.Each + ": " + condition
		}
		more := []Item{about("when", condition)}
		if len(r.Unless) > 0 {
			more = append(more, labelled("unless", accounts(r.Unless)))
		}
		items = append(items, Item{Label: strength(r.Weight), Text: oneLine(r.Says.Outline(w.book.Facts, r.Each)), More: more})
	}
	return items
}

// accounts says who else can account for a rule. Long lists are told once for all
// rules.
func accounts(causes []string) string {
	switch n := len(causes); {
	case n > 4:
		return fmt.Sprintf("one of %d other causes accounts for it", n)
	case n > 1:
		return "one of " + strings.Join(causes, ", ") + " accounts for it"
	default:
		return causes[0] + " accounts for it"
	}
}

// byHand are the commands that show what the rules of a cause look at, each with
// what is to be seen there.
func (w *writer) byHand(c *content.Cause) []Item {
	var order []string
	shows := map[string][]string{}
	for _, r := range slices.Concat(c.For, c.Against) {
		for _, name := range r.When.Uses() {
			d := w.book.Facts.Lookup(name, r.Each)
			if d == nil || d.Probe == "ledger" {
				continue
			}
			command := d.ByHand
			if t := w.book.Facts.TableOf(r.Each); command == "" && t != nil && strings.HasPrefix(name, r.Each+".") {
				command = t.ByHand
			}
			if shows[command] == nil {
				order = append(order, command)
			}
			if !slices.Contains(shows[command], name) {
				shows[command] = append(shows[command], name)
			}
		}
	}
	var items []Item
	for _, command := range order {
		if command != "" {
			items = append(items, Item{Command: command, More: []Item{labelled("shows", strings.Join(shows[command], ", "))}})
		}
	}
	return items
}

// remedyItems are the parts of a remedy.
func (w *writer) remedyItems(r *content.Remedy) []Item {
	say := func(label string, t *content.Text) Item { return about(label, t.Outline(w.book.Facts, r.Each)) }
	setting := ""
	if !r.Value.Empty() {
		setting = oneLine(r.Value.Source)
	}
	condition := ""
	if !r.When.Empty() {
		condition = oneLine(r.When.Source)
	}
	items := []Item{
		say("change", r.Change), about("setting", r.Setting), about("offered if", condition),
		about("VALUE", setting), say("that is", r.Calculation), say("CURRENT", r.Current), say("why", r.Why), say("effect", r.Effect), say("risk", r.Risk), say("scope", r.Scope),
	}
	outline := func(t *content.Text) string { return oneLine(t.Outline(w.book.Facts, r.Each)) }
	now, keep, back := outline(r.Runtime), outline(r.Persist), outline(r.Rollback)
	made := PlanStep{Current: "CURRENT", Runtime: now, Persist: keep, Rollback: back}
	for _, set := range r.Sets {
		made.Changes = append(made.Changes, apply.Change{Knob: set.Knob, Of: outline(set.Of), Field: outline(set.Field), To: outline(set.To)})
	}
	made.commands(false)
	if made.Runtime != "" {
		items = append(items, Item{Label: "now", Command: made.Runtime})
	}
	if made.Persist != "" {
		items = append(items, Item{Label: "for good", Command: made.Persist})
	}
	items = append(items, say("to keep", r.Keep), about("take back", made.Rollback), say("verify", r.Verify), say("ask", r.Ask))
	return slices.DeleteFunc(items, func(i Item) bool { return i.Label == "" })
}

// answersFor are the answers that raise the suspicion, by question.
func (w *writer) answersFor(cause string) []Item {
	var items []Item
	for _, q := range w.book.Questions() {
		var labels []string
		for _, o := range q.Options {
			if o.Implies[cause] > 0 {
				labels = append(labels, o.Label)
			}
		}
		if len(labels) > 0 {
			items = append(items, labelled(q.ID, strings.Join(labels, "; ")))
		}
	}
	return items
}

// investigation are the steps of the investigation that look for a cause.
func (w *writer) investigation(cause string) []Item {
	var items []Item
	for _, step := range w.book.Investigation {
		for _, s := range append([]*content.InvestigationStep{step}, step.Parts...) {
			if !slices.Contains(s.Causes, cause) {
				continue
			}
			more := append([]Item{about("look for", s.LookFor)}, commands(s.Commands)...)
			more = slices.DeleteFunc(more, func(i Item) bool { return i.Label == "" && i.Command == "" })
			items = append(items, Item{Label: s.Number, Text: oneLine(s.Title + ". " + s.Do), More: more})
		}
	}
	return items
}
