package tty

import (
	"bytes"
	"os"
	"time"
)

// Input reads the operator's keys. It is the file of a terminal, but for a paste
// whose end a bad line has lost: everything after it would be taken for more of
// it, ctrl+c too.
type Input struct {
	*os.File
	pasting bool
	tail    []byte // of what was read: a mark of a paste may come in two pieces
	last    time.Time
}

// NewInput returns the input from a terminal.
func NewInput(f *os.File) *Input { return &Input{File: f} }

var pasteBegins, pasteEnds = []byte("\x1b[200~"), []byte("\x1b[201~")

// silence is after how long a lone ctrl+c or esc is no longer part of a paste,
// which comes in one go.
const silence = 500 * time.Millisecond

// Read reads as the file does, and puts the end of a paste that has none before
// the key that is to leave it.
func (in *Input) Read(p []byte) (int, error) {
	room := len(p) - len(pasteEnds)
	if room <= 0 {
		return in.File.Read(p)
	}
	n, err := in.File.Read(p[:room])
	now := time.Now()
	lone := n == 1 && (p[0] == 0x03 || p[0] == 0x1b)
	if in.pasting && lone && now.Sub(in.last) > silence {
		p[len(pasteEnds)] = p[0]
		n = copy(p, pasteEnds) + 1
	}
	in.last = now
	in.follow(p[:max(n, 0)])
	return n, err
}

// follow notes whether a paste is under way after some input.
func (in *Input) follow(input []byte) {
	seen := append(in.tail, input...)
	begins, ends := bytes.LastIndex(seen, pasteBegins), bytes.LastIndex(seen, pasteEnds)
	if begins != ends {
		in.pasting = begins > ends
	}
	in.tail = append([]byte(nil), seen[max(0, len(seen)-len(pasteEnds)+1):]...)
}
