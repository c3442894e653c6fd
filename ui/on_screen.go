package ui

import (
	"context"
	"errors"
	"io"
	"os"
	"time"

	tea "charm.land/bubbletea/v2"

	"whydrop/ui/tty"
)

// onScreen runs a program of its own on the terminal until it quits or ctx ends. The
// terminal is left as it was found. seat gives the model the terminal, and a way to
// send itself a message later; end is called when the terminal is back, and returns
// what broke the model.
func onScreen(ctx context.Context, colours string, m tea.Model, seat func(t *tty.Terminal, later func(time.Duration, tea.Msg)), end func() error) error {
	env := os.Environ()
	terminal := tty.New(os.Stdin, os.Stdout, env, tty.Colours(colours, os.Stdout, env), false)
	if err := terminal.Enter(); err != nil {
		return err
	}
	defer terminal.Leave()
	watch, stop := context.WithCancel(ctx)
	defer stop()
	size := terminal.Size()
	p := tea.NewProgram(m,
		tea.WithContext(ctx), tea.WithFilter(noMouse), tea.WithoutSignalHandler(), tea.WithEnvironment(env),
		tea.WithoutRenderer(), tea.WithFPS(1), tea.WithOutput(io.Discard),
		tea.WithInput(terminal.Keys()), tea.WithWindowSize(size.Width, size.Height))
	seat(terminal, func(d time.Duration, msg tea.Msg) { time.AfterFunc(d, func() { p.Send(msg) }) })
	go follow(watch, p, terminal)
	_, err := p.Run()
	stop()
	terminal.Leave()
	broken := end()
	if ctx.Err() != nil || broken != nil {
		err = nil // the hang-up or signal is not a failure of the screen
	}
	return errors.Join(err, broken)
}

// noMouse drops what looks like a report of the mouse: the mouse belongs to the
// terminal.
func noMouse(_ tea.Model, msg tea.Msg) tea.Msg {
	if _, ok := msg.(tea.MouseMsg); ok {
		return nil
	}
	return msg
}
