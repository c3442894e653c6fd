package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"github.com/charmbracelet/x/ansi"
	"github.com/charmbracelet/x/term"

	"whydrop/checklist"
)

// Widths of what is written for people, in columns.
const (
	minWidth   = 20
	plainWidth = 80 // where nothing tells
	maxWidth   = 240
)

// sheet writes plain text wrapped to the width of the terminal. What comes from
// outside has to be made printable before (content.Show).
type sheet struct {
	w     *bufio.Writer
	width int
}

func newSheet(w io.Writer) *sheet { return &sheet{w: bufio.NewWriter(w), width: screenWidth(w)} }

// screenWidth is the terminal's width, or what COLUMNS says.
func screenWidth(w io.Writer) int {
	width := plainWidth
	if n, err := strconv.Atoi(os.Getenv("COLUMNS")); err == nil && n > 0 {
		width = n
	} else if f, ok := w.(*os.File); ok && term.IsTerminal(f.Fd()) {
		if n, _, err := term.GetSize(f.Fd()); err == nil && n > 0 {
			width = n
		}
	}
	return min(max(width, minWidth), maxWidth)
}

// text writes a paragraph: the first line begins with head, the others stand
// below its end. A head that takes more than half of the width has a line of its
// own.
func (s *sheet) text(head, body string) {
	indent := strings.Repeat(" ", ansi.StringWidth(head))
	if len(indent) > s.width/2 && strings.TrimSpace(head) != "" {
		fmt.Fprintln(s.w, strings.TrimRight(head, " "))
		indent = "    "
		head = indent
	}
	for i, l := range checklist.Wrap(body, s.width-len(indent)) {
		if i > 0 {
			head = indent
		}
		fmt.Fprintln(s.w, strings.TrimRight(head+l, " "))
	}
}

// whole writes a line that is not wrapped: a command to be copied.
func (s *sheet) whole(line string) { fmt.Fprintln(s.w, line) }

func (s *sheet) heading(title string) {
	s.whole("")
	s.text("", title)
}

func (s *sheet) flush() error {
	if err := s.w.Flush(); err != nil {
		return fmt.Errorf("standard output: %w", err)
	}
	return nil
}

// cell is text of exactly a width, numbers at the right.
func cell(text string, width int, right bool) string {
	text = ansi.Truncate(text, width, "..")
	gap := strings.Repeat(" ", max(0, width-ansi.StringWidth(text)))
	if right {
		return gap + text
	}
	return text + gap
}
