package foreign

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"strings"
	"testing"

	"github.com/ulikunitz/xz"
)

// xzOf packs a text.
func xzOf(t testing.TB, text string, c xz.WriterConfig) []byte {
	var packed bytes.Buffer
	z, err := c.NewWriter(&packed)
	if err == nil {
		_, err = z.Write([]byte(text))
	}
	if err = errors.Join(err, z.Close()); err != nil {
		t.Fatal(err)
	}
	return packed.Bytes()
}

// blockHeader is that of a block of LZMA2 with a dictionary of 2^32-1 bytes (bits 40), or less.
func blockHeader(bits byte) []byte {
	head := []byte{2, 0, lzma2, 1, bits, 0, 0, 0}
	return binary.LittleEndian.AppendUint32(head, crc32.ChecksumIEEE(head))
}

// blocks is a stream without its index.
func blocks(stream []byte) []byte {
	footer := stream[len(stream)-streamHeader:]
	return stream[:len(stream)-streamHeader-int(binary.LittleEndian.Uint32(footer[4:])+1)*4]
}

func unxzAll(packed []byte) (string, error) {
	r, err := unpack(bufio.NewReader(bytes.NewReader(packed)))
	if err != nil {
		return "", err
	}
	b, err := io.ReadAll(r)
	return string(b), err
}

// What xz packed is read like what it was: of any number of blocks and streams.
func TestXZ(t *testing.T) {
	text := strings.Repeat("TcpExtListenDrops               5                  0.0\n", 5000)
	one := xzOf(t, text, xz.WriterConfig{})
	for name, packed := range map[string][]byte{
		"one block":             one,
		"several blocks":        xzOf(t, text, xz.WriterConfig{BlockSize: 70_000}),
		"no check":              xzOf(t, text, xz.WriterConfig{NoCheckSum: true}),
		"CRC32":                 xzOf(t, text, xz.WriterConfig{CheckSum: xz.CRC32}),
		"SHA-256":               xzOf(t, text, xz.WriterConfig{CheckSum: xz.SHA256}),
		"streams, zeros behind": append(append(xzOf(t, text[:55], xz.WriterConfig{}), 0, 0, 0, 0, 0, 0, 0, 0), xzOf(t, text[55:], xz.WriterConfig{})...),
		"an empty stream first": append(xzOf(t, "", xz.WriterConfig{}), one...),
	} {
		t.Run(name, func(t *testing.T) {
			got, err := unxzAll(packed)
			if err != nil || got != text {
				t.Errorf("%d bytes, %v; want %d", len(got), err, len(text))
			}
			for _, n := range []int{13, len(packed) / 2, len(packed) - 1} {
				if _, err := unxzAll(packed[:n]); err == nil {
					t.Errorf("cut off after %d of %d bytes: no error", n, len(packed))
				}
			}
		})
	}
	broken := bytes.Clone(one)
	broken[len(broken)/2] ^= 1
	if got, err := unxzAll(broken); err == nil {
		t.Errorf("a flipped bit: %d bytes and no error", len(got))
	}
}

// No block makes the reader keep or do much, wherever it stands.
func TestGreedyXZ(t *testing.T) {
	one := xzOf(t, "TcpExtListenDrops 5 0.0\n", xz.WriterConfig{})
	many := bytes.Clone(one[:streamHeader])
	for range 100 { // each is empty: a single chunk that ends it, and the check of nothing
		many = append(append(many, blockHeader(30)...), 0, 0, 0, 0)
		many = append(many, make([]byte, 8)...)
	}
	for name, test := range map[string]struct {
		packed []byte
		says   string
	}{
		"the first block":     {append(bytes.Clone(one[:streamHeader]), blockHeader(40)...), "dictionary of 4095 MiB"},
		"a later block":       {append(bytes.Clone(blocks(one)), blockHeader(31)...), "dictionary of 192 MiB"},
		"a later stream":      {append(append(bytes.Clone(one), one[:streamHeader]...), blockHeader(40)...), "dictionary of 4095 MiB"},
		"blocks of nothing":   {many, "next to nothing"},
		"another filter":      {append(bytes.Clone(one[:streamHeader]), 2, 0, 3, 1, 0, 0, 0, 0, 0x38, 0x86, 0xb7, 0x0b), ""},
		"rubbish after it":    {append(bytes.Clone(one), "rubbish rubbish"...), "no xz"},
		"dictionary too long": {append(bytes.Clone(one[:streamHeader]), blockHeader(41)...), "no xz"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := unxzAll(test.packed); err == nil || !strings.Contains(err.Error(), test.says) {
				t.Errorf("error %v, want one with %q", err, test.says)
			}
		})
	}
}

func FuzzXZ(f *testing.F) {
	f.Add(xzOf(f, "TcpExtListenDrops 5 0.0\n", xz.WriterConfig{}))
	f.Add(xzOf(f, strings.Repeat("a", 500), xz.WriterConfig{BlockSize: 100, CheckSum: xz.SHA256}))
	f.Add(blockHeader(40))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := unpackXZ(bufio.NewReader(bytes.NewReader(b)))
		if err == nil {
			_, _ = io.Copy(io.Discard, io.LimitReader(r, 1<<20))
		}
	})
}
