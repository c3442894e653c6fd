// Bare is a list and nothing else on the same terminal library: the floor that
// the program's first ink, keys and idle cost are measured against.
package main

import (
	"fmt"
	"os"
	"strings"

	tea "charm.land/bubbletea/v2"
)

type list struct{ at, height int }

func (l list) Init() tea.Cmd { return nil }

func (l list) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		l.height = msg.Height
	case tea.KeyPressMsg:
		switch msg.String() {
		case "up":
			l.at--
		case "down":
			l.at++
		case "q", "ctrl+c":
			return l, tea.Quit
		}
	}
	return l, nil
}

func (l list) View() tea.View {
	rows := make([]string, l.height)
	for i := range rows {
		mark := "  "
		if i == l.at {
			mark = "> "
		}
		rows[i] = fmt.Sprintf("%sitem %d of the list, as wide as a line of text on the screen is", mark, i)
	}
	v := tea.NewView(strings.Join(rows, "\n"))
	v.AltScreen = true
	return v
}

func main() {
	if _, err := tea.NewProgram(list{}).Run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
