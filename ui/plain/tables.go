package plain

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"whydrop/checklist"
	"whydrop/content"
)

// Bounds of what is told at once: more than that is no answer by ear.
const (
	mostRows  = 12
	mostFacts = 20
)

// rowName is a row of a list by its name: its place moves with the measurements.
type rowName struct{ table, name string }

// tellFlows tells the connections, services and peers in trouble, or all about
// the one with a number of the last list.
func (s *session) tellFlows(which string) {
	if which != "" {
		s.tellRow(which)
		return
	}
	s.rows = nil
	var well []string
	for _, li := range s.kase.Book.Lists {
		rows, looked := s.troubled(li)
		if looked && len(rows) == 0 {
			well = append(well, li.Title)
			continue
		}
		s.tellList(li, rows, looked)
	}
	if len(well) > 0 {
		s.pen.say("None in trouble: " + strings.Join(well, ", ") + ".")
	}
	if len(s.rows) > 0 {
		s.pen.say("w 1 tells all about the first, with commands to see it by hand.")
	}
}

// troubled gives the rows of a list that are in trouble their numbers, after
// those of the lists before; not to more than can be told.
func (s *session) troubled(li *content.List) (rows []checklist.ListRow, looked bool) {
	rows, looked = s.diagnosis.List(li)
	rows = slices.DeleteFunc(rows, func(r checklist.ListRow) bool { return !r.InTrouble() })
	for i := range min(len(rows), mostRows) {
		s.rows = append(s.rows, rowName{li.Table, rows[i].Name})
	}
	return rows, looked
}

// tellList tells the rows of one list that are in trouble, or why nobody knows.
func (s *session) tellList(li *content.List, rows []checklist.ListRow, looked bool) {
	if !looked {
		why := "nobody could look"
		if t := s.kase.Book.Facts.TableOf(li.Table); t != nil && s.diagnosis.Unseen(t.Probe) != "" {
			why = s.diagnosis.Unseen(t.Probe)
		}
		s.pen.say(li.Title + ": unknown, " + sentence(why))
		return
	}
	s.pen.say(fmt.Sprintf("%s: %d in trouble.", li.Title, len(rows)))
	shown := rows[:min(len(rows), mostRows)]
	first := len(s.rows) - len(shown) + 1
	for i, r := range shown {
		process := ""
		if p, _ := r.Row["process"].(string); p != "" {
			process = ", " + content.Show(p)
		}
		s.pen.item(fmt.Sprintf("%d. ", first+i), content.Show(r.Name)+process+": "+sentence(r.Trouble()))
	}
	if more := len(rows) - len(shown); more > 0 {
		s.pen.item("  ", fmt.Sprintf("And %d more.", more))
	}
}

// tellRow tells all about one row.
func (s *session) tellRow(which string) {
	if len(s.rows) == 0 {
		for _, li := range s.kase.Book.Lists {
			s.troubled(li)
		}
	}
	n, err := strconv.Atoi(which)
	if err != nil || n < 1 || n > len(s.rows) {
		s.pen.say(fmt.Sprintf("There is no entry %s. w lists them with their numbers.", brief(which)))
		return
	}
	at := s.rows[n-1]
	for _, li := range s.kase.Book.Lists {
		rows, _ := s.diagnosis.List(li)
		i := slices.IndexFunc(rows, func(r checklist.ListRow) bool { return li.Table == at.table && r.Name == at.name })
		if i >= 0 {
			s.describe(li, &rows[i])
			return
		}
	}
	s.pen.say(content.Show(at.name) + " is not there any more. w lists what is.")
}

func (s *session) describe(li *content.List, r *checklist.ListRow) {
	p := s.pen
	if r.InTrouble() {
		p.say(content.Show(r.Name) + ": " + sentence(r.Trouble()))
	} else {
		p.say(content.Show(r.Name) + " is not in trouble any more.")
	}
	for _, c := range li.Columns {
		if v, known := r.Row[c.Field]; known && c.Of != nil {
			p.item("  "+c.Head+": ", c.Of.ShowUnit(v))
		}
	}
	for _, c := range s.diagnosis.SpeakOf(r) {
		p.item("  Cause: ", c.Finding.Cause.Title+": "+sentence(c.Says))
	}
	for _, c := range li.Copies {
		// An address alone was told already.
		if text, complete := r.Copy(c); complete && strings.Contains(text, " ") {
			p.say(c.Label + ":")
			p.whole(text)
		}
	}
}

// tellFacts tells the facts whose name or meaning has a word in it: what it is
// now, and what it means.
func (s *session) tellFacts(word string) {
	if word == "" {
		s.pen.say("e needs a word behind it, such as e retrans or e queue.")
		return
	}
	found := 0
	for _, d := range s.kase.Book.Facts.Facts() {
		if !strings.Contains(strings.ToLower(d.Name+" "+d.Means), strings.ToLower(word)) {
			continue
		}
		if found++; found <= mostFacts {
			s.pen.item("", d.Name+": "+s.fact(d)+".")
			s.pen.item("  ", sentence(d.Means))
		}
	}
	switch {
	case found == 0:
		s.pen.say(fmt.Sprintf("No fact has %s in its name or meaning.", brief(word)))
	case found > mostFacts:
		s.pen.say(fmt.Sprintf("And %d more: a longer word finds fewer.", found-mostFacts))
	}
}

// fact is the value of a fact, or why it is not known.
func (s *session) fact(d *content.FactDef) string {
	v, known := s.diagnosis.Value(d.Name)
	if !known {
		if why := s.diagnosis.Unseen(d.Probe); why != "" {
			return "unknown, " + content.Show(why)
		}
		return "unknown"
	}
	text := d.ShowUnit(v.Now)
	if v.Total != nil {
		text += fmt.Sprintf(" now, %s since the counter began", d.Show(*v.Total))
	}
	return text
}
