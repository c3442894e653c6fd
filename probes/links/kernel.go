package links

import (
	"bufio"
	"compress/gzip"
	"errors"
	"io"
	"io/fs"
	"os"
	"strings"
)

// disciplines are the qdiscs that many kernels are built without, or that stand in a
// package of modules of its own. The kernel's module is called sch_ and the name, its
// option CONFIG_NET_SCH_ and the name.
var disciplines = []string{"fq_codel", "fq", "cake", "sfq"}

// maxListing is how much of a listing of modules or options is read, in bytes.
const maxListing = 16 << 20

// lacking returns those of the disciplines that the running kernel is known to have
// neither built in nor as a module that it can load. It goes by, below the folder
// root, /sys/module, the listings of /lib/modules (depmod(8)), and the options that
// the kernel was built with (/proc/config.gz, else /boot). What none of them tells is
// not lacking. A container seldom sees the modules of its host: there an option that
// says module counts as one that can be loaded.
func lacking(root string) []string {
	release, err := os.ReadFile(root + "/proc/sys/kernel/osrelease")
	name := strings.TrimSpace(string(release))
	if err != nil || name == "" || strings.Contains(name, "/") {
		return nil
	}
	modules := root + "/lib/modules/" + name
	k := kernel{
		closed:  flagFile(root + "/proc/sys/kernel/modules_disabled"),
		builtin: listed(plain(modules + "/modules.builtin")),
		loads:   listed(plain(modules + "/modules.dep")),
		options: options(root, name),
	}
	var lacks []string
	for _, d := range disciplines {
		if _, err := os.Stat(root + "/sys/module/sch_" + d); err != nil && k.lacks(d) {
			lacks = append(lacks, d)
		}
	}
	return lacks
}

// kernel is what is told of a kernel; a nil map is not told.
type kernel struct {
	closed         bool // no module is loaded any more (kernel.modules_disabled)
	builtin, loads map[string]bool
	options        map[string]string
}

func (k *kernel) lacks(discipline string) bool {
	module := "sch_" + discipline
	option := k.options["CONFIG_NET_SCH_"+strings.ToUpper(discipline)]
	switch {
	case k.builtin[module] || option == "y":
		return false
	case k.loads[module]:
		return k.closed
	case k.options != nil && option == "":
		return true
	case k.loads != nil: // the modules are told, and it is none of them
		return k.builtin != nil || option == "m"
	}
	return k.closed && option == "m"
}

// flagFile tells whether a file holds a 1.
func flagFile(name string) bool {
	b, err := os.ReadFile(name)
	return err == nil && strings.TrimSpace(string(b)) == "1"
}

func plain(name string) (io.ReadCloser, error) { return os.Open(name) }

// listed reads the names of the modules of the disciplines out of a listing: lines
// that begin with the module's file, "kernel/net/sched/sch_fq.ko.xz: ...". It is nil
// for a listing that is not there or cannot be read to its end.
func listed(r io.ReadCloser, err error) map[string]bool {
	names := map[string]bool{}
	return readLines(r, err, names, func(line string) {
		file, _, _ := strings.Cut(line, ":")
		if name, _, ok := strings.Cut(file[strings.LastIndexByte(file, '/')+1:], ".ko"); ok && strings.HasPrefix(name, "sch_") {
			names[name] = true
		}
	})
}

// options reads the options of the queueing disciplines that a kernel was built with.
func options(root, release string) map[string]string {
	r, err := unpacked(root + "/proc/config.gz")
	if errors.Is(err, fs.ErrNotExist) {
		r, err = plain(root + "/boot/config-" + release)
	}
	return chosen(r, err)
}

// chosen reads lines such as CONFIG_NET_SCH_FQ=m; nil for what is no listing of options.
func chosen(r io.ReadCloser, err error) map[string]string {
	set := map[string]string{}
	set = readLines(r, err, set, func(line string) {
		if name, value, ok := strings.Cut(line, "="); ok && strings.HasPrefix(name, "CONFIG_NET_SCH") {
			set[name] = value
		}
	})
	if len(set) == 0 {
		return nil
	}
	return set
}

// unpacked opens a file that gzip packed.
func unpacked(name string) (io.ReadCloser, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	z, err := gzip.NewReader(f)
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return struct {
		io.Reader
		io.Closer
	}{z, f}, nil
}

// readLines calls each for every line, and returns what that filled; nil if the lines
// cannot be read to their end.
func readLines[M any](r io.ReadCloser, err error, fills map[string]M, each func(string)) map[string]M {
	if err != nil {
		return nil
	}
	defer r.Close()
	lines := bufio.NewScanner(io.LimitReader(r, maxListing))
	lines.Buffer(nil, 1<<20) // a module can depend on many
	for lines.Scan() {
		each(lines.Text())
	}
	if lines.Err() != nil {
		return nil
	}
	return fills
}
