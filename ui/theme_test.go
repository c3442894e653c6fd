package ui

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"whydrop/content"
	"whydrop/probes/fact"
)

// palettes are the colours of a style's number in terminals that are in use, with
// the brighter ones that some show for bold, and their backgrounds.
var palettes = []struct {
	name        string
	backgrounds []int
	colours     map[string][]int
}{
	{"xterm", []int{0xffffff, 0x000000}, map[string][]int{
		"31": {0xcd0000, 0xff0000}, "32": {0x00cd00, 0x00ff00}, "33": {0xcdcd00, 0xffff00}, "34": {0x0000ee, 0x5c5cff}, "35": {0xcd00cd, 0xff00ff}, "36": {0x00cdcd, 0x00ffff}}},
	{"the Linux console", []int{0x000000}, map[string][]int{
		"31": {0xff5555}, "32": {0x55ff55}, "33": {0xffff55}, "34": {0x5555ff}, "35": {0xff55ff}, "36": {0x55ffff}}},
	{"Tango", []int{0xffffff, 0x2e3436, 0x000000}, map[string][]int{
		"31": {0xcc0000, 0xef2929}, "32": {0x4e9a06, 0x8ae234}, "33": {0xc4a000, 0xfce94f}, "34": {0x3465a4, 0x729fcf}, "35": {0x75507b, 0xad7fa8}, "36": {0x06989a, 0x34e2e2}}},
	{"Solarized", []int{0xfdf6e3, 0x002b36}, map[string][]int{
		"31": {0xdc322f, 0xcb4b16}, "32": {0x859900, 0x586e75}, "33": {0xb58900, 0x657b83}, "34": {0x268bd2, 0x839496}, "35": {0xd33682, 0x6c71c4}, "36": {0x2aa198, 0x93a1a1}}},
}

// contrast is that of WCAG 2, between 1 and 21.
func contrast(a, b int) float64 {
	luminance := func(rgb int) float64 {
		l := 0.0
		for i, weight := range []float64{0.0722, 0.7152, 0.2126} {
			c := float64(rgb>>(8*i)&0xff) / 255
			if c = (c + 0.055) / 1.055; c > 0.0904 {
				l += weight * math.Pow(c, 2.4)
			} else {
				l += weight * (c*1.055 - 0.055) / 12.92
			}
		}
		return l
	}
	la, lb := luminance(a), luminance(b)
	return (max(la, lb) + 0.05) / (min(la, lb) + 0.05)
}

// worst is the least contrast of a colour on all backgrounds.
func worst(colour string) (least float64, where string) {
	least = 21
	for _, p := range palettes {
		for _, bg := range p.backgrounds {
			for _, c := range p.colours[colour] {
				if got := contrast(c, bg); got < least {
					least, where = got, fmt.Sprintf("%s, %06x on %06x", p.name, c, bg)
				}
			}
		}
	}
	return least, where
}

// Every screen uses no more than bold, faint, reverse and the colours that read
// on light and dark backgrounds.
func TestColoursReadOnAnyBackground(t *testing.T) {
	const readable = 1.9
	used := map[string]bool{}
	for _, host := range []func(*content.Vocabulary) *fact.Facts{sickHost, stuckHost, quietHost, lossyHost} {
		o := sitDown(t, 120, 40)
		o.m.theme = newTheme(false)
		o.send(factsMsg{host(o.m.kase.Book.Facts)})
		for _, key := range []string{"", "?", "esc", "1", "2", "down", "down", "3", "4", "5", "enter", "6", "enter", "7", "8", "m", "esc", "1", "n", "esc", "q"} {
			o.press(key)
			for _, found := range sgr.FindAllStringSubmatch(strings.Join(o.m.draw(), "\n"), -1) {
				for _, code := range strings.Split(found[1], ";") {
					used[code] = true
				}
			}
		}
	}
	for code := range used {
		if slices.Contains([]string{"", "0", "1", "2", "7"}, code) {
			continue
		}
		if least, where := worst(code); least < readable {
			t.Errorf("colour %s has a contrast of %.1f: %s", code, least, where)
		}
	}
	if !used["31"] || !used["35"] {
		t.Errorf("only %v was used", used)
	}
}

func TestGlyphsThatTheTerminalDrawsOneColumnWide(t *testing.T) {
	tests := []struct {
		name, asked string
		env         []string
		ascii       bool
	}{
		{"UTF-8", "auto", []string{"LANG=de_DE.UTF-8"}, false},
		{"the C locale with UTF-8", "auto", []string{"LANG=C.UTF-8"}, false},
		{"no UTF-8", "auto", []string{"LANG=de_DE.ISO-8859-1"}, true},
		{"nothing set", "auto", nil, true},
		{"Japanese", "auto", []string{"LANG=ja_JP.UTF-8"}, true},
		{"Chinese", "auto", []string{"LANG=C.UTF-8", "LC_CTYPE=zh_TW.UTF-8"}, true},
		{"Korean", "auto", []string{"LC_ALL=ko_KR.utf8"}, true},
		{"only the messages are Japanese", "auto", []string{"LANG=ja_JP.UTF-8", "LC_ALL=C.UTF-8"}, false},
		{"set twice", "auto", []string{"LANG=ja_JP.UTF-8", "LANG=C.UTF-8"}, false},
		{"another language that begins alike", "auto", []string{"LANG=kok_IN.UTF-8"}, false},
		{"Japanese, and asked for", "unicode", []string{"LANG=ja_JP.UTF-8"}, false},
		{"asked for ASCII", "ascii", []string{"LANG=C.UTF-8"}, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := asciiGlyphs(tt.asked, tt.env); got != tt.ascii {
				t.Errorf("asciiGlyphs(%q, %q) = %v", tt.asked, tt.env, got)
			}
		})
	}
}
