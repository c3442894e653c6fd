// Package drill asks short questions about the packet's journey, causes, signals,
// settings and commands, and has each come back when it is about to be forgotten.
//
// The cards are made of the content: what they ask, what is right, what else could
// be chosen and why follow from causes, rules, journey, folklore and the brief. When
// to ask a card again is worked out by FSRS from the answers in the log of package
// progress, which alone is kept: the schedule is its answers, replayed.
package drill

import (
	"hash/fnv"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
)

// Kind is what a card is about; it can be chosen by.
type Kind string

// The kinds of cards.
const (
	Journey  Kind = "journey"  // the packet's way: order, what can go wrong, which place
	Signals  Kind = "signal"   // a cause, and what moves
	Causes   Kind = "cause"    // what moves, and the cause
	Tell     Kind = "tell"     // how to tell look-alikes apart, how to make sure
	Knob     Kind = "knob"     // a sysctl: effect, scope, risk
	Folklore Kind = "folklore" // a proposed change: do it or refuse
	Command  Kind = "command"  // a command, and its purpose
	Belief   Kind = "belief"   // true, or only believed
)

// Kinds are all kinds, in the order in which they take turns.
var Kinds = []Kind{Journey, Causes, Folklore, Signals, Belief, Tell, Knob, Command}

// Form is how a card is answered.
type Form string

// The forms of cards.
const (
	Choice Form = "choice" // one of several is right
	Order  Form = "order"  // all of several are put in order
	Recall Form = "recall" // said in one's own words, then compared
)

// Card is one question with its answer. Its texts are content, in plain language.
type Card struct {
	// ID follows from ids of the content, so that what was learned stays with the card
	// in later versions: "cause:listen.accept-queue-full".
	ID   string
	Kind Kind
	Form Form
	Hops []string // that it is about; none for what is about no place
	// Subject is what cards share that give each other away, such as a cause.
	Subject string

	Ask  string // the question
	What string // what it is about, on a line of its own; "" if the question says it
	// Choices are the right one first, or all in the right order. Whys say of each
	// what it would be right for; "" where there is nothing to say.
	Choices, Whys []string
	Answer        string   // of a recall: what should have been said
	Explain       []string // why, a paragraph each
	Sources       []string // as the content cites them
}

// Shown is a card as it is asked once.
type Shown struct {
	*Card
	// Order says which choice of the card stands at which place.
	Order []int
}

// Show puts the choices in an order that is a new one each time but the same for the
// same card and time. Two choices keep theirs: true and false, do it and refuse.
func (c *Card) Show(times int) Shown {
	s := Shown{Card: c, Order: make([]int, len(c.Choices))}
	for i := range s.Order {
		s.Order[i] = i
	}
	if c.twofold() {
		slices.SortFunc(s.Order, func(a, b int) int { return strings.Compare(twofold[c.Choices[a]], twofold[c.Choices[b]]) })
		return s
	}
	r := rand.New(rand.NewPCG(seed(c.ID), uint64(times)))
	r.Shuffle(len(s.Order), func(i, j int) { s.Order[i], s.Order[j] = s.Order[j], s.Order[i] })
	if c.Form == Order && slices.IsSorted(s.Order) { // it would be solved already
		s.Order[0], s.Order[1] = s.Order[1], s.Order[0]
	}
	return s
}

// The choices of cards that have the same two.
const (
	isTrue, isFalse = "True", "False"
	doIt, refuse    = "Do it", "Refuse"
)

// twofold has them with the order in which they stand.
var twofold = map[string]string{isTrue: "1", isFalse: "2", doIt: "1", refuse: "2"}

func (c *Card) twofold() bool {
	return c.Form == Choice && len(c.Choices) == 2 && twofold[c.Choices[0]] != ""
}

// seed is a number that is the same each time and tells nothing about the text: not
// even that two of them begin alike, as FNV alone does.
func seed(id string) uint64 {
	h := fnv.New64a()
	h.Write([]byte(id))
	return rand.NewPCG(h.Sum64(), 0).Uint64()
}

// mixed is a text by which things are mixed that is the same each time.
func mixed(s string) string { return strconv.FormatUint(seed(s), 36) }

// Text is the choice at a place.
func (s Shown) Text(at int) string { return s.Choices[s.Order[at]] }

// Why says what the choice at a place would be right for.
func (s Shown) Why(at int) string {
	if i := s.Order[at]; i < len(s.Whys) {
		return s.Whys[i]
	}
	return ""
}

// Right is where the right choice stands.
func (s Shown) Right() int { return slices.Index(s.Order, 0) }

// InOrder are the places of the steps in the right order.
func (s Shown) InOrder() []int {
	at := make([]int, len(s.Order))
	for place, i := range s.Order {
		at[i] = place
	}
	return at
}

// words counts what there is to read before one can answer.
func (c *Card) words() int {
	n := len(strings.Fields(c.Ask)) + len(strings.Fields(c.What))
	for _, choice := range c.Choices {
		n += len(strings.Fields(choice))
	}
	return n
}
