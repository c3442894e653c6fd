//go:build linux

package lab

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// sign is one piece of evidence: a count that must grow, or must stay.
type sign struct {
	source string  // "player.counter" or "rule:name"
	least  float64 // growth a second, at least
	most   float64 // growth a second, at most; negative: no limit
}

// grows demands that source grows by at least perSecond.
func (s *site) grows(source string, perSecond float64) {
	s.signs = append(s.signs, sign{source: source, least: perSecond, most: -1})
}

// stays demands that source grows by no more than perSecond.
func (s *site) stays(source string, perSecond float64) {
	s.signs = append(s.signs, sign{source: source, most: perSecond})
}

// proof watches the signs and tells what it saw. A sign that is not seen within
// the window gets five more: the rare events of a slow fault come in bursts.
func (s *site) proof(window time.Duration) (string, error) {
	before, err := s.readAll()
	if err != nil {
		return "", err
	}
	start := time.Now()
	for try := 0; ; try++ {
		time.Sleep(window)
		now, err := s.readAll()
		if err != nil {
			return "", err
		}
		says, err := s.judge(before, now, time.Since(start).Seconds())
		if err == nil || try == 5 {
			return says, err
		}
	}
}

func (s *site) readAll() ([]float64, error) {
	out := make([]float64, len(s.signs))
	for i, g := range s.signs {
		v, err := s.read(g.source)
		if err != nil {
			return nil, err
		}
		out[i] = v
	}
	return out, nil
}

// read takes the present value of a source.
func (s *site) read(source string) (float64, error) {
	if name, ok := strings.CutPrefix(source, "rule:"); ok {
		return s.ruleCount(name)
	}
	if rest, ok := strings.CutPrefix(source, "sockstat:"); ok {
		name, field, _ := strings.Cut(rest, ":")
		return s.sockstat(s.host(name), field)
	}
	name, counter, _ := strings.Cut(source, ".")
	p, ok := s.cast[name]
	if !ok {
		return 0, fmt.Errorf("the site has no player %q", name)
	}
	return p.count(counter)
}

// sockstat reads a field of the TCP line of a host's /proc/net/sockstat.
func (s *site) sockstat(h *host, field string) (float64, error) {
	var value float64
	err := h.do(func() error {
		text, err := os.ReadFile("/proc/thread-self/net/sockstat")
		if err != nil {
			return err
		}
		_, tcp, _ := strings.Cut(string(text), "TCP: ")
		words := strings.Fields(tcp)
		for i := 0; i+1 < len(words); i += 2 {
			if words[i] == field {
				value, err = strconv.ParseFloat(words[i+1], 64)
				return err
			}
		}
		return fmt.Errorf("/proc/net/sockstat has no field %q", field)
	})
	return value, err
}

func (s *site) judge(before, now []float64, seconds float64) (string, error) {
	if len(s.signs) == 0 {
		return "", fmt.Errorf("the scenario has no proof")
	}
	var says []string
	for i, g := range s.signs {
		rate := (now[i] - before[i]) / seconds
		said := fmt.Sprintf("%s %+.1f/s", g.source, rate)
		if rate < g.least {
			return "", fmt.Errorf("%s in %.1f s, expected at least %g/s; %s", said, seconds, g.least, s.totals())
		}
		if g.most >= 0 && rate > g.most {
			return "", fmt.Errorf("%s in %.1f s, expected at most %g/s; %s", said, seconds, g.most, s.totals())
		}
		says = append(says, said)
	}
	return strings.Join(says, ", "), nil
}

// totals shows what every player has counted, for an error to explain itself.
func (s *site) totals() string {
	var out []string
	for name, p := range s.cast {
		out = append(out, name+" "+p.last())
	}
	return strings.Join(out, "; ")
}
