package plain

import (
	"bufio"
	"errors"
	"io"
	"strings"

	"whydrop/probes/fact"
)

// longestLine is how many bytes of a line are kept. The rest is counted.
const longestLine = 64 << 10

// line is one line of the input without its end.
type line struct {
	text string
	lost int // bytes beyond the longest line
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
				return
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
