package record

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"whydrop/probes/fact"
)

// maxWasted bounds how many bytes are read of members that turn out to be damaged. A
// file in which each begins within the one before would take for ever.
const maxWasted = 256 << 20

// maxObservations bounds the index of a recording: six months of seconds.
const maxObservations = 1 << 24

// scan goes once through a recording, checks it, and notes where what is.
type scan struct {
	file      *file
	recording Recording
	in        memberReader

	found []found
	kept  int      // observations in them
	waste int      // bytes read of those that are damaged
	hosts []string // that they are of
	lost  uint64
	holes []string // where some are lost
	twice int      // that stood there before
	moved bool     // members do not stand in their order
}

// found is a member as it stands in the file.
type found struct {
	member
	header Header
	before uint64  // observations before it, as was written
	times  []int64 // see Recording
	broke  error   // how it ended; nil where it is whole
	ended  bool    // it is whole and says that the recording ends with it
}

func (s *scan) run() error {
	for offset := int64(0); s.kept < maxObservations && s.waste < maxWasted; {
		at, before, err := s.file.next(offset)
		if err == io.EOF {
			break
		}
		if err == nil {
			offset, err = s.member(at, before)
		}
		if err != nil {
			return err
		}
	}
	if s.recording.Header.Schema == "" {
		return ErrForeign
	}
	s.arrange()
	s.tell()
	return nil
}

// member reads the member at an offset, before which there were so many
// observations, and returns from where on to look for the next.
func (s *scan) member(at int64, before uint64) (next int64, err error) {
	m := found{member: member{offset: at}, before: before, broke: errDamaged}
	if s.in.open(s.file, at) != nil {
		s.found = append(s.found, m)
		return at + 1, nil
	}
	text, err := s.in.line()
	if err == nil || version(s.in.zip.Comment) == newer {
		m.header, err = s.header(text, s.in.zip.Comment)
	}
	if errors.Is(err, errNewer) || errors.Is(err, errFormat) {
		return 0, err
	}
	if err == nil {
		err = s.lines(&m)
	}
	next = at + 1
	if m.broke = err; err == io.EOF {
		m.broke, next = nil, s.in.end()
	} else {
		s.waste += s.in.read()
	}
	s.kept += m.count
	s.found = append(s.found, m)
	return next, nil
}

// arrange puts the members into the order in which they were written, and notes
// what is missing between them. Several recordings in one file follow each other by
// their beginning, and of copies of a member the one comes first of which most can be
// read. A member whose header cannot be read stands where it is.
func (s *scan) arrange() {
	for i := 1; i < len(s.found); i++ {
		if h := &s.found[i].header; h.Schema == "" {
			*h = s.found[i-1].header
		}
	}
	inOrder := func(a, b found) int {
		return cmp.Or(a.header.Start.Compare(b.header.Start), cmp.Compare(a.before, b.before), cmp.Compare(b.count, a.count))
	}
	s.moved = !slices.IsSortedFunc(s.found, inOrder)
	slices.SortStableFunc(s.found, inOrder)
	var expected uint64 // the number of the next observation, if none is lost
	for i := range s.found {
		m := &s.found[i]
		if i > 0 && !m.header.Start.Equal(s.found[i-1].header.Start) {
			expected = 0
		}
		if m.count == 0 {
			continue
		}
		if m.before+uint64(m.count) <= expected {
			s.twice += m.count
			continue
		}
		s.gap(m.before, expected)
		expected = m.before + uint64(m.count)
		m.first = s.recording.Len()
		s.recording.times = append(s.recording.times, m.times...)
		s.file.members = append(s.file.members, m.member)
		if h := m.header.Host; !slices.Contains(s.hosts, h) {
			s.hosts = append(s.hosts, h)
		}
	}
}

// Errors of recordings in a format that is not known yet, or never was.
var (
	errNewer  = errors.New("use that whydrop or a newer one")
	errFormat = errors.New("no whydrop writes that")
)

// header takes the first line of a member. The format stands in the comment of the
// gzip header too: of a newer one the line may look like anything.
func (s *scan) header(text []byte, comment string) (Header, error) {
	var h Header
	bad := json.Unmarshal(text, &h)
	if version(h.Schema) == none {
		h.Schema = comment
	}
	switch v := version(h.Schema); {
	case v == none || v == known && bad != nil:
		return Header{}, errDamaged
	case v != known:
		why := errNewer
		if v == unknown {
			why = errFormat
		}
		return h, fmt.Errorf("made by whydrop %q in the format %q, this one reads %s: %w", fact.Clean(h.Whydrop, 40), fact.Clean(h.Schema, 40), Schema, why)
	}
	if have := &s.recording.Header; have.Schema == "" || h.Start.Before(have.Start) {
		*have = h
	}
	return h, nil
}

// format is what is known of a schema.
type format int

const (
	none    format = iota // it is none of a recording
	known                 // it is Schema
	newer                 // it has a higher number
	unknown               // it has none that any whydrop wrote or will
)

// formats is what every schema of a recording begins with. Its number follows, the first
// was 1.
const formats = "whydrop.recording/"

func version(schema string) format {
	number, ok := strings.CutPrefix(schema, formats)
	switch {
	case !ok:
		return none
	case schema == Schema:
		return known
	case number == "" || number[0] == '0' || strings.Trim(number, "0123456789") != "":
		return unknown
	}
	return newer
}

// gap notes what was lost since the member before.
func (s *scan) gap(before, expected uint64) {
	lost := before - expected
	if before <= expected || lost > maxObservations {
		return
	}
	where := "at the beginning"
	if n := s.recording.Len(); n > 0 {
		where = "after " + clock(s.recording.Time(n-1))
	}
	s.lost += lost
	s.holes = append(s.holes, where)
}

// lines notes the observations of a member, until its end (io.EOF) or to where it
// is broken.
func (s *scan) lines(m *found) error {
	for {
		text, err := s.in.line()
		if err != nil {
			return err
		}
		end, last, err := ending(text)
		switch {
		case err != nil:
			return err
		case last:
			m.ended = true
			continue
		case m.ended: // there is nothing after the end
			return errDamaged
		}
		m.times = append(m.times, end)
		m.count++
	}
}

// ending returns when the observation of a line ended, in microseconds since 1970,
// or whether it is the last line of all. It reads no further in the line than it
// must: "start" and "seconds" stand before all that is long.
func ending(text []byte) (end int64, last bool, err error) {
	in := json.NewDecoder(bytes.NewReader(text[:min(len(text), 300)]))
	if t, err := in.Token(); err != nil || t != json.Delim('{') {
		return 0, false, errDamaged
	}
	for seen := map[json.Token]json.Token{}; ; {
		key, _ := in.Token()
		value, err := in.Token()
		if _, nested := value.(json.Delim); err != nil || nested {
			return 0, false, errDamaged
		}
		seen[key] = value
		start, started := seen["start"].(string)
		seconds, lasted := seen["seconds"].(float64)
		switch {
		case seen["end"] == true:
			return 0, true, nil
		case started && lasted:
			at, err := time.Parse(time.RFC3339Nano, start)
			if err != nil || !timed(seconds) {
				return 0, false, errDamaged
			}
			return EndOf(&fact.Facts{Start: at, Seconds: seconds}).UnixMicro(), false, nil
		}
	}
}

// tell puts into words what is wrong with the recording.
func (s *scan) tell() {
	r := &s.recording
	held := Observations(r.Len())
	if n := r.Len(); n > 0 {
		held += " until " + clock(r.End())
	}
	if s.lost > 0 {
		holes := strings.Join(s.holes[:min(3, len(s.holes))], ", ")
		if len(s.holes) > 3 {
			holes += ", ..."
		}
		r.Notes = append(r.Notes, fmt.Sprintf("it is damaged: lost are %s (%s); it holds %s", Observations(int(s.lost)), holes, held))
	}
	if s.twice > 0 {
		r.Notes = append(r.Notes, Observations(s.twice)+" that stand in it twice are left out")
	}
	if s.moved {
		r.Notes = append(r.Notes, "its parts do not stand in their order: they are put into it")
	}
	if len(s.hosts) > 1 {
		r.Notes = append(r.Notes, fmt.Sprintf("it is of %d hosts: %q", len(s.hosts), s.hosts))
	}
	if s.waste >= maxWasted {
		r.Notes = append(r.Notes, "so much of it is damaged that it was not read to its end")
	}
	s.tellClock()
	last := s.found[len(s.found)-1]
	switch {
	case last.ended && last.broke == nil:
	case errors.Is(last.broke, errDamaged):
		r.Notes = append(r.Notes, "its end is damaged: it holds "+held)
	default:
		r.Notes = append(r.Notes, "it was not ended: what wrote it was killed or still writes, or the file was cut off; it holds "+held)
	}
	if r.Len() == 0 {
		r.Notes = append(r.Notes, "it holds no observation")
	}
}

// tellClock says where the clock of the host was set back: what is told then has times
// that came before.
func (s *scan) tellClock() {
	r := &s.recording
	for i := 1; i < r.Len(); i++ {
		if back := r.Time(i - 1).Sub(r.Time(i)); back > time.Second {
			r.Notes = append(r.Notes, fmt.Sprintf("the clock went back by %v at %s", back.Round(time.Second), clock(r.Time(i-1))))
			return
		}
	}
}

// Observations is a number of observations in words.
func Observations(n int) string {
	if n == 1 {
		return "1 observation"
	}
	return fmt.Sprintf("%d observations", n)
}

func clock(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") }
