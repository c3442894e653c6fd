package changes

import (
	"bufio"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// maxTail bounds what is read of the end of a log, in bytes.
	maxTail = 256 << 10
	// maxInflated bounds what is inflated of a compressed log, in bytes.
	maxInflated = 4 << 20
	// maxFile bounds a configuration file, in bytes.
	maxFile = 256 << 10
	// maxEntries bounds the entries that are read of one directory.
	maxEntries = 1000
)

// tree is the files below a root directory. Below any root but "/" no link
// leads out of it: a copy of another host's files must not show this host's.
type tree struct {
	root   string
	inside *os.Root // nil for "/"
}

func openTree(root string) (*tree, error) {
	if root == "/" {
		return &tree{root: root}, nil
	}
	r, err := os.OpenRoot(root)
	if err != nil {
		return nil, err
	}
	return &tree{root: root, inside: r}, nil
}

func (t *tree) close() {
	if t.inside != nil {
		t.inside.Close()
	}
}

// stat follows links.
func (t *tree) stat(name string) (fs.FileInfo, error) {
	if t.inside != nil {
		return t.inside.Stat(name)
	}
	return os.Stat(filepath.Join(t.root, name))
}

func (t *tree) exists(name string) bool {
	_, err := t.stat(name)
	return err == nil
}

// open opens a regular file. Anything else is refused before it is opened,
// because opening a device can do something, and never waited for: a FIFO could
// take the place of the file in between.
func (t *tree) open(name string) (*os.File, fs.FileInfo, error) {
	info, err := t.stat(name)
	if err != nil {
		return nil, nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, nil, fmt.Errorf("/%s is not a regular file", name)
	}
	f, err := t.openAny(name, unix.O_NONBLOCK|unix.O_NOCTTY)
	if err != nil {
		return nil, nil, err
	}
	if info, err = f.Stat(); err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("/%s is not a regular file", name)
	}
	if err != nil {
		f.Close()
		return nil, nil, err
	}
	return f, info, nil
}

func (t *tree) openAny(name string, flags int) (*os.File, error) {
	if t.inside != nil {
		return t.inside.OpenFile(name, os.O_RDONLY|flags, 0)
	}
	return os.OpenFile(filepath.Join(t.root, name), os.O_RDONLY|flags, 0)
}

// read returns a whole small file; a larger one is an error.
func (t *tree) read(name string) ([]byte, error) {
	f, _, err := t.open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err == nil && len(b) > maxFile {
		err = fmt.Errorf("/%s is larger than %d bytes", name, maxFile)
	}
	return b, err
}

// word returns the trimmed content of a small file of one line, "" if it can't
// be read.
func (t *tree) word(name string) string {
	b, err := t.read(name)
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(b))
}

// tail returns the whole lines at the end of a log, inflated if its name ends in
// ".gz".
func (t *tree) tail(name string) ([]byte, error) {
	f, info, err := t.open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if strings.HasSuffix(name, ".gz") {
		return inflatedTail(f)
	}
	from := max(0, info.Size()-maxTail)
	b, err := io.ReadAll(io.NewSectionReader(f, from, maxTail))
	if from > 0 {
		b = afterLine(b)
	}
	return b, err
}

// inflatedTail returns the last lines of a compressed log. One that inflates to
// more than maxInflated is an error: its end is what is asked for.
func inflatedTail(f io.Reader) ([]byte, error) {
	z, err := gzip.NewReader(bufio.NewReader(f))
	if err != nil {
		return nil, err
	}
	b, err := io.ReadAll(io.LimitReader(z, maxInflated+1))
	switch {
	case len(b) > maxInflated:
		return nil, fmt.Errorf("inflates to more than %d bytes", maxInflated)
	case err != nil && !errors.Is(err, io.ErrUnexpectedEOF):
		return nil, err
	case len(b) > maxTail:
		b = afterLine(b[len(b)-maxTail:])
	}
	return b, nil
}

// afterLine drops the line that b begins in the middle of.
func afterLine(b []byte) []byte {
	for i, c := range b {
		if c == '\n' {
			return b[i+1:]
		}
	}
	return nil
}

// names returns the names in a directory, none if it can't be read.
func (t *tree) names(dir string) []string {
	names, _ := t.list(dir)
	return names
}

// list returns the names in a directory, at most maxEntries.
func (t *tree) list(dir string) ([]string, error) {
	d, err := t.openAny(dir, unix.O_DIRECTORY|unix.O_NONBLOCK)
	if err != nil {
		return nil, err
	}
	defer d.Close()
	names, err := d.Readdirnames(maxEntries)
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return names, err
}

// changed returns when a file came to be as it is, and whether its content was
// written then: a copy that keeps the old time of the content, or a new owner or
// mode, shows only in the time of the inode.
func changed(info fs.FileInfo) (at time.Time, content bool) {
	at = info.ModTime()
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		return laterOf(at, time.Unix(int64(st.Ctim.Sec), int64(st.Ctim.Nsec)))
	}
	return at, true
}

func laterOf(content, inode time.Time) (time.Time, bool) {
	// Writing a file sets both; a second is more than they then lie apart.
	if inode.Sub(content) > time.Second {
		return inode, false
	}
	return content, true
}
