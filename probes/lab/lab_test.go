//go:build linux

package lab

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

var (
	fault = flag.String("fault", "", "with -run TestShell: the scenario to build")
	only  = flag.String("only", "", "with -run TestScenarios: only scenarios whose names contain this")
	soak  = flag.Duration("soak", 0, "with -run TestScenarios: how long a bench runs before its proof")
)

func TestMain(m *testing.M) {
	Main()
	flag.Parse()
	if f := flag.Lookup("test.parallel"); f.Value.String() == f.DefValue {
		flag.Set("test.parallel", "8") // the benches mostly wait
	}
	os.Exit(m.Run())
}

// start builds a bench or skips the test where the lab is not allowed.
func start(t *testing.T, s Scenario) *Bench {
	t.Helper()
	b, err := Start(context.Background(), s)
	if errors.Is(err, ErrNeeds) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close() })
	return b
}

// TestScenarios starts every scenario a few at a time, asks for its proof and
// closes it; nothing may stay behind.
func TestScenarios(t *testing.T) {
	if err := Supported(); err != nil {
		t.Skip(err)
	}
	for _, s := range All() {
		if !strings.Contains(s.Name, *only) {
			continue
		}
		t.Run(s.Name, func(t *testing.T) {
			t.Parallel()
			b := start(t, s)
			time.Sleep(*soak)
			says, err := b.Proof()
			if err != nil {
				t.Fatal(err)
			}
			t.Log(says)
			guard := b.guard.Process.Pid
			if err := b.Close(); err != nil {
				t.Error(err)
			}
			if left := session(guard); len(left) > 0 {
				t.Errorf("processes left after Close: %v", left)
			}
		})
	}
}

// session lists the living processes of a guard's session: all of its bench.
func session(guard int) []string {
	var out []string
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, path := range stats {
		stat, err := os.ReadFile(path)
		if err != nil {
			continue
		}
		// After the name in parentheses: state, parent, process group, session.
		fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
		if len(fields) > 3 && fields[3] == fmt.Sprint(guard) && fields[0] != "Z" {
			out = append(out, strings.TrimSpace(string(stat)))
		}
	}
	return out
}

func TestNamesAndCauses(t *testing.T) {
	seen := map[string]bool{}
	for _, s := range All() {
		if s.Name == "" || seen[s.Name] {
			t.Errorf("name %q is empty or used twice", s.Name)
		}
		seen[s.Name] = true
		if s.sick != "client" && s.sick != "router" && s.sick != "server" {
			t.Errorf("%s: the sick host %q is none of the three", s.Name, s.sick)
		}
		if (s.Cause == "") != strings.HasPrefix(s.Name, "healthy-") {
			t.Errorf("%s: a healthy host has no cause, a sick one has", s.Name)
		}
		if found, ok := Find(s.Name); !ok || found.About != s.About || s.About == "" {
			t.Errorf("%s: Find does not give the scenario, or it has no description", s.Name)
		}
	}
	if _, ok := Find("no-such-fault"); ok {
		t.Error("Find found what is not there")
	}
}

// TestCommandSeesTheSickHost runs a program on the bench: it must see the
// host's interfaces and sockets, not those of the machine.
func TestCommandSeesTheSickHost(t *testing.T) {
	s, _ := Find("port-closed")
	b := start(t, s)
	out, err := b.Command(context.Background(), "/bin/cat", "/proc/net/dev").CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	if got := len(lines); got < 4 {
		t.Errorf("the host shows %d lines of /proc/net/dev, expected lo and an interface:\n%s", got, out)
	}
	err = b.Command(context.Background(), "/bin/sh", "-c", "exit 7").Run()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 7 {
		t.Errorf("exit status of the program is lost: %v", err)
	}
	b.Close()
	if err := b.Command(context.Background(), "/bin/true").Run(); err == nil {
		t.Error("a command runs on a closed bench")
	}
	if _, err := b.Proof(); err == nil {
		t.Error("a closed bench gives a proof")
	}
	if err := b.Close(); err != nil {
		t.Errorf("closing twice: %v", err)
	}
}

// TestShell is for people: it runs a program in the sick host of -fault.
//
//	go test ./probes/lab -run TestShell -fault rp-filter -v -args /bin/ss -tan
func TestShell(t *testing.T) {
	if *fault == "" {
		t.Skip("no -fault given")
	}
	s, ok := Find(*fault)
	if !ok {
		t.Fatalf("no scenario %q", *fault)
	}
	b := start(t, s)
	says, err := b.Proof()
	fmt.Println(says, err)
	args := flag.Args()
	if len(args) == 0 {
		time.Sleep(time.Minute)
		return
	}
	cmd := b.Command(context.Background(), args[0], args[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	if err := cmd.Run(); err != nil {
		t.Error(err)
	}
}

// TestKilledParent kills the process that holds a bench in the hard way: all
// its processes must go, and with them the namespaces.
func TestKilledParent(t *testing.T) {
	if os.Getenv("LAB_TEST_HOLD") != "" {
		s, _ := Find("port-closed")
		b := start(t, s)
		fmt.Printf("guard %d\n", b.guard.Process.Pid)
		select {}
	}
	if err := Supported(); err != nil {
		t.Skip(err)
	}
	parent := exec.Command("/proc/self/exe", "-test.run", "^TestKilledParent$")
	parent.Env = append(os.Environ(), "LAB_TEST_HOLD=1")
	out, err := parent.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := parent.Start(); err != nil {
		t.Fatal(err)
	}
	var guard int
	_, err = fmt.Fscanf(out, "guard %d\n", &guard)
	alive := session(guard)
	parent.Process.Kill()
	parent.Wait()
	if err != nil || len(alive) < 3 {
		t.Fatalf("the bench did not start: %v, processes %v", err, alive)
	}
	for range 50 {
		if len(session(guard)) == 0 {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	t.Errorf("processes left after the parent was killed: %v", session(guard))
}

func TestStartRefusesStrangers(t *testing.T) {
	if _, err := Start(context.Background(), Scenario{Name: "made-up"}); err == nil {
		t.Error("a scenario without a plan starts")
	}
}
