// Package foreign makes recordings of what others collected: sosreports, and
// outputs of ss, nstat, ethtool and their like that somebody pasted into a file.
//
// One sample of a counter is history: its total is known, its growth is not. Two
// samples of the same thing, of one host and boot, are an observation. How long it
// took is known if the texts tell (date, uptime, a sleep between the commands);
// otherwise it is unknown, and with it every rate.
//
// What is read is parsed by the probes' own parsers into their own readings, so
// the facts are those that the probes would have told. Nothing is believed to be
// zero because it is not there.
package foreign

import (
	"bytes"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/sys/unix"

	"whydrop/probes/fact"
	"whydrop/probes/links"
	"whydrop/probes/record"
)

// nonblock keeps the opening of a named pipe from waiting for its other end.
const nonblock = unix.O_NONBLOCK

// Knowledge is what the reading needs besides the files.
type Knowledge struct {
	// NICs tells what drivers' statistics mean; with nil ethtool -S is left out.
	NICs links.Dictionary
	// Stdin is read for the path "-".
	Stdin io.Reader
}

// maxPaths bounds how many files are put together.
const maxPaths = 200

// Open makes a recording of files that whydrop did not write: one sosreport (a
// directory, or a tar, plain or packed by gzip or bzip2), or any number of texts,
// the oldest first; "-" is standard input. The notes of the recording say what
// was read as history, what as an observation, and what was not understood.
//
// Errors: a file that cannot be read, one in which nothing is understood, and
// samples of different hosts.
func Open(paths []string, k Knowledge) (*record.Recording, error) {
	if len(paths) == 0 || len(paths) > maxPaths {
		return nil, fmt.Errorf("%d files: expected 1 to %d", len(paths), maxPaths)
	}
	e := newEvidence(k)
	for _, p := range paths {
		s, err := openSource(p, k.Stdin)
		if err != nil {
			return nil, err
		}
		e.add(s)
	}
	e.order()
	return e.recording()
}

// order puts sources in the order of their times, if all of them tell theirs.
func (e *evidence) order() {
	byTime := func(a, b *origin) int { return a.taken.Compare(b.taken) }
	untold := func(o *origin) bool { return o.taken.IsZero() }
	if slices.ContainsFunc(e.hosts, untold) || slices.IsSortedFunc(e.hosts, byTime) {
		return
	}
	slices.SortStableFunc(e.hosts, byTime)
	slices.SortStableFunc(e.pieces, func(a, b piece) int { return byTime(a.origin, b.origin) })
	e.note("the files were put in the order of the times in them")
}

// Read makes a recording of one text, as Open does of a file.
func Read(from string, text []byte, k Knowledge) (*record.Recording, error) {
	e := newEvidence(k)
	e.add(&source{name: printable(from, 80), members: []member{{name: from, text: text}}})
	return e.recording()
}

// evidence is all that was found in the files.
type evidence struct {
	know   Knowledge
	hosts  []*origin // one for each file or report
	pieces []piece
	notes  []string
	parsed map[*piece]any // see parse
	layouts
	// increments are samples of nstat that count from the one before, partial those
	// that count from a moment that nobody knows.
	increments, partial map[*piece]bool
}

func newEvidence(k Knowledge) *evidence {
	return &evidence{know: k, parsed: map[*piece]any{}, layouts: layouts{}, increments: map[*piece]bool{}, partial: map[*piece]bool{}}
}

// origin is where and when the pieces of one source were taken.
type origin struct {
	name, host, kernel, boot string
	machine                  string // the architecture
	os                       string
	uptime                   float64 // s; 0 if unknown
	taken                    time.Time
	modified                 time.Time
	zone                     *time.Location // of the times in its logs; nil if unknown
	report                   bool
}

func (e *evidence) note(format string, args ...any) {
	e.notes = append(e.notes, fmt.Sprintf(format, args...))
}

// recording puts the facts together.
func (e *evidence) recording() (*record.Recording, error) {
	if len(e.pieces) == 0 {
		return nil, fmt.Errorf("nothing in %s is understood: expected a sosreport, or the output of ss, nstat, netstat -s, ethtool -S, ip -s link, tc -s qdisc, dmesg, sysctl -a, nft list ruleset, or a file of /proc/net", e.names())
	}
	if err := e.oneHost(); err != nil {
		return nil, err
	}
	if err := e.sameHost(); err != nil {
		return nil, err
	}
	all, notes := e.observations()
	h := record.Header{Schema: record.Schema, Host: e.host(), Kernel: e.known(func(o *origin) string { return o.kernel }), Start: all[0].Start, From: e.from()}
	for _, f := range all {
		f.Host, f.Kernel = h.Host, h.Kernel
		e.tellHost(f)
	}
	return record.Of(h, append(notes, e.notes...), all...), nil
}

// host is the name of the host: as it tells it itself, or as prompts show it.
func (e *evidence) host() string {
	if name := e.known(func(o *origin) string { return o.host }); name != "" {
		return name
	}
	for i := range e.pieces {
		if name := e.pieces[i].host; name != "" {
			return printable(name, 80)
		}
	}
	return fact.Nameless
}

// known is what the newest source knows that knows it at all.
func (e *evidence) known(get func(*origin) string) string {
	for i := len(e.hosts) - 1; i >= 0; i-- {
		if v := get(e.hosts[i]); v != "" {
			return v
		}
	}
	return ""
}

func (e *evidence) names() string {
	var names []string
	for _, o := range e.hosts {
		names = append(names, o.name)
	}
	if len(names) > 3 {
		names = append(names[:3], "...")
	}
	return strings.Join(names, ", ")
}

// from says in words what the recording was made of.
func (e *evidence) from() string {
	for _, o := range e.hosts {
		if o.report {
			return "a sosreport"
		}
	}
	var tools []string
	seen := map[string]bool{}
	for _, p := range e.pieces {
		if !seen[p.kind.name] {
			seen[p.kind.name] = true
			tools = append(tools, p.kind.name)
		}
	}
	if len(tools) > 4 {
		tools = append(tools[:4], "...")
	}
	return "pasted output of " + strings.Join(tools, ", ")
}

// printable is a text from outside, fit for a note: control characters become
// question marks, and it is cut.
func printable(s string, most int) string {
	s = strings.Map(func(r rune) rune {
		if r == unicode.ReplacementChar || !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, strings.ToValidUTF8(s, "?"))
	if r := []rune(s); len(r) > most {
		return string(r[:most-3]) + "..."
	}
	return s
}

// escapes are the sequences with which terminals are coloured and cleared.
var escapes = regexp.MustCompile(`\x1b\[[0-9;?]*[A-Za-z]|\x1b[()][0-9A-B]`)

// plain is a text from outside without escapes for terminals and other control
// characters. Whatever is read goes through it.
func plain(text []byte) []byte {
	text = bytes.ReplaceAll(text, []byte("\r\n"), []byte("\n"))
	if bytes.IndexByte(text, 0x1b) >= 0 {
		text = escapes.ReplaceAll(text, nil)
	}
	return bytes.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t':
			return r
		case r == utf8.RuneError || unicode.IsControl(r):
			return '?'
		}
		return r
	}, text)
}

// blank are facts without a window.
func blank(start time.Time, seconds float64) *fact.Facts {
	f := fact.New(start, seconds)
	if seconds <= 0 {
		f.Seconds = 0
		delete(f.Values, "window.seconds")
	}
	return f
}
