package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"whydrop/probes/lab"
)

// sickConsole is a terminal with a shell in a sick host, in which /etc and the folder
// of the records are the test's own.
func sickConsole(t *testing.T, fault string) *console {
	t.Helper()
	if err := lab.Supported(); err != nil {
		t.Skip(err)
	}
	if os.Geteuid() != 0 {
		t.Skip("needs root: an ordinary user's records are elsewhere")
	}
	if _, err := exec.LookPath("unshare"); err != nil {
		t.Skip(err)
	}
	c := onConsole(t)
	c.typed("unshare --mount sh\n")
	c.typed("mount -t tmpfs none /var/lib && mount -t tmpfs none /run && mount -t tmpfs none /etc/sysctl.d; whydrop lab shell " + fault + "\n")
	c.until(`proof: (?s:.*)\(lab ` + fault + `\) \$ $`)
	return c
}

// shows waits until a command shows a pattern.
func (c *console) shows(command, pattern string) {
	c.t.Helper()
	c.typed(command + "; echo en''d=$?\n")
	if text := c.until(`end=\d+\r\n`); !strings.Contains(text, pattern) {
		c.t.Errorf("%s does not show %q:\n%s", command, pattern, text)
	}
}

// TestApplyByHand goes through the prompts of apply as people do, at 3 a.m., too: by
// mistake, by Ctrl+C and Ctrl+Z, and by not answering at all.
func TestApplyByHand(t *testing.T) {
	if testing.Short() {
		t.Skip("takes a minute")
	}
	t.Parallel() // both wait most of the time
	c := sickConsole(t, "rp-filter")
	const (
		apply  = "whydrop apply --duration 2s --watch 2s --step 1 --confirm 12s"
		value  = "sysctl net.ipv4.conf.backup0.rp_filter"
		before = "rp_filter = 0"
	)
	toKeep := func() {
		t.Helper()
		c.typed(apply + "; echo en''d=$?\n")
		c.until(`y apply it .* > $`)
		c.typed("y\n")
		c.until(`k keep .* left > $`)
	}
	c.shows(value, before)
	for _, typed := range []string{"q\n", "\x03", "\x04"} {
		c.typed(apply + "; echo en''d=$?\n")
		c.until(`y apply it .* > $`)
		c.typed("yess\n")
		c.until(`Please type y, n or q(?s:.*)y apply it .* > $`)
		c.typed(typed)
		c.until(`end=\d+\r\n`)
		c.shows("whydrop rollback", "No change of whydrop's stands")
	}

	toKeep()
	c.typed("yes\n")
	c.until(`Please type k, r or b`)
	c.typed("r\n")
	c.until(`Kept. Take it back any time(?s:.*)end=0\r\n`)
	c.shows(value, "rp_filter = 2")
	c.shows("cat /etc/sysctl.d/90-whydrop.conf", "net/ipv4/conf/backup0/rp_filter = 2")
	c.shows("whydrop rollback", "backup0/rp_filter: 0 -> 2")
	c.shows("whydrop rollback --all", "taken back (Set the interface")
	c.shows("ls /etc/sysctl.d; "+value, before)
	c.shows("ls /etc/sysctl.d | wc -l", "0\r\n")

	for _, typed := range []string{"b\n", "\x03", "\x04"} {
		toKeep()
		c.typed(typed)
		c.until(`taken back(?s:.*)end=\d+\r\n`)
		c.shows(value, before)
	}

	toKeep()
	c.until(`0:05 left`) // it counts down
	c.until(`The time is over(?s:.*)taken back(?s:.*)end=0\r\n`)
	c.shows(value, before)

	toKeep()
	c.typed("\x1a")
	c.until(`Stopped`)
	c.shows("sleep 13; "+value, before)
	c.typed("fg\n")
	c.typed("k\n")
	c.until(`taken back`)
	c.shows("whydrop rollback", "No change of whydrop's stands")
}

// TestApplyWithoutTerminal changes nothing unless it is asked to; what it does then
// can be told by its status.
func TestApplyWithoutTerminal(t *testing.T) {
	t.Parallel() // both wait most of the time
	c := sickConsole(t, "rp-filter")
	const (
		apply = "whydrop apply --duration 2s --watch 2s "
		value = "sysctl net.ipv4.conf.backup0.rp_filter"
	)
	c.shows(apply+"< /dev/null", "without a terminal this is a dry run (--yes applies)")
	c.shows(apply+"--dry-run", "backup0/rp_filter: 0 -> 2")
	c.shows(value, "rp_filter = 0")
	c.shows(apply+"--yes --dry-run", "end=2")
	c.shows(apply+"--confirm 5s", "end=2")
	c.shows(apply+"--confirm 11s", "end=2")
	c.shows(apply+"--step 9 --yes", "end=2")
	c.shows("mount -o bind,ro /proc/sys /proc/sys; "+apply+"--yes --step 1", "mounted read-only")
	c.shows(apply+"--yes --step 1", "end=1")
	c.shows("umount /proc/sys; "+apply+"--yes", "end=0")
	c.shows(value, "rp_filter = 2")
	c.shows("whydrop rollback --all", "taken back")
	c.shows(value, "rp_filter = 0")

	// Killed together with its guard, as by a power cut: the next whydrop takes it back.
	c.shows("whydrop apply --duration 2s --watch 20s --step 1 --yes > /run/out 2>&1 & P=$!; until grep -q Applied /run/out; do sleep 0.1; done; kill -9 $(pgrep -P $P -f guard-changes) $P; "+value, "rp_filter = 2")
	c.shows("whydrop diagnose --duration 1s > /run/out", "took back what an earlier run left half done: Set the interface")
	c.shows(value, "rp_filter = 0")
}

// TestWhereChangesAreKept looks for a folder that can be written, and takes none that
// belongs to somebody else.
func TestWhereChangesAreKept(t *testing.T) {
	home, other := t.TempDir(), t.TempDir()
	t.Setenv("HOME", home)
	t.Setenv("XDG_STATE_HOME", "")
	defer func(was []string) { rootChanges = was }(rootChanges)
	own := filepath.Join(home, ".local", "state", "whydrop", "changes")
	expect := func(want string) {
		t.Helper()
		r, err := startRecord("a test")
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		if got := filepath.Dir(r.Path); got != want {
			t.Errorf("it is kept in %s, expected %s", got, want)
		}
	}
	rootChanges = []string{"/proc/no/such", "/sys/no/such"}
	expect(own)
	if os.Geteuid() == 0 {
		rootChanges[1] = filepath.Join(other, "run")
		expect(rootChanges[1])
		os.Chmod(rootChanges[1], 0o777)
		expect(own)
		os.Chown(home, 4711, 4711)
		if r, err := startRecord("a test"); err == nil || !strings.Contains(err.Error(), "nothing is changed: mkdir /proc/no") {
			t.Errorf("%v, %v", r, err)
		}
	}
	t.Setenv("XDG_STATE_HOME", filepath.Join(other, "state"))
	expect(filepath.Join(other, "state", "whydrop", "changes"))
}
