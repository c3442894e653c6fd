package resources

import "testing"

func TestFrom(t *testing.T) {
	r, errs := From(map[string][]byte{
		"proc/meminfo":   []byte("MemTotal:  1000 kB\nMemFree: 5 kB\nMemAvailable: 250 kB\n"),
		"proc/vmstat":    []byte("oom_kill 3\n"),
		"etc/os-release": []byte("PRETTY_NAME=\"Some Linux\"\n"),
		"proc/stat":      []byte("nonsense\n"),
	})
	if r.Total == nil || *r.Total != 1000<<10 || r.Available == nil || *r.Available != 250<<10 || r.VM["oom_kill"] != 3 || r.Host.OS != "Some Linux" {
		t.Errorf("reading %+v", r)
	}
	if r.NetRX != nil || r.Stalled != nil || r.Quotas != nil || len(r.Unread) != 0 {
		t.Errorf("parts are known that were not among the copies: %+v", r)
	}
	if len(errs) != 1 {
		t.Errorf("errors %v, want one about /proc/stat", errs)
	}
	for _, bad := range []string{"", "MemTotal:\n", "MemTotal: many kB\n", "MemTotal: 99999999999999999999 kB\n"} {
		if v := memory([]byte(bad), "MemTotal:"); v != nil {
			t.Errorf("%q: %d bytes", bad, *v)
		}
	}
}
