package record

import (
	"bytes"
	"io"
	"testing"
)

func BenchmarkAppend(b *testing.B) {
	all := sequence(1, 1000)
	b.ReportAllocs()
	w := NewWriter(io.Discard, Header{})
	for i := 0; b.Loop(); i++ {
		if w.Add(all[i%len(all)]) != nil || w.Flush() != nil {
			b.Fatal()
		}
	}
}

func BenchmarkOpen(b *testing.B) {
	data := recorded(b, sequence(1, 3600))
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		if r, err := Read(bytes.NewReader(data), int64(len(data))); err != nil || r.Len() != 3600 {
			b.Fatal(err)
		}
	}
}

func BenchmarkSeek(b *testing.B) {
	data := recorded(b, sequence(1, 3600))
	r, err := read(data)
	if err != nil {
		b.Fatal(err)
	}
	for i := 0; b.Loop(); i++ {
		if _, err := r.Observation(i * 61 % r.Len()); err != nil {
			b.Fatal(err)
		}
	}
}
