package sockets

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"whydrop/probes/fact"
	"whydrop/probes/sockets/inetdiag"
)

// TestRareLooksAreTold: where the looks are far apart, it is said how far, what a
// look costs, and what is not seen because of it.
func TestRareLooksAreTold(t *testing.T) {
	for every, told := range map[time.Duration]bool{500 * time.Millisecond: false, time.Second: false, 6 * time.Second: true} {
		s, _ := scripted(t, make([]inetdiag.Socket, 0), nil, nil)
		var readings []fact.Reading
		for i := range 3 {
			data, err := s.Look(context.Background())
			if err != nil {
				t.Fatal(err)
			}
			data.(*Reading).CPU = 150 * time.Millisecond
			readings = append(readings, fact.Reading{At: time.Unix(0, 0).Add(time.Duration(i) * every), Data: data})
		}
		f := fact.New(time.Unix(0, 0), 12)
		s.Facts(readings, f)
		adapted, _ := f.Values["sockets.adapted"].Now.(string)
		blind := false
		for _, b := range f.Blind {
			blind = blind || b.Probe == "sockets" && strings.Contains(b.What, "6.0 s")
		}
		if (adapted != "") != told || blind != told {
			t.Errorf("a look every %v: %q, blind spots %v", every, adapted, f.Blind)
		}
		if told && (!strings.Contains(adapted, "6.0 s") || !strings.Contains(adapted, "150 ms")) {
			t.Errorf("%q", adapted)
		}
		numbers(t, f, map[string]float64{"sockets.look_ms": 150, "sockets.every_ms": float64(every.Milliseconds())})
	}
}

// families is a kernel without sockets that notes which families it was asked for.
type families struct{ asked []uint8 }

func (f *families) Close() error { return nil }

func (f *families) Dump(_ context.Context, r inetdiag.Request, _ func(*inetdiag.Socket)) (bool, error) {
	f.asked = append(f.asked, r.Family)
	return false, nil
}

// TestIPv6IsLeftOut only where no socket of it can be there.
func TestIPv6IsLeftOut(t *testing.T) {
	for name, c := range map[string]struct {
		sockstat6, sockstat string
		asks                string // for each look: 6 if IPv6 was asked for
	}{
		"IPv6 in use":            {"TCP6: inuse 3\nUDP6: inuse 0\n", "sockets: used 9\nTCP: inuse 5 orphan 0 tw 0 alloc 9 mem 1\n", "666666666666"},
		"no socket of IPv6":      {"TCP6: inuse 0\n", "sockets: used 9\nTCP: inuse 5 orphan 0 tw 0 alloc 9 mem 1\n", "............"},
		"there may be TIME-WAIT": {"TCP6: inuse 0\n", "sockets: used 9\nTCP: inuse 5 orphan 0 tw 7 alloc 9 mem 1\n", "6........6.."},
		"the kernel has no IPv6": {"", "sockets: used 9\nTCP: inuse 5 orphan 0 tw 7 alloc 9 mem 1\n", "............"},
		"not known":              {"garbage", "garbage", "666666666666"},
	} {
		s, kernel := New(), &families{}
		s.dial = func() (dumper, error) { return kernel, nil }
		files := map[string]string{"thread-self/net/sockstat": c.sockstat, "thread-self/net/sockstat6": c.sockstat6}
		s.procRoot = procWith(t, files)
		if c.sockstat6 == "" {
			os.Remove(filepath.Join(s.procRoot, "thread-self/net/sockstat6"))
		}
		asks := ""
		for range 12 {
			kernel.asked = nil
			if _, err := s.Look(context.Background()); err != nil {
				t.Fatal(err)
			}
			asks += map[bool]string{true: "6", false: "."}[kernel.asked[0] == unix.AF_INET6]
		}
		if asks != c.asks {
			t.Errorf("%s: %s, want %s", name, asks, c.asks)
		}
	}
}
