package record

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"whydrop/probes/fact"
)

// TestTruncated cuts a recording at every byte: what was flushed before the cut is
// there, and it is told that the end is not.
func TestTruncated(t *testing.T) {
	all := sequence(1, perMember+10)
	var out bytes.Buffer
	var flushed []int // bytes after each observation
	w := NewWriter(&out, Header{Host: "web1"})
	for _, f := range all {
		if err := errors.Join(w.Add(f), w.Flush()); err != nil {
			t.Fatal(err)
		}
		flushed = append(flushed, out.Len())
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	whole, n := out.Bytes(), 0
	for cut := range whole {
		for n < len(flushed) && flushed[n] <= cut {
			n++
		}
		r, err := read(whole[:cut])
		if n == 0 && unreadable(err) {
			continue
		}
		if err != nil || r.Len() < n || len(r.Notes) == 0 {
			t.Fatalf("cut at %d of %d: %v, %d observations of %d, notes %q", cut, len(whole), err, r.Len(), n, r.Notes)
		}
		if cut%97 == 0 { // what is in them takes long to compare
			for i, f := range collect(t, r) {
				sameFacts(t, f, all[i])
			}
		}
	}
}

// unreadable says whether of a file no observation could be read.
func unreadable(err error) bool { return errors.Is(err, ErrForeign) || errors.Is(err, ErrDamaged) }

// TestBitFlips flips each bit of a recording in turn: what it still tells was told,
// and only that is not what stood in the damaged minute is lost.
func TestBitFlips(t *testing.T) {
	all := sequence(2, 3*perMember)
	for _, f := range all {
		f.Gauge("place", 0) // told below
	}
	for i, f := range all {
		f.Values["place"] = fact.Value{Now: float64(i)}
	}
	whole := recorded(t, all)
	r := rand.New(rand.NewPCG(1, 1))
	flips := 250
	for n := range flips {
		at, bit := r.IntN(len(whole)), r.IntN(8)
		if n < 100 {
			at = n % 60 // the beginning, where the headers are
		}
		data := bytes.Clone(whole)
		data[at] ^= 1 << bit
		rec, err := read(data)
		if err != nil {
			t.Fatalf("bit %d of byte %d: %v", bit, at, err)
		}
		got := collect(t, rec)
		for _, f := range got {
			place, _ := f.Num("place")
			sameFacts(t, f, all[int(place)])
		}
		if len(got) < len(all)-perMember || len(got) < len(all) && len(rec.Notes) == 0 {
			t.Fatalf("bit %d of byte %d: %d of %d observations, notes %q", bit, at, len(got), len(all), rec.Notes)
		}
	}
}

// seconds are observations a second apart.
func seconds(from time.Time, n int) (all []*fact.Facts) {
	for i := range n {
		all = append(all, fact.New(from.Add(time.Duration(i)*time.Second), 15))
	}
	return all
}

func TestDamageIsTold(t *testing.T) {
	all := seconds(start, 4*perMember)
	whole := recorded(t, all)
	r, err := read(whole)
	if err != nil {
		t.Fatal(err)
	}
	second, third, fourth := r.file.members[1].offset, r.file.members[2].offset, r.file.members[3].offset
	later := recorded(t, seconds(start.Add(time.Hour), 10))
	setBack := recorded(t, append(seconds(start, 10), seconds(start.Add(-time.Hour), 10)...))
	for _, tt := range []struct {
		name string
		data []byte
		len  int
		want string
	}{
		{"a minute is missing", append(bytes.Clone(whole[:second]), whole[third:]...), 180, "lost are 60 observations"},
		{"the first is missing", whole[second:], 180, "lost are 60 observations (at the beginning)"},
		{"a minute is overwritten", append(append(bytes.Clone(whole[:second]), make([]byte, third-second)...), whole[third:]...), 180, "lost are 60 observations"},
		{"the end is missing at the end of a minute", whole[:third], 120, "not ended"},
		{"rubbish behind it", append(bytes.Clone(whole), "rubbish"...), 240, ""},
		{"the same behind it", append(bytes.Clone(whole), whole...), 240, "240 observations that stand in it twice are left out"},
		{"a later one behind it", append(bytes.Clone(whole), later...), 250, ""},
		{"an earlier one behind it", append(bytes.Clone(later), whole...), 250, "do not stand in their order"},
		{"two minutes swapped", slices.Concat(whole[:second], whole[third:fourth], whole[second:third], whole[fourth:]), 240, "do not stand in their order"},
		{"the first minute at the end", slices.Concat(whole[second:], whole[:second]), 240, "do not stand in their order"},
		{"swapped, and one is missing", slices.Concat(whole[third:fourth], whole[:second], whole[fourth:]), 180, "lost are 60 observations (after 2026-03-01 14:01:14 UTC)"},
		{"the clock was set back", setBack, 20, "the clock went back by 1h0m9s at 2026-03-01 14:00:24 UTC"},
	} {
		r, err := read(tt.data)
		if err != nil {
			t.Fatalf("%s: %v", tt.name, err)
		}
		for i, f := range collect(t, r) {
			if EndOf(f).UnixMicro() != r.Time(i).UnixMicro() || i > 0 && i != 10 && r.Time(i).Before(r.Time(i-1)) {
				t.Fatalf("%s: observation %d is of %v, before it is that of %v", tt.name, i, EndOf(f), r.Time(max(0, i-1)))
			}
		}
		notes := strings.Join(r.Notes, "; ")
		if r.Len() != tt.len || !strings.Contains(notes, tt.want) || (notes == "") != (tt.want == "") {
			t.Errorf("%s: %d observations, notes %q", tt.name, r.Len(), notes)
		}
	}
}

// TestBombs packs much into little: it is left before it is held.
func TestBombs(t *testing.T) {
	bomb := func(line func(w *Writer)) []byte {
		var out bytes.Buffer
		w := NewWriter(&out, Header{})
		w.begin(start)
		line(w)
		w.zip.Close()
		return out.Bytes()
	}
	zeros := make([]byte, 1<<20)
	endless := bomb(func(w *Writer) {
		for range 100 {
			w.zip.Write(zeros)
		}
	})
	many := bomb(func(w *Writer) {
		for i := range 100 {
			w.write(fmt.Appendf(nil, `{"key":true,"start":"2026-03-01T00:00:00Z","seconds":15,"host":"%01048576d"}`, i))
		}
	})
	for name, data := range map[string][]byte{"one line without an end": endless, "more lines than a member holds": many} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		r, err := read(data)
		if err != nil || len(r.Notes) == 0 || r.Len() > maxMember>>20+8 {
			t.Errorf("%s: %v, %+v", name, err, r)
		}
		runtime.ReadMemStats(&after)
		if held := after.TotalAlloc - before.TotalAlloc; held > 8*maxLine {
			t.Errorf("%s: %d bytes in the file took %d MiB", name, len(data), held>>20)
		}
	}
}

// TestMembersInMembers: a file in which members begin within members, each of which goes
// on to the end, is given up.
func TestMembersInMembers(t *testing.T) {
	head := func() []byte {
		var out bytes.Buffer
		w := NewWriter(&out, Header{})
		w.begin(start)
		w.zip.Flush()
		return out.Bytes()[:extraAt+extraLen+len(Schema)+1] // before what is compressed
	}()
	const n, grid = 4000, 60000
	data := make([]byte, 0, n*60)
	block := func(to []byte, size int) []byte { // of RFC 1951 without compression
		return append(to, 0, byte(size), byte(size>>8), ^byte(size), ^byte(size>>8))
	}
	for range n { // each leads to the next place that is a multiple of the grid
		data = append(data, head...)
		size := (len(data)/grid+1)*grid - len(data) - 5
		if size < 200 {
			data = append(block(data, size), make([]byte, size)...)
		} else {
			data = block(data, size)
		}
		if len(data)%grid > grid-200 {
			data = append(data, make([]byte, grid-len(data)%grid)...)
		}
		if len(data)%grid == 0 {
			data = block(data, grid-5)
		}
	}
	data = append(data, make([]byte, grid-len(data)%grid)...)
	for range 40 {
		data = append(block(data, grid-5), make([]byte, grid-5)...)
	}
	s := scan{file: &file{r: bytes.NewReader(data), size: int64(len(data))}}
	if err := s.run(); !errors.Is(err, ErrForeign) || s.waste < maxWasted || s.waste > maxWasted+mostRead {
		t.Errorf("%v, %d bytes were read of %d members in a file of %d", err, s.waste, len(s.found), len(data))
	}
}

// harmed is a recording with one to four pieces of it missing, there twice, moved or
// overwritten.
func harmed(random *rand.Rand, whole []byte) []byte {
	data := bytes.Clone(whole)
	for range 1 + random.IntN(4) {
		at := random.IntN(max(1, len(data)))
		end := min(len(data), at+1+random.IntN(3000))
		switch random.IntN(8) {
		case 0:
			data = data[:at]
		case 1, 2:
			data = append(data[:at:at], data[end:]...)
		case 3, 4:
			data = append(data[:end:end], data[at:]...)
		case 5, 6:
			data = slices.Concat(data[at:end], data[:at], data[end:])
		default:
			clear(data[at:end])
		}
	}
	return data
}

// TestDamagedAnyhow: however a recording is damaged, in several places and ways at once,
// what it tells was told.
func TestDamagedAnyhow(t *testing.T) {
	all := seconds(start, 4*perMember)
	for i, f := range all {
		f.Gauge("place", float64(i))
		f.Add("flow", fact.Row{"name": "a", "rtt": float64(i * 7 % 31)})
	}
	whole := recorded(t, all)
	random := rand.New(rand.NewPCG(4, 4))
	opened := 0
	for round := range 300 {
		data := harmed(random, whole)
		r, err := read(data)
		if err != nil {
			if !unreadable(err) {
				t.Fatalf("round %d: %v", round, err)
			}
			continue
		}
		opened++
		got := collect(t, r)
		for i, f := range got {
			place, _ := f.Num("place")
			sameFacts(t, f, all[int(place)])
			if r.Time(i).UnixMicro() != EndOf(f).UnixMicro() || i > 0 && r.Time(i).Before(r.Time(i-1)) {
				t.Fatalf("round %d: observation %d is of %v", round, i, r.Time(i))
			}
		}
		if len(got) < len(all) && len(r.Notes) == 0 {
			t.Fatalf("round %d: %d of %d observations, and nothing is told", round, len(got), len(all))
		}
	}
	if opened < 200 {
		t.Errorf("%d of 300 opened", opened)
	}
}

// TestLinesThatBuildTowers are lines whose checksums are right and that ask for more
// than they hold, or for what is not there.
func TestLinesThatBuildTowers(t *testing.T) {
	const begin = `"start":"2026-03-01T00:00:00Z","seconds":15`
	first := `{"key":true,` + begin + `,"tables":{"a":{"from":[[-1,2]],"rows":{"0":{"name":"x"},"1":{"name":"y"}}}}}`
	for _, line := range []string{
		`{"key":true,` + begin + `,"tables":{"a":{"from":[[-1,1000000000]],"rows":{}}}}`,
		`{"key":true,` + begin + `,"tables":{"a":{"from":[[-1,1]],"rows":{"5":{"name":"x"}}}}}`,
		`{"key":true,` + begin + `,"tables":{"a":{"rows":{"0":{"name":"x"}}}}}`,
		`{` + begin + `,"tables":{"a":{"from":[[0,2],[0,2],[0,2]]}}}`,
		`{` + begin + `,"tables":{"a":{"from":[[1,2]]}}}`,
		`{` + begin + `,"tables":{"a":{"from":[[0,-1]]}}}`,
		`{` + begin + `,"tables":{"a":{"from":[[-2,1]]}}}`,
		`{` + begin + `,"tables":{"a":{"from":[[9223372036854775807,1]]}}}`,
		`{` + begin + `,"tables":{"a":{"rows":{"0":{"x":[1]}}}}}`,
		`{` + begin + `,"tables":{"a":{"rows":{"-1":{"x":1}}}}}`,
		`{` + begin + `,"tables":{"a":{"shift":{"name":"x"}}}}`,
		`{` + begin + `,"values":{"a":[1,2,3]}}`,
		`{` + begin + `,"values":{"a":[]}}`,
		`{` + begin + `,"values":{"a":[{"x":1}]}}`,
		`{` + begin + `,"values":{"a":[1,"2"]}}`,
		`{"start":"2026-03-01T00:00:00Z","seconds":"15"}`,
		`{` + begin,
	} {
		var d Decoder
		if _, err := d.Decode([]byte(first)); err != nil {
			t.Fatal(err)
		}
		if f, err := d.Decode([]byte(line)); err == nil {
			t.Errorf("%s made %+v", line, f)
		}
		if _, err := d.Decode([]byte(`{` + begin + `}`)); err == nil {
			t.Errorf("a line was taken after %s", line)
		}
	}
}

func FuzzDecoder(f *testing.F) {
	var e Encoder
	for _, o := range sequence(5, 4) {
		line, err := e.Append(nil, o)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(line, line)
	}
	f.Fuzz(func(t *testing.T, first, second []byte) {
		var d Decoder
		var e Encoder
		for _, line := range [][]byte{first, second} {
			got, err := d.Decode(line)
			if err != nil {
				continue
			}
			// What was understood can be written, and is understood the same again.
			again, err := e.Append(nil, got)
			if err != nil {
				continue // a year that no file holds
			}
			back, err := new(Decoder).Decode(again)
			if e.Reset(); err != nil {
				t.Fatalf("%s: %v", again, err)
			}
			sameFacts(t, back, got)
		}
	})
}

func FuzzRead(f *testing.F) {
	for n := range 3 {
		whole := recorded(f, sequence(uint64(n), 3+40*n))
		f.Add(whole)
		f.Add(whole[:len(whole)/2])
	}
	var text bytes.Buffer
	zip := gzip.NewWriter(&text)
	zip.Write([]byte("netstat -s"))
	zip.Close()
	f.Add(text.Bytes())
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := read(data)
		if err != nil {
			return
		}
		n := 0
		err = r.Each(func(*fact.Facts) bool { n++; return true })
		if err == nil && n != r.Len() {
			t.Errorf("%d observations, %d announced", n, r.Len())
		}
	})
}
