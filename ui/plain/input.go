package plain

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"

	"whydrop/probes/fact"
)

const (
	// longestLine is how many bytes of a line are kept. The rest is counted.
	longestLine = 64 << 10
	// endless is how many bytes without an end of a line are no line any more.
	endless = 256 << 20
)

// line is one line of the input without its end.
type line struct {
	text string
	lost int   // bytes beyond the longest line
	err  error // why the input could not be read any further; text is nothing then
}

// readLines reads the input until it ends or done. A last line without an end
// counts too. A reader that waits for input when all is over is left behind: it
// can't be called back.
func readLines(in io.Reader, done <-chan struct{}) <-chan line {
	lines := make(chan line)
	go func() {
		defer close(lines)
		r := bufio.NewReader(in)
		for first := true; ; first = false {
			l, err := readLine(r)
			if first {
				l.text = strings.TrimPrefix(l.text, "\ufeff") // some editors begin a file with it
			}
			if err != nil && l.text == "" {
				if errors.Is(err, io.EOF) {
					return
				}
				l.err = err
			}
			select {
			case lines <- l:
			case <-done:
				return
			}
			if err != nil {
				return
			}
		}
	}()
	return lines
}

// readLine reads one line of any length in bounded memory.
func readLine(r *bufio.Reader) (line, error) {
	var l line
	var kept []byte
	for {
		part, err := r.ReadSlice('\n')
		room := min(len(part), longestLine-len(kept))
		kept = append(kept, part[:room]...)
		l.lost += len(part) - room
		if l.lost > endless {
			return line{}, errors.New("a line without an end")
		}
		if errors.Is(err, bufio.ErrBufferFull) {
			continue
		}
		if l.lost > 0 && err == nil {
			l.lost-- // the end of the line
		}
		l.text = strings.TrimRight(string(kept), "\r\n")
		return l, err
	}
}

// mailbox holds the newest facts until they are judged; older ones that nobody
// had time for are gone.
type mailbox chan *fact.Facts

func newMailbox() mailbox { return make(mailbox, 1) }

// put is called by one goroutine.
func (m mailbox) put(f *fact.Facts) {
	select {
	case <-m:
	default:
	}
	m <- f
}

// stray finds an input that will never end and asks for nothing, such as that of
// yes(1) or of a device.
type stray struct {
	last  string
	times int // that it came in a row
	wrong int // lines in a row that were not understood
}

// mostInVain is how many such lines may come in a row: more than any script has
// reason to.
const mostInVain = 100

// follow takes a line that was understood or not. The error says how the input has
// gone astray.
func (s *stray) follow(text string, understood bool) error {
	if text != s.last {
		s.last, s.times = text, 0
	}
	s.times++
	if s.wrong++; understood {
		s.wrong = 0
	}
	switch {
	case s.times >= mostInVain:
		return errors.New("the same line again and again")
	case s.wrong >= mostInVain:
		return fmt.Errorf("%d lines in a row were not understood", s.wrong)
	}
	return nil
}
