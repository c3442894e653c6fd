package tty

import (
	"os"
	"slices"
	"strings"

	"github.com/charmbracelet/colorprofile"
	"github.com/charmbracelet/x/term"
)

// Capable says whether whole screens can be shown: both ends are a terminal that
// can move its cursor. why is the reason if not.
func Capable(in, out *os.File, env []string) (why string) {
	switch name := lookup(env, "TERM"); {
	case !term.IsTerminal(in.Fd()):
		return "standard input is not a terminal"
	case !term.IsTerminal(out.Fd()):
		return "standard output is not a terminal"
	case name == "dumb", name == "unknown":
		return "this terminal (TERM=" + name + ") cannot move its cursor"
	case name == "":
		return "TERM is not set, so it is not known what this terminal can do"
	case slices.Contains(foreign, name):
		return "this terminal (TERM=" + name + ") is not known to understand ANSI sequences"
	}
	return ""
}

// foreign are names of terminals (terminfo) that know other sequences than those
// of ECMA-48, or none: a login over a network or a printer leaves such names.
var foreign = []string{"network", "dialup", "patch", "switch", "printer", "lpr", "emacs", "vt52", "adm3a", "wyse50", "tvi925"}

// Colours is how many colours are used: those that the operator asks for
// ("never", "16", "256"), or for "auto" those that the environment promises.
// NO_COLOR with any value means none.
func Colours(asked string, out *os.File, env []string) colorprofile.Profile {
	switch asked {
	case "never":
		return colorprofile.ASCII
	case "16":
		return colorprofile.ANSI
	case "256":
		return colorprofile.ANSI256
	}
	if lookup(env, "NO_COLOR") != "" {
		return colorprofile.ASCII
	}
	return max(colorprofile.Detect(out, env), colorprofile.ASCII)
}

// ASCIIOnly says whether no more than ASCII is promised: by the locale, or by a
// terminal that has no glyphs for more. The console of the kernel has the 256 or
// 512 of its font; what getty calls vt220 on a serial line may be anything.
func ASCIIOnly(env []string) bool {
	switch term := lookup(env, "TERM"); {
	case term == "linux", strings.HasPrefix(term, "linux-"), term == "ansi", strings.HasPrefix(term, "cons25"):
		return true
	case len(term) > 2 && strings.HasPrefix(term, "vt") && strings.Trim(term[2:3], "0123456789") == "":
		return true
	}
	for _, name := range []string{"LC_ALL", "LC_CTYPE", "LANG"} {
		if v := strings.ToLower(lookup(env, name)); v != "" {
			return !strings.Contains(v, "utf-8") && !strings.Contains(v, "utf8")
		}
	}
	return true
}

func lookup(env []string, name string) string {
	for i := len(env) - 1; i >= 0; i-- {
		if k, v, _ := strings.Cut(env[i], "="); k == name {
			return v
		}
	}
	return ""
}
