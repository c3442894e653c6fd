package sockets

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// owners finds the processes that hold sockets of interest, by walking the links
// /proc/PID/fd/N -> socket:[INODE]. A full walk can be long on a host with a
// million open files, so it goes on from look to look within a budget.
type owners struct {
	root    string
	pids    map[uint32][]int // found so far, by inode; empty: looked for, nobody
	wanted  map[uint32]bool
	walk    *fdWalk
	hidden  bool
	walked  time.Time
	names   map[int]string
	process processes
}

const (
	walkBudget = 10 * time.Millisecond // a look
	walkAgain  = 3 * time.Second       // at the earliest, for sockets not found
	maxOwners  = 8                     // processes noted for one socket (a prefork server)
	fdBatch    = 256
)

// fdWalk is a walk under way.
type fdWalk struct {
	pids []int
	dir  *os.File // /proc/PID/fd of pids[0]
}

// look adds to r what is known of the owners of its sockets.
func (o *owners) look(ctx context.Context, procRoot, cgroupRoot string, r *Reading) {
	if o.pids == nil {
		o.pids, o.names = map[uint32][]int{}, map[int]string{}
	}
	o.root = procRoot
	o.wanted = map[uint32]bool{}
	for i := range r.Listeners {
		o.wanted[r.Listeners[i].Inode] = true
	}
	for i := range r.Flows {
		o.wanted[r.Flows[i].Socket.Inode] = true
	}
	delete(o.wanted, 0)
	for inode := range o.pids {
		if !o.wanted[inode] {
			delete(o.pids, inode)
		}
	}
	o.goOn(ctx)
	r.Owners, r.Names = map[uint32][]int{}, map[int]string{}
	for inode, pids := range o.pids {
		if len(pids) > 0 {
			r.Owners[inode] = slices.Clone(pids)
		}
		for _, pid := range pids {
			r.Names[pid] = o.name(pid)
		}
	}
	r.Unfinished = o.walk != nil
	r.Hidden, r.Root = o.hidden && len(r.Owners) < len(o.wanted), os.Geteuid() == 0
	r.Processes, r.ProcessesAt = o.process.look(procRoot, cgroupRoot, listening(r))
}

// listening returns the processes with listeners, those with the fullest queues first.
func listening(r *Reading) []int {
	order := make([]*Listener, 0, len(r.Listeners))
	for i := range r.Listeners {
		order = append(order, &r.Listeners[i])
	}
	slices.SortStableFunc(order, func(a, b *Listener) int { return int(int64(b.Queue) - int64(a.Queue)) })
	var pids []int
	for _, l := range order {
		for _, pid := range r.Owners[l.Inode] {
			if !slices.Contains(pids, pid) {
				pids = append(pids, pid)
			}
		}
	}
	return pids
}

// goOn continues the walk, or begins one if a socket is new since the last.
func (o *owners) goOn(ctx context.Context) {
	if o.walk == nil {
		unknown := false
		for inode := range o.wanted {
			if len(o.pids[inode]) == 0 {
				unknown = true
			}
		}
		if !unknown || (!o.walked.IsZero() && time.Since(o.walked) < walkAgain) {
			return
		}
		o.walk, o.hidden = &fdWalk{pids: listPids(o.root)}, false
	}
	until := time.Now().Add(walkBudget)
	for ctx.Err() == nil && time.Now().Before(until) {
		if !o.step(until) {
			o.walk, o.walked = nil, time.Now()
			return
		}
	}
}

// step walks the open files of one process, or some of them, and says whether
// there is more to do.
func (o *owners) step(until time.Time) bool {
	w := o.walk
	if len(w.pids) == 0 {
		return false
	}
	pid := w.pids[0]
	if w.dir == nil {
		dir, err := os.Open(filepath.Join(o.root, strconv.Itoa(pid), "fd"))
		if err != nil {
			o.hidden = o.hidden || errors.Is(err, fs.ErrPermission)
			w.pids = w.pids[1:]
			return true
		}
		w.dir = dir
	}
	for {
		names, err := w.dir.Readdirnames(fdBatch)
		for _, name := range names {
			o.link(pid, int(w.dir.Fd()), name)
		}
		if err != nil || len(names) == 0 {
			break
		}
		if !time.Now().Before(until) {
			return true
		}
	}
	w.dir.Close()
	w.dir, w.pids = nil, w.pids[1:]
	return true
}

func (o *owners) link(pid, dir int, name string) {
	var target [64]byte
	n, err := unix.Readlinkat(dir, name, target[:])
	if err != nil {
		o.hidden = o.hidden || errors.Is(err, fs.ErrPermission)
		return
	}
	digits, ok := bytes.CutPrefix(target[:n], []byte("socket:["))
	if !ok {
		return
	}
	inode, err := strconv.ParseUint(string(bytes.TrimSuffix(digits, []byte("]"))), 10, 32)
	if err != nil || !o.wanted[uint32(inode)] {
		return
	}
	pids := o.pids[uint32(inode)]
	if !slices.Contains(pids, pid) && len(pids) < maxOwners {
		o.pids[uint32(inode)] = append(pids, pid)
	}
}

// name returns a process's name, which is read once for as long as it is wanted.
func (o *owners) name(pid int) string {
	if name, ok := o.names[pid]; ok {
		return name
	}
	if len(o.names) >= 1024 {
		clear(o.names)
	}
	b, err := os.ReadFile(filepath.Join(o.root, strconv.Itoa(pid), "comm"))
	if err != nil {
		return ""
	}
	name := strings.TrimSuffix(string(b[:min(len(b), maxNameLength)]), "\n")
	o.names[pid] = name
	return name
}

// listPids returns the process ids of /proc, ascending.
func listPids(root string) []int {
	dir, err := os.Open(root)
	if err != nil {
		return nil
	}
	defer dir.Close()
	names, _ := dir.Readdirnames(-1)
	var pids []int
	for _, name := range names {
		if pid, err := strconv.Atoi(name); err == nil && pid > 0 {
			pids = append(pids, pid)
		}
	}
	slices.Sort(pids)
	return pids
}
