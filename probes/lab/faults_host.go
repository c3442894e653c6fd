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
}

// cpuSaturated starts as many spinning threads as keep every CPU busy many times
// over. The service works for its answers itself, so it has to wait its turn.
func cpuSaturated(s *site) error {
	if err := s.quiet(); err != nil {
		return err
	}
	at := s.server.at(8983)
	if err := s.server.cast("search", &service{Addr: at, Backlog: 8, Workers: 1, Work: 0.02}); err != nil {
		return err
	}
	for i := range 6 {
		if err := s.server.cast("batch"+strconv.Itoa(i), &service{Addr: s.server.at(9900 + uint16(i)), Spin: 3}); err != nil {
			return err
		}
	}
	s.grows("portal.slow", 1)
	return s.client.cast("portal", &caller{Target: at, Rate: 12, Reply: 2000, Timeout: 4})
}

// cpuController is where version 1 of control groups has the CPU controller. In
// version 2 a group with processes cannot hand it on, so that a service manager
// would have to agree.
const cpuController = "/sys/fs/cgroup/cpu"

// quota lets a player run for so many seconds in each period, all of its threads
// together. The proof is its "quota:NAME": seconds for which it was stopped.
func (s *site) quota(p *player, seconds, period float64) error {
	dir := filepath.Join(cpuController, fmt.Sprintf("whydrop-lab-%d-%s", os.Getpid(), p.name))
	if err := os.Mkdir(dir, 0o755); err != nil {
		return fmt.Errorf("%w: a CPU quota takes a writable %s (control groups version 1): %w", ErrNeeds, cpuController, err)
	}
	s.undo = append(s.undo, func() { _ = os.Remove(dir) })
	var failed error
	for _, set := range []struct {
		file  string
		value int
	}{
		{"cpu.cfs_period_us", int(period * 1e6)},
		{"cpu.cfs_quota_us", int(seconds * 1e6)},
		{"cgroup.procs", p.cmd.Process.Pid},
	} {
		err := os.WriteFile(filepath.Join(dir, set.file), []byte(strconv.Itoa(set.value)), 0o644)
		failed = errors.Join(failed, err)
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
