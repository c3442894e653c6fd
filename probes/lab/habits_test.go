//go:build linux

package lab

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestHabits wants hosts of every habit among the scenarios, so that the reasoning
// is proven on all of them.
func TestHabits(t *testing.T) {
	congestion, segments := map[string]int{}, map[segmentation]int{}
	all := All()
	for _, s := range all {
		h := habitsOf(hashOf(s.Name))
		congestion[h.congestion]++
		segments[h.segments]++
	}
	for _, algorithm := range []string{"reno", "cubic", "bbr"} {
		if n := congestion[algorithm]; n < len(all)/5 {
			t.Errorf("%d of %d scenarios send by %s, want a fifth at least", n, len(all), algorithm)
		}
	}
	for _, by := range []segmentation{bySender, byLink, byLinkBoth} {
		if n := segments[by]; n < len(all)/5 {
			t.Errorf("%d of %d scenarios cut segments in way %d, want a fifth at least", n, len(all), by)
		}
	}
}

// TestSends looks at the connections of a healthy host for each algorithm: one
// that a namespace may choose as its default, and one only for a route.
func TestSends(t *testing.T) {
	if err := Supported(); err != nil {
		t.Skip(err)
	}
	if _, err := exec.LookPath("ss"); err != nil {
		t.Skip(err)
	}
	for _, algorithm := range []string{"reno", "cubic", "bbr"} {
		t.Run(algorithm, func(t *testing.T) {
			t.Parallel()
			if !knows(algorithm) {
				t.Skip("not in this kernel")
			}
			i := slices.IndexFunc(healthyHosts, func(s Scenario) bool {
				return !s.Disturbs() && s.Needs == "" && habitsOf(hashOf(s.Name)).congestion == algorithm
			})
			if i < 0 {
				t.Fatal("no healthy host sends so")
			}
			b := start(t, healthyHosts[i])
			var out []byte
			// Connections are short and come in bursts: a look can fall between two.
			for until := time.Now().Add(30 * time.Second); time.Now().Before(until); {
				var err error
				if out, err = b.CommandOn(t.Context(), "server", "ss", "-Htin").Output(); err != nil {
					t.Fatal(err)
				}
				if strings.Contains(string(out), "\t "+algorithm+" ") {
					return
				}
			}
			t.Errorf("%s: no connection sends by %s:\n%s", healthyHosts[i].Name, algorithm, out)
		})
	}
}
