package tty

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/charmbracelet/colorprofile"
	"github.com/creack/pty"
	"golang.org/x/sys/unix"
)

// line is a terminal line and what came over it.
type line struct {
	terminal *Terminal
	mu       sync.Mutex
	got      strings.Builder
}

func (l *line) seen() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.got.String()
}

// await waits until a text has come over the line.
func (l *line) await(t *testing.T, text string) {
	t.Helper()
	for range 1000 {
		if strings.Contains(l.seen(), text) {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("%q did not come; the terminal got %q", text, l.seen())
}

// newLine is a terminal at the end of a line whose speed is said to be a code
// (unix.B9600).
func newLine(t *testing.T, speed uint32) *line {
	t.Helper()
	master, slave, err := pty.Open()
	if err != nil {
		t.Skipf("no pseudo-terminal: %v", err)
	}
	t.Cleanup(func() { master.Close(); slave.Close() })
	settings, err := unix.IoctlGetTermios(int(slave.Fd()), unix.TCGETS)
	if err != nil {
		t.Fatal(err)
	}
	settings.Cflag = settings.Cflag&^unix.CBAUD | speed
	if err := unix.IoctlSetTermios(int(slave.Fd()), unix.TCSETS, settings); err != nil {
		t.Fatal(err)
	}
	l := &line{terminal: New(slave, slave, []string{"TERM=xterm-256color"}, colorprofile.ASCII, false)}
	go func() {
		buffer := make([]byte, 4096)
		for {
			n, err := master.Read(buffer)
			l.mu.Lock()
			l.got.Write(buffer[:n])
			l.mu.Unlock()
			if err != nil {
				return
			}
		}
	}()
	if err := l.terminal.Enter(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.terminal.Leave)
	return l
}

// full is a screen that has nothing in common with one of another number.
func full(i int, size Size) []string {
	lines := make([]string, size.Height)
	for y := range lines {
		lines[y] = strings.Repeat(string(rune('a'+i)), size.Width-8) + fmt.Sprintf(" %02d", i)
	}
	return lines
}

// On a slow line the screens of a burst of keys do not queue up: the first comes
// at once, then the last.
func TestSlowLineLeavesOutWhatIsBehind(t *testing.T) {
	size, screens := Size{40, 10}, 20
	came := func(speed uint32) (n int) {
		l := newLine(t, speed)
		for i := range screens {
			l.terminal.Show(full(i, size), size)
			time.Sleep(2 * breath)
		}
		l.await(t, fmt.Sprintf("%02d", screens-1))
		for i := range screens {
			if strings.Contains(l.seen(), fmt.Sprintf("%02d", i)) {
				n++
			}
		}
		return n
	}
	if n := came(unix.B9600); n > 4 {
		t.Errorf("%d of %d screens were written on a slow line", n, screens)
	}
	if n := came(unix.B38400); n < screens/2 {
		t.Errorf("%d of %d screens were written on a fast line", n, screens)
	}
}

// A terminal that was left for good is not taken again by what was under way.
func TestLeaveIsForGood(t *testing.T) {
	l := newLine(t, unix.B38400)
	l.terminal.Show([]string{"shown before"}, Size{40, 10})
	l.await(t, "shown before")
	ctx, stop := context.WithCancel(context.Background())
	printed := make(chan error)
	go func() { printed <- l.terminal.Print(ctx, "in plain words") }()
	l.await(t, "in plain words")
	l.terminal.Show([]string{"shown meanwhile"}, Size{40, 10})
	l.terminal.Leave()
	stop()
	if err := <-printed; err != nil {
		t.Error(err)
	}
	if err := l.terminal.Enter(); err != nil {
		t.Error(err)
	}
	time.Sleep(5 * breath)
	if strings.Contains(l.seen(), "shown meanwhile") || strings.Count(l.seen(), "\x1b[?1049h") != 1 {
		t.Errorf("the terminal got %q", l.seen())
	}
}
