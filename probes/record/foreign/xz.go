package foreign

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"hash/crc32"
	"hash/crc64"
	"io"

	"github.com/ulikunitz/xz/lzma"
)

// Bounds of what a file of xz may have its reader keep, in bytes. xz -9 takes 64 MiB
// for a block of 192 MiB: each block brings a dictionary, and many small ones would take
// long to make.
const (
	mostDictionary  = 128 << 20
	spareDictionary = 1 << 30 // of all blocks together, beyond four times what they hold
	lzma2           = 0x21    // the filter, and the only one that is read
	streamHeader    = 12      // bytes, as the footer
)

var (
	xzMagic  = []byte{0xfd, '7', 'z', 'X', 'Z', 0}
	errXZ    = errors.New("it is no xz, or damaged")
	crc64XZ  = crc64.MakeTable(crc64.ECMA)
	xzChecks = map[byte]func() hash.Hash{
		0:  func() hash.Hash { return nil },
		1:  func() hash.Hash { return crc32.NewIEEE() },
		4:  func() hash.Hash { return crc64.New(crc64XZ) },
		10: sha256.New,
	}
)

// unxz reads the .xz file format (version 1.2.1 of its specification): streams of
// blocks. The module's own reader of it makes a dictionary as large as any block asks for.
type unxz struct {
	in        *bufio.Reader
	at        int64 // bytes read
	check     func() hash.Hash
	block     io.Reader // nil between two blocks
	sum       hash.Hash // nil without a check
	begun     int64     // where the block's data begin
	spent     int64     // dictionaries so far
	unpacked  int64
	streaming bool
}

func unpackXZ(in *bufio.Reader) (io.Reader, error) {
	x := &unxz{in: in}
	if err := x.stream(); err != nil {
		return nil, fmt.Errorf("cannot be unpacked: %w", err)
	}
	if err := x.next(); err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("cannot be unpacked: %w", err)
	}
	return x, nil
}

// Read gives what was packed.
func (x *unxz) Read(p []byte) (int, error) {
	for {
		if x.block == nil {
			if err := x.next(); err != nil {
				return 0, err
			}
		}
		n, err := x.block.Read(p)
		x.unpacked += int64(n)
		if x.sum != nil {
			x.sum.Write(p[:n])
		}
		if errors.Is(err, io.EOF) {
			if err = x.ended(); err != nil {
				return n, err
			}
		}
		if n > 0 || err != nil || len(p) == 0 {
			return n, err
		}
	}
}

// exactly reads n bytes.
func (x *unxz) exactly(n int) ([]byte, error) {
	b := make([]byte, n)
	read, err := io.ReadFull(x.in, b)
	x.at += int64(read)
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return b, err
}

// ReadByte reads one byte.
func (x *unxz) ReadByte() (byte, error) {
	b, err := x.in.ReadByte()
	if err == nil {
		x.at++
	}
	return b, err
}

// packedXZ is what a block reads.
type packedXZ struct{ *unxz }

func (r packedXZ) Read(p []byte) (int, error) {
	n, err := r.in.Read(p)
	r.at += int64(n)
	return n, err
}

// stream begins a stream (2.1.1).
func (x *unxz) stream() error {
	head, err := x.exactly(streamHeader)
	if err != nil {
		return err
	}
	check, known := xzChecks[head[7]]
	if !bytes.Equal(head[:6], xzMagic) || head[6] != 0 || crc32.ChecksumIEEE(head[6:8]) != binary.LittleEndian.Uint32(head[8:]) {
		return errXZ
	}
	if !known {
		return fmt.Errorf("xz with a check of kind %d", head[7])
	}
	x.check, x.streaming = check, true
	return nil
}

// next begins the next block (3.1), in the next stream if this one ends; io.EOF after the
// last.
func (x *unxz) next() error {
	for {
		if !x.streaming {
			if err := x.another(); err != nil {
				return err
			}
		}
		size, err := x.ReadByte()
		switch {
		case errors.Is(err, io.EOF):
			return io.ErrUnexpectedEOF
		case err != nil:
			return err
		case size == 0:
			if err := x.index(); err != nil {
				return err
			}
			x.streaming = false
			continue
		}
		rest, err := x.exactly((int(size)+1)*4 - 1)
		if err != nil {
			return err
		}
		head := append([]byte{size}, rest...)
		if crc32.ChecksumIEEE(head[:len(head)-4]) != binary.LittleEndian.Uint32(head[len(head)-4:]) {
			return errXZ
		}
		return x.open(head[:len(head)-4])
	}
}

// open makes a reader of the block that a header announces.
func (x *unxz) open(head []byte) error {
	size, err := dictionary(head)
	if err != nil {
		return err
	}
	x.spent += size
	switch {
	case size > mostDictionary:
		return fmt.Errorf("xz with a dictionary of %d MiB: expected at most %d", size>>20, mostDictionary>>20)
	case x.spent > spareDictionary+4*x.unpacked:
		return errors.New("xz with many blocks that hold next to nothing")
	}
	x.begun, x.sum = x.at, x.check()
	x.block, err = lzma.Reader2Config{DictCap: int(max(size, lzma.MinDictCap))}.NewReader2(packedXZ{x})
	return err
}

// dictionary is the size of the LZMA2 dictionary that a block needs, in bytes: what it
// asks for, or all that it holds. Its header is a size, flags, two numbers of up to nine
// bytes that the flags announce (what it takes and what it holds), and its filters: LZMA2
// with one byte of properties (3.1 and 5.3.1).
func dictionary(head []byte) (int64, error) {
	flags, rest := head[1], head[2:]
	holds := uint64(1) << 63
	for bit := byte(0x40); bit != 0; bit <<= 1 { // 0x40 and 0x80
		if flags&bit != 0 {
			n, length := binary.Uvarint(rest)
			rest = rest[max(length, 0):]
			if bit == 0x80 {
				holds = n
			}
		}
	}
	if flags&3 != 0 || len(rest) < 3 || rest[0] != lzma2 {
		return 0, errors.New("xz with other filters than LZMA2")
	}
	bits := rest[2]
	if rest[1] != 1 || bits > 40 {
		return 0, errXZ
	}
	size := uint64(2|bits&1) << (bits/2 + 11)
	if bits == 40 {
		size = 1<<32 - 1
	}
	return int64(min(size, holds)), nil
}

// ended passes over the padding behind a block and compares its check (3.3 and 3.4).
func (x *unxz) ended() error {
	x.block = nil
	if _, err := x.exactly(int((4 - (x.at-x.begun)%4) % 4)); err != nil {
		return err
	}
	if x.sum == nil {
		return nil
	}
	want, err := x.exactly(x.sum.Size())
	if err != nil {
		return err
	}
	got := x.sum.Sum(nil)
	if len(got) < sha256.Size { // the CRCs are stored with their lowest byte first
		for i, k := 0, len(got)-1; i < k; i, k = i+1, k-1 {
			got[i], got[k] = got[k], got[i]
		}
	}
	if !bytes.Equal(got, want) {
		return errXZ
	}
	return nil
}

// index passes over the index and the footer of a stream (4 and 2.1.2): they tell
// nothing that was not read.
func (x *unxz) index() error {
	begun := x.at - 1
	records, err := binary.ReadUvarint(x)
	for i := uint64(0); err == nil && i < 2*records; i++ {
		_, err = binary.ReadUvarint(x)
	}
	if err != nil {
		return err
	}
	_, err = x.exactly(int((4-(x.at-begun)%4)%4) + 4 + streamHeader)
	return err
}

// another begins the next stream behind zeros (2.2), if there is one.
func (x *unxz) another() error {
	for {
		head, err := x.in.Peek(4)
		switch {
		case len(head) == 0 && errors.Is(err, io.EOF):
			return io.EOF
		case len(head) < 4:
			return errXZ
		case !bytes.Equal(head, []byte{0, 0, 0, 0}):
			return x.stream()
		}
		if _, err = x.exactly(4); err != nil {
			return err
		}
	}
}
