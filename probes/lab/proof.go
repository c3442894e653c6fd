//go:build linux

package lab

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
)

// sign is one piece of evidence: a count that must grow, or must stay.
type sign struct {
	source string  // "player.counter", "rule:name" or "kernel:host:Group.Counter"
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

// proof watches the signs and tells what it saw. Signs that are not seen within the
// window get five more, all together, as the rare events of a slow fault come in
// bursts, or the last alone, as buffers that were still filling are full then.
func (s *site) proof(window time.Duration) (string, error) {
	first, err := s.readAll()
	if err != nil {
		return "", err
	}
	start := time.Now()
	before, since := first, start
	for try := 0; ; try++ {
		time.Sleep(window)
		now, err := s.readAll()
		if err != nil {
			return "", err
		}
		at := time.Now()
		says, err := s.judge(first, now, at.Sub(start).Seconds())
		if err != nil && try > 0 {
			says, err = s.judge(before, now, at.Sub(since).Seconds())
		}
		if err == nil || try == 5 {
			return says, err
		}
		before, since = now, at
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
	if rest, ok := strings.CutPrefix(source, "kernel:"); ok {
		name, counter, _ := strings.Cut(rest, ":")
		return s.kernelCount(s.host(name), counter)
	}
	if name, ok := strings.CutPrefix(source, "quota:"); ok {
		return s.stopped(name)
	}
	name, counter, _ := strings.Cut(source, ".")
	p, ok := s.cast[name]
	if !ok {
		return 0, fmt.Errorf("the site has no player %q", name)
	}
	return p.count(counter)
}

// kernelCount reads a counter of a host: "sockstat.tw" of the TCP line of
// /proc/net/sockstat, "Tcp.RetransSegs" of snmp, "TcpExt.TCPOFOQueue" of netstat.
func (s *site) kernelCount(h *host, counter string) (float64, error) {
	group, field, _ := strings.Cut(counter, ".")
	file := map[string]string{"sockstat": "sockstat", "TcpExt": "netstat"}[group]
	if file == "" {
		file = "snmp"
	}
	var text []byte
	err := h.do(func() (err error) {
		text, err = os.ReadFile("/proc/thread-self/net/" + file)
		return err
	})
	if err != nil {
		return 0, err
	}
	var names []string
	for line := range strings.Lines(string(text)) {
		words := strings.Fields(line)
		switch {
		case len(words) == 0:
		case group == "sockstat" && words[0] == "TCP:":
			for i := 1; i+1 < len(words); i += 2 {
				if words[i] == field {
					return strconv.ParseFloat(words[i+1], 64)
				}
			}
		case words[0] != group+":":
		case names == nil:
			names = words
		default:
			if i := slices.Index(names, field); i > 0 && i < len(words) {
				return strconv.ParseFloat(words[i], 64)
			}
		}
	}
	return 0, fmt.Errorf("%s has no counter %s", h.name, counter)
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
