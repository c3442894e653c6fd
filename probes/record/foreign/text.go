package foreign

import (
	"bytes"
	"cmp"
	"encoding/json"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Bounds of what is read of texts from outside.
const (
	maxLine   = 64 << 10 // bytes of a line that is looked at
	maxPieces = 5000     // outputs in one text
)

// piece is the output of one tool or the content of one file, at one moment.
type piece struct {
	kind   *kind
	device string
	// command is how it was called, if that is known.
	command []string
	line    string // the same as it was typed, with what it was piped into
	from    string // the file that it stands in
	text    []byte
	// at is when it was taken; zero if nothing tells. Of two texts of one paste
	// the difference alone may be known: relative is set then.
	at       time.Time
	relative bool
	host     string // as the prompt says
	origin   *origin
}

// prompt is a line on which somebody called a command: "[root@web ~]# nstat -az",
// "$ ss -tin", "+ date", "web:~ # tc qdisc". Its groups are the host, the host where no user
// stands before it, and the command.
var prompt = regexp.MustCompile(`^(?:\[?[\w.-]+@([\w.-]+)(?:[ :][^\]#$]{0,200})?\]?\s*|([a-zA-Z][\w.-]{0,62}):[~/][^\s#$]{0,200} )?(?:[#$%>+]|[#=*-]{2,20}) *(\S.*)$`)

// call is a command as somebody typed it.
type call struct {
	words []string // up to a pipe
	line  string
}

// splitter takes a text apart into the outputs that stand in it.
type splitter struct {
	from    string
	pieces  []piece
	unknown []string // commands whose output is not understood
	// clock is the time of what comes next, as far as the text tells. relative is
	// set while only sleeps were seen.
	clock    time.Time
	relative bool
	host     string

	pending []call // commands of the last prompt, in order
	current *kind
	device  string
	command call
	seen    map[string]bool // keys of the current piece
	lines   bytes.Buffer
	skip    bool // the output of a command that is not understood
	deaf    bool // that of a command in another network namespace
}

// split takes a text apart. A text that begins without a command or a known line
// is of no kind until one comes.
func split(from string, text []byte) *splitter {
	s := &splitter{from: from, clock: time.Unix(0, 0), relative: true, seen: map[string]bool{}}
	for len(text) > 0 && len(s.pieces) < maxPieces {
		if n := s.document(text); n > 0 {
			text = text[n:]
			continue
		}
		var line []byte
		line, text, _ = bytes.Cut(text, []byte{'\n'})
		if len(line) > maxLine {
			line = line[:maxLine]
		}
		s.line(line)
	}
	s.end()
	return s
}

// document takes a JSON document of a kind that is known, and returns its length.
func (s *splitter) document(text []byte) int {
	if text[0] != '{' && text[0] != '[' {
		return 0
	}
	for _, k := range kinds {
		if !k.json || !k.first.Match(text[:min(len(text), 200)]) {
			continue
		}
		d := json.NewDecoder(bytes.NewReader(text))
		var raw json.RawMessage
		if d.Decode(&raw) != nil {
			return 0
		}
		s.begin(k, "")
		s.lines.Write(raw)
		s.end()
		return int(d.InputOffset())
	}
	return 0
}

func (s *splitter) line(line []byte) {
	text := string(line)
	if s.heading(text) || s.closing(text) {
		return
	}
	if s.current != nil && !s.continues(text) {
		if k := s.current; s.current.key != nil && s.key(text) != "" {
			s.begin(k, "") // the same once more
			s.seen[s.key(text)] = true
		}
	}
	if s.deaf {
		return
	}
	if k, device := recognize(text); k != nil && s.other(k, text) {
		s.begin(k, device)
		if key := s.key(text); key != "" {
			s.seen[key] = true
		}
	}
	if s.current != nil && !s.skip {
		s.lines.Write(line)
		s.lines.WriteByte('\n')
		if s.current.line && len(bytes.TrimSpace(line)) > 0 {
			s.end()
			s.current, s.command, s.device = nil, call{}, ""
			s.next(nil)
		}
	}
}

// closing takes a line that ends what stands above it: the fence of a code block, the
// line above a signature (RFC 3676, 4.3). What was called may stand before the fence.
func (s *splitter) closing(text string) bool {
	if !strings.HasPrefix(text, "```") && !strings.HasPrefix(text, "~~~") && text != "-- " {
		return false
	}
	if s.lines.Len() > 0 {
		s.end()
		s.current, s.command, s.device = nil, call{}, ""
	}
	return true
}

// continues tells whether a line can belong to the current text, and notes its
// key.
func (s *splitter) continues(text string) bool {
	key := s.key(text)
	if key == "" {
		return true
	}
	if s.seen[key] {
		return false
	}
	s.seen[key] = true
	return true
}

// key is what a line holds that occurs once in a text of the current kind.
func (s *splitter) key(text string) string {
	if s.current == nil || s.current.key == nil {
		return ""
	}
	m := s.current.key.FindStringSubmatch(text)
	if m == nil {
		return ""
	}
	return "=" + m[len(m)-1]
}

// other tells whether a recognized line begins another text than the current one:
// a line of nstat or tc looks like its first.
func (s *splitter) other(k *kind, text string) bool {
	if s.current == nil || s.skip {
		return true
	}
	if k.name == s.current.name || sameLayout(k.name, s.current.name) {
		return false
	}
	// What was asked for by a command is believed, unless a clear first line says
	// something else.
	return len(s.command.words) == 0 || s.lines.Len() > 0 && !loose[k.name]
}

// loose are kinds whose first line also occurs in the texts of others.
var loose = map[string]bool{
	"ip route": true, "ip neigh": true, "date": true, "uptime": true, "uname": true, "/proc/uptime": true,
	"/proc/softirqs": true, "ip -o addr": true, "dmesg": true,
}

// sameLayout are kinds that are told apart by their commands alone.
func sameLayout(a, b string) bool {
	pairs := map[string]string{
		"ip link": "ip address", "iptables -L": "ip6tables -L", "iptables-save": "ip6tables-save",
		"/proc/net/stat/arp_cache": "/proc/net/stat/ndisc_cache", "/proc/net/tcp": "/proc/net/tcp6",
	}
	return pairs[a] == b || pairs[b] == a
}

// recognize finds the kind that a line begins.
func recognize(text string) (*kind, string) {
	if text == "" {
		return nil, ""
	}
	for _, k := range byFirst[text[0]] {
		if m := k.first.FindStringSubmatch(text); m != nil {
			device := ""
			if len(m) > 1 {
				device = m[1]
			}
			return k, device
		}
	}
	if _, _, known := proseCounter("", text); known {
		return kindNamed("netstat -s"), ""
	}
	return nil, ""
}

func kindNamed(name string) *kind {
	for _, k := range kinds {
		if k.name == name {
			return k
		}
	}
	return nil
}

// heading takes a line that names commands or a file.
func (s *splitter) heading(text string) bool {
	if file, ok := strings.CutPrefix(text, "==> "); ok { // head and tail of several files
		if file, ok = strings.CutSuffix(strings.TrimSpace(file), " <=="); ok {
			s.called([]call{{words: []string{"cat", file}}})
			return true
		}
	}
	first, _, _ := strings.Cut(text, " ")
	if len(text) > 500 || !tools[first] && first != "cat" && !strings.ContainsAny(text[:min(len(text), 200)], "#$%>+=*-") {
		return false
	}
	host, alone, called, prompted := "", "", text, false
	if m := prompt.FindStringSubmatch(text); m != nil {
		host, alone, called, prompted = m[1], m[2], strings.TrimRight(m[3], " =*-#"), true
	}
	commands := commandsOf(called)
	if len(commands) == 0 || host == "" && !isCommand(commands, prompted, text[0] == '#') {
		return false
	}
	s.called(commands)
	s.host = cmp.Or(host, alone, s.host)
	return true
}

// isCommand tells whether a line is a command and not a part of an output. Behind a
// prompt that shows no host it is, if the program is known, and after "#", which
// begins comments, too, if all that is called is.
func isCommand(commands []call, prompted, comment bool) bool {
	known := 0
	for _, c := range commands {
		if k, _ := commandKind(c.words); k != nil || c.words[0] == "sleep" {
			known++
		}
	}
	first := commands[0].words
	name := first[0][strings.LastIndexByte(first[0], '/')+1:]
	switch {
	case known == len(commands):
		return prompted || plainCommand(first)
	case prompted && !comment:
		return tools[name] || name == "cat"
	}
	return false
}

// plainCommand tells whether a line without a prompt is a command and not the
// beginning of an output.
func plainCommand(words []string) bool {
	switch {
	case len(words) > 8 || !tools[words[0]] && words[0] != "cat":
		return false
	case len(words) == 1:
		return words[0] == "nstat" || words[0] == "dmesg" || words[0] == "date" || words[0] == "uptime" || words[0] == "iptables-save"
	}
	k, _ := commandKind(words)
	return k != nil && (words[1][0] == '-' || words[1][0] == '/' || len(words) == 2 || words[0] == "nft" || words[0] == "tc")
}

// commandsOf are the commands of a line, one after the other; what follows a pipe
// belongs to the command before it.
func commandsOf(line string) []call {
	if len(line) > 300 {
		return nil
	}
	var all []call
	for part := range strings.SplitSeq(strings.ReplaceAll(line, "&&", ";"), ";") {
		typed := strings.TrimSpace(part)
		part, _, _ = strings.Cut(part, "|")
		words := strings.Fields(part)
		for len(words) > 0 && (words[0] == "sudo" || words[0] == "do" || strings.Contains(words[0], "=")) {
			words = words[1:]
		}
		if len(words) > 0 {
			all = append(all, call{words, typed})
		}
	}
	return all
}

// called notes the commands of a prompt: their outputs follow.
func (s *splitter) called(commands []call) {
	s.end()
	s.pending, s.deaf = commands, false
	s.next(nil)
}

// next goes on to the next pending command, or to the one that prints a kind.
func (s *splitter) next(wanted *kind) {
	for len(s.pending) > 0 {
		typed := s.pending[0]
		c := typed.words
		s.pending = s.pending[1:]
		if c[0] == "sleep" && len(c) == 2 {
			if n, err := strconv.ParseFloat(strings.TrimSuffix(c[1], "s"), 64); err == nil && n > 0 && n < 1e6 {
				s.clock = s.clock.Add(time.Duration(n * float64(time.Second)))
			}
			continue
		}
		k, device := commandKind(c)
		if k == nil {
			if wanted == nil {
				s.skip, s.deaf = true, foreignNamespace(c)
				s.note(c)
				return
			}
			continue
		}
		if wanted != nil && k.name != wanted.name {
			continue
		}
		s.current, s.device, s.command, s.skip = k, device, typed, false
		s.seen = map[string]bool{}
		return
	}
}

func (s *splitter) note(c []string) {
	if text := strings.Join(c, " "); len(s.unknown) < 20 {
		s.unknown = append(s.unknown, printable(text, 60))
	}
}

// begin ends the current text and begins another: of the command that was called,
// or of no known one.
func (s *splitter) begin(k *kind, device string) {
	again := s.current == k
	s.end()
	if !again {
		s.device, s.command = "", call{}
	}
	s.next(k)
	if device != "" {
		s.device = device
	}
	s.current, s.skip = k, false
	s.seen = map[string]bool{}
}

// end keeps the current text, if there is any. A time that it tells is that of
// what follows.
func (s *splitter) end() {
	if s.current == nil || s.skip || len(bytes.TrimSpace(s.lines.Bytes())) == 0 {
		s.lines.Reset()
		return
	}
	p := piece{
		kind: s.current, device: s.device, command: s.command.words, line: s.command.line, from: s.from, host: s.host,
		text: bytes.Clone(s.lines.Bytes()),
	}
	s.lines.Reset()
	if at, ok := timeIn(&p, s.clock); ok {
		s.clock, s.relative = at, false
	}
	p.at, p.relative = s.clock, s.relative
	s.pieces = append(s.pieces, p)
}
