package tty

import (
	"bytes"
	"os"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

// A paste whose end was lost must not swallow the key that leaves.
func TestInputEndsALostPaste(t *testing.T) {
	tests := []struct {
		name   string
		pieces []string
		pause  time.Duration // before the last piece
		want   string        // what the last piece is read as
	}{
		{"a key", []string{"\x03"}, 0, "\x03"},
		{"lost end, later ctrl+c", []string{"\x1b[200~ab", "\x03"}, 2 * silence, "\x1b[201~\x03"},
		{"lost end, later esc", []string{"\x1b[200~ab", "\x1b"}, 2 * silence, "\x1b[201~\x1b"},
		{"lost end, later a letter", []string{"\x1b[200~ab", "q"}, 2 * silence, "q"},
		{"within the paste", []string{"\x1b[200~ab", "\x03"}, 0, "\x03"},
		{"an end that came", []string{"\x1b[200~ab\x1b[201~", "\x03"}, 2 * silence, "\x03"},
		{"marks in two pieces", []string{"\x1b[20", "0~ab\x1b[2", "01~", "\x03"}, 2 * silence, "\x03"},
		{"begin in two pieces", []string{"\x1b[20", "0~ab", "\x03"}, 2 * silence, "\x1b[201~\x03"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r, w, err := os.Pipe()
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			defer w.Close()
			in, got := NewInput(r), ""
			for i, piece := range tt.pieces {
				if i == len(tt.pieces)-1 {
					in.last = in.last.Add(-tt.pause)
				}
				if _, err := w.WriteString(piece); err != nil {
					t.Fatal(err)
				}
				p := make([]byte, 64)
				n, err := in.Read(p)
				if err != nil {
					t.Fatal(err)
				}
				got = string(p[:n])
			}
			if got != tt.want {
				t.Errorf("read %q, want %q", got, tt.want)
			}
		})
	}
}

// read gives a piece to an input and returns what is read of it.
func read(t testing.TB, in *Input, w *os.File, piece []byte) []byte {
	t.Helper()
	if _, err := w.Write(piece); err != nil {
		t.Fatal(err)
	}
	p := make([]byte, 4096)
	n, err := in.Read(p)
	if err != nil {
		t.Fatal(err)
	}
	return p[:n]
}

func pipe(t testing.TB) (*Input, *os.File) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close(); w.Close() })
	return NewInput(r), w
}

// A letter that a slow line cuts in two is read as one, and one of Latin-1 as what
// it is.
func TestInputOfLetters(t *testing.T) {
	tests := []struct {
		name         string
		pieces, want []string
	}{
		{"whole", []string{"K\u00f6ln"}, []string{"K\u00f6ln"}},
		{"in two pieces", []string{"K\xc3", "\xb6ln"}, []string{"K", "\u00f6ln"}},
		{"in three pieces", []string{"\xe6", "\x97", "\xa5!"}, []string{"", "", "\u65e5!"}},
		{"Latin-1", []string{"K\xf6ln"}, []string{"K\u00f6ln"}},
		{"Latin-1 a key at a time", []string{"K", "\xf6", "l", "\xdf", "\r"}, []string{"K", "\u00f6", "l", "", "\u00df\r"}},
		{"a beginning without its end", []string{"\xc3", "\x03"}, []string{"", "\u00c3\x03"}},
		{"a control character of eight bits", []string{"\x9b1m"}, []string{"\x9b1m"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			in, w := pipe(t)
			for i, piece := range tt.pieces {
				if got := string(read(t, in, w, []byte(piece))); got != tt.want[i] {
					t.Errorf("%q is read as %q, want %q", piece, got, tt.want[i])
				}
			}
		})
	}
}

// Of a file that was pasted by mistake only the beginning is given on, and what
// comes after it as ever.
func TestInputCutsALongPaste(t *testing.T) {
	for _, end := range []string{"\x1b[201~", "tail\x1b[201~", "\x1b[20|1~"} {
		in, w := pipe(t)
		var got []byte
		give := func(text string) {
			for len(text) > 0 {
				n := min(len(text), 1000)
				got = append(got, read(t, in, w, []byte(text[:n]))...)
				text = text[n:]
			}
		}
		give("\x1b[200~" + strings.Repeat("garbage ", 100_000))
		for _, piece := range strings.Split(end, "|") {
			give(piece)
		}
		give("abc")
		give("\x1b[200~short\x1b[201~")
		if len(got) > 2*longestPaste || !bytes.HasSuffix(got, []byte("\x1b[201~abc\x1b[200~short\x1b[201~")) {
			t.Errorf("with %q %d bytes are read, at the end %q", end, len(got), got[len(got)-60:])
		}
	}
}

// FuzzInput gives bytes in pieces: nothing of what is no paste is lost but for
// what becomes of Latin-1.
func FuzzInput(f *testing.F) {
	f.Add([]byte("a\xc3\xb6\x1b[A"), 2)
	f.Add([]byte("\x1b[200~x\x1b[201~"), 3)
	f.Add([]byte("\xf0\x9f\x98"), 1)
	f.Fuzz(func(t *testing.T, text []byte, size int) {
		if size < 1 || size > 1000 || len(text) > 10_000 {
			return
		}
		in, w := pipe(t)
		var got []byte
		for rest := text; len(rest) > 0; {
			n := min(size, len(rest))
			got = append(got, read(t, in, w, rest[:n])...)
			rest = rest[n:]
		}
		got = append(got, in.letters(nil, true)...)
		var want []byte
		for rest := text; len(rest) > 0; {
			r, n := utf8.DecodeRune(rest)
			if r == utf8.RuneError && n == 1 && rest[0] >= firstOfLatin1 {
				want = utf8.AppendRune(want, rune(rest[0]))
			} else {
				want = append(want, rest[:n]...)
			}
			rest = rest[n:]
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%q in pieces of %d is read as %q, want %q", text, size, got, want)
		}
	})
}
