package ui

import (
	"context"
	"errors"
	"io"
	"os"
	"time"

	tea "charm.land/bubbletea/v2"

	"whydrop/checklist/train"
	"whydrop/ui/tty"
)

// RunTrain seats the candidate before the screen until they leave or ctx ends. It
// returns the session that they left before its end, nil if there is none. The
// terminal is left as it was found.
func RunTrain(ctx context.Context, o TrainOptions) (*train.Session, error) {
	env := os.Environ()
	if asciiGlyphs(o.Theme, env) {
		o.Theme = "ascii"
	}
	m, err := newTrain(o)
	if err != nil {
		return nil, err
	}
	terminal := tty.New(os.Stdin, os.Stdout, env, tty.Colours(o.Colours, os.Stdout, env), false)
	if err := terminal.Enter(); err != nil {
		return nil, err
	}
	defer terminal.Leave()
	watch, stop := context.WithCancel(ctx)
	defer stop()
	m.surface, m.size = terminal, terminal.Size()
	p := tea.NewProgram(m,
		tea.WithContext(ctx), tea.WithFilter(noMouse), tea.WithoutSignalHandler(), tea.WithEnvironment(env),
		tea.WithoutRenderer(), tea.WithFPS(1), tea.WithOutput(io.Discard),
		tea.WithInput(terminal.Keys()), tea.WithWindowSize(m.size.Width, m.size.Height))
	m.later = func(d time.Duration, msg tea.Msg) { time.AfterFunc(d, func() { p.Send(msg) }) }
	go follow(watch, p, terminal)
	_, err = p.Run()
	stop()
	terminal.Leave()
	m.leave() // where a signal ended it
	if ctx.Err() != nil || m.broken != nil {
		err = nil // the hang-up or signal is not a failure of the screen
	}
	return m.left, errors.Join(err, m.broken)
}
