package sockets

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"whydrop/probes/procfile"
)

// Process is one process with a listening socket. A figure that is negative could
// not be read.
type Process struct {
	PID     int    `json:"pid"`
	Start   uint64 `json:"start"` // clock ticks after boot: tells apart a reused pid
	Name    string `json:"name"`  // as the process set it, at most 64 bytes
	State   string `json:"state"` // of its main thread: R, S, D, T, ...
	Threads int    `json:"threads"`
	Ticks   int64  `json:"ticks"` // CPU time in ticks of 10 ms (USER_HZ)
	FDs     int    `json:"fds"`   // open file descriptors
	FDLimit int64  `json:"fd_limit"`
	// Waited is the time in nanoseconds that its threads were able to run and waited
	// for a CPU, of the first 64 (/proc/PID/task/TID/schedstat, sched-stats.rst).
	Waited int64 `json:"waited"`
	// From cpu.stat of its cgroup and of those above: time for which the quota
	// stopped it in microseconds (summed over CPUs), periods, and periods in
	// which it did.
	Throttled, Periods, ThrottledPeriods int64
}

// userHZ is the unit of times in /proc/PID/stat: fixed in the kernel's ABI on all
// architectures that Go runs on.
const userHZ = 100

const (
	maxProcesses    = 48
	processesEvery  = 900 * time.Millisecond
	maxNameLength   = 64
	maxCountedFiles = 1 << 17
	maxThreads      = 64
)

// processes reads the processes behind listeners now and then.
type processes struct {
	at      time.Time
	pids    []int
	last    []Process
	cgroups map[int][]string // cpu.stat files by pid
}

// look returns the processes and the time at which they were read: again if that
// is a while ago or others are asked for.
func (p *processes) look(procRoot, cgroupRoot string, pids []int) ([]Process, time.Time) {
	pids = pids[:min(len(pids), maxProcesses)]
	if time.Since(p.at) < processesEvery && slices.Equal(pids, p.pids) {
		return p.last, p.at
	}
	if p.cgroups == nil {
		p.cgroups = map[int][]string{}
	}
	for pid := range p.cgroups {
		if !slices.Contains(pids, pid) {
			delete(p.cgroups, pid)
		}
	}
	p.at, p.pids, p.last = time.Now(), slices.Clone(pids), nil
	for _, pid := range pids {
		dir := filepath.Join(procRoot, strconv.Itoa(pid))
		process, ok := readProcess(dir, pid)
		if !ok {
			continue
		}
		if _, ok := p.cgroups[pid]; !ok {
			roots := []string{cgroupRoot}
			for _, view := range procfile.Views(procRoot) {
				roots = append(roots, filepath.Join(view.Root, "sys/fs/cgroup"))
			}
			p.cgroups[pid] = cpuStatFiles(dir, roots)
		}
		process.throttling(p.cgroups[pid])
		p.last = append(p.last, process)
	}
	return p.last, p.at
}

func readProcess(dir string, pid int) (Process, bool) {
	stat, err := os.ReadFile(filepath.Join(dir, "stat"))
	if err != nil {
		return Process{}, false
	}
	p, ok := parseStat(stat)
	p.PID = pid
	p.FDs = countFiles(filepath.Join(dir, "fd"))
	p.Waited = waited(filepath.Join(dir, "task"))
	limits, _ := os.ReadFile(filepath.Join(dir, "limits"))
	p.FDLimit = parseFileLimit(limits)
	p.Throttled, p.Periods, p.ThrottledPeriods = -1, -1, -1
	return p, ok
}

// parseStat reads /proc/PID/stat. The name stands in parentheses and can hold
// anything, also parentheses: what counts is after the last one.
func parseStat(b []byte) (Process, bool) {
	open, end := bytes.IndexByte(b, '('), bytes.LastIndexByte(b, ')')
	if open < 0 || end < open {
		return Process{}, false
	}
	field := bytes.Fields(b[end+1:]) // field[0] is the third of proc(5), the state
	if len(field) < 20 {
		return Process{}, false
	}
	name := b[open+1 : end]
	utime, err1 := strconv.ParseInt(string(field[11]), 10, 64)
	stime, err2 := strconv.ParseInt(string(field[12]), 10, 64)
	threads, err3 := strconv.Atoi(string(field[17]))
	start, err4 := strconv.ParseUint(string(field[19]), 10, 64)
	return Process{
		Name: string(name[:min(len(name), maxNameLength)]), State: string(field[0][:1]),
		Threads: threads, Ticks: utime + stime, Start: start,
	}, errors.Join(err1, err2, err3, err4) == nil
}

// waited sums up how long the threads of a process waited for a CPU, -1 if
// nobody may know.
func waited(tasks string) int64 {
	dir, err := os.Open(tasks)
	if err != nil {
		return -1
	}
	defer dir.Close()
	threads, _ := dir.Readdirnames(maxThreads)
	sum := int64(-1)
	for _, tid := range threads {
		b, _ := os.ReadFile(filepath.Join(tasks, tid, "schedstat"))
		if ns := parseWaited(b); ns >= 0 {
			sum = max(sum, 0) + ns
		}
	}
	return sum
}

// parseWaited returns the second field of a schedstat file, or -1.
func parseWaited(schedstat []byte) int64 {
	fields := bytes.Fields(schedstat)
	if len(fields) < 2 {
		return -1
	}
	n, err := strconv.ParseInt(string(fields[1]), 10, 64)
	if err != nil || n < 0 {
		return -1
	}
	return n
}

// countFiles returns the number of open files, or -1. Since Linux 6.2 it is the
// size of /proc/PID/fd, which anybody may ask for; before, they are counted, which
// takes the right to look into the process.
func countFiles(path string) int {
	info, err := os.Stat(path)
	if err != nil {
		return -1
	}
	if info.Size() > 0 && info.Size() < 1<<31 {
		return int(info.Size())
	}
	dir, err := os.Open(path)
	if err != nil {
		return -1
	}
	defer dir.Close()
	n := 0
	for n < maxCountedFiles {
		names, err := dir.Readdirnames(1024)
		n += len(names)
		if err != nil {
			break
		}
	}
	return n
}

// parseFileLimit returns the soft limit of "Max open files" in /proc/PID/limits,
// or -1 if it is unlimited or not to be seen.
func parseFileLimit(limits []byte) int64 {
	for line := range bytes.Lines(limits) {
		rest, ok := bytes.CutPrefix(line, []byte("Max open files"))
		if !ok {
			continue
		}
		if column := bytes.Fields(rest); len(column) > 0 {
			if n, err := strconv.ParseInt(string(column[0]), 10, 64); err == nil {
				return n
			}
		}
	}
	return -1
}

// cpuStatFiles returns the cpu.stat files of the process's cgroup and of those
// above it, of version 2 or of version 1's cpu controller. Where /sys was mounted
// anew, as `ip netns exec` does, the views of other processes have the cgroups.
func cpuStatFiles(dir string, roots []string) []string {
	membership, err := os.ReadFile(filepath.Join(dir, "cgroup"))
	if err != nil {
		return nil
	}
	var files []string
	for line := range bytes.Lines(membership) {
		part := strings.SplitN(strings.TrimSuffix(string(line), "\n"), ":", 3)
		if len(part) != 3 || !strings.HasPrefix(part[2], "/") || strings.Contains(part[2], "..") {
			continue // a path with ".." lies outside of this cgroup namespace
		}
		mounts := []string{"", "unified"}
		if part[1] != "" {
			if !slices.Contains(strings.Split(part[1], ","), "cpu") {
				continue
			}
			mounts = []string{part[1], "cpu", "cpu,cpuacct"}
		}
		files = append(files, existing(roots, mounts, part[2])...)
	}
	return files
}

// existing returns the cpu.stat files of a cgroup and its ancestors below the
// first mount that has any.
func existing(roots, mounts []string, cgroup string) []string {
	for _, root := range roots {
		for _, mount := range mounts {
			var files []string
			for path := cgroup; ; path = filepath.Dir(path) {
				file := filepath.Join(root, mount, path, "cpu.stat")
				if _, err := os.Stat(file); err == nil {
					files = append(files, file)
				}
				if path == "/" || path == "." { // in a container the root can be the one with the quota
					break
				}
			}
			if len(files) > 0 {
				return files
			}
		}
	}
	return nil
}

// throttling sums up the files: as a rule only one level has a quota.
func (p *Process) throttling(files []string) {
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			continue
		}
		for line := range bytes.Lines(b) {
			key, value, _ := strings.Cut(strings.TrimSpace(string(line)), " ")
			n, err := strconv.ParseInt(value, 10, 64)
			if err != nil || n < 0 {
				continue
			}
			switch key {
			case "throttled_usec":
				p.Throttled = max(p.Throttled, 0) + n
			case "throttled_time": // version 1, nanoseconds
				p.Throttled = max(p.Throttled, 0) + n/1000
			case "nr_periods":
				p.Periods = max(p.Periods, 0) + n
			case "nr_throttled":
				p.ThrottledPeriods = max(p.ThrottledPeriods, 0) + n
			}
		}
	}
}
