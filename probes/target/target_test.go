package target

import (
	"context"
	"net"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"whydrop/probes/fact"
)

func TestNew(t *testing.T) {
	for spec, ok := range map[string]bool{
		"db1": true, "db1:5432": true, "10.0.0.1": true, "[fd00::1]:443": true, "fd00::1": true,
		"": false, ":80": false, "db1:0": false, "db1:http": false, "db1:70000": false,
	} {
		if _, err := New(spec); (err == nil) != ok {
			t.Errorf("New(%q): %v", spec, err)
		}
	}
}

// try looks twice at a destination and returns the facts.
func try(t *testing.T, spec string) *fact.Facts {
	t.Helper()
	s, err := New(spec)
	if err != nil {
		t.Fatal(err)
	}
	var readings []fact.Reading
	for range 2 {
		r, err := s.Look(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		readings = append(readings, fact.Reading{At: time.Now(), Data: r})
	}
	f := fact.New(time.Now(), 1)
	s.Facts(readings, f)
	return f
}

func TestOutcomesOnLoopback(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	f := try(t, l.Addr().String())
	if n, _ := f.Num("target.connected"); n != 2 || f.Values["target.route"].Now != "ok" {
		t.Errorf("a listener: %v", f.Values)
	}
	closed := l.Addr().String()
	l.Close()
	f = try(t, closed)
	if n, _ := f.Num("target.refused"); n != 2 {
		t.Errorf("a closed port: %v", f.Values)
	}
	if _, ok := f.Values["target.connect_ms"]; ok {
		t.Error("a time to connect although nothing connected")
	}
	f = try(t, "127.0.0.1")
	if _, ok := f.Values["target.attempts"]; ok {
		t.Error("without a port a connection was tried")
	}
}

func TestRouteOf(t *testing.T) {
	for err, want := range map[error]string{
		nil: "ok", unix.EINVAL: "blackhole", unix.EHOSTUNREACH: "unreachable", unix.EACCES: "prohibit", unix.ENETUNREACH: "none",
	} {
		if got := routeOf(err); got != want {
			t.Errorf("routeOf(%v) = %q, want %q", err, got, want)
		}
	}
}

func FuzzNew(f *testing.F) {
	for _, spec := range []string{"192.0.2.1", "192.0.2.1:443", "[2001:db8::1]:22", "host:0", ":80", "fe80::1%eth0", "a:b:c", "host:65536"} {
		f.Add(spec)
	}
	f.Fuzz(func(t *testing.T, spec string) {
		s, err := New(spec)
		if err == nil && s.host == "" {
			t.Errorf("%q: no host and no error", spec)
		}
	})
}
