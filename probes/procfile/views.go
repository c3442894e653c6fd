package procfile

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
)

// maxAncestors bounds the search for a process with another view.
const maxAncestors = 16

// Views returns the root directories of processes that may see mounts which this
// process does not: those of its ancestors, nearest first, and of process 1
// (/proc/PID/root, proc_pid_root(5)). `ip netns exec` gives a command a new /sys
// that hides what was mounted below it; who called it still sees that. Looking
// through them takes the rights of ptrace(2). proc is the mount of procfs.
func Views(proc string) []string {
	var views []string
	pid := "self"
	for range maxAncestors {
		pid = parent(filepath.Join(proc, pid, "stat"))
		if pid == "" || pid == "1" {
			break
		}
		views = append(views, filepath.Join(proc, pid, "root"))
	}
	return append(views, filepath.Join(proc, "1", "root"))
}

// parent reads the fourth field of a process's stat file, "" if there is none.
// The second is its name, which may hold blanks and parentheses.
func parent(stat string) string {
	b, err := os.ReadFile(stat)
	if err != nil {
		return ""
	}
	fields := bytes.Fields(b[bytes.LastIndexByte(b, ')')+1:])
	if len(fields) < 2 {
		return ""
	}
	n, err := strconv.ParseUint(string(fields[1]), 10, 31)
	if err != nil || n == 0 {
		return ""
	}
	return strconv.FormatUint(n, 10)
}
