package ui

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
	"time"

	tea "charm.land/bubbletea/v2"

	"whydrop/checklist"
	"whydrop/probes/fact"
	"whydrop/ui/tty"
)

// Settled is after how many looks all that is done once has been done.
const Settled = 4

// Spare gives back the memory that loading and the first looks took, and keeps
// the rest small: the host may have little. The collector's own setting (GOGC)
// goes before.
func Spare() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(25)
	}
	debug.FreeOSMemory()
}

// patience is for how long the end waits for the measuring to stop.
const patience = 2 * time.Second

// Run shows the terminal program until the operator leaves it or ctx ends, and
// returns the case as it was left (nil if it was never opened). The terminal is
// left as it was found.
func Run(ctx context.Context, o Options) (*checklist.Case, error) {
	env := os.Environ()
	if asciiGlyphs(o.Theme, env) {
		o.Theme = "ascii"
	}
	m, err := newModel(o)
	if err != nil {
		return nil, err
	}
	terminal := tty.New(os.Stdin, os.Stdout, env, tty.Colours(o.Colours, os.Stdout, env), o.Mouse)
	if err := terminal.Enter(); err != nil {
		return nil, err
	}
	defer terminal.Leave()
	watch, stop := context.WithCancel(ctx)
	defer stop()
	m.surface, m.ctx = terminal, watch
	size := terminal.Size()
	m.layout = arrange(size.Width, size.Height)
	m.View() // before anything is read, loaded or measured

	p := tea.NewProgram(m,
		tea.WithContext(ctx), tea.WithFilter(m.unasked), tea.WithoutSignalHandler(), tea.WithEnvironment(env),
		tea.WithoutRenderer(), tea.WithFPS(1), tea.WithOutput(io.Discard),
		tea.WithInput(terminal.Keys()), tea.WithWindowSize(size.Width, size.Height))
	m.later = func(d time.Duration, msg tea.Msg) { time.AfterFunc(d, func() { p.Send(msg) }) }
	go follow(watch, p, terminal)
	go tellAmiss(watch, o.Amiss, p)
	watched := make(chan error, 1)
	go func() {
		looks := 0
		err := observe(watch, o.Watch, func(f *fact.Facts) {
			p.Send(factsMsg{f})
			if looks++; looks == Settled {
				Spare()
			}
		})
		if err != nil {
			p.Kill()
		}
		watched <- err
	}()
	_, err = p.Run()
	stop()
	terminal.Leave()
	broken := errors.Join(ended(watched), m.broken)
	if ctx.Err() != nil || broken != nil {
		err = nil // the hang-up or signal is not a failure of the screen
	}
	return m.kase, errors.Join(err, broken)
}

// follow tells the program when the terminal changes its size or hangs up.
func follow(ctx context.Context, p *tea.Program, terminal *tty.Terminal) {
	changed := make(chan os.Signal, 1)
	signal.Notify(changed, syscall.SIGWINCH, syscall.SIGCONT)
	defer signal.Stop(changed)
	for {
		select {
		case <-ctx.Done():
			return
		case err := <-terminal.Broken():
			p.Send(brokenMsg{err})
			return
		case sig := <-changed:
			if sig == syscall.SIGCONT {
				terminal.Again()
			}
			size := terminal.Size()
			p.Send(tea.WindowSizeMsg{Width: size.Width, Height: size.Height})
		}
	}
}

// ended waits for the measuring to end, but not for a read that a sick host does
// not answer.
func ended(watched <-chan error) error {
	select {
	case err := <-watched:
		return err
	case <-time.After(patience):
		return nil
	}
}

// observe watches until ctx ends. A panic becomes an error, so that the
// terminal is restored and the answers are kept.
func observe(ctx context.Context, watch func(context.Context, func(*fact.Facts)), each func(*fact.Facts)) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("measuring broke off, a fault of whydrop: %v", r)
		}
	}()
	watch(ctx, each)
	return nil
}
