package checklist

import (
	_ "embed" // the script
	"fmt"
	"strings"
	"text/template"

	"whydrop/content"
	"whydrop/probes/apply"
)

//go:embed export.sh.tmpl
var scriptTemplate string

// script writes the plan as a script for a POSIX shell. Every word that comes from
// the host is quoted, or an escaped comment.
func (e *Export) script() ([]byte, error) {
	t, err := template.New("script").Funcs(template.FuncMap{"q": quote}).Parse(scriptTemplate)
	if err != nil {
		return nil, fmt.Errorf("script template: %w", err)
	}
	s := shell{Title: comments("", stepText{"", e.title()}), ID: e.Made.UTC().Format("20060102-150405"), numbers: map[apply.Change]int{}, has: map[string]bool{}}
	var order, instead []string
	for _, step := range e.Steps {
		s.step(step)
		if step.OnRequest() {
			instead = append(instead, fmt.Sprint(step.Number))
		} else {
			order = append(order, fmt.Sprint(step.Number))
		}
	}
	s.Order, s.Instead = strings.Join(order, " "), strings.Join(instead, " ")
	var b strings.Builder
	err = t.Execute(&b, &s)
	return []byte(b.String()), err
}

// shell is what the template of the script sees.
type shell struct {
	Title, ID      string
	Settings       []string // cases of setting()
	Commands       []string // cases of queue_command()
	Steps          []shellStep
	Order, Instead string // numbers of the steps to take, and of those that are only taken on request
	numbers        map[apply.Change]int
	has            map[string]bool
}

type shellStep struct {
	Number   int
	Title    string
	Comments string
	Lines    []string
}

// Has says whether the script has a setting of a kind.
func (s *shell) Has(kind string) bool { return s.has[kind] }

func (s *shell) step(step ExportStep) {
	out := shellStep{Number: step.Number, Title: quote(single(step.Remedy.Title))}
	out.Comments = comments("", stepText{"", step.heading()}) + "\n" + comments("  ", step.texts()...)
	for _, x := range step.Settings {
		if words, why := s.kind(x); words == "" {
			out.Comments += "\n" + comments("  ", stepText{"Not in this script", x.Change.Name() + ": " + why})
		} else {
			out.Lines = append(out.Lines, fmt.Sprintf("change %d %s", s.number(x.Change, words), quote(wanted(x))))
		}
		for _, k := range x.Words.Keep {
			c := k.Change()
			words := fmt.Sprintf("kind=line of=%s field=%s", quote(c.Of), quote(c.Field))
			s.has["line"] = true
			out.Lines = append(out.Lines, fmt.Sprintf("keep %d %s", s.number(c, words), quote(c.To)))
		}
	}
	if len(out.Lines) == 0 {
		out.Lines = []string{"yours"}
	}
	s.Steps = append(s.Steps, out)
}

// number is the number of a setting, the same in all steps.
func (s *shell) number(c apply.Change, words string) int {
	to := c.To
	c.To = ""
	n := s.numbers[c]
	if n == 0 {
		n = len(s.Settings) + 1
		s.numbers[c] = n
		name := c.Name()
		if c.Knob == "file" {
			name = c.Of
		}
		s.Settings = append(s.Settings, fmt.Sprintf("%d) %s name=%s", n, words, quote(content.Show(name))))
	}
	c.To = to
	return n
}

// kind is the setting in the variables of the script, or why it is none.
func (s *shell) kind(x Setting) (words, why string) {
	c := x.Change
	kind, more := c.Knob, ""
	switch c.Knob {
	case "sysctl":
		c.Of = sysctlFile(c.Of)
	case "txqueuelen":
	case "ring", "coalesce", "pause", "feature":
		show, set := driverOptions(x.Words)
		kind, more = "driver", " show_by="+show+" set_by="+set
	case "rps", "xps":
		kind, more = "steering", " file="+c.Knob+"_cpus exact=yes"
		if c.Field == "" {
			more = " file=" + c.Knob + "_cpus exact=no"
			c.Field = map[string]string{"rps": "rx-", "xps": "tx-"}[c.Knob]
		}
	case "qdisc":
		return s.queueKind(x)
	case "route":
		if ofSeveral(c.Of) {
			return "", "the script does not tell routes of several metrics apart"
		}
		r := routeOf(c.Of)
		more = fmt.Sprintf(" family=%s type=%s table=%s", r.family, quote(r.kind), quote(r.table))
		c.Of = r.to
	default:
		return "", "the script does not set it"
	}
	s.has[kind] = true
	return fmt.Sprintf("kind=%s of=%s field=%s%s", kind, quote(c.Of), quote(c.Field), more), ""
}

// queueKind is kind of a queue or one of its parameters.
func (s *shell) queueKind(x Setting) (words, why string) {
	c := x.Change
	if c.Field == "" {
		s.has["root"] = true
		return fmt.Sprintf("kind=root of=%s field=''", quote(c.Of)), ""
	}
	if x.Was == nil || x.Words.Run == "" || x.Words.Undo == "" {
		return "", "its value could not be read when the plan was made, or no command of tc tells all of it"
	}
	handle, parameter, _ := strings.Cut(c.Field, " ")
	if parameter == "leaf" {
		s.has["leaf"] = true
		before, _, _ := strings.Cut(x.Was.Text, " ")
		if strings.HasSuffix(x.Was.Text, " by default") {
			before = "default"
		}
		words = fmt.Sprintf("kind=leaf of=%s field=%s before=%s", quote(c.Of), quote(handle), quote(before))
		s.command(s.number(c, words), "back", x.Words.Undo)
		return words, ""
	}
	s.has["parameter"] = true
	what := "qdisc"
	if strings.HasPrefix(x.Words.Run, "tc class ") {
		what = "class"
	}
	words = fmt.Sprintf("kind=parameter of=%s field=%s type=%s handle=%s before=%s", quote(c.Of), quote(parameter), what, quote(handle), quote(x.Was.Text))
	n := s.number(c, words)
	look := func(b beside) string {
		words := "held " + quote(b.Name)
		for _, v := range b.Values {
			words += " " + quote(v)
		}
		return words
	}
	s.command(n, c.To, asHeld(x.Words.Run, x.Beside, look))
	s.command(n, "back", asHeld(x.Words.Undo, x.Beside, look))
	return words, ""
}

// fifoBelow is the command that tells the fifo below a queue as tc takes it. The
// kernel gives the limit of a token bucket to a fifo below it, too, as if packets
// were bytes (tbf_change(), fifo_set_limit() in net/sched).
const fifoBelow = `tc qdisc show dev "$of" | awk -v handle="$handle" '
	$2 ~ /^[pb]fifo$/ && $4 == "parent" && index($5, handle) == 1 && $3 != "0:" {
		for (i = 6; i < NF; i++) if ($i == "limit") { sub(/[pb]$/, "", $(i + 1)); print "parent", $5, "handle", $3, $2, "limit", $(i + 1) }
	}' | head -n 1`

// Fifo is fifoBelow for the template.
func (s *shell) Fifo() string { return fifoBelow }

// quote quotes a word for a shell. Bytes that a terminal should not get to see are
// made by printf.
func quote(s string) string {
	if content.Show(s) == s {
		return apply.Quote(s)
	}
	var b strings.Builder
	for i := range len(s) {
		if c := s[i]; c > ' ' && c < 0x7f && c != '-' && c != '\\' && c != '%' && c != '\'' {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, `\%03o`, c)
		}
	}
	return `"$(printf '` + b.String() + `')"`
}

// command adds a command for a queue, once.
func (s *shell) command(number int, to, run string) {
	head := quote(fmt.Sprint(number, " ", to)) + ") "
	for _, c := range s.Commands {
		if strings.HasPrefix(c, head) {
			return
		}
	}
	s.Commands = append(s.Commands, head+run)
}

// wanted is the value that a script sets: masks as the kernel shows them.
func wanted(x Setting) string {
	if x.Change.Knob != "rps" && x.Change.Knob != "xps" {
		return strings.Join(strings.Fields(x.Change.To), " ")
	}
	mask := strings.TrimLeft(strings.ReplaceAll(strings.ToLower(steeringMask(x)), ",", ""), "0")
	if mask == "" {
		return "0"
	}
	return mask
}

// steeringMask is the mask that is written: that of all CPUs of this host, where
// that is what is wanted. The command begins with echo and the mask.
func steeringMask(x Setting) string {
	if w := strings.Fields(x.Words.Run); len(w) > 1 && x.Change.To == "all" {
		return w[1]
	}
	return x.Change.To
}

// driverOptions are the options of ethtool that show and set a parameter.
func driverOptions(w apply.Words) (show, set string) {
	option := func(command string) string {
		if f := strings.Fields(command); len(f) > 1 {
			return f[1]
		}
		return ""
	}
	return option(w.Show), option(w.Run)
}

// sysctlFile is the file of a key below /proc/sys. The first separator decides
// which it is (sysctl.d(5)).
func sysctlFile(key string) string {
	if i := strings.IndexAny(key, "./"); i >= 0 && key[i] == '/' {
		return key
	}
	return strings.Map(func(r rune) rune {
		switch r {
		case '.':
			return '/'
		case '/':
			return '.'
		}
		return r
	}, key)
}

// route is a route in the words of ip(8).
type routeWords struct{ family, kind, to, table string }

// ofSeveral tells whether a route is named by its metric: there are others to the same
// destination, and ip route show prints them all.
func ofSeveral(of string) bool { return strings.Contains(of, " metric ") }

// routeOf reads the route that a change names: [TYPE] DESTINATION [table N].
func routeOf(of string) routeWords {
	r := routeWords{family: "-4", kind: "unicast", table: "main"}
	w := strings.Fields(of)
	if before, table, ok := strings.Cut(of, " table "); ok {
		w, r.table = strings.Fields(before), strings.TrimSpace(table)
	}
	if len(w) == 2 {
		r.kind, w = w[0], w[1:]
	}
	if len(w) > 0 {
		r.to = w[0]
	}
	if strings.Contains(r.to, ":") {
		r.family = "-6"
	}
	return r
}
