package apply

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestTimer gives the host a systemd whose tools only note what they are asked: a
// timer is armed for a change of the first network namespace, and disarmed when that
// is kept or undone.
func TestTimer(t *testing.T) {
	inHost(t)
	tools, log := t.TempDir(), filepath.Join(t.TempDir(), "log")
	for _, tool := range []string{"systemd-run", "systemctl"} {
		script := "#!/bin/sh\n{ printf '%s' \"${0##*/}\"; printf '|%s' \"$@\"; echo; } >> " + log + "\n"
		if err := os.WriteFile(filepath.Join(tools, tool), []byte(script), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", tools+":"+os.Getenv("PATH"))
	defer func(was string) { systemdRuns = was }(systemdRuns)
	systemdRuns = tools
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	before := values(t)
	for _, end := range []string{"kept", "undone", "elsewhere"} {
		os.Remove(log)
		r, err := Start(t.TempDir(), "a test")
		if err != nil {
			t.Fatal(err)
		}
		r.First = end != "elsewhere"
		g, err := StartGuard("/proc/self/exe", r, 90*time.Second)
		if err != nil {
			t.Fatal(err)
		}
		if err := r.Do(changes[0]); err != nil {
			t.Fatal(err)
		}
		if end == "kept" {
			if err := g.Keep(); err != nil {
				t.Fatal(err)
			}
			if err := TakeBack(r.Path); err != nil || values(t) == before {
				t.Errorf("the timer takes back what is kept, %v", err)
			}
			if err := r.Undo(false); err != nil {
				t.Fatal(err)
			}
		} else if err := g.Undo(); err != nil {
			t.Fatal(err)
		}
		r.Close()
		text, _ := os.ReadFile(log)
		unit := "whydrop-" + r.Name()
		expected := "systemd-run|--quiet|--collect|--unit=" + unit + "|--description=Takes back what whydrop changed unless it is kept|--on-active=100s|--timer-property=AccuracySec=1s|" +
			self + "|" + TimerCommand + "|" + r.Path + "\nsystemctl|--quiet|stop|" + unit + ".timer\n"
		if end == "elsewhere" {
			expected = ""
		}
		if string(text) != expected {
			t.Errorf("%s: systemd was asked\n%s\nexpected\n%s", end, text, expected)
		}
	}
}

// TestTakeBack starts what the timer starts: it sets back what is not kept, though the
// owner still holds it (stopped, say), and the owner cannot keep it any more.
func TestTakeBack(t *testing.T) {
	inHost(t)
	before := values(t)
	r, err := Start(t.TempDir(), "a test")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if err := r.Do(changes[0]); err != nil {
		t.Fatal(err)
	}
	if err := TakeBack(r.Path); err != nil || values(t) != before {
		t.Errorf("%v, %s", err, values(t))
	}
	if err := r.Keep(); err == nil || !strings.Contains(err.Error(), "taken back") {
		t.Errorf("it was kept all the same: %v", err)
	}
	if err := TakeBack(filepath.Join(filepath.Dir(r.Path), "put-aside"+extension)); err != nil {
		t.Errorf("a record that was put aside: %v", err)
	}
}

// TestOverdue stops an owner and kills its guard: when the time is over, the next
// whydrop takes the changes back, and the owner notices when it goes on.
func TestOverdue(t *testing.T) {
	inHost(t)
	dir := filepath.Join(t.TempDir(), "records")
	before := values(t)
	owner, words, said, guard := begin(t, dir, "500ms")
	if err := owner.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	syscall.Kill(guard, syscall.SIGKILL)
	time.Sleep(600 * time.Millisecond)
	if undone, err := Recover(dir); len(undone) != 0 || err != nil || values(t) == before {
		t.Fatalf("recovered %d at once, %v", len(undone), err)
	}
	defer func(was time.Duration) { timerMargin = was }(timerMargin)
	timerMargin = 0
	undone, err := Recover(dir)
	if len(undone) != 1 || err != nil || values(t) != before {
		t.Fatalf("recovered %d, %v", len(undone), err)
	}
	undone[0].Close()
	fmt.Fprintln(words, "keep")
	owner.Process.Signal(syscall.SIGCONT)
	if line, _ := said.ReadString('\n'); !strings.Contains(line, "taken back in the meantime") {
		t.Errorf("the owner says %q", line)
	}
	if values(t) != before {
		t.Error("the owner changed something after all")
	}
}
