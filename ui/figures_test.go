package ui

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// The figures of the program on a terminal, measured in a pseudo-terminal that
// answers nothing:
//
//	go test ./ui -run '^$' -bench Figure -benchtime 1x
//
// The same is measured of a bare list on the same terminal library (testdata/bare).

var sizes = []struct {
	name       string
	cols, rows uint16
}{{"80x24", 80, 24}, {"200x60", 200, 60}}

// programs are what is measured, with the text that its first screen shows.
func programs(b *testing.B) []struct{ name, path, text string } {
	return []struct{ name, path, text string }{
		{"bare", build(b, "./testdata/bare"), "item 20 of"},
		{"whydrop", build(b, "whydrop/cmd/whydrop"), "What is affected"},
	}
}

// BenchmarkFigureFirstInk is from the start of the process until its first screen
// is whole.
func BenchmarkFigureFirstInk(b *testing.B) {
	for _, p := range programs(b) {
		for _, size := range sizes {
			b.Run(p.name+"/"+size.name, func(b *testing.B) {
				var times []time.Duration
				var frame int
				for range 15 {
					s, began := startSized(b, p.path, size.cols, size.rows)
					s.shows(p.text)
					times = append(times, time.Since(began))
					time.Sleep(30 * time.Millisecond)
					frame = len(s.seen())
					s.end()
				}
				slices.Sort(times)
				b.ReportMetric(ms(times[len(times)/2]), "ms(median)")
				b.ReportMetric(ms(times[len(times)-1]), "ms(max)")
				b.ReportMetric(float64(frame), "bytes")
			})
		}
	}
}

// BenchmarkFigureKey is from a key to the first byte that it changes, while the
// host is sampled.
func BenchmarkFigureKey(b *testing.B) {
	for _, p := range programs(b) {
		for _, size := range sizes {
			b.Run(p.name+"/"+size.name, func(b *testing.B) {
				s, _ := startSized(b, p.path, size.cols, size.rows)
				defer s.end()
				s.shows(p.text)
				s.press("\r")
				time.Sleep(3 * time.Second)
				s.keys(b, 200)
			})
		}
	}
}

// BenchmarkFigureIdle is what the program costs while nobody touches it.
func BenchmarkFigureIdle(b *testing.B) {
	const watched = 20 * time.Second
	for _, p := range programs(b) {
		for _, size := range sizes {
			b.Run(p.name+"/"+size.name, func(b *testing.B) {
				s, _ := startSized(b, p.path, size.cols, size.rows)
				defer s.end()
				s.shows(p.text)
				s.press("\r")
				time.Sleep(18 * time.Second) // until the window is full
				cpu, written := s.cpu(b), len(s.seen())
				time.Sleep(watched)
				b.ReportMetric(100*(s.cpu(b)-cpu).Seconds()/watched.Seconds(), "%cpu")
				b.ReportMetric(float64(len(s.seen())-written)/watched.Seconds(), "B/s")
				b.ReportMetric(s.resident(b), "MiB")
			})
		}
	}
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// startSized starts a program on a terminal of a size.
func startSized(b *testing.B, program string, cols, rows uint16) (*seat, time.Time) {
	b.Helper()
	began := time.Now()
	s := startOn(b, program, cols, rows, "TERM=xterm-256color", "LANG=C.UTF-8", "LC_ALL=C.UTF-8")
	return s, began
}

// shows waits for a text without taking time from the program.
func (s *seat) shows(text string) {
	s.t.Helper()
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(200 * time.Microsecond) {
		if strings.Contains(s.seen(), text) {
			return
		}
	}
	s.t.Fatalf("%q did not come; the terminal got %q", text, s.seen())
}

// keys presses up and down at odd moments and reports how long the answers took.
func (s *seat) keys(b *testing.B, n int) {
	var times []time.Duration
	for i := range n {
		time.Sleep(20*time.Millisecond + time.Duration(rand.IntN(100))*time.Millisecond)
		key, from := "\x1b[B", len(s.seen())
		if i%2 == 1 {
			key = "\x1b[A"
		}
		pressed := time.Now()
		s.press(key)
		for time.Since(pressed) < time.Second && !s.answered(from) {
			time.Sleep(50 * time.Microsecond)
		}
		times = append(times, time.Since(pressed))
	}
	slices.Sort(times)
	b.ReportMetric(ms(times[n/2]), "ms(median)")
	b.ReportMetric(ms(times[n*99/100]), "ms(p99)")
}

func (s *seat) answered(from int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.output.Len() > from
}

func (s *seat) end() {
	_ = s.cmd.Process.Kill()
	_ = s.cmd.Wait()
}

// cpu is the CPU time that the program has used, in ticks of 10 ms
// (/proc/PID/stat, fields 14 and 15).
func (s *seat) cpu(b *testing.B) time.Duration {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", s.cmd.Process.Pid))
	if err != nil {
		b.Fatal(err)
	}
	fields := strings.Fields(string(data[bytes.LastIndexByte(data, ')')+1:]))
	user, _ := strconv.Atoi(fields[11])
	system, _ := strconv.Atoi(fields[12])
	return time.Duration(user+system) * 10 * time.Millisecond
}

// resident is the memory that the program holds, in MiB (VmRSS).
func (s *seat) resident(b *testing.B) float64 {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.cmd.Process.Pid))
	if err != nil {
		b.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(data), "VmRSS:")
	kib, _ := strconv.ParseFloat(strings.Fields(rest)[0], 64)
	return kib / 1024
}
