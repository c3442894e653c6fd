package interview

import (
	"math"
	"slices"
	"strings"
	"unicode"

	"whydrop/content"
)

// ear understands what people say by the phrases of content.Speech: a line of the script
// is meant as far as the words of its phrases were said, and rare words tell more.
type ear struct {
	speech   *content.Speech
	same     map[string]string // a word's stem to the first of its kind
	fillers  map[string]bool
	phrases  []phrase
	lines    map[string]int // how many lines and commands have a word
	owners   int
	plans    []string // by which somebody begins to propose, between spaces
	verdicts []string
	states   []string
	changes  map[string]bool     // words of change by their kind
	facts    map[string][]string // names of facts as they may be said
}

// phrase means a line of the script, or asks for a command.
type phrase struct {
	words   []string
	line    *content.Utterance
	command *content.Command
}

func newEar(book *content.Book, speech *content.Speech, rubric *content.Rubric) *ear {
	e := &ear{speech: speech, same: map[string]string{}, fillers: map[string]bool{}, lines: map[string]int{}, changes: map[string]bool{}, facts: map[string][]string{}}
	for _, kind := range speech.Same {
		for _, w := range kind {
			e.same[stem(w)] = stem(kind[0])
		}
	}
	for _, w := range speech.Fillers {
		e.fillers[e.kind(plainWord(w))] = true
	}
	e.plans, e.verdicts, e.states = e.openers(speech.Plans), e.openers(speech.Verdicts), e.openers(speech.States)
	for _, w := range speech.Changes {
		e.changes[e.kind(w)] = true
	}
	for _, u := range speech.Utterances {
		e.learn(u.Says, phrase{line: u})
	}
	for _, a := range rubric.Asides {
		if len(a.Words) > 0 {
			e.learn(a.Words, phrase{line: &content.Utterance{Lines: []string{string(KeyOf(Aside, a.ID))}}})
		}
	}
	for _, c := range speech.Commands {
		e.learn(c.Says, phrase{command: c})
	}
	for _, d := range book.Facts.Facts() {
		for _, said := range spellings(d.Name) {
			e.facts[said] = append(e.facts[said], d.Name)
		}
	}
	return e
}

// spellings are the names by which a fact is asked for, in small letters: whole, as
// nstat writes it, and its last part, unless that is an ordinary word.
func spellings(fact string) []string {
	last := fact[strings.LastIndexByte(fact, '.')+1:]
	key, setting := strings.CutPrefix(fact, "sysctl.")
	all := []string{strings.ToLower(key), strings.ToLower(strings.ReplaceAll(fact, ".", ""))}
	if len(last) > 5 && (setting || last != strings.ToLower(last) || strings.Contains(last, "_")) {
		all = append(all, strings.ToLower(last))
	}
	return all
}

func (e *ear) learn(says []string, p phrase) {
	e.owners++
	seen := map[string]bool{}
	for _, text := range says {
		p.words = e.words(text)
		if len(p.words) == 0 {
			continue
		}
		e.phrases = append(e.phrases, p)
		for _, w := range p.words {
			if !seen[w] {
				seen[w] = true
				e.lines[w]++
			}
		}
	}
}

// weight is how much a word tells.
func (e *ear) weight(w string) float64 {
	return math.Log(1 + float64(e.owners)/float64(max(1, e.lines[w])))
}

// endings of words that are the same without them.
var endings = []string{"ing", "ed", "es", "s", "e"}

// stem is a word without its ending, and without the letter that this doubled: dropping.
func stem(w string) string {
	for _, end := range endings {
		if short := strings.TrimSuffix(w, end); short != w && len(short) > 2 {
			w = short
			break
		}
	}
	if n := len(w); n > 2 && w[n-1] == w[n-2] && strings.ContainsRune("bdgmnprt", rune(w[n-1])) {
		return w[:n-1]
	}
	return w
}

// plainWord is a word in small letters without an apostrophe.
func plainWord(w string) string {
	return strings.NewReplacer("'", "", "\u2019", "").Replace(strings.ToLower(w))
}

// kind is a word's stem, or that of the word that stands for all of its kind.
func (e *ear) kind(w string) string {
	if first, is := e.same[stem(w)]; is {
		return first
	}
	return stem(w)
}

// mostWords is how many words of what was said are listened to.
const mostWords = 60

// spoken are the words of a text in small letters, at most mostWords and those of the
// field in which they end. Options of a command stand one by one.
func spoken(text string) []string {
	var all []string
	for _, field := range strings.Fields(plainWord(text)) {
		word := func(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) || r == '_' }
		if flags, is := strings.CutPrefix(field, "-"); is && len(flags) < 7 && !strings.ContainsFunc(flags, func(r rune) bool { return !word(r) }) {
			for _, r := range flags {
				all = append(all, "-"+string(r))
			}
			continue
		}
		all = append(all, strings.FieldsFunc(field, func(r rune) bool { return !word(r) })...)
		if len(all) > mostWords {
			break
		}
	}
	return all
}

// all are the words of a text by their kind.
func (e *ear) all(text string) []string {
	all := spoken(text)
	for i, w := range all {
		if !strings.HasPrefix(w, "-") {
			all[i] = e.kind(w)
		}
	}
	return all
}

// words are those of a text that say something.
func (e *ear) words(text string) []string {
	return slices.DeleteFunc(e.all(text), func(w string) bool { return e.fillers[w] })
}

// openers are phrases as begins wants them: between spaces.
func (e *ear) openers(phrases []string) []string {
	var all []string
	for _, p := range phrases {
		all = append(all, " "+strings.Join(e.all(p), " ")+" ")
	}
	return all
}

// begins says whether some words in a row were said.
func (e *ear) begins(text string, openers []string) bool {
	said := " " + strings.Join(e.all(text), " ") + " "
	return slices.ContainsFunc(openers, func(o string) bool { return strings.Contains(said, o) })
}

// intent is what somebody does by saying something.
type intent int

const (
	says     intent = iota
	asks            // a question
	looks           // names what to look at or to verify
	alarms          // speaks of an alarm, or of something else that changes nothing
	wishes          // "I would", and no change
	proposes        // a change
)

// intent tells what somebody does by saying something, by what comes first: a word of
// change or one of looking.
func (e *ear) intent(text string) intent {
	said := spoken(text)
	change, look := e.change(said, e.begins(text, e.plans)), e.looking(said)
	switch {
	case strings.HasSuffix(strings.TrimSpace(text), "?") || e.questions(said):
		return asks
	case change >= 0 && (look < 0 || change < look):
		return proposes
	case look >= 0:
		return looks
	case slices.ContainsFunc(said, e.watches):
		return alarms
	case e.begins(text, e.plans):
		return wishes
	}
	return says
}

// questions says whether a question begins with these words, after such as "so".
func (e *ear) questions(said []string) bool {
	for len(said) > 0 && slices.Contains(e.speech.Leads, said[0]) {
		said = said[1:]
	}
	begins := strings.Join(said, " ") + " "
	return slices.ContainsFunc(e.speech.Questions, func(q string) bool { return strings.HasPrefix(begins, q+" ") })
}

// watchWords is how many words after a word of change its object is looked for: who sets
// up an alarm changes nothing.
const watchWords = 3

// change is where the first word of change is, -1 where none is. It stands at the
// beginning or after such as "and", unless they said that they propose.
func (e *ear) change(said []string, plans bool) int {
	for i, w := range said {
		is := func(c string) bool { return w == c || strings.HasSuffix(w, "ing") && stem(w) == stem(c) }
		led := plans || i == 0 || slices.Contains(e.speech.Leads, said[i-1])
		after := said[i+1 : min(len(said), i+1+watchWords)]
		led = led && !(len(after) > 0 && (after[0] == "me" || after[0] == "us")) // let me see
		if led && slices.ContainsFunc(e.speech.Changes, is) && !slices.ContainsFunc(after, e.watches) {
			return i
		}
	}
	return -1
}

// looking is where the first word of looking is, -1 where none is.
func (e *ear) looking(said []string) int {
	return slices.IndexFunc(said, func(w string) bool {
		return slices.ContainsFunc(e.speech.Looks, func(l string) bool { return stem(w) == stem(l) })
	})
}

// watches says whether a word is about an alarm.
func (e *ear) watches(w string) bool {
	return slices.ContainsFunc(e.speech.Watches, func(a string) bool { return stem(w) == stem(a) })
}

// heard is how much each utterance and command was meant.
type heard struct {
	lines    map[*content.Utterance]float64
	commands map[*content.Command]float64
	whole    float64 // of what was said
}

// causes are those of which phrases were said, and that nothing is wrong.
func (h heard) causes() map[Key]float64 {
	said := map[Key]float64{}
	for u, points := range h.lines {
		for _, line := range u.Lines {
			if k := Key(line); k.Kind() == Cause {
				said[k] = max(said[k], points)
			}
		}
	}
	return said
}

// hear weighs what was said.
func (e *ear) hear(text string) heard {
	said := e.words(text)
	h := heard{lines: map[*content.Utterance]float64{}, commands: map[*content.Command]float64{}}
	covered := map[any]map[string]bool{}
	for _, p := range e.phrases {
		if slices.ContainsFunc(p.words, func(w string) bool { return !slices.Contains(said, w) }) {
			continue
		}
		var owner any = p.command
		if p.line != nil {
			owner = p.line
		}
		if covered[owner] == nil {
			covered[owner] = map[string]bool{}
		}
		for _, w := range p.words {
			if covered[owner][w] {
				continue
			}
			covered[owner][w] = true
			if p.line != nil {
				h.lines[p.line] += e.weight(w)
			} else {
				h.commands[p.command] += e.weight(w)
			}
		}
	}
	for _, w := range said {
		switch {
		case strings.ContainsAny(w, "-0123456789"): // an option, an address
		case e.lines[w] == 0: // a word that no phrase has
			h.whole += e.weight(w) / 2
		default:
			h.whole += e.weight(w)
		}
	}
	return h
}

// named are the facts that a text names: somaxconn, TcpExtListenOverflows; unknown are
// settings with their whole names of which there is no fact.
func (e *ear) named(text string) (all, unknown []string) {
	for _, w := range strings.Fields(strings.ToLower(text)) {
		w = strings.Trim(strings.ReplaceAll(strings.TrimPrefix(w, "/proc/sys/"), "/", "."), ".,;:?!\"'`()")
		facts := e.facts[w]
		if setting := strings.HasPrefix(w, "net.") && strings.Count(w, ".") > 1; setting && len(facts) == 0 {
			if facts = e.facts[w[strings.LastIndexByte(w, '.')+1:]]; len(facts) == 0 {
				unknown = append(unknown, w)
			}
		}
		for _, name := range facts {
			if !slices.Contains(all, name) {
				all = append(all, name)
			}
		}
	}
	return all, unknown
}
