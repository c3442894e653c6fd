package record

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"

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
		if n == 0 && errors.Is(err, ErrForeign) {
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

func TestDamageIsTold(t *testing.T) {
	all := sequence(4, 4*perMember)
	whole := recorded(t, all)
	r, err := read(whole)
	if err != nil {
		t.Fatal(err)
	}
	second, third := r.file.members[1].offset, r.file.members[2].offset
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
		{"one behind another", append(bytes.Clone(whole), whole...), 480, ""},
	} {
		r, err := read(tt.data)
		if err != nil {
			t.Fatalf("%s: %v", tt.name, err)
		}
		collect(t, r)
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
