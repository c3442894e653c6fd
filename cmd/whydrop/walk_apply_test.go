package main

import (
	"bytes"
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"

	"whydrop/probes/lab"
)

// walker is somebody at the walkthrough of a host that drops what comes in on its
// second interface.
type walker struct {
	t       *testing.T
	bench   *lab.Bench
	program string
	cmd     *exec.Cmd
	keys    *os.File

	mu   sync.Mutex
	seen bytes.Buffer
}

func (w *walker) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.seen.Write(p)
}

// see waits until a text is on the screen: a new size has all of it drawn.
func (w *walker) see(text string) string {
	w.t.Helper()
	shown := ""
	for n := range uint16(60) {
		w.mu.Lock()
		w.seen.Reset()
		w.mu.Unlock()
		if err := pty.Setsize(w.keys, &pty.Winsize{Cols: 120, Rows: 50 + n%2}); err != nil {
			w.t.Fatal(err)
		}
		time.Sleep(500 * time.Millisecond)
		w.mu.Lock()
		shown = w.seen.String()
		w.mu.Unlock()
		if strings.Contains(shown, text) {
			return shown
		}
	}
	w.t.Fatalf("%q is not on the screen:\n%s", text, shown)
	return ""
}

func (w *walker) press(keys string) {
	if _, err := io.WriteString(w.keys, keys); err != nil {
		w.t.Fatal(err)
	}
}

// inside runs a program in the sick host.
func (w *walker) inside(program string, args ...string) string {
	w.t.Helper()
	out, err := w.bench.Command(context.Background(), program, args...).CombinedOutput()
	if err != nil {
		w.t.Fatalf("%s %v: %v\n%s", program, args, err, out)
	}
	return strings.TrimSpace(string(out))
}

func (w *walker) filter() string {
	w.t.Helper()
	cat, err := exec.LookPath("cat")
	if err != nil {
		w.t.Skip(err)
	}
	return w.inside(cat, "/proc/sys/net/ipv4/conf/backup0/rp_filter")
}

// sickBench makes the host, and builds the program.
func sickBench(t *testing.T) (bench *lab.Bench, program string) {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("needs root: it changes a setting of a test host")
	}
	if err := lab.Supported(); err != nil {
		t.Skip(err)
	}
	if testing.Short() {
		t.Skip("builds the program: skipped with -short")
	}
	program = filepath.Join(t.TempDir(), "whydrop")
	if out, err := exec.Command("go", "build", "-o", program, ".").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	s, _ := lab.Find("rp-filter")
	bench, err := lab.Start(context.Background(), s)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { bench.Close() })
	return bench, program
}

// sitAt starts the program on a terminal in the sick host and goes to the step of the
// plan that whydrop can take.
func sitAt(t *testing.T, bench *lab.Bench, program string) *walker {
	t.Helper()
	w := &walker{t: t, bench: bench, program: program}
	var err error
	w.cmd = w.bench.Command(context.Background(), w.program)
	w.cmd.Env = append(w.cmd.Env, "TERM=xterm", "LANG=C", "LC_ALL=C", "XDG_STATE_HOME="+t.TempDir())
	if w.keys, err = pty.StartWithSize(w.cmd, &pty.Winsize{Cols: 120, Rows: 50}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.keys.Close(); w.cmd.Process.Kill(); w.cmd.Wait() })
	go io.Copy(w, w.keys)
	w.see("FAULT: Reverse-path filtering")
	w.press("7")
	for range 20 {
		if strings.Contains(w.see(". Set "), ". Set the interfaces where they arrive to loose mode") {
			return w // the first step of the plan
		}
	}
	t.Skip("the kernel's drop reasons are not to be had, so that nobody knows which interface it is")
	return nil
}

// TestWalkthroughApplies has a step applied in the walkthrough of a sick host: the
// loss stops, and it stays until it is taken back.
func TestWalkthroughApplies(t *testing.T) {
	t.Parallel() // it waits most of the time
	bench, program := sickBench(t)
	w := sitAt(t, bench, program)
	if v := w.filter(); v != "0" {
		t.Fatalf("rp_filter of the interface is %s", v)
	}
	w.press("a")
	w.see("rp_filter 0 -> 2")
	if v := w.filter(); v != "0" {
		t.Fatalf("rp_filter is %s before anybody agreed", v)
	}
	w.press("y")
	w.see("APPLIED net/ipv4/conf/backup0/rp_filter 0 -> 2")
	w.see("since: stopped")
	if v := w.filter(); v != "2" {
		t.Errorf("rp_filter is %s", v)
	}
	w.press("k")
	said := regexp.MustCompile(`whydrop rollback (\d[-\d]+)`).FindStringSubmatch(w.see("takes it back any time"))
	if said == nil {
		t.Fatal("it is not told how to take it back")
	}
	w.press("qy")
	w.cmd.Wait()
	if v := w.filter(); v != "2" {
		t.Errorf("rp_filter is %s after the end, though it is to be kept", v)
	}
	w.inside(w.program, "rollback", said[1])
	if v := w.filter(); v != "0" {
		t.Errorf("rp_filter is %s after the rollback", v)
	}
}

// TestWalkthroughGivesBack ends a walkthrough that has something applied and not kept:
// the value of before comes back. With -lab-all it ends in each way that there is.
func TestWalkthroughGivesBack(t *testing.T) {
	t.Parallel() // it waits most of the time
	bench, program := sickBench(t)
	for name, end := range map[string]func(w *walker){
		"kill -9": func(w *walker) { w.cmd.Process.Kill() },
		"hang-up": func(w *walker) { w.keys.Close() },
		"ctrl+c":  func(w *walker) { w.press("\x03") },
		"SIGTERM": func(w *walker) { w.cmd.Process.Signal(syscall.SIGTERM) },
		"q":       func(w *walker) { w.press("q"); w.see("not kept"); w.press("\r") },
	} {
		if !*labEvery && name != "kill -9" && name != "q" {
			continue
		}
		t.Run(name, func(t *testing.T) {
			w := sitAt(t, bench, program)
			w.press("a")
			w.see("Apply this?")
			w.press("y")
			w.see("APPLIED")
			if v := w.filter(); v != "2" {
				t.Fatalf("rp_filter is %s", v)
			}
			end(w)
			eventually(t, "the value of before", func() bool { return w.filter() == "0" })
		})
	}
}
