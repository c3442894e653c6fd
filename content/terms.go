package content

import (
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"
)

// Term is a name for an expression that several rules share, such as
// loss.in_runs. It stands in expressions and texts like a fact; what is known of
// it is what is known of the facts in it.
type Term struct {
	ID    string `yaml:"id"`
	Each  string `yaml:"each"` // the table of whose rows it speaks, "" for none
	Is    *Expr  `yaml:"is"`
	Means string `yaml:"means"`
	Place `yaml:"-"`
}

// UnmarshalYAML keeps the line for error messages.
func (t *Term) UnmarshalYAML(n *yaml.Node) error {
	type plain Term
	return at(n, (*plain)(t), &t.Line)
}

func (t *Term) key() string { return t.ID }

// nameOrText finds the names and the texts in quotes of an expression.
var nameOrText = regexp.MustCompile(`"[^"]*"|'[^']*'|[A-Za-z_][A-Za-z0-9_.]*`)

// settleTerms checks the terms and makes each ready to stand in others' place. A
// term may use those before it.
func (l *loader) settleTerms() {
	v := l.book.Facts
	v.terms = make(map[string]string, len(l.book.Terms))
	for _, t := range l.book.Terms {
		switch {
		case !strings.Contains(t.ID, ".") || !factName.MatchString(t.ID):
			l.problem(t.Place, "term %q: expected a name with a point in it, such as loss.in_runs", t.ID)
		case v.Fact(t.ID) != nil:
			l.problem(t.Place, "term %s has the name of a fact", t.ID)
		case t.Is.Empty() || t.Means == "":
			l.problem(t.Place, "term %s lacks something: expected is and means", t.ID)
		default:
			l.expression(t.Is, scope{table: t.Each}, t.Place)
			v.terms[t.ID] = "(" + v.spellOut(t.Is.Source) + ")"
		}
	}
}

// spellOut puts in the place of each term what it stands for.
func (v *Vocabulary) spellOut(source string) string {
	named := false // most expressions have none in them
	for id := range v.terms {
		named = named || strings.Contains(source, id)
	}
	if !named {
		return source
	}
	return nameOrText.ReplaceAllStringFunc(source, func(word string) string {
		if is, ok := v.terms[word]; ok {
			return is
		}
		return word
	})
}

// settleUnless puts in the place of "netfilter.*" every other cause of that kind.
func (l *loader) settleUnless(c *Cause, r *Rule) {
	var all []string
	for _, u := range r.Unless {
		kind, every := strings.CutSuffix(u, "*")
		if !every {
			all = append(all, u)
			continue
		}
		known := false
		for _, other := range l.book.Causes {
			if strings.HasPrefix(other.ID, kind) && strings.HasSuffix(kind, ".") {
				known = true
				if other != c && !slices.Contains(all, other.ID) {
					all = append(all, other.ID)
				}
			}
		}
		if !known {
			l.problem(r.Place, "rule %s of %s: unless names causes %q that do not exist", r.ID, c.ID, u)
		}
	}
	r.Unless = all
}
