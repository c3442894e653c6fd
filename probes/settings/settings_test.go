package settings

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"whydrop/probes/fact"
)

// sysctls makes a /proc/sys of the given values.
func sysctls(t *testing.T, values map[string]string) string {
	t.Helper()
	root := t.TempDir()
	for key, v := range values {
		path := filepath.Join(root, strings.ReplaceAll(key, ".", "/"))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(v+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func factsOf(t *testing.T, root string) *fact.Facts {
	t.Helper()
	s := &Source{root: root, first: func() (*os.File, int, error) { return nil, 0, os.ErrPermission }}
	d, err := s.Look(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	f := fact.New(time.Unix(1700000000, 0), 1)
	s.Facts([]fact.Reading{{Data: d}}, f)
	return f
}

func TestSettings(t *testing.T) {
	first := map[string]string{
		"net.core.netdev_max_backlog": "1000", "net.core.netdev_budget": "300", "net.ipv4.tcp_mem": "287898\t383867\t575796",
		"net.ipv4.tcp_max_orphans": "131072", "net.ipv4.neigh.default.gc_thresh3": "1024",
	}
	for _, c := range []struct {
		what   string
		values map[string]string
		want   map[string]any // nil for unknown
		blind  int
	}{
		{"the first namespace", first, map[string]any{
			"tcp_mem.pressure": 383867.0, "neigh.gc_thresh3": 1024.0, "sysctl.net.core.netdev_max_backlog": 1000.0,
			"sysctl.net.core.somaxconn": nil, "host.forwards": nil, "ports.ephemeral": nil, "settings.host_wide": true,
		}, 0},
		{"another namespace", map[string]string{"net.core.somaxconn": "4096", "net.ipv4.ip_forward": "0"}, map[string]any{
			"sysctl.net.core.somaxconn": 4096.0, "tcp_mem.high": nil, "host.forwards": false, "settings.host_wide": false, "tcp_mem.machine_pages": nil,
		}, 1},
		{"an old kernel's settings", map[string]string{"net.ipv4.tcp_tw_recycle": "1", "vm.min_free_kbytes": "67584"}, map[string]any{
			"sysctl.net.ipv4.tcp_tw_recycle": 1.0, "sysctl.vm.min_free_kbytes": 67584.0, "sysctl.net.ipv4.tcp_low_latency": nil,
		}, 1},
		{"attempts of a kernel of today", map[string]string{"net.ipv4.tcp_syn_retries": "6", "net.ipv4.tcp_syn_linear_timeouts": "4", "net.ipv4.ip_default_ttl": "64"}, map[string]any{
			"tcp.syn_gives_up_s": 131.0, "sysctl.net.ipv4.ip_default_ttl": 64.0,
		}, 1},
		{"attempts before Linux 6.5", map[string]string{"net.ipv4.tcp_syn_retries": "6"}, map[string]any{"tcp.syn_gives_up_s": 127.0}, 1},
		{"one attempt", map[string]string{"net.ipv4.tcp_syn_retries": "1", "net.ipv4.tcp_syn_linear_timeouts": "4"}, map[string]any{"tcp.syn_gives_up_s": 7.0}, 1},
		{"attempts up to the longest timeout", map[string]string{"net.ipv4.tcp_syn_retries": "9"}, map[string]any{"tcp.syn_gives_up_s": 487.0}, 1},
		{"attempts that are no number", map[string]string{"net.ipv4.tcp_syn_retries": "x"}, map[string]any{"tcp.syn_gives_up_s": nil}, 1},
		{"forwards IPv6 only", map[string]string{"net.ipv4.ip_forward": "0", "net.ipv6.conf.all.forwarding": "1"}, map[string]any{"host.forwards": true}, 1},
		{"receive buffers", map[string]string{"net.ipv4.tcp_rmem": "4096 131072 6291456", "net.ipv4.tcp_wmem": "4096 16384"}, map[string]any{
			"tcp_rmem.min": 4096.0, "tcp_rmem.max": 6291456.0, "tcp_wmem.max": nil,
		}, 1},
		{"port range", map[string]string{"net.ipv4.ip_local_port_range": "32768\t60999"}, map[string]any{
			"ports.ephemeral": 28232.0, "sysctl.net.ipv4.ip_local_port_range": "32768 60999",
		}, 1},
		{"reserved ports", map[string]string{"net.ipv4.ip_local_port_range": "1000 1999", "net.ipv4.ip_local_reserved_ports": "80,990-1009,1500,1990-3000"}, map[string]any{
			"ports.ephemeral": 979.0,
		}, 1},
		{"nonsense", map[string]string{"net.core.somaxconn": "many", "net.ipv4.ip_local_port_range": "9 5", "net.ipv4.tcp_rmem": ""}, map[string]any{
			"sysctl.net.core.somaxconn": nil, "ports.ephemeral": nil, "tcp_rmem.max": nil,
		}, 1},
		{"a number with a sign", map[string]string{"net.core.somaxconn": "-1"}, map[string]any{"sysctl.net.core.somaxconn": -1.0}, 1},
	} {
		t.Run(c.what, func(t *testing.T) {
			f := factsOf(t, sysctls(t, c.values))
			for name, want := range c.want {
				if got := f.Values[name].Now; got != want {
					t.Errorf("%s = %v, want %v", name, got, want)
				}
			}
			if len(f.Blind) != c.blind {
				t.Errorf("blind = %v, want %d", f.Blind, c.blind)
			}
		})
	}
}

// The machine's memory is what tcp_mem has to be compared with: more than a tenth of
// it is TCP's nowhere by itself.
func TestMemoryOfTheMachine(t *testing.T) {
	f := factsOf(t, sysctls(t, map[string]string{"net.ipv4.tcp_mem": "287898\t383867\t575796", "net.ipv4.tcp_wmem": "4096 16384 4194304"}))
	if pages, known := f.Num("tcp_mem.machine_pages"); !known || pages < 1<<10 {
		t.Errorf("%v pages of memory", pages)
	}
	if least, _ := f.Num("tcp_wmem.min"); least != 4096 {
		t.Errorf("tcp_wmem.min = %v", least)
	}
}

func TestReversePathFilter(t *testing.T) {
	f := factsOf(t, sysctls(t, map[string]string{
		"net.ipv4.conf.all.rp_filter": "1", "net.ipv4.conf.default.rp_filter": "2", "net.ipv4.conf.lo.rp_filter": "0",
		"net.ipv4.conf.eth0.rp_filter": "0", "net.ipv4.conf.eth1.rp_filter": "2",
	}))
	rows := f.Tables["rpfilter"]
	if len(rows) != 2 || rows[0]["name"] != "eth0" || rows[0]["mode"] != 1.0 || rows[1]["name"] != "eth1" || rows[1]["mode"] != 2.0 {
		t.Errorf("rows = %v, want the larger of all and the interface for eth0 and eth1", rows)
	}
	if f := factsOf(t, sysctls(t, map[string]string{"net.core.somaxconn": "1"})); f.Tables["rpfilter"] != nil {
		t.Error("a table although the directory was not there")
	}
}

func TestRefused(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Skip("root may read everything")
	}
	root := sysctls(t, map[string]string{"net.core.somaxconn": "1"})
	if err := os.Chmod(filepath.Join(root, "net/core/somaxconn"), 0); err != nil {
		t.Fatal(err)
	}
	f := factsOf(t, root)
	if _, ok := f.Values["sysctl.net.core.somaxconn"]; ok || len(f.Blind) != 2 {
		t.Errorf("values %v, blind %v", f.Values, f.Blind)
	}
}

func TestNoSysctls(t *testing.T) {
	if _, err := (&Source{root: t.TempDir()}).Look(context.Background()); !errors.Is(err, fact.ErrUnavailable) {
		t.Errorf("got %v, want an error that says it is unavailable", err)
	}
}

func FuzzFacts(f *testing.F) {
	f.Add("1024 65535", "8080,9000-9010", "1 2 3")
	f.Add("-1--5", "1-", "1")
	f.Fuzz(func(t *testing.T, ports, reserved, mem string) {
		r := &Reading{
			Values: map[string]string{
				"net.ipv4.ip_local_port_range": ports, "net.ipv4.ip_local_reserved_ports": reserved, "net.ipv4.tcp_mem": mem,
			},
			RPFilter: map[string]string{"all": mem, ports: reserved},
		}
		got := fact.New(time.Unix(1, 0), 1)
		New().Facts([]fact.Reading{{Data: r}}, got)
		if n, ok := got.Num("ports.ephemeral"); ok && (n < 0 || n > 65536) {
			t.Errorf("%v ephemeral ports", n)
		}
	})
}
