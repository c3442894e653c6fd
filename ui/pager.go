package ui

import (
	"fmt"

	"github.com/charmbracelet/x/ansi"
)

// pager shows lines that may be more than the screen holds. Where they change
// while one reads, it stays with the text and not with the number of the line.
type pager struct {
	scroll scroll
	lines  []string // as they were drawn last
}

func (p *pager) turn(a action, height int) { p.scroll.turn(a, height) }

// turn moves by an action on a screen of a height.
func (s *scroll) turn(a action, height int) {
	switch a {
	case actUp:
		s.top--
	case actDown:
		s.top++
	case actPageUp, actPrevious:
		s.top -= height - 2
	case actPageDown, actTick:
		s.top += height - 2
	case actFirst:
		s.top = 0
	case actLast:
		s.top = 1 << 30
	}
}

// draw shows a part of the lines, and below it which part if it is not all.
func (p *pager) draw(m *model, lines []string, w, height int) []string {
	p.follow(lines)
	if len(lines) <= height || height < 4 {
		return p.scroll.window(lines, height)
	}
	shown := p.scroll.window(lines, height-1)
	place := fmt.Sprintf("lines %d-%d of %d", p.scroll.top+1, p.scroll.top+len(shown), len(lines))
	return append(append([]string{}, shown...), m.theme.apart("", m.theme.dim.Render(place), w))
}

// follow scrolls by as much as the text at the top of the screen moved: it looks
// for the last line up to there that stands once before and once now.
func (p *pager) follow(lines []string) {
	old := p.lines
	p.lines = lines
	top := p.scroll.top
	if top <= 0 || top >= len(old) || len(lines) > 0 && &old[0] == &lines[0] {
		return
	}
	before, now := places(old), places(lines)
	for i := top; i >= 0; i-- {
		text := ansi.Strip(old[i])
		if at, is := now[text]; is && at >= 0 && before[text] == i {
			p.scroll.top += at - i
			return
		}
	}
}

// places are the lines that say something by their text, -1 for a text that stands
// more than once.
func places(lines []string) map[string]int {
	at := make(map[string]int, len(lines))
	for i, l := range lines {
		text := ansi.Strip(l)
		if _, twice := at[text]; twice || text == "" {
			i = -1
		}
		at[text] = i
	}
	return at
}
