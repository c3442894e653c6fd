package foreign

import (
	"archive/tar"
	"bufio"
	"bytes"
	"cmp"
	"compress/bzip2"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Bounds of what is read of files from outside.
const (
	maxMember   = 16 << 20  // bytes of one file
	maxMembers  = 500_000   // files of one archive or directory that are passed by
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
	// elsewhere counts the outputs of a report that show other network namespaces, packed
	// the archives in it.
	elsewhere, packed int
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
	case bytes.HasPrefix(head, xzMagic):
		return unpackXZ(in)
	case bytes.HasPrefix(head, []byte{0x28, 0xb5, 0x2f, 0xfd}):
		return nil, fmt.Errorf("%w: zstd; unpack it first: zstd -d FILE", ErrPacked)
	case bytes.HasPrefix(head, []byte("PK\x03\x04")):
		return nil, fmt.Errorf("%w: zip; unpack it first", ErrPacked)
	}
	return in, nil
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
	part := partOf(name)
	if part != "" && elsewhere(part) {
		s.elsewhere++
		return false
	}
	if packedName.MatchString(name) {
		s.packed++
		return false
	}
	return strings.Count(name, "/") <= 1 || part != "" && understood(part)
}

// packedName is that of an archive: what collects the reports of several hosts puts
// them into one.
var packedName = regexp.MustCompile(`\.(?:tar|tgz|tar\.(?:gz|xz|bz2|zst))$`)

// arrange takes away the directory that all members have in common, and tells a
// report from a collection of texts. Of several reports in one it keeps that which
// holds most: they may be of different hosts.
func (s *source) arrange() error {
	switch {
	case len(s.members) == 0 && s.packed > 0:
		return fmt.Errorf("%s holds %s: unpack it, and name the one of the host in question", s.name, counted(s.packed, "archive"))
	case len(s.members) == 0:
		return fmt.Errorf("%s holds no file that is understood", s.name)
	}
	slices.SortStableFunc(s.members, func(a, b member) int { return strings.Compare(a.name, b.name) })
	tops := map[string]int{}
	for _, m := range s.members {
		if part := partOf(m.name); part != "" {
			tops[strings.TrimSuffix(m.name, part)]++
		}
	}
	if len(tops) == 0 {
		return nil
	}
	s.report = true
	all := slices.Sorted(maps.Keys(tops))
	top := slices.MaxFunc(all, func(a, b string) int { return cmp.Compare(tops[a], tops[b]) })
	other := false
	s.members = slices.DeleteFunc(s.members, func(m member) bool {
		part := partOf(m.name)
		another := part != "" && strings.TrimSuffix(m.name, part) != top
		other = other || another
		return another
	})
	for i := range s.members {
		s.members[i].name = strings.TrimPrefix(s.members[i].name, top)
	}
	if other {
		s.note("there is another report in it: only that in %s was read; name each with a --replay of its own", printable(cmp.Or(strings.TrimSuffix(top, "/"), "its top"), 80))
	}
	return nil
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
