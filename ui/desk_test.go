package ui

import (
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"
)

// sitter sits at a desk, presses its keys and reads its screen.
type sitter struct {
	t     *testing.T
	at    tea.Model
	desk  *desk
	draw  func() []string
	clock time.Time
	pace  time.Duration // from one key to the next
	left  bool
}

func newSitter(t *testing.T, pace time.Duration) sitter {
	return sitter{t: t, pace: pace, clock: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}
}

// sit begins, on a screen of some size.
func (s *sitter) sit(at tea.Model, d *desk, draw func() []string, width, height int) {
	s.at, s.desk, s.draw = at, d, draw
	at.Init()
	s.send(tea.WindowSizeMsg{Width: width, Height: height})
}

func (s *sitter) send(msg tea.Msg) {
	s.t.Helper()
	s.clock = s.clock.Add(s.pace)
	_, cmd := s.at.Update(msg)
	if s.desk.broken != nil {
		s.t.Fatal(s.desk.broken)
	}
	if cmd == nil {
		return
	}
	switch next := cmd().(type) {
	case tea.QuitMsg:
		s.left = true
	case nil:
	default:
		s.send(next)
	}
}

// pressable are the keys that are pressed by a name; any other text is typed.
var pressable = map[string]tea.KeyPressMsg{
	"enter": {Code: tea.KeyEnter}, "esc": {Code: tea.KeyEscape}, "tab": {Code: tea.KeyTab},
	"up": {Code: tea.KeyUp}, "down": {Code: tea.KeyDown}, "left": {Code: tea.KeyLeft}, "right": {Code: tea.KeyRight},
	"pgup": {Code: tea.KeyPgUp}, "pgdown": {Code: tea.KeyPgDown}, "home": {Code: tea.KeyHome}, "end": {Code: tea.KeyEnd},
	"space": {Code: tea.KeySpace, Text: " "}, "backspace": {Code: tea.KeyBackspace}, "ctrl+c": {Code: 'c', Mod: tea.ModCtrl},
}

// presses are the keys that a name means, or those that type a text.
func presses(name string) (keys []tea.KeyPressMsg) {
	if k, named := pressable[name]; named {
		return []tea.KeyPressMsg{k}
	}
	for _, r := range name {
		keys = append(keys, tea.KeyPressMsg{Code: r, Text: string(r)})
	}
	return keys
}

func (s *sitter) press(keys ...string) {
	s.t.Helper()
	for _, key := range keys {
		for _, k := range presses(key) {
			s.send(k)
		}
	}
}

// screen is what is to be seen, without its colours.
func (s *sitter) screen() string {
	s.t.Helper()
	lines := s.fitting()
	var b strings.Builder
	for _, l := range lines {
		b.WriteString(strings.TrimRight(ansi.Strip(l), " ") + "\n")
	}
	return b.String()
}

// fitting draws the screen, which has to be as large as the terminal.
func (s *sitter) fitting() []string {
	s.t.Helper()
	lines, size := s.draw(), s.desk.size
	if size.Width > 0 && len(lines) != max(size.Height, 1) {
		s.t.Errorf("%d lines on a screen of %dx%d", len(lines), size.Width, size.Height)
	}
	for _, l := range lines {
		if n := ansi.StringWidth(l); n > size.Width {
			s.t.Errorf("%d columns on a screen of %dx%d: %q", n, size.Width, size.Height, l)
		}
	}
	return lines
}
