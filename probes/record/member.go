package record

import (
	"bufio"
	"compress/gzip"
	"errors"
	"hash/crc32"
	"io"
	"strconv"
)

// What can be wrong with a member.
var (
	errDamaged = errors.New("damaged")
	errCut     = errors.New("cut off")
)

// mostRead is how many bytes of a member are read, the checksums too.
const mostRead = maxMember + maxMember/8

// memberReader reads the lines of one member after another. The zero one is ready.
type memberReader struct {
	src   counted       // compressed, as the file has it
	in    *bufio.Reader // the same, which is not read further than the member goes
	zip   gzip.Reader
	lines *bufio.Reader
	buf   []byte
	sum   uint32
	left  int // bytes that the member may still hold
}

// counted counts what is read.
type counted struct {
	r  io.Reader
	at int64
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.at += int64(n)
	return n, err
}

// open begins to read the member at an offset of a file.
func (m *memberReader) open(f *file, offset int64) error {
	m.src = counted{io.NewSectionReader(f.r, offset, f.size-offset), offset}
	if m.in == nil {
		m.in = bufio.NewReaderSize(&m.src, 16<<10)
		m.lines = bufio.NewReaderSize(&m.zip, 64<<10)
	}
	m.in.Reset(&m.src)
	if err := m.zip.Reset(m.in); err != nil {
		return err
	}
	m.zip.Multistream(false)
	m.lines.Reset(&m.zip)
	m.sum, m.left = 0, mostRead
	return nil
}

// line returns the JSON of the next line, valid until the next call; io.EOF at the
// end of a whole member, errCut or errDamaged at any other.
func (m *memberReader) line() ([]byte, error) {
	m.buf = m.buf[:0]
	for {
		part, err := m.lines.ReadSlice('\n')
		m.buf = append(m.buf, part...)
		m.left -= len(part)
		switch {
		case len(m.buf) > maxLine+16 || m.left < 0:
			return nil, errDamaged
		case err == bufio.ErrBufferFull:
			continue
		case err == nil:
			return m.checked(m.buf[:len(m.buf)-1])
		case err == io.EOF && len(m.buf) == 0:
			return nil, io.EOF
		case errors.Is(err, io.ErrUnexpectedEOF):
			return nil, errCut
		}
		return nil, errDamaged
	}
}

// checked takes the checksum off a line.
func (m *memberReader) checked(text []byte) ([]byte, error) {
	if len(text) < 9 || text[8] != ' ' {
		return nil, errDamaged
	}
	want, err := strconv.ParseUint(string(text[:8]), 16, 32)
	m.sum = crc32.Update(m.sum, crc32.IEEETable, text[9:])
	if err != nil || uint32(want) != m.sum {
		return nil, errDamaged
	}
	return text[9:], nil
}

// read returns how many bytes of the member were read, before compression.
func (m *memberReader) read() int { return mostRead - m.left }

// end returns where in the file the member ends, once it is read.
func (m *memberReader) end() int64 { return m.src.at - int64(m.in.Buffered()) }
