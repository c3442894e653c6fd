package ui

import (
	"context"
	"errors"
	"io"
	"os"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	"whydrop/ui/tty"
)

// Look is how a program of its own looks on the screen, and which keys it takes.
type Look struct {
	Theme   string            // "auto", "ascii"
	Colours string            // "auto", "16", "256", "never"
	Keys    map[string]string // keys by action, separated by spaces
}

// desk is what drill, interview and training have in common: a screen of their own,
// with a help that lies over it.
type desk struct {
	look    Look
	theme   theme
	keys    keymap
	size    tty.Size
	surface surface // nil in tests
	broken  error
	help    bool
	helping scroll

	later func(time.Duration, tea.Msg) // sends a message after a while; nil in tests
}

func newDesk(l Look) (desk, error) {
	keys, err := newKeymap(l.Keys)
	return desk{look: l, theme: newTheme(l.Theme == "ascii"), keys: keys, size: tty.Size{Width: 80, Height: 24}}, err
}

// run runs the program on the terminal until it quits or ctx ends. The terminal is left
// as it was found. end is called when the terminal is back.
func (d *desk) run(ctx context.Context, m tea.Model, end func()) error {
	env := os.Environ()
	d.theme = newTheme(asciiGlyphs(d.look.Theme, env))
	terminal := tty.New(os.Stdin, os.Stdout, env, tty.Colours(d.look.Colours, os.Stdout, env), false)
	if err := terminal.Enter(); err != nil {
		return err
	}
	defer terminal.Leave()
	watch, stop := context.WithCancel(ctx)
	defer stop()
	d.surface, d.size = terminal, terminal.Size()
	p := tea.NewProgram(m,
		tea.WithContext(ctx), tea.WithFilter(noMouse), tea.WithoutSignalHandler(), tea.WithEnvironment(env),
		tea.WithoutRenderer(), tea.WithFPS(1), tea.WithOutput(io.Discard),
		tea.WithInput(terminal.Keys()), tea.WithWindowSize(d.size.Width, d.size.Height))
	d.later = func(after time.Duration, msg tea.Msg) { time.AfterFunc(after, func() { p.Send(msg) }) }
	go follow(watch, p, terminal)
	_, err := p.Run()
	stop()
	terminal.Leave()
	end()
	if ctx.Err() != nil || d.broken != nil {
		err = nil // the hang-up or signal is not a failure of the screen
	}
	return errors.Join(err, d.broken)
}

// noMouse drops what looks like a report of the mouse: the mouse belongs to the
// terminal.
func noMouse(_ tea.Model, msg tea.Msg) tea.Msg {
	if _, ok := msg.(tea.MouseMsg); ok {
		return nil
	}
	return msg
}

// rescue, deferred, ends the program where a message panics.
func (d *desk) rescue(cmd *tea.Cmd) {
	if r := recover(); r != nil {
		d.broken, *cmd = fault(r), tea.Quit
	}
}

// take handles a message that means the same at every desk.
func (d *desk) take(msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		d.size = tty.Size{Width: msg.Width, Height: msg.Height}
	case brokenMsg:
		d.broken = msg.err
		return tea.Quit
	}
	return nil
}

// ofTerminal obeys a key that is about the terminal, and says whether it was one.
func (d *desk) ofTerminal(a action) (cmd tea.Cmd, taken bool) {
	switch {
	case d.surface == nil:
		return nil, false
	case a == actSuspend:
		return d.background(func() tea.Msg {
			if err := d.surface.Suspend(); err != nil {
				return brokenMsg{err}
			}
			return nil
		}), true
	case a == actRedraw:
		d.surface.Redraw()
		return nil, true
	}
	return nil, false
}

// background is a command that cannot take the program down with it.
func (d *desk) background(do func() tea.Msg) tea.Cmd {
	return func() (msg tea.Msg) {
		defer func() {
			if r := recover(); r != nil {
				msg = brokenMsg{fault(r)}
			}
		}()
		return do()
	}
}

// inHelp obeys a key while the help lies over the screen, in a window of some lines.
func (d *desk) inHelp(a action, room int) {
	switch a {
	case actDown, actPageDown, actUp, actPageUp, actFirst, actLast:
		d.helping.turn(a, room)
	default:
		d.help = false
	}
}

// show shows what was drawn.
func (d *desk) show(draw func() []string) tea.View {
	if d.surface != nil && d.broken == nil {
		d.surface.Show(draw(), d.size)
	}
	return tea.View{}
}

// low says that the screen has no lines to spare.
func (d *desk) low() bool { return d.size.Height < 14 }

// room is how many lines the body has between a head of one line and a foot of one.
func (d *desk) room() int {
	if d.low() {
		return max(0, d.size.Height-2)
	}
	return max(0, d.size.Height-3)
}

// sheet lays out the whole screen: the head, under it a rule where there is room, the
// body, and the foot. The body is told how many lines it has; the foot's keys may
// depend on what of it is seen.
func (d *desk) sheet(head []string, body func(room int) []string, foot func() []string) []string {
	t, w, h := d.theme, d.size.Width, d.size.Height
	if w <= 0 || h <= 0 {
		return []string{""}
	}
	lines := append([]string(nil), head...)
	room := max(0, h-len(lines)-len(foot()))
	lines = append(lines, t.block(body(room), w, room)...)
	last := foot()
	return t.block(append(lines[:min(len(lines), max(0, h-len(last)))], last...), w, h)
}

// rule is a line across the screen.
func (d *desk) rule() string {
	return d.theme.dim.Render(strings.Repeat(d.theme.rule, max(0, d.size.Width)))
}
