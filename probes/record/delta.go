package record

import (
	"fmt"
	"slices"
	"strconv"
	"time"

	"whydrop/probes/fact"
)

// Encoder writes observations as lines of JSON, each as what differs from the one
// before.
//
//	"key":true                       it does not build on the one before
//	"host" "kernel" "every_s"        as in fact.Facts, if they differ
//	"start" "seconds"                always
//	"values":{"NAME":[NOW,TOTAL]}    values that differ; without TOTAL: not a counter; NOW null: unknown
//	"gone":["NAME"]                  values that are no longer known
//	"tables":{"NAME":TABLE}          tables that differ
//	"no_tables":["NAME"]             tables that are no longer known
//	"probes":TABLE "blind":TABLE     Facts.Probes and Facts.Blind as rows
//
// A TABLE is {"from":[[I,N],...],"shift":{"FIELD":NS},"rows":{"I":{"FIELD":VALUE}}}.
// "from" says of which rows the new table is made: N rows of the old one from row I
// on, or N new ones where I is -1; without it, of the same rows in the same order.
// "shift" is what an age grew by in all old rows that have it, in billionths. "rows" are
// the fields that differ then, by the row's index in the new table; null for one that
// is no longer known. A number that JSON cannot write is {"float":"NaN"}, "+Inf" or "-Inf".
// Text that is not valid UTF-8 is made so.
//
// The zero Encoder is ready; its first line is a key frame.
type Encoder struct{ last *fact.Facts }

// Reset makes the next line a key frame.
func (e *Encoder) Reset() { e.last = nil }

// Append appends the line of an observation, without an end of line. The facts
// must not change afterwards. It is an error, and nothing is appended, if a fact is
// no number, text or flag, or the time cannot be written.
func (e *Encoder) Append(line []byte, f *fact.Facts) ([]byte, error) {
	if y := f.Start.UTC().Year(); y < 0 || y > 9999 {
		return line, fmt.Errorf("an observation of the year %d cannot be recorded", y)
	}
	o, last := object{b: append(line, '{')}, e.last
	if last == nil {
		last = &fact.Facts{}
		o.key("key")
		o.b = append(o.b, "true"...)
	}
	o.key("start")
	o.value(f.Start.UTC().Format(time.RFC3339Nano))
	o.key("seconds")
	o.value(f.Seconds)
	o.differs("host", last.Host, f.Host)
	o.differs("kernel", last.Kernel, f.Kernel)
	o.differs("every_s", last.Every, f.Every)
	o.values(last.Values, f.Values)
	o.tables(last.Tables, f.Tables)
	o.table("probes", probeRows(last.Probes), probeRows(f.Probes))
	o.table("blind", blindRows(last.Blind), blindRows(f.Blind))
	if o.err != nil {
		return line, o.err
	}
	e.last = f
	return append(o.b, '}'), nil
}

// object writes a JSON object: keys, each with what is written after it.
type object struct {
	b   []byte
	err error
}

// key begins a member of the object.
func (o *object) key(name string) {
	if o.b[len(o.b)-1] != '{' {
		o.b = append(o.b, ',')
	}
	o.b = append(appendText(o.b, name), ':')
}

// open begins a member that is an object itself, close ends it; one that stayed
// empty is taken back if it may be.
func (o *object) open(name string) (before int) {
	before = len(o.b)
	o.key(name)
	o.b = append(o.b, '{')
	return before
}

func (o *object) close(before int, keepEmpty bool) {
	if o.b[len(o.b)-1] == '{' && !keepEmpty {
		o.b = o.b[:before]
		return
	}
	o.b = append(o.b, '}')
}

func (o *object) value(v any) {
	switch v := v.(type) {
	case nil:
		o.b = append(o.b, "null"...)
	case float64:
		o.b = appendNumber(o.b, v)
	case string:
		o.b = appendText(o.b, v)
	case bool:
		o.b = strconv.AppendBool(o.b, v)
	default:
		o.err = fmt.Errorf("a fact is a %T: expected a number, text or a flag", v)
	}
}

func (o *object) differs(name string, last, now any) {
	if last != now {
		o.key(name)
		o.value(now)
	}
}

func (o *object) names(key string, names []string) {
	if len(names) == 0 {
		return
	}
	o.key(key)
	for i, name := range names {
		o.b = appendText(append(o.b, "[,"[min(i, 1)]), name)
	}
	o.b = append(o.b, ']')
}

func (o *object) values(last, now map[string]fact.Value) {
	begin := o.open("values")
	var differ []string
	for name, v := range now {
		if old, had := last[name]; !had || !sameValue(old, v) {
			differ = append(differ, name)
		}
	}
	slices.Sort(differ)
	for _, name := range differ {
		v := now[name]
		o.key(name)
		o.b = append(o.b, '[')
		o.value(v.Now)
		if v.Total != nil {
			o.b = append(o.b, ',')
			o.value(*v.Total)
		}
		o.b = append(o.b, ']')
	}
	o.close(begin, false)
	o.names("gone", missing(last, now))
}

// missing returns the names that the one has and the other has not, or as nothing.
func missing[V any](last, now map[string]V) []string {
	var names []string
	for name, v := range last {
		if any(v) == nil {
			continue // it was not known before either
		}
		if v, has := now[name]; !has || any(v) == nil {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

func sameValue(a, b fact.Value) bool {
	return same(a.Now, b.Now) && (a.Total == nil) == (b.Total == nil) && (a.Total == nil || same(*a.Total, *b.Total))
}

// same says whether two values are, a NaN being the same as another and 0 not as -0.
func same(a, b any) bool {
	x, isNumber := a.(float64)
	y, both := b.(float64)
	if isNumber && both {
		return x == y && (x != 0 || 1/x == 1/y) || x != x && y != y
	}
	return isNumber == both && a == b
}
