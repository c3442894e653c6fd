package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/creack/pty"
	"golang.org/x/sys/unix"

	"whydrop/probes/lab"
)

// console is a shell on a terminal of its own, that finds whydrop.
type console struct {
	t    *testing.T
	keys *os.File
	cmd  *exec.Cmd
	mu   sync.Mutex
	seen bytes.Buffer
}

func onConsole(t *testing.T) *console {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	// The test binary is whydrop under that name.
	dir := t.TempDir()
	if err := os.Symlink(self, filepath.Join(dir, "whydrop")); err != nil {
		t.Fatal(err)
	}
	c := &console{t: t, cmd: exec.Command("/bin/sh", "-i")}
	c.cmd.Env = append(os.Environ(), "PATH="+dir+":"+os.Getenv("PATH"), "SHELL=/bin/sh", "ENV=", "PS1=outside $ ")
	master, err := pty.Start(c.cmd)
	if err != nil {
		t.Fatal(err)
	}
	defer master.Close()
	// A file that is read without waiting can be closed while it is read.
	fd, err := unix.FcntlInt(master.Fd(), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.SetNonblock(fd, true); err != nil {
		t.Fatal(err)
	}
	c.keys = os.NewFile(uintptr(fd), "terminal")
	go io.Copy(c, c.keys)
	t.Cleanup(func() {
		c.keys.Close()
		c.cmd.Process.Kill()
		c.cmd.Wait()
	})
	return c
}

func (c *console) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.seen.Write(p)
}

func (c *console) typed(text string) { fmt.Fprint(c.keys, text) }

// until waits for the screen to show the pattern, and forgets what it showed.
func (c *console) until(pattern string) string {
	c.t.Helper()
	re := regexp.MustCompile(pattern)
	for range 600 {
		c.mu.Lock()
		text := c.seen.String()
		if re.MatchString(text) {
			c.seen.Reset()
			c.mu.Unlock()
			return text
		}
		c.mu.Unlock()
		time.Sleep(50 * time.Millisecond)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t.Fatalf("the screen does not show %q:\n%s", pattern, &c.seen)
	return ""
}

// TestLabShell uses a shell in a sick host as people do: it has the terminal, so
// that jobs can be stopped, continued and interrupted.
func TestLabShell(t *testing.T) {
	if err := lab.Supported(); err != nil {
		t.Skip(err)
	}
	c := onConsole(t)
	c.typed("whydrop lab shell port-closed\n")
	c.until(`proof: (?s:.*)\(lab port-closed\) \$ $`)
	c.typed("echo fault=$WHYDROP_LAB\n")
	c.until(`fault=port-closed`)
	c.typed("sleep 4711\n")
	time.Sleep(300 * time.Millisecond)
	c.typed("\x1a")
	c.until(`Stopped`)
	c.typed("fg\n")
	time.Sleep(300 * time.Millisecond)
	c.typed("\x03")
	c.typed("echo status=$?\n")
	c.until(`status=130`)
	c.typed("kill -STOP $$\n") // what suspend does
	c.until(`Stopped(?s:.*)outside \$ $`)
	c.typed("fg\n")
	c.until(`whydrop lab shell`)
	c.typed("echo back to $WHYDROP_LAB; exit 3\n")
	c.until(`back to port-closed(?s:.*)outside \$ $`)
	c.typed("echo status=$?\n")
	c.until(`status=3`)
}

// TestLabHangUp closes the terminal of a shell: what it had started goes, too,
// however far it had gone away from the terminal.
func TestLabHangUp(t *testing.T) {
	if err := lab.Supported(); err != nil {
		t.Skip(err)
	}
	c := onConsole(t)
	c.typed("whydrop lab shell port-closed\n")
	c.until(`\(lab port-closed\) \$ $`)
	mark := fmt.Sprintf("4711.%d", os.Getpid())
	c.typed("setsid sleep " + mark + " & echo started\n")
	c.until(`\nstarted`)
	if !running("sleep\x00"+mark, true) {
		t.Fatal("the program in the shell does not run")
	}
	c.keys.Close()
	if running("sleep\x00"+mark, false) {
		t.Error("a program outlives the terminal")
	}
}

// running waits up to ten seconds for a process with that command line to be
// there, or not to be there, and reports whether it is.
func running(cmdline string, wanted bool) bool {
	for range 100 {
		if found(cmdline) == wanted {
			return wanted
		}
		time.Sleep(100 * time.Millisecond)
	}
	return !wanted
}

func found(cmdline string) bool {
	files, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, file := range files {
		if text, err := os.ReadFile(file); err == nil && strings.HasPrefix(string(text), cmdline) {
			return true
		}
	}
	return false
}

// TestConsent changes settings of the machine only when somebody agrees.
func TestConsent(t *testing.T) {
	s := lab.Scenario{Name: "made-up", Settings: []string{"kernel.pid_max"}}
	var told bytes.Buffer
	var usage usageError
	if err := consent(strings.NewReader("y\n"), &told, s, false); !errors.As(err, &usage) {
		t.Errorf("without a terminal: %v, want a usage error", err)
	}
	if !strings.Contains(told.String(), "kernel.pid_max, now ") {
		t.Errorf("the setting is not told: %s", &told)
	}
	if err := consent(strings.NewReader(""), &told, s, true); err != nil {
		t.Errorf("--yes: %v", err)
	}
	if err := consent(strings.NewReader(""), &told, lab.Scenario{}, false); err != nil {
		t.Errorf("nothing to agree to: %v", err)
	}
	for answer, agreed := range map[string]bool{"y\n": true, "YES\n": true, "n\n": false, "\n": false, "yet\n": false, "\x04": false} {
		user, tty, err := pty.Open()
		if err != nil {
			t.Skip(err)
		}
		go io.Copy(io.Discard, user)
		fmt.Fprint(user, answer)
		if err := consent(tty, io.Discard, s, false); (err == nil) != agreed {
			t.Errorf("answer %q: %v", answer, err)
		}
		user.Close()
		tty.Close()
	}
}
