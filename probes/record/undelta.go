package record

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"strconv"
	"time"

	"whydrop/probes/fact"
)

// Decoder reads the lines of an Encoder, in their order.
type Decoder struct{ last *fact.Facts }

// line is what an Encoder writes.
type line struct {
	Key      bool                  `json:"key"`
	Start    time.Time             `json:"start"`
	Seconds  any                   `json:"seconds"`
	Host     *string               `json:"host"`
	Kernel   *string               `json:"kernel"`
	Every    any                   `json:"every_s"`
	Values   map[string][]any      `json:"values"`
	Gone     []string              `json:"gone"`
	Tables   map[string]*tableLine `json:"tables"`
	NoTables []string              `json:"no_tables"`
	Probes   *tableLine            `json:"probes"`
	Blind    *tableLine            `json:"blind"`
}

type tableLine struct {
	From  [][2]int                  `json:"from"`
	Shift map[string]int64          `json:"shift"`
	Rows  map[string]map[string]any `json:"rows"`
}

// Decode returns the observation that a line stands for. It shares rows with the
// one before: neither may be changed. After an error nothing but a key frame can be
// decoded.
func (d *Decoder) Decode(data []byte) (*fact.Facts, error) {
	last := d.last
	d.last = nil
	var l line
	if err := json.Unmarshal(data, &l); err != nil {
		return nil, fmt.Errorf("a line of a recording: %w", err)
	}
	if l.Key {
		last = &fact.Facts{}
	}
	if last == nil {
		return nil, errors.New("a line of a recording builds on one that is not there")
	}
	f, err := l.applied(last)
	if err != nil {
		return nil, fmt.Errorf("a line of a recording: %w", err)
	}
	d.last = f
	copied := *f // for a caller that changes Start
	return &copied, nil
}

// applied returns what the line makes of the observation before.
func (l *line) applied(last *fact.Facts) (*fact.Facts, error) {
	f := &fact.Facts{Host: last.Host, Kernel: last.Kernel, Every: last.Every, Start: l.Start.UTC()}
	if l.Host != nil {
		f.Host = *l.Host
	}
	if l.Kernel != nil {
		f.Kernel = *l.Kernel
	}
	var err error
	if f.Seconds, err = number(l.Seconds); err != nil {
		return nil, fmt.Errorf("seconds: %w", err)
	}
	if l.Every != nil {
		if f.Every, err = number(l.Every); err != nil {
			return nil, fmt.Errorf("every_s: %w", err)
		}
	}
	if f.Values, err = l.values(last.Values); err != nil {
		return nil, err
	}
	if f.Tables, err = l.tables(last.Tables); err != nil {
		return nil, err
	}
	probes, err := l.Probes.applied("probes", probeRows(last.Probes))
	if err != nil {
		return nil, err
	}
	blind, err := l.Blind.applied("blind", blindRows(last.Blind))
	if err != nil {
		return nil, err
	}
	f.Probes, f.Blind = statuses(probes), blinds(blind)
	return f, nil
}

func number(v any) (float64, error) {
	p, ok := plain(v)
	n, is := p.(float64)
	if !ok || !is {
		return 0, fmt.Errorf("%v is not a number", v)
	}
	return n, nil
}

func (l *line) values(last map[string]fact.Value) (map[string]fact.Value, error) {
	now := maps.Clone(last)
	if now == nil {
		now = make(map[string]fact.Value, len(l.Values))
	}
	for _, name := range l.Gone {
		delete(now, name)
	}
	for name, pair := range l.Values {
		if len(pair) < 1 || len(pair) > 2 {
			return nil, fmt.Errorf("%q has %d numbers: expected its value and its total", name, len(pair))
		}
		value, ok := plain(pair[0])
		if !ok {
			return nil, fmt.Errorf("%q is no number, text or flag", name)
		}
		v := fact.Value{Now: value}
		if len(pair) == 2 {
			total, err := number(pair[1])
			if err != nil {
				return nil, fmt.Errorf("total of %q: %w", name, err)
			}
			v.Total = &total
		}
		now[name] = v
	}
	return now, nil
}

func (l *line) tables(last map[string][]fact.Row) (map[string][]fact.Row, error) {
	now := maps.Clone(last)
	if now == nil {
		now = make(map[string][]fact.Row, len(l.Tables))
	}
	for _, name := range l.NoTables {
		delete(now, name)
	}
	for name, t := range l.Tables {
		rows, err := t.applied(name, last[name])
		if err != nil {
			return nil, err
		}
		now[name] = rows
	}
	return now, nil
}

// applied returns what a line makes of a table.
func (t *tableLine) applied(name string, last []fact.Row) ([]fact.Row, error) {
	if t == nil {
		return last, nil
	}
	rows, err := t.made(last)
	if err != nil {
		return nil, fmt.Errorf("table %q: %w", name, err)
	}
	if len(t.Shift) > 0 {
		t.shift(rows)
	}
	for index, fields := range t.Rows {
		i, err := strconv.Atoi(index)
		if err != nil || i < 0 || i >= len(rows) {
			return nil, fmt.Errorf("table %q has no row %q", name, index)
		}
		row := maps.Clone(rows[i])
		if row == nil {
			row = make(fact.Row, len(fields))
		}
		for field, v := range fields {
			value, ok := plain(v)
			switch {
			case !ok:
				return nil, fmt.Errorf("table %q, %q is no number, text or flag", name, field)
			case value == nil:
				delete(row, field)
			default:
				row[field] = value
			}
		}
		rows[i] = row
	}
	for i, row := range rows {
		if row == nil {
			return nil, fmt.Errorf("table %q, row %d is not there", name, i)
		}
	}
	return rows, nil
}

// shift lets ages grow. Rows that have one become others.
func (t *tableLine) shift(rows []fact.Row) {
	for i, row := range rows {
		if row == nil {
			continue
		}
		row = maps.Clone(row)
		for field, by := range t.Shift {
			if v, has := row[field]; has {
				row[field] = shifted(v, max(-most, min(most, by)))
			}
		}
		rows[i] = row
	}
}

// made returns the rows of which a table is made; nil for those that are new. No
// table gets larger than the old one and the line together.
func (t *tableLine) made(last []fact.Row) ([]fact.Row, error) {
	if t.From == nil {
		return append([]fact.Row{}, last...), nil
	}
	rows, room := []fact.Row{}, len(last)+len(t.Rows)
	for _, run := range t.From {
		from, n := run[0], run[1]
		switch {
		case n < 1 || n > room-len(rows):
			return nil, fmt.Errorf("%d rows are taken where %d can be", n, room-len(rows))
		case from == -1:
			rows = append(rows, make([]fact.Row, n)...)
		case from < 0 || from > len(last)-n:
			return nil, fmt.Errorf("rows %d to %d of %d are taken", from, from+n, len(last))
		default:
			rows = append(rows, last[from:from+n]...)
		}
	}
	return rows, nil
}

func statuses(rows []fact.Row) []fact.Status {
	all := make([]fact.Status, len(rows))
	for i, r := range rows {
		all[i] = fact.Status{
			Name: text(r["name"]), Status: text(r["status"]), Why: text(r["why"]), Millis: floats(r["millis"]),
			Every: floats(r["every_s"]), Adapted: text(r["adapted"]),
		}
	}
	return all
}

func blinds(rows []fact.Row) []fact.Blind {
	all := make([]fact.Blind, len(rows))
	for i, r := range rows {
		all[i] = fact.Blind{Probe: text(r["name"]), What: text(r["what"]), Needs: text(r["needs"])}
	}
	return all
}

func text(v any) string { s, _ := v.(string); return s }

func floats(v any) float64 { n, _ := v.(float64); return n }
