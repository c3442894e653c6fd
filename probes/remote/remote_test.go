package remote

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"whydrop/probes/fact"
	"whydrop/probes/record"
)

// The test program is three things more: the ssh of the near side, the whydrop that
// is brought, and a hostile far side.
func TestMain(m *testing.M) {
	switch {
	case os.Getenv("FAKE_SSH") != "" && filepath.Base(os.Args[0]) == "ssh":
		fakeSSH(os.Args[1:])
	case len(os.Args) > 1 && os.Args[1] == "serve-facts":
		fakeWhydrop(slices.Contains(os.Args, "--brought"))
	case len(os.Args) == 4 && os.Args[1] == "wire":
		badWire(os.Args[3])
	case len(os.Args) > 1 && os.Args[1] == "--version":
		fmt.Println("whydrop version " + os.Getenv("FAKE_VERSION"))
	default:
		os.Exit(m.Run())
	}
}

// fakeSSH runs the command in a shell here, as FAKE_SSH says.
func fakeSSH(args []string) {
	appendLine(os.Getenv("FAKE_LOG"), strings.Join(args[:len(args)-1], " "))
	how, command := os.Getenv("FAKE_SSH"), args[len(args)-1]
	fakeRefusal(how)
	switch how {
	case "noise":
		fmt.Print("Welcome!\nwhydrop-remotely like\n\x1b[31mmotd without an end")
	case "flood":
		for {
			if _, err := fmt.Println(strings.Repeat("motd ", 1000)); err != nil {
				os.Exit(1)
			}
		}
	case "not a shell":
		fmt.Println("whydrop-remote host are you")
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	case "garbage", "bomb", "long line", "growing", "old stream":
		hostile(how)
		os.Exit(0)
	case "damaged":
		fakeDamage(command)
		return
	case "killed":
		fakeKilled(command)
	}
	c := exec.Command(envOr("FAKE_SHELL", "/bin/sh"), "-c", command)
	if how == "noexec" {
		c = exec.Command("unshare", "-m", "sh", "-c", `mount -t tmpfs -o noexec none "$TMPDIR" && eval "$1"`, "sh", command)
	}
	// Not the files themselves: when ssh is gone, so is what it carries.
	c.Stdin, c.Stdout, c.Stderr = struct{ io.Reader }{os.Stdin}, struct{ io.Writer }{os.Stdout}, struct{ io.Writer }{os.Stderr}
	c.Env = append(os.Environ(), fmt.Sprintf("FAKE_PID=%d", os.Getpid()))
	c.WaitDelay = 100 * time.Millisecond
	if err := c.Run(); c.ProcessState.ExitCode() != 0 {
		appendLine(os.Getenv("FAKE_LOG"), fmt.Sprint("ended: ", err))
		os.Exit(max(1, c.ProcessState.ExitCode()))
	}
}

// fakeRefusal ends ssh before a shell runs there.
func fakeRefusal(how string) {
	switch how {
	case "refused":
		fmt.Fprintln(os.Stderr, "ssh: connect to host there port 22: Connection refused")
		os.Exit(255)
	case "denied":
		fmt.Fprintln(os.Stderr, "me@there: Permission denied (publickey,password).")
		os.Exit(255)
	case "escapes":
		fmt.Fprint(os.Stderr, "\x1b[2J\x1b]0;owned\x07kex_exchange failed\r\n")
		os.Exit(255)
	case "silent":
		os.Exit(255)
	case "unresolved":
		fmt.Fprintln(os.Stderr, "ssh: Could not resolve hostname there: Temporary failure in name resolution")
		os.Exit(255)
	case "restricted":
		fmt.Println("This account is currently not available.")
		os.Exit(1)
	case "mute":
		time.Sleep(time.Minute)
	case "forced":
		fmt.Println(" 12:00:00 up 3 days")
		os.Exit(0)
	}
}

// fakeDamage lets a byte of the program get lost on the way.
func fakeDamage(command string) {
	c := exec.Command("/bin/sh", "-c", command)
	in, _ := c.StdinPipe()
	c.Stdout, c.Stderr = os.Stdout, os.Stderr
	if err := c.Start(); err != nil {
		os.Exit(1)
	}
	buf := make([]byte, 32<<10)
	for at := 0; ; {
		n, err := os.Stdin.Read(buf)
		if at < 200_000 && at+n > 200_000 {
			buf[200_000-at] ^= 1
		}
		at += n
		if _, werr := in.Write(buf[:n]); err != nil || werr != nil {
			break
		}
	}
	in.Close()
	_ = c.Wait()
	os.Exit(1)
}

// fakeKilled kills the far shell, with no chance to clean up, while the program is
// under way.
func fakeKilled(command string) {
	c := exec.Command("/bin/sh", "-c", command)
	in, _ := c.StdinPipe()
	c.Stdout, c.Stderr = os.Stdout, os.Stderr
	if err := c.Start(); err != nil {
		os.Exit(1)
	}
	_, _ = io.CopyN(in, os.Stdin, 1<<20)
	_ = c.Process.Kill()
	_ = c.Wait()
	in.Close()
	os.Exit(255)
}

func envOr(name, or string) string {
	if v := os.Getenv(name); v != "" {
		return v
	}
	return or
}

func appendLine(path, line string) {
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err == nil {
		fmt.Fprintln(f, line)
		f.Close()
	}
}

// fakeWhydrop is a far side with a host that counts. FAKE_BREAK is after how many
// observations it kills the ssh that it speaks over.
func fakeWhydrop(brought bool) {
	hello := Hello{Schema: record.Schema, Whydrop: os.Getenv("FAKE_VERSION"), Host: "there", Kernel: "6.1", Now: time.Now(), PID: os.Getpid()}
	if brought {
		hello.Sum, _ = Sum()
		for i, word := range os.Args[:len(os.Args)-1] {
			if word == "--instead" {
				pid, _ := strconv.Atoi(os.Args[i+1])
				Replace(pid)
			}
		}
	}
	appendLine(os.Getenv("FAKE_LOG"), fmt.Sprintf("whydrop %v brought=%v", os.Args[0], brought))
	breaks, _ := strconv.Atoi(os.Getenv("FAKE_BREAK"))
	over, _ := strconv.Atoi(os.Getenv("FAKE_PID"))
	every, err := time.ParseDuration(os.Getenv("FAKE_EVERY"))
	if err != nil {
		every = 20 * time.Millisecond
	}
	signal.Ignore(syscall.SIGPIPE)
	far := Far{In: os.Stdin, Out: os.Stdout, Hello: hello, Linger: brought, linger: 5 * time.Second}
	far.Run = func(ctx context.Context, r Request, each func(*fact.Facts)) error {
		if r.Target == "nonsense" {
			return errors.New("\x1b[1m\"nonsense\" is no destination")
		}
		for i := 1; ctx.Err() == nil; i++ {
			each(observation(float64(i)))
			if r.Observe > 0 {
				return nil
			}
			if i == breaks {
				time.Sleep(300 * time.Millisecond) // all arrive
				_ = syscall.Kill(over, syscall.SIGKILL)
			}
			time.Sleep(every)
		}
		return nil
	}
	if err := far.Serve(context.Background()); err != nil {
		os.Exit(1)
	}
	os.Exit(0)
}

func observation(n float64) *fact.Facts {
	f := fact.New(time.Now().Add(-time.Second), 1)
	f.Host, f.Kernel = "there", "6.1"
	f.Count("tcp.OutSegs", n, 100+n)
	f.Text("evil", "a\x1b[2Jb\u009bc")
	f.Add("links", fact.Row{"name": "eth0\x1b]0;x\x07", "mtu": 1500.0})
	f.Probes = []fact.Status{{Name: "counters", Status: "ok"}}
	return f
}

// there lets ssh be the test program, and returns how to reach a host through it. dir
// is where the far side has room.
func there(t *testing.T, how string) (o Options, dir string, log func() string) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	bin := t.TempDir()
	if err := os.Symlink(self, filepath.Join(bin, "ssh")); err != nil {
		t.Fatal(err)
	}
	dir = t.TempDir()
	logged := filepath.Join(t.TempDir(), "log")
	for name, value := range map[string]string{
		"PATH": bin + ":/usr/bin:/bin", "FAKE_SSH": how, "FAKE_LOG": logged, "TMPDIR": dir, "FAKE_VERSION": "(devel)",
	} {
		t.Setenv(name, value)
	}
	return Options{Destination: "me@there", Version: "(devel)"}, dir, func() string {
		text, _ := os.ReadFile(logged)
		return string(text)
	}
}

func dialled(t *testing.T, o Options) *Host {
	t.Helper()
	h, err := Dial(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(h.Close)
	return h
}

// left is what stays on the far disk: a moment after a session broke, its shell cleans up.
func left(t *testing.T, dir string) []string {
	t.Helper()
	var names []string
	for range 50 {
		entries, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		names = nil
		for _, e := range entries {
			names = append(names, e.Name())
		}
		if len(names) == 0 {
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
	return names
}

// The program is brought, is gone from the disk while it runs, and tells what it sees.
func TestBringsItself(t *testing.T) {
	for _, how := range []string{"shell", "noise"} {
		t.Run(how, func(t *testing.T) {
			o, dir, log := there(t, how)
			h := dialled(t, o)
			if names := left(t, dir); len(names) > 0 {
				t.Errorf("on the far disk while it runs: %v", names)
			}
			f, err := h.Observe(t.Context(), Request{Observe: time.Second})
			if err != nil {
				t.Fatal(err)
			}
			if n, _ := f.Num("tcp.OutSegs"); n != 1 || f.Host != "there" {
				t.Errorf("observed %v of %q", n, f.Host)
			}
			if v := f.Values["evil"].Now; v != "a?[2Jb?c" {
				t.Errorf("text with control characters came as %q", v)
			}
			if v := f.Tables["links"][0]["name"]; v != "eth0?]0;x?" {
				t.Errorf("a row's text came as %q", v)
			}
			if !strings.Contains(log(), "brought=true") {
				t.Errorf("not brought: %s", log())
			}
		})
	}
}

// A whydrop of the same released version is used where it is installed.
func TestUsesInstalled(t *testing.T) {
	for _, tt := range []struct {
		near, far string
		brought   bool
	}{
		{"v1.2.0", "v1.2.0", false},
		{"v1.2.0", "v1.1.9", true},
		{"(devel)", "(devel)", true}, // two of that name may differ
		{"v1.2.0+dirty", "v1.2.0+dirty", true},
	} {
		o, _, log := there(t, "shell")
		self, _ := os.Executable()
		bin := t.TempDir()
		if err := os.Symlink(self, filepath.Join(bin, "whydrop")); err != nil {
			t.Fatal(err)
		}
		t.Setenv("PATH", os.Getenv("PATH")+":"+bin)
		t.Setenv("FAKE_VERSION", tt.far)
		o.Version = tt.near
		dialled(t, o).Close()
		if want := fmt.Sprintf("brought=%v", tt.brought); !strings.Contains(log(), want) {
			t.Errorf("near %s, far %s: expected %s: %s", tt.near, tt.far, want, log())
		}
	}
}

// What goes wrong is told in words that name it, without control characters.
func TestFailures(t *testing.T) {
	for how, want := range map[string]string{
		"refused":     "Connection refused",
		"denied":      "Permission denied",
		"escapes":     "kex_exchange failed",
		"silent":      "ssh ended with status 255 and without a word",
		"flood":       "login shell writes without end",
		"restricted":  "status 1 before it ran what it was told, and said: This account is currently not available.",
		"forced":      "status 0 before it ran what it was told, and said: 12:00:00 up 3 days",
		"killed":      "me@there: ssh",
		"not a shell": "instead of telling what it is",
		"damaged":     "did not arrive there as it was sent",
		"garbage":     "not what a whydrop sends",
		"bomb":        "longer than",
		"old stream":  "stream 9",
	} {
		t.Run(how, func(t *testing.T) {
			o, dir, _ := there(t, how)
			h, err := Dial(t.Context(), o)
			if err == nil {
				h.Close()
				t.Fatal("no error")
			}
			if !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "me@there") {
				t.Errorf("error %q: expected %q in it", err, want)
			}
			if strings.ContainsFunc(err.Error(), unfit) {
				t.Errorf("error %q steers the terminal", err)
			}
			if names := left(t, dir); len(names) > 0 {
				t.Errorf("left on the far disk: %v", names)
			}
		})
	}
}

func TestHostileStream(t *testing.T) {
	for how, want := range map[string]string{"long line": "longer than", "growing": "without a key frame"} {
		t.Run(how, func(t *testing.T) {
			o, _, _ := there(t, how)
			h := &Host{options: o, program: &program{}}
			h.options.Version = "v1.0.0"
			s, err := o.opened(t)
			if err != nil {
				t.Fatal(err)
			}
			h.waiting = s
			err = h.Watch(t.Context(), Request{Window: time.Second}, func(*fact.Facts) {})
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("error %v: expected %q in it", err, want)
			}
		})
	}
}

// A connection that broke is tried again as long as that can help.
func TestTriesAgain(t *testing.T) {
	for how, lasting := range map[string]string{"unresolved": "", "refused": "", "forced": "", "denied": "start again, or use a key"} {
		o, _, _ := there(t, how)
		_, err := o.opened(t)
		var last *Lasting
		switch {
		case err == nil:
			t.Errorf("%s: no error", how)
		case errors.As(err, &last) != (lasting != "") || !strings.Contains(err.Error(), lasting):
			t.Errorf("%s: %v", how, err)
		}
	}
}

// opened opens a session with a far side that claims to be installed.
func (o Options) opened(t *testing.T) (*session, error) {
	o.Version = "v1.0.0"
	return o.open(t.Context(), &program{arch: "amd64"}, false, 0)
}

func TestDestinations(t *testing.T) {
	for destination, good := range map[string]bool{
		"server": true, "me@server": true, "ssh://me@server:2222": true, "me@fe80::1%eth0": true,
		"": false, "-oProxyCommand=id": false, "me@-oProxyCommand=id": false, "me@[fe80::1%eth0]": true, "a b": false, "a\nb": false, "a\x1b[2J": false,
	} {
		if err := (&Options{Destination: destination}).Check(); (err == nil) != good {
			t.Errorf("%q: %v", destination, err)
		}
	}
}

// An IPv6 address may stand in brackets, with a port or not.
func TestBrackets(t *testing.T) {
	for destination, want := range map[string][2]string{
		"server": {"server", ""}, "server:22": {"server:22", ""}, "ssh://me@[::1]:22": {"ssh://me@[::1]:22", ""},
		"[::1]": {"::1", ""}, "me@[fd00::2]": {"me@fd00::2", ""}, "me@[fe80::1%eth0]:2222": {"me@fe80::1%eth0", "2222"},
		"[-oProxyCommand=id]": {"[-oProxyCommand=id]", ""}, "[::1]:x": {"[::1]:x", ""},
	} {
		if plain, port := bracketed(destination); plain != want[0] || port != want[1] {
			t.Errorf("%q: %q and %q", destination, plain, port)
		}
	}
}

// Ctrl+C ends the connecting at once, in words that say so.
func TestInterrupted(t *testing.T) {
	o, _, _ := there(t, "mute")
	var told []string
	o.Progress = func(text string) { told = append(told, text) }
	ctx, stop := context.WithCancel(t.Context())
	time.AfterFunc(200*time.Millisecond, stop)
	begin := time.Now()
	_, err := Dial(ctx, o)
	if err == nil || !strings.Contains(err.Error(), "me@there: interrupted while connecting to me@there") {
		t.Errorf("error %v", err)
	}
	if d := time.Since(begin); d > 20*time.Second {
		t.Errorf("it took %v", d)
	}
	if len(told) == 0 || told[0] != "connecting to me@there by ssh" {
		t.Errorf("told %q", told)
	}
}

// ssh is given the operator's options before its own, and the destination behind --.
func TestArguments(t *testing.T) {
	o, _, log := there(t, "refused")
	o.SSHOptions = []string{"Port=2222"}
	_, _ = Dial(t.Context(), o)
	line := log()
	if !strings.HasPrefix(line, "-o Port=2222 -o ConnectTimeout") || !strings.HasSuffix(line, "-- me@there\n") {
		t.Errorf("ssh %s", line)
	}
}
