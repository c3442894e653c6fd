package content

import (
	"fmt"
	"math"
	"sort"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/checker"
	"github.com/expr-lang/expr/compiler"
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
	compare *comparison // set for a name and a number: then there is no program either
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
	for _, name := range e.uses {
		if !env.knows(name) {
			return nil, false
		}
	}
	switch {
	case e.name != "":
		return env.Value(e.name)
	case e.compare != nil:
		return e.compare.holds(env)
	}
	out, err := env.run(e.program)
	if err != nil {
		return nil, false
	}
	if f, ok := out.(float64); ok && (math.IsNaN(f) || math.IsInf(f, 0)) {
		return nil, false
	}
	return out, true
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
	b, _ := v.(bool)
	return b, known
}

// Text is prose with expressions in braces: "{Tcp.RetransSegs} segments". Two
// braces are a literal brace.
type Text struct {
	Source string
	Place
	parts []part
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
func (t *Text) Uses() []string {
	var all []string
	for _, p := range t.parts {
		if p.expr != nil {
			all = append(all, p.expr.uses...)
		}
	}
	return unique(all)
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
// exist only there ("value", "current" in a remedy).
func (v *Vocabulary) compileExpr(e *Expr, table string, extra map[string]Type, want ...expr.Option) error {
	if len(want) == 0 && v.bare(e.Source, table, extra) {
		e.name, e.uses = e.Source, []string{e.Source}
		return nil
	}
	config := *v.config(table, extra) // shared: to make one for each takes longer than all the rest
	for _, option := range want {
		option(&config)
	}
	tree, err := checker.ParseCheck(e.Source, &config)
	if err != nil {
		return v.explain(err, e.Source, table)
	}
	c := &collector{}
	ast.Walk(&tree.Node, c)
	e.uses = unique(c.names())
	if e.compare = comparisonOf(tree.Node); e.compare != nil {
		return nil
	}
	if err = optimizer.Optimize(&tree.Node, &config); err == nil {
		e.program, err = compiler.Compile(tree, &config)
	}
	if err != nil {
		return v.explain(err, e.Source, table)
	}
	return nil
}

// comparison is a name compared with a number, as most conditions are: it is
// judged without a program.
type comparison struct {
	name     string
	operator string
	number   float64
}

// comparisonOf returns nil for an expression that is something else.
func comparisonOf(n ast.Node) *comparison {
	b, ok := n.(*ast.BinaryNode)
	if !ok {
		return nil
	}
	c := &comparison{operator: b.Operator}
	if c.name, ok = dotted(b.Left); !ok {
		return nil
	}
	switch right := b.Right.(type) {
	case *ast.IntegerNode:
		c.number = float64(right.Value)
	case *ast.FloatNode:
		c.number = right.Value
	default:
		return nil
	}
	switch c.operator {
	case ">", ">=", "<", "<=", "==", "!=":
		return c
	}
	return nil
}

func (c *comparison) holds(env *Env) (value any, known bool) {
	v, _ := env.Value(c.name)
	x, known := v.(float64)
	if !known {
		return nil, false
	}
	holds := false
	switch c.operator {
	case ">":
		holds = x > c.number
	case ">=":
		holds = x >= c.number
	case "<":
		holds = x < c.number
	case "<=":
		holds = x <= c.number
	case "==":
		holds = x == c.number
	case "!=":
		holds = x != c.number
	}
	return holds, true
}

// compileCondition compiles a condition: if it has several parts, each part.
func (v *Vocabulary) compileCondition(e *Expr, table string) error {
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
	return nil
}

// compileText splits a text at its braces and compiles what stands in them.
func (v *Vocabulary) compileText(t *Text, table string, extra map[string]Type) error {
	t.parts = nil
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
			e := &Expr{Source: rest[1:end], Place: t.Place}
			if err := v.compileExpr(e, table, extra); err != nil {
				return err
			}
			t.parts = append(t.parts, part{literal: literal.String()}, part{expr: e})
			literal.Reset()
			rest = rest[end+1:]
		default:
			literal.WriteByte(rest[0])
			rest = rest[1:]
		}
	}
	t.parts = append(t.parts, part{literal: literal.String()})
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
