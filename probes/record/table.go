package record

import (
	"maps"
	"math"
	"slices"
	"strconv"
	"time"

	"whydrop/probes/fact"
)

func (o *object) tables(last, now map[string][]fact.Row) {
	begin := o.open("tables")
	for _, name := range slices.Sorted(maps.Keys(now)) {
		if old, had := last[name]; had {
			o.table(name, old, now[name])
		} else {
			o.rows(name, nil, now[name], true)
		}
	}
	o.close(begin, false)
	o.names("no_tables", missing(last, now))
}

// table writes what differs from one state of a table to the next, nothing if
// nothing does.
func (o *object) table(name string, last, now []fact.Row) { o.rows(name, last, now, false) }

func (o *object) rows(name string, last, now []fact.Row, keepEmpty bool) {
	begin := o.open(name)
	from := origins(last, now)
	if !inPlace(from, len(last)) {
		o.key("from")
		o.runs(from)
	}
	shift := shifts(last, now, from)
	inner := o.open("shift")
	for _, field := range slices.Sorted(maps.Keys(shift)) {
		o.key(field)
		o.b = strconv.AppendInt(o.b, shift[field], 10)
	}
	o.close(inner, false)
	inner = o.open("rows")
	for i, row := range now {
		var old fact.Row
		if from[i] >= 0 {
			old = last[from[i]]
		}
		begin := o.open(strconv.Itoa(i))
		o.fields(old, row, shift)
		o.close(begin, from[i] < 0)
	}
	o.close(inner, false)
	o.close(begin, keepEmpty)
}

func (o *object) fields(last, now fact.Row, shift map[string]int64) {
	var differ []string
	for field, v := range now {
		before := last[field]
		if by, is := shift[field]; is {
			before = shifted(before, by)
		}
		if v != nil && !same(before, v) {
			differ = append(differ, field)
		}
	}
	slices.Sort(differ)
	for _, field := range differ {
		o.key(field)
		o.value(now[field])
	}
	for _, field := range missing(last, now) {
		o.key(field)
		o.value(nil)
	}
}

// runs writes of which rows a table is made, as runs of neighbours.
func (o *object) runs(from []int) {
	o.b = append(o.b, '[')
	for i := 0; i < len(from); {
		n := 1
		for i+n < len(from) && (from[i] < 0 && from[i+n] < 0 || from[i] >= 0 && from[i+n] == from[i]+n) {
			n++
		}
		if i > 0 {
			o.b = append(o.b, ',')
		}
		o.b = strconv.AppendInt(append(o.b, '['), int64(from[i]), 10)
		o.b = strconv.AppendInt(append(o.b, ','), int64(n), 10)
		o.b = append(o.b, ']')
		i += n
	}
	o.b = append(o.b, ']')
}

// origins says for each row which row it was before, -1 for a new one. Rows are the
// same by their name; of several with one name, the first is the first.
func origins(last, now []fact.Row) []int {
	from := make([]int, len(now))
	var rest map[string][]int
	for i, row := range now {
		name, _ := row["name"].(string)
		if rest == nil && i < len(last) {
			if before, _ := last[i]["name"].(string); before == name {
				from[i] = i // nearly always
				continue
			}
		}
		if rest == nil { // from here on they moved
			rest = map[string][]int{}
			for k := i; k < len(last); k++ {
				before, _ := last[k]["name"].(string)
				rest[before] = append(rest[before], k)
			}
		}
		from[i] = -1
		if left := rest[name]; len(left) > 0 {
			from[i], rest[name] = left[0], left[1:]
		}
	}
	return from
}

// inPlace says whether all rows are where they were.
func inPlace(from []int, before int) bool {
	for i, k := range from {
		if k != i {
			return false
		}
	}
	return len(from) == before
}

// fewest is how many rows a field must have before it is shifted in all of them.
const fewest = 4

// shifts finds the fields that grew by the same in most rows: ages do, in each row of
// a long table, and would be most of a recording.
func shifts(last, now []fact.Row, from []int) map[string]int64 {
	if len(now) < fewest || len(last) < fewest {
		return nil
	}
	have, grew := map[string]int{}, map[growth]int{}
	for i, row := range now {
		if from[i] < 0 {
			continue
		}
		for field, v := range last[from[i]] {
			before, is := v.(float64)
			if !is {
				continue
			}
			have[field]++
			if by := grown(before, row[field]); by != 0 {
				grew[growth{field, by}]++
			}
		}
	}
	shift := map[string]int64{}
	for g, n := range grew {
		if n >= fewest && 2*n > have[g.field] {
			shift[g.field] = g.by
		}
	}
	return shift
}

// growth is by how many billionths a field grew.
type growth struct {
	field string
	by    int64
}

// grown returns by how many billionths a number grew, 0 if that does not lead to the
// very number that it became.
func grown(before float64, after any) int64 {
	n, is := after.(float64)
	if !is {
		return 0
	}
	by := billionths(n) - billionths(before)
	if by < -most || by > most || !same(shifted(before, by), n) {
		return 0
	}
	return by
}

// most is the largest number that JSON holds exactly.
const most = 1 << 53

// billionths is a number in billionths, 0 where they would be too many.
func billionths(v float64) int64 {
	if !(math.Abs(v) < 4e9) {
		return 0
	}
	return int64(math.Round(v * 1e9))
}

// shifted is a value so many billionths later. What is no number stays as it is.
func shifted(v any, by int64) any {
	n, is := v.(float64)
	if !is || !(math.Abs(n) < 4e9) {
		return v
	}
	return time.Duration(billionths(n) + by).Seconds()
}

func probeRows(all []fact.Status) []fact.Row {
	rows := make([]fact.Row, len(all))
	for i, s := range all {
		rows[i] = fact.Row{"name": s.Name, "status": s.Status, "why": s.Why, "millis": s.Millis, "every_s": s.Every, "adapted": s.Adapted}
	}
	return rows
}

func blindRows(all []fact.Blind) []fact.Row {
	rows := make([]fact.Row, len(all))
	for i, b := range all {
		rows[i] = fact.Row{"name": b.Probe, "what": b.What, "needs": b.Needs}
	}
	return rows
}
