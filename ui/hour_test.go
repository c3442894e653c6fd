package ui

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"whydrop/checklist"
	"whydrop/content"
	"whydrop/probes/fact"
)

// envHour tells the test binary to be the program for an hour that passes
// quickly, and names the directory in which it says how far it is.
const envHour = "WHYDROP_HOUR"

// hour is how many observations there are in one.
const hour = 3600

// liveThroughAnHour runs the program on a host that is observed as often as in an
// hour, and waits to be killed.
func liveThroughAnHour(state string) error {
	book, err := content.Load("")
	if err != nil {
		return err
	}
	_, err = Run(context.Background(), Options{
		Theme: "auto", Colours: "auto", First: content.FirstQuestion(),
		Open: func() (*checklist.Case, error) { return checklist.NewCase(book, time.Now()), nil },
		Watch: func(ctx context.Context, each func(*fact.Facts)) {
			for i := range hour {
				each(troubledHost(book.Facts, i))
				if i%60 == 59 {
					_ = os.WriteFile(filepath.Join(state, "observed"), []byte(strconv.Itoa(i+1)), 0o600)
				}
				time.Sleep(10 * time.Millisecond)
			}
			<-ctx.Done()
		},
	})
	return err
}

// troubledHost is a host after so many seconds: it has many connections in
// trouble, and its causes come and go each minute.
func troubledHost(v *content.Vocabulary, second int) *fact.Facts {
	f := [](func(*content.Vocabulary) *fact.Facts){quietHost, sickHost, lossyHost}[second/60%3](v)
	for name, have := range f.Values {
		if have.Total != nil {
			now, _ := have.Now.(float64)
			f.Count(name, now, *have.Total+float64(second)*(now+1))
		}
	}
	for i := range 500 {
		f.Add("flow", fact.Row{
			"name": fmt.Sprintf("10.0.0.5:%d > 10.0.9.20:5432", 20000+(second+i)%10000), "local": fmt.Sprintf("10.0.0.5:%d", 20000+(second+i)%10000),
			"remote": "10.0.9.20:5432", "state": "ESTAB", "trouble": "loss", "retrans": float64(i % 7), "segs_out": 120.0, "rtt_ms": 12.0,
		})
	}
	return f
}

// BenchmarkFigureHour is the memory that the program holds after ten minutes of
// observations and after an hour, while all screens are visited: the history is
// bounded.
func BenchmarkFigureHour(b *testing.B) {
	self, err := os.Executable()
	if err != nil {
		b.Fatal(err)
	}
	for _, size := range sizes {
		b.Run(size.name, func(b *testing.B) {
			s := sit(b, size.cols, size.rows)
			s.cmd = exec.Command(self)
			s.cmd.Env = append(os.Environ(), envHour+"="+s.state, "TERM=xterm-256color", "LANG=C.UTF-8", "LC_ALL=C.UTF-8")
			s.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true, Pdeathsig: syscall.SIGKILL}
			if err := s.run(); err != nil {
				b.Fatal(err)
			}
			defer s.end()
			s.await(0, "starts")
			s.press("\r")
			s.visitUntil(b, hour/6)
			b.ReportMetric(s.resident(b), "MiB(10min)")
			s.visitUntil(b, hour)
			b.ReportMetric(s.resident(b), "MiB(1h)")
			b.ReportMetric(float64(s.open("anon_inode:[eventpoll]")), "polls")
		})
	}
}

// visitUntil goes through all screens until so many observations were made.
func (s *seat) visitUntil(b *testing.B, observations int) {
	deadline := time.Now().Add(5 * time.Minute)
	for i := 0; time.Now().Before(deadline); i++ {
		done, _ := os.ReadFile(filepath.Join(s.state, "observed"))
		if n, _ := strconv.Atoi(string(done)); n >= observations {
			return
		}
		s.press([]string{"1", "2", "\x1b[B", "3", "4", "\x1b[B", "5", "\x1b[B", "6", "\x1b[6~", "7", "8", "mload\r", "?", "\x1b"}[i%15])
		time.Sleep(200 * time.Millisecond)
	}
	b.Fatalf("the hour did not pass; the terminal got %q", s.seen()[max(0, len(s.seen())-2000):])
}
