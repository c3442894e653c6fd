package tty

import (
	"bytes"
	"fmt"
	"time"

	uv "github.com/charmbracelet/ultraviolet"
	"github.com/charmbracelet/x/ansi"
	"golang.org/x/sys/unix"
)

// breath is the least time between two screens: faster than an eye, and slow
// enough that a burst of events costs one of them.
const breath = 8 * time.Millisecond

// painter writes the screens of a terminal from Enter to Leave. It alone may
// wait for the terminal.
type painter struct {
	t       *Terminal
	done    chan struct{} // closed when it is to end
	stopped chan struct{} // closed when it has ended

	scr   *uv.TerminalRenderer
	buf   bytes.Buffer
	cells uv.ScreenBuffer
	shown []string
	size  Size
	mouse bool // as the terminal was told
}

func newPainter(t *Terminal) *painter {
	p := &painter{t: t, done: make(chan struct{}), stopped: make(chan struct{})}
	p.begin()
	return p
}

// begin starts with a terminal that was told nothing yet.
func (p *painter) begin() {
	p.buf.Reset()
	p.scr = uv.NewTerminalRenderer(&p.buf, p.t.env)
	p.scr.SetColorProfile(p.t.profile)
	p.scr.SetScrollOptim(true)
	p.scr.EnterAltScreen()
	p.shown, p.mouse = nil, false
	_, _ = p.scr.WriteString(ansi.ResetModeTextCursorEnable + ansi.SetModeBracketedPaste)
}

// takeBack takes back what a terminal was told. The screen is wiped first: a
// terminal that has no second one would keep the picture under what the shell
// writes.
const takeBack = ansi.ResetModeMouseButtonEvent + ansi.ResetModeMouseExtSgr + ansi.ResetModeBracketedPaste +
	ansi.ResetStyle + ansi.CursorHomePosition + ansi.EraseScreenBelow +
	ansi.ResetModeAltScreenSaveCursor + ansi.SetModeTextCursorEnable

// run writes what is asked for until done.
func (p *painter) run() {
	defer close(p.stopped)
	for {
		select {
		case <-p.done:
			return
		case <-p.t.wake:
		}
		p.drain()
		a, mouse := p.take()
		n, err := p.write(a, mouse)
		if err != nil {
			select {
			case p.t.broken <- fmt.Errorf("the terminal takes no more: %w", err):
			default:
			}
			return
		}
		select {
		case <-p.done:
			return
		case <-time.After(max(breath, p.takes(n))):
		}
	}
}

// speeds are those of slow lines in bits a second, by their code (termios(3),
// B0 to B19200). The next code, 38400, is said of every line that is not serial.
var speeds = [...]time.Duration{0, 50, 75, 110, 134, 150, 200, 300, 600, 1200, 1800, 2400, 4800, 9600, 19200}

// takes is how long a slow line needs for n bytes: a screen that is asked for
// meanwhile can still be replaced by a newer one. Of a line behind a network
// nothing is known but what stty says.
func (p *painter) takes(n int) time.Duration {
	const bits = 10 // of a byte, with its start and stop
	settings, err := unix.IoctlGetTermios(int(p.t.out.Fd()), unix.TCGETS)
	if err != nil {
		return 0
	}
	code := int(settings.Cflag & unix.CBAUD)
	if code == 0 || code >= len(speeds) {
		return 0
	}
	return time.Duration(n) * bits * time.Second / speeds[code]
}

// take takes what is asked for, nothing once the painter is to end, and whether
// the mouse is to be reported.
func (p *painter) take() (a asked, mouse bool) {
	p.t.mu.Lock()
	defer p.t.mu.Unlock()
	if p.t.painter != p {
		return asked{}, p.mouse
	}
	a, p.t.asked = p.t.asked, asked{}
	return a, p.t.mouse
}

// drain waits until a serial line has sent what it was given: a newer screen is
// worth more than the rest of an older one.
func (p *painter) drain() {
	for {
		n, err := unix.IoctlGetInt(int(p.t.out.Fd()), unix.TIOCOUTQ)
		if err != nil || n < 64 {
			return
		}
		select {
		case <-p.done:
			return
		case <-time.After(2 * breath):
		}
	}
}

// write writes what is asked for at once, of a screen only what is different, and
// returns how many bytes that were.
func (p *painter) write(a asked, mouse bool) (int, error) {
	last := p.shown
	if a.again {
		p.begin()
	}
	if a.redraw {
		p.shown = nil
	}
	if a.screen == nil && p.shown == nil && last != nil {
		a.screen = &frame{last, p.size}
	}
	if a.screen != nil {
		p.paint(a.screen)
	}
	if mouse != p.mouse {
		p.mouse = mouse
		seq := ansi.ResetModeMouseButtonEvent + ansi.ResetModeMouseExtSgr
		if mouse {
			seq = ansi.SetModeMouseButtonEvent + ansi.SetModeMouseExtSgr
		}
		_, _ = p.scr.WriteString(seq)
	}
	_, _ = p.scr.WriteString(a.clipboard)
	if err := p.scr.Flush(); err != nil {
		return 0, err
	}
	if p.buf.Len() == 0 {
		return 0, nil
	}
	n, err := p.t.out.Write(p.buf.Bytes())
	p.buf.Reset()
	return n, err
}

// paint puts a screen in the place of the one before.
func (p *painter) paint(f *frame) {
	if f.size != p.size || p.shown == nil {
		p.size, p.shown = f.size, nil
		p.cells = uv.NewScreenBuffer(f.size.Width, f.size.Height)
		p.scr.Resize(f.size.Width, f.size.Height)
		p.scr.Erase()
	}
	for y := range f.size.Height {
		line, before := "", ""
		if y < len(f.lines) {
			line = f.lines[y]
		}
		if y < len(p.shown) {
			before = p.shown[y]
		}
		if line == before {
			continue
		}
		row := uv.Rect(0, y, f.size.Width, 1)
		p.cells.ClearArea(row)
		uv.NewStyledString(line).Draw(p.cells, row)
	}
	p.shown = f.lines
	p.scr.Render(p.cells.RenderBuffer)
}
