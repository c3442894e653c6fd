package apply

import (
	"bufio"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

var kills = flag.Int("kills", 24, "how often TestKilledAnywhere kills")

// values are the settings that the owner of the tests changes, read one by one.
func values(t *testing.T) string {
	t.Helper()
	var all []string
	for _, c := range changes {
		s, err := c.Read()
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, c.Name()+" "+s.Text)
	}
	return strings.Join(all, "\n")
}

// guards are the processes that guard records of a folder.
func guards(dir string) (pids []int) {
	names, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, name := range names {
		b, _ := os.ReadFile(name)
		if args := strings.Split(string(b), "\x00"); len(args) > 2 && args[1] == GuardCommand && strings.HasPrefix(args[2], dir) {
			pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(name)))
			pids = append(pids, pid)
		}
	}
	return pids
}

// TestKilledAnywhere kills whydrop, its guard, both, or everything in its PID
// namespace, at any instant of an apply from its first to its last step: what it
// changed comes back by itself or with the next whydrop.
func TestKilledAnywhere(t *testing.T) {
	inHost(t)
	whole := picture(t)
	dir := filepath.Join(t.TempDir(), "records")
	before := values(t)
	start := time.Now()
	owner, _, _, guard := begin(t, dir, "1h")
	lasts := time.Since(start)
	syscall.Kill(guard, syscall.SIGKILL)
	owner.Process.Kill()
	owner.Wait()
	comesBack(t, dir, before)
	victims := []string{"owner", "guard", "both", "PID namespace"}
	changed := 0
	for n := range *kills {
		victim := victims[n%len(victims)]
		after := time.Duration(rand.Int64N(int64(lasts) * 5 / 4))
		cmd := exec.Command("/proc/self/exe", "owner", dir, "1h")
		if victim == "PID namespace" {
			cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWPID}
		}
		words, err := cmd.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(after)
		if victim == "guard" || victim == "both" {
			for _, pid := range guards(dir) {
				syscall.Kill(pid, syscall.SIGKILL)
			}
		}
		if victim != "guard" {
			cmd.Process.Kill()
		} else {
			fmt.Fprintln(words, "undo")
		}
		cmd.Wait()
		words.Close()
		if values(t) != before {
			changed++
		}
		comesBack(t, dir, before)
		if t.Failed() {
			t.Fatalf("killing the %s after %v", victim, after)
		}
	}
	t.Logf("%d of %d kills left something changed at first; an apply lasted %v", changed, *kills, lasts)
	if after := picture(t); after != whole {
		t.Errorf("not as before: %s", difference(whole, after))
	}
}

// comesBack waits until no process holds a record any more and all is as before.
func comesBack(t *testing.T, dir, before string) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		undone, err := Recover(dir)
		for _, r := range undone {
			r.Close()
		}
		if err != nil {
			t.Error("recovering:", err)
			return
		}
		if len(paths(dir)) == 0 {
			break
		}
		if time.Now().After(end) {
			t.Errorf("not in ten seconds: %v is done with", paths(dir))
			return
		}
	}
	if after := values(t); after != before {
		t.Errorf("not as before:\n%s", difference(before, after))
	}
}

// TestTwoOwners lets two whydrops change the same setting: the second leaves it alone
// as long as the first is not kept, lies upon it then, and goes first.
func TestTwoOwners(t *testing.T) {
	inHost(t)
	dir := t.TempDir()
	before := picture(t)
	begin := func() *Record {
		r, err := Start(dir, "a test")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { r.Close() })
		return r
	}
	somaxconn := func(to string) Change { return Change{Knob: "sysctl", Of: "net.core.somaxconn", To: to} }
	one, two := begin(), begin()
	fails := func(err error, says string) {
		t.Helper()
		if err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%v, expected %q", err, says)
		}
	}
	works := func(err error) {
		t.Helper()
		if err != nil {
			t.Error(err)
		}
	}
	works(one.Do(somaxconn("777")))
	fails(two.Do(somaxconn("888")), "being changed by another whydrop ("+one.Name())
	works(two.Do(Change{Knob: "txqueuelen", Of: "eth0", To: "99"}))
	works(one.Keep())
	works(two.Do(somaxconn("888")))
	works(two.Keep())
	later := func(r *Record) *Record { // as whydrop rollback sees it
		o, err := Open(r.Path)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { o.Close() })
		return o
	}
	fails(later(one).Undo(false), "was changed again since ("+two.Name()+"): take that back first")
	works(later(two).Undo(false))
	fails(two.Do(somaxconn("999")), "taken back in the meantime")
	fails(two.Keep(), "taken back in the meantime")
	works(later(two).Undo(false))
	works(later(one).Undo(false))
	if after := picture(t); after != before {
		t.Errorf("not as before: %s", difference(before, after))
	}
}

// TestTimeIsOver keeps a change at the instant at which its guard takes it back:
// either it is kept and stands, or it is not and is undone, and the owner knows which.
func TestTimeIsOver(t *testing.T) {
	inHost(t)
	before := values(t)
	kept := 0
	for range 12 {
		dir := t.TempDir()
		_, words, said, _ := begin(t, dir, "60ms")
		time.Sleep(time.Duration(rand.Int64N(int64(70 * time.Millisecond))))
		fmt.Fprintln(words, "keep")
		line, _ := bufio.NewReader(said).ReadString('\n')
		until(t, "the guard is gone", func() bool { return len(guards(dir)) == 0 })
		stands := values(t) != before
		if told := line == "done\n"; told != stands {
			t.Fatalf("the owner was told %q, and something stands: %t", line, stands)
		}
		if stands {
			kept++
			r := onlyRecord(t, dir)
			if err := r.Undo(false); err != nil {
				t.Fatal(err)
			}
		}
	}
	t.Logf("%d of 12 were kept", kept)
}
