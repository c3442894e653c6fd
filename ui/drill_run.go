package ui

import (
	"context"
	"errors"
	"io"
	"os"

	tea "charm.land/bubbletea/v2"

	"whydrop/ui/tty"
)

// RunDrill asks the cards of a session on the screen until all were answered, the
// person leaves or ctx ends. The terminal is left as it was found.
func RunDrill(ctx context.Context, o DrillOptions) error {
	env := os.Environ()
	if asciiGlyphs(o.Theme, env) {
		o.Theme = "ascii"
	}
	m, err := newDrill(o)
	if err != nil {
		return err
	}
	terminal := tty.New(os.Stdin, os.Stdout, env, tty.Colours(o.Colours, os.Stdout, env), false)
	if err := terminal.Enter(); err != nil {
		return err
	}
	defer terminal.Leave()
	watch, stop := context.WithCancel(ctx)
	defer stop()
	m.surface, m.size = terminal, terminal.Size()
	p := tea.NewProgram(m,
		tea.WithContext(ctx), tea.WithFilter(noMouse), tea.WithoutSignalHandler(), tea.WithEnvironment(env),
		tea.WithoutRenderer(), tea.WithFPS(1), tea.WithOutput(io.Discard),
		tea.WithInput(terminal.Keys()), tea.WithWindowSize(m.size.Width, m.size.Height))
	go follow(watch, p, terminal)
	_, err = p.Run()
	stop()
	terminal.Leave()
	if ctx.Err() != nil || m.broken != nil {
		err = nil // the hang-up or signal is not a failure of the screen
	}
	return errors.Join(err, m.broken)
}

// noMouse drops what looks like a report of the mouse: the mouse belongs to the
// terminal.
func noMouse(_ tea.Model, msg tea.Msg) tea.Msg {
	if _, ok := msg.(tea.MouseMsg); ok {
		return nil
	}
	return msg
}
