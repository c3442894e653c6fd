package record

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"whydrop/probes/fact"
)

var start = time.Date(2026, 3, 1, 14, 0, 0, 123456789, time.UTC)

// hostile are texts that could do harm where they are not taken as they are.
var hostile = []string{"", "eth0", "\x1b[31mred", "a\nb\"c\\d\x00", "1f8b0814", "{\"end\":true}", "\u2028\U0001F4A9", "null", "\ufffd", strings.Repeat("long ", 50), "key", "start", "-0"}

var numbers = []float64{0, 1, -1, 15, 1e15 + 1, 0.1, math.Pi, 1e300, -5e-324, math.MaxFloat64, math.NaN(), math.Inf(1), math.Inf(-1), math.Copysign(0, -1), 1 << 53, 1<<53 + 2}

func anyText(r *rand.Rand) string    { return hostile[r.IntN(len(hostile))] }
func anyNumber(r *rand.Rand) float64 { return numbers[r.IntN(len(numbers))] }

func anyValue(r *rand.Rand) any {
	switch r.IntN(4) {
	case 0:
		return anyText(r)
	case 1:
		return r.IntN(2) == 0
	}
	return anyNumber(r)
}

func anyRows(r *rand.Rand) []fact.Row {
	rows := make([]fact.Row, r.IntN(6))
	for i := range rows {
		rows[i] = fact.Row{"name": fmt.Sprint("row ", r.IntN(4))} // some twice
		for range r.IntN(4) {
			rows[i][anyText(r)] = anyValue(r)
		}
		if r.IntN(20) == 0 {
			rows[i] = fact.Row{} // without a name
		}
	}
	return rows
}

// next makes an observation that has something in common with the one before.
func next(r *rand.Rand, last *fact.Facts) *fact.Facts {
	f := fact.New(last.Start.Add(time.Duration(r.IntN(3e9)-1e9)), []float64{0, 1, 15, 14.999999, 1e6}[r.IntN(5)])
	f.Host, f.Kernel, f.Every = last.Host, last.Kernel, float64(r.IntN(3))
	if r.IntN(10) == 0 {
		f.Host = anyText(r)
	}
	for name, v := range last.Values {
		if r.IntN(8) > 0 {
			f.Values[name] = v
		}
	}
	for range r.IntN(5) {
		v := fact.Value{Now: anyValue(r)}
		if r.IntN(3) == 0 {
			total := anyNumber(r)
			v.Total = &total
			if r.IntN(3) == 0 {
				v.Now = nil // of history only
			}
		}
		f.Values[anyText(r)] = v
	}
	for name, rows := range last.Tables {
		switch r.IntN(8) {
		case 0: // nobody can look any more
		case 1:
			rows = slices.Clone(rows)
			r.Shuffle(len(rows), func(i, k int) { rows[i], rows[k] = rows[k], rows[i] })
			f.Tables[name] = rows
		case 2:
			f.Tables[name] = anyRows(r)
		case 3:
			f.Tables[name] = []fact.Row{}
		default:
			f.Tables[name] = rows
		}
	}
	if r.IntN(3) == 0 {
		f.Tables[anyText(r)] = anyRows(r)
	}
	f.Tables["log"] = older(r, last.Tables["log"], f.Start.Sub(last.Start))
	f.Probes, f.Blind = last.Probes, last.Blind
	if r.IntN(4) == 0 {
		f.Probes = []fact.Status{{Name: anyText(r), Status: "ok", Millis: anyNumber(r)}, {Name: "links", Status: "failed", Why: anyText(r), Every: 5, Adapted: anyText(r)}}[r.IntN(2):]
		f.Blind = []fact.Blind{{Probe: "links", What: anyText(r)}, {Probe: "links", What: anyText(r), Needs: "CAP_NET_ADMIN"}}[:r.IntN(3)]
	}
	return f
}

// older are messages that age, some of them by themselves.
func older(r *rand.Rand, last []fact.Row, by time.Duration) []fact.Row {
	var rows []fact.Row
	for _, row := range last {
		row = maps.Clone(row)
		if age, is := row["age_s"].(float64); is && r.IntN(9) > 0 {
			row["age_s"] = (time.Duration(math.Round(age*1e9)) + by).Seconds()
		}
		rows = append(rows, row)
	}
	switch {
	case len(rows) < 3+r.IntN(20):
		rows = append(rows, fact.Row{"name": "martian", "age_s": 3e6 * r.Float64()})
	case r.IntN(3) == 0:
		rows[0]["age_s"] = anyValue(r)
	default:
		rows = rows[1:]
	}
	return rows
}

func sequence(seed uint64, n int) []*fact.Facts {
	r := rand.New(rand.NewPCG(seed, 7))
	last := fact.New(start, 15)
	last.Host, last.Kernel = "web1", "6.1.0"
	var all []*fact.Facts
	for range n {
		last = next(r, last)
		all = append(all, last)
	}
	return all
}

func recorded(t testing.TB, all []*fact.Facts) []byte {
	t.Helper()
	var out bytes.Buffer
	w := NewWriter(&out, Header{Host: "web1", Whydrop: "1.2", Start: all[0].Start})
	for _, f := range all {
		if err := w.Add(f); err != nil {
			t.Fatal(err)
		}
		if err := w.Flush(); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if w.Flushed() != len(all) {
		t.Fatalf("%d flushed of %d", w.Flushed(), len(all))
	}
	return out.Bytes()
}

func read(data []byte) (*Recording, error) { return Read(bytes.NewReader(data), int64(len(data))) }

// told makes what two observations say comparable: a NaN is like any other, and so
// are an empty list and none, a field that is nil and none.
func told(f *fact.Facts) map[string]any {
	key := func(v any) any {
		if n, is := v.(float64); is {
			return fmt.Sprint("number ", math.Float64bits(n) != math.Float64bits(math.Copysign(0, -1)), n)
		}
		return v
	}
	values, tables := map[string]any{}, map[string]any{}
	for name, v := range f.Values {
		total := any(nil)
		if v.Total != nil {
			total = key(*v.Total)
		}
		values[name] = [2]any{key(v.Now), total}
	}
	for name, rows := range f.Tables {
		var all []map[string]any
		for _, row := range rows {
			fields := map[string]any{}
			for field, v := range row {
				if v != nil {
					fields[field] = key(v)
				}
			}
			all = append(all, fields)
		}
		tables[name] = all
	}
	return map[string]any{
		"host": f.Host, "kernel": f.Kernel, "start": f.Start.UnixNano(), "seconds": key(f.Seconds), "every": f.Every,
		"values": values, "tables": tables, "probes": fmt.Sprint(f.Probes), "blind": fmt.Sprint(f.Blind),
	}
}

func sameFacts(t testing.TB, got, want *fact.Facts) {
	t.Helper()
	if g, w := told(got), told(want); !reflect.DeepEqual(g, w) {
		t.Fatalf("came back as\n%v\nwas\n%v", g, w)
	}
}

// collect returns what a recording holds.
func collect(t testing.TB, r *Recording) (all []*fact.Facts) {
	t.Helper()
	if err := r.Each(func(f *fact.Facts) bool { all = append(all, f); return true }); err != nil {
		t.Fatal(err)
	}
	if len(all) != r.Len() {
		t.Fatalf("%d observations, %d announced", len(all), r.Len())
	}
	return all
}

func TestWhatWasAddedComesBack(t *testing.T) {
	for seed := range uint64(25) {
		all := sequence(seed, 2+int(seed)*3) // several members
		r, err := read(recorded(t, all))
		if err != nil || len(r.Notes) > 1 || len(r.Notes) == 1 && !strings.HasPrefix(r.Notes[0], "the clock went back") {
			t.Fatalf("%v, notes %q", err, r.Notes)
		}
		if r.Header.Host != "web1" || r.Header.Whydrop != "1.2" || r.Header.Schema != Schema || !r.Header.Start.Equal(all[0].Start) {
			t.Fatalf("header %+v", r.Header)
		}
		got := collect(t, r)
		if len(got) != len(all) {
			t.Fatalf("%d of %d came back", len(got), len(all))
		}
		for i, f := range got {
			sameFacts(t, f, all[i])
		}
		for i, f := range all {
			one, err := r.Observation(i)
			if err != nil {
				t.Fatal(err)
			}
			sameFacts(t, one, f)
			if !r.Time(i).Equal(EndOf(f).Truncate(time.Microsecond)) {
				t.Fatalf("observation %d ended %v, said to be %v", i, EndOf(f), r.Time(i))
			}
		}
	}
}

func TestTextThatIsNotUTF8(t *testing.T) {
	f := fact.New(start, 15)
	f.Host = "a\xff"
	f.Text("host.name", "b\xfe\xfec")
	f.Add("link", fact.Row{"name": "eth\x80"})
	r, err := read(recorded(t, []*fact.Facts{f, f}))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range collect(t, r) {
		if f.Host != "a\ufffd" || f.Values["host.name"].Now != "b\ufffdc" || f.Tables["link"][0]["name"] != "eth\ufffd" {
			t.Errorf("%+v", f)
		}
	}
}

func TestAnObservationThatCannotBeWrittenIsLeftOut(t *testing.T) {
	var out bytes.Buffer
	w := NewWriter(&out, Header{})
	odd, far, large, endless := fact.New(start, 1), fact.New(start.AddDate(9000, 0, 0), 1), fact.New(start, 1), fact.New(start, math.Inf(1))
	odd.Values["x"] = fact.Value{Now: []string{"a list"}}
	large.Text("x", strings.Repeat("x", maxLine))
	good := fact.New(start, 1)
	for _, f := range []*fact.Facts{good, odd, good, far, large, endless, good} {
		if err := w.Add(f); (err == nil) != (f == good) {
			t.Errorf("%v: %v", f.Start, err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	r, err := read(out.Bytes())
	if err != nil || r.Len() != 3 || len(r.Notes) > 0 {
		t.Fatalf("%v, %d observations, notes %q", err, r.Len(), r.Notes)
	}
	for _, f := range collect(t, r) {
		sameFacts(t, f, good)
	}
}

func TestMoments(t *testing.T) {
	var all []*fact.Facts
	for i := range 150 {
		all = append(all, fact.New(start.Add(time.Duration(i)*time.Second), 15))
	}
	written, err := read(recorded(t, all))
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range []*Recording{written, Of(Header{}, nil, all...)} {
		for _, tt := range []struct {
			at   time.Duration // after the first one's end
			want int
		}{{-time.Hour, 0}, {0, 0}, {time.Second, 1}, {1500 * time.Millisecond, 1}, {61 * time.Second, 61}, {149 * time.Second, 149}, {time.Hour, 149}} {
			at := EndOf(all[0]).Add(tt.at)
			f, err := r.At(at)
			if i := r.Index(at); i != tt.want || err != nil || !EndOf(f).Equal(EndOf(all[tt.want])) {
				t.Errorf("%v: observation %d, %v; want %d", tt.at, i, err, tt.want)
			}
		}
	}
	empty := Of(Header{}, nil)
	if _, err := empty.At(start); err == nil || empty.Index(start) != -1 || !empty.End().IsZero() {
		t.Errorf("an empty recording showed something: %v", err)
	}
}

func TestAFailingDisk(t *testing.T) {
	all := sequence(3, 100)
	whole := recorded(t, all)
	for _, room := range []int{0, 1, 100, len(whole) / 2, len(whole) - 3} {
		disk := &disk{room: room}
		w := NewWriter(disk, Header{Host: "web1", Whydrop: "1.2", Start: all[0].Start})
		for _, f := range all {
			if w.Add(f) != nil || w.Flush() != nil {
				break
			}
		}
		if err := w.Close(); !errors.Is(err, errFull) {
			t.Fatalf("room for %d of %d bytes: %v", room, len(whole), err)
		}
		r, err := read(disk.Bytes())
		if w.Flushed() == 0 && unreadable(err) {
			continue
		}
		if err != nil || r.Len() < w.Flushed() || r.Len() > 0 && len(r.Notes) == 0 {
			t.Fatalf("room for %d bytes: %v, %d observations of %d that were flushed, notes %q", room, err, r.Len(), w.Flushed(), r.Notes)
		}
		for i, f := range collect(t, r) {
			sameFacts(t, f, all[i])
		}
	}
}

var errFull = errors.New("no space left on device")

type disk struct {
	bytes.Buffer
	room int
}

func (d *disk) Write(p []byte) (int, error) {
	n := min(len(p), d.room-d.Len())
	d.Buffer.Write(p[:n])
	if n < len(p) {
		return n, errFull
	}
	return n, nil
}

func TestOtherFormats(t *testing.T) {
	packed := func(comment string, lines ...string) []byte {
		var out bytes.Buffer
		w := NewWriter(&out, Header{})
		w.zip.Extra, w.zip.Comment = mark(0, start), comment
		for _, l := range lines {
			w.write([]byte(l))
		}
		w.zip.Close()
		return out.Bytes()
	}
	var text bytes.Buffer
	zip := gzip.NewWriter(&text)
	zip.Write([]byte("netstat -s"))
	zip.Close()
	for _, tt := range []struct {
		name string
		data []byte
		want string // in the error
		is   error
	}{
		{"newer", packed("whydrop.recording/2", `{"schema":"whydrop.recording/2","whydrop":"9.1","start":"2030-01-01T00:00:00Z"}`, "what nobody knows yet"), `made by whydrop "9.1"`, errNewer},
		{"newer, with another header", packed("whydrop.recording/3", "whatever"), "whydrop.recording/3", errNewer},
		{"empty", nil, "", ErrForeign},
		{"text", []byte("Tcp:\n 5 segments retransmitted"), "", ErrForeign},
		{"gzip", text.Bytes(), "", ErrForeign},
		{"another schema", packed("whydrop.diagnosis/1", `{"schema":"whydrop.diagnosis/1"}`), "", ErrDamaged},
		{"older than the first", packed("", `{"schema":"whydrop.recording/0"}`), "whydrop.recording/0", errFormat},
		{"of a number that is none", packed("", `{"schema":"whydrop.recording/1.1"}`), "whydrop.recording/1.1", errFormat},
		{"of a huge number", packed("", `{"schema":"whydrop.recording/99999999999999999999"}`), "99999999999999999999", errNewer},
	} {
		_, err := read(tt.data)
		if !errors.Is(err, tt.is) || !strings.Contains(fmt.Sprint(err), tt.want) {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
	r, err := read(packed(Schema, `{"schema":"whydrop.recording/1","start":"2026-03-01T00:00:00Z","colour":"new"}`,
		`{"key":true,"start":"2026-03-01T00:00:00Z","seconds":15,"weather":{"of":["later"]},"values":{"a":[1,2]}}`, `{"end":true,"observations":1,"more":1}`))
	if err != nil || len(r.Notes) > 0 || r.Len() != 1 || *collect(t, r)[0].Values["a"].Total != 2 {
		t.Errorf("what can be ignored is not: %v, %+v", err, r)
	}
}
