// Package record keeps what the probes of a host told, observation by
// observation, in a file that can be read again on any other machine.
//
// # The file
//
// A recording is a sequence of gzip members (RFC 1952), so zcat shows it. Each
// member holds about a minute and can be read without the others: in it stand
// lines, each with a checksum of eight hexadecimal digits, a space, and JSON.
//
//	header        {"schema":"whydrop.recording/1","host":...}    the same in every member
//	key frame     {"key":true,"start":...,"values":{...},...}    an observation with all that it tells
//	difference    {"start":...,"values":{...},...}               what differs from the observation before
//	end           {"end":true,"observations":3600}               the last line of the last member
//
// The checksum is the CRC-32 (IEEE) of the JSON, begun with the checksum of the
// line before (0 for the first of a member), so a line that is missing shows too.
// The extra field of a member's gzip header (subfield "wd") lets a reader find the
// next member behind damage. See Encoder for what a line holds.
//
// A reader puts members that do not stand in their order into it, by the beginning of
// the recording and the number of observations before them, and leaves out copies. The
// order of observations is that in which they were made: where the clock of the host
// was set back their times go back too, which is told.
//
// The lines alone, as zcat writes them, are read too, and those that were compressed anew
// in one piece.
//
// What is new in a later version of the format and may be ignored does not change
// the number in the schema: a reader skips the keys that it does not know.
//
// # Other formats
//
// Open reads this format alone. For any other file its error wraps ErrForeign;
// package probes/record/foreign makes recordings of those with Of. Who opens a
// file that somebody named asks Open first and foreign then.
package record

import (
	"errors"
	"slices"
	"time"

	"whydrop/probes/fact"
)

// Schema is the format that is written.
const Schema = "whydrop.recording/1"

// ErrForeign marks a file that is no recording of whydrop.
var ErrForeign = errors.New("not a recording of whydrop")

// Header says where a recording comes from.
type Header struct {
	Schema  string    `json:"schema"`
	Whydrop string    `json:"whydrop,omitempty"` // the version that wrote it
	Host    string    `json:"host,omitempty"`
	Kernel  string    `json:"kernel,omitempty"`
	Start   time.Time `json:"start"` // when the recording began
	// From is what the recording was made of if not of a host that was watched:
	// "a sosreport", "pasted output of ss -tin".
	From string `json:"from,omitempty"`
	// Redacted says that names and addresses in it are pseudonyms.
	Redacted bool `json:"redacted,omitempty"`
}

// Recording is a sequence of observations that can be moved in. Only one of them
// is in memory at a time, unless it was made by Of. It is safe for use by several
// goroutines.
type Recording struct {
	Header Header
	// Notes say in words what is damaged or missing and what the recording is
	// not, the most important first. Empty for a whole one.
	Notes []string

	times []int64 // end of each observation in microseconds since 1970
	all   []*fact.Facts
	file  *file // nil if all is there
}

// Of makes a recording of observations in memory, the oldest first. The facts are
// not copied and must not change afterwards.
func Of(h Header, notes []string, all ...*fact.Facts) *Recording {
	r := &Recording{Header: h, Notes: notes, all: all}
	for _, f := range all {
		r.times = append(r.times, EndOf(f).UnixMicro())
	}
	return r
}

// EndOf returns the moment at which an observation ended: it tells of the time
// until then.
func EndOf(f *fact.Facts) time.Time {
	return f.Start.Add(time.Duration(f.Seconds * float64(time.Second)))
}

// Len returns how many observations there are.
func (r *Recording) Len() int { return len(r.times) }

// Time returns when observation i ended, in UTC and whole microseconds.
func (r *Recording) Time(i int) time.Time { return time.UnixMicro(r.times[i]).UTC() }

// Begin and End return the ends of the first and of the last observation; zero
// times if there is none.
func (r *Recording) Begin() time.Time {
	if len(r.times) == 0 {
		return time.Time{}
	}
	return r.Time(0)
}

// End returns the end of the last observation.
func (r *Recording) End() time.Time {
	if len(r.times) == 0 {
		return time.Time{}
	}
	return r.Time(len(r.times) - 1)
}

// Index returns the observation that was the newest at a moment: the last that
// had ended by then, or the first. It is -1 if there is none at all.
func (r *Recording) Index(t time.Time) int {
	if len(r.times) == 0 {
		return -1
	}
	at := t.UnixMicro()
	for i, end := range slices.Backward(r.times) {
		if end <= at {
			return i
		}
	}
	return 0
}

// At returns the observation that was the newest at a moment, see Index.
func (r *Recording) At(t time.Time) (*fact.Facts, error) { return r.Observation(r.Index(t)) }

// Observation returns observation i.
func (r *Recording) Observation(i int) (*fact.Facts, error) {
	var found *fact.Facts
	err := r.From(i, func(f *fact.Facts) bool { found = f; return false })
	if err == nil && found == nil {
		err = errors.New("the recording holds no such observation")
	}
	return found, err
}

// Each calls back with every observation, the oldest first, until the callback
// returns false. What is given back shares its rows with its neighbours: they
// must not be changed.
func (r *Recording) Each(each func(*fact.Facts) (more bool)) error { return r.From(0, each) }

// From is Each beginning with observation i.
func (r *Recording) From(i int, each func(*fact.Facts) (more bool)) error {
	if i < 0 || i >= r.Len() {
		return nil
	}
	if r.file != nil {
		return r.file.from(i, each)
	}
	for _, f := range r.all[i:] {
		if !each(f) {
			break
		}
	}
	return nil
}

// Close closes the file that is read.
func (r *Recording) Close() error {
	if r.file == nil {
		return nil
	}
	return r.file.close()
}
