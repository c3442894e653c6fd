package ui

import (
	"strings"
	"testing"

	"github.com/charmbracelet/x/ansi"

	"whydrop/content"
)

func TestWrap(t *testing.T) {
	tests := []struct {
		name, text string
		width      int
		indent     string
		want       string
	}{
		{"short", "two words", 20, "  ", "two words"},
		{"at spaces", "one two three", 8, "  ", "one two|  three"},
		{"a hyphen is no place to break", "run it with -e trace=a-b-c", 14, "", "run it with -e|trace=a-b-c"},
		{"a long word is cut", "abcdefghijkl", 5, "", "abcde|fghij|kl"},
		{"wide characters", "漢字漢字漢字", 5, "", "漢字|漢字|漢字"},
		{"leading spaces stay", "  - item that is long", 12, "    ", "  - item|    that is|    long"},
		{"a number and its percent sign", "it used up 100 % of it", 14, "", "it used up|100 % of it"},
		{"a number and its unit", "it took (up to 0.2 s) more", 16, "", "it took (up to|0.2 s) more"},
		{"a number and what it counts", "so 42 connections failed", 15, "", "so|42 connections|failed"},
		{"a comparison", "that is likely (> 99 %)", 20, "", "that is likely|(> 99 %)"},
		{"a share", "was sent again: 7 of 90", 21, "", "was sent again:|7 of 90"},
		{"no end of a sentence, no list", "was 42. Then 1, 2 and", 8, "", "was 42.|Then 1,|2 and"},
		{"numbers of a command", "net.ipv4.tcp_rmem=4096 131072 6291456", 29, "", "net.ipv4.tcp_rmem=4096 131072|6291456"},
		{"a number and its unit without room", "is 1000 segments", 8, "", "is 1000|segments"},
		{"nothing", "", 10, "", ""},
		{"no room", "ab cd", 0, "      ", "ab|cd"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := strings.Join(wrap(tt.text, tt.width, tt.indent), "|"); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

// What is cut shows it, in little room too.
func TestWhatIsCutShowsIt(t *testing.T) {
	ascii, unicode := newTheme(true), newTheme(false)
	tests := []struct {
		name, got, want string
	}{
		{"a line", ascii.clip("a line of the kernel's log", 12), "a line of..."},
		{"that fits", ascii.clip("a line", 6), "a line"},
		{"in little room", ascii.clip("a line of it", 6), "a li.."},
		{"in none", ascii.clip("a line of it", 1), "."},
		{"in unicode", unicode.clip("a line of the log", 8), "a line …"},
		{"an address in its middle", ascii.clipMiddle("[2001:db8::5]:443", 17, 14), "[2001...5]:443"},
		{"an address in unicode", unicode.clipMiddle("[2001:db8::5]:443", 17, 14), "[2001:…:5]:443"},
		{"lines", strings.Join(ascii.atMost(2, []string{"one", "two words", "three"}, 9), "|"), "one|two w ..."},
	}
	for _, tt := range tests {
		if tt.got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.name, tt.got, tt.want)
		}
	}
}

// Whatever the text and the width, nothing is wider than the width, and no word
// is lost.
func FuzzWrap(f *testing.F) {
	f.Add("some words of text, and averyverylongword", 9, 2)
	f.Add("漢 字", 4, 0)
	f.Fuzz(func(t *testing.T, text string, width, indent int) {
		if width < 4 || width > 300 || indent < 0 || indent > 40 {
			return
		}
		text = content.Show(text) // as all text from outside
		lines := wrap(text, width, strings.Repeat(" ", indent))
		for _, l := range lines {
			if ansi.StringWidth(l) > width {
				t.Errorf("%q is wider than %d", l, width)
			}
		}
		want := strings.Join(strings.Fields(text), "")
		if got := strings.Join(strings.Fields(strings.Join(lines, " ")), ""); got != want {
			t.Errorf("%q became %q", want, got)
		}
	})
}

func TestMarkdownIsLaidOut(t *testing.T) {
	tests := []struct {
		name, source string
		width        int
		want         string
	}{
		{"heading", "## Scope and answers", 40, "Scope and answers"},
		{"escapes and marks", `- **A\_b** (` + "`c_d`" + `) &lt;e&gt; \*`, 40, "- A_b (c_d) <e> *"},
		{"list", "- a list item that wraps", 14, "- a list item|  that wraps"},
		{"table", "| Place | Lost |\n| --- | --- |\n| nic | 12 |", 40, "Place  Lost|nic    12"},
		{"table without a head", "| | |\n| --- | --- |\n| Host | db1 |", 40, "Host  db1"},
		{"table too wide", "| a | b |\n| --- | --- |\n| one two three | x |", 12, "a          b|one two    x|three"},
		{"table whose words have no room", "| file | what | |\n| --- | --- | --- |\n| /proc/1/stat | started | now |\n| b | c | |", 14, "/proc/1/stat|  what:|  started; now|b|  what: c"},
		{"a bar alone in it", "| file | what |\n| --- | --- |\n|\n| /proc/1/stat | started |", 12, "/proc/1/stat|  what:|  started"},
		{"a bar in a cell", `| a \| b | ` + "`x \\| y`" + ` |`, 40, "a | b  x | y"},
		{"code", "```sh\nss -tin | grep *x*\n```", 40, "  ss -tin | grep *x*"},
		{"a code span that stays open", "a ` b", 40, "a b"},
		{"an escape at the end", `a \`, 40, "a"},
		{"control characters", "a\x1b[2Jb", 40, `a\x1b[2Jb`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			lines := newTheme(true).markdown(tt.source, tt.width)
			if got := ansi.Strip(strings.Join(lines, "|")); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestShell(t *testing.T) {
	tests := []struct {
		name, command string
		width         int
		want          string
	}{
		{"fits", "sysctl -w a=1", 20, "sysctl -w a=1"},
		{"at spaces", "tc qdisc replace dev eth0 root cake", 20, `tc qdisc replace \|  dev eth0 root \|  cake`},
		{"after a semicolon", "sysctl -w a=1; sysctl -w b=2", 20, "sysctl -w a=1;|  sysctl -w b=2"},
		{"never in quotes", `echo 'a = 1' >> "/etc/a b" now`, 12, `echo \|  'a = 1' \|  >> \|  "/etc/a b" \|  now`},
		{"a quote in quotes", `echo "it's \" one" two`, 12, `echo \|  "it's \" one" \|  two`},
		{"a quoted space", `cat a\ b c`, 10, `cat a\ b \|  c`},
		{"open quotes", `echo 'a b`, 6, `echo \|  'a b`},
		{"nothing", "", 10, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := strings.Join(shell(tt.command, tt.width), "|"); got != tt.want {
				t.Errorf("%q in %d columns gives %q, want %q", tt.command, tt.width, got, tt.want)
			}
		})
	}
}
