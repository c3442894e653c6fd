// Package procfile reads files of /proc and its like again and again without
// making garbage.
package procfile

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// Buffer is what files are read into, one after the other. Its zero value is
// ready for use.
type Buffer struct{ b []byte }

const firstSize = 32 << 10

// Read returns the content of a file below root; it is valid until the next
// Read. A file of more than about most bytes is an error.
func (r *Buffer) Read(root, file string, most int) ([]byte, error) {
	f, err := os.Open(filepath.Join(root, file))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if r.b == nil {
		r.b = make([]byte, firstSize)
	}
	n := 0
	for {
		if n == len(r.b) {
			if n >= most {
				return nil, fmt.Errorf("%s is larger than %d bytes", file, most)
			}
			r.b = append(r.b, make([]byte, n)...)
		}
		m, err := f.Read(r.b[n:])
		n += m
		if errors.Is(err, io.EOF) {
			return r.b[:n], nil
		}
		if err != nil {
			return nil, err
		}
	}
}
