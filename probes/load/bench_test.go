package load

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// BenchmarkRate sends traffic at a high rate to a counterpart in another process, and
// tells what each attempt costs this one, how many cores that takes, and whether all
// began when they should.
func BenchmarkRate(b *testing.B) {
	for _, bench := range []struct {
		kind string
		rate float64
		keep int
	}{{Connect, 1000, 0}, {Connect, 5000, 0}, {Request, 1000, 0}, {Request, 1000, 50}, {Request, 5000, 50}} {
		b.Run(fmt.Sprintf("%s-%v-keep-%d", bench.kind, bench.rate, bench.keep), func(b *testing.B) {
			to := otherProcess(b)
			target, err := Resolve(b.Context(), to)
			if err != nil {
				b.Fatal(err)
			}
			traffic := Default(bench.kind)
			traffic.Rate, traffic.Keep, traffic.Open, traffic.Duration, traffic.Reset = bench.rate, bench.keep, 1000, 2, true
			var attempts, failed, late int
			var memory runtime.MemStats
			runtime.ReadMemStats(&memory)
			before, allocated, begin := cpu(), memory.TotalAlloc, time.Now()
			for b.Loop() {
				r, err := Run(b.Context(), target, traffic)
				if err != nil {
					b.Fatal(err)
				}
				attempts, failed, late = attempts+r.Attempts, failed+r.Failed, late+r.Late+r.NotBegun
			}
			used := cpu() - before
			runtime.ReadMemStats(&memory)
			b.ReportMetric(float64(used.Microseconds())/float64(attempts), "cpu-us/attempt")
			b.ReportMetric(used.Seconds()/time.Since(begin).Seconds(), "cores")
			b.ReportMetric(float64(memory.TotalAlloc-allocated)/float64(attempts), "B/attempt")
			b.ReportMetric(float64(attempts)/time.Since(begin).Seconds(), "attempts/s")
			b.ReportMetric(float64(failed), "failed")
			b.ReportMetric(float64(late), "late")
		})
	}
}

// otherProcess starts a counterpart on loopback in a process of its own.
func otherProcess(b *testing.B) string {
	b.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	address := l.Addr().String()
	l.Close()
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), fmt.Sprintf(`WHYDROP_LOAD_ROLE={"Serve":%q}`, address))
	out, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	if _, err := out.Read(make([]byte, 16)); err != nil {
		b.Fatal(err)
	}
	return address
}

// cpu is the CPU time of this process.
func cpu() time.Duration {
	var u unix.Rusage
	_ = unix.Getrusage(unix.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
