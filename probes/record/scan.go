package record

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"whydrop/probes/fact"
)

// maxObservations bounds the index of a recording: six months of seconds.
const maxObservations = 1 << 24

// scan goes once through a recording, checks it, and notes where what is.
type scan struct {
	file      *file
	recording Recording
	in        memberReader

	expected uint64 // the number of the next observation, if none is lost
	lost     uint64
	holes    []string // where some are lost
	broke    error    // how the newest member ended; nil where it is whole
	ended    bool     // it is whole and says that the recording ends with it
}

func (s *scan) run() error {
	for offset := int64(0); s.recording.Len() < maxObservations; {
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
	s.tell()
	return nil
}

// member reads the member at an offset, before which there were so many
// observations, and returns from where on to look for the next.
func (s *scan) member(at int64, before uint64) (next int64, err error) {
	s.ended = false
	if s.broke = s.in.open(s.file, at); s.broke != nil {
		s.broke = errDamaged
		return at + 1, nil
	}
	text, err := s.in.line()
	if err == nil || version(s.in.zip.Comment) > 1 {
		err = s.header(text, s.in.zip.Comment)
	}
	if errors.Is(err, errNewer) {
		return 0, err
	}
	m := member{offset: at, first: s.recording.Len()}
	if err == nil {
		s.gap(before)
		err = s.lines(&m)
		s.expected = before + uint64(m.count)
	}
	if m.count > 0 {
		s.file.members = append(s.file.members, m)
	}
	if err != io.EOF {
		s.broke = err
		return at + 1, nil
	}
	return s.in.end(), nil
}

// errNewer marks a recording in a format that is not known yet.
var errNewer = errors.New("use that whydrop or a newer one")

// header takes the first line of a member. The format stands in the comment of the
// gzip header too: of a newer one the line may look like anything.
func (s *scan) header(text []byte, comment string) error {
	var h Header
	bad := json.Unmarshal(text, &h)
	if version(h.Schema) < 1 {
		h.Schema = comment
	}
	switch n := version(h.Schema); {
	case n < 1 || n == 1 && bad != nil:
		return errDamaged
	case n > 1:
		return fmt.Errorf("made by whydrop %q in the format %q, this one reads %s: %w", fact.Clean(h.Whydrop, 40), fact.Clean(h.Schema, 40), Schema, errNewer)
	}
	if s.recording.Header.Schema == "" {
		s.recording.Header = h
	}
	return nil
}

// version is the number of a schema, 0 if it is none of a recording.
func version(schema string) int {
	number, ok := strings.CutPrefix(schema, "whydrop.recording/")
	n, err := strconv.Atoi(number)
	if !ok || err != nil || n < 1 {
		return 0
	}
	return n
}

// gap notes what was lost since the member before.
func (s *scan) gap(before uint64) {
	lost := before - s.expected
	if before <= s.expected || lost > maxObservations {
		return // whole, or another recording was put behind this one
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
func (s *scan) lines(m *member) error {
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
			s.ended = true
			continue
		case s.ended: // there is nothing after the end
			return errDamaged
		}
		s.recording.times = append(s.recording.times, end)
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
	switch {
	case s.ended && s.broke == nil:
	case errors.Is(s.broke, errDamaged):
		r.Notes = append(r.Notes, "its end is damaged: it holds "+held)
	default:
		r.Notes = append(r.Notes, "it was not ended: what wrote it was killed or still writes, or the file was cut off; it holds "+held)
	}
	if r.Len() == 0 {
		r.Notes = append(r.Notes, "it holds no observation")
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
