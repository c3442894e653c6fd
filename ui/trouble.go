package ui

import (
	"fmt"

	"whydrop/checklist"
	"whydrop/content"
)

// troubled are the rows of a list that are in trouble, the gravest first.
type troubled struct {
	list *content.List
	rows []checklist.ListRow // not all of them
	n    int                 // all of them
}

// mostTroubled is how many rows of a list are told beside a screen.
const mostTroubled = 4

// inTrouble picks from lists what is in trouble.
func inTrouble(d *checklist.Diagnosis, lists []*content.List) []troubled {
	var all []troubled
	for _, li := range lists {
		rows, _ := d.List(li)
		n := 0
		for n < len(rows) && rows[n].InTrouble() {
			n++
		}
		if n > 0 {
			all = append(all, troubled{li, rows[:min(n, mostTroubled)], n})
		}
	}
	return all
}

// troubleSide names what is in trouble, for the side of a wide screen: of each
// list as much as there is room for in at most h lines.
func (m *model) troubleSide(w, h int) []string {
	t := m.theme
	lines := []string{t.bold.Render("In trouble") + t.dim.Render(" ("+m.keys.key(actFlows)+" shows all)")}
	for _, list := range m.diagnosis.trouble() {
		head := t.clip(fmt.Sprintf("%s, %d", list.list.Title, list.n), w)
		for i, r := range list.rows {
			row := wrap("  "+content.Show(r.Name)+": "+content.Show(r.Trouble()), w, "    ")
			if i == 0 {
				row = append([]string{head}, row...)
			}
			if len(lines)+len(row) > h {
				break
			}
			lines = append(lines, row...)
		}
	}
	if len(lines) == 1 {
		return nil
	}
	return lines
}
