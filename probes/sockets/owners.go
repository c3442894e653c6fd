package sockets

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
	"unsafe"

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
	target  [64]byte // of the link last read
}

const (
	walkBudget = 10 * time.Millisecond // a look
	walkAgain  = 3 * time.Second       // at the earliest, for sockets not found
	maxOwners  = 8                     // processes noted for one socket (a prefork server)
)

// fdWalk is a walk under way.
type fdWalk struct {
	pids []int
	dir  *os.File // /proc/PID/fd of pids[0]
	// large are the processes with more open files than were read at first. A
	// listener's is among the first; so they are walked to their end last.
	large    []int
	toTheEnd bool

	entries [8 << 10]byte
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
	r.Processes, r.ProcessesAt = o.process.look(procRoot, cgroupRoot, watched(r))
}

// watched returns the processes with listeners, those with the fullest queues
// first, and then those that leave data unread.
func watched(r *Reading) []int {
	order := make([]*Listener, 0, len(r.Listeners))
	for i := range r.Listeners {
		order = append(order, &r.Listeners[i])
	}
	slices.SortStableFunc(order, func(a, b *Listener) int { return int(int64(b.Queue) - int64(a.Queue)) })
	var pids []int
	owner := func(inode uint32) {
		for _, pid := range r.Owners[inode] {
			if !slices.Contains(pids, pid) {
				pids = append(pids, pid)
			}
		}
	}
	for _, l := range order {
		owner(l.Inode)
	}
	for i := range r.Flows {
		if r.Flows[i].Class == Reader {
			owner(r.Flows[i].Socket.Inode)
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
		w.pids, w.large, w.toTheEnd = w.large, nil, true
		if len(w.pids) == 0 {
			return false
		}
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
	dir := int(w.dir.Fd())
	for {
		n, err := unix.Getdents(dir, w.entries[:])
		eachName(w.entries[:max(n, 0)], func(name []byte) { o.link(pid, dir, name) })
		if err != nil || n <= 0 {
			break
		}
		if !w.toTheEnd && n > len(w.entries)/2 {
			w.large = append(w.large, pid)
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

// eachName calls visit with the names in struct linux_dirent64 after another, each
// with the zero byte at its end. It makes no garbage, for there may be a million.
func eachName(entries []byte, visit func(name []byte)) {
	const length, name = 16, 19 // offsets of d_reclen and d_name
	for len(entries) > name {
		size := int(binary.NativeEndian.Uint16(entries[length:]))
		if size <= name || size > len(entries) {
			return
		}
		if end := bytes.IndexByte(entries[name:size], 0); end > 0 {
			visit(entries[name : name+end+1])
		}
		entries = entries[size:]
	}
}

// link looks where the link of an open file leads. Its name ends in a zero byte.
func (o *owners) link(pid, dir int, name []byte) {
	if name[0] == '.' {
		return
	}
	target := o.target[:]
	n, _, errno := unix.Syscall6(unix.SYS_READLINKAT, uintptr(dir), uintptr(unsafe.Pointer(&name[0])),
		uintptr(unsafe.Pointer(&target[0])), uintptr(len(target)), 0, 0)
	if errno != 0 {
		o.hidden = o.hidden || errors.Is(errno, fs.ErrPermission)
		return
	}
	inode, ok := socketInode(target[:min(int(n), len(target))])
	if !ok || !o.wanted[inode] {
		return
	}
	pids := o.pids[inode]
	if !slices.Contains(pids, pid) && len(pids) < maxOwners {
		o.pids[inode] = append(pids, pid)
	}
}

// socketInode reads "socket:[4711]".
func socketInode(target []byte) (inode uint32, ok bool) {
	digits, ok := bytes.CutPrefix(target, []byte("socket:["))
	if !ok || !bytes.HasSuffix(digits, []byte("]")) || len(digits) > len("4294967295]") {
		return 0, false
	}
	var n uint64
	for _, c := range digits[:len(digits)-1] {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + uint64(c-'0')
	}
	return uint32(n), len(digits) > 1 && n <= 1<<32-1
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
