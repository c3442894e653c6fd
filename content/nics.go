package content

import (
	"errors"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"

	"go.yaml.in/yaml/v4"
)

// Meaning is what a statistic of a driver can mean.
type Meaning struct {
	ID        string `yaml:"id"`
	Hop       string `yaml:"hop"`
	Direction string `yaml:"direction"` // rx, tx or both
	Loss      string `yaml:"loss"`      // yes, maybe or no
	Unit      string `yaml:"unit"`
	Means     string `yaml:"means"`
	Place     `yaml:"-"`
}

// NIC is what the statistics of one driver (ethtool -S) mean. In their names
// {n} stands for a number: of a queue, a priority, a lane.
type NIC struct {
	Driver     string                `yaml:"driver"` // as ethtool -i tells it
	Also       []string              `yaml:"also"`   // other drivers with the same statistics
	Like       string                `yaml:"like"`   // a driver whose statistics it has, too, where it does not say otherwise
	Sources    []string              `yaml:"sources"`
	Statistics map[string][]spelling `yaml:"statistics"` // by meaning
	// Sums are statistics that count again what others of the driver count.
	Sums map[string][]spelling `yaml:"sums"`
	// Link are the standard counters (fields of the table link) that count
	// again what statistics count.
	Link map[string][]spelling `yaml:"link"`
	// Maybe are statistics that count harmless packets, too: they are no proof
	// of loss, whatever their meaning says.
	Maybe []spelling `yaml:"maybe"`
	// Ordinary are statistics that are no trouble, although they sound so.
	Ordinary []spelling `yaml:"ordinary"`
	Place    `yaml:"-"`
}

// Pattern guesses the meaning of a statistic that no NIC lists.
type Pattern struct {
	Match   string `yaml:"match"`   // a regular expression; capitals do not count
	Meaning string `yaml:"meaning"` // "": an ordinary event
	Place   `yaml:"-"`

	once sync.Once
	re   *regexp.Regexp // nil if it is none
	err  error
}

// spelling is a statistic's name and the line where it stands.
type spelling struct {
	name string
	line int
}

// Statistic is what is known of one statistic of a driver. It has no name of
// its own, so that the probe that asks can declare the same type.
type Statistic = struct {
	Name      string   // as the driver spells it, with {n} for each number that tells queues apart
	Queue     string   // the numbers that stand for {n}, with points between
	Meaning   string   // the id of the meaning
	Means     string   // the meaning in a sentence
	Hop       string   // where on the packet's way it counts
	Direction string   // rx, tx or both
	Loss      string   // yes, maybe or no
	Link      string   // the field of the table link that counts it, too, "" for none
	Sums      []string // names of statistics that it counts again
	Guess     bool     // told by its name alone
}

// Translate says what a statistic means, spelled as the driver spells it. It
// is false for one that counts ordinary events. It may be called from several
// goroutines.
func (b *Book) Translate(driver, stat string) (Statistic, bool) {
	stat = strings.TrimSpace(stat)
	for _, e := range b.statistics(driver)[numbered(stat)] {
		if queue, ok := e.match(stat); ok {
			s := e.Statistic
			s.Queue = queue
			return s, !e.ordinary
		}
	}
	name := numbered(stat)
	m := b.guessed.of(name, b.guess)
	if m == nil {
		return Statistic{}, false
	}
	s := m.statistic()
	s.Name, s.Guess = name, true
	s.Queue, _ = newListed(name).match(stat)
	return s, true
}

var spaces = strings.NewReplacer(" ", "_", "-", "_", ".", "_")

// guess finds the first pattern that matches a name; nil is an ordinary event.
func (b *Book) guess(name string) *Meaning {
	name = spaces.Replace(strings.ToLower(name))
	for _, p := range b.patterns {
		if p.compile() == nil && p.re.MatchString(name) {
			return b.meanings[p.Meaning]
		}
	}
	return nil
}

// guesses remembers what was guessed: a card with 64 queues shows each name 64
// times, and a guess tries dozens of regular expressions.
type guesses struct {
	mu    sync.Mutex
	known map[string]*Meaning
}

const maxGuesses = 8192 // names come from outside

func (g *guesses) of(name string, guess func(string) *Meaning) *Meaning {
	g.mu.Lock()
	defer g.mu.Unlock()
	m, ok := g.known[name]
	if !ok {
		m = guess(name)
		if g.known == nil || len(g.known) >= maxGuesses {
			g.known = map[string]*Meaning{}
		}
		g.known[name] = m
	}
	return m
}

func (m *Meaning) statistic() Statistic {
	return Statistic{Meaning: m.ID, Means: m.Means, Hop: m.Hop, Direction: m.Direction, Loss: m.Loss}
}

const placeholder = "{n}"

// numbered replaces every number in a name by the placeholder: the key under
// which all queues' names of a statistic are found.
func numbered(name string) string {
	var out strings.Builder
	for i := 0; i < len(name); {
		if n := digits(name[i:]); n > 0 {
			out.WriteString(placeholder)
			i += n
			continue
		}
		out.WriteByte(name[i])
		i++
	}
	return out.String()
}

// digits is how many digits a string begins with.
func digits(s string) int {
	n := 0
	for n < len(s) && s[n] >= '0' && s[n] <= '9' {
		n++
	}
	return n
}

// listed is one name that a driver's file lists.
type listed struct {
	Statistic
	literals []string // what stands between the placeholders
	ordinary bool
}

func newListed(name string) *listed {
	return &listed{Statistic: Statistic{Name: name}, literals: strings.Split(name, placeholder)}
}

// match tells whether a driver's name is this one, and the numbers in it.
func (e *listed) match(stat string) (queue string, ok bool) {
	rest, ok := strings.CutPrefix(stat, e.literals[0])
	if !ok {
		return "", false
	}
	var numbers []string
	for _, literal := range e.literals[1:] {
		n := digits(rest)
		if n == 0 || !strings.HasPrefix(rest[n:], literal) {
			return "", false
		}
		numbers = append(numbers, rest[:n])
		rest = rest[n+len(literal):]
	}
	return strings.Join(numbers, "."), rest == ""
}

// indexNICs makes meanings and drivers findable. What is strict checks them,
// and the patterns.
func (l *loader) indexNICs() {
	b := l.book
	b.meanings = map[string]*Meaning{}
	for _, m := range b.Meanings {
		b.meanings[m.ID] = m
	}
	b.nics, b.drivers = map[string]*NIC{}, map[string]map[string][]*listed{}
	for _, n := range b.NICs {
		for _, driver := range append([]string{n.Driver}, n.Also...) {
			if b.nics[driver] != nil {
				l.problem(n.Place, "driver %s stands twice: it is another's, too", driver)
			}
			b.nics[driver] = n
		}
	}
	if !l.strict {
		return
	}
	for _, m := range b.Meanings {
		l.checkMeaning(m)
	}
	for _, n := range b.NICs {
		l.compileNIC(n)
	}
	for _, p := range b.patterns {
		l.checkPattern(p)
	}
}

// statistics returns what a driver lists, by key. It is compiled when it is
// first asked for: a host has one or two of the drivers.
func (b *Book) statistics(driver string) map[string][]*listed {
	n := b.nics[driver]
	if n == nil {
		return nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.drivers[n.Driver] == nil {
		b.drivers[n.Driver] = (&loader{book: b}).compileNIC(n)
	}
	return b.drivers[n.Driver]
}

func (l *loader) checkMeaning(m *Meaning) {
	if l.book.Hop(m.Hop) == nil {
		l.problem(m.Place, "meaning %s is at the unknown hop %q", m.ID, m.Hop)
	}
	if m.Direction != "rx" && m.Direction != "tx" && m.Direction != "both" {
		l.problem(m.Place, "meaning %s has direction %q: expected rx, tx or both", m.ID, m.Direction)
	}
	if m.Loss != "yes" && m.Loss != "maybe" && m.Loss != "no" {
		l.problem(m.Place, "meaning %s has loss %q: expected yes, maybe or no", m.ID, m.Loss)
	}
	if m.Unit == "" || m.Means == "" {
		l.problem(m.Place, "meaning %s: expected a unit, and a sentence under means", m.ID)
	}
	if f := l.book.Facts.Field("nic", m.ID); f == nil || f.Type != Count {
		l.problem(m.Place, "meaning %s: expected a field of that name and of type count in the table nic", m.ID)
	}
}

func (l *loader) checkPattern(p *Pattern) {
	if err := p.compile(); err != nil {
		l.problem(p.Place, "pattern %q is not a regular expression: %v", p.Match, err)
	}
	if p.Meaning != "" && l.book.meanings[p.Meaning] == nil {
		l.problem(p.Place, "pattern %q has the unknown meaning %q", p.Match, p.Meaning)
	}
}

// compile is done when a name is first guessed: most hosts need no guess.
func (p *Pattern) compile() error {
	p.once.Do(func() {
		if p.err = errors.New("it is empty"); p.Match != "" {
			p.re, p.err = regexp.Compile(strings.ToLower(p.Match))
		}
	})
	return p.err
}

// names is what a driver lists: what stands in its own entry before what it
// takes over from the driver that it is like.
type names struct {
	l       *loader
	meaning map[string]string // of a name; "" for an ordinary one
	maybe   map[string]bool   // names that are no proof of loss
	sums    map[string][]string
	link    map[string]string
	used    []use
}

// use is a place where a name is used that has to be listed.
type use struct {
	Place
	name string
}

// compileNIC makes the table of a driver: its names by their key.
func (l *loader) compileNIC(n *NIC) map[string][]*listed {
	if len(n.Sources) == 0 {
		l.problem(n.Place, "driver %s has no source: expected where its statistics are defined", n.Driver)
	}
	nics := l.book.nics
	all := &names{l: l, meaning: map[string]string{}, maybe: map[string]bool{}, sums: map[string][]string{}, link: map[string]string{}}
	seen := map[*NIC]bool{}
	for at := n; at != nil && !seen[at]; at = nics[at.Like] {
		seen[at] = true
		all.statistics(at)
		all.relations(at)
		if at.Like != "" && (nics[at.Like] == nil || seen[nics[at.Like]]) {
			l.problem(at.Place, "driver %s is like %q: expected another driver", at.Driver, at.Like)
		}
	}
	for _, u := range all.used {
		if all.meaning[u.name] == "" {
			l.problem(u.Place, "driver %s: %q is not listed with a meaning", n.Driver, u.name)
		}
	}
	all.inherit()
	return all.table()
}

// inherit: what is part of a sum that a standard counter shows is in that
// counter, too.
func (a *names) inherit() {
	for range a.sums { // at most as often as sums are nested
		for _, whole := range slices.Sorted(maps.Keys(a.sums)) {
			for _, part := range a.sums[whole] {
				if a.link[part] == "" && a.link[whole] != "" {
					a.link[part] = a.link[whole]
				}
			}
		}
	}
}

// statistics adds the names that one entry lists.
func (a *names) statistics(n *NIC) {
	own, maybe := map[string]bool{}, map[string]bool{}
	for _, s := range n.Maybe {
		maybe[s.name] = true
		a.used = append(a.used, use{Place{n.File, s.line}, s.name})
	}
	add := func(s spelling, meaning string) {
		if own[s.name] {
			a.l.problem(Place{n.File, s.line}, "driver %s: %q stands twice", n.Driver, s.name)
		}
		own[s.name] = true
		if _, nearer := a.meaning[s.name]; !nearer {
			a.meaning[s.name], a.maybe[s.name] = meaning, maybe[s.name]
		}
	}
	for _, meaning := range slices.Sorted(maps.Keys(n.Statistics)) {
		for _, s := range n.Statistics[meaning] {
			if a.l.book.meanings[meaning] == nil {
				a.l.problem(Place{n.File, s.line}, "driver %s: %q has the unknown meaning %q", n.Driver, s.name, meaning)
			}
			add(s, meaning)
		}
	}
	for _, s := range n.Ordinary {
		add(s, "")
	}
}

// relations adds what one entry says about statistics that count the same.
func (a *names) relations(n *NIC) {
	for _, whole := range slices.Sorted(maps.Keys(n.Sums)) {
		if _, nearer := a.sums[whole]; nearer {
			continue
		}
		a.used = append(a.used, use{n.Place, whole})
		for _, part := range n.Sums[whole] {
			a.sums[whole] = append(a.sums[whole], part.name)
			a.used = append(a.used, use{Place{n.File, part.line}, part.name})
		}
	}
	for _, field := range slices.Sorted(maps.Keys(n.Link)) {
		if f := a.l.book.Facts.Field("link", field); f == nil || f.Type != Count {
			a.l.problem(n.Place, "driver %s: the table link has no counter %q", n.Driver, field)
		}
		for _, s := range n.Link[field] {
			if a.link[s.name] == "" {
				a.link[s.name] = field
			}
			a.used = append(a.used, use{Place{n.File, s.line}, s.name})
		}
	}
}

func (a *names) table() map[string][]*listed {
	table := map[string][]*listed{}
	for _, name := range slices.Sorted(maps.Keys(a.meaning)) {
		e := newListed(name)
		if m := a.l.book.meanings[a.meaning[name]]; m != nil {
			e.Statistic = m.statistic()
			e.Name, e.Sums, e.Link = name, a.sums[name], a.link[name]
			if a.maybe[name] && e.Loss == "yes" {
				e.Loss = "maybe"
			}
		} else {
			e.ordinary = true
		}
		key := numbered(name)
		table[key] = append(table[key], e)
	}
	return table
}

func (m *Meaning) key() string { return m.ID }
func (n *NIC) key() string     { return n.Driver }

// UnmarshalYAML keeps the line for error messages.
func (m *Meaning) UnmarshalYAML(n *yaml.Node) error {
	type plain Meaning
	return at(n, (*plain)(m), &m.Line)
}

// UnmarshalYAML keeps the line for error messages.
func (n *NIC) UnmarshalYAML(node *yaml.Node) error {
	type plain NIC
	return at(node, (*plain)(n), &n.Line)
}

// UnmarshalYAML keeps the line for error messages.
func (p *Pattern) UnmarshalYAML(n *yaml.Node) error {
	type plain Pattern
	return at(n, (*plain)(p), &p.Line)
}

// UnmarshalYAML keeps the line for error messages.
func (s *spelling) UnmarshalYAML(n *yaml.Node) error {
	return at(n, &s.name, &s.line)
}
