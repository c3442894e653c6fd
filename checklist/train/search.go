package train

import (
	"cmp"
	"math"
	"slices"
	"strings"
	"unicode"

	"whydrop/content"
)

// Match is a question to ask or a probe to measure that fits some words.
type Match struct {
	Step
	Title string
	Done  bool // asked or measured already
}

// Search finds the questions and probes that fit words ("did anything change",
// "retransmits", "mtu"), the best first, at most twelve. No words: none.
func (s *Session) Search(words string) []Match {
	docs := s.searched()
	var found []Match
	for _, i := range rank(docs, words, 12) {
		m := Match{Step: docs[i].step}
		m.Title = s.titleOf(m.Step)
		m.Done = m.Kind == Asked && s.Asked(m.ID) || m.Kind == Measured && s.seen.measured(m.ID)
		found = append(found, m)
	}
	return found
}

// searched are the documents of Search, made once.
func (s *Session) searched() []document {
	if s.documents != nil {
		return s.documents
	}
	for _, g := range s.book.Groups {
		for _, q := range g.Questions {
			s.documents = append(s.documents, s.questionDocument(g, q))
		}
	}
	for _, p := range s.host.Probes() {
		s.documents = append(s.documents, s.probeDocument(p))
	}
	return s.documents
}

// Instruments are the probes that can be measured, in the order of the book.
func (s *Session) Instruments() []*content.Instrument {
	var all []*content.Instrument
	for _, i := range s.book.Instruments {
		if slices.Contains(s.host.Probes(), i.Probe) {
			all = append(all, i)
		}
	}
	return all
}

// SearchCauses finds the causes that fit words, the best first, at most twenty. No
// words: all, in the order of the hops.
func (s *Session) SearchCauses(words string) []*content.Cause {
	if len(tokens(words)) == 0 {
		return slices.Clone(s.book.Causes)
	}
	docs := make([]document, len(s.book.Causes))
	for i, c := range s.book.Causes {
		d := document{words: map[string]float64{}}
		d.add(5, c.ID, c.Title)
		d.add(1, c.Happens, c.Notice)
		if h := s.book.Hop(c.Hop); h != nil {
			d.add(2, h.Title)
		}
		docs[i] = d
	}
	var found []*content.Cause
	for _, i := range rank(docs, words, 20) {
		found = append(found, s.book.Causes[i])
	}
	return found
}

// document is what is searched: how much each word counts for it.
type document struct {
	step  Step
	words map[string]float64
}

// add lets the words of texts count so much, if they don't count more already.
func (d *document) add(weight float64, texts ...string) {
	for _, text := range texts {
		for _, w := range tokens(text) {
			d.words[w] = max(d.words[w], weight)
		}
	}
}

func (s *Session) questionDocument(g *content.Group, q *content.Question) document {
	d := document{step: Step{Kind: Asked, ID: q.ID}, words: map[string]float64{}}
	d.add(6, q.ID)
	d.add(5, q.Ask)
	d.add(5, s.book.Hearing(q.ID)...)
	d.add(4, g.Title)
	for _, o := range q.Options {
		d.add(3, o.Label)
	}
	d.add(1, q.Why, q.FindOut)
	return d
}

func (s *Session) probeDocument(probe string) document {
	d := document{step: Step{Kind: Measured, ID: probe}, words: map[string]float64{}}
	d.add(6, probe)
	if i := s.book.Instrument(probe); i != nil {
		d.add(5, i.Title)
		d.add(5, i.Words...)
		d.add(3, i.Shows)
	}
	for _, f := range s.book.Facts.Facts() {
		if f.Probe == probe {
			d.add(2, f.Name, f.ByHand)
			d.add(1, f.Means)
		}
	}
	for _, t := range s.book.Facts.Tables() {
		if t.Probe == probe {
			d.add(2, t.Name, t.ByHand)
			d.add(1, t.Means)
		}
	}
	return d
}

// rank returns the documents that fit words, the best first, at most so many. A word
// that many documents have counts little.
func rank(docs []document, words string, most int) []int {
	score := make([]float64, len(docs))
	for _, w := range tokens(words) {
		fit, having := make([]float64, len(docs)), 0
		for i, d := range docs {
			for have, weight := range d.words {
				fit[i] = max(fit[i], weight*alike(w, have))
			}
			if fit[i] > 0 {
				having++
			}
		}
		for i := range docs {
			score[i] += fit[i] * math.Log(1+float64(len(docs))/float64(1+having))
		}
	}
	var order []int
	top := 0.0
	for i, s := range score {
		if s > 0 {
			order, top = append(order, i), max(top, s)
		}
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(score[b], score[a]) })
	order = slices.DeleteFunc(order, func(i int) bool { return score[i] < top/4 })
	return order[:min(most, len(order))]
}

// alike is 1 for the same word, less for words that begin alike ("retransmits",
// "retransmissions"), 0 for others.
func alike(a, b string) float64 {
	if a == b {
		return 1
	}
	common := 0
	for common < min(len(a), len(b)) && a[common] == b[common] {
		common++
	}
	short := min(len(a), len(b))
	if short >= 3 && common < 3 && (strings.Contains(a, b) || strings.Contains(b, a)) { // mtu, pmtu
		return 0.5 * float64(short) / float64(max(len(a), len(b)))
	}
	if short < 3 || common < 3 || float64(common) < 0.7*float64(short) {
		return 0
	}
	return 0.9 * float64(common) / float64(max(common+2, max(len(a), len(b))-2))
}

// idle are words that say nothing about what is asked.
var idle = strings.Fields("a an and any anything are as at be been by can could did do does for from get has have how i if in into is it its me my no not of on one only or our please show some tell that the their them there they this to was we were what when where which who why will with would you your")

// tokens are the words of a text in small letters, without those that say nothing.
func tokens(text string) []string {
	var all []string
	for _, w := range strings.FieldsFunc(strings.ToLower(text), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }) {
		if len(w) > 1 && !slices.Contains(idle, w) && len(w) < 60 {
			all = append(all, w)
		}
	}
	return all[:min(len(all), 400)]
}
