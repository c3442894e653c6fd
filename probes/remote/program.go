package remote

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"debug/elf"
	"encoding/hex"
	"fmt"
	"io"
	"os"
)

// maxProgram bounds the program that is brought.
const maxProgram = 256 << 20

// program is what is brought.
type program struct {
	arch    string // as GOARCH
	dynamic bool   // it needs libraries of the host
	bytes   int    // its size
	sum     string // its SHA-256 in hexadecimal digits
	plain   []byte
}

// load reads the program that is brought: a file, or with "" this one.
func load(path string) (*program, error) {
	p := &program{}
	if path == "" {
		path = "/proc/self/exe"
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxProgram+1))
	if err != nil {
		return nil, err
	}
	if len(data) > maxProgram {
		return nil, fmt.Errorf("%s is larger than %d MiB", path, maxProgram>>20)
	}
	header, err := elf.NewFile(bytes.NewReader(data))
	switch {
	case err != nil || header.Type != elf.ET_EXEC && header.Type != elf.ET_DYN:
		return nil, fmt.Errorf("%s is no program for Linux: expected a whydrop built with GOOS=linux", path)
	case archOf(header) == "":
		return nil, fmt.Errorf("%s is a program for %v, which is not known", path, header.Machine)
	}
	for _, s := range header.Progs {
		p.dynamic = p.dynamic || s.Type == elf.PT_INTERP
	}
	p.arch = archOf(header)
	p.plain = trimmed(data, header)
	p.bytes = len(p.plain)
	sum := sha256.Sum256(p.plain)
	p.sum = hex.EncodeToString(sum[:])
	return p, nil
}

// zipped returns the program compressed.
func (p *program) zipped() ([]byte, error) {
	var zipped bytes.Buffer
	zip, _ := gzip.NewWriterLevel(&zipped, gzip.DefaultCompression) // the level is valid
	_, err := zip.Write(p.plain)
	if err == nil {
		err = zip.Close()
	}
	return zipped.Bytes(), err
}

// trimmed cuts off what only debuggers read: all that no segment loads. It halves
// what goes over the wire.
func trimmed(data []byte, header *elf.File) []byte {
	end := uint64(0)
	for _, s := range header.Progs {
		end = max(end, s.Off+s.Filesz)
	}
	if header.Class != elf.ELFCLASS64 || end < 64 || end >= uint64(len(data)) {
		return data
	}
	cut := bytes.Clone(data[:end])
	order := header.ByteOrder
	order.PutUint64(cut[0x28:], 0) // e_shoff
	order.PutUint32(cut[0x3c:], 0) // e_shnum and e_shstrndx
	return cut
}

// archOf is the architecture of a program as GOARCH, "" for one that is not known.
func archOf(f *elf.File) string {
	little := f.Data == elf.ELFDATA2LSB
	switch {
	case f.Machine == elf.EM_X86_64:
		return "amd64"
	case f.Machine == elf.EM_386:
		return "386"
	case f.Machine == elf.EM_AARCH64 && little:
		return "arm64"
	case f.Machine == elf.EM_ARM && little:
		return "arm"
	case f.Machine == elf.EM_RISCV && little:
		return "riscv64"
	case f.Machine == elf.EM_PPC64 && little:
		return "ppc64le"
	case f.Machine == elf.EM_PPC64:
		return "ppc64"
	case f.Machine == elf.EM_S390:
		return "s390x"
	case f.Machine == elf.EM_LOONGARCH:
		return "loong64"
	}
	return ""
}

// machines are the names that uname(1) has for architectures.
var machines = map[string]string{
	"x86_64": "amd64", "amd64": "amd64", "i386": "386", "i486": "386", "i586": "386", "i686": "386",
	"aarch64": "arm64", "arm64": "arm64", "armv6l": "arm", "armv7l": "arm", "armv8l": "arm",
	"riscv64": "riscv64", "ppc64le": "ppc64le", "ppc64": "ppc64", "s390x": "s390x", "loongarch64": "loong64",
}

// fits says why the program cannot run on a machine that uname names so; nil if it can.
func (p *program) fits(system, machine string) error {
	if system != "Linux" {
		return fmt.Errorf("the host runs %s: whydrop needs Linux there", show(system))
	}
	arch := machines[machine]
	switch {
	case arch == p.arch:
		return nil
	case arch == "":
		return fmt.Errorf("the host is a %s, for which there is no whydrop", show(machine))
	}
	return fmt.Errorf("the host is a %s and this program is for %s: expected --remote-binary with one built by GOOS=linux GOARCH=%s CGO_ENABLED=0 go build ./cmd/whydrop", show(machine), p.arch, arch)
}
