package main

import (
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/charmbracelet/x/term"

	"whydrop/checklist"
	"whydrop/content"
	"whydrop/probes/apply"
)

// hear waits for a word; ok is false at the end of the input, when whydrop is to end,
// and when over is closed. each is called every second.
func (a *applier) hear(over <-chan struct{}, each func()) (word string, ok bool) {
	if a.heard == nil {
		a.heard = make(chan string)
		go func() {
			defer close(a.heard)
			for {
				line, err := a.in.ReadString('\n')
				if err != nil {
					return // half a line is no answer
				}
				a.heard <- strings.ToLower(strings.TrimSpace(line))
			}
		}()
	}
	second := time.NewTicker(time.Second)
	defer second.Stop()
	for {
		select {
		case word, ok = <-a.heard:
			if !ok {
				a.say("")
			}
			return word, ok
		case <-over:
		case <-a.cmd.Context().Done():
		case <-second.C:
			if each != nil {
				each()
			}
			continue
		}
		a.say("")
		return "", false
	}
}

// wanted asks whether a step is to be applied: yes, next or quit.
func (a *applier) wanted() string {
	a.say("\n  Apply this step? It goes back by itself after %v unless you keep it.", a.o.confirm)
	for {
		fmt.Fprint(a.out, "  y apply it   n next step   q quit, nothing is changed > ")
		word, ok := a.hear(nil, nil)
		switch word {
		case "y", "yes":
			return "yes"
		case "n", "next", "no":
			return "next"
		case "q", "quit":
			return "quit"
		}
		if !ok {
			return "quit"
		}
		a.say("  Please type y, n or q.")
	}
}

// verdict asks whether a step is to be kept: keep, reboot or back. The time that is
// left is shown.
func (a *applier) verdict(g *apply.Guard) string {
	a.say("\n  Keep this step? It goes back by itself at %s.", g.Until().Format("15:04:05 MST"))
	prompt := func() string {
		left := max(0, time.Until(g.Until()).Round(time.Second))
		return fmt.Sprintf("  k keep   r keep, over a reboot too   b take back   %2d:%02d left > ", int(left.Minutes()), int(left.Seconds())%60)
	}
	again := func() {
		if a.live() {
			fmt.Fprintf(a.out, "\0337\r%s\0338", prompt()) // what is typed stays
		}
	}
	for {
		fmt.Fprint(a.out, prompt())
		word, ok := a.hear(g.Over(), again)
		switch word {
		case "k", "keep":
			return "keep"
		case "r", "reboot":
			return "reboot"
		case "b", "back", "q", "quit", "n", "no":
			return "back"
		}
		if !ok {
			return "back"
		}
		a.say("  Please type k, r or b.")
	}
}

// live tells whether a line on the terminal can be written anew.
func (a *applier) live() bool {
	t := os.Getenv("TERM")
	return terminal(a.out) && t != "" && t != "dumb" && a.width() >= 64
}

// width is how many columns the output has.
func (a *applier) width() int {
	if f, ok := a.out.(*os.File); ok {
		if w, _, err := term.GetSize(f.Fd()); err == nil && w > 0 {
			return w
		}
	}
	return 80
}

func (a *applier) say(format string, args ...any) { fmt.Fprintf(a.out, format+"\n", args...) }

// fieldIndent is where the text of a field begins.
const fieldIndent = 12

// field tells a field of a step, wrapped.
func (a *applier) field(head, text string) {
	if text == "" {
		return
	}
	lines := checklist.Wrap(content.Show(text), min(a.width(), 100)-1-fieldIndent)
	for i, line := range lines {
		if i > 0 {
			head = ""
		}
		a.say("  %-*s%s", fieldIndent-2, head, line)
	}
}

// command tells a command. It is not wrapped: what the terminal wraps is copied
// whole.
func (a *applier) command(head, text string) {
	if text != "" {
		a.say("  %-*s%s", fieldIndent-2, head, content.Show(text))
	}
}
