package procfile

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
)

// maxAncestors bounds the search for a process with another view.
const maxAncestors = 16

// View is how a process sees the file system (/proc/PID/root, proc_pid_root(5)).
type View struct {
	PID  int
	Root string
}

// Views returns the views of processes that may see mounts which this process
// does not: of its ancestors, nearest first, and of process 1. `ip netns exec` gives a command a new /sys
// that hides what was mounted below it; who called it still sees that. Looking
// through them takes the rights of ptrace(2). proc is the mount of procfs.
func Views(proc string) []View {
	var views []View
	for _, pid := range append(Ancestors(proc), 1) {
		views = append(views, View{pid, filepath.Join(proc, strconv.Itoa(pid), "root")})
	}
	return views
}

// Ancestors are the processes that this one descends from, the nearest first, without
// process 1. proc is the mount of procfs.
func Ancestors(proc string) (pids []int) {
	stat := filepath.Join(proc, "self", "stat")
	for range maxAncestors {
		pid := parent(stat)
		if pid <= 1 {
			break
		}
		pids = append(pids, pid)
		stat = filepath.Join(proc, strconv.Itoa(pid), "stat")
	}
	return pids
}

// parent reads the fourth field of a process's stat file, 0 if there is none.
// The second is its name, which may hold blanks and parentheses.
func parent(stat string) int {
	b, err := os.ReadFile(stat)
	if err != nil {
		return 0
	}
	fields := bytes.Fields(b[bytes.LastIndexByte(b, ')')+1:])
	if len(fields) < 2 {
		return 0
	}
	pid, err := strconv.ParseUint(string(fields[1]), 10, 31)
	if err != nil {
		return 0
	}
	return int(pid)
}
