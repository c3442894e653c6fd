package apply

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"testing"
	"time"
)

const alternates = "WHYDROP_TEST_ALTERNATES"

// TestAlternatesForever is, in a process of its own, an owner that switches until it
// is killed; it says which way it stands.
func TestAlternatesForever(t *testing.T) {
	dir := os.Getenv(alternates)
	if dir == "" {
		t.Skip("only as the process of another test")
	}
	a, err := Alternate(dir, "/proc/self/exe", "a test", changes[1], time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	for {
		if err := a.On(); err != nil {
			t.Fatal(err)
		}
		fmt.Println("on")
		time.Sleep(20 * time.Millisecond)
		if err := a.Off(); err != nil {
			t.Fatal(err)
		}
		fmt.Println("off")
		time.Sleep(20 * time.Millisecond)
	}
}

// settledHost makes a host and returns its picture.
func settledHost(t *testing.T) string {
	t.Helper()
	inHost(t)
	return picture(t)
}

// expect compares the host with its picture of before.
func expect(t *testing.T, when, before string) {
	t.Helper()
	if after := picture(t); after != before {
		t.Errorf("%s, it is not as before: %s", when, difference(before, after))
	}
}

// TestAlternate switches settings of every kind to and fro: each time they are as they
// should be, and in the end as before.
func TestAlternate(t *testing.T) {
	for _, c := range append([]Change{
		{Knob: "route", Of: "10.20.0.0/16", Field: "mtu", To: "1300"},
		{Knob: "route", Of: "default", Field: "congctl", To: "reno"},
		{Knob: "qdisc", Of: "eth0", To: "pfifo limit 500"},
		{Knob: "sysctl", Of: "net.ipv4.tcp_congestion_control", To: "reno"},
	}, changes...) {
		t.Run(c.Name(), func(t *testing.T) {
			before := settledHost(t)
			if now, err := c.Read(); err == nil && c.Reached(now) {
				t.Skip(c.Name(), " is ", now.Text, " already")
			}
			a, err := Alternate(t.TempDir(), "/proc/self/exe", "a test", c, time.Minute)
			if err != nil {
				t.Fatal(err)
			}
			for range 3 {
				if err := a.On(); err != nil {
					t.Fatal(err)
				}
				if now, err := c.Read(); err != nil || !c.Reached(now) {
					t.Errorf("on, it is %q, %v", now.Text, err)
				}
				if err := a.Off(); err != nil {
					t.Fatal(err)
				}
				expect(t, "off", before)
			}
			if err := a.On(); err != nil {
				t.Fatal(err)
			}
			if err := errors.Join(a.End(), a.End()); err != nil {
				t.Fatal(err)
			}
			expect(t, "ended", before)
			if err := a.On(); err == nil {
				t.Error("it could be switched on after the end")
			}
			expect(t, "after the end", before)
		})
	}
}

// TestAlternationKilled kills an owner while it stands either way, by what cannot be
// caught and by what can: the setting goes back.
func TestAlternationKilled(t *testing.T) {
	for _, c := range []struct {
		when string
		by   syscall.Signal
	}{{"on", syscall.SIGKILL}, {"off", syscall.SIGKILL}, {"on", syscall.SIGHUP}, {"on", syscall.SIGSEGV}} {
		t.Run(c.when+" "+c.by.String(), func(t *testing.T) {
			if signal.Ignored(c.by) {
				t.Skipf("%v is ignored here, as nohup has it", c.by)
			}
			before := settledHost(t)
			dir := t.TempDir()
			cmd := exec.Command("/proc/self/exe", "-test.run", "^TestAlternatesForever$", "-test.v")
			cmd.Env = append(os.Environ(), alternates+"="+dir)
			out, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
			lines, turns := bufio.NewScanner(out), 0
			for lines.Scan() {
				if turns++; turns > 6 && strings.TrimSpace(lines.Text()) == c.when {
					break
				}
			}
			if turns <= 6 {
				t.Fatal("it did not begin")
			}
			cmd.Process.Signal(c.by)
			go func() { // it may not write any more
				for lines.Scan() {
				}
			}()
			until(t, "everything is as before", func() bool { return picture(t) == before })
			time.Sleep(200 * time.Millisecond)
			expect(t, "a while later", before)
		})
	}
}

// TestAlternationLeavesAlone: what somebody else sets meanwhile stays, and is told.
func TestAlternationLeavesAlone(t *testing.T) {
	inHost(t)
	a, err := Alternate(t.TempDir(), "/proc/self/exe", "a test", changes[1], time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	if err := a.On(); err != nil {
		t.Fatal(err)
	}
	command(t, "ip", "link", "set", "eth0", "txqueuelen", "77")
	if err := a.Off(); err == nil || !strings.Contains(err.Error(), "somebody else") {
		t.Errorf("off: %v", err)
	}
	if err := a.End(); err == nil || !strings.Contains(err.Error(), "somebody else") {
		t.Errorf("end: %v", err)
	}
	if out := command(t, "ip", "link", "show", "eth0"); !strings.Contains(out, "qlen 77") {
		t.Errorf("it did not stay: %s", out)
	}
}

// TestAlternationNeedsItsGuard: when the guard is gone, nothing more is changed, and
// what stands can still be set back.
func TestAlternationNeedsItsGuard(t *testing.T) {
	for _, by := range []syscall.Signal{syscall.SIGKILL, syscall.SIGTERM} {
		t.Run(by.String(), func(t *testing.T) {
			before := settledHost(t)
			a, err := Alternate(t.TempDir(), "/proc/self/exe", "a test", changes[1], time.Minute)
			if err != nil {
				t.Fatal(err)
			}
			if err := a.On(); err != nil {
				t.Fatal(err)
			}
			a.guard.cmd.Process.Signal(by)
			<-a.guard.Over()
			if err := a.Off(); err != nil {
				t.Error(err)
			}
			if err := a.On(); err == nil {
				t.Error("it was changed without a guard")
			}
			if err := a.End(); err != nil {
				t.Error(err)
			}
			expect(t, "in the end", before)
		})
	}
}

// TestAlternationRemembers: where the record lost what it said, the owner still knows.
func TestAlternationRemembers(t *testing.T) {
	for _, end := range []bool{false, true} {
		t.Run(fmt.Sprint("at the end ", end), func(t *testing.T) {
			before := settledHost(t)
			a, err := Alternate(t.TempDir(), "/proc/self/exe", "a test", changes[1], time.Minute)
			if err != nil {
				t.Fatal(err)
			}
			defer a.End()
			b, err := os.ReadFile(a.record.Path)
			if err != nil {
				t.Fatal(err)
			}
			if err := a.On(); err != nil {
				t.Fatal(err)
			}
			if err := os.Truncate(a.record.Path, int64(len(b))); err != nil {
				t.Fatal(err)
			}
			back := a.Off
			if end {
				back = a.End
			}
			if err := back(); err == nil || !strings.Contains(err.Error(), "from memory") {
				t.Errorf("back: %v", err)
			}
			expect(t, "after that", before)
		})
	}
}
