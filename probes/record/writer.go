package record

import (
	"compress/gzip"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"io"
	"math"
	"time"

	"whydrop/probes/fact"
)

const (
	// perMember is after how many observations the next member begins, which can be
	// read without those before: what one damaged byte costs at most.
	perMember = 60
	// maxLine and maxMember bound, in bytes before compression, what a reader has to
	// hold: a line, and the lines since a key frame.
	maxLine   = 16 << 20
	maxMember = 32 << 20
)

// Writer writes a recording. It is not safe for use by several goroutines.
type Writer struct {
	out     io.Writer
	zip     *gzip.Writer
	header  Header
	encoder Encoder
	line    []byte // used again and again
	sum     uint32 // checksum of the line before

	in, size int // observations and bytes in the member
	added    int
	flushed  int
	err      error // of the writer below: nothing is written any more
}

// NewWriter begins a recording. Nothing is written before the first observation.
func NewWriter(out io.Writer, h Header) *Writer {
	h.Schema, h.Start = Schema, h.Start.UTC()
	zip, _ := gzip.NewWriterLevel(out, gzip.DefaultCompression) // the level is valid
	return &Writer{out: out, zip: zip, header: h}
}

// Add adds an observation, which must not change afterwards. An error that is not
// of the writer below concerns this observation alone: it is left out.
func (w *Writer) Add(f *fact.Facts) error {
	if w.err != nil {
		return w.err
	}
	if !timed(f.Seconds) {
		return fmt.Errorf("an observation of %v seconds cannot be recorded", f.Seconds)
	}
	if w.in == 0 || w.in >= perMember || w.size > maxMember/2 {
		w.encoder.Reset()
	}
	whole := w.encoder.last == nil
	line, err := w.encoder.Append(w.line[:0], f)
	w.line = line[:0]
	if err == nil && len(line) > maxLine {
		w.encoder.Reset()
		w.line = nil
		err = fmt.Errorf("an observation takes %d MiB: a recording takes %d MiB at most", len(line)>>20, maxLine>>20)
	}
	if err != nil {
		return err
	}
	if whole {
		w.begin(EndOf(f))
	}
	w.write(line)
	w.in++
	w.added++
	return w.err
}

// Flush hands everything added so far to the writer below.
func (w *Writer) Flush() error {
	if w.err == nil && w.added > w.flushed {
		w.err = w.zip.Flush()
	}
	if w.err == nil {
		w.flushed = w.added
	}
	return w.err
}

// Flushed returns how many observations the writer below has taken for certain.
func (w *Writer) Flushed() int { return w.flushed }

// Close ends the recording. The writer below stays open.
func (w *Writer) Close() error {
	if w.err == nil && w.in == 0 {
		w.begin(time.Time{})
	}
	end, err := json.Marshal(endLine{End: true, Observations: w.added})
	if err != nil {
		return err
	}
	w.write(end)
	if w.err == nil {
		w.err = w.zip.Close()
	}
	if w.err == nil {
		w.flushed = w.added
	}
	return w.err
}

// endLine is the last line of a recording that was ended.
type endLine struct {
	End          bool `json:"end"`
	Observations int  `json:"observations"`
}

// begin begins a member whose first observation ended at a moment.
func (w *Writer) begin(at time.Time) {
	if w.in > 0 {
		if err := w.zip.Close(); err != nil && w.err == nil {
			w.err = err
		}
	}
	w.zip.Reset(w.out)
	w.zip.Extra = mark(uint64(w.added), at)
	w.zip.Comment = Schema
	w.in, w.size, w.sum = 0, 0, 0
	header, err := json.Marshal(w.header)
	if err != nil && w.err == nil {
		w.err = err
	}
	w.write(header)
}

// write writes a line with its checksum.
func (w *Writer) write(line []byte) {
	if w.err != nil {
		return
	}
	w.sum = crc32.Update(w.sum, crc32.IEEETable, line)
	if _, w.err = fmt.Fprintf(w.zip, "%08x %s\n", w.sum, line); w.err == nil {
		w.size += len(line)
	}
}

// timed says whether an observation can have lasted so many seconds.
func timed(seconds float64) bool { return math.Abs(seconds) < 1e9 }

// markBegin is how the extra field of a member begins: the subfield's name and length.
const markBegin = "wd\x14\x00"

// mark is the extra field of a member's gzip header: subfield "wd" with the number
// of observations before it, the moment at which its first one ended, in
// microseconds since 1970, and a CRC-32 of both.
func mark(before uint64, at time.Time) []byte {
	b := []byte(markBegin)
	b = binary.LittleEndian.AppendUint64(b, before)
	b = binary.LittleEndian.AppendUint64(b, uint64(at.UnixMicro()))
	return binary.LittleEndian.AppendUint32(b, crc32.ChecksumIEEE(b[4:]))
}

// marked reads the extra field of a member, see mark.
func marked(extra []byte) (before uint64, ok bool) {
	if len(extra) != 24 || string(extra[:4]) != markBegin || binary.LittleEndian.Uint32(extra[20:]) != crc32.ChecksumIEEE(extra[4:20]) {
		return 0, false
	}
	return binary.LittleEndian.Uint64(extra[4:]), true
}
