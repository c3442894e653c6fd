package tty

import (
	"os"
	"testing"

	"github.com/charmbracelet/colorprofile"
	"github.com/creack/pty"
)

func TestASCIIOnly(t *testing.T) {
	tests := []struct {
		name string
		env  []string
		want bool
	}{
		{"UTF-8", []string{"TERM=xterm", "LANG=C.UTF-8"}, false},
		{"utf8", []string{"TERM=xterm", "LANG=en_US.utf8"}, false},
		{"nothing set", nil, true},
		{"Latin-1", []string{"TERM=xterm", "LANG=en_US.ISO-8859-1"}, true},
		{"LC_ALL goes before LANG", []string{"LANG=C.UTF-8", "LC_ALL=C"}, true},
		{"LC_CTYPE goes before LANG", []string{"LANG=C", "LC_CTYPE=C.UTF-8"}, false},
		{"an empty LC_ALL is none", []string{"LANG=C.UTF-8", "LC_ALL="}, false},
		{"the kernel's console", []string{"TERM=linux", "LANG=C.UTF-8"}, true},
		{"a serial line", []string{"TERM=vt220", "LANG=C.UTF-8"}, true},
		{"a terminal that only begins alike", []string{"TERM=vte-256color", "LANG=C.UTF-8"}, false},
		{"short", []string{"TERM=vt", "LANG=C.UTF-8"}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := ASCIIOnly(tt.env); got != tt.want {
				t.Errorf("ASCIIOnly(%q) = %v", tt.env, got)
			}
		})
	}
}

func TestCapable(t *testing.T) {
	master, slave, err := pty.Open()
	if err != nil {
		t.Skip("no pseudo-terminal: ", err)
	}
	defer master.Close()
	defer slave.Close()
	null, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	tests := []struct {
		name    string
		in, out *os.File
		env     []string
		want    bool
	}{
		{"a terminal", slave, slave, []string{"TERM=xterm"}, true},
		{"one that nobody has heard of", slave, slave, []string{"TERM=foot-direct"}, true},
		{"TERM set twice: the last counts", slave, slave, []string{"TERM=dumb", "TERM=screen"}, true},
		{"no input", null, slave, []string{"TERM=xterm"}, false},
		{"a file", slave, null, []string{"TERM=xterm"}, false},
		{"dumb", slave, slave, []string{"TERM=dumb"}, false},
		{"none", slave, slave, nil, false},
		{"of telnetd", slave, slave, []string{"TERM=network"}, false},
		{"no ANSI", slave, slave, []string{"TERM=vt52"}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if why := Capable(tt.in, tt.out, tt.env); (why == "") != tt.want {
				t.Errorf("Capable says %q", why)
			}
		})
	}
}

func TestColours(t *testing.T) {
	master, slave, err := pty.Open()
	if err != nil {
		t.Skip("no pseudo-terminal: ", err)
	}
	defer master.Close()
	defer slave.Close()
	tests := []struct {
		name, asked string
		env         []string
		want        colorprofile.Profile
	}{
		{"sixteen", "auto", []string{"TERM=linux"}, colorprofile.ANSI},
		{"NO_COLOR", "auto", []string{"TERM=xterm", "NO_COLOR=1"}, colorprofile.ASCII},
		{"an empty NO_COLOR says nothing", "auto", []string{"TERM=linux", "NO_COLOR="}, colorprofile.ANSI},
		{"asked for in spite of NO_COLOR", "16", []string{"TERM=xterm", "NO_COLOR=1"}, colorprofile.ANSI},
		{"none asked for", "never", []string{"TERM=xterm", "COLORTERM=truecolor"}, colorprofile.ASCII},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := Colours(tt.asked, slave, tt.env); got != tt.want {
				t.Errorf("Colours = %v, want %v", got, tt.want)
			}
		})
	}
}
