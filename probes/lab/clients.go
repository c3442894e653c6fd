//go:build linux

package lab

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Client is what a program that makes the traffic of a bench has counted for itself
// since it began. It is what its users feel, and nothing on the sick host can fake it.
type Client struct {
	Name string
	// Wanted and Got are requests, or bytes of a transfer: those that were due, and
	// those that were answered in time by whom the client meant. Wanted is 0 for a
	// program that nobody waits for (a scanner, a flood), and for a transfer that goes as
	// fast as it may: of that only Got tells.
	Wanted, Got float64
	// Silent says that the program has ended or was stopped.
	Silent bool
}

// customer is a role that wants something of a service.
type customer interface {
	// served is what was wanted and what was got, of a tally of so many seconds.
	served(counts map[string]float64, seconds float64) (wanted, got float64)
}

// prompt is how long a request may take beyond what was asked for, and still be served
// as on a healthy host: less than a repeated SYN takes.
const prompt = 900 * time.Millisecond

func (c *caller) served(counts map[string]float64, _ float64) (wanted, got float64) {
	if c.Mute || c.Dawdle > 0 || c.Leave > 0 || c.Total > 0 {
		return 0, 0
	}
	return counts["ok"] + counts["failed"], counts["prompt"]
}

// enoughBytes is the share of its rate from which on a transfer goes as on a healthy
// host: connections take their time to get up to it, on a long path above all.
const enoughBytes = 0.8

func (s *stream) served(counts map[string]float64, seconds float64) (wanted, got float64) {
	rate := s.Rate
	if s.Down {
		rate = s.ReadRate
	}
	return enoughBytes * rate * float64(max(s.Conns, 1)) * seconds, counts["vouched"]
}

func (v *visitor) served(counts map[string]float64, _ float64) (wanted, got float64) {
	return counts["ok"] + counts["failed"], counts["prompt"]
}

// clients is what all programs but the services have counted, by name.
func (s *site) clients() []Client {
	var all []Client
	s.casting.Lock()
	defer s.casting.Unlock()
	for _, name := range slices.Sorted(maps.Keys(s.cast)) {
		p := s.cast[name]
		if _, serves := p.role.(*service); serves {
			continue
		}
		c := Client{Name: name, Silent: stands(p.cmd.Process.Pid)}
		p.mu.Lock()
		if wants, is := p.role.(customer); is {
			c.Wanted, c.Got = wants.served(p.counts, time.Since(p.began).Seconds())
		}
		c.Silent = c.Silent || p.over != nil
		p.mu.Unlock()
		all = append(all, c)
	}
	return all
}

// stands says whether a process is stopped, dead or gone (proc_pid_stat(5): the state
// follows the name in parentheses).
func stands(pid int) bool {
	stat, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	if err != nil {
		return true
	}
	fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
	return len(fields) == 0 || strings.ContainsAny(fields[0], "TtZX")
}
