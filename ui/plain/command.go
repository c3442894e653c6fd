package plain

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// verb is what a line asks for.
type verb string

const (
	leaveOpen verb = ""
	answer    verb = "answer"
	takeBack  verb = "0"
	dontKnow  verb = "d"
	back      verb = "b"
	again     verb = "a"
	note      verb = "n"
	findOut   verb = "f"
	mark      verb = "m"
	causes    verb = "c"
	tree      verb = "t"
	journey   verb = "j"
	flows     verb = "w"
	evidence  verb = "e"
	plan      verb = "p"
	report    verb = "r"
	verdict   verb = "v"
	answers   verb = "l"
	try       verb = "try"
	apply     verb = "apply"
	keepIt    verb = "keep"
	undo      verb = "undo"
	pause     verb = "pause"
	moment    verb = "at"
	speed     verb = "speed"
	suggested verb = "s"
	goTo      verb = "g"
	help      verb = "?"
	quit      verb = "quit"
)

// usage is one line of the help. Verbs that take something behind them name it.
type usage struct {
	verb  verb
	words []string // other ways to write it
	takes string
	alone bool // it also means something without what it takes
	does  string
}

// usages are all commands in the order of the help.
var usages = []usage{
	{dontKnow, []string{"don't know", "dont-know"}, "", false, "don't know, and on to the next question"},
	{leaveOpen, []string{"next", "skip"}, "", false, "leave the question open, or keep its answer, and go on"},
	{takeBack, nil, "", false, "take the answer back; the note stays"},
	{note, []string{"note"}, "TEXT", false, "add TEXT to the note of this question; n - removes the note"},
	{findOut, []string{"find"}, "", false, "why it is asked, and how to find out"},
	{again, []string{"again"}, "", false, "ask again, with what the host shows now"},
	{back, []string{"back"}, "", false, "the question before"},
	{goTo, []string{"q", "go"}, "N", false, "go to question N, such as 3 or Q2a"},
	{suggested, []string{"suggested"}, "", false, "go to the open question that would tell most"},
	{answers, []string{"list", "answers"}, "", false, "list the answers so far, and the questions that are open"},
	{verdict, []string{"verdict"}, "", false, "the verdict now, and what changed"},
	{causes, []string{"causes"}, "N", true, "the likely causes; c 1 tells all about the first, c mtu finds those with that word, c all tells all"},
	{tree, []string{"tree"}, "PLACE", true, "the places on the packet's way: at fault, open, closed; t tcp tells the causes there"},
	{journey, []string{"journey"}, "PLACE", true, "what each place on the packet's way lost; j tcp tells all about that place, j all every counter"},
	{flows, []string{"flows"}, "N", true, "services and connections in trouble; w 1 is the first, w 443 finds those with that text, w all tells the others too"},
	{evidence, []string{"evidence"}, "WORD", false, "the facts with WORD in the name or meaning; of one alone its source and history"},
	{plan, []string{"plan"}, "N", true, "what to do; p 1 is the first step, commands unbroken"},
	{report, []string{"report", "write"}, "show", true, "write the incident report to a file; r show reads it out"},
	{mark, []string{"mark"}, "TEXT", true, "mark this moment, for the report: m the load test begins"},
	{pause, []string{"hold"}, "", false, "hold the measurements as they are; again goes on"},
	{moment, nil, "TIME", true, "in a recording, go to that moment and hold it: at 14:03:05; at +1m and -30s count from here, at + and at - are one observation, and +1m alone will do; at says where you are"},
	{speed, nil, "N", true, "how fast a recording goes on, speed 10 is ten times; pause holds it and lets it go on"},
	{try, nil, "HOST:PORT", false, "try a destination: the only command that sends packets"},
	{apply, nil, "N", false, "apply step N of the plan: shows the change and asks first"},
	{keepIt, nil, "reboot", true, "keep what was applied; keep reboot keeps it over a reboot too"},
	{undo, nil, "", false, "take back what was applied"},
	{help, []string{"help", "h"}, "", false, "this list"},
	{quit, []string{"exit", "bye"}, "", false, "end; the answers are kept"},
}

// command is one line, understood.
type command struct {
	verb    verb
	options []string // of an answer: ids, each once
	text    string   // what stood behind the verb
}

// timeSpan is how far to go in a recording: +1m, -30s, + alone.
var timeSpan = regexp.MustCompile(`^[+-]([0-9.]+(ms|s|m|h))*$`)

var questionID = regexp.MustCompile(`^[Qq][0-9]+[a-zA-Z]?$`)

// parse understands a line, where the question that is asked has these options.
// Where it can't, wrong says what was expected, in whole sentences.
func parse(text string, options []string) (c command, wrong string) {
	typed := strings.TrimSpace(text)
	text = clean(text)
	switch {
	case typed == "":
		return command{verb: leaveOpen}, ""
	case text == "": // an arrow key is no answer
		return command{}, "That has no letter or number in it. " + expected(options)
	}
	first, rest, _ := strings.Cut(text, " ")
	rest = strings.TrimSpace(rest)
	if u := usageOf(first); u != nil && (rest == "" || u.takes != "" || u.verb == note) {
		return complete(u, first, rest)
	}
	if u := usageOf(text); u != nil {
		return command{verb: u.verb}, ""
	}
	if timeSpan.MatchString(text) {
		return command{verb: moment, text: text}, ""
	}
	if u := usageOf(first); u != nil {
		return command{}, fmt.Sprintf("%q stands alone, without %q. Text for the report goes behind n.", first, brief(rest))
	}
	if questionID.MatchString(text) {
		return command{verb: goTo, text: text}, ""
	}
	return parseAnswer(text, options)
}

// complete is a command with what stands behind it.
func complete(u *usage, word, rest string) (c command, wrong string) {
	switch {
	case u.verb == goTo && rest == "" && strings.EqualFold(word, "q"):
		return command{}, "q alone is not enough: quit ends, q Q2a goes to a question."
	case u.verb == goTo && rest == "":
		return command{}, fmt.Sprintf("%s needs a question behind it, such as g 3 or g Q2a.", word)
	case u.verb == try && rest == "":
		return command{}, "try needs a destination behind it, such as try 192.0.2.7:443."
	case u.verb == apply && rest == "":
		return command{}, "apply needs the number of a step behind it, such as apply 1; p tells the steps."
	case u.verb == note && rest == "":
		return command{}, "n needs the text of the note behind it; n - removes the note."
	}
	return command{verb: u.verb, text: rest}, ""
}

func usageOf(word string) *usage {
	word = strings.ToLower(word)
	for i := range usages {
		if u := &usages[i]; word == string(u.verb) || slices.Contains(u.words, word) {
			return u
		}
	}
	return nil
}

// parseAnswer reads the numbers of options, or their ids.
func parseAnswer(text string, options []string) (c command, wrong string) {
	words := strings.FieldsFunc(text, func(r rune) bool { return r == ' ' || r == ',' || r == ';' })
	c.verb = answer
	for _, w := range words {
		w = strings.TrimSuffix(strings.ToLower(w), ".")
		id := w
		if n, err := strconv.Atoi(w); err == nil {
			if n < 1 || n > len(options) {
				return command{}, fmt.Sprintf("There is no answer %s. %s", brief(w), expected(options))
			}
			id = options[n-1]
		}
		if !slices.Contains(options, id) {
			return command{}, fmt.Sprintf("Not understood: %s. %s", brief(text), expected(options))
		}
		if !slices.Contains(c.options, id) {
			c.options = append(c.options, id)
		}
	}
	if len(c.options) == 0 {
		return command{}, fmt.Sprintf("Not understood: %s. %s", brief(text), expected(options))
	}
	return c, ""
}

// expected says what would have been understood.
func expected(options []string) string {
	if len(options) == 0 {
		return "No question is asked now: g 3 goes to one, ? lists the commands."
	}
	return fmt.Sprintf("Expected numbers from 1 to %d, d for don't know, Enter to leave it open, or a command; ? lists them.", len(options))
}

// sequence is what a key such as an arrow, a paste or a mouse writes into a line.
var sequence = regexp.MustCompile(`\x1b(\[[0-?]*[ -/]*[@-~]|O[ -~]|.)?`)

// clean makes one line of printable characters of what was typed.
func clean(s string) string {
	s = sequence.ReplaceAllString(letters(s), "")
	s = strings.Map(func(r rune) rune {
		switch {
		case r == '\t' || r == '\u00a0':
			return ' '
		case !unicode.IsPrint(r):
			return -1
		}
		return r
	}, s)
	return strings.TrimSpace(s)
}

// letters makes letters of bytes that are none of UTF-8: those of Latin-1, which
// is what they most likely are.
func letters(s string) string {
	if utf8.ValidString(s) {
		return s
	}
	var b strings.Builder
	for len(s) > 0 {
		r, size := utf8.DecodeRuneInString(s)
		if r == utf8.RuneError && size == 1 {
			r = rune(s[0])
		}
		b.WriteRune(r)
		s = s[size:]
	}
	return b.String()
}
