//go:build linux

package lab

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// Playing lists the programs that make the traffic of the bench on which this process
// runs: those that are alive and not stopped, by process id. On no bench there are
// none.
func Playing() []int {
	number, _, _ := strings.Cut(os.Getenv(envGuarded), ".")
	guard, err := strconv.Atoi(number)
	if err != nil {
		return nil
	}
	director := processes(func(proc string) bool { return childOf(proc, guard) })
	if len(director) == 0 {
		return nil
	}
	return processes(func(proc string) bool { return childOf(proc, director[0]) })
}

// childOf says whether a process, by its directory of /proc, is a child of another
// one and neither stopped nor dead (proc_pid_stat(5): the state and the parent follow
// the name in parentheses).
func childOf(proc string, parent int) bool {
	stat, err := os.ReadFile(filepath.Join(proc, "stat"))
	if err != nil {
		return false
	}
	fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
	return len(fields) > 1 && fields[1] == strconv.Itoa(parent) && !strings.ContainsAny(fields[0], "TtZX")
}
