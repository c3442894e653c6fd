package changes

import (
	"io/fs"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"

	"whydrop/probes/fact"
)

// sysctlDirs are the directories of settings, those first that win (sysctl.d(5)).
var sysctlDirs = []string{"etc/sysctl.d", "run/sysctl.d", "usr/local/lib/sysctl.d", "usr/lib/sysctl.d", "lib/sysctl.d"}

const (
	// maxSysctlFiles and maxAssignments bound what is read.
	maxSysctlFiles = 200
	maxAssignments = 2000
	// maxMatches bounds the settings that one pattern is compared with.
	maxMatches = 64
)

// assignment is one line of a sysctl.d file.
type assignment struct {
	key   string // with slashes: "net/ipv4/conf/eth0.100/rp_filter"
	value string
	file  string
	// excluded is set for "-key" without a value: no pattern applies to it.
	excluded bool
}

// settings tells the sysctls whose value is not what the files say, and those
// that are not this kernel's default.
func (l *look) settings(defaults map[string]string) {
	if !l.exists("proc/sys/net/core/netdev_max_backlog") {
		// Files set what the first network namespace has.
		l.cannotSee("settings that are not what sysctl.d says, or not the kernel's default", "to run in the host's first network namespace")
		return
	}
	want := l.wanted()
	differing := 0
	for _, key := range slices.Sorted(maps.Keys(want)) {
		a := want[key]
		value, ok := l.value(key)
		if !ok || same(value, a.value) || l.ctx.Err() != nil {
			continue
		}
		differing++
		l.add(Change{
			Kind: Setting, Name: dotted(key), Was: a.value, Is: value, Source: "/" + a.file,
			What: "is " + value + ", the file says " + a.value,
		})
	}
	l.Differing = &differing
	for _, name := range slices.Sorted(maps.Keys(defaults)) {
		key := slashed(name)
		value, ok := l.value(key)
		if !ok || same(value, defaults[name]) {
			continue
		}
		c := Change{Kind: Setting, Name: name, Was: defaults[name], Is: value, What: "is " + value + ", this kernel's default is " + defaults[name]}
		if a, ok := want[key]; ok {
			if !same(value, a.value) {
				continue // told already
			}
			c.Source = "/" + a.file
			c.What += ", set by " + c.Source
		}
		l.add(c)
	}
}

// wanted returns what the files say about the settings that exist here, by key.
func (l *look) wanted() map[string]assignment {
	explicit := map[string]assignment{}
	var patterns []assignment
	for _, a := range l.assignments() {
		if !compares(a.key) {
			continue
		}
		if strings.ContainsAny(a.key, "*?[") {
			patterns = append(patterns, a)
			continue
		}
		explicit[a.key] = a
	}
	want := map[string]assignment{}
	for _, p := range patterns {
		for _, key := range l.match(p.key) {
			if _, has := explicit[key]; !has {
				want[key] = p
			}
		}
	}
	for key, a := range explicit {
		if !a.excluded {
			want[key] = a
		}
	}
	return want
}

// others are the settings beside those of net that bear on connections.
var others = []string{"fs/file-max", "fs/nr_open", "vm/min_free_kbytes", "vm/overcommit_memory", "vm/swappiness"}

// compares tells the settings that bear on the network and read back as they
// were written: route/flush and its like are commands.
func compares(key string) bool {
	return slices.Contains(others, key) || strings.HasPrefix(key, "net/") && path.Base(key) != "flush"
}

// assignments returns the lines of all files in the order in which they are
// applied: by the file's name, and of files of the same name only the one in the
// directory that comes first.
func (l *look) assignments() []assignment {
	files := map[string]string{}
	for _, dir := range sysctlDirs {
		for _, n := range l.names(dir) {
			if _, masked := files[n]; !masked && strings.HasSuffix(n, ".conf") {
				files[n] = dir + "/" + n
			}
		}
	}
	names := slices.Sorted(maps.Keys(files))
	// systemd-sysctl(8) does not read sysctl.conf unless a link among the others
	// leads to it; sysctl(8) --system reads it last.
	if !l.exists("run/systemd/system") && l.exists("etc/sysctl.conf") {
		names = append(names, "")
		files[""] = "etc/sysctl.conf"
	}
	var all []assignment
	for _, n := range names[:min(len(names), maxSysctlFiles)] {
		info, err := l.stat(files[n])
		if err == nil && !info.Mode().IsRegular() {
			continue // a link to /dev/null masks the file of that name
		}
		b, err := l.read(files[n])
		if err != nil {
			l.cannotSee("settings of /"+fact.Clean(files[n], maxName)+": "+fact.Clean(err.Error(), maxText), "")
			continue
		}
		all = append(all, parseSysctl(string(b), files[n])...)
		if len(all) > maxAssignments {
			l.cannotSee("some settings of sysctl.d: there are too many", "")
			return all[:maxAssignments]
		}
	}
	return all
}

// parseSysctl reads a file of settings (sysctl.d(5), sysctl.conf(5)).
func parseSysctl(text, file string) []assignment {
	var all []assignment
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' || line[0] == ';' || len(line) > maxLine {
			continue
		}
		key, value, set := strings.Cut(line, "=")
		key, dash := strings.CutPrefix(strings.TrimSpace(key), "-")
		if key = slashed(strings.TrimSpace(key)); key == "" || !set && !dash {
			continue
		}
		all = append(all, assignment{key: key, value: strings.TrimSpace(value), file: file, excluded: !set})
	}
	return all
}

// slashed returns the path of a setting below /proc/sys, "" if the name leads
// out of it: if its first separator is a point, points and slashes change places.
func slashed(name string) string {
	if i := strings.IndexAny(name, "./"); i >= 0 && name[i] == '.' {
		name = swapped(name)
	}
	name = strings.TrimPrefix(name, "/")
	if name == "." || !fs.ValidPath(name) {
		return ""
	}
	return name
}

// dotted is the name of a setting as sysctl(8) writes it.
func dotted(key string) string { return swapped(key) }

var swap = strings.NewReplacer(".", "/", "/", ".")

func swapped(s string) string { return swap.Replace(s) }

// match returns the settings that a pattern stands for (glob(7)): one directory
// after the other.
func (l *look) match(pattern string) []string {
	found := []string{""}
	for _, part := range strings.Split(pattern, "/") {
		var next []string
		for _, dir := range found {
			if !strings.ContainsAny(part, "*?[") {
				next = append(next, path.Join(dir, part))
				continue
			}
			for _, n := range l.names(path.Join("proc/sys", dir)) {
				if ok, err := path.Match(part, n); err == nil && ok {
					next = append(next, path.Join(dir, n))
				}
			}
		}
		slices.Sort(next)
		found = next[:min(len(next), maxMatches)]
	}
	return slices.DeleteFunc(found, func(key string) bool { return !l.exists("proc/sys/" + key) })
}

// value reads a setting, with single blanks between the parts of its value.
func (l *look) value(key string) (string, bool) {
	if key == "" {
		return "", false
	}
	b, err := l.read("proc/sys/" + key)
	return strings.Join(strings.Fields(string(b)), " "), err == nil
}

// same compares values as the kernel reads them: numbers in any base.
func same(a, b string) bool {
	x, y := strings.Fields(a), strings.Fields(b)
	return slices.EqualFunc(x, y, func(a, b string) bool {
		m, err1 := strconv.ParseInt(a, 0, 64)
		n, err2 := strconv.ParseInt(b, 0, 64)
		return a == b || err1 == nil && err2 == nil && m == n
	})
}
