package ui

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/colorprofile"
	"github.com/charmbracelet/x/ansi"

	"whydrop/checklist"
	"whydrop/probes/fact"
)

// Run shows the terminal program until the operator leaves it or ctx ends, and
// returns the case as it was left (nil if it was never opened). The terminal is
// left as it was found.
func Run(ctx context.Context, o Options) (*checklist.Case, error) {
	watch, stop := context.WithCancel(ctx)
	m := newModel(o)
	options := []tea.ProgramOption{
		tea.WithContext(ctx), tea.WithoutSignalHandler(), tea.WithFPS(30),
		tea.WithEnvironment(quiet(os.Environ())), tea.WithOutput(terminal{os.Stdout}),
	}
	if os.Getenv("NO_COLOR") != "" {
		options = append(options, tea.WithColorProfile(colorprofile.ASCII))
	}
	p := tea.NewProgram(m, options...)
	watched := make(chan error, 1)
	go func() {
		err := observe(watch, o.Watch, func(f *fact.Facts) { p.Send(factsMsg{f}) })
		if err != nil {
			p.Kill()
		}
		watched <- err
	}()
	final, err := p.Run()
	stop()
	broken := <-watched
	if end, ok := final.(*model); ok {
		m = end
	}
	if ctx.Err() != nil || broken != nil {
		err = nil // the hang-up or signal is not a failure of the screen
	}
	return m.kase, errors.Join(err, broken)
}

// observe watches until ctx ends. A panic becomes an error, so that the
// terminal is restored and the answers are kept.
func observe(ctx context.Context, watch func(context.Context, func(*fact.Facts)), each func(*fact.Facts)) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("measuring broke off, a fault of whydrop: %v", r)
		}
	}()
	watch(ctx, each)
	return nil
}

// quiet is the environment as the terminal library is to see it: one for which
// it asks the terminal nothing at the start. An answer that comes over a slow
// line after a quick end would be typed into the shell.
func quiet(environ []string) []string {
	out := []string{"SSH_TTY=quiet"}
	for _, e := range environ {
		name, value, _ := strings.Cut(e, "=")
		switch name {
		case "TERM_PROGRAM", "WT_SESSION", "SSH_TTY":
			continue
		case "TERM":
			for _, asked := range []string{"ghostty", "wezterm", "alacritty", "kitty", "rio"} {
				if strings.Contains(value, asked) {
					e = "TERM=xterm-256color"
				}
			}
		}
		out = append(out, e)
	}
	return out
}

// terminal is the terminal as the library is to write to it: without asking for
// the keyboard protocol, the answer to which could come after the end, and
// without switching it, which a killed program could not undo.
type terminal struct{ *os.File }

var keyboardProtocol = strings.NewReplacer(
	ansi.RequestKittyKeyboard, "", ansi.SetModifyOtherKeys2, "", ansi.ResetModifyOtherKeys, "",
	ansi.PushKittyKeyboard(ansi.KittyDisambiguateEscapeCodes), "", ansi.PopKittyKeyboard(1), "",
)

func (t terminal) Write(p []byte) (int, error) {
	if _, err := keyboardProtocol.WriteString(t.File, string(p)); err != nil {
		return 0, err
	}
	return len(p), nil
}
