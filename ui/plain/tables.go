package plain

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"whydrop/checklist"
	"whydrop/content"
)

// mostRows is how many rows of a list are told at once: more is no answer by ear.
const mostRows = 12

// rowName is a row of a list by its name: its place moves with the measurements.
type rowName struct{ table, name string }

// tellFlows tells the connections, services and peers in trouble, all about the
// one with a number of the last list, those that a text stands in, or all.
func (s *session) tellFlows(which string) {
	if n, err := strconv.Atoi(which); err == nil && (n <= len(s.rows) || len(s.rows) == 0 && n <= mostRows) {
		s.tellRow(n)
		return
	}
	wanted, of := (*checklist.ListRow).InTrouble, "in trouble"
	switch query := strings.ToLower(which); query {
	case "":
	case "all":
		wanted, of = func(*checklist.ListRow) bool { return true }, "in all"
	default:
		wanted, of = func(r *checklist.ListRow) bool { return matches(r, query) }, "with "+brief(which)
	}
	s.rows = nil
	var none []string
	for _, li := range s.kase.Book.Lists {
		rows, looked := s.pick(li, wanted)
		if looked && len(rows) == 0 {
			none = append(none, li.Title)
			continue
		}
		s.tellList(li, of, rows, looked)
	}
	if len(none) > 0 {
		s.pen.say("None " + of + ": " + strings.Join(none, ", ") + ".")
	}
	if len(s.rows) > 0 {
		s.pen.say("w 1 tells all about the first, with commands to see it by hand.")
	}
}

// matches says whether a lower-case text is in the name of a row or in a text of
// it, or is a number of it.
func matches(r *checklist.ListRow, query string) bool {
	if strings.Contains(strings.ToLower(r.Name), query) {
		return true
	}
	for _, v := range r.Row {
		switch v := v.(type) {
		case string:
			if strings.Contains(strings.ToLower(v), query) {
				return true
			}
		case float64:
			if strconv.FormatFloat(v, 'f', -1, 64) == query {
				return true
			}
		}
	}
	return false
}

// pick gives the rows of a list that are wanted their numbers, after those of the
// lists before; not to more than can be told.
func (s *session) pick(li *content.List, wanted func(*checklist.ListRow) bool) (rows []checklist.ListRow, looked bool) {
	rows, looked = s.diagnosis.List(li)
	rows = slices.DeleteFunc(rows, func(r checklist.ListRow) bool { return !wanted(&r) })
	for i := range min(len(rows), mostRows) {
		s.rows = append(s.rows, rowName{li.Table, rows[i].Name})
	}
	return rows, looked
}

// tellList tells the rows of one list, or why nobody knows. of says in words which
// rows they are.
func (s *session) tellList(li *content.List, of string, rows []checklist.ListRow, looked bool) {
	if !looked {
		why := "nobody could look"
		if t := s.kase.Book.Facts.TableOf(li.Table); t != nil && s.diagnosis.Unseen(t.Probe) != "" {
			why = s.diagnosis.Unseen(t.Probe)
		}
		s.pen.say(li.Title + ": unknown, " + sentence(why))
		return
	}
	s.pen.say(fmt.Sprintf("%s: %d %s.", li.Title, len(rows), of))
	shown := rows[:min(len(rows), mostRows)]
	first := len(s.rows) - len(shown) + 1
	for i, r := range shown {
		process := ""
		if p, _ := r.Row["process"].(string); p != "" {
			process = ", " + content.Show(p)
		}
		s.pen.item(fmt.Sprintf("%d. ", first+i), content.Show(r.Name)+process+": "+sentence(cmp.Or(r.Trouble(), "not in trouble")))
	}
	if more := len(rows) - len(shown); more > 0 {
		s.pen.item("  ", fmt.Sprintf("And %d more; w and a text, such as a port or a process, finds others.", more))
	}
}

// tellRow tells all about one row by its number.
func (s *session) tellRow(n int) {
	if len(s.rows) == 0 {
		for _, li := range s.kase.Book.Lists {
			s.pick(li, (*checklist.ListRow).InTrouble)
		}
	}
	if n < 1 || n > len(s.rows) {
		s.pen.say(fmt.Sprintf("There is no entry %d. w lists them with their numbers.", n))
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
		p.say(content.Show(r.Name) + " is not in trouble.")
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
