package content

import "github.com/expr-lang/expr/ast"

// logic is a condition taken apart at its "and", "or" and "not", so that it can
// be judged although some of its facts are unknown (Kleene's three values): one
// part that holds decides an "or", one that does not hold an "and".
type logic struct {
	op string // "and", "or" or "not"
	of []*form
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

func (l *logic) holds(env *Env) (holds, known bool) {
	if l.op == "not" {
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
