package probes

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"whydrop/probes/fact"
)

// crippled are environments in which some of what the sources read is missing.
var crippled = map[string]struct {
	prepare func() error // in a mount namespace of its own
	nobody  bool         // as an ordinary user, without any capability
	missing string       // a fact that can't be known there
	says    string       // what is said about it
	stays   string       // a fact that is known all the same
}{
	"an ordinary user": {nobody: true, missing: "filter.rules", says: "CAP_NET_ADMIN", stays: "Tcp.InSegs"},
	"hidepid=2": {
		prepare: func() error { return unix.Mount("proc", "/proc", "proc", 0, "hidepid=2") },
		nobody:  true, missing: "filter.rules", says: "CAP_NET_ADMIN", stays: "cpu.busy",
	},
	"/proc with subset=pid": {
		prepare: func() error { return unix.Mount("proc", "/proc", "proc", 0, "subset=pid") },
		missing: "cpu.busy", says: "subset=pid", stays: "Tcp.InSegs",
	},
	"/proc/sys read-only": {
		prepare: func() error {
			if err := unix.Mount("/proc/sys", "/proc/sys", "", unix.MS_BIND, ""); err != nil {
				return err
			}
			return unix.Mount("", "/proc/sys", "", unix.MS_REMOUNT|unix.MS_BIND|unix.MS_RDONLY, "")
		},
		stays: "sysctl.net.core.somaxconn",
	},
	"no /sys": {
		prepare: func() error { return unix.Mount("none", "/sys", "tmpfs", 0, "") },
		says:    "/sys", missing: "cgroup.throttled_max", stays: "Tcp.InSegs",
	},
	"no /proc": {
		prepare: func() error { return unix.Mount("none", "/proc", "tmpfs", 0, "") },
		missing: "Tcp.InSegs", says: "/proc", stays: "route.default",
	},
}

const crippledAs = "WHYDROP_CRIPPLED_AS"

// TestCrippled looks at the host from environments that hide part of it. What is
// missing is unknown and said, the rest is known.
func TestCrippled(t *testing.T) {
	if name := os.Getenv(crippledAs); name != "" {
		insideCrippled(t, name)
		return
	}
	if os.Geteuid() != 0 {
		t.Skip("mounts and other users take root")
	}
	for name, c := range crippled {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := lookFrom(t, name)
			if _, ok := f.Values[c.missing]; ok && c.missing != "" {
				t.Errorf("%s = %v, want unknown", c.missing, f.Values[c.missing])
			}
			if _, ok := f.Values[c.stays]; !ok {
				t.Errorf("%s is unknown", c.stays)
			}
			if said := told(f); !strings.Contains(said, c.says) {
				t.Errorf("%q is not said:\n%s", c.says, said)
			}
			for _, s := range f.Probes {
				if s.Status == "failed" && s.Name != "drops" {
					t.Errorf("%s failed: %s; want skipped, and what it needs", s.Name, s.Why)
				}
			}
		})
	}
}

// told is everything that the facts say about what is not seen.
func told(f *fact.Facts) string {
	var b strings.Builder
	for _, s := range f.Probes {
		b.WriteString(s.Name + ": " + s.Why + "\n")
	}
	for _, s := range f.Blind {
		b.WriteString(s.Probe + ": " + s.What + ": " + s.Needs + "\n")
	}
	return b.String()
}

// lookFrom has this test run again in the environment.
func lookFrom(t *testing.T, name string) *fact.Facts {
	t.Helper()
	c := exec.Command("/proc/self/exe", "-test.run=^TestCrippled$", "-test.v")
	c.Env = append(os.Environ(), crippledAs+"="+name)
	c.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS}
	out, err := c.CombinedOutput()
	const mark = "facts: "
	for line := range bytes.Lines(out) {
		if rest, ok := bytes.CutPrefix(bytes.TrimSpace(line), []byte(mark)); ok {
			var f fact.Facts
			if err := json.Unmarshal(rest, &f); err != nil {
				t.Fatal(err)
			}
			return &f
		}
	}
	if bytes.Contains(out, []byte("SKIP")) {
		t.Skipf("%s", out)
	}
	t.Fatalf("%v\n%s", err, out)
	return nil
}

func insideCrippled(t *testing.T, name string) {
	c := crippled[name]
	if err := unix.Mount("none", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		t.Skip("no mount namespace here: ", err)
	}
	if c.prepare != nil {
		if err := c.prepare(); err != nil {
			t.Skip("this kernel can't: ", err)
		}
	}
	if c.nobody {
		if err := syscall.Setgroups(nil); err != nil {
			t.Fatal(err)
		}
		if err := syscall.Setgid(65534); err != nil {
			t.Fatal(err)
		}
		if err := syscall.Setuid(65534); err != nil { // which takes all capabilities away
			t.Fatal(err)
		}
	}
	f := Default(Knowledge{}).Observe(context.Background(), 600*time.Millisecond, nil)
	b, err := json.Marshal(f)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = os.Stdout.Write(append(append([]byte("\nfacts: "), b...), '\n'))
}
