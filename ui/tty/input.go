package tty

import (
	"bytes"
	"os"
	"time"
	"unicode/utf8"
)

// Input reads the operator's keys. It is the file of a terminal, but for what a
// slow or bad line makes of them: a letter that comes in two pieces is given on
// as one, a byte of Latin-1 as its letter, of a paste no more than anybody can
// want, and one whose end was lost can be left: everything after it would be
// taken for more of it, ctrl+c too.
type Input struct {
	*os.File
	pasting bool
	pasted  int    // bytes of the paste so far
	tail    []byte // of what was read: a mark of a paste may come in two pieces
	held    []byte // the beginning of a letter whose end has not come yet
	last    time.Time
}

// NewInput returns the input from a terminal.
func NewInput(f *os.File) *Input { return &Input{File: f} }

var pasteBegins, pasteEnds = []byte("\x1b[200~"), []byte("\x1b[201~")

const (
	// silence is after how long a lone ctrl+c or esc is no longer part of a paste,
	// which comes in one go.
	silence = 500 * time.Millisecond
	// longestPaste is how many bytes of a paste are given on: the rest is a file
	// that was pasted by mistake, and would be held in memory.
	longestPaste = 64 << 10
)

// Read reads as the file does, and puts the end of a paste that has none before
// the key that is to leave it. It may give nothing, without an error.
func (in *Input) Read(p []byte) (int, error) {
	// A byte of Latin-1 becomes two, and a mark may come before all.
	room := len(p)/2 - len(pasteEnds) - utf8.UTFMax
	if room <= 0 {
		return in.File.Read(p)
	}
	n, err := in.File.Read(p[:room])
	input := bytes.Clone(p[:max(n, 0)])
	now := time.Now()
	lone := n == 1 && (input[0] == 0x03 || input[0] == 0x1b)
	if in.pasting && lone && now.Sub(in.last) > silence {
		input = append(bytes.Clone(pasteEnds), input...)
	}
	in.last = now
	return copy(p, in.letters(in.follow(input), err != nil)), err
}

// follow notes whether a paste is under way after some input, and returns what of
// it is given on.
func (in *Input) follow(input []byte) []byte {
	seen := append(in.tail, input...)
	begins, ends := bytes.LastIndex(seen, pasteBegins), bytes.LastIndex(seen, pasteEnds)
	before, cut := in.pasting, in.pasted > longestPaste
	if begins != ends {
		in.pasting = begins > ends
	}
	in.tail = append([]byte(nil), seen[max(0, len(seen)-len(pasteEnds)+1):]...)
	switch {
	case !in.pasting || !before || begins >= 0:
		in.pasted = 0
	default:
		in.pasted += len(input)
	}
	if before && cut {
		if ends < 0 {
			return nil
		}
		return seen[bytes.Index(seen, pasteEnds):]
	}
	return input
}

// letters makes whole letters of UTF-8 of some input, and holds back the
// beginning of one until more comes, or nothing will.
func (in *Input) letters(input []byte, last bool) []byte {
	if len(in.held) == 0 && utf8.Valid(input) {
		return input
	}
	input = append(in.held, input...)
	in.held = nil
	var out []byte
	for len(input) > 0 {
		if !last && !utf8.FullRune(input) {
			in.held = bytes.Clone(input)
			break
		}
		r, size := utf8.DecodeRune(input)
		if b := input[0]; r == utf8.RuneError && size == 1 && b >= firstOfLatin1 {
			out = utf8.AppendRune(out, rune(b))
		} else {
			out = append(out, input[:size]...)
		}
		input = input[size:]
	}
	return out
}

// firstOfLatin1 is the first letter of Latin-1 beyond ASCII: below are control
// characters.
const firstOfLatin1 = 0xa0
