package checklist

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"

	"whydrop/probes/apply"
)

// ansible writes the plan as a file of tasks for Ansible (import_tasks). Each step
// is a block of its own tag; a step that is only taken on request has the tag never,
// so that it runs only where its own is asked for. The tasks look first and change
// what differs, now and over a reboot.
func (e *Export) ansible() ([]byte, error) {
	var b strings.Builder
	fmt.Fprintln(&b, "---")
	fmt.Fprintln(&b, comments("", stepText{"", e.title()},
		stepText{"", "Tasks for this host, as root: ansible.builtin.import_tasks. They need the collections ansible.posix and community.general. --tags whydrop_step_1 takes one step alone."}))
	any := false
	for _, s := range e.Steps {
		fmt.Fprintln(&b)
		fmt.Fprintln(&b, comments("", stepText{"", s.heading()}))
		fmt.Fprintln(&b, comments("  ", s.texts()...))
		tasks := &yaml.Node{Kind: yaml.SequenceNode}
		for i, x := range s.Settings {
			before := "unknown: " + x.Unread
			if x.Was != nil {
				before = x.Was.Text
			}
			fmt.Fprintln(&b, comments("  ", stepText{"Value before", x.Change.Name() + ": " + before}))
			done := ansibleTasks(x, fmt.Sprintf("whydrop_%d_%d", s.Number, i+1))
			if done == nil {
				fmt.Fprintln(&b, comments("  ", stepText{"No task", x.Change.Name() + ": its value could not be read when the plan was made, or its name is not for Ansible's module"}))
			}
			tasks.Content = append(tasks.Content, done...)
		}
		if len(tasks.Content) == 0 {
			if len(s.Settings) == 0 {
				fmt.Fprintln(&b, comments("  ", stepText{"", "This step is yours to take."}))
			}
			continue
		}
		any = true
		tags := sequence(text("whydrop"), text(fmt.Sprint("whydrop_step_", s.Number)))
		if s.OnRequest() {
			tags = sequence(text("never"), text(fmt.Sprint("whydrop_step_", s.Number)))
		}
		block := mapping("name", text(s.heading()), "become", word("true"), "tags", tags, "block", tasks)
		out, err := yaml.Dump(sequence(block), yaml.WithIndent(2), yaml.WithLineWidth(-1))
		if err != nil {
			return nil, fmt.Errorf("ansible tasks: %w", err)
		}
		b.WriteString(escaped(string(out), func(r rune) string { return fmt.Sprintf(`\U%08x`, r) }))
	}
	if !any {
		fmt.Fprintln(&b, "[]")
	}
	return []byte(b.String()), nil
}

// plainSysctl are key and value that the module sysctl takes: it makes words of a
// command line of them.
var plainSysctl = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_./-]* [A-Za-z0-9_., \t-]*$`)

// ansibleTasks are the tasks for a setting; nil where they are not known. name is
// that of the variable that the first of them fills.
func ansibleTasks(x Setting, name string) []*yaml.Node {
	var tasks []*yaml.Node
	sysctl := x.Change.Knob == "sysctl"
	if sysctl && !plainSysctl.MatchString(x.Change.Of+" "+x.Change.To) {
		return nil
	}
	for _, k := range x.Words.Keep { // a module before the sysctl that comes with it
		if strings.HasPrefix(k.File, "/etc/modules-load.d/") {
			tasks = append(tasks, mapping("name", text("Load the module "+k.Line),
				"community.general.modprobe", mapping("name", text(k.Line), "state", text("present"))))
		}
		if sysctl && strings.HasPrefix(k.File, "/etc/sysctl.d/") {
			tasks = append(tasks, mapping("name", text("Set "+x.Change.Name()), "ansible.posix.sysctl", mapping(
				"name", text(x.Change.Of), "value", text(x.Change.To), "state", text("present"),
				"sysctl_set", word("true"), "reload", word("false"), "sysctl_file", text(k.File))))
			continue
		}
		tasks = append(tasks, mapping("name", text("Keep "+x.Change.Name()+" over a reboot"), "ansible.builtin.lineinfile", mapping(
			"path", text(k.File), "regexp", text("^"+regexp.QuoteMeta(k.Key)), "line", text(k.Line), "create", word("true"), "mode", text("0644"))))
	}
	if sysctl {
		return tasks
	}
	show, run, reached, ok := ansibleCommands(x)
	if !ok {
		return nil
	}
	look := mapping("name", text("Look at "+x.Change.Name()), "ansible.builtin.command", mapping("argv", show),
		"register", text(name), "changed_when", word("false"), "check_mode", word("false"))
	// The pattern is a variable: what is in it is no expression.
	set := mapping("name", text("Set "+x.Change.Name()+" to "+x.Change.To), "ansible.builtin.command", mapping("argv", run),
		"vars", mapping("reached", text(reached)), "when", text(name+".stdout is not search(reached)"), "changed_when", word("true"))
	return append([]*yaml.Node{look, set}, tasks...)
}

// ansibleCommands are the command that shows a setting, the one that sets it, and
// what the first one shows where it is set: a regular expression of Python's.
func ansibleCommands(x Setting) (show, run *yaml.Node, reached string, ok bool) {
	c := x.Change
	to := regexp.QuoteMeta(c.To)
	switch c.Knob {
	case "txqueuelen":
		return argv("ip", "link", "show", "dev", c.Of), argv("ip", "link", "set", "dev", c.Of, "txqueuelen", c.To), `\bqlen ` + to + `\b`, true
	case "ring", "coalesce", "pause", "feature":
		shows, sets := driverOptions(x.Words)
		return argv("ethtool", shows, c.Of), argv("ethtool", sets, c.Of, c.Field, c.To), driverShows(c, to), true
	case "rps", "xps":
		return steeringCommands(x)
	case "qdisc":
		return queueCommands(x)
	case "route":
		return routeCommands(x)
	}
	return nil, nil, "", false
}

// driverShows is what ethtool shows where a parameter is set.
func driverShows(c apply.Change, to string) string {
	long := map[string]string{"rx": "rx-checksumming", "tx": "tx-checksumming", "sg": "scatter-gather", "tso": "tcp-segmentation-offload",
		"gso": "generic-segmentation-offload", "gro": "generic-receive-offload", "lro": "large-receive-offload"}
	name := c.Field
	switch {
	case c.Knob == "feature" && long[name] != "":
		name = long[name]
	case c.Knob == "ring":
		return `(?ms)^Current hardware settings:.*^` + strings.ToUpper(name) + `:\s+` + to + `$`
	case c.Knob == "pause" && name == "autoneg":
		name = "Autonegotiate"
	case c.Knob == "pause":
		name = strings.ToUpper(name)
	case name == "adaptive-rx":
		return `(?m)^Adaptive RX:\s+` + to + `\b`
	case name == "adaptive-tx":
		return `(?m)^Adaptive RX:.*\sTX:\s+` + to + `\b`
	}
	return `(?m)^\s*` + regexp.QuoteMeta(name) + `:\s+` + to + `\b`
}

// steeringCommands set the masks of all queues by a shell, in which the words from
// outside are arguments.
func steeringCommands(x Setting) (show, run *yaml.Node, reached string, ok bool) {
	c := x.Change
	queues := c.Field
	if queues == "" {
		queues = map[string]string{"rps": "rx-*", "xps": "tx-*"}[c.Knob]
	}
	const each = `for f in "/sys/class/net/$1/queues/"$2; do `
	files := []string{c.Of, queues, c.Knob + "_cpus"}
	show = argv(append([]string{"sh", "-c", each + `cat "$f/$3" || exit 1; done`, "sh"}, files...)...)
	mask := wanted(x)
	run = argv(append(append([]string{"sh", "-c", each + `printf '%s\n' "$4" > "$f/$3" || exit 1; done`, "sh"}, files...), commas(mask))...)
	return show, run, `\A([0,]*` + strings.Join(strings.Split(mask, ""), ",?") + `\s*)+\Z`, true
}

// commas puts a mask into words of eight digits, as the kernel takes it.
func commas(mask string) string {
	for i := len(mask) - 8; i > 0; i -= 8 {
		mask = mask[:i] + "," + mask[i:]
	}
	return mask
}

// queueCommands replace a root queue, or give the command that was worked out for a
// parameter: it tells all parameters, and is one for as long as they are as they were.
func queueCommands(x Setting) (show, run *yaml.Node, reached string, ok bool) {
	c := x.Change
	show = argv("tc", "qdisc", "show", "dev", c.Of)
	switch {
	case c.Field == "" && c.To == "default":
		return show, argv("tc", "qdisc", "del", "dev", c.Of, "root"), `(?m)\A\s*\Z|^qdisc \S+ 0: (dev \S+ )?root\b`, true
	case c.Field == "":
		words := strings.Fields(c.To)
		return show, argv(append([]string{"tc", "qdisc", "replace", "dev", c.Of, "root"}, words...)...), `(?m)^qdisc ` + regexp.QuoteMeta(words[0]) + ` \S+ (dev \S+ )?root\b`, true
	}
	if class, ok := strings.CutSuffix(c.Field, " leaf"); ok {
		words := strings.Fields(c.To)
		reached = `(?m)^qdisc ` + regexp.QuoteMeta(words[0]) + ` \S+ (dev \S+ )?parent ` + regexp.QuoteMeta(class) + `\b`
		if len(words) == 3 && words[1] == "limit" {
			reached += ` (refcnt \S+ )?limit (` + quantities(words[2]) + `)\b`
		}
		run = argv(append([]string{"tc", "qdisc", "replace", "dev", c.Of, "parent", class}, words...)...)
		return show, run, reached, c.To != "default"
	}
	return queueParameter(x)
}

// queueParameter looks with -r, which shows limits in bytes.
func queueParameter(x Setting) (show, run *yaml.Node, reached string, ok bool) {
	handle, parameter, _ := strings.Cut(x.Change.Field, " ")
	kind := "qdisc"
	if strings.HasPrefix(x.Words.Run, "tc class ") {
		kind = "class"
	}
	words, err := shellWords(x.Words.Run)
	if x.Was == nil || err != nil || len(words) == 0 {
		return nil, nil, "", false
	}
	if parameter == "burst" { // tc rounds what it shows of it
		return nil, nil, "", false
	}
	look := func(b beside) string {
		says := "now=$(tc -r " + kind + ` show dev "$of" | awk -v handle="$handle" '{ sub(/\[[0-9a-f]+\]/, "", $3) } $3 == handle { print; exit }'); `
		for _, v := range b.Values {
			says += `if printf '%s\n' "$now" | grep -Eiq ` + apply.Quote(" "+b.Name+" ("+quantities(v)+")( |$)") + "; then echo " + apply.Quote(v) + "; exit; fi; "
		}
		return says + "exit 1"
	}
	x.Beside = slices.DeleteFunc(slices.Clone(x.Beside), func(b beside) bool { return b.Name == "burst" })
	keepFifo := "of=$1 handle=$2; fifo=$(" + fifoBelow + `) && ` + asHeld(x.Words.Run, x.Beside, look) + ` && { [ -z "$fifo" ] || tc qdisc change dev "$of" $fifo; }`
	words = []string{"sh", "-c", keepFifo, "sh", x.Change.Of, handle}
	return argv("tc", "-r", kind, "show", "dev", x.Change.Of), argv(words...),
		`(?im)^` + kind + ` \S+ ` + regexp.QuoteMeta(handle) + `(\[[0-9a-f]+\])? .*\b` + parameter + ` (` + quantities(x.Change.To) + `)\b`, true
}

// quantities are the ways in which tc shows a rate or a size, as a regular
// expression: in the units that fit, or in packets.
func quantities(s string) string {
	digits := strings.TrimRight(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
	n, err := strconv.ParseUint(digits, 10, 64)
	units, step := []string{"b", "kb", "mb"}, uint64(1024)
	unit := strings.ToLower(s[len(digits):])
	if strings.HasSuffix(unit, "bit") {
		units, step = []string{"bit", "kbit", "mbit", "gbit"}, 1000
	}
	at := slices.Index(units, unit)
	if err != nil || at < 0 && unit != "" {
		return regexp.QuoteMeta(s)
	}
	for ; at > 0; at-- {
		n *= step
	}
	all := []string{fmt.Sprint(n, "p?")}
	for _, u := range units {
		all = append(all, fmt.Sprint(n, u))
		if n%step != 0 {
			break
		}
		n /= step
	}
	return strings.Join(all, "|")
}

// routeCommands set a metric of a route, or remove a route that discards packets.
func routeCommands(x Setting) (show, run *yaml.Node, reached string, ok bool) {
	c := x.Change
	r := routeOf(c.Of)
	show = argv("ip", r.family, "route", "show", "table", r.table, "type", r.kind, "exact", r.to)
	if c.Field == "" {
		return show, argv("ip", r.family, "route", "del", r.kind, r.to, "table", r.table), `\A\s*\Z`, true
	}
	words, err := shellWords(x.Words.Run)
	if x.Was == nil || err != nil || len(words) == 0 || ofSeveral(c.Of) {
		return nil, nil, "", false
	}
	reached = `\b` + c.Field + ` (lock )?` + regexp.QuoteMeta(c.To) + `(ms)?\b`
	if c.To == "none" {
		reached = `\A(?!.*\b` + c.Field + ` )`
	}
	return show, argv(words...), reached, true
}

// shellWords parts a command of apply.Words into its words: blanks, and words that
// apply.Quote quoted.
func shellWords(s string) ([]string, error) {
	var words []string
	var b strings.Builder
	in, quoted := false, false
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case quoted && c == '\'':
			quoted = false
		case quoted:
			b.WriteByte(c)
		case c == '\'':
			in, quoted = true, true
		case c == '\\' && i+1 < len(s):
			i++
			in = true
			b.WriteByte(s[i])
		case c == ' ':
			if in {
				words = append(words, b.String())
			}
			b.Reset()
			in = false
		case strings.IndexByte("\"`$;&|<>()\n\t*?[#~\\", c) >= 0:
			return nil, fmt.Errorf("%q is more than one command", s)
		default:
			in = true
			b.WriteByte(c)
		}
	}
	if quoted {
		return nil, fmt.Errorf("%q: a quote is not closed", s)
	}
	if in {
		words = append(words, b.String())
	}
	return words, nil
}

// text is a string in double quotes. What Ansible would take for an expression is
// marked as none.
func text(s string) *yaml.Node {
	n := &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: strings.ToValidUTF8(s, "\uFFFD"), Style: yaml.DoubleQuotedStyle}
	if strings.Contains(s, "{{") || strings.Contains(s, "{%") || strings.Contains(s, "{#") {
		n.Tag, n.Style = "!unsafe", yaml.DoubleQuotedStyle|yaml.TaggedStyle
	}
	return n
}

func word(s string) *yaml.Node {
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!bool", Value: s}
}

func sequence(items ...*yaml.Node) *yaml.Node {
	return &yaml.Node{Kind: yaml.SequenceNode, Content: items}
}

func argv(words ...string) *yaml.Node {
	n := &yaml.Node{Kind: yaml.SequenceNode, Style: yaml.FlowStyle}
	for _, w := range words {
		n.Content = append(n.Content, text(w))
	}
	return n
}

// mapping makes a mapping of names and nodes in turn.
func mapping(pairs ...any) *yaml.Node {
	n := &yaml.Node{Kind: yaml.MappingNode}
	for i := 0; i+1 < len(pairs); i += 2 {
		n.Content = append(n.Content, &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: pairs[i].(string)}, pairs[i+1].(*yaml.Node))
	}
	return n
}
