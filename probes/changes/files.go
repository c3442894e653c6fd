package changes

import (
	"errors"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"

	"whydrop/probes/fact"
)

// place is where files of one kind lie: a file, a directory (then what is in it,
// depth levels down), or the beginning of names if it ends in "*".
type place struct {
	kind  string
	path  string
	depth int
}

// places are the files whose change can drop packets.
var places = []place{
	{SysctlFile, "etc/sysctl.conf", 0},
	{SysctlFile, "etc/sysctl.d", 1},
	{SysctlFile, "run/sysctl.d", 1},
	{SysctlFile, "usr/local/lib/sysctl.d", 1},
	{SysctlFile, "usr/lib/sysctl.d", 1},
	{SysctlFile, "etc/tuned", 2},
	{FirewallFile, "etc/nftables*", 2},
	{FirewallFile, "etc/iptables", 1},
	{FirewallFile, "etc/sysconfig/nftables*", 1},
	{FirewallFile, "etc/sysconfig/iptables*", 0},
	{FirewallFile, "etc/sysconfig/ip6tables*", 0},
	{FirewallFile, "etc/ufw", 2},
	{FirewallFile, "etc/firewalld", 3},
	{FirewallFile, "etc/fail2ban", 2},
	{NetworkFile, "etc/systemd/network", 2},
	{NetworkFile, "etc/systemd/resolved.conf", 0},
	{NetworkFile, "etc/NetworkManager", 2},
	{NetworkFile, "etc/netplan", 1},
	{NetworkFile, "etc/network", 2},
	{NetworkFile, "etc/sysconfig/network*", 1},
	{NetworkFile, "etc/wireguard", 1},
	{NetworkFile, "etc/iproute2", 2},
	{NetworkFile, "etc/frr", 1},
	{NetworkFile, "etc/cni/net.d", 1},
	{NetworkFile, "etc/resolv.conf", 0},
	{NetworkFile, "etc/hosts", 0},
	{NetworkFile, "etc/udev/rules.d", 1},
	{ModuleFile, "etc/modprobe.d", 1},
	{ModuleFile, "etc/modules", 0},
	{ModuleFile, "etc/modules-load.d", 1},
	{LimitsFile, "etc/security/limits*", 1},
	{LimitsFile, "etc/systemd/system.conf", 0},
	{LimitsFile, "etc/systemd/system.conf.d", 1},
	{ServiceFile, "etc/systemd/system", 2},
	{ServiceFile, "etc/haproxy", 2},
	{ServiceFile, "etc/nginx", 2},
	{ServiceFile, "etc/apache2", 2},
	{ServiceFile, "etc/httpd", 2},
	{ServiceFile, "etc/envoy", 1},
	{ServiceFile, "etc/docker", 1},
	{ServiceFile, "etc/kubernetes", 2},
	{ServiceFile, "etc/default", 1},
}

// maxFiles bounds the files whose times are read.
const maxFiles = 5000

// walk goes through the places.
type walk struct {
	*look
	left int
	// cut is set if there were more files than were looked at.
	cut bool
	// refused are directories that this user may not read.
	refused []string
}

// files tells which files changed lately.
func (l *look) files() {
	w := &walk{look: l, left: maxFiles}
	for _, p := range places {
		for _, file := range l.expand(p.path) {
			w.visit(p.kind, file, p.depth)
		}
	}
	if len(w.refused) > 0 {
		l.cannotSee("changed files in "+strings.Join(w.refused, ", "), "CAP_DAC_READ_SEARCH")
	}
	if w.cut {
		l.cannotSee("some of the files below /etc that changed: there are too many", "")
	}
}

// expand returns the names that a place stands for.
func (l *look) expand(name string) []string {
	prefix, open := strings.CutSuffix(name, "*")
	if !open {
		return []string{name}
	}
	var all []string
	for _, n := range l.names(path.Dir(prefix)) {
		if strings.HasPrefix(n, path.Base(prefix)) {
			all = append(all, path.Join(path.Dir(prefix), n))
		}
	}
	return all
}

// visit tells of a file, or of those in a directory down to a depth: links can't
// lead it round in circles.
func (w *walk) visit(kind, file string, depth int) {
	if w.left--; w.left < 0 || w.ctx.Err() != nil {
		w.cut = true
		return
	}
	info, err := w.stat(file)
	switch {
	case err != nil:
	case info.Mode().IsRegular():
		w.file(kind, file, info)
	case info.IsDir() && depth > 0:
		w.directory(kind, file, depth)
	}
}

func (w *walk) directory(kind, dir string, depth int) {
	names, err := w.list(dir)
	w.cut = w.cut || len(names) == maxEntries
	if errors.Is(err, fs.ErrPermission) {
		w.refused = append(w.refused, "/"+fact.Clean(dir, maxName))
	}
	for _, n := range names {
		if !beside(n) {
			w.visit(kind, path.Join(dir, n), depth-1)
		}
	}
}

// beside tells the names of copies that editors and package managers leave, and
// of links that only say what is started at boot.
func beside(name string) bool {
	return strings.HasSuffix(name, "~") ||
		slices.Contains([]string{".swp", ".dpkg-old", ".dpkg-dist", ".rpmnew", ".rpmsave", ".wants", ".requires"}, path.Ext(name))
}

func (w *walk) file(kind, file string, info fs.FileInfo) {
	at, written := changed(info)
	what := "the file was written"
	if !written {
		if w.byPackage(at) {
			return
		}
		what = "the file was put in place, or got another owner or mode; its content is of " + info.ModTime().UTC().Format("2006-01-02 15:04")
	}
	w.add(Change{Kind: kind, Name: "/" + file, What: what, At: at, Source: "/" + file})
}

// byPackage tells whether the package manager was at work at that time: then its
// log tells of the file.
func (w *walk) byPackage(at time.Time) bool {
	const margin = 5 * time.Second // files are unpacked before and after the log's line
	return slices.ContainsFunc(w.runs, func(r [2]time.Time) bool {
		return at.After(r[0].Add(-margin)) && at.Before(r[1].Add(margin))
	})
}
