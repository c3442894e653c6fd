package changes

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"

	"whydrop/probes/fact"
)

// event is one line of a package manager's log.
type event struct {
	at      time.Time
	verb    string // installed, upgraded, removed, downgraded, reinstalled
	pkg     string
	was, is string // versions
}

// manager is the text log of one package manager.
type manager struct {
	log string
	// rotated are the names of the log before, one of which exists.
	rotated []string
	parse   func(line string, loc *time.Location, now time.Time) (event, bool)
}

// managers are the logs that are read, of all that are there.
var managers = []manager{
	{"var/log/dpkg.log", []string{"var/log/dpkg.log.1", "var/log/dpkg.log.1.gz"}, dpkgLine},         // dpkg(1), --log
	{"var/log/dnf.rpm.log", []string{"var/log/dnf.rpm.log.1", "var/log/dnf.rpm.log.1.gz"}, dnfLine}, // dnf(8), dnf 4
	{"var/log/yum.log", []string{"var/log/yum.log.1"}, yumLine},                                     // yum(8)
	{"var/log/zypp/history", nil, zyppLine},                                                         // zypper(8)
	{"var/log/pacman.log", nil, pacmanLine},                                                         // pacman(8)
}

// databases hold the history of a package manager in a form that is not read
// here; the second is what shows it.
var databases = [][2]string{
	{"usr/lib/sysimage/libdnf5/transaction_history.sqlite", "dnf history list"},
	{"var/lib/dnf/history.sqlite", "dnf history"},
	{"usr/lib/sysimage/rpm/rpmdb.sqlite", "rpm -qa --last"},
	{"var/lib/rpm/rpmdb.sqlite", "rpm -qa --last"},
	{"var/lib/rpm/Packages", "rpm -qa --last"},
	{"lib/apk/db/installed", "ls -l --time-sort /lib/apk/db"},
}

// packages reads the logs of the package managers.
func (l *look) packages() {
	found := false
	for _, m := range managers {
		events, ok := l.managed(m)
		found = found || ok
		for _, run := range runs(events) {
			l.runs = append(l.runs, [2]time.Time{run[0].at, run[len(run)-1].at})
			for _, c := range told(run, "/"+m.log) {
				l.add(c)
			}
		}
	}
	if found {
		return
	}
	for _, d := range databases {
		if l.exists(d[0]) {
			l.cannotSee("packages lately installed: they stand only in /"+d[0], "a look by hand: "+d[1])
			return
		}
	}
}

// managed reads one log, and the one before it if that is recent too. ok is
// false if there is no such log.
func (l *look) managed(m manager) (events []event, ok bool) {
	b, err := l.tail(m.log)
	if err != nil {
		switch {
		case errors.Is(err, fs.ErrPermission):
			l.cannotSee("packages lately installed (/"+m.log+")", "root")
		case !errors.Is(err, fs.ErrNotExist):
			l.cannotSee("packages lately installed (/"+m.log+"): "+fact.Clean(err.Error(), maxText), "")
		}
		return nil, false
	}
	events = parseLog(b, m, l.loc, l.At)
	if len(events) > 0 && !l.recent(events[0].at) {
		return events, true
	}
	for _, r := range m.rotated {
		info, err := l.stat(r)
		if err != nil || !l.recent(info.ModTime()) {
			continue
		}
		if b, err := l.tail(r); err == nil {
			return append(parseLog(b, m, l.loc, l.At), events...), true
		}
	}
	return events, true
}

// maxLine bounds a line of a log; a longer one is passed over.
const maxLine = 4096

func parseLog(b []byte, m manager, loc *time.Location, now time.Time) []event {
	var events []event
	for line := range bytes.Lines(b) {
		if len(line) > maxLine {
			continue
		}
		e, ok := m.parse(strings.TrimSpace(string(line)), loc, now)
		if ok && e.pkg != "" {
			events = append(events, e)
		}
	}
	return events
}

// dpkgLine reads "2026-11-20 10:00:00 upgrade nginx:amd64 1.22.1-9 1.22.1-9+deb12u3"
// (dpkg(1), LOG FORMAT).
func dpkgLine(line string, loc *time.Location, _ time.Time) (event, bool) {
	w := strings.Fields(line)
	if len(w) != 6 {
		return event{}, false
	}
	at, err := time.ParseInLocation(time.DateTime, w[0]+" "+w[1], loc)
	verb, known := map[string]string{"install": "installed", "upgrade": "upgraded", "remove": "removed", "purge": "removed"}[w[2]]
	if err != nil || !known {
		return event{}, false
	}
	e := event{at: at, verb: verb, pkg: w[3]}
	e.pkg, _, _ = strings.Cut(e.pkg, ":")
	if w[4] != "<none>" {
		e.was = w[4]
	}
	if w[5] != "<none>" && verb != "removed" {
		e.is = w[5]
	}
	// Installing a package whose configuration files remained shows their version.
	if verb == "installed" {
		e.was = ""
	}
	return e, true
}

// dnfVerbs are the words of dnf's and yum's logs. Upgraded and Obsoleted name the
// package that went, in dnf's.
var dnfVerbs = map[string]string{
	"Installed:": "installed", "Upgrade:": "upgraded", "Erase:": "removed", "Removed:": "removed",
	"Downgrade:": "downgraded", "Reinstall:": "reinstalled", "Reinstalled:": "reinstalled",
}

// dnfLine reads "2026-11-20T10:00:00+0000 SUBDEBUG Upgrade: nginx-1:1.20.1-14.el9.x86_64".
func dnfLine(line string, _ *time.Location, _ time.Time) (event, bool) {
	w := strings.Fields(line)
	if len(w) != 4 {
		return event{}, false
	}
	at, err := zoned(w[0])
	verb, known := dnfVerbs[w[2]]
	if err != nil || !known {
		return event{}, false
	}
	pkg, version := nevra(w[3])
	return event{at: at, verb: verb, pkg: pkg, is: version}, true
}

// yumLine reads "Nov 20 10:00:00 Updated: nginx-1.20.1-14.el7.x86_64": a time
// without a year, which is the last time that it was then.
func yumLine(line string, loc *time.Location, now time.Time) (event, bool) {
	w := strings.Fields(line)
	if len(w) < 5 {
		return event{}, false
	}
	stamp := fmt.Sprintf("%d %s %s %s", now.In(loc).Year(), w[0], w[1], w[2])
	at, err := time.ParseInLocation("2006 Jan 2 15:04:05", stamp, loc)
	if err != nil {
		return event{}, false
	}
	if at.After(now.Add(24 * time.Hour)) {
		at = at.AddDate(-1, 0, 0)
	}
	verb, known := dnfVerbs[w[3]]
	if w[3] == "Updated:" {
		verb, known = "upgraded", true
	}
	if w[3] == "Erased:" {
		verb, known = "removed", true
	}
	pkg, version := nevra(w[4])
	return event{at: at, verb: verb, pkg: pkg, is: version}, known
}

// zyppLine reads "2026-11-20 10:00:00|install|nginx|1.21.5-150400|x86_64|root@host|repo|...".
func zyppLine(line string, loc *time.Location, _ time.Time) (event, bool) {
	w := strings.Split(line, "|")
	if len(w) < 4 {
		return event{}, false
	}
	at, err := time.ParseInLocation(time.DateTime, w[0], loc)
	if err != nil {
		return event{}, false
	}
	switch strings.TrimSpace(w[1]) {
	case "install": // an upgrade is written as an installation
		return event{at: at, verb: "installed", pkg: w[2], is: w[3]}, true
	case "remove":
		return event{at: at, verb: "removed", pkg: w[2], was: w[3]}, true
	}
	return event{}, false
}

// pacmanLine reads "[2026-11-20T10:00:00+0000] [ALPM] upgraded linux (6.1-1 -> 6.2-1)".
func pacmanLine(line string, loc *time.Location, _ time.Time) (event, bool) {
	w := strings.Fields(line)
	if len(w) < 5 || w[1] != "[ALPM]" || !slices.Contains([]string{"installed", "upgraded", "removed", "downgraded", "reinstalled"}, w[2]) {
		return event{}, false
	}
	at, err := zoned(strings.Trim(w[0], "[]"))
	if err != nil {
		return event{}, false
	}
	e := event{at: at, verb: w[2], pkg: w[3]}
	versions := strings.Trim(strings.Join(w[4:], " "), "()")
	was, is, both := strings.Cut(versions, " -> ")
	switch {
	case both:
		e.was, e.is = was, is
	case e.verb == "removed":
		e.was = versions
	default:
		e.is = versions
	}
	return e, true
}

// zoned reads a time with its zone, as both "+0000" and "Z".
func zoned(s string) (time.Time, error) {
	if at, err := time.Parse("2006-01-02T15:04:05-0700", s); err == nil {
		return at, nil
	}
	return time.Parse(time.RFC3339, s)
}

// nevra splits NAME-EPOCH:VERSION-RELEASE.ARCH, or as yum writes it
// EPOCH:NAME-VERSION-RELEASE.ARCH: the version has no dash, nor has the release.
func nevra(s string) (pkg, version string) {
	release := strings.LastIndexByte(s, '-')
	if release <= 0 {
		return s, ""
	}
	v := strings.LastIndexByte(s[:release], '-')
	if v <= 0 {
		return s, ""
	}
	pkg, version = s[:v], s[v+1:]
	if dot := strings.LastIndexByte(version, '.'); dot > 0 {
		version = version[:dot]
	}
	if epoch, name, ok := strings.Cut(pkg, ":"); ok && strings.Trim(epoch, "0123456789") == "" && name != "" {
		pkg = name
	}
	return pkg, version
}

// pause ends a run of the package manager: a longer silence between two lines.
const pause = 10 * time.Minute

// runs groups events, in the order of the log, by runs of the package manager.
func runs(events []event) [][]event {
	var all [][]event
	for i, e := range events {
		if i > 0 {
			if d := e.at.Sub(events[i-1].at); d >= 0 && d < pause {
				all[len(all)-1] = append(all[len(all)-1], e)
				continue
			}
		}
		all = append(all, []event{e})
	}
	return all
}

const (
	// maxNamed is how many packages of one run get a row of their own.
	maxNamed = 8
	// maxListed is how many of the others are listed in one row.
	maxListed = 6
)

// told makes rows of one run: one for each package that has to do with the
// network, the kernel or a common server, and one for all others together.
func told(run []event, source string) []Change {
	var rows []Change
	var others []event
	for _, e := range once(run) {
		if len(rows) == maxNamed || len(run) > 3 && !concerns(e.pkg) {
			others = append(others, e)
			continue
		}
		rows = append(rows, Change{Kind: Package, Name: e.pkg, What: e.phrase(), Was: e.was, Is: e.is, At: e.at, Source: source})
	}
	if len(others) == 0 {
		return rows
	}
	last := others[len(others)-1]
	if len(others) == 1 {
		return append(rows, Change{Kind: Package, Name: last.pkg, What: last.phrase(), Was: last.was, Is: last.is, At: last.at, Source: source})
	}
	var listed []string
	for _, e := range others[:min(len(others), maxListed)] {
		listed = append(listed, e.pkg)
	}
	what := strings.Join(listed, ", ")
	if len(others) > maxListed {
		what += ", ..."
	}
	verb := last.verb
	for _, e := range others {
		if e.verb != verb {
			verb = "installed, upgraded or removed"
		}
	}
	return append(rows, Change{Kind: Package, Name: fmt.Sprintf("%d packages", len(others)), What: verb + ": " + what, At: last.at, Source: source})
}

func (e event) phrase() string {
	switch {
	case e.was != "" && e.is != "":
		return fmt.Sprintf("%s from %s to %s", e.verb, e.was, e.is)
	case e.is != "":
		return e.verb + " " + e.is
	}
	return e.verb
}

// once keeps the last event of each package of a run: removing and purging, or
// installing the same package for two architectures, are one thing.
func once(run []event) []event {
	last := map[string]int{}
	for i, e := range run {
		last[e.pkg] = i
	}
	var kept []event
	for i, e := range run {
		if last[e.pkg] == i {
			kept = append(kept, e)
		}
	}
	return kept
}

// subjects are the beginnings of the names of packages that can bear on the
// network or on what listens to it.
var subjects = []string{
	"linux-image", "linux-modules", "linux-lts", "linux-zen", "kernel", "linux-firmware", "firmware-", "intel-microcode", "microcode",
	"ena", "ixgbe", "i40e", "ice-", "mlnx", "dkms", "ethtool", "iproute", "netplan", "ifupdown", "network-manager", "networkmanager",
	"systemd", "udev", "nftables", "iptables", "libnftables", "firewalld", "ufw", "fail2ban", "conntrack", "ipset", "ebtables",
	"libssl", "openssl", "gnutls", "libc6", "glibc", "musl", "frr", "bird", "quagga", "keepalived", "strongswan", "libreswan",
	"wireguard", "openvpn", "tailscale", "bpf", "xdp", "cilium", "calico", "kube", "docker", "containerd", "cri-o", "podman", "runc",
	"haproxy", "nginx", "apache2", "httpd", "envoy", "varnish", "squid", "traefik", "caddy", "tomcat", "openjdk", "java-", "nodejs",
	"golang", "postgresql", "mysql", "mariadb", "redis", "memcached", "kafka", "rabbitmq", "mongodb", "elasticsearch",
	"openssh", "bind9", "dnsmasq", "unbound", "resolvconf", "tuned", "irqbalance", "cloud-init", "open-vm-tools", "amazon-ssm",
}

func concerns(pkg string) bool {
	pkg = strings.ToLower(pkg)
	return pkg == "linux" || slices.ContainsFunc(subjects, func(s string) bool { return strings.HasPrefix(pkg, s) })
}
