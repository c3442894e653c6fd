package content

import (
	"fmt"
	"math"
	"reflect"
	"slices"
	"sort"
	"strings"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/checker"
	"github.com/expr-lang/expr/compiler"
	"github.com/expr-lang/expr/conf"
	exprfile "github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/optimizer"
	"github.com/expr-lang/expr/parser"
	"github.com/expr-lang/expr/vm"
)

// scope is what the names of an expression stand for, and what is wanted of it.
type scope struct {
	vocabulary *Vocabulary
	table      string          // the one whose rows it goes through, "" for none
	extra      map[string]Type // names that exist only here: "value", "current" in a remedy
	want       reflect.Kind    // Bool of a condition, Float64 of a number, else Invalid
}

// form is what an expression was compiled to. Expressions of the same words in
// the same scope share it.
type form struct {
	name    string      // of an expression that is just a name
	compare *comparison // of a name and a constant
	logic   *logic      // of a condition of several parts
	program *vm.Program // of anything else
	uses    []string
}

func (f *form) eval(env *Env) (value any, known bool) {
	switch {
	case f.name != "":
		value, known = env.Value(f.name)
	case f.compare != nil:
		return f.compare.holds(env)
	case f.logic != nil:
		return f.logic.holds(env)
	default:
		value, known = f.run(env)
	}
	if x, ok := value.(float64); !known || ok && (math.IsNaN(x) || math.IsInf(x, 0)) {
		return nil, false
	}
	return value, true
}

// run evaluates what needs a program.
func (f *form) run(env *Env) (value any, known bool) {
	for _, name := range f.uses {
		if !env.knows(name) {
			return nil, false
		}
	}
	value, err := env.run(f.program)
	return value, err == nil
}

func (f *form) holds(env *Env) (holds, known bool) {
	v, known := f.eval(env)
	b, ok := v.(bool)
	return b, known && ok
}

// compile compiles an expression. It may be called from several goroutines.
func (in scope) compile(source string) (*form, error) {
	v := in.vocabulary
	if v == nil {
		return nil, fmt.Errorf("%q stands nowhere in the content", source)
	}
	if in.bare(source) {
		return &form{name: source, uses: []string{source}}, nil
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	return in.remembered(v.spellOut(source), func(source string) (*form, error) {
		tree, err := parser.ParseWithConfig(source, v.config(in))
		if err != nil {
			return nil, v.explain(err, source, in.table)
		}
		return in.formOf(tree.Node, tree.Source)
	})
}

// remembered makes a form, or finds that of the same words in the same scope.
func (in scope) remembered(source string, form func(string) (*form, error)) (*form, error) {
	if len(in.extra) > 0 {
		return form(source)
	}
	v := in.vocabulary
	key := words{in.table, in.want, source}
	if done := v.forms[key]; done != nil {
		return done, nil
	}
	f, err := form(source)
	if err == nil {
		v.forms[key] = f
	}
	return f, err
}

// words are those of an expression, in its scope.
type words struct {
	table  string
	want   reflect.Kind
	source string
}

// formOf compiles a condition that has several parts part by part, and anything
// else as a whole.
func (in scope) formOf(n ast.Node, source exprfile.Source) (*form, error) {
	op, of := operands(n)
	if op == "" || in.want != reflect.Bool {
		return in.whole(n, source)
	}
	l := &logic{op: op}
	var uses []string
	for _, operand := range of {
		kid, err := in.part(operand, source)
		if err != nil {
			return nil, err
		}
		l.of = append(l.of, kid)
		uses = append(uses, kid.uses...)
	}
	return &form{logic: l, uses: unique(uses)}, nil
}

// part compiles a part of a condition. Many conditions have the same ones.
func (in scope) part(n ast.Node, source exprfile.Source) (*form, error) {
	if op, _ := operands(n); op != "" {
		return in.formOf(n, source)
	}
	return in.remembered(n.String(), func(string) (*form, error) { return in.whole(n, source) })
}

func (in scope) whole(n ast.Node, source exprfile.Source) (*form, error) {
	if name, ok := dotted(n); ok && in.bare(name) {
		return &form{name: name, uses: []string{name}}, nil
	}
	v := in.vocabulary
	config := *v.config(in)
	config.Expect, config.ExpectAny = in.want, in.want != reflect.Invalid
	tree := &parser.Tree{Node: n, Source: source}
	if _, err := checker.Check(tree, &config); err != nil {
		return nil, v.explain(err, n.String(), in.table)
	}
	c := &collector{}
	ast.Walk(&tree.Node, c)
	f := &form{uses: unique(c.names())}
	for _, name := range f.uses {
		if !in.knows(name) { // a field of another table
			return nil, v.unknown(name[strings.LastIndexByte(name, '.')+1:], n.String(), in.table)
		}
	}
	if f.compare = comparisonOf(tree.Node); f.compare != nil {
		return f, nil
	}
	return f, v.program(f, tree, &config)
}

func (v *Vocabulary) program(f *form, tree *parser.Tree, config *conf.Config) error {
	err := optimizer.Optimize(&tree.Node, config)
	if err == nil {
		f.program, err = compiler.Compile(tree, config)
	}
	return err
}

// knows says whether a name stands for something.
func (in scope) knows(name string) bool {
	return in.extra[name] != "" || in.vocabulary.Lookup(name, in.table) != nil
}

// bareKinds are the types of names that are what is wanted as they stand.
var bareKinds = map[reflect.Kind][]Type{
	reflect.Bool: {Flag}, reflect.Float64: {Count, Gauge, Number},
}

// bare says whether an expression is just the name of something known, and of
// the kind that is wanted.
func (in scope) bare(source string) bool {
	if in.want == reflect.Invalid {
		return in.knows(source)
	}
	def := in.vocabulary.Lookup(source, in.table)
	return def != nil && slices.Contains(bareKinds[in.want], def.Type)
}

// split splits a text at its braces and compiles what stands in them.
func (t *Text) split() error {
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
			t.parts = append(t.parts, part{literal: literal.String()})
			literal.Reset()
			if err := t.inBraces(rest[1:end]); err != nil {
				return err
			}
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

// inBraces takes what stands in braces.
func (t *Text) inBraces(source string) error {
	if a := agreementOf(source); a != nil {
		t.parts = append(t.parts, part{agrees: a})
		return nil
	}
	e := &Expr{Source: t.vocabulary.spellOut(source), Place: t.Place, scope: t.scope}
	if err := e.Check(); err != nil {
		return err
	}
	t.parts = append(t.parts, part{expr: e})
	t.uses = append(t.uses, e.Uses()...)
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
		switch {
		case longer:
		case chain == "rate": // which divides by it
			names = append(names, "window.seconds")
		case !functions[chain]:
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
