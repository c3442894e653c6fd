package ui

import "fmt"

// pager shows lines that may be more than the screen holds.
type pager struct{ scroll scroll }

func (p *pager) turn(a action, height int) {
	switch a {
	case actUp:
		p.scroll.top--
	case actDown:
		p.scroll.top++
	case actPageUp, actPrevious:
		p.scroll.top -= height - 2
	case actPageDown, actTick:
		p.scroll.top += height - 2
	case actFirst:
		p.scroll.top = 0
	case actLast:
		p.scroll.top = 1 << 30
	}
}

// draw shows a part of the lines, and below it which part if it is not all.
func (p *pager) draw(m *model, lines []string, w, height int) []string {
	if len(lines) <= height || height < 4 {
		return p.scroll.window(lines, height)
	}
	shown := p.scroll.window(lines, height-1)
	place := fmt.Sprintf("lines %d-%d of %d", p.scroll.top+1, p.scroll.top+len(shown), len(lines))
	return append(append([]string{}, shown...), m.theme.apart("", m.theme.dim.Render(place), w))
}
