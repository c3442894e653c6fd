package ui

import (
	"context"
	"os"
	"time"

	tea "charm.land/bubbletea/v2"

	"whydrop/ui/tty"
)

// RunDrill asks the cards of a session on the screen until all were answered, the
// person leaves or ctx ends. The terminal is left as it was found.
func RunDrill(ctx context.Context, o DrillOptions) error {
	if asciiGlyphs(o.Theme, os.Environ()) {
		o.Theme = "ascii"
	}
	m, err := newDrill(o)
	if err != nil {
		return err
	}
	return onScreen(ctx, o.Colours, m, func(t *tty.Terminal, _ func(time.Duration, tea.Msg)) {
		m.surface, m.size = t, t.Size()
	}, func() error { return m.broken })
}
