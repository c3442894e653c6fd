package changes

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
)

// maxStat bounds what is read of /proc/stat, in bytes: btime comes after the
// interrupts, of which a large host has hundreds of KiB.
const maxStat = 4 << 20

func parseBoot(r io.Reader) (time.Time, bool) {
	lines := bufio.NewReader(io.LimitReader(r, maxStat))
	for {
		// A line that does not fit the buffer is the one of the interrupts.
		line, err := lines.ReadSlice('\n')
		if s, ok := strings.CutPrefix(string(line), "btime "); ok {
			n, err := strconv.ParseInt(strings.TrimSpace(s), 10, 40)
			return time.Unix(n, 0), err == nil && n > 0
		}
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			return time.Time{}, false
		}
	}
}

// location is the zone in which logs give local time: that of the copied files,
// if they hold one.
func (t *tree) location() *time.Location {
	if t.inside == nil {
		return time.Local
	}
	if b, err := t.read("etc/localtime"); err == nil {
		if loc, err := time.LoadLocationFromTZData("local", b); err == nil {
			return loc
		}
	}
	return time.UTC
}

// marks are left by container runtimes: /lib/modules is then not that of the
// running kernel.
var marks = []string{".dockerenv", "run/.containerenv", "run/systemd/container"}

func (l *look) container() bool { return slices.ContainsFunc(marks, l.exists) }

// kernels tells which kernels were lately installed, by the index that depmod
// writes for each (depmod(8)): the files of the package keep the time at which
// they were built.
func (l *look) kernels() {
	running := l.word("proc/sys/kernel/osrelease")
	if running == "" || l.container() {
		return
	}
	dir := "lib/modules"
	pending, present, any := false, false, false
	for _, release := range l.names(dir) {
		index := dir + "/" + release + "/modules.dep"
		info, err := l.stat(index)
		if err != nil || !info.Mode().IsRegular() {
			continue
		}
		any = true
		present = present || release == running
		l.indexed(release, running, info, &pending)
	}
	if !any {
		return
	}
	if !l.Boot.IsZero() {
		l.RebootPending = &pending
	}
	if !present {
		l.add(Change{
			Kind: Kernel, Name: running, Source: "/" + dir,
			What: "the modules of the running kernel are gone: none can be loaded until a reboot",
		})
	}
}

// indexed tells of one kernel whose index of modules is there.
func (l *look) indexed(release, running string, info fs.FileInfo, pending *bool) {
	at := info.ModTime()
	c := Change{Kind: Kernel, Name: release, At: at, Source: "/lib/modules/" + release + "/modules.dep", Is: running}
	switch {
	case release == running && l.sinceBoot(at):
		c.Kind, c.What = Module, "modules of the running kernel were added or removed (depmod)"
	case release == running && !l.Boot.IsZero():
		c.What = "installed before the boot, and runs since"
	case release != running && l.sinceBoot(at):
		*pending = true
		c.What = "installed since the boot, " + running + " still runs"
	default:
		c.What = "installed, " + running + " runs"
	}
	l.add(c)
}

// userHZ is the unit of times in /proc/PID/stat: fixed in the kernel's ABI.
const userHZ = 100

// maxServices bounds how many processes are looked at.
const maxServices = 500

// services tells what was started since the boot: processes whose parent is the
// first one, which are services, and containers' guardians.
func (l *look) services() {
	if l.Boot.IsZero() {
		return
	}
	children, err := l.children()
	if err != nil {
		l.cannotSee("services lately started (/proc/1/task/1/children)", "a kernel with CONFIG_PROC_CHILDREN, and hidepid=0")
		return
	}
	newest := map[string]Change{}
	mine := l.ancestors()
	for i, pid := range append([]string{"1"}, children...) {
		if i == maxServices {
			l.cannotSee("services lately started: only the first 500 of them were looked at", "")
			break
		}
		c, ok := l.service(pid)
		if ok && !slices.Contains(mine, pid) && c.At.After(newest[c.Name].At) {
			newest[c.Name] = c
		}
	}
	for _, c := range newest {
		l.add(c)
	}
}

// children returns the processes whose parent is the first one (proc(5)).
func (l *look) children() ([]string, error) {
	b, err := l.read("proc/1/task/1/children")
	return slices.DeleteFunc(strings.Fields(string(b)), func(pid string) bool {
		return strings.Trim(pid, "0123456789") != "" || len(pid) > 10
	}), err
}

// ancestors returns the processes that this one runs under: a terminal
// multiplexer or a login of the operator's.
func (l *look) ancestors() []string {
	var all []string
	if l.inside != nil {
		return nil
	}
	for pid := strconv.Itoa(os.Getpid()); pid != "0" && pid != "1" && len(all) < 32; {
		all = append(all, pid)
		b, err := l.read("proc/" + pid + "/stat")
		_, after, ok := strings.Cut(string(b[bytes.LastIndexByte(b, ')')+1:]), " ")
		field := strings.Fields(after)
		if err != nil || !ok || len(field) < 2 {
			break
		}
		pid = field[1] // the parent
	}
	return all
}

// service tells of one process if it was started since the boot and is no login.
func (l *look) service(pid string) (Change, bool) {
	b, err := l.read("proc/" + pid + "/stat")
	if err != nil {
		return Change{}, false
	}
	comm, ticks, ok := parseStart(string(b))
	if !ok {
		return Change{}, false
	}
	at := l.Boot.Add(time.Duration(ticks) * (time.Second / userHZ))
	if !l.sinceBoot(at) {
		return Change{}, false
	}
	unit, login := l.unit(pid)
	c := Change{Kind: Service, Name: unit, What: "process " + comm + " (" + pid + ") was started", At: at, Source: "/proc/" + pid + "/stat"}
	if unit == "" {
		c.Name = comm
	}
	if pid == "1" {
		c.What = "process 1 was started: this container"
	}
	return c, !login
}

// parseStart returns the name and start time, in ticks of 10 ms after the boot,
// of /proc/PID/stat (proc(5), starttime). The name can hold parentheses.
func parseStart(s string) (comm string, ticks uint64, ok bool) {
	open, end := strings.IndexByte(s, '('), strings.LastIndexByte(s, ')')
	if open < 0 || end < open {
		return "", 0, false
	}
	fields := strings.Fields(s[end+1:])
	if len(fields) < 20 {
		return "", 0, false
	}
	ticks, err := strconv.ParseUint(fields[19], 10, 48)
	return s[open+1 : end], ticks, err == nil
}

// unit returns the systemd unit of a process by its control group, "" if there
// is none, and whether it belongs to somebody's login.
func (l *look) unit(pid string) (unit string, login bool) {
	b, err := l.read("proc/" + pid + "/cgroup")
	if err != nil {
		return "", false
	}
	for line := range strings.Lines(string(b)) {
		// ID:CONTROLLERS:PATH; the unified hierarchy and that of systemd have units.
		part := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(part) != 3 || part[1] != "" && part[1] != "name=systemd" {
			continue
		}
		login = login || strings.HasPrefix(part[2], "/user.slice/")
		for _, p := range strings.Split(part[2], "/") {
			if strings.HasSuffix(p, ".service") || strings.HasSuffix(p, ".scope") {
				unit = p
			}
		}
	}
	return unit, login
}
