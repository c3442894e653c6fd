package content

import (
	"os"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestSysctlDefaults(t *testing.T) {
	for _, c := range []struct{ release, name, want string }{
		{"6.1.0-18-amd64", "net.core.somaxconn", "4096"},
		{"5.4", "net.core.somaxconn", "4096"},
		{"5.3.18-59.el8", "net.core.somaxconn", "128"},
		{"4.9.0", "net.core.somaxconn", "128"},
		{"3.10.0-1160.el7.x86_64", "net.ipv4.ip_local_port_range", "32768 61000"},
		{"6.15.3", "net.core.rmem_max", ""},
		{"6.18.0-rc1", "net.core.rmem_max", "4194304"},
		{"10.0", "net.ipv4.tcp_sack", "1"},
		{"6.1.0", "net.ipv4.no_such_thing", ""},
	} {
		d, err := SysctlDefaults(c.release)
		if err != nil || d[c.name] != c.want {
			t.Errorf("%s of %s: %q, want %q (%v)", c.name, c.release, d[c.name], c.want, err)
		}
	}
	for _, release := range []string{"", "6", "six.one", ".1", "6.", "99999999999999999999.1"} {
		if _, err := SysctlDefaults(release); err == nil {
			t.Errorf("release %q: no error", release)
		}
	}
}

func TestSysctlProblems(t *testing.T) {
	for _, c := range []struct{ yaml, want string }{
		{"sysctls: [{name: a.b, source: x}]", "either a value"},
		{"sysctls: [{name: a.b, is: '1', values: [{since: '1.2', is: '1'}], source: x}]", "either a value"},
		{"sysctls: [{name: a.b, is: '1'}]", "a source"},
		{"sysctls: [{name: a.b, source: x, values: [{since: '5.4', is: '1'}, {since: '4.2', is: '2'}]}]", "oldest"},
		{"sysctls: [{name: a.b, is: '1', source: x}, {name: a.b, is: '1', source: x}]", "twice"},
		{"sysctls: [{name: a.b, was: '1'}]", "was"},
	} {
		if _, err := parseSysctls([]byte(c.yaml)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want an error that says %q", c.yaml, err, c.want)
		}
	}
}

// A new network namespace has the kernel's own values, whatever this host does.
func TestSysctlsOfThisKernel(t *testing.T) {
	release, err := os.ReadFile("/proc/sys/kernel/osrelease")
	if err != nil {
		t.Skip(err)
	}
	defaults, err := SysctlDefaults(string(release))
	if err != nil {
		t.Fatal(err)
	}
	runtime.LockOSThread() // never unlocked: the thread ends with the test
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		t.Skipf("a network namespace needs root: %v", err)
	}
	read := 0
	for name, want := range defaults {
		if strings.HasPrefix(name, "net.core.") && name != "net.core.somaxconn" {
			continue // the first namespace's value shows through
		}
		b, err := os.ReadFile("/proc/sys/" + strings.ReplaceAll(name, ".", "/"))
		if err != nil {
			continue // of a module, or only in the first namespace
		}
		read++
		if got := strings.Join(strings.Fields(string(b)), " "); got != want {
			t.Errorf("%s is %q in a new namespace, and %q in the list", name, got, want)
		}
	}
	if read < 20 {
		t.Errorf("only %d settings could be read", read)
	}
}
