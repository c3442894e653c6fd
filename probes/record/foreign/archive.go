package foreign

import (
	"archive/tar"
	"bufio"
	"bytes"
	"compress/bzip2"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/ulikunitz/xz"
)

// Bounds of what is read of files from outside.
const (
	maxMember   = 16 << 20  // bytes of one file
	maxMembers  = 100_000   // files of one archive or directory that are passed by
	maxKept     = 4_000     // of these, the ones that are read
	maxAll      = 192 << 20 // bytes of all files that are read
	maxUnpacked = 8 << 30   // bytes of an archive, unpacked
)

// member is one file of a source.
type member struct {
	name     string // its path, without the directory that all have in common
	text     []byte
	modified time.Time
	cut      bool // it is longer than what was read
}

// source is what one of the paths holds that were named.
type source struct {
	name     string
	report   bool // a sosreport, or a tree that looks like one
	members  []member
	modified time.Time
	notes    []string
}

func (s *source) note(format string, args ...any) {
	s.notes = append(s.notes, s.name+": "+fmt.Sprintf(format, args...))
}

// ErrPacked marks an archive whose compression cannot be read.
var ErrPacked = errors.New("is packed with a method that is not read here")

// openSource reads a directory, an archive, or a file.
func openSource(name string, stdin io.Reader) (*source, error) {
	if name == "-" {
		s := &source{name: "standard input"}
		return s, s.stream(stdin, "standard input", time.Time{})
	}
	// Opened before it is looked at, so that both are of the same file. A named
	// pipe without a writer does not hold us up.
	f, err := os.OpenFile(name, os.O_RDONLY|nonblock, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	s := &source{name: printable(filepath.Base(name), 80), modified: info.ModTime()}
	switch {
	case info.IsDir():
		return s, s.directory(name)
	case info.Mode().IsRegular():
		return s, s.stream(f, s.name, info.ModTime())
	}
	return nil, fmt.Errorf("%s is neither a file nor a directory", printable(name, 200))
}

// stream reads an archive or a plain text, packed or not.
func (s *source) stream(r io.Reader, name string, modified time.Time) error {
	in := bufio.NewReaderSize(r, 64<<10)
	unpacked, err := unpack(in)
	if err != nil {
		return fmt.Errorf("%s %w", s.name, err)
	}
	in = bufio.NewReaderSize(io.LimitReader(unpacked, maxUnpacked), 64<<10)
	const magicAt = 257 // of "ustar", in a tar header
	head, err := in.Peek(magicAt + 5)
	if len(head) == magicAt+5 && string(head[magicAt:]) == "ustar" {
		return s.archive(tar.NewReader(in))
	}
	if err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("%s cannot be unpacked: %w", s.name, err)
	}
	text, cut, err := readUpTo(in, maxMember)
	if err != nil {
		s.note("damaged: read up to there (%v)", err)
	}
	if bytes.IndexByte(text[:min(len(text), 512)], 0) >= 0 {
		return fmt.Errorf("%s is no text: expected the output of a tool, a sosreport, or a recording of whydrop", s.name)
	}
	s.members = []member{{name: name, text: text, modified: modified, cut: cut}}
	return nil
}

// unpack undoes gzip, bzip2 and xz.
func unpack(in *bufio.Reader) (io.Reader, error) {
	head, _ := in.Peek(6)
	switch {
	case bytes.HasPrefix(head, []byte{0x1f, 0x8b}):
		z, err := gzip.NewReader(in)
		if err != nil {
			return nil, fmt.Errorf("cannot be unpacked: %w", err)
		}
		return z, nil
	case bytes.HasPrefix(head, []byte("BZh")):
		return bzip2.NewReader(in), nil
	case bytes.HasPrefix(head, []byte{0xfd, '7', 'z', 'X', 'Z', 0}):
		return unpackXZ(in)
	case bytes.HasPrefix(head, []byte{0x28, 0xb5, 0x2f, 0xfd}):
		return nil, fmt.Errorf("%w: zstd; unpack it first: zstd -d FILE", ErrPacked)
	case bytes.HasPrefix(head, []byte("PK\x03\x04")):
		return nil, fmt.Errorf("%w: zip; unpack it first", ErrPacked)
	}
	return in, nil
}

// mostDictionary bounds what a file of xz may have a reader keep, in bytes: xz -9 takes
// 64 MiB.
const mostDictionary = 128 << 20

func unpackXZ(in *bufio.Reader) (io.Reader, error) {
	head, _ := in.Peek(64)
	if d := dictionary(head); d > mostDictionary {
		return nil, fmt.Errorf("cannot be unpacked: xz with a dictionary of %d MiB: expected at most %d", d>>20, mostDictionary>>20)
	}
	r, err := xz.NewReader(in)
	if err != nil {
		return nil, fmt.Errorf("cannot be unpacked: %w", err)
	}
	return r, nil
}

// dictionary is the size of the LZMA2 dictionary that the first block of a file of xz
// asks for, in bytes; 0 if there is none. The block's header is a size, flags, two
// numbers of up to nine bytes that the flags announce, and its filters: LZMA2 is 0x21, with one
// byte of properties (the .xz file format, 3.1 and 5.3.1).
func dictionary(file []byte) uint64 {
	if len(file) < 14 {
		return 0
	}
	flags, rest := file[13], file[14:]
	for bit := byte(0x40); bit != 0; bit <<= 1 { // 0x40 and 0x80
		if flags&bit != 0 {
			_, n := binary.Uvarint(rest)
			rest = rest[max(n, 0):]
		}
	}
	for range flags&3 + 1 {
		id, n := binary.Uvarint(rest)
		size, m := binary.Uvarint(rest[max(n, 0):])
		if n <= 0 || m <= 0 || uint64(len(rest)-n-m) < size {
			return 0
		}
		properties := rest[n+m:][:size]
		if id == 0x21 && size == 1 {
			return uint64(2|properties[0]&1) << (properties[0]&0x3f/2 + 11)
		}
		rest = rest[n+m+int(size):]
	}
	return 0
}

// archive reads the members of a tar that are understood.
func (s *source) archive(in *tar.Reader) error {
	total := 0
	for n := 0; ; n++ {
		h, err := in.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			s.note("damaged: read up to file %d (%s)", n, printable(err.Error(), 80))
			break
		}
		if n >= maxMembers || total >= maxAll || len(s.members) >= maxKept {
			s.note("more files than are read: the rest of the archive is left out")
			break
		}
		if h.Typeflag != tar.TypeReg || !s.wants(h.Name) {
			continue
		}
		text, cut, err := readUpTo(in, maxMember)
		s.members = append(s.members, member{name: clean(h.Name), text: text, modified: h.ModTime, cut: cut})
		total += len(text)
		if err != nil {
			s.note("damaged: read up to %s", printable(h.Name, 80))
			break
		}
	}
	return s.arrange()
}

// directory reads the files of a tree that are understood. No link is followed,
// and nothing but regular files is opened.
func (s *source) directory(name string) error {
	root, err := os.OpenRoot(name)
	if err != nil {
		return err
	}
	defer root.Close()
	n, total := 0, 0
	err = fs.WalkDir(root.FS(), ".", func(file string, d fs.DirEntry, err error) error {
		n++
		switch {
		case n > maxMembers || total >= maxAll || len(s.members) >= maxKept:
			s.note("more files than are read: the rest of the directory is left out")
			return fs.SkipAll
		case err != nil:
			s.note("%s", printable(err.Error(), 120))
			return nil
		case !d.Type().IsRegular() || !s.wants(file):
			return nil
		}
		m, err := readMember(root, file)
		if err != nil {
			s.note("%s", printable(err.Error(), 120))
			return nil
		}
		s.members = append(s.members, m)
		total += len(m.text)
		return nil
	})
	if err != nil {
		return err
	}
	return s.arrange()
}

func readMember(root *os.Root, file string) (member, error) {
	f, err := root.OpenFile(file, os.O_RDONLY|nonblock, 0)
	if err != nil {
		return member{}, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return member{}, err
	}
	if !info.Mode().IsRegular() { // exchanged since it was listed
		return member{}, fmt.Errorf("%s is no regular file", file)
	}
	text, cut, err := readUpTo(f, maxMember)
	return member{name: clean(file), text: text, modified: info.ModTime(), cut: cut}, err
}

// wants tells whether a member is worth reading: what is known in a report, and
// small files near the top, which somebody may have put together by hand.
func (s *source) wants(name string) bool {
	name = clean(name)
	if strings.Count(name, "/") <= 1 {
		return true
	}
	return partOf(name) != ""
}

// arrange takes away the directory that all members have in common, and tells a
// report from a collection of texts.
func (s *source) arrange() error {
	if len(s.members) == 0 {
		return fmt.Errorf("%s holds no file that is understood", s.name)
	}
	for i := range s.members {
		if part := partOf(s.members[i].name); part != "" {
			s.report = true
			s.members[i].name = part
		}
	}
	slices.SortStableFunc(s.members, func(a, b member) int { return strings.Compare(a.name, b.name) })
	return nil
}

// partOf is the path of a file in a report, without what stands in front: "" for
// one that stands nowhere in a report.
func partOf(name string) string {
	for _, top := range []string{"sos_commands/", "proc/", "etc/os-release", "etc/hostname", "usr/lib/os-release"} {
		if strings.HasPrefix(name, top) {
			return name
		}
		if at := strings.Index(name, "/"+top); at >= 0 && strings.Count(name[:at], "/") <= 1 {
			return name[at+1:]
		}
	}
	return ""
}

// clean makes a path relative and plain.
func clean(name string) string {
	return strings.TrimPrefix(path.Clean("/"+strings.ToValidUTF8(name, "?")), "/")
}

// readUpTo reads at most so many bytes, and says whether there is more.
func readUpTo(r io.Reader, most int64) (text []byte, cut bool, err error) {
	text, err = io.ReadAll(io.LimitReader(r, most+1))
	if int64(len(text)) > most {
		return text[:most], true, err
	}
	return text, false, err
}
