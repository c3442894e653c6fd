package load

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
)

// What is said to a counterpart: a header and a body, as long as the header says.
// The answer is a header and the bytes asked for. A connection may carry any number
// of requests. Whatever does not begin with the magic is read and discarded, as
// RFC 863 has it.
//
//	request: magic (8), bytes of the body (8), bytes wanted (8), ms to wait (4), KiB/s at most or 0 (4)
//	answer:  magic (8), bytes that follow (8)
type header struct {
	body, reply int64 // reply: endless, until the client closes
	wait        time.Duration
	kib         uint32 // at most so many KiB a second
}

const (
	magic      = "whydrop1"
	endless    = 1<<63 - 1
	answerSize = 16
)

func (h header) bytes() []byte {
	b := make([]byte, 0, headerSize)
	b = append(b, magic...)
	b = binary.BigEndian.AppendUint64(b, uint64(h.body))
	b = binary.BigEndian.AppendUint64(b, uint64(h.reply))
	b = binary.BigEndian.AppendUint32(b, uint32(h.wait.Milliseconds()))
	return binary.BigEndian.AppendUint32(b, h.kib)
}

// parseHeader reads a request of headerSize bytes. It fails for one without the
// magic, or that asks for more than a client does.
func parseHeader(b []byte) (header, error) {
	if len(b) < headerSize || string(b[:8]) != magic {
		return header{}, errForeign
	}
	h := header{
		body: int64(binary.BigEndian.Uint64(b[8:])), reply: int64(binary.BigEndian.Uint64(b[16:])),
		wait: time.Duration(binary.BigEndian.Uint32(b[24:])) * time.Millisecond, kib: binary.BigEndian.Uint32(b[28:]),
	}
	if h.body < 0 || h.body > MaxMessage || h.reply < 0 || h.reply > MaxMessage && h.reply != endless || h.wait > MaxThink {
		return header{}, fmt.Errorf("a request for %d bytes with %d, after %v", h.reply, h.body, h.wait)
	}
	return h, nil
}

// noise is what is sent: bytes that no device on the way can compress.
var noise = func() []byte {
	b := make([]byte, 64<<10)
	x := uint64(0x9e3779b97f4a7c15)
	for i := 0; i < len(b); i += 8 { // xorshift64
		x ^= x << 13
		x ^= x >> 7
		x ^= x << 17
		binary.LittleEndian.PutUint64(b[i:], x)
	}
	return b
}()

// message is a request to a counterpart with its body. The body of a short one is
// sent in one piece with the header.
func (t *Traffic) message() []byte {
	head := header{body: t.Body, reply: t.Reply, wait: t.Think.Duration()}.bytes()
	return append(head, noise[:min(t.Body, int64(len(noise)))]...)
}

// get is a GET request.
func (t *Traffic) get(host string) []byte {
	return fmt.Appendf(nil, "GET %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: whydrop\r\nAccept: */*\r\n\r\n", t.HTTP, host)
}

// checkPath keeps a path from becoming another request.
func checkPath(path string) error {
	if path == "" {
		return nil
	}
	odd := strings.IndexFunc(path, func(r rune) bool { return r <= ' ' || r > '~' })
	if path[0] != '/' || odd >= 0 || len(path) > 2000 {
		return fmt.Errorf("path %q: expected one like /health, of ASCII without spaces", path)
	}
	return nil
}

// checkHost keeps a name from becoming another header.
func checkHost(name string) error {
	odd := strings.IndexFunc(name, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-._:", r))
	})
	if odd >= 0 || len(name) > 253 {
		return fmt.Errorf("name %q: expected that of a host", name)
	}
	return nil
}

// answer reads the answer of a counterpart up to its body.
func answer(r *bufio.Reader) (body int64, err error) {
	var b [answerSize]byte
	if n, err := io.ReadFull(r, b[:]); err != nil {
		if n > 0 && !bytes.HasPrefix([]byte(magic), b[:min(n, len(magic))]) {
			return 0, errForeign
		}
		return 0, err
	}
	n := int64(binary.BigEndian.Uint64(b[8:]))
	if string(b[:8]) != magic || n < 0 {
		return 0, errForeign
	}
	return n, nil
}

// Bounds of the head of an HTTP answer.
const (
	mostHeaders = 200
	longestLine = 16 << 10
)

// httpHead is what the head of an HTTP answer says about its body.
type httpHead struct {
	status  int
	length  int64 // of the body; -1: until the end of the connection
	chunked bool
	keep    bool // the connection can carry another request
}

// readHead reads the head of an HTTP/1 answer (RFC 9112, 2.1, 6.3, 9.3). It fails
// with errForeign for what is none.
func readHead(r *bufio.Reader) (httpHead, error) {
	line, err := readLine(r)
	if err != nil {
		return httpHead{}, err
	}
	version, rest, _ := strings.Cut(line, " ")
	text, _, _ := strings.Cut(rest, " ")
	status, err := strconv.Atoi(text)
	if !strings.HasPrefix(version, "HTTP/1.") || err != nil || status < 100 || status > 999 {
		return httpHead{}, errForeign
	}
	h := httpHead{status: status, length: -1, keep: version == "HTTP/1.1"}
	for range mostHeaders {
		line, err := readLine(r)
		if err != nil {
			return h, err
		}
		if line == "" {
			h.settle()
			return h, nil
		}
		if err := h.field(line); err != nil {
			return h, err
		}
	}
	return h, errForeign
}

func (h *httpHead) field(line string) error {
	name, value, ok := strings.Cut(line, ":")
	if !ok {
		return errForeign
	}
	value = strings.ToLower(strings.TrimSpace(value))
	switch strings.ToLower(name) {
	case "content-length":
		n, err := strconv.ParseInt(value, 10, 64)
		if err != nil || n < 0 {
			return errForeign
		}
		h.length = n
	case "transfer-encoding":
		h.chunked = strings.HasSuffix(value, "chunked")
	case "connection":
		h.keep = h.keep && !strings.Contains(value, "close") || strings.Contains(value, "keep-alive")
	}
	return nil
}

// settle applies what RFC 9112, 6.3 says of bodies.
func (h *httpHead) settle() {
	switch {
	case h.status < 200 || h.status == 204 || h.status == 304:
		h.length, h.chunked = 0, false
	case h.chunked:
		h.length = -1
	case h.length < 0:
		h.keep = false
	}
}

func readLine(r *bufio.Reader) (string, error) {
	var line []byte
	for len(line) < longestLine {
		part, err := r.ReadSlice('\n')
		line = append(line, part...)
		if err == nil {
			return strings.TrimRight(string(line), "\r\n"), nil
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return "", err
		}
	}
	return "", errForeign
}

// readBody reads the body of an HTTP answer into nothing; took is told of its bytes
// as they come and can end it.
func (h *httpHead) readBody(r *bufio.Reader, took func(int64) error) error {
	if !h.chunked {
		if h.length < 0 {
			return discard(r, endless, took)
		}
		return exactly(r, h.length, took)
	}
	for {
		line, err := readLine(r)
		if err != nil {
			return err
		}
		text, _, _ := strings.Cut(line, ";")
		size, err := strconv.ParseUint(strings.TrimSpace(text), 16, 62)
		if err != nil {
			return errForeign
		}
		if size == 0 {
			return trailer(r)
		}
		if err := exactly(r, int64(size), took); err != nil {
			return err
		}
		if line, err := readLine(r); err != nil || line != "" {
			return errors.Join(err, errForeign)
		}
	}
}

func trailer(r *bufio.Reader) error {
	for range mostHeaders {
		if line, err := readLine(r); err != nil || line == "" {
			return err
		}
	}
	return errForeign
}

// exactly reads n bytes into nothing; fewer are an error.
func exactly(r *bufio.Reader, n int64, took func(int64) error) error {
	left := n
	err := discard(r, n, func(m int64) error { left -= m; return took(m) })
	if err == nil && left > 0 {
		return io.ErrUnexpectedEOF
	}
	return err
}

// discard reads up to n bytes into nothing; the end of the data is no error.
func discard(r *bufio.Reader, n int64, took func(int64) error) error {
	for n > 0 {
		if _, err := r.Peek(1); err != nil {
			if errors.Is(err, io.EOF) {
				return nil
			}
			return err
		}
		m, err := r.Discard(int(min(int64(r.Buffered()), n)))
		if err != nil {
			return err
		}
		n -= int64(m)
		if err := took(int64(m)); err != nil {
			return err
		}
	}
	return nil
}
