package content

import (
	"slices"

	"github.com/expr-lang/expr/ast"
)

// comparison is a name compared with a constant, as most conditions are: it is
// judged without a program.
type comparison struct {
	name     string
	operator string
	number   float64
	texts    []string // of which it is to be one, or not; nil if it is a number
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
	case *ast.StringNode:
		c.texts = []string{right.Value}
	case *ast.ArrayNode:
		c.texts = texts(right)
		if c.operator != "in" || c.texts == nil {
			return nil
		}
		return c
	default:
		return nil
	}
	switch c.operator {
	case "==", "!=":
		return c
	case ">", ">=", "<", "<=":
		if c.texts == nil {
			return c
		}
	}
	return nil
}

// texts returns the strings of a list, nil if it holds anything else.
func texts(list *ast.ArrayNode) []string {
	var all []string
	for _, n := range list.Nodes {
		s, ok := n.(*ast.StringNode)
		if !ok {
			return nil
		}
		all = append(all, s.Value)
	}
	return all
}

func (c *comparison) holds(env *Env) (value any, known bool) {
	v, _ := env.Value(c.name)
	if c.texts != nil {
		text, known := v.(string)
		if !known {
			return nil, false
		}
		return slices.Contains(c.texts, text) == (c.operator != "!="), true
	}
	x, known := v.(float64)
	if !known {
		return nil, false
	}
	return c.compare(x), true
}

func (c *comparison) compare(x float64) bool {
	switch c.operator {
	case ">":
		return x > c.number
	case ">=":
		return x >= c.number
	case "<":
		return x < c.number
	case "<=":
		return x <= c.number
	case "==":
		return x == c.number
	default:
		return x != c.number
	}
}
