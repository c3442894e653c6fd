package apply

import (
	"os"
	"strings"
	"testing"

	"github.com/vishvananda/netns"

	"whydrop/probes/namespaces"
)

// A setting that all network namespaces share and that does no harm: how many lines
// the network code may write into the kernel's log at once.
const sharedKey = "net.core.message_burst"

// atHome reads a sysctl in the host's first network namespace.
func atHome(t *testing.T) string {
	t.Helper()
	first, _, err := namespaces.First()
	if err != nil {
		t.Skip("the first network namespace cannot be entered: ", err)
	}
	defer first.Close()
	value := ""
	err = namespaces.Inside(first, func() error {
		b, err := os.ReadFile("/proc/sys/" + strings.ReplaceAll(sharedKey, ".", "/"))
		value = strings.TrimSpace(string(b))
		return err
	})
	if err != nil {
		t.Skip("this is not the machine itself: ", err)
	}
	return value
}

// What only the first network namespace can set is set there from another one, and
// comes back, also when that other one is gone.
func TestSharedSysctlFromAnotherNamespace(t *testing.T) {
	for _, gone := range []bool{false, true} {
		inHost(t)
		before := atHome(t)
		c := Change{Knob: "sysctl", Of: sharedKey, To: before + "1"}
		if !c.Shared() {
			t.Fatal("it is not known to be shared")
		}
		if w := c.Words(&State{Text: before}); !strings.Contains(w.Run, " -n sysctl -w ") || !strings.HasPrefix(w.Undo, "nsenter -t ") {
			t.Errorf("by hand: %q, back: %q", w.Run, w.Undo)
		}
		if w := c.WordsElsewhere(&State{Text: before}); strings.Contains(w.Run+w.Undo, "nsenter") || w.Undo == "" {
			t.Errorf("for another host: %q, back: %q", w.Run, w.Undo)
		}
		if err := c.Allowed(); err != nil {
			t.Fatal(err)
		}
		dir := t.TempDir() + "/changes"
		r, err := Start(dir, "a test")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { r.Undo(true) })
		if err := r.Do(c); err != nil {
			t.Fatal(err)
		}
		if now := atHome(t); now != c.To {
			t.Errorf("%s is %s, want %s", sharedKey, now, c.To)
		}
		if !gone {
			if err := r.Undo(false); err != nil {
				t.Error(err)
			}
		} else {
			elsewhere, err := netns.New()
			if err != nil {
				t.Fatal(err)
			}
			defer elsewhere.Close()
			r.Netns, r.Cookie = 1, 1 // no namespace has this inode
			if err := r.within(func() error { return r.undo(0, false) }); err != nil {
				t.Error(err)
			}
		}
		if now := atHome(t); now != before {
			t.Errorf("%s is %s, was %s", sharedKey, now, before)
		}
	}
}

// The settings of an interface are never looked for in another namespace, which can
// have one of the same name; nor is what this one can set itself.
func TestOwnSysctlIsNotShared(t *testing.T) {
	inHost(t)
	for _, key := range []string{"net.ipv4.conf.gone.rp_filter", "net.ipv4.conf.all.none", "net.ipv6.neigh.gone.gc_stale_time", "net.core.somaxconn", "net.none.none", "vm.min_free_kbytes", "fs.none"} {
		if c := (Change{Knob: "sysctl", Of: key, To: "1"}); c.Shared() {
			t.Errorf("%s is said to be shared", key)
		}
	}
	if os.Geteuid() == 0 && !(Change{Knob: "sysctl", Of: "net.ipv4.tcp_mem", To: "1 2 3"}).Shared() {
		t.Error("net.ipv4.tcp_mem is said not to be shared")
	}
}
