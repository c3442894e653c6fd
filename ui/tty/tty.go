// Package tty takes the operator's terminal for whole screens and gives it back
// as it was. It writes a screen as soon as it is shown, only what changed of it,
// and asks the terminal nothing: an answer that comes over a slow line after a
// quick end would be typed into the shell.
package tty

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/charmbracelet/colorprofile"
	"github.com/charmbracelet/x/term"
	"golang.org/x/sys/unix"
)

// patience is for how long a terminal that takes nothing (ctrl+s, a line that
// stands still) is waited for before it is left as it is.
const patience = time.Second

// Terminal is a terminal that shows whole screens. Its methods may be called
// from several goroutines; none but Leave, Lend, Print and Suspend waits for the
// terminal.
type Terminal struct {
	in      *keys
	out     *os.File
	env     []string
	profile colorprofile.Profile
	giving  sync.Mutex // held until the terminal is given back

	mu      sync.Mutex  // of what follows; never held while something is written
	over    bool        // it is not taken again
	cooked  *term.State // what Leave gives back
	painter *painter
	mouse   bool
	asked   asked

	wake   chan struct{}
	broken chan error
}

// Size is a terminal's in columns and rows.
type Size struct{ Width, Height int }

// largest is a size beyond any screen's. What a terminal says of itself may be
// nonsense, and the memory for it is this host's.
var largest = Size{800, 300}

// asked is what the painter is to do next.
type asked struct {
	screen    *frame
	again     bool   // the terminal may have lost all that it was told
	redraw    bool   // another program may have spoilt the screen
	clipboard string // sequence
}

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
		in: &keys{Input: NewInput(in)}, out: out, env: env, profile: profile, mouse: mouse,
		wake: make(chan struct{}, 1), broken: make(chan error, 1),
	}
}

// Keys is where the operator's keys are to be read from. While the terminal is
// given back none are: they are another program's.
func (t *Terminal) Keys() io.Reader { return t.in }

// keys are the operator's keys, when it is the program's turn to read them.
type keys struct {
	*Input
	turn sync.Mutex
}

// Read returns nothing where what it was called for has gone to another program.
func (k *keys) Read(p []byte) (int, error) {
	k.turn.Lock()
	defer k.turn.Unlock()
	if !ready(k.File, 0) {
		return 0, nil
	}
	return k.Input.Read(p)
}

// ready waits for so long until there is something to read, or an error to learn.
func ready(f *os.File, wait time.Duration) bool {
	fds := []unix.PollFd{{Fd: int32(f.Fd()), Events: unix.POLLIN}}
	n, err := unix.Poll(fds, int(wait.Milliseconds()))
	return n > 0 || err != nil && err != unix.EINTR
}

// Size returns the terminal's size as the kernel knows it (TIOCGWINSZ); 80x24
// where it knows none, as on a serial line.
func (t *Terminal) Size() Size {
	w, h, err := term.GetSize(t.out.Fd())
	if err != nil || w <= 0 || h <= 0 {
		return Size{80, 24}
	}
	return Size{min(w, largest.Width), min(h, largest.Height)}
}

// Enter takes the terminal: raw keys, the alternate screen, no cursor. The error
// is of the terminal's settings (tcsetattr); nothing is changed then, nor after
// Leave.
func (t *Terminal) Enter() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.painter != nil || t.over {
		return nil
	}
	cooked, err := term.MakeRaw(t.in.Fd())
	if err != nil {
		return fmt.Errorf("the terminal could not be switched to single keys: %w", err)
	}
	t.cooked = cooked
	t.painter = newPainter(t)
	go t.painter.run()
	return nil
}

// Again takes the terminal once more, after the program was stopped and
// continued: a shell has used it meanwhile. It does nothing before Enter.
func (t *Terminal) Again() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.painter == nil {
		return
	}
	_, _ = term.MakeRaw(t.in.Fd()) // the state to give back is that of Enter
	t.asked.again = true
	t.hurry()
}

// Leave gives the terminal back as Enter found it, for good. It may be called
// twice. It waits a little for a terminal that takes nothing, not for ever.
func (t *Terminal) Leave() {
	t.mu.Lock()
	t.over = true
	t.mu.Unlock()
	t.giveBack()
}

func (t *Terminal) giveBack() {
	t.giving.Lock()
	defer t.giving.Unlock()
	t.mu.Lock()
	p, cooked := t.painter, t.cooked
	t.painter, t.cooked = nil, nil
	if p != nil {
		close(p.done)
	}
	t.mu.Unlock()
	if p == nil {
		return
	}
	wait(p.stopped)
	wait(t.put(takeBack)) // a terminal that hung up can't be given back
	_ = term.Restore(t.in.Fd(), cooked)
}

// Rescue gives back a terminal whose taker was killed; its modes are not of this.
func Rescue(out *os.File) { wait((&Terminal{out: out}).put(takeBack)) }

// put writes in the background and closes the channel when that is done.
func (t *Terminal) put(text string) <-chan struct{} {
	written := make(chan struct{})
	go func() {
		defer close(written)
		_, _ = t.out.WriteString(text)
	}()
	return written
}

func wait(end <-chan struct{}) {
	select {
	case <-end:
	case <-time.After(patience):
	}
}

// Broken tells when the terminal takes nothing any more: it hung up.
func (t *Terminal) Broken() <-chan error { return t.broken }

// Show shows a screen, one string with its styles a line, in the place of the
// one before. It does not wait for the terminal: where screens come faster than
// they can be written, those in between are left out.
func (t *Terminal) Show(lines []string, size Size) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.asked.screen = &frame{lines, size}
	t.hurry()
}

// Redraw writes the whole screen anew, for one that another program has spoilt.
func (t *Terminal) Redraw() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.asked.redraw = true
	t.hurry()
}

// Mouse switches whether the terminal reports clicks and the wheel.
func (t *Terminal) Mouse(on bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.mouse = on
	t.hurry()
}

func (t *Terminal) hurry() {
	select {
	case t.wake <- struct{}{}:
	default:
	}
}

// Suspend gives the terminal back, stops the process group as ctrl+z does, and
// takes the terminal again when it is continued, or at once where nobody could
// continue it: the kernel stops no process group that no shell looks after.
func (t *Terminal) Suspend() error {
	t.in.turn.Lock()
	defer t.in.turn.Unlock()
	t.giveBack()
	if err := unix.Kill(0, unix.SIGTSTP); err != nil {
		return t.Enter()
	}
	time.Sleep(50 * time.Millisecond) // in here it stands still
	return t.Enter()
}

// Lend gives the terminal to a program until do returns, and takes it again.
func (t *Terminal) Lend(do func() error) error {
	t.in.turn.Lock()
	defer t.in.turn.Unlock()
	t.giveBack()
	return errors.Join(do(), t.Enter())
}

// Print shows text on the plain terminal, where the mouse selects it, until the
// operator presses enter, the input or ctx ends.
func (t *Terminal) Print(ctx context.Context, text string) error {
	t.in.turn.Lock()
	defer t.in.turn.Unlock()
	t.giveBack()
	printed := t.put(text)
	defer wait(printed)
	for ctx.Err() == nil {
		if !ready(t.in.File, 100*time.Millisecond) {
			continue
		}
		line := make([]byte, 4096) // a terminal gives at most a line
		n, err := t.in.File.Read(line)
		if n == 0 || err != nil || line[n-1] == '\n' {
			break
		}
	}
	if ctx.Err() != nil {
		return nil
	}
	return t.Enter()
}
