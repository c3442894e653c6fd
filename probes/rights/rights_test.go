package rights

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

func TestSets(t *testing.T) {
	s := SetOf("CAP_NET_ADMIN", "CAP_BPF", "CAP_OF_TOMORROW")
	if got := s.Names(); !reflect.DeepEqual(got, []string{"CAP_NET_ADMIN", "CAP_BPF"}) {
		t.Errorf("%v", got)
	}
	if s != 1<<12|1<<39 {
		t.Errorf("%x: CAP_NET_ADMIN is 12 and CAP_BPF 39", s)
	}
	if got := (Set(1) << 41).Names(); !reflect.DeepEqual(got, []string{"CAP_41"}) {
		t.Errorf("a capability of tomorrow is called %v", got)
	}
	admin := SetOf("CAP_SYS_ADMIN", "CAP_DAC_OVERRIDE")
	for c, want := range map[string]bool{
		"CAP_BPF": true, "CAP_PERFMON": true, "CAP_DAC_READ_SEARCH": true, "CAP_NET_ADMIN": false, "CAP_OF_TOMORROW": false,
	} {
		if admin.Grants(c) != want {
			t.Errorf("CAP_SYS_ADMIN and CAP_DAC_OVERRIDE: %s %v", c, !want)
		}
	}
}

func TestStatus(t *testing.T) {
	var p Process
	good := "Name:\twhydrop\nCapInh:\t0000000000000000\nCapEff:\t0000000400001000\nCapBnd:\t000001ffffffffff\nNoNewPrivs:\t1\nSeccomp:\t2\n"
	if err := p.status([]byte(good)); err != nil {
		t.Fatal(err)
	}
	if p.Effective != SetOf("CAP_NET_ADMIN", "CAP_SYSLOG") || !p.Bounding.Has("CAP_BPF") || !p.NoNewPrivs || !p.Seccomp {
		t.Errorf("%+v", p)
	}
	for name, bad := range map[string]string{
		"empty": "", "no bounding set": "CapEff:\t0\n", "not hexadecimal": "CapEff:\tall\nCapBnd:\t0\n", "too long": "CapEff:\t1ffffffffffffffff\nCapBnd:\t0\n",
	} {
		if err := new(Process).status([]byte(bad)); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestMounts(t *testing.T) {
	tests := []struct {
		name, mountinfo, hidepid string
		readOnly                 bool
	}{
		{"plain", "22 27 0:21 / /proc rw,relatime - proc proc rw\n", "", false},
		{"hidden", "22 27 0:21 / /proc rw - proc proc rw,hidepid=invisible,gid=4\n", "invisible", false},
		{"off", "22 27 0:21 / /proc rw - proc proc rw,hidepid=off\n", "", false},
		{"a container's", "22 27 0:21 / /proc rw - proc proc rw\n30 22 0:21 /sys /proc/sys ro,relatime - proc proc rw\n", "", true},
		{"the last mount is seen", "22 27 0:21 / /proc rw - proc proc rw,hidepid=2\n23 22 0:22 / /proc rw - proc proc rw\n", "", false},
		{"optional fields", "22 27 0:21 / /proc ro master:1 shared:2 - proc proc rw,hidepid=1\n", "1", true},
		{"cut off", "22 27 0:21 / /proc rw - proc", "", false},
	}
	for _, tt := range tests {
		var p Process
		p.mounts(tt.mountinfo)
		if p.HidePID != tt.hidepid || p.SysReadOnly != tt.readOnly {
			t.Errorf("%s: hidepid %q, read-only %v", tt.name, p.HidePID, p.SysReadOnly)
		}
	}
}

func TestLabels(t *testing.T) {
	for raw, want := range map[string]string{
		"unconfined\n":                                        "",
		"docker-default (enforce)\n":                          "docker-default (enforce)",
		"system_u:system_r:container_t:s0:c1,c2\x00":          "system_u:system_r:container_t:s0:c1,c2",
		"unconfined_u:unconfined_r:unconfined_t:s0-s0:c0\x00": "",
	} {
		if got := label([]byte(raw)); got != want {
			t.Errorf("%q: %q", raw, got)
		}
	}
}

// host makes a root directory with the given files.
func host(t *testing.T, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	for name, text := range files {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func TestSelfTellsWhatItCan(t *testing.T) {
	p, err := Self(host(t, nil))
	if err == nil || !strings.Contains(err.Error(), "/proc/self/status") {
		t.Errorf("no /proc: %v", err)
	}
	if p.FirstNet != nil || p.FirstUser != nil {
		t.Error("without /proc a namespace became known")
	}
	p, err = Self(host(t, map[string]string{
		"proc/self/status": "CapEff:\t0\nCapBnd:\t0\n", "proc/sys/net/core/somaxconn": "4096\n",
		"var/run/secrets/kubernetes.io/token": "x", ".dockerenv": "",
	}))
	if err != nil || p.FirstNet == nil || *p.FirstNet || p.Container != "Kubernetes" {
		t.Errorf("%+v, %v", p, err)
	}
}

func TestFeaturesAndRestrictions(t *testing.T) {
	state := func(root, name string) string {
		for _, f := range Features(root) {
			if f.Name == name {
				if f.State == "no" && f.Lacks == "" && name != "drop reasons" {
					t.Errorf("%s is missing, and nothing says what that costs", name)
				}
				return f.State
			}
		}
		return "?"
	}
	bare := host(t, nil)
	for _, name := range []string{"BTF", "drop reasons", "PSI", "cgroup", "sysfs"} {
		if got := state(bare, name); got != "no" {
			t.Errorf("%s on a host without /proc and /sys: %s", name, got)
		}
	}
	// The name lies across the border of two reads.
	types := strings.Repeat("x", 256<<10-7) + "\x00skb_drop_reason\x00" + "tail"
	rich := host(t, map[string]string{
		"sys/kernel/btf/vmlinux": types, "proc/pressure/cpu": "some avg10=0.00\n",
		"proc/self/mountinfo":            "1 0 0:1 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n2 0 0:2 / /sys/fs/cgroup/unified rw - cgroup2 none rw\n",
		"proc/sys/kernel/dmesg_restrict": "1\n", "proc/sys/kernel/unprivileged_bpf_disabled": "0\n",
		"sys/kernel/security/lockdown": "none integrity [confidentiality]\n",
	})
	for _, name := range []string{"BTF", "drop reasons", "PSI", "cgroup v2", "tcp_info"} {
		if got := state(rich, name); got != "yes" {
			t.Errorf("%s: %s", name, got)
		}
	}
	want := []Restriction{{"kernel.dmesg_restrict", "1"}, {"lockdown", "confidentiality"}}
	if got := Restrictions(rich); !reflect.DeepEqual(got, want) {
		t.Errorf("%v", got)
	}
}

func FuzzProcess(f *testing.F) {
	f.Add("CapEff:\t0000000400001000\nCapBnd:\t000001ffffffffff\nNoNewPrivs:\t1\n", "22 27 0:21 / /proc rw - proc proc rw,hidepid=2\n")
	f.Add("CapEff", "- - - - /proc ro - a b c")
	f.Fuzz(func(t *testing.T, status, mounts string) {
		var p Process
		err := p.status([]byte(status))
		p.mounts(mounts)
		if err == nil && (!strings.Contains(status, "CapEff:") || !strings.Contains(status, "CapBnd:")) {
			t.Error("capabilities out of nothing")
		}
		if p.HidePID != "" && !strings.Contains(mounts, "hidepid") {
			t.Error("hidepid out of nothing")
		}
		for _, s := range p.Effective.Names() {
			if !strings.HasPrefix(s, "CAP_") {
				t.Errorf("%q", s)
			}
		}
	})
}
