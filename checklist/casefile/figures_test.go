package casefile

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"whydrop/probes/fact"
	"whydrop/probes/record"
)

// BenchmarkSession tells how large the file of a session gets, with an observation a
// second of the recorded sick host, and how long it takes to load.
func BenchmarkSession(b *testing.B) {
	r, err := record.Open(filepath.Join("..", "..", "cmd", "whydrop", "demo.whydrop"))
	if err != nil {
		b.Skip(err)
	}
	defer r.Close()
	var all []*fact.Facts
	if err := r.Each(func(f *fact.Facts) bool { all = append(all, f); return true }); err != nil {
		b.Fatal(err)
	}
	for _, length := range []time.Duration{time.Minute, time.Hour, 24 * time.Hour} {
		b.Run(fmt.Sprint(length), func(b *testing.B) {
			for range b.N {
				s := begin(b, b.TempDir())
				s.answer("Q1a", "", "one-application")
				o := s.file.seen
				now := o.began
				o.now = func() time.Time { return now }
				c := s.now.Case
				c.Facts = all[0]
				s.now.Diagnosis = c.Diagnose()
				for second := range int(length.Seconds()) {
					now = o.began.Add(time.Duration(second) * time.Second)
					f := *all[second%len(all)]
					f.Start = now.Add(-15 * time.Second)
					c.Facts = &f
					s.keep()
					for len(o.wanted) > 0 {
						time.Sleep(20 * time.Microsecond)
					}
				}
				s.close()
				st, err := os.Stat(s.file.Path())
				if err != nil {
					b.Fatal(err)
				}
				began := time.Now()
				l := mustLoad(b, s.file.Path())
				b.ReportMetric(float64(st.Size())/(1<<20), "MB")
				b.ReportMetric(float64(l.Observations), "observations")
				b.ReportMetric(time.Since(began).Seconds()*1000, "ms/load")
			}
		})
	}
}

// BenchmarkKeep tells how long a key waits until what it said is in the file.
func BenchmarkKeep(b *testing.B) {
	s := begin(b, b.TempDir())
	notes := []string{"since noon", "since noo"}
	for i := range b.N {
		s.answer("Q1a", notes[i%2])
	}
	b.StopTimer()
	s.close()
}
