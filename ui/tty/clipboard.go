package tty

import (
	"fmt"
	"strings"

	"github.com/charmbracelet/x/ansi"
)

// clipboardLimit is how many bytes are put into the clipboard at most: terminals
// cut longer sequences, xterm among them.
const clipboardLimit = 48 << 10

// Copy puts text into the clipboard of the terminal that the operator sits at,
// also through SSH, tmux and screen (OSC 52). Whether the terminal allows it
// cannot be known.
func (t *Terminal) Copy(text string) error {
	if len(text) > clipboardLimit {
		return fmt.Errorf("%d KiB are more than a terminal takes into its clipboard", len(text)>>10)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.asked.clipboard = clipboard(text, t.env)
	t.hurry()
	return nil
}

// clipboard is the sequence that puts text into the clipboard. tmux takes it for
// its own buffer, or passes it on if it is wrapped, by its settings: it gets both.
func clipboard(text string, env []string) string {
	seq := ansi.SetSystemClipboard(text)
	switch {
	case lookup(env, "TMUX") != "":
		return seq + ansi.TmuxPassthrough(seq)
	case lookup(env, "STY") != "" || strings.HasPrefix(lookup(env, "TERM"), "screen"):
		return ansi.ScreenPassthrough(seq, 240)
	}
	return seq
}
