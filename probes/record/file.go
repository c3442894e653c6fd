package record

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"

	"whydrop/probes/fact"
)

// Open opens a recording. Damage is no error but told in its Notes; what can be
// read is there. An error that wraps ErrForeign means that the file is of another
// kind, ErrDamaged that it is a recording of which nothing can be read.
func Open(path string) (*Recording, error) {
	info, err := os.Stat(path) // a named pipe would keep the opening waiting
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is no file: %w", path, ErrForeign)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	r, err := Read(f, info.Size())
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	r.file.closer = f
	return r, nil
}

// Read opens a recording that is in r, which is read from for as long as the
// recording is used.
func Read(r io.ReaderAt, size int64) (*Recording, error) {
	recording, err := scanned(r, size)
	if !errors.Is(err, ErrForeign) {
		return recording, err
	}
	packed, err := repack(r, size)
	if err != nil {
		return nil, err
	}
	if recording, err = scanned(bytes.NewReader(packed), int64(len(packed))); errors.Is(err, ErrForeign) {
		err = ErrDamaged
	}
	return recording, err
}

func scanned(r io.ReaderAt, size int64) (*Recording, error) {
	s := scan{file: &file{r: r, size: size}}
	s.recording.file = s.file
	if err := s.run(); err != nil {
		return nil, err
	}
	return &s.recording, nil
}

// file is a recording on disk with what is needed to move in it.
type file struct {
	r       io.ReaderAt
	size    int64
	members []member
	closer  io.Closer
	once    sync.Once
	err     error
}

// member is where a member is, and which observations are in it.
type member struct {
	offset int64
	first  int // index of its first observation in the recording
	count  int // how many can be read
}

func (f *file) close() error {
	f.once.Do(func() {
		if f.closer != nil {
			f.err = f.closer.Close()
		}
	})
	return f.err
}

// from calls back with the observations from i on.
func (f *file) from(i int, each func(*fact.Facts) bool) error {
	for _, m := range f.members {
		if i >= m.first+m.count {
			continue
		}
		more, err := f.member(m, i, each)
		if err != nil || !more {
			return err
		}
	}
	return nil
}

// member calls back with the observations of a member, from i on.
func (f *file) member(m member, i int, each func(*fact.Facts) bool) (more bool, err error) {
	var in memberReader
	if err := in.open(f, m.offset); err != nil {
		return false, err
	}
	if _, err := in.line(); err != nil { // the header
		return false, err
	}
	var d Decoder
	for k := m.first; k < m.first+m.count; k++ {
		text, err := in.line()
		if err != nil {
			return false, fmt.Errorf("observation %d: %w", k+1, err)
		}
		seen, err := d.Decode(text)
		if err != nil {
			return false, fmt.Errorf("observation %d: %w", k+1, err)
		}
		if k >= i && !each(seen) {
			return false, nil
		}
	}
	return true, nil
}

// signature is how each member begins: gzip, deflate, with an extra field and a
// comment (RFC 1952, 2.3).
var signature = []byte{0x1f, 0x8b, 8, 4 | 16}

const (
	extraAt  = 12 // behind time, flags of the compressor, system and length
	extraLen = 24
)

// next returns where the next member at or behind an offset begins, and how many
// observations were written before it; io.EOF if there is none.
func (f *file) next(offset int64) (at int64, before uint64, err error) {
	window := make([]byte, 64<<10)
	for offset < f.size {
		n, err := f.r.ReadAt(window[:min(int64(len(window)), f.size-offset)], offset)
		if err != nil && err != io.EOF {
			return 0, 0, err
		}
		seen := window[:n]
		for i := 0; ; i++ {
			k := bytes.Index(seen[i:], signature)
			if k < 0 {
				break
			}
			i += k
			if i+extraAt+extraLen > n {
				break
			}
			if before, ok := marked(seen[i+extraAt : i+extraAt+extraLen]); ok {
				return offset + int64(i), before, nil
			}
		}
		if n < len(window) {
			break
		}
		offset += int64(n - extraAt - extraLen)
	}
	return 0, 0, io.EOF
}
