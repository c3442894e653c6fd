package content

import (
	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/ast"
)

// logic is a condition taken apart at its "and", "or" and "not", so that it can
// be judged although some of its facts are unknown (Kleene's three values): one
// part that holds decides an "or", one that does not hold an "and".
type logic struct {
	op   string // "and", "or", "not", or "" for a part
	of   []*logic
	part *Expr
}

// operands returns the parts of an "and", "or" or "not"; op is "" for anything
// else.
func operands(n ast.Node) (op string, of []ast.Node) {
	switch n := n.(type) {
	case *ast.BinaryNode:
		switch n.Operator {
		case "&&", "and":
			return "and", []ast.Node{n.Left, n.Right}
		case "||", "or":
			return "or", []ast.Node{n.Left, n.Right}
		}
	case *ast.UnaryNode:
		if n.Operator == "!" || n.Operator == "not" {
			return "not", []ast.Node{n.Node}
		}
	}
	return "", nil
}

// compound says whether a condition has parts.
func compound(n ast.Node) bool {
	op, _ := operands(n)
	return op != ""
}

func (v *Vocabulary) logic(n ast.Node, table string) (*logic, error) {
	op, of := operands(n)
	if op == "" {
		part := &Expr{Source: n.String()}
		return &logic{part: part}, v.compileExpr(part, table, nil, expr.AsBool())
	}
	l := &logic{op: op}
	for _, operand := range of {
		kid, err := v.logic(operand, table)
		if err != nil {
			return nil, err
		}
		l.of = append(l.of, kid)
	}
	return l, nil
}

// uses returns the facts that the parts need.
func (l *logic) uses() []string {
	if l.part != nil {
		return l.part.uses
	}
	var all []string
	for _, of := range l.of {
		all = append(all, of.uses()...)
	}
	return all
}

func (l *logic) holds(env *Env) (holds, known bool) {
	switch l.op {
	case "":
		return l.part.Holds(env)
	case "not":
		holds, known = l.of[0].holds(env)
		return !holds && known, known
	}
	decides := l.op == "or" // the value of a part that decides the whole
	known = true
	for _, of := range l.of {
		h, k := of.holds(env)
		if k && h == decides {
			return decides, true
		}
		known = known && k
	}
	return !decides && known, known
}
