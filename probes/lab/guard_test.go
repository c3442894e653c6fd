//go:build linux

package lab

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// A scenario of the tests that changes a harmless setting of the whole machine:
// how many messages of the network the kernel logs at a time.
const (
	setter      = "test-setter"
	testSetting = "net.core.message_burst"
)

func setSomething(s *site) error {
	if err := s.standard(); err != nil {
		return err
	}
	if err := s.hostWide(testSetting, "11"); err != nil {
		return err
	}
	return s.ordinary()
}

// held is a bench that another process of this test holds.
type held struct {
	Bench, Guard, Director int
	Program                string // argument of a sleep that left the program that started it
}

// hold starts a bench and a program on it, and waits for its end. The test's
// other processes do it.
func hold() {
	name, program, _ := strings.Cut(os.Getenv("LAB_TEST_HOLD"), " ")
	s, _ := Find(name)
	b, err := Start(context.Background(), s)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	begin := "setsid sleep " + program + " </dev/null >/dev/null 2>&1 & "
	if _, err := exec.LookPath("unshare"); err == nil { // another leaves the host's network
		begin += strings.Replace(begin, "setsid", "setsid unshare -n", 1)
	}
	cmd := b.Command(context.Background(), "/bin/sh", "-c", begin)
	if err := cmd.Run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	h := held{Bench: os.Getpid(), Guard: b.guard.Process.Pid, Program: program}
	for _, pid := range processes(func(proc string) bool { return parent(proc) == h.Guard }) {
		h.Director = pid
	}
	_ = json.NewEncoder(os.Stdout).Encode(h)
	select {}
}

// parent is the parent of a process, by its directory of /proc.
func parent(proc string) int {
	stat, err := os.ReadFile(filepath.Join(proc, "stat"))
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
	ppid, _ := strconv.Atoi(fields[1])
	return ppid
}

func (h held) programRuns() bool {
	return len(processes(func(proc string) bool {
		text, err := os.ReadFile(filepath.Join(proc, "cmdline"))
		return err == nil && string(text) == "sleep\x00"+h.Program+"\x00"
	})) > 0
}

// left tells what is left of a bench.
func (h held) left(setting string) error {
	switch now, err := Setting(testSetting); {
	case len(session(h.Guard)) > 0:
		return fmt.Errorf("processes %v", session(h.Guard))
	case h.programRuns():
		return errors.New("a program that ran on the bench")
	case err == nil && now != setting:
		return fmt.Errorf("%s is %s, not %s", testSetting, now, setting)
	}
	return nil
}

// startHeld has another process hold a bench.
func startHeld(t *testing.T, scenario string) (held, *exec.Cmd) {
	t.Helper()
	h := held{}
	cmd := exec.Command("/proc/self/exe", "-test.run", "^TestKilled$")
	cmd.Env = append(os.Environ(), fmt.Sprintf("LAB_TEST_HOLD=%s %d.%d", scenario, os.Getpid(), rand.Uint32()))
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
	if err := json.NewDecoder(out).Decode(&h); err != nil {
		t.Fatal("the bench did not start: ", err)
	}
	if len(session(h.Guard)) < 4 || h.Director == 0 {
		t.Fatalf("bench %+v has processes %v", h, session(h.Guard))
	}
	return h, cmd
}

// send sends a signal to some processes.
func send(s unix.Signal, to map[int]bool) {
	for pid, gets := range to {
		if gets {
			unix.Kill(pid, s)
		}
	}
}

// TestKilled kills the processes of a bench in the hard way, one or more at once.
// All must go: its processes, the namespaces with them, a program that had left
// its parent; and a setting of the machine must be back. When the guard itself is
// killed, at the latest Clean does it.
func TestKilled(t *testing.T) {
	if os.Getenv("LAB_TEST_HOLD") != "" {
		hold()
	}
	if err := Supported(); err != nil {
		t.Skip(err)
	}
	scenario, setting := "healthy-"+setter, ""
	if now, err := Setting(testSetting); err == nil && os.Geteuid() == 0 {
		setting = now
	} else {
		scenario = "port-closed"
	}
	tests := []struct {
		name                    string
		bench, guard, director, // who is killed
		stopped, // whether guard and director had been stopped
		clean bool // and whether somebody has to clean
	}{
		{name: "the bench", bench: true},
		{name: "the bench, the others stopped", bench: true, stopped: true},
		{name: "the director", director: true},
		{name: "bench and director", bench: true, director: true},
		{name: "the guard", guard: true, clean: true},
		{name: "bench and guard", bench: true, guard: true, clean: true},
		{name: "all", bench: true, guard: true, director: true, clean: true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h, cmd := startHeld(t, scenario)
			if now, _ := Setting(testSetting); setting != "" && now != "11" {
				t.Errorf("%s is %q: the scenario did not change it", testSetting, now)
			}
			send(unix.SIGSTOP, map[int]bool{h.Guard: tt.stopped, h.Director: tt.stopped})
			send(unix.SIGKILL, map[int]bool{h.Bench: tt.bench, h.Guard: tt.guard, h.Director: tt.director})
			if tt.bench {
				cmd.Wait()
			}
			var err error
			for range 60 {
				if tt.clean {
					if _, err := Clean(); err != nil {
						t.Fatal(err)
					}
				}
				if err = h.left(setting); err == nil {
					return
				}
				time.Sleep(100 * time.Millisecond)
			}
			t.Errorf("left: %v", err)
		})
	}
}

// finTimeout is a sysctl of a network namespace, which stands for one of the
// machine in a test that has a namespace of its own.
const finTimeout = "net.ipv4.tcp_fin_timeout"

// ownNamespace gives the test a network namespace and a record of its own, and
// sets finTimeout to 41.
func ownNamespace(t *testing.T) {
	t.Helper()
	runtime.LockOSThread() // and never unlocked: the thread ends with the test
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		t.Skip("a network namespace of its own: ", err)
	}
	old := recordPath
	recordPath = filepath.Join(t.TempDir(), "record.json")
	t.Cleanup(func() { recordPath = old })
	setFin(t, "41")
}

func setFin(t *testing.T, value string) {
	t.Helper()
	if err := os.WriteFile(sysctlPath(finTimeout), []byte(value), 0o644); err != nil {
		t.Fatal(err)
	}
}

func finIs(t *testing.T, want string) {
	t.Helper()
	if now, err := Setting(finTimeout); err != nil || now != want {
		t.Errorf("%s is %q (%v), want %q", finTimeout, now, err, want)
	}
}

func keepFin(t *testing.T) *keptSettings {
	t.Helper()
	kept, err := keepSettings([]string{finTimeout}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return kept
}

// TestSettings notes and restores a value; meanwhile nobody else may.
func TestSettings(t *testing.T) {
	ownNamespace(t)
	kept := keepFin(t)
	setFin(t, "42")
	over := make(chan struct{})
	close(over)
	if _, err := keepSettings([]string{finTimeout}, over); !errors.Is(err, errHeld) {
		t.Errorf("a second bench may change settings, too: %v", err)
	}
	if _, err := cleanSettings(); !errors.Is(err, errHeld) {
		t.Errorf("settings of a bench that runs are cleaned: %v", err)
	}
	if err := kept.restore(); err != nil {
		t.Fatal(err)
	}
	finIs(t, "41")
	if did, err := cleanSettings(); err != nil || did != nil {
		t.Errorf("something is left after all was restored: %v, %v", did, err)
	}
	if _, err := keepSettings([]string{"net.no.such.key"}, nil); err == nil {
		t.Error("a setting that does not exist is kept")
	}
}

// TestSettingsOfADeadGuard are restored by the next bench, or by Clean.
func TestSettingsOfADeadGuard(t *testing.T) {
	ownNamespace(t)
	kept := keepFin(t)
	setFin(t, "43")
	kept.file.Close()
	kept = keepFin(t)
	finIs(t, "41")
	setFin(t, "44")
	kept.file.Close()
	if did, err := cleanSettings(); err != nil || len(did) != 1 || did[0] != finTimeout {
		t.Errorf("clean restores %v, %v; want %s", did, err, finTimeout)
	}
	finIs(t, "41")
}

// TestRecordsThatSayNothing restore nothing: the next boot has done so already,
// and a damaged one is told.
func TestRecordsThatSayNothing(t *testing.T) {
	ownNamespace(t)
	for name, text := range map[string]string{
		"of an earlier boot": `{"Boot":"another","Old":{"` + finTimeout + `":"99"}}`, "blank": " \n",
	} {
		if err := os.WriteFile(recordPath, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := cleanSettings(); err != nil {
			t.Errorf("a record %s: %v", name, err)
		}
		finIs(t, "41")
	}
	if err := os.WriteFile(recordPath, []byte(`{"Old":`), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := cleanSettings(); err == nil || !strings.Contains(err.Error(), recordPath) {
		t.Errorf("a damaged record: %v, want an error that names the file", err)
	}
}

// TestSysctlPath leads nowhere outside of /proc/sys, whatever the key.
func TestSysctlPath(t *testing.T) {
	for _, key := range []string{"../../etc/passwd", "..", "net..core", "/etc/passwd", ""} {
		if path := sysctlPath(key); !strings.HasPrefix(path+"/", "/proc/sys/") {
			t.Errorf("%q leads to %s", key, path)
		}
	}
}
