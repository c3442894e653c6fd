package ui

import (
	"context"

	tea "charm.land/bubbletea/v2"

	"whydrop/content"
)

// tellAmiss tells the program what is amiss with the connection to the host.
func tellAmiss(ctx context.Context, amiss <-chan string, p *tea.Program) {
	for amiss != nil {
		select {
		case <-ctx.Done():
			return
		case text := <-amiss:
			p.Send(amissMsg(text))
		}
	}
}

// amissFoot says what is amiss with the connection, in most of w; "" where nothing is.
func (m *model) amissFoot(w int) string {
	return m.theme.clip(content.Show(m.amiss), max(0, w-leastKeys))
}
