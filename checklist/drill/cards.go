package drill

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"whydrop/content"
)

const (
	// choices is how many a card offers at most.
	choices = 4
	// mostSources is how many sources a card cites at most.
	mostSources = 3
	// mostTells is how many look-alikes of one cause have a card.
	mostTells = 2
)

// Cards makes all cards of a book, in the order in which new ones are best shown.
// The error is of what the drill asks and the book does not have.
func Cards(book *content.Book) ([]*Card, error) {
	d, err := book.Drill()
	if err != nil {
		return nil, err
	}
	m := &maker{book: book, drill: d}
	m.orders()
	m.losses()
	m.places()
	m.signals()
	m.causes()
	m.tells()
	m.knobs()
	m.proposals()
	m.commands()
	m.beliefs()
	return inTurn(m.cards), nil
}

// maker makes cards of a book.
type maker struct {
	book  *content.Book
	drill *content.Drill
	cards []*Card
}

func (m *maker) add(c *Card) {
	if len(c.Sources) > mostSources {
		c.Sources = c.Sources[:mostSources]
	}
	c.Hops = slices.DeleteFunc(c.Hops, func(h string) bool { return m.book.Hop(h) == nil })
	c.Explain = slices.DeleteFunc(c.Explain, func(s string) bool { return s == "" })
	m.cards = append(m.cards, c)
}

// ask is the question of a kind of card about something.
func (m *maker) ask(kind, about string) string {
	return strings.TrimSpace(strings.ReplaceAll(m.drill.Asks[kind], "{}", about))
}

// inTurn lets the kinds take turns, and mixes the cards of each: the order is the
// same in every version for the cards that stay.
func inTurn(cards []*Card) []*Card {
	of := map[Kind][]*Card{}
	for _, c := range cards {
		of[c.Kind] = append(of[c.Kind], c)
	}
	for _, list := range of {
		slices.SortFunc(list, func(a, b *Card) int {
			return cmp.Or(cmp.Compare(seed(a.ID), seed(b.ID)), strings.Compare(a.ID, b.ID))
		})
	}
	var all []*Card
	for i := 0; len(all) < len(cards); i++ {
		for _, kind := range Kinds {
			if i < len(of[kind]) {
				all = append(all, of[kind][i])
			}
		}
	}
	return all
}

func (m *maker) orders() {
	for _, o := range m.drill.Orders {
		c := &Card{ID: "order:" + o.ID, Kind: Journey, Form: Order, Hops: o.Hops, Subject: "order:" + o.ID, Ask: m.ask("order", o.Ask+".")}
		for _, key := range o.Steps {
			s := m.book.JourneyStep(key)
			c.Choices = append(c.Choices, s.Title)
			c.Whys = append(c.Whys, firstSentence(s.Happens))
			c.Sources = append(c.Sources, s.Sources[:min(1, len(s.Sources))]...)
		}
		m.add(c)
	}
}

func (m *maker) losses() {
	for _, s := range m.book.Journey {
		if s.Loses == "" {
			continue
		}
		key := cmp.Or(s.Number, s.Title)
		c := &Card{
			ID: "loses:" + key, Kind: Journey, Form: Recall, Hops: s.Hops, Subject: "step:" + key,
			Ask: m.ask("loses", s.Title), Answer: s.Loses, Explain: []string{s.Happens}, Sources: s.Sources,
		}
		m.add(c)
	}
}

// tells are the look-alikes of each cause, and how to make sure of one.
func (m *maker) tells() {
	for _, c := range m.book.Causes {
		for _, with := range c.ConfusedWith[:min(mostTells, len(c.ConfusedWith))] {
			other := m.book.Cause(with.Cause)
			if other == nil {
				continue
			}
			m.add(&Card{
				ID: "tell:" + c.ID + "/" + with.Cause, Kind: Tell, Form: Recall, Hops: []string{c.Hop}, Subject: c.ID,
				Ask: m.ask("tell", ""), What: "Here: " + sentence(lower(c.Title)) + " There: " + sentence(lower(other.Title)),
				Answer: upper(with.Tell), Explain: []string{c.Notice}, Sources: c.Sources,
			})
		}
		if c.Settle != "" {
			m.add(&Card{
				ID: "settle:" + c.ID, Kind: Tell, Form: Recall, Hops: []string{c.Hop}, Subject: c.ID,
				Ask: m.ask("settle", lower(c.Title)), Answer: c.Settle, Explain: []string{c.Notice}, Sources: c.Sources,
			})
		}
	}
}

// beliefs are statements that are true or only believed.
func (m *maker) beliefs() {
	for _, number := range slices.Sorted(maps.Keys(m.drill.Beliefs)) {
		i := m.book.BriefItem(number)
		rest := strings.TrimSpace(strings.TrimPrefix(i.Believed, firstSentence(i.Believed)))
		m.belief("belief:"+number, i, m.drill.Beliefs[number], isFalse, isTrue, rest)
	}
	for _, number := range slices.Sorted(maps.Keys(m.drill.Facts)) {
		m.belief("fact:"+number, m.book.BriefItem(number), m.drill.Facts[number], isTrue, isFalse, "")
	}
}

func (m *maker) belief(id string, i *content.BriefItem, said, right, wrong, rest string) {
	m.add(&Card{
		ID: id, Kind: Belief, Form: Choice, Hops: m.hopsOf(i.Number), Subject: "item:" + i.Number,
		Ask: m.ask("belief", i.Title), What: said, Choices: []string{right, wrong},
		Explain: []string{rest, i.Fact}, Sources: i.Sources,
	})
}

// mostHops is how many places an item of the brief is about.
const mostHops = 2

// hopsOf are the places that an item of the brief is about: those of its step, of the
// causes that it is about first of all, or of the first cause that carries its number.
func (m *maker) hopsOf(number string) []string {
	for _, s := range m.book.Journey {
		if s.Number == number {
			return s.Hops
		}
	}
	if strings.HasPrefix(number, aws) {
		return []string{"aws"}
	}
	var firsts, others []string
	for _, c := range m.book.Causes {
		switch slices.Index(c.Brief, number) {
		case -1:
		case 0:
			if !slices.Contains(firsts, c.Hop) {
				firsts = append(firsts, c.Hop)
			}
		default:
			others = append(others, c.Hop)
		}
	}
	if len(firsts) > 0 {
		return firsts[:min(mostHops, len(firsts))]
	}
	return others[:min(1, len(others))]
}

// firstSentence is a text up to the first full stop that a blank follows.
func firstSentence(s string) string {
	before, _, more := strings.Cut(s, ". ")
	if more {
		return before + "."
	}
	return s
}

// sentence ends a text with a full stop, if it has a word.
func sentence(s string) string {
	if s = strings.TrimRight(s, ". "); s == "" {
		return ""
	}
	return s + "."
}

// upper begins a text with a capital letter, but not a name such as tc -s.
func upper(s string) string {
	word, _, _ := strings.Cut(s, " ")
	if word == "" || word != strings.ToLower(word) || strings.ContainsAny(word, "_./()-0123456789") || slices.Contains(names, word) {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

// lower begins a title with a small letter, but not a name such as TCP, NAT or AWS.
func lower(s string) string {
	word, _, _ := strings.Cut(s, " ")
	if len(word) > 1 && word[1:] != strings.ToLower(word[1:]) || strings.ContainsAny(word, "_./") {
		return s
	}
	return strings.ToLower(s[:1]) + s[1:]
}

// names are commands and fields that are written small where a sentence begins, too.
var names = []string{"ss", "tc", "nstat", "ethtool", "conntrack", "dmesg", "rtt", "ip", "aws", "sar", "tcpdump", "cwnd", "table_fulls", "steal"}
