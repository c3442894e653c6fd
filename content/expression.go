package content

import (
	"fmt"
	"math"
	"reflect"
	"sort"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/checker"
	"github.com/expr-lang/expr/compiler"
	"github.com/expr-lang/expr/conf"
	"github.com/expr-lang/expr/optimizer"
	"github.com/expr-lang/expr/parser"
	"github.com/expr-lang/expr/vm"
	"go.yaml.in/yaml/v4"
)

// Place is where something stands in the content files.
type Place struct {
	File string `yaml:"-"`
	Line int    `yaml:"-"`
}

func (p *Place) place() *Place { return p }

// Expr is an expression over facts, compiled and type-checked when the content
// is loaded.
type Expr struct {
	Source string
	Place
	program *vm.Program
	name    string      // set for an expression that is just a name: then there is no program
	compare *comparison // set for a name and a constant: then there is no program either
	logic   *logic      // set for a condition of several parts
	uses    []string
}

// UnmarshalYAML keeps the line for error messages.
func (e *Expr) UnmarshalYAML(n *yaml.Node) error {
	e.Line = n.Line
	return n.Decode(&e.Source)
}

// Empty says that no expression was written.
func (e *Expr) Empty() bool { return e == nil || e.Source == "" }

// Uses returns the names of the facts that the expression needs, sorted; a
// field of a table as "table.field".
func (e *Expr) Uses() []string { return e.uses }

// Eval evaluates the expression. known is false if a fact it uses is unknown;
// then there is no value. A division of 0 by 0 counts as unknown too.
func (e *Expr) Eval(env *Env) (value any, known bool) {
	switch {
	case e.name != "":
		value, known = env.Value(e.name)
	case e.compare != nil:
		return e.compare.holds(env)
	default:
		value, known = e.run(env)
	}
	if f, ok := value.(float64); !known || ok && (math.IsNaN(f) || math.IsInf(f, 0)) {
		return nil, false
	}
	return value, true
}

// run evaluates what needs a program.
func (e *Expr) run(env *Env) (value any, known bool) {
	for _, name := range e.uses {
		if !env.knows(name) {
			return nil, false
		}
	}
	value, err := env.run(e.program)
	return value, err == nil
}

// Holds evaluates a condition. An empty condition always holds. A condition of
// several parts is known as soon as the known parts decide it.
func (e *Expr) Holds(env *Env) (holds, known bool) {
	if e.Empty() {
		return true, true
	}
	if e.logic != nil {
		return e.logic.holds(env)
	}
	v, known := e.Eval(env)
	b, ok := v.(bool)
	return b, known && ok
}

// Text is prose with expressions in braces: "{Tcp.RetransSegs} segments". Two
// braces are a literal brace.
type Text struct {
	Source string
	Place
	parts []part
	uses  []string
}

type part struct {
	literal string
	expr    *Expr
}

// UnmarshalYAML keeps the line for error messages.
func (t *Text) UnmarshalYAML(n *yaml.Node) error {
	t.Line = n.Line
	return n.Decode(&t.Source)
}

// Unknown is what stands in a text for a fact that nobody could read.
const Unknown = "not known"

// Render fills in the values. complete is false if one of them is unknown: the
// text then has Unknown in its place.
func (t *Text) Render(env *Env) (s string, complete bool) {
	var b strings.Builder
	complete = true
	for _, p := range t.parts {
		if p.expr == nil {
			b.WriteString(p.literal)
			continue
		}
		v, known := p.expr.Eval(env)
		if !known {
			complete = false
			b.WriteString(Unknown)
			continue
		}
		b.WriteString(Show(v))
	}
	return b.String(), complete
}

// Uses returns the facts that the text shows, sorted.
func (t *Text) Uses() []string { return t.uses }

// Show formats a value as people read it: whole numbers without a point, others
// with three significant digits, yes and no for flags. Text comes out without
// anything that a terminal would act on: what is not printable is shown as Go
// would quote it.
func Show(v any) string {
	switch v := v.(type) {
	case string:
		return printable(v)
	case float64:
		if v == math.Trunc(v) || math.Abs(v) >= 1000 {
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
	for _, r := range s {
		clean = clean && unicode.IsPrint(r) && r != utf8.RuneError
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
		case unicode.IsPrint(r):
			b.WriteRune(r)
		default:
			q := strconv.QuoteRune(r)
			b.WriteString(q[1 : len(q)-1])
		}
	}
	return b.String()
}

// compileExpr compiles e for rows of a table ("" for none), with names that
// exist only there ("value", "current" in a remedy). The same words in the same
// place are compiled once.
func (v *Vocabulary) compileExpr(e *Expr, table string, extra map[string]Type, want ...expr.Option) error {
	if len(want) == 0 && v.bare(e.Source, table, extra, reflect.Invalid) {
		e.name, e.uses = e.Source, []string{e.Source}
		return nil
	}
	config := *v.config(table, extra) // shared: to make one for each takes longer than all the rest
	for _, option := range want {
		option(&config)
	}
	if len(want) > 0 && v.bare(e.Source, table, extra, config.Expect) {
		e.name, e.uses = e.Source, []string{e.Source}
		return nil
	}
	if len(extra) > 0 {
		return v.compileProgram(e, table, &config)
	}
	key := table + " " + config.Expect.String() + " " + e.Source
	if done := v.compiled[key]; done != nil {
		e.as(done)
		return nil
	}
	if err := v.compileProgram(e, table, &config); err != nil {
		return err
	}
	v.compiled[key] = e
	return nil
}

// as makes e what another expression of the same words was compiled to.
func (e *Expr) as(done *Expr) {
	e.program, e.name, e.compare, e.logic, e.uses = done.program, done.name, done.compare, done.logic, done.uses
}

func (v *Vocabulary) compileProgram(e *Expr, table string, config *conf.Config) error {
	tree, err := checker.ParseCheck(e.Source, config)
	if err != nil {
		return v.explain(err, e.Source, table)
	}
	c := &collector{}
	ast.Walk(&tree.Node, c)
	e.uses = unique(c.names())
	if e.compare = comparisonOf(tree.Node); e.compare != nil {
		return nil
	}
	if err = optimizer.Optimize(&tree.Node, config); err == nil {
		e.program, err = compiler.Compile(tree, config)
	}
	if err != nil {
		return v.explain(err, e.Source, table)
	}
	return nil
}

// compileCondition compiles a condition: if it has several parts, each part.
func (v *Vocabulary) compileCondition(e *Expr, table string) error {
	key := table + " condition " + e.Source
	if done := v.compiled[key]; done != nil {
		e.as(done)
		return nil
	}
	tree, err := parser.Parse(e.Source)
	if err != nil {
		return v.explain(err, e.Source, table)
	}
	if !compound(tree.Node) {
		return v.compileExpr(e, table, nil, expr.AsBool())
	}
	if e.logic, err = v.logic(tree.Node, table); err != nil {
		return err
	}
	e.uses = unique(e.logic.uses())
	v.compiled[key] = e
	return nil
}

// compileText splits a text at its braces and compiles what stands in them.
func (v *Vocabulary) compileText(t *Text, table string, extra map[string]Type) error {
	t.parts, t.uses = nil, nil
	rest := t.Source
	var literal strings.Builder
	for rest != "" {
		switch {
		case strings.HasPrefix(rest, "{{"), strings.HasPrefix(rest, "}}"):
			literal.WriteByte(rest[0])
			rest = rest[2:]
		case rest[0] == '}':
			return fmt.Errorf("a } without a { in %q: write }} for a literal brace", t.Source)
		case rest[0] == '{':
			end := strings.IndexByte(rest, '}')
			if end < 0 {
				return fmt.Errorf("a { without a } in %q: write {{ for a literal brace", t.Source)
			}
			e := &Expr{Source: v.spellOut(rest[1:end]), Place: t.Place}
			if err := v.compileExpr(e, table, extra); err != nil {
				return err
			}
			t.parts = append(t.parts, part{literal: literal.String()}, part{expr: e})
			t.uses = append(t.uses, e.uses...)
			literal.Reset()
			rest = rest[end+1:]
		default:
			literal.WriteByte(rest[0])
			rest = rest[1:]
		}
	}
	t.parts = append(t.parts, part{literal: literal.String()})
	t.uses = unique(t.uses)
	return nil
}

// collector gathers the dotted names that an expression reads.
type collector struct {
	chains []string
}

func (c *collector) Visit(node *ast.Node) {
	// The walk is depth first, so the inner nodes of a chain come before it:
	// keep them and drop what turns out to be part of something longer.
	if name, ok := dotted(*node); ok {
		c.chains = append(c.chains, name)
	}
}

func (c *collector) names() []string {
	var names []string
	for i, chain := range c.chains {
		longer := i+1 < len(c.chains) && strings.HasPrefix(c.chains[i+1], chain+".")
		if !longer && !functions[chain] {
			names = append(names, chain)
		}
	}
	return names
}

func dotted(n ast.Node) (string, bool) {
	switch n := n.(type) {
	case *ast.IdentifierNode:
		return n.Value, true
	case *ast.MemberNode:
		base, ok := dotted(n.Node)
		field, isName := n.Property.(*ast.StringNode)
		if ok && isName {
			return base + "." + field.Value, true
		}
	}
	return "", false
}

func unique(names []string) []string {
	sort.Strings(names)
	out := names[:0]
	for i, n := range names {
		if i == 0 || n != names[i-1] {
			out = append(out, n)
		}
	}
	return out
}
