package casefile

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"strconv"
	"strings"
	"time"

	"whydrop/checklist"
	"whydrop/content"
)

// Schema is the format that is written.
const Schema = "whydrop.case/1"

// The kinds of lines.
const (
	beginKind   = "begin"    // Header: the first line of a case
	resumeKind  = "resume"   // Header: a later whydrop goes on with it
	answerKind  = "answer"   // answerLine: an answer as it stands now; an empty one was taken back
	eventKind   = "event"    // eventLine: a mark, a cause that rose, a change that was made
	appliedKind = "applied"  // appliedLine: a step that was applied, as it stands now
	triedKind   = "tried"    // Tried: a destination that was tried
	placeKind   = "place"    // Place: where the operator is
	verdictKind = "verdict"  // Verdict, when it or the causes named are others than before
	seenKind    = "observed" // seenLine: an observation
	endKind     = "end"      // endLine: it was left in good order
)

// longestLine is how long a line may be, in bytes: several times the largest
// observation.
const longestLine = 8 << 20

// Header says who writes a case, and about which host.
type Header struct {
	Schema  string    `json:"schema"`
	Whydrop string    `json:"whydrop"` // its version
	Host    string    `json:"host"`
	Kernel  string    `json:"kernel"`
	Machine string    `json:"machine,omitempty"` // a digest of the machine's id, see machine-id(5)
	Started time.Time `json:"started"`
	PID     int       `json:"pid"` // of the whydrop that writes
	// Demo says that the host is the recorded one of --demo, Replay that it is the one
	// of these recordings, Recorded that only what the case holds is shown.
	Demo     bool     `json:"demo,omitempty"`
	Replay   []string `json:"replay,omitempty"`
	Recorded bool     `json:"recorded,omitempty"`
}

// formats is what the name of every format of a case begins with. Its number follows.
const formats = "whydrop.case/"

// readable says why the lines of who wrote the header cannot be read, nil if they can.
func (h *Header) readable() error {
	number, ok := strings.CutPrefix(h.Schema, formats)
	switch {
	case h.Schema == Schema:
		return nil
	case !ok:
		return ErrNoCase
	}
	err := ErrFormat
	if strings.Trim(number, "0123456789") == "" && strings.TrimLeft(number, "0") == number && number != "" {
		err = ErrNewer // the first was 1
	}
	return fmt.Errorf("%w (%s): this one reads %s", err, content.Show(h.Schema+", whydrop "+h.Whydrop), Schema)
}

// Place is where the operator is.
type Place struct {
	Screen   string `json:"screen,omitempty"`   // the name of its tab; empty for the first screen, and on lines
	Question string `json:"question,omitempty"` // id; empty behind the last one
	Mark     string `json:"mark,omitempty"`     // typed of a mark that is not made yet
}

// Tried is a destination that was tried.
type Tried struct {
	At          time.Time `json:"at"`
	Destination string    `json:"destination"`
	Says        string    `json:"says,omitempty"` // what it came to
}

// Verdict is what the diagnosis came to.
type Verdict struct {
	Verdict checklist.Verdict `json:"verdict"`
	Causes  []string          `json:"causes,omitempty"` // ids of those named, the most probable first
	Title   string            `json:"title,omitempty"`  // of the first
}

type answerLine struct {
	Question string    `json:"question"`
	Options  []string  `json:"options,omitempty"`
	Note     string    `json:"note,omitempty"`
	At       time.Time `json:"at"`
}

type eventLine struct {
	Event int       `json:"event"` // from 0
	At    time.Time `json:"at"`
	Kind  string    `json:"kind"`
	Text  string    `json:"text"`
	Cause string    `json:"cause,omitempty"`
}

type appliedLine struct {
	Step int `json:"step"` // from 0, in the order in which they were applied
	checklist.Applied
}

// seenLine is an observation.
type seenLine struct {
	At time.Time `json:"at"` // when it ended
	// Key says that a compressed stream begins with this observation: those that
	// follow go on with it.
	Key bool `json:"key,omitempty"`
	// Data is what the observation adds to the compressed stream (RFC 1951, ended
	// with a sync flush) of lines as package record codes them.
	Data []byte `json:"data"`
	// Probability of each cause by id that is worth telling.
	Probability map[string]float64 `json:"p,omitempty"`

	measured time.Duration // for which it counts
}

type endLine struct {
	At time.Time `json:"at"`
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// appendLine appends a line: a checksum of what follows it (CRC-32C, hexadecimal),
// the line's number from 1, its kind, and JSON.
func appendLine(to []byte, n uint64, kind string, data []byte) []byte {
	at := len(to)
	to = append(to, "00000000 "...)
	to = strconv.AppendUint(to, n, 10)
	to = append(append(append(append(to, ' '), kind...), ' '), data...)
	copy(to[at:], fmt.Sprintf("%08x", crc32.Checksum(to[at+9:], castagnoli)))
	return append(to, '\n')
}

var (
	errDamaged = errors.New("damaged")
	errLong    = errors.New("too long")
)

// parseLine reads a line without its end. data is a part of the line.
func parseLine(line []byte) (n uint64, kind string, data []byte, err error) {
	if len(line) < 10 || line[8] != ' ' {
		return 0, "", nil, errDamaged
	}
	rest := line[9:]
	if fmt.Sprintf("%08x", crc32.Checksum(rest, castagnoli)) != string(line[:8]) {
		return 0, "", nil, errDamaged
	}
	number, rest, ok := bytes.Cut(rest, []byte(" "))
	word, data, okToo := bytes.Cut(rest, []byte(" "))
	n, err = strconv.ParseUint(string(number), 10, 64)
	if !ok || !okToo || err != nil {
		return 0, "", nil, errDamaged
	}
	return n, string(word), data, nil
}

// nextLine returns the next line without its end, and how many bytes it takes with
// it. A line that is longer than it may be is passed over: errLong. What stands
// behind the last end of a line comes with io.EOF. The line is valid until the next
// call.
func nextLine(in *bufio.Reader, buffer *[]byte) (line []byte, size int64, err error) {
	*buffer = (*buffer)[:0]
	long := false
	for {
		part, err := in.ReadSlice('\n')
		size += int64(len(part))
		if long = long || len(*buffer)+len(part) > longestLine; !long {
			*buffer = append(*buffer, part...)
		}
		switch {
		case err == bufio.ErrBufferFull:
			continue
		case err != nil && err != io.EOF:
			return nil, size, err
		case long && err == nil:
			return nil, size, errLong
		case long:
			return nil, size, io.EOF
		case err == io.EOF:
			return *buffer, size, io.EOF
		}
		return (*buffer)[:len(*buffer)-1], size, nil
	}
}

// into reads the data of a line. What it does not know is left out.
func into[T any](data []byte) (*T, error) {
	v := new(T)
	if err := json.Unmarshal(data, v); err != nil {
		return nil, err
	}
	return v, nil
}
