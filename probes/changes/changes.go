// Package changes reads what lately changed on the host: packages, kernels,
// configuration files, settings, services, links. Everything is told with its
// time where one is known: where the kernel or the file system keeps none, as for
// loaded modules and settings changed by hand, there is none.
package changes

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"whydrop/probes/fact"
)

const (
	name = "changes"
	// horizon is how far back changes are told.
	horizon = 14 * 24 * time.Hour
	// settling is how long after the boot what happens is part of the boot.
	settling = 3 * time.Minute
	// maxChanges bounds the rows, maxOfKind those of one kind.
	maxChanges = 100
	maxOfKind  = 25
	// maxName and maxText bound texts, in bytes.
	maxName = 120
	maxText = 240
)

// The kinds of changes.
const (
	Boot         = "boot"
	Kernel       = "kernel"
	Package      = "package"
	SysctlFile   = "sysctl-file"
	FirewallFile = "firewall-file"
	NetworkFile  = "network-file"
	ModuleFile   = "module-file"
	LimitsFile   = "limits-file"
	ServiceFile  = "service-file"
	Setting      = "sysctl"
	Service      = "service"
	Link         = "link"
	Module       = "module"
)

// Source reads logs of the package managers, times of files, /proc and /sys. It
// needs no privilege for most of it.
type Source struct {
	root     string
	defaults map[string]string
	now      func() time.Time
	log      func(context.Context) (log []message, needs string)
}

// New returns a source that reads this host. defaults are the values that this
// kernel gives to sysctls by itself, by name ("net.ipv4.tcp_sack"): those that
// are different here are told as changes.
func New(defaults map[string]string) *Source {
	return &Source{root: "/", defaults: defaults, now: time.Now, log: kernelLog}
}

// At returns a source that reads the files below root: the copy of another
// host's files. What only a running host has is left out.
func At(root string, now time.Time) *Source {
	return &Source{root: root, now: func() time.Time { return now }}
}

// Name is "changes".
func (*Source) Name() string { return name }

// Reads names the files.
func (*Source) Reads() string {
	return "logs of the package manager, times of files in /etc, /lib/modules and /proc/PID/stat, sysctl.d, /dev/kmsg"
}

// Pace is Once: what changes during the session is seen by the other probes.
func (*Source) Pace() fact.Pace { return fact.Once }

// Change is one thing that changed.
type Change struct {
	Kind, Name string
	What       string    // what happened, as a phrase
	Was, Is    string    // values before and now, where there are such
	At         time.Time // zero where nobody keeps the time
	Source     string    // the file that tells
}

// Reading is what was found.
type Reading struct {
	At      time.Time
	Boot    time.Time // zero if unknown
	Changes []Change  // newest first, those without a time last
	// RebootPending is set if a kernel was installed since the boot that does not
	// run yet. Nil if nobody can tell.
	RebootPending *bool
	// Saved is the ruleset that is loaded at boot. Nil if there is none, or if it
	// can't be counted.
	Saved *Saved
	// Differing counts the sysctls whose value is not what the files say. Nil if
	// they could not be compared.
	Differing *int
	Blind     []fact.Blind
}

// look is one look at the host.
type look struct {
	*tree
	*Reading
	ctx context.Context
	loc *time.Location // of the times in logs
	// runs are the times at which the package manager was at work.
	runs [][2]time.Time
}

// Look reads the host once. A copy of files that can't be opened is an error;
// what is missing on a host is not.
func (s *Source) Look(ctx context.Context) (any, error) {
	t, err := openTree(s.root)
	if err != nil {
		return nil, fmt.Errorf("the files of the host: %w", err)
	}
	defer t.close()
	l := &look{tree: t, Reading: &Reading{At: s.now()}, ctx: ctx, loc: t.location()}
	l.boot()
	for _, part := range []func(){
		l.kernels, l.packages, l.files, l.services,
		func() { l.settings(s.defaults) }, l.ruleset,
	} {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		part()
	}
	if s.log != nil {
		log, needs := s.log(ctx)
		if needs != "" {
			l.cannotSee("what the kernel log tells of links, modules and services", needs)
		}
		l.messages(log)
	}
	l.order()
	return l.Reading, nil
}

// add records a change unless it lies beyond the horizon or in the future.
func (l *look) add(c Change) {
	if !c.At.IsZero() && !l.recent(c.At) {
		return
	}
	c.Name, c.What = fact.Clean(c.Name, maxName), fact.Clean(c.What, maxText)
	c.Was, c.Is = fact.Clean(c.Was, maxText), fact.Clean(c.Is, maxText)
	c.Source = fact.Clean(c.Source, maxName)
	if c.Name == "" {
		c.Name = c.Kind
	}
	l.Changes = append(l.Changes, c)
}

func (l *look) recent(at time.Time) bool {
	// A minute ahead is a clock that was set.
	return at.After(l.At.Add(-horizon)) && at.Before(l.At.Add(time.Minute))
}

// sinceBoot tells whether something happened after the boot and was no part of
// it.
func (r *Reading) sinceBoot(at time.Time) bool {
	return !r.Boot.IsZero() && at.After(r.Boot.Add(settling))
}

func (l *look) cannotSee(what, needs string) {
	l.Blind = append(l.Blind, fact.Blind{What: what, Needs: needs})
}

// order sorts the changes and drops the oldest where there are too many.
func (l *look) order() {
	slices.SortStableFunc(l.Changes, func(a, b Change) int { return b.At.Compare(a.At) })
	of := map[string]int{}
	l.Changes = slices.DeleteFunc(l.Changes, func(c Change) bool {
		of[c.Kind]++
		return of[c.Kind] > maxOfKind
	})
	l.Changes = l.Changes[:min(len(l.Changes), maxChanges)]
}

// boot finds when the host booted: btime of /proc/stat, in seconds since 1970.
func (l *look) boot() {
	f, err := l.openAny("proc/stat", 0)
	if err != nil {
		return
	}
	defer f.Close()
	at, ok := parseBoot(f)
	if !ok || at.After(l.At.Add(time.Minute)) {
		return
	}
	l.Boot = at
	l.add(Change{Kind: Boot, Name: "boot", What: "the host booted", At: at, Source: "/proc/stat"})
}

// Facts tells the changes as they were found.
func (s *Source) Facts(readings []fact.Reading, f *fact.Facts) {
	if len(readings) == 0 {
		return
	}
	last := readings[len(readings)-1]
	r, ok := last.Data.(*Reading)
	if !ok || r == nil {
		return
	}
	// It was read once, maybe long before the end of this window.
	now := r.At.Add(max(0, f.Start.Add(time.Duration(f.Seconds*float64(time.Second))).Sub(last.At)))
	for _, b := range r.Blind {
		f.CannotSee(name, b.What, b.Needs)
	}
	if !r.Boot.IsZero() {
		up := max(0, now.Sub(r.Boot))
		f.Gauge("host.uptime_s", up.Seconds())
		f.Text("host.uptime", span(up))
	}
	if r.RebootPending != nil {
		f.Flag("host.reboot_pending", *r.RebootPending)
	}
	if r.Saved != nil {
		f.Gauge("changes.saved_rules", float64(r.Saved.Rules))
		f.Text("changes.saved_in", strings.Join(r.Saved.Files, ", "))
	}
	if r.Differing != nil {
		f.Gauge("changes.sysctl_differing", float64(*r.Differing))
	}
	r.rows(now, f)
}

func (r *Reading) rows(now time.Time, f *fact.Facts) {
	f.Table("change")
	day := 0
	for _, c := range r.Changes {
		row := c.row(now)
		if c.Kind != Boot && !c.At.IsZero() {
			if now.Sub(c.At) < 24*time.Hour {
				day++
			}
			if !r.Boot.IsZero() {
				row["at_boot"] = !c.At.Before(r.Boot) && !r.sinceBoot(c.At)
			}
		}
		f.Add("change", row)
	}
	f.Gauge("changes.last_day", float64(day))
}

func (c Change) row(now time.Time) fact.Row {
	row := fact.Row{"name": c.Name, "kind": c.Kind, "what": c.What}
	for field, text := range map[string]string{"was": c.Was, "is": c.Is, "source": c.Source} {
		if text != "" {
			row[field] = text
		}
	}
	if !c.At.IsZero() {
		ago := max(0, now.Sub(c.At))
		row["at"] = float64(c.At.Unix())
		row["time"] = c.At.UTC().Format("2006-01-02 15:04:05 UTC")
		row["ago_s"] = ago.Seconds()
		row["ago"] = span(ago)
	}
	return row
}

// span says how long something takes, as people do: "40 s", "13 min", "5 h",
// "9 days".
func span(d time.Duration) string {
	switch {
	case d < 2*time.Minute:
		return strconv.Itoa(int(d.Seconds())) + " s"
	case d < 2*time.Hour:
		return strconv.Itoa(int(d.Minutes())) + " min"
	case d < 48*time.Hour:
		return strconv.Itoa(int(d.Hours())) + " h"
	default:
		return strconv.Itoa(int(d.Hours()/24)) + " days"
	}
}
