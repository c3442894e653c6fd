package apply

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// The test binary is the guard, and the whydrop that makes a change and waits.
func TestMain(m *testing.M) {
	if len(os.Args) == 4 && os.Args[1] == GuardCommand {
		if err := Watch(os.Args[2], os.Args[3]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	if len(os.Args) == 4 && os.Args[1] == "owner" {
		owner(os.Args[2], os.Args[3])
	}
	os.Exit(m.Run())
}

var changes = []Change{
	{Knob: "sysctl", Of: "net.core.somaxconn", To: "777"},
	{Knob: "txqueuelen", Of: "eth0", To: "2345"},
	{Knob: "route", Of: "blackhole 10.66.0.0/16", To: "gone"},
	{Knob: "feature", Of: "eth0", Field: "tso", To: "off"},
}

// owner makes changes, says so, and waits for a word: keep, undo, or none.
func owner(dir, within string) {
	limit, _ := time.ParseDuration(within)
	fail := func(err error) {
		if err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
	}
	r, err := Start(dir, "a test")
	fail(err)
	g, err := StartGuard("/proc/self/exe", r, limit)
	fail(err)
	for _, c := range changes {
		fail(r.Do(c))
	}
	fmt.Println("changed", g.cmd.Process.Pid)
	word, err := bufio.NewReader(os.Stdin).ReadString('\n')
	switch {
	case err != nil:
		time.Sleep(time.Hour)
	case word == "keep\n":
		fail(g.Keep())
	case word == "undo\n":
		fail(g.Undo())
	}
	fmt.Println("done")
	os.Exit(0)
}

// begin starts an owner in the namespace of the test and waits for its changes.
func begin(t *testing.T, dir, within string) (cmd *exec.Cmd, words io.WriteCloser, said *bufio.Reader, guard int) {
	t.Helper()
	cmd = exec.Command("/proc/self/exe", "owner", dir, within)
	words, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	said = bufio.NewReader(out)
	line, err := said.ReadString('\n')
	if _, err2 := fmt.Sscanf(line, "changed %d", &guard); err != nil || err2 != nil {
		t.Fatalf("the owner said %q", line)
	}
	return cmd, words, said, guard
}

// until waits until a condition holds, at most for ten seconds.
func until(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !holds(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("not in ten seconds: ", what)
		}
	}
}

// TestGuard changes four settings and lets things happen: whatever it is, everything
// is as before, unless it was said that it is to stay.
func TestGuard(t *testing.T) {
	for _, c := range []struct {
		name   string
		within string
		happen func(t *testing.T, owner *exec.Cmd, words io.Writer, said *bufio.Reader, guard int)
		stays  bool
	}{
		{"the time is over", "300ms", func(*testing.T, *exec.Cmd, io.Writer, *bufio.Reader, int) {}, false},
		{"the owner is killed", "1h", func(_ *testing.T, o *exec.Cmd, _ io.Writer, _ *bufio.Reader, _ int) { o.Process.Kill() }, false},
		{"the owner's terminal hangs up", "1h", func(t *testing.T, o *exec.Cmd, _ io.Writer, _ *bufio.Reader, _ int) {
			if signal.Ignored(syscall.SIGHUP) {
				o.Process.Kill()
				t.Skip("SIGHUP is ignored here, as nohup has it")
			}
			o.Process.Signal(syscall.SIGHUP)
		}, false},
		{"the guard is told to end", "1h", func(_ *testing.T, _ *exec.Cmd, _ io.Writer, _ *bufio.Reader, guard int) {
			syscall.Kill(guard, syscall.SIGTERM)
		}, false},
		{"undo", "1h", func(t *testing.T, _ *exec.Cmd, words io.Writer, said *bufio.Reader, _ int) {
			io.WriteString(words, "undo\n")
			if line, _ := said.ReadString('\n'); line != "done\n" {
				t.Error("undo:", line)
			}
		}, false},
		{"undo without a guard", "1h", func(t *testing.T, _ *exec.Cmd, words io.Writer, said *bufio.Reader, guard int) {
			syscall.Kill(guard, syscall.SIGKILL)
			io.WriteString(words, "undo\n")
			if line, _ := said.ReadString('\n'); line != "done\n" {
				t.Error("undo:", line)
			}
		}, false},
		{"keep", "1h", func(t *testing.T, _ *exec.Cmd, words io.Writer, said *bufio.Reader, _ int) {
			io.WriteString(words, "keep\n")
			if line, _ := said.ReadString('\n'); line != "done\n" {
				t.Error("keep:", line)
			}
		}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			inHost(t)
			dir := filepath.Join(t.TempDir(), "records")
			before := picture(t)
			owner, words, said, guard := begin(t, dir, c.within)
			if changed := picture(t); changed == before {
				t.Fatal("nothing changed")
			}
			c.happen(t, owner, words, said, guard)
			if c.stays {
				r := onlyRecord(t, dir)
				if !r.Kept || r.Pending() || !r.Standing() {
					t.Errorf("kept %t, pending %t, standing %t", r.Kept, r.Pending(), r.Standing())
				}
				if err := r.Undo(false); err != nil {
					t.Error("a later rollback:", err)
				}
			}
			until(t, "the record says that all is undone", func() bool { return !onlyRecord(t, dir).Standing() })
			if after := picture(t); after != before {
				t.Errorf("not as before: %s", difference(before, after))
			}
		})
	}
}

func onlyRecord(t *testing.T, dir string) *Record {
	t.Helper()
	all, err := Records(dir)
	if err != nil || len(all) != 1 {
		t.Fatalf("%d records, %v", len(all), err)
	}
	t.Cleanup(func() { all[0].Close() })
	return all[0]
}

// TestRecover kills the owner and the guard at once, as a power cut does: the next
// whydrop sets everything back, and leaves alone what somebody set by hand since.
func TestRecover(t *testing.T) {
	inHost(t)
	dir := filepath.Join(t.TempDir(), "records")
	before := picture(t)
	owner, _, _, guard := begin(t, dir, "1h")
	if undone, err := Recover(dir); len(undone) != 0 || err != nil {
		t.Fatalf("recovered %d records whose guard lives, %v", len(undone), err)
	}
	syscall.Kill(guard, syscall.SIGKILL)
	owner.Process.Kill()
	owner.Wait()
	command(t, "ip", "link", "set", "eth0", "txqueuelen", "99")
	var undone []*Record
	var err error
	until(t, "the guard's last thread is gone", func() bool {
		undone, err = Recover(dir)
		return len(undone) > 0
	})
	if len(undone) != 1 || err == nil || !strings.Contains(err.Error(), "txqueuelen of eth0 was set to 2345, and is 99 now") {
		t.Fatalf("recovered %d, %v", len(undone), err)
	}
	defer undone[0].Close()
	if err := undone[0].Undo(true); err != nil {
		t.Fatal(err)
	}
	if after := picture(t); after != before {
		t.Errorf("not as before: %s", difference(before, after))
	}
}

// TestTornRecord cuts a record at every byte: what is left is read, the rest is
// gone, and every change that was written is among what is left.
func TestTornRecord(t *testing.T) {
	inHost(t)
	dir := t.TempDir()
	r, err := Start(dir, "a test")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if err := r.Do(changes[0]); err != nil {
		t.Fatal(err)
	}
	if err := r.Do(changes[0]); !errors.Is(err, ErrReached) {
		t.Errorf("the same again: %v", err)
	}
	if err := r.Undo(false); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(r.Path)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.SplitAfter(string(whole), "\n")
	for cut := range len(whole) {
		torn := filepath.Join(t.TempDir(), "torn"+extension)
		if err := os.WriteFile(torn, whole[:cut], 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := Open(torn)
		if cut < len(lines[0]) {
			if err == nil {
				t.Fatalf("cut at %d, before the first line ends: no error", cut)
			}
			continue
		}
		if err != nil {
			t.Fatalf("cut at %d: %v", cut, err)
		}
		if want := cut >= len(lines[0])+len(lines[1]); (len(got.Entries) == 1) != want {
			t.Fatalf("cut at %d: %d entries", cut, len(got.Entries))
		}
		if got.Standing() && got.Entries[0].Was.Text == "" {
			t.Fatalf("cut at %d: the previous value is lost", cut)
		}
		got.Close()
	}
}

// TestDurable keeps nothing back: with a folder that cannot be written, nothing is
// changed.
func TestDurable(t *testing.T) {
	inHost(t)
	before := picture(t)
	if r, err := Start("/proc/no/such", "a test"); err == nil {
		r.Close()
		t.Fatal("began a record in a folder that cannot be")
	}
	r, err := Start(t.TempDir(), "a test")
	if err != nil {
		t.Fatal(err)
	}
	r.Close() // every write fails from here on
	if err := r.Do(changes[0]); err == nil || !strings.Contains(err.Error(), "nothing is changed") {
		t.Errorf("a record that cannot be written: %v", err)
	}
	if after := picture(t); after != before {
		t.Errorf("changed all the same: %s", difference(before, after))
	}
}
