//go:build linux

package lab

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// hostFaults are faults of the whole machine. That the kernel finds no memory for
// packets (host.memory-pressure) is not among them: it takes all of the machine's
// memory, and would end what else runs on it.
var hostFaults = []Scenario{
	{
		Name: "cpu-saturated", Cause: "host.cpu-saturated", Also: []string{"listen.accept-queue-full"}, sick: "server",
		Alone: "all CPUs",
		About: "batch jobs with more threads than CPUs leave a busy service little time; seen from its host",
		plan:  cpuSaturated,
	},
	{
		Name: "cpu-saturated-one", Cause: "host.cpu-saturated", Also: []string{"listen.accept-queue-full"}, sick: "server",
		Alone: "a CPU",
		About: "a service is pinned to a CPU that batch jobs keep busy, while another CPU is free; seen from its host",
		plan: func(s *site) error {
			s.grows("portal.slow", 1)
			return s.crowded(s.serverAt4, &service{Backlog: 12, Workers: 2, Work: 0.02, OneCPU: true}, 4,
				&service{Spin: 3, OneCPU: true}, &caller{Rate: 10, Reply: 4000, Timeout: 4})
		},
	},
	{
		Name: "cpu-saturated-many", Cause: "host.cpu-saturated", Also: []string{"listen.accept-queue-full"}, sick: "server",
		Alone: "all CPUs",
		About: "a service on IPv6 with many workers gets a small part of the CPUs; seen from its host",
		plan: func(s *site) error {
			s.grows("portal.slow", 1)
			return s.crowded(s.serverAt6, &service{Backlog: 6, Workers: 4, Work: 0.05}, 3,
				&service{Spin: 5}, &caller{Rate: 18, Reply: 1000, Timeout: 3})
		},
	},
	{
		Name: "cpu-saturated-reader", Cause: "host.cpu-saturated", Also: []string{"app.slow-reader"}, sick: "server",
		Alone: "all CPUs",
		About: "uploads are left unread by a service that gets a small part of the CPUs; seen from its host",
		plan: func(s *site) error {
			s.grows("portal.bytes", 1000)
			s.stays("portal.bytes", 3e6) // twice as much is there to be sent
			return s.crowded(s.serverAt6, &service{ReadWork: 0.008}, 4, &service{Spin: 4}, &stream{Conns: 2, Rate: 3e6})
		},
	},
}

// cpuSaturated starts as many spinning threads as keep every CPU busy many times
// over. The service works for its answers itself, so it has to wait its turn.
func cpuSaturated(s *site) error {
	s.grows("portal.slow", 1)
	return s.crowded(s.serverAt4, &service{Backlog: 8, Workers: 1, Work: 0.02}, 6,
		&service{Spin: 3}, &caller{Rate: 12, Reply: 2000, Timeout: 4})
}

// crowded has v, which needs CPU time for what its clients ask, wait its turn among
// jobs that keep the CPUs busy many times over.
func (s *site) crowded(at func(uint16) string, v *service, jobs int, job *service, client role) error {
	if err := s.quiet(); err != nil {
		return err
	}
	v.Addr = at(8983)
	if err := s.server.cast("search", v); err != nil {
		return err
	}
	for i := range jobs {
		batch := *job
		batch.Addr = s.server.at(9900 + uint16(i))
		if err := s.server.cast("batch"+strconv.Itoa(i), &batch); err != nil {
			return err
		}
	}
	switch c := client.(type) {
	case *caller:
		c.Target = v.Addr
	case *stream:
		c.Target = v.Addr
	}
	return s.client.cast("portal", client)
}

// healthyBusy has jobs use all CPU time that a service leaves, and it still gets
// what it needs.
func healthyBusy(s *site) error {
	if err := s.quiet(); err != nil {
		return err
	}
	if err := s.server.cast("batch", &service{Addr: s.server.at(9900), Spin: 4}); err != nil {
		return err
	}
	return s.usual(8060)
}

// controllers is where version 1 of control groups has its controllers, each in a
// directory of its own. In version 2 a group with processes cannot hand a
// controller on, so that a service manager would have to agree.
const controllers = "/sys/fs/cgroup"

// quota lets a player run for so many seconds in each period, all of its threads
// together. The proof is its "quota:NAME": seconds for which it was stopped.
func (s *site) quota(p *player, seconds, period float64) error {
	return s.limited(p, "cpu",
		"cpu.cfs_period_us", strconv.Itoa(int(period*1e6)),
		"cpu.cfs_quota_us", strconv.Itoa(int(seconds*1e6)))
}

// limited puts a player into a control group of its own, with pairs of file and
// value.
func (s *site) limited(p *player, controller string, pairs ...string) error {
	dir := filepath.Join(controllers, controller, fmt.Sprintf("whydrop-lab-%d-%s", os.Getpid(), p.name))
	if err := os.Mkdir(dir, 0o755); err != nil {
		return fmt.Errorf("%w: a limit of a control group takes a writable %s (control groups version 1): %w", ErrNeeds, filepath.Dir(dir), err)
	}
	s.undo = append(s.undo, func() { _ = os.Remove(dir) })
	var failed error
	pairs = append(pairs, "cgroup.procs", strconv.Itoa(p.cmd.Process.Pid))
	for i := 0; i+1 < len(pairs); i += 2 {
		failed = errors.Join(failed, os.WriteFile(filepath.Join(dir, pairs[i]), []byte(pairs[i+1]), 0o644))
	}
	s.quotas = map[string]string{p.name: dir}
	return failed
}

// stopped returns for how many seconds the quota of a player stopped it.
func (s *site) stopped(player string) (float64, error) {
	b, err := os.ReadFile(filepath.Join(s.quotas[player], "cpu.stat"))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(b)) {
		if ns, ok := strings.CutPrefix(line, "throttled_time "); ok {
			n, err := strconv.ParseFloat(strings.TrimSpace(ns), 64)
			return n / 1e9, err
		}
	}
	return 0, fmt.Errorf("cpu.stat of %s has no throttled_time", player)
}
