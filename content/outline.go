package content

import (
	"strings"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/parser"
)

// Outline is the text for a reader who has no measurements: in the place of each
// value stands N for a number, and a word in capitals for anything else, as in a
// manual page: "listener LISTENER (PROCESS) held N connections". table is the
// one whose rows the text goes through, "" for none.
func (t *Text) Outline(v *Vocabulary, table string) string {
	if t == nil {
		return ""
	}
	var b strings.Builder
	for _, p := range t.compiled() {
		switch {
		case p.agrees != nil:
			b.WriteString(p.agrees.more)
		case p.expr != nil:
			b.WriteString(v.outline(p.expr.Source, table))
		default:
			b.WriteString(p.literal)
		}
	}
	return b.String()
}

// aNumber stands for any number in an outline.
const aNumber = "N"

func (v *Vocabulary) outline(source, table string) string {
	tree, err := parser.Parse(source)
	if err != nil {
		return aNumber
	}
	return v.outlineOf(tree.Node, table)
}

func (v *Vocabulary) outlineOf(n ast.Node, table string) string {
	if name, ok := dotted(n); ok {
		return v.placeholder(name, table)
	}
	switch n := n.(type) {
	case *ast.StringNode:
		return n.Value
	case *ast.ConditionalNode:
		return either(v.outlineOf(n.Exp1, table), v.outlineOf(n.Exp2, table))
	case *ast.BinaryNode:
		_, left := n.Left.(*ast.StringNode)
		_, right := n.Right.(*ast.StringNode)
		if n.Operator == "+" && (left || right) {
			return v.outlineOf(n.Left, table) + v.outlineOf(n.Right, table)
		}
	case *ast.CallNode:
		callee, _ := dotted(n.Callee)
		return aNumber + map[string]string{"percent": " %", "bytes": " bytes", "ms": " ms"}[callee]
	}
	return aNumber
}

func either(a, b string) string {
	switch {
	case a == b || b == "":
		return a
	case a == "":
		return b
	default:
		return a + " or " + b
	}
}

// placeholder is what stands for a fact, a field or an extra name.
func (v *Vocabulary) placeholder(name, table string) string {
	last := name[strings.LastIndexByte(name, '.')+1:]
	def := v.Lookup(name, table)
	switch {
	case def == nil: // value, current and affected_peer, which are a remedy's own
		return strings.ToUpper(strings.TrimPrefix(last, "affected_"))
	case def.Type == String && last == "name" && table != "":
		return strings.ToUpper(table)
	case def.Type == String, last == "pid", last == "port", strings.HasSuffix(last, "_port"):
		return strings.ToUpper(last)
	case def.Type == Flag:
		return "yes or no"
	default:
		return aNumber
	}
}
