package ui

import (
	"context"
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
	if asciiGlyphs(o.Theme, os.Environ()) {
		o.Theme = "ascii"
	}
	m, err := newTrain(o)
	if err != nil {
		return nil, err
	}
	err = onScreen(ctx, o.Colours, m, func(t *tty.Terminal, later func(time.Duration, tea.Msg)) {
		m.surface, m.size, m.later = t, t.Size(), later
	}, func() error {
		m.leave() // where a signal ended it
		return m.broken
	})
	return m.left, err
}
