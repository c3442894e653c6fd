package resources

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
)

// CPU is the time that one CPU has spent, in clock ticks (USER_HZ, 100 a second).
type CPU struct {
	ID                   int
	Busy, Softirq, Steal uint64 // Busy is all but idle and iowait
	All                  uint64
}

// parseStat reads the CPUs and procs_running of /proc/stat. The columns are user
// nice system idle iowait irq softirq steal guest guest_nice; guest time is
// part of user time.
func parseStat(b []byte) ([]CPU, *uint64, error) {
	var cpus []CPU
	var running *uint64
	for len(b) > 0 {
		var row []byte
		row, b, _ = bytes.Cut(b, []byte{'\n'})
		key, rest, _ := bytes.Cut(row, []byte{' '})
		switch {
		case len(key) > 3 && bytes.HasPrefix(key, []byte("cpu")):
			c, err := parseCPU(key[3:], bytes.Fields(rest))
			if err != nil {
				return nil, nil, err
			}
			cpus = append(cpus, c)
		case string(key) == "procs_running":
			if v, err := strconv.ParseUint(string(rest), 10, 64); err == nil {
				running = &v
			}
		}
	}
	if len(cpus) == 0 {
		return nil, nil, errors.New("no CPU in it")
	}
	return cpus, running, nil
}

func parseCPU(id []byte, fields [][]byte) (CPU, error) {
	n, err := strconv.ParseUint(string(id), 10, 16)
	if err != nil || len(fields) < 8 {
		return CPU{}, fmt.Errorf("not a CPU with 8 columns: cpu%.20q", id)
	}
	c := CPU{ID: int(n)}
	for i, f := range fields[:8] {
		v, err := strconv.ParseUint(string(f), 10, 63)
		if err != nil {
			return CPU{}, fmt.Errorf("cpu%d: %w", n, err)
		}
		c.All += v
		switch i {
		case 3, 4:
			continue
		case 6:
			c.Softirq = v
		case 7:
			c.Steal = v
		}
		c.Busy += v
	}
	return c, nil
}

// parseSoftirqs reads the NET_RX and NET_TX lines of /proc/softirqs: one column
// for each possible CPU, in order.
func parseSoftirqs(b []byte) (rx, tx []uint64) {
	for len(b) > 0 {
		var row []byte
		row, b, _ = bytes.Cut(b, []byte{'\n'})
		key, rest, _ := bytes.Cut(bytes.TrimLeft(row, " "), []byte{':'})
		switch string(key) {
		case "NET_RX":
			rx = columns(rest)
		case "NET_TX":
			tx = columns(rest)
		}
	}
	return rx, tx
}

// columns reads a line of numbers; nil if there is anything else in it.
func columns(row []byte) []uint64 {
	fields := bytes.Fields(row)
	counts := make([]uint64, 0, len(fields))
	for _, f := range fields {
		v, err := strconv.ParseUint(string(f), 10, 64)
		if err != nil {
			return nil
		}
		counts = append(counts, v)
	}
	return counts
}

// parseSchedstat reads the cpu lines of /proc/schedstat: how long tasks have
// waited on each CPU's run queue, in nanoseconds, by the CPU's number. It is the
// eighth number of a line in all versions since 14
// (Documentation/scheduler/sched-stats.rst).
func parseSchedstat(b []byte) map[int]uint64 {
	const waited = 8
	waits := map[int]uint64{}
	for len(b) > 0 {
		var row []byte
		row, b, _ = bytes.Cut(b, []byte{'\n'})
		fields := bytes.Fields(row)
		if len(fields) <= waited || !bytes.HasPrefix(fields[0], []byte("cpu")) {
			continue
		}
		id, err1 := strconv.ParseUint(string(fields[0][3:]), 10, 16)
		ns, err2 := strconv.ParseUint(string(fields[waited]), 10, 64)
		if err1 == nil && err2 == nil {
			waits[int(id)] = ns
		}
	}
	if len(waits) == 0 {
		return nil
	}
	return waits
}

// parseVMStat reads oom_kill and the allocstall counters of /proc/vmstat: one for
// each zone since Linux 4.10, a single one before.
func parseVMStat(b []byte) map[string]uint64 {
	m := map[string]uint64{}
	for len(b) > 0 {
		var row []byte
		row, b, _ = bytes.Cut(b, []byte{'\n'})
		if !bytes.HasPrefix(row, []byte("allocstall")) && !bytes.HasPrefix(row, []byte("oom_kill ")) {
			continue
		}
		key, val, _ := bytes.Cut(row, []byte{' '})
		v, err := strconv.ParseUint(string(val), 10, 64)
		if err != nil {
			continue
		}
		if key, _, _ := bytes.Cut(key, []byte{'_'}); string(key) == "allocstall" {
			m["allocstall"] += v
		} else {
			m["oom_kill"] = v
		}
	}
	return m
}

// parseFlat reads the "key number" lines of a control group's file.
func parseFlat(b []byte) map[string]uint64 {
	m := map[string]uint64{}
	for len(b) > 0 && len(m) < 64 {
		var row []byte
		row, b, _ = bytes.Cut(b, []byte{'\n'})
		key, val, _ := bytes.Cut(row, []byte{' '})
		if v, err := strconv.ParseUint(string(val), 10, 64); err == nil {
			m[string(key)] = v
		}
	}
	return m
}
