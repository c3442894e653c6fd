// Package history reads what collectors of statistics have kept of the last two
// days, to answer since when something is as it is: sysstat (sar) and atop. It
// never looks at the present: the other probes do.
package history

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"whydrop/probes/fact"
)

const (
	name = "history"
	// reach is how far back records are read.
	reach = 48 * time.Hour
	// patience is how long one collector's own reader may take.
	patience = 2 * time.Second
	// maxOutput bounds what is read of it, in bytes.
	maxOutput = 8 << 20
	// maxFiles is how many of the newest files are read: yesterday's and today's.
	maxFiles = 2
	// maxRecord bounds the size of a file that is read, in bytes.
	maxRecord = 512 << 20
	// manyLinks is the number of interfaces above which their counters are left
	// out: they are most of what a collector keeps.
	manyLinks = 64
)

// Source runs the collectors' own readers on the files they keep: the files'
// format changes from version to version.
type Source struct {
	root string   // of the files
	bin  []string // where programs are looked for
	now  func() time.Time
}

// New returns a source that reads this host's records.
func New() *Source {
	return &Source{root: "/", bin: []string{"/usr/bin", "/bin"}, now: time.Now}
}

// Name is "history".
func (*Source) Name() string { return name }

// Reads names the files.
func (*Source) Reads() string {
	return "/var/log/sysstat, /var/log/sa (sadf -j), /var/log/atop (atop -r)"
}

// Pace is Once: a collector writes every ten minutes.
func (*Source) Pace() fact.Pace { return fact.Once }

// Reading is what the collectors have kept.
type Reading struct {
	At     time.Time
	From   string // "sysstat" or "atop"
	Series []Series
	Blind  []fact.Blind
}

// collector is a program that keeps statistics.
type collector struct {
	name    string
	program string // reads its files
	dirs    []string
	file    *regexp.Regexp
	args    func(file string, links bool) []string
	parse   func(io.Reader, *record) error
}

var collectors = []collector{
	{
		// sadf(1): files saDD or saYYYYMMDD.
		name: "sysstat", program: "sadf", dirs: []string{"var/log/sysstat", "var/log/sa"},
		file: regexp.MustCompile(`^sa(\d{2}|\d{8})$`),
		args: func(file string, links bool) []string {
			keys := "TCP,ETCP,SOFT"
			if links {
				keys += ",EDEV"
			}
			return []string{"-j", file, "--", "-u", "ALL", "-n", keys}
		},
		parse: parseSadf,
	},
	{
		// atop(1): files atop_YYYYMMDD; a compressed one it would unpack to /tmp.
		name: "atop", program: "atop", dirs: []string{"var/log/atop"},
		file:  regexp.MustCompile(`^atop_\d{8}$`),
		args:  func(file string, _ bool) []string { return []string{"-r", file, "-P", "CPU,NET"} },
		parse: parseAtop,
	},
}

// Look reads the records of the first collector that has any. It is skipped if
// none has.
func (s *Source) Look(ctx context.Context) (any, error) {
	r := &Reading{At: s.now()}
	var failed []error
	why := "neither sysstat nor atop keeps records here"
	for _, c := range collectors {
		files, refused := s.files(c)
		if refused != "" {
			why = "/" + refused + " may not be read by this user"
		}
		if len(files) == 0 {
			continue
		}
		program, err := s.find(c.program)
		if err != nil {
			failed = append(failed, err)
			continue
		}
		links := s.links() <= manyLinks
		rec := newRecord(r.At)
		for _, f := range files {
			if err := run(ctx, program, c.args(f, links), func(out io.Reader) error { return c.parse(out, rec) }); err != nil {
				failed = append(failed, fmt.Errorf("%s of %s: %w", c.program, f, err))
			}
		}
		if !links {
			r.Blind = append(r.Blind, fact.Blind{What: "the history of interfaces: there are too many"})
		}
		if r.Series = rec.all(); len(r.Series) > 0 {
			r.From = c.name
			for _, err := range failed {
				r.Blind = append(r.Blind, fact.Blind{What: "part of the history: " + err.Error()})
			}
			return r, nil
		}
		why = c.name + " has no records of the last two days yet"
	}
	if err := errors.Join(failed...); err != nil {
		return nil, fmt.Errorf("reading the history: %w", err)
	}
	if strings.HasPrefix(why, "/") {
		return nil, fact.Unavailable("history: "+why, "root")
	}
	return nil, fact.Unavailable("history: "+why, "the sysstat package and its collection switched on, before the next incident")
}

// files returns the newest files of a collector, oldest first, and a directory
// that may not be read.
func (s *Source) files(c collector) (paths []string, refused string) {
	type found struct {
		path string
		at   time.Time
	}
	var all []found
	for _, dir := range c.dirs {
		entries, err := os.ReadDir(filepath.Join(s.root, dir))
		if errors.Is(err, fs.ErrPermission) {
			refused = dir
		}
		for _, e := range entries {
			if !c.file.MatchString(e.Name()) {
				continue
			}
			path := filepath.Join(s.root, dir, e.Name())
			info, err := os.Stat(path)
			if err != nil || !info.Mode().IsRegular() || info.Size() > maxRecord || s.now().Sub(info.ModTime()) > reach {
				continue
			}
			all = append(all, found{path, info.ModTime()})
		}
	}
	slices.SortFunc(all, func(a, b found) int { return a.at.Compare(b.at) })
	all = all[max(0, len(all)-maxFiles):]
	for _, f := range all {
		paths = append(paths, f.path)
	}
	return paths, refused
}

// find looks for a program in the fixed directories, whatever PATH says.
func (s *Source) find(program string) (string, error) {
	for _, dir := range s.bin {
		path := filepath.Join(dir, program)
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() && info.Mode().Perm()&0o111 != 0 {
			return path, nil
		}
	}
	return "", fmt.Errorf("records are here, but %s is not: %w", program, fs.ErrNotExist)
}

// links counts the interfaces.
func (s *Source) links() int {
	d, err := os.Open(filepath.Join(s.root, "sys/class/net"))
	if err != nil {
		return 0
	}
	defer d.Close()
	names, _ := d.Readdirnames(manyLinks + 1)
	return len(names)
}

// run runs a program with nothing of this environment and gives parse what it
// writes. What was read before an error counts.
func run(ctx context.Context, program string, args []string, parse func(io.Reader) error) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Env = []string{"LC_ALL=C"}
	cmd.Dir = "/"
	cmd.WaitDelay = 100 * time.Millisecond
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	said := &firstWords{}
	cmd.Stderr = said
	if err := cmd.Start(); err != nil {
		return err
	}
	limited := &io.LimitedReader{R: out, N: maxOutput}
	parseErr := parse(limited)
	late := errors.Is(ctx.Err(), context.DeadlineExceeded)
	if limited.N <= 0 || parseErr != nil {
		cancel() // it may still write
	}
	waitErr := cmd.Wait()
	switch {
	case limited.N <= 0:
		return fmt.Errorf("wrote more than %d bytes", maxOutput)
	case late:
		return fmt.Errorf("gave no answer within %v", patience)
	case parseErr == nil && waitErr == nil:
		return nil
	case said.text != "":
		return fmt.Errorf("it says %q", said.line())
	case parseErr != nil:
		return parseErr
	}
	return waitErr
}

// firstWords keeps the beginning of what a program complains of.
type firstWords struct{ text string }

// Write keeps the first 200 bytes.
func (w *firstWords) Write(b []byte) (int, error) {
	w.text += string(b[:min(len(b), 200-len(w.text))])
	return len(b), nil
}

func (w *firstWords) line() string {
	first, _, _ := strings.Cut(strings.TrimSpace(w.text), "\n")
	return fact.Clean(first, 200)
}
