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
	facts    map[string][]string // names of facts as they may be said
}

// phrase means a line of the script, or asks for a command.
type phrase struct {
	words   []string
	line    *content.Utterance
	command *content.Command
}

func newEar(book *content.Book, speech *content.Speech, rubric *content.Rubric) *ear {
	e := &ear{speech: speech, same: map[string]string{}, fillers: map[string]bool{}, lines: map[string]int{}, facts: map[string][]string{}}
	for _, kind := range speech.Same {
		for _, w := range kind {
			e.same[stem(w)] = stem(kind[0])
		}
	}
	for _, w := range speech.Fillers {
		e.fillers[e.kind(plainWord(w))] = true
	}
	for _, p := range speech.Plans {
		e.plans = append(e.plans, " "+strings.Join(e.all(p), " ")+" ")
	}
	for _, p := range speech.Verdicts {
		e.verdicts = append(e.verdicts, " "+strings.Join(e.all(p), " ")+" ")
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

// stem is a word without its ending.
func stem(w string) string {
	for _, end := range endings {
		if short := strings.TrimSuffix(w, end); short != w && len(short) > 2 {
			return short
		}
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

// all are the words of a text by their kind. Options of a command stand one by one.
func (e *ear) all(text string) []string {
	var all []string
	for _, field := range strings.Fields(plainWord(text)) {
		word := func(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) || r == '_' }
		if flags, is := strings.CutPrefix(field, "-"); is && len(flags) < 7 && !strings.ContainsFunc(flags, func(r rune) bool { return !word(r) }) {
			for _, r := range flags {
				all = append(all, "-"+string(r))
			}
			continue
		}
		for _, w := range strings.FieldsFunc(field, func(r rune) bool { return !word(r) }) {
			all = append(all, e.kind(w))
		}
		if len(all) > mostWords {
			break
		}
	}
	return all
}

// words are those of a text that say something.
func (e *ear) words(text string) []string {
	return slices.DeleteFunc(e.all(text), func(w string) bool { return e.fillers[w] })
}

// begins says whether some words in a row were said.
func (e *ear) begins(text string, openers []string) bool {
	said := " " + strings.Join(e.all(text), " ") + " "
	return slices.ContainsFunc(openers, func(o string) bool { return strings.Contains(said, o) })
}

// proposes says whether somebody proposes a step and does not ask.
func (e *ear) proposes(text string) bool { return !asks(text) && e.begins(text, e.plans) }

// asks says whether a text is a question as it is written.
func asks(text string) bool { return strings.HasSuffix(strings.TrimSpace(text), "?") }

// heard is how much each utterance and command was meant.
type heard struct {
	lines    map[*content.Utterance]float64
	commands map[*content.Command]float64
	whole    float64 // of what was said
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

// named are the facts that a text names: somaxconn, TcpExtListenOverflows.
func (e *ear) named(text string) []string {
	var all []string
	for _, w := range strings.Fields(strings.ToLower(text)) {
		w = strings.Trim(strings.ReplaceAll(strings.TrimPrefix(w, "/proc/sys/"), "/", "."), ".,;:?!\"'`()")
		for _, name := range e.facts[w] {
			if !slices.Contains(all, name) {
				all = append(all, name)
			}
		}
	}
	return all
}
