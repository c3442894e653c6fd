package ui

import (
	"context"
	"os"
	"time"

	tea "charm.land/bubbletea/v2"

	"whydrop/ui/tty"
)

// RunInterview seats the interviewer before the screen until they leave or ctx ends.
// The terminal is left as it was found.
func RunInterview(ctx context.Context, o InterviewOptions) error {
	if asciiGlyphs(o.Theme, os.Environ()) {
		o.Theme = "ascii"
	}
	m, err := newInterview(o)
	if err != nil {
		return err
	}
	return onScreen(ctx, o.Colours, m, func(t *tty.Terminal, later func(time.Duration, tea.Msg)) {
		m.surface, m.size, m.later = t, t.Size(), later
	}, func() error { return m.broken })
}
