package remote

import (
	"bufio"
	"bytes"
	"compress/flate"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"

	"whydrop/probes/fact"
	"whydrop/probes/record"
)

// hostile plays a far side that does not keep to the rules.
func hostile(how string) {
	fmt.Println("whydrop-remote host Linux x86_64 installed gzip -")
	var answer string
	_, _ = fmt.Scanln(&answer)
	if how == "old stream" {
		fmt.Println("whydrop-remote stream 9")
		return
	}
	fmt.Println(begun)
	if how == "garbage" {
		fmt.Print(strings.Repeat("\xff\xfe\x00garbage", 1000))
		return
	}
	zip, _ := flate.NewWriter(os.Stdout, 9)
	write := func(s string) bool {
		_, err := zip.Write([]byte(s))
		return err == nil && zip.Flush() == nil
	}
	endless := func(s string) {
		for write(s) {
		}
	}
	zeros := strings.Repeat("0", 1<<20)
	if how == "bomb" {
		endless(zeros)
		return
	}
	hello, _ := json.Marshal(Hello{Schema: record.Schema, Whydrop: "v1.0.0", Host: "there", Now: time.Now()})
	write("h" + string(hello) + "\n")
	if how == "long line" {
		endless(zeros)
		return
	}
	write(`o{"key":true,"start":"2026-01-01T00:00:00Z","seconds":1}` + "\n")
	for i := 0; ; i++ { // each adds what has to be kept
		if !write(fmt.Sprintf(`o{"start":"2026-01-01T00:00:00Z","seconds":1,"values":{"v%d":["%s"]}}`+"\n", i, zeros)) {
			return
		}
	}
}

// A connection that breaks is told, made again, and the program that is still there is
// not brought again.
func TestReconnects(t *testing.T) {
	o, dir, log := there(t, "shell")
	t.Setenv("FAKE_BREAK", "3")
	h := dialled(t, o)
	var mu sync.Mutex
	var said []string
	h.Amiss = func(text string) {
		mu.Lock()
		defer mu.Unlock()
		said = append(said, text)
	}
	ctx, stop := context.WithTimeout(t.Context(), 20*time.Second)
	defer stop()
	seen := 0
	err := h.Watch(ctx, Request{Window: time.Second}, func(*fact.Facts) {
		if seen++; seen == 5 { // three of the first connection, two of the next
			stop()
		}
	})
	if err != nil || seen < 5 {
		t.Fatalf("%d observations, error %v, ssh and whydrop: %s", seen, err, log())
	}
	if n := strings.Count(log(), "-- me@there"); n != 2 {
		t.Errorf("ssh was started %d times: %s", n, log())
	}
	lines := strings.Split(log(), "\n")
	if again := lines[2]; !strings.Contains(again, "BatchMode=yes") {
		t.Errorf("the second ssh might ask: %s", again)
	}
	if again := lines[3]; !strings.HasPrefix(again, "whydrop /proc/") {
		t.Errorf("the program was brought again: %s", again)
	}
	if names := left(t, dir); len(names) > 0 {
		t.Errorf("on the far disk: %v", names)
	}
}

// An age is told when it is old, and a broken connection with its reason.
func TestWords(t *testing.T) {
	now := time.Now()
	for _, tt := range []struct {
		state *state
		want  string
	}{
		{&state{newest: now.Add(-2 * time.Second)}, ""},
		{&state{newest: now.Add(-7500 * time.Millisecond)}, "the newest measurements are 7s old"},
		{&state{newest: now.Add(-12 * time.Second), broke: now.Add(-time.Second)}, "connection lost 12s ago, trying again"},
		{&state{newest: now.Add(-90 * time.Second), broke: now, why: "ssh: timed out"}, "connection lost 1m30s ago, trying again (ssh: timed out)"},
	} {
		if got := tt.state.words(now); got != tt.want {
			t.Errorf("%q, expected %q", got, tt.want)
		}
	}
}

// An observation that was long under way is as old when it comes.
func TestAgeOnASlowWire(t *testing.T) {
	var s state
	f := fact.New(time.Now().Add(time.Hour-time.Second), 1) // its clock is ahead
	s.seen(f)
	if age := time.Since(s.newest); age > time.Second {
		t.Errorf("the first is %v old", age)
	}
	f.Start = f.Start.Add(-8 * time.Second)
	s.seen(f)
	if age := time.Since(s.newest); age < 7*time.Second || age > 9*time.Second {
		t.Errorf("one that was 8 s under way is %v old", age)
	}
}

// The far side ends when it hears nothing, and when the near side is gone.
func TestFarEnds(t *testing.T) {
	for _, how := range []string{"silence", "end of input", "end"} {
		t.Run(how, func(t *testing.T) {
			in, near, err := os.Pipe()
			if err != nil {
				t.Fatal(err)
			}
			defer in.Close()
			defer near.Close()
			var out strings.Builder
			running := make(chan struct{})
			far := Far{In: in, Out: &out, silence: 300 * time.Millisecond}
			far.Run = func(ctx context.Context, _ Request, _ func(*fact.Facts)) error {
				close(running)
				<-ctx.Done()
				return nil
			}
			done := make(chan error, 1)
			go func() { done <- far.Serve(t.Context()) }()
			fmt.Fprintln(near, `{"window":1000000000}`)
			<-running
			switch how {
			case "end of input":
				near.Close()
			case "end":
				fmt.Fprintln(near, "end")
			}
			select {
			case <-done:
			case <-time.After(10 * time.Second):
				t.Fatal("it goes on")
			}
		})
	}
}

// Where only the near side's ssh is left, nobody will connect again: the far side ends.
// Where sshd closes both directions, it waits for a while.
func TestFarLingers(t *testing.T) {
	for name, broken := range map[string]bool{"near side killed": false, "connection broke": true} {
		t.Run(name, func(t *testing.T) {
			in, near, err := os.Pipe()
			if err != nil {
				t.Fatal(err)
			}
			defer in.Close()
			heard, out, err := os.Pipe()
			if err != nil {
				t.Fatal(err)
			}
			defer heard.Close()
			defer out.Close()
			running := make(chan struct{})
			far := Far{In: in, Out: out, Linger: true, linger: 5 * time.Second}
			far.Run = func(ctx context.Context, _ Request, _ func(*fact.Facts)) error {
				close(running)
				<-ctx.Done()
				return nil
			}
			done := make(chan error, 1)
			go func() { done <- far.Serve(t.Context()) }()
			fmt.Fprintln(near, `{"window":1000000000}`)
			<-running
			near.Close()
			if broken {
				heard.Close()
			}
			select {
			case <-done:
				if broken {
					t.Error("it did not wait for the next connection")
				}
			case <-time.After(3 * time.Second):
				if !broken {
					t.Error("it waits for one that was killed")
				}
			}
		})
	}
}

// An answer that does not come is told with its age, and the terminal is left alone
// while ssh asks there.
func TestWaitingTells(t *testing.T) {
	var told []string
	asking := false
	w := &waiting{tell: func(text string) { told = append(told, text) }, asks: func() bool { return asking }}
	w.on("connecting to there by ssh")
	begin := w.since
	w.look(begin.Add(time.Second))
	w.look(begin.Add(4500 * time.Millisecond))
	asking = true
	w.look(begin.Add(60 * time.Second))
	asking = false
	w.look(begin.Add(61 * time.Second)) // the answer is one second old
	want := []string{"connecting to there by ssh", "connecting to there by ssh, 4s without an answer (Ctrl+C ends it)", ""}
	if !slices.Equal(told, want) {
		t.Errorf("told %q, expected %q", told, want)
	}
}

// A process asks while it has the terminal open by its name, also one that it started.
func TestAsks(t *testing.T) {
	for name, tt := range map[string]struct {
		script string
		want   bool
	}{
		"asks":        {"exec 3<>/dev/tty; echo; read x <&3", true},
		"a child":     {"(exec 3<>/dev/tty; echo; read x <&3); :", true},
		"asks no one": {"echo; read x; :", false},
	} {
		t.Run(name, func(t *testing.T) {
			main, side, err := pty.Open()
			if err != nil {
				t.Skipf("no terminal can be made here: %v", err)
			}
			defer main.Close()
			defer side.Close()
			c := exec.Command("/bin/sh", "-c", tt.script)
			c.Stdin = side
			c.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
			out, err := c.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := c.Start(); err != nil {
				t.Fatal(err)
			}
			defer func() { _ = c.Process.Kill(); _ = c.Wait() }()
			_, _ = out.Read(make([]byte, 1))
			if got := asks(c.Process.Pid, 3); got != tt.want {
				t.Errorf("it asks: %v", got)
			}
		})
	}
}

func TestFits(t *testing.T) {
	p := &program{arch: "amd64"}
	for machine, want := range map[string]string{
		"x86_64": "", "aarch64": "GOARCH=arm64", "s390x": "GOARCH=s390x", "vax\x1b[2J": `for which there is no whydrop`,
	} {
		err := p.fits("Linux", machine)
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%q: %v", machine, err)
		}
	}
	if p.fits("Darwin", "x86_64") == nil {
		t.Error("a Mac was taken")
	}
}

// What is cut off the program is not needed to run it.
func TestTrimmed(t *testing.T) {
	p, err := load("")
	if err != nil {
		t.Fatal(err)
	}
	whole, _ := os.Stat("/proc/self/exe")
	t.Logf("%d of %d bytes", p.bytes, whole.Size())
	if p.arch != runtime.GOARCH || p.bytes > int(whole.Size()) {
		t.Errorf("%s, %d bytes", p.arch, p.bytes)
	}
}

// What stands in the command is one line, in single quotes, for shells of any kind.
func TestScript(t *testing.T) {
	for _, text := range []string{script, asked(&program{sum: strings.Repeat("a", 64)}, "v1.2.0", true, 7)} {
		text = strings.TrimSuffix(strings.TrimPrefix(text, "exec sh -c '"), "'")
		if strings.ContainsAny(text, "'!\\`") {
			t.Errorf("%q has a character that some shell takes for its own", text)
		}
	}
	if line := asked(&program{}, "v1;reboot", false, -4); strings.Contains(line, "\n") || strings.Contains(line, "reboot") {
		t.Errorf("asked: %s", line)
	}
}

func FuzzStream(f *testing.F) {
	f.Add([]byte(`{"key":true,"start":"2026-01-01T00:00:00Z","seconds":1,"values":{"a":["\u001b[2J"]},"tables":{"t":{"from":[[-1,1]],"rows":{"0":{"name":"\u009b"}}}}}`))
	f.Fuzz(func(t *testing.T, line []byte) {
		var d record.Decoder
		seen, err := d.Decode(line)
		if err != nil || sound(seen) != nil {
			return
		}
		seen = harmless(seen)
		for name, v := range seen.Values {
			if text, is := v.Now.(string); is && !fit(text) || !fit(name) {
				t.Errorf("%q: %q", name, v.Now)
			}
		}
		for _, rows := range seen.Tables {
			for _, row := range rows {
				for field, v := range row {
					if text, is := v.(string); is && !fit(text) || !fit(field) {
						t.Errorf("%q: %q", field, v)
					}
				}
			}
		}
	})
}

// nowhere takes what the near side says.
type nowhere struct{ io.Writer }

func (nowhere) Close() error { return nil }

// Whatever the far side answers before the stream, it ends in a session or in words that
// do not steer the terminal.
func FuzzDialogue(f *testing.F) {
	var zipped bytes.Buffer
	zip, _ := flate.NewWriter(&zipped, flate.DefaultCompression)
	hello, _ := json.Marshal(Hello{Schema: record.Schema, Whydrop: "v1.0.0", Host: "there", Now: time.Now()})
	fmt.Fprintf(zip, "h%s\n", hello)
	_ = zip.Close()
	for _, start := range []string{
		"installed gzip -\n" + begun + "\n" + zipped.String(),
		"absent gzip -\nwhydrop-remote ready\n" + begun + "\n" + zipped.String(),
		"absent plain no\n", "absent plain -\nwhydrop-remote nowhere full\n", "lingering gzip yes\nwhydrop-remote ended 126\n",
	} {
		f.Add([]byte("motd\x1b[2J\nwhydrop-remote host Linux x86_64 " + start))
	}
	f.Fuzz(func(t *testing.T, said []byte) {
		d := dialogue{
			Options:  &Options{Destination: "there", Version: "v1.0.0"},
			ssh:      &ssh{in: nowhere{io.Discard}, out: bufio.NewReader(bytes.NewReader(said))},
			program:  &program{arch: "amd64", sum: strings.Repeat("a", 64)},
			progress: func(time.Duration) {},
			wait:     &waiting{},
		}
		s, err := d.run()
		switch {
		case err == nil:
			s.quiet()
			if strings.ContainsFunc(s.hello.Host+s.hello.Kernel+s.hello.Machine, unfit) {
				t.Errorf("it says of itself %q and %q", s.hello.Host, s.hello.Kernel)
			}
		case strings.ContainsFunc(err.Error(), unfit) || len(err.Error()) > 2000:
			t.Errorf("error %q", err)
		}
	})
}
