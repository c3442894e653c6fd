package record

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"strings"
	"time"
)

// ErrDamaged marks a recording of whydrop of which nothing can be read.
var ErrDamaged = errors.New("a damaged recording of whydrop: nothing of it can be read")

const (
	// mostPlain and mostPacked bound, in bytes, what is read of a recording that stands
	// in another wrapping, before compression and after it.
	mostPlain  = 4 << 30
	mostPacked = 256 << 20
)

// headerBegin is how the first line of each member begins, behind its checksum.
var headerBegin = []byte(`{"schema":"` + formats)

// repack reads a recording that does not stand in members any more: its lines as text,
// as zcat writes them, or compressed anew. It returns them in members. The error is
// ErrDamaged if the file begins as a recording and cannot be read, ErrForeign if it is
// none.
func repack(r io.ReaderAt, size int64) ([]byte, error) {
	in := bufio.NewReaderSize(io.NewSectionReader(r, 0, size), 64<<10)
	begin, _ := in.Peek(extraAt + extraLen + len(Schema) + 1)
	if zip, err := gzip.NewReader(in); err == nil {
		in = bufio.NewReaderSize(zip, 64<<10)
	} else {
		in = bufio.NewReaderSize(io.NewSectionReader(r, 0, size), 64<<10)
	}
	if line, _ := in.Peek(9 + len(headerBegin)); len(line) < 9 || !bytes.Equal(line[9:], headerBegin) {
		if bytes.Contains(begin, []byte(formats)) || len(begin) > extraAt+4 && string(begin[extraAt:extraAt+4]) == markBegin {
			return nil, ErrDamaged
		}
		return nil, ErrForeign
	}
	return members(in)
}

// members puts lines into members, which begin with a header each. Where they cannot be
// read any further they end.
func members(in *bufio.Reader) ([]byte, error) {
	var out bytes.Buffer
	zip, _ := gzip.NewWriterLevel(&out, gzip.BestSpeed) // the level is valid
	begun, before := false, uint64(0)
	for read := 0; read < mostPlain && out.Len() < mostPacked; {
		line, err := readLine(in)
		read += len(line)
		switch {
		case len(line) > 9 && bytes.HasPrefix(line[9:], headerBegin):
			if begun {
				_ = zip.Close() // a buffer takes all
			}
			zip.Reset(&out)
			zip.Extra, zip.Comment = mark(before, time.Time{}), commentOf(line)
			begun = true
		default:
			before++
		}
		if _, wrong := zip.Write(line); wrong != nil {
			return nil, wrong
		}
		if err != nil {
			break // whole or not: how a member ends tells
		}
	}
	if err := zip.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// readLine returns the next line with its end, or as much of it as a line may have.
func readLine(in *bufio.Reader) ([]byte, error) {
	var line []byte
	for {
		part, err := in.ReadSlice('\n')
		if line = append(line, part...); err != bufio.ErrBufferFull || len(line) > maxLine+16 {
			return line, err
		}
	}
}

// commentOf is the format that a header names, as it stands in the comment of a member.
func commentOf(line []byte) string {
	number, _, _ := strings.Cut(string(line[9+len(headerBegin):]), `"`)
	if strings.Trim(number, "0123456789.") != "" || len(number) > 40 {
		number = ""
	}
	return formats + number
}
