package plain

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/charmbracelet/x/term"

	"whydrop/checklist"
	"whydrop/content"
	"whydrop/ui/tty"
)

// width is how many columns a line has at most: no more than reads well, and on
// a narrow terminal fewer, but never under narrowest.
const width, narrowest = 72, 24

// columns is how wide lines to an output are: a terminal may have been made
// narrower meanwhile.
func columns(out io.Writer) int {
	f, ok := out.(interface{ Fd() uintptr })
	if !ok {
		return width
	}
	w, _, err := term.GetSize(f.Fd())
	if err != nil || w <= 0 {
		return width
	}
	return min(width, max(narrowest, w-1)) // a full line would wrap on some terminals
}

// pen writes paragraphs, and gives them to the output together: a screen reader
// is not interrupted between two of them.
type pen struct {
	w     *bufio.Writer
	width int
	// letters says that those beyond ASCII can be shown too. whydrop itself writes
	// none; names and notes may have some.
	letters bool
	open    bool // a line was begun, by a prompt
}

// penFor writes to out in its width until ctx ends; letters beyond ASCII only where a
// person types and sees it, in a locale that has them.
func penFor(ctx context.Context, out io.Writer, person bool) *pen {
	p := newPen(&patientWriter{ctx: ctx, w: out}, columns(out))
	p.letters = person && !tty.ASCIIOnly(os.Environ())
	return p
}

func newPen(w io.Writer, width int) *pen {
	return &pen{w: bufio.NewWriterSize(w, 64<<10), width: width}
}

// show makes text from outside fit to be written.
func (p *pen) show(s string) string {
	if p.letters {
		return content.Show(s)
	}
	return ascii(s)
}

// flush writes everything out. The error is that of the output.
func (p *pen) flush() error {
	if err := p.w.Flush(); err != nil {
		return fmt.Errorf("standard output: %w", err)
	}
	return nil
}

// say writes a paragraph.
func (p *pen) say(text string) { p.item("", text) }

// item writes a paragraph behind a head such as "1. " or "  For: ". Lines after
// the first are indented by two columns more than the head is.
func (p *pen) item(head, text string) {
	margin := len(head) - len(strings.TrimLeft(head, " "))
	indent := strings.Repeat(" ", margin)
	if margin > 0 || head != "" {
		indent += "  "
	}
	text = glue.Replace(strings.Join(strings.Fields(p.show(text)), " "))
	for i, l := range checklist.Wrap(head+text, p.width-len(indent)) {
		if i > 0 {
			l = indent + l
		}
		fmt.Fprintln(p.w, strings.TrimRight(unglue.Replace(l), " "))
	}
}

// glue keeps "over 99 %" on one line: text that is shown has no such bytes of its
// own.
var glue, unglue = strings.NewReplacer("(over ", "(over\x00", "(under ", "(under\x00", " %", "\x00%"), strings.NewReplacer("\x00", " ")

// whole writes text on a line of its own however long it is: a command that is
// to be copied.
func (p *pen) whole(text string) {
	for _, l := range strings.Split(strings.TrimSpace(text), "\n") {
		fmt.Fprintln(p.w, p.show(l))
	}
}

func (p *pen) blank() { fmt.Fprintln(p.w) }

// heading begins a part.
func (p *pen) heading(text string) {
	p.blank()
	p.say(text + ":")
}

// prompt begins a line that the operator ends.
func (p *pen) prompt(text string) {
	fmt.Fprint(p.w, ascii(text)+": ")
	p.open = true
}

// bell rings at a prompt. It moves no cursor.
func (p *pen) bell() {
	fmt.Fprint(p.w, "\a")
	_ = p.w.Flush() // an error of the output comes up with the next line
}

// echo ends the line of a prompt with what was read, of a very long line its
// beginning.
func (p *pen) echo(text string) {
	fmt.Fprintln(p.w, brief(text))
	p.open = false
}

// end ends the line of a prompt to which nothing was answered.
func (p *pen) end() {
	if p.open {
		fmt.Fprintln(p.w)
	}
	p.open = false
}

// ended notes that the operator has ended the line of a prompt.
func (p *pen) ended() { p.open = false }

// brief is the beginning of what was typed, for a message about it.
func brief(text string) string {
	const most = 40
	text = ascii(strings.TrimSpace(text))
	if len(text) > most {
		text = text[:most] + "..."
	}
	return text
}

// ascii shows text from outside in printable ASCII; other characters stand as Go
// and the shell's $” write them.
func ascii(s string) string {
	s = content.Show(s)
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return escaped(s)
		}
	}
	return s
}

func escaped(s string) string {
	var b strings.Builder
	for _, r := range s {
		if r < utf8.RuneSelf {
			b.WriteRune(r)
			continue
		}
		q := strconv.QuoteRuneToASCII(r)
		b.WriteString(q[1 : len(q)-1])
	}
	return b.String()
}

// farewellTime is how long the last words are waited for.
const farewellTime = 500 * time.Millisecond

// patientWriter waits for an output that takes nothing, such as a pipe that nobody
// reads, but no longer than the context: a signal must always end the program.
type patientWriter struct {
	ctx  context.Context
	w    io.Writer
	gone bool // given up
}

func (p *patientWriter) Write(b []byte) (int, error) {
	type result struct {
		n   int
		err error
	}
	if p.gone {
		return 0, context.Cause(p.ctx)
	}
	written := make(chan result, 1)
	go func(b []byte) {
		n, err := p.w.Write(b)
		written <- result{n, err}
	}(bytes.Clone(b))
	select {
	case r := <-written:
		return r.n, r.err
	case <-p.ctx.Done():
	}
	select {
	case r := <-written:
		return r.n, r.err
	case <-time.After(farewellTime):
		p.gone = true
		return 0, context.Cause(p.ctx)
	}
}

// sentence ends a text with a full stop if nothing ends it yet.
func sentence(s string) string {
	s = strings.TrimSpace(s)
	if s == "" || strings.ContainsAny(s[len(s)-1:], ".?!:") {
		return s
	}
	return s + "."
}
