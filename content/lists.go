package content

import (
	"fmt"
	"strings"

	"go.yaml.in/yaml/v4"
)

// List is a table as an engineer reads it: which of its rows are in trouble, and
// which of its fields stand in which columns.
type List struct {
	Table string `yaml:"table"`
	Title string `yaml:"title"`
	// Empty is what it means that no row is in trouble.
	Empty string `yaml:"empty"`
	// Troubles that a row may be in, the gravest first: the first that holds is the
	// row's own.
	Troubles []*Trouble `yaml:"troubles"`
	// Columns in the order in which they stand, before the trouble in words.
	Columns []*Column `yaml:"columns"`
	// Copies are what one may want of a row elsewhere: its address, and the command
	// that shows it by hand.
	Copies []*RowCopy `yaml:"copies"`
	Place  `yaml:"-"`
}

// Trouble is one way in which a row may fare badly.
type Trouble struct {
	When  *Expr `yaml:"when"`
	Says  *Text `yaml:"says"`
	Place `yaml:"-"`
}

// Column is a field of a list's rows.
type Column struct {
	Field string `yaml:"field"`
	Head  string `yaml:"head"`
	// Width is how many characters it needs; text gets more where there is room.
	Width int `yaml:"width"`
	// Rank says how much it is needed: 1 is never left out, the highest goes first
	// where there is no room.
	Rank  int `yaml:"rank"`
	Place `yaml:"-"`
	// Of is the field's definition.
	Of *FactDef `yaml:"-"`
}

// RowCopy is a value or command made of a row.
type RowCopy struct {
	Label string `yaml:"label"`
	Text  *Text  `yaml:"text"`
	Place `yaml:"-"`
}

// List returns the list of a table, nil if there is none.
func (b *Book) List(table string) *List {
	for _, li := range b.Lists {
		if li.Table == table {
			return li
		}
	}
	return nil
}

func (li *List) key() string { return li.Table }

// UnmarshalYAML keeps the line for error messages.
func (li *List) UnmarshalYAML(n *yaml.Node) error {
	type plain List
	return at(n, (*plain)(li), &li.Line)
}

// UnmarshalYAML keeps the line for error messages.
func (t *Trouble) UnmarshalYAML(n *yaml.Node) error {
	type plain Trouble
	return at(n, (*plain)(t), &t.Line)
}

// UnmarshalYAML keeps the line for error messages.
func (c *Column) UnmarshalYAML(n *yaml.Node) error {
	type plain Column
	return at(n, (*plain)(c), &c.Line)
}

// UnmarshalYAML keeps the line for error messages.
func (c *RowCopy) UnmarshalYAML(n *yaml.Node) error {
	type plain RowCopy
	return at(n, (*plain)(c), &c.Line)
}

// settleLists says where the expressions of the lists stand, and of which fields
// their columns are.
func (l *loader) settleLists() {
	for _, li := range l.book.Lists {
		for _, tr := range li.Troubles {
			tr.File = li.File
			l.condition(tr.When, li.Table, tr.Place)
			l.text(tr.Says, li.Table, nil, tr.Place)
		}
		for _, c := range li.Columns {
			c.File = li.File
			c.Of = l.book.Facts.Field(li.Table, c.Field)
		}
		for _, c := range li.Copies {
			c.File = li.File
			l.text(c.Text, li.Table, nil, c.Place)
		}
	}
}

func (l *loader) validateLists() {
	for _, li := range l.book.Lists {
		if l.book.Facts.TableOf(li.Table) == nil {
			l.problem(li.Place, "a list of %s, which is not a table: expected one of %s", li.Table, l.tableNames())
			continue
		}
		if li.Title == "" || li.Empty == "" || len(li.Troubles) == 0 || len(li.Columns) == 0 || len(li.Copies) == 0 {
			l.problem(li.Place, "the list of %s: expected title, empty, troubles, columns and copies", li.Table)
		}
		for _, tr := range li.Troubles {
			if tr.When.Empty() || tr.Says == nil {
				l.problem(tr.Place, "a trouble of the list of %s: expected when and says", li.Table)
			}
		}
		l.validateColumns(li)
		for _, c := range li.Copies {
			if c.Label == "" || c.Text == nil {
				l.problem(c.Place, "a copy of the list of %s: expected label and text", li.Table)
			}
		}
	}
}

func (l *loader) validateColumns(li *List) {
	ranks := map[int]bool{}
	for _, c := range li.Columns {
		if c.Of == nil {
			l.problem(c.Place, "the list of %s has a column of the unknown field %q", li.Table, c.Field)
		}
		if c.Head == "" || len(c.Head) > c.Width {
			l.problem(c.Place, "column %s of the list of %s: expected a head, and a width of at least its length", c.Field, li.Table)
		}
		if c.Rank < 1 || ranks[c.Rank] {
			l.problem(c.Place, "column %s of the list of %s has rank %d: expected 1 or more, each once", c.Field, li.Table, c.Rank)
		}
		ranks[c.Rank] = true
	}
}

// Show formats a value of the fact as people read it: bytes and milliseconds
// with their unit, a share as percent.
func (d *FactDef) Show(v any) string {
	n, ok := v.(float64)
	switch {
	case !ok:
		return Show(v)
	case d.Unit == "bytes":
		return bytesText(n)
	case d.Unit == "ms" && n > 0 && n < 0.05:
		return "<0.1 ms"
	case d.Unit == "ms":
		return millis(n)
	case d.IsShare():
		return percent(n)
	default:
		return Show(n)
	}
}

// IsTotal says whether the field holds a count's total: history.
func (d *FactDef) IsTotal() bool { return strings.HasSuffix(d.Name, TotalOf("")) }

// IsShare says whether the fact is a part of a whole, of which 1 is all (of CPUs
// there may be more).
func (d *FactDef) IsShare() bool {
	return d.Unit == "" && (d.Type == Gauge || d.Type == Number) && strings.HasSuffix(d.Name, "_share")
}

// ShowUnit is Show with the unit, where that is not said by the value itself.
func (d *FactDef) ShowUnit(v any) string {
	text := d.Show(v)
	if _, ok := v.(float64); !ok || d.Unit == "" || d.Unit == "bytes" || d.Unit == "ms" {
		return text
	}
	return fmt.Sprintf("%s %s", text, d.Unit)
}
