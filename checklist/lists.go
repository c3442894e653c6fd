package checklist

import (
	"fmt"
	"sort"

	"whydrop/content"
	"whydrop/probes/fact"
)

// ListRow is a row of a list.
type ListRow struct {
	// Name is the row's own in its list: where several rows have one name, the
	// later ones have a number after it.
	Name string
	Row  fact.Row

	list    *content.List
	trouble int // its place among the list's, their number if the row is in none
	env     *content.Env
}

// List returns the rows of a list, those in the gravest trouble first and
// otherwise as the probe gave them. looked is false if nobody could look.
func (d *Diagnosis) List(li *content.List) (rows []ListRow, looked bool) {
	envs, looked := d.facts.table(li.Table)
	if !looked {
		return nil, false
	}
	have := d.facts.facts.Tables[li.Table]
	names := RowNames(have)
	rows = make([]ListRow, len(envs))
	for i, env := range envs {
		rows[i] = ListRow{Name: names[i], Row: have[i], list: li, trouble: troubleOf(li, env), env: env}
	}
	sort.SliceStable(rows, func(i, k int) bool { return rows[i].trouble < rows[k].trouble })
	return rows, true
}

// troubleOf returns the place of the first trouble that holds for a row.
func troubleOf(li *content.List, env *content.Env) int {
	for i, t := range li.Troubles {
		if holds, known := t.When.Holds(env); holds && known {
			return i
		}
	}
	return len(li.Troubles)
}

// RowNames returns the names of a table's rows, each once: where several have
// one name, such as the sockets of one address, the later ones are numbered.
func RowNames(rows []fact.Row) []string {
	names, seen := make([]string, len(rows)), make(map[string]int, len(rows))
	for i, row := range rows {
		name, _ := row["name"].(string)
		if seen[name]++; seen[name] > 1 {
			name = fmt.Sprintf("%s (%d)", name, seen[name])
		}
		names[i] = name
	}
	return names
}

// Kind is the place of the row's trouble among the list's, their number if it is
// in none.
func (r *ListRow) Kind() int { return r.trouble }

// InTrouble says whether the row fares badly.
func (r *ListRow) InTrouble() bool { return r.trouble < len(r.list.Troubles) }

// Trouble says in words how the row fares badly, "" if it does not.
func (r *ListRow) Trouble() string {
	if !r.InTrouble() {
		return ""
	}
	says, _ := r.list.Troubles[r.trouble].Says.Render(r.env)
	return says
}

// Copy renders one of the list's copies for the row. complete is false if a
// value in it is not known.
func (r *ListRow) Copy(c *content.RowCopy) (text string, complete bool) { return c.Text.Render(r.env) }

// Charge is a rule that speaks of one row of a table.
type Charge struct {
	Finding *Finding
	Says    string
}

// SpeakOf returns the rules that speak for a cause because of a row, those of
// the most probable cause first; of each cause the weightiest. What is explained
// away by another cause is left out.
func (d *Diagnosis) SpeakOf(r *ListRow) []Charge {
	var charges []Charge
	for _, f := range d.Findings {
		var best *content.Rule
		for _, rule := range f.Cause.For {
			if rule.Each != r.list.Table || !told(f.For, rule.ID) || best != nil && best.Weight >= rule.Weight {
				continue
			}
			if holds, known := rule.When.Holds(r.env); holds && known {
				best = rule
			}
		}
		if best != nil {
			says, _ := best.Says.Render(r.env)
			charges = append(charges, Charge{f, says})
		}
	}
	return charges
}

func told(reasons []Reason, rule string) bool {
	for _, r := range reasons {
		if r.Rule == rule {
			return true
		}
	}
	return false
}
