// Package tty takes the operator's terminal for whole screens and gives it back
// as it was. It writes a screen as soon as it is shown, only what changed of it,
// and asks the terminal nothing: an answer that comes over a slow line after a
// quick end would be typed into the shell.
package tty

import (
	"bytes"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/charmbracelet/colorprofile"
	uv "github.com/charmbracelet/ultraviolet"
	"github.com/charmbracelet/x/ansi"
	"github.com/charmbracelet/x/term"
	"golang.org/x/sys/unix"
)

// breath is the least time between two screens: faster than an eye, and slow
// enough that a burst of events costs one of them.
const breath = 8 * time.Millisecond

// Terminal is a terminal that shows whole screens. Its methods may be called
// from several goroutines.
type Terminal struct {
	in, out *os.File
	env     []string
	profile colorprofile.Profile
	mouse   bool

	mu     sync.Mutex // of what stands on the screen, and of writing
	cooked *term.State
	scr    *uv.TerminalRenderer
	buf    bytes.Buffer
	cells  uv.ScreenBuffer
	shown  []string
	size   Size

	queue  sync.Mutex // of the screen that is shown next
	next   *frame
	wake   chan struct{}
	done   chan struct{}
	broken chan error
}

// Size is a terminal's in columns and rows.
type Size struct{ Width, Height int }

// frame is a screen that waits to be written.
type frame struct {
	lines []string
	size  Size
}

// New describes a terminal; nothing is written and nothing is changed before
// Enter. mouse says whether the terminal is to report clicks and the wheel,
// which takes the selection of text by mouse from the operator.
func New(in, out *os.File, env []string, profile colorprofile.Profile, mouse bool) *Terminal {
	return &Terminal{
		in: in, out: out, env: env, profile: profile, mouse: mouse,
		wake: make(chan struct{}, 1), broken: make(chan error, 1),
	}
}

// Size returns the terminal's size as the kernel knows it (TIOCGWINSZ); 80x24
// where it knows none, as on a serial line.
func (t *Terminal) Size() Size {
	w, h, err := term.GetSize(t.out.Fd())
	if err != nil || w <= 0 || h <= 0 {
		return Size{80, 24}
	}
	return Size{w, h}
}

// Enter takes the terminal: raw keys, the alternate screen, no cursor. The error
// is of the terminal's settings (tcsetattr); nothing is changed then.
func (t *Terminal) Enter() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.cooked != nil {
		return nil
	}
	cooked, err := term.MakeRaw(t.in.Fd())
	if err != nil {
		return fmt.Errorf("the terminal could not be switched to single keys: %w", err)
	}
	t.cooked = cooked
	t.scr = uv.NewTerminalRenderer(&t.buf, t.env)
	t.scr.SetColorProfile(t.profile)
	t.scr.SetScrollOptim(true)
	t.scr.EnterAltScreen()
	t.shown = nil
	_, _ = t.scr.WriteString(ansi.ResetModeTextCursorEnable + ansi.SetModeBracketedPaste)
	if t.mouse {
		_, _ = t.scr.WriteString(ansi.SetModeMouseButtonEvent + ansi.SetModeMouseExtSgr)
	}
	t.done = make(chan struct{})
	go t.paint(t.done)
	return nil
}

// Leave gives the terminal back as Enter found it. It may be called twice.
func (t *Terminal) Leave() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.cooked == nil {
		return
	}
	close(t.done)
	end := ""
	if t.mouse {
		end = ansi.ResetModeMouseButtonEvent + ansi.ResetModeMouseExtSgr
	}
	end += ansi.ResetModeBracketedPaste + ansi.ResetModeAltScreenSaveCursor + ansi.ResetStyle + ansi.SetModeTextCursorEnable
	_, _ = t.out.WriteString(end) // a terminal that hung up can't be given back
	_ = term.Restore(t.in.Fd(), t.cooked)
	t.cooked, t.scr = nil, nil
	t.buf.Reset()
}

// Broken tells when the terminal takes nothing any more: it hung up.
func (t *Terminal) Broken() <-chan error { return t.broken }

// Show shows a screen, one string with its styles a line, in the place of the
// one before. It does not wait for the terminal: where screens come faster than
// they can be written, those in between are left out.
func (t *Terminal) Show(lines []string, size Size) {
	t.queue.Lock()
	t.next = &frame{lines, size}
	t.queue.Unlock()
	select {
	case t.wake <- struct{}{}:
	default:
	}
}

// Redraw writes the whole screen anew, for one that another program has spoilt.
func (t *Terminal) Redraw() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.scr != nil {
		t.scr.Erase()
		t.shown = nil
	}
}

// paint writes the screens until done.
func (t *Terminal) paint(done <-chan struct{}) {
	for {
		select {
		case <-done:
			return
		case <-t.wake:
		}
		t.drain(done)
		t.queue.Lock()
		f := t.next
		t.next = nil
		t.queue.Unlock()
		if f == nil {
			continue
		}
		if err := t.write(f, done); err != nil {
			select {
			case t.broken <- fmt.Errorf("the terminal takes no more: %w", err):
			default:
			}
			return
		}
		select {
		case <-done:
			return
		case <-time.After(breath):
		}
	}
}

// drain waits until a slow line has sent what it was given: a newer screen is
// worth more than the rest of an older one.
func (t *Terminal) drain(done <-chan struct{}) {
	for {
		n, err := unix.IoctlGetInt(int(t.out.Fd()), unix.TIOCOUTQ)
		if err != nil || n < 64 {
			return
		}
		select {
		case <-done:
			return
		case <-time.After(2 * breath):
		}
	}
}

// write writes what is different in a screen.
func (t *Terminal) write(f *frame, done <-chan struct{}) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	select {
	case <-done: // left while it waited
		return nil
	default:
	}
	if f.size != t.size || t.shown == nil {
		t.size, t.shown = f.size, nil
		t.cells = uv.NewScreenBuffer(f.size.Width, f.size.Height)
		t.scr.Resize(f.size.Width, f.size.Height)
		t.scr.Erase()
	}
	for y := range f.size.Height {
		line, before := "", ""
		if y < len(f.lines) {
			line = f.lines[y]
		}
		if y < len(t.shown) {
			before = t.shown[y]
		}
		if line == before {
			continue
		}
		row := uv.Rect(0, y, f.size.Width, 1)
		t.cells.ClearArea(row)
		uv.NewStyledString(line).Draw(t.cells, row)
	}
	t.shown = f.lines
	t.scr.Render(t.cells.RenderBuffer)
	if err := t.scr.Flush(); err != nil {
		return err
	}
	_, err := t.out.Write(t.buf.Bytes())
	t.buf.Reset()
	return err
}

// Mouse switches whether the terminal reports clicks and the wheel.
func (t *Terminal) Mouse(on bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.mouse == on {
		return
	}
	t.mouse = on
	if t.cooked == nil {
		return
	}
	seq := ansi.ResetModeMouseButtonEvent + ansi.ResetModeMouseExtSgr
	if on {
		seq = ansi.SetModeMouseButtonEvent + ansi.SetModeMouseExtSgr
	}
	_, _ = t.out.WriteString(seq)
}

// Print writes plain text after Leave.
func (t *Terminal) Print(text string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	_, _ = t.out.WriteString(text)
}
