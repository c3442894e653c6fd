package content

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"
)

// Place is where something stands in the content files.
type Place struct {
	File string `yaml:"-"`
	Line int    `yaml:"-"`
}

func (p *Place) place() *Place { return p }

// Expr is an expression over facts. It is compiled when it is first needed:
// an observation needs few of them, and to compile all takes as long as to read
// them.
type Expr struct {
	Source string
	Place
	scope

	once sync.Once
	form *form // nil if it cannot be compiled
	err  error
}

// UnmarshalYAML keeps the line for error messages.
func (e *Expr) UnmarshalYAML(n *yaml.Node) error {
	e.Line = n.Line
	return n.Decode(&e.Source)
}

// Empty says that no expression was written.
func (e *Expr) Empty() bool { return e == nil || e.Source == "" }

// Check says what is wrong with the expression: a name that stands for nothing,
// a type that does not fit.
func (e *Expr) Check() error {
	e.once.Do(func() { e.form, e.err = e.compile(e.Source) })
	return e.err
}

// compiled returns nil for an expression that is wrong: then nothing is known
// of its value.
func (e *Expr) compiled() *form {
	if e.Check() != nil {
		return nil
	}
	return e.form
}

// Uses returns the names of the facts that the expression needs, sorted; a
// field of a table as "table.field".
func (e *Expr) Uses() []string {
	if f := e.compiled(); f != nil {
		return f.uses
	}
	return nil
}

// Eval evaluates the expression. known is false if a fact it uses is unknown;
// then there is no value. A division of 0 by 0 counts as unknown too.
func (e *Expr) Eval(env *Env) (value any, known bool) {
	if f := e.compiled(); f != nil {
		return f.eval(env)
	}
	return nil, false
}

// Holds evaluates a condition. An empty condition always holds. A condition of
// several parts is known as soon as the known parts decide it.
func (e *Expr) Holds(env *Env) (holds, known bool) {
	if e.Empty() {
		return true, true
	}
	if f := e.compiled(); f != nil {
		return f.holds(env)
	}
	return false, false
}

// Text is prose with expressions in braces: "{Tcp.RetransSegs} segment{s} {was|were}
// lost". {s} and {was|were} agree with the number before them; in "{n} of {m}" that is
// the first. A remark in parentheses with a value that nobody knows is left out. Two
// braces are a literal brace.
type Text struct {
	Source string
	Place
	scope

	once  sync.Once
	parts []part // the words alone if it cannot be compiled
	uses  []string
	err   error
}

type part struct {
	literal string
	expr    *Expr
	agrees  *agreement // words that depend on the number before them, instead of expr
}

// UnmarshalYAML keeps the line for error messages.
func (t *Text) UnmarshalYAML(n *yaml.Node) error {
	t.Line = n.Line
	return n.Decode(&t.Source)
}

// Check says what is wrong with the text: a brace that is not closed, or what
// stands in it.
func (t *Text) Check() error {
	t.once.Do(func() {
		if t.err = t.split(); t.err != nil {
			t.parts, t.uses = []part{{literal: t.Source}}, nil
		}
	})
	return t.err
}

// compiled returns the parts of the text.
func (t *Text) compiled() []part {
	_ = t.Check() // what is wrong stands in the parts as it was written
	return t.parts
}

// Unknown is what stands in a text for a fact that nobody could read.
const Unknown = "not known"

// unseenProcess stands for the name of a process, so that the sentence says that
// there is one.
const unseenProcess = "an unseen process"

// Render fills in the values. complete is false if one of them is unknown: the
// text then has Unknown in its place.
func (t *Text) Render(env *Env) (s string, complete bool) {
	var b strings.Builder
	var count counted
	complete = true
	for _, p := range t.compiled() {
		switch {
		case p.agrees != nil:
			b.WriteString(p.agrees.with(count))
			continue
		case p.expr == nil:
			count.passes(p.literal)
			b.WriteString(p.literal)
			continue
		}
		v, known := p.expr.Eval(env)
		count.takes(v, known)
		if known {
			b.WriteString(Show(v))
			continue
		}
		complete = false
		if strings.HasSuffix(strings.TrimSpace(p.expr.Source), ".process") {
			b.WriteString(unseenProcess)
		} else {
			b.WriteString(Unknown)
		}
	}
	s = b.String()
	if !complete {
		s = withoutIdleRemarks(s)
	}
	return s, complete
}

// Uses returns the facts that the text shows, sorted.
func (t *Text) Uses() []string {
	_ = t.Check() // a text that is wrong shows no facts
	return t.uses
}

// Show formats a value as people read it: whole numbers without a point, others
// with three significant digits, yes and no for flags. Text comes out without
// anything that a terminal would act on: what is not printable is shown as Go
// would quote it.
func Show(v any) string {
	switch v := v.(type) {
	case string:
		return printable(v)
	case float64:
		if v == math.Trunc(v) || math.Abs(v) >= 999.5 { // 'g' writes 1e+03
			return strconv.FormatFloat(math.Round(v), 'f', 0, 64)
		}
		return strconv.FormatFloat(v, 'g', 3, 64)
	case bool:
		if v {
			return "yes"
		}
		return "no"
	default:
		return fmt.Sprint(v)
	}
}

func printable(s string) string {
	clean := true
	for i, r := range s {
		clean = clean && (unicode.IsPrint(r) && r != utf8.RuneError || joins(s, i, r))
	}
	if clean {
		return s
	}
	var b strings.Builder
	for i, r := range s {
		switch {
		case r == '\n' || r == '\t':
			b.WriteByte(' ')
		case r == utf8.RuneError:
			fmt.Fprintf(&b, "\\x%02x", s[i])
		case unicode.IsPrint(r) || joins(s, i, r):
			b.WriteRune(r)
		default:
			q := strconv.QuoteRune(r)
			b.WriteString(q[1 : len(q)-1])
		}
	}
	return b.String()
}

// joins says whether the rune at i is a joiner (U+200C, U+200D) between two letters or
// pictures, where scripts and emoji need it. Elsewhere it only hides.
func joins(s string, i int, r rune) bool {
	if r != '\u200c' && r != '\u200d' {
		return false
	}
	before, _ := utf8.DecodeLastRuneInString(s[:i])
	after, _ := utf8.DecodeRuneInString(s[i+utf8.RuneLen(r):])
	return joinable(before) && joinable(after)
}

func joinable(r rune) bool {
	return r > unicode.MaxASCII && r != utf8.RuneError && unicode.In(r, unicode.L, unicode.M, unicode.So, unicode.Sk)
}
