package content

import "go.yaml.in/yaml/v4"

// LedgerLine is one place of this host that can lose packets, and the counter
// that tells.
type LedgerLine struct {
	ID        string `yaml:"id"`
	Hop       string `yaml:"hop"`
	Direction string `yaml:"direction"` // rx or tx
	Each      string `yaml:"each"`      // the table whose rows are places of their own
	Name      *Text  `yaml:"name"`      // how the place is called; its counter if absent
	Counter   *Expr  `yaml:"counter"`
	// Also is added to the counter where it is known: IPv6 beside IPv4.
	Also *Expr `yaml:"also"`
	// Less are other counters that see the same packets: they are taken off where
	// they are known.
	Less []*LedgerShare `yaml:"less"`
	When *Expr          `yaml:"when"`
	// TCP says whether TCP can miss the packets; always if absent.
	TCP  *Expr  `yaml:"tcp"`
	Unit string `yaml:"unit"`
	// Loss is "yes", or "maybe" for a counter that also moves for packets that
	// nobody misses: it is shown and not added up.
	Loss string `yaml:"loss"`
	// Within is the line that counts the same packets already, "" for none.
	Within string `yaml:"within"`
	// Estimate is a counter that cannot tell the packets exactly: it gives way on
	// a kernel that gives the Reasons.
	Estimate bool `yaml:"estimate"`
	// Drivers are fields of the table nic: where no driver has any of them, nobody
	// counts here, and the line is unknown and not zero.
	Drivers []string `yaml:"drivers"`
	// Causes can be behind it, the most likely one first; the most probable one gets
	// the line.
	Causes []string `yaml:"causes"`
	// Reasons are the kernel's drop reasons under which the same packets are freed.
	Reasons []string `yaml:"reasons"`
	Place   `yaml:"-"`
}

// LedgerShare is the part of a line that other counters tell already.
type LedgerShare struct {
	Each    string `yaml:"each"` // the table whose rows count it, "" for a fact
	When    *Expr  `yaml:"when"`
	Counter *Expr  `yaml:"counter"`
}

func (ll *LedgerLine) key() string { return ll.ID }

// Counts says whether the line is added up.
func (ll *LedgerLine) Counts() bool { return ll.Loss == "yes" && ll.Within == "" }

// UnmarshalYAML keeps the line for error messages; a line is a loss unless it
// says otherwise.
func (ll *LedgerLine) UnmarshalYAML(n *yaml.Node) error {
	type plain LedgerLine
	ll.Loss = "yes"
	return at(n, (*plain)(ll), &ll.Line)
}

func (l *loader) settleLedger() {
	for _, ll := range l.book.Ledger {
		l.number(ll.Counter, ll.Each, ll.Place)
		l.number(ll.Also, ll.Each, ll.Place)
		l.condition(ll.When, ll.Each, ll.Place)
		l.condition(ll.TCP, ll.Each, ll.Place)
		for _, less := range ll.Less {
			l.number(less.Counter, less.Each, ll.Place)
			l.condition(less.When, less.Each, ll.Place)
		}
		l.text(ll.Name, ll.Each, nil, ll.Place)
	}
}

func (l *loader) validateLedger() {
	ids := map[string]bool{}
	for _, ll := range l.book.Ledger {
		ids[ll.ID] = true
	}
	for _, ll := range l.book.Ledger {
		l.validateLine(ll)
		if ll.Within != "" && (!ids[ll.Within] || ll.Within == ll.ID) {
			l.problem(ll.Place, "ledger line %s lies within the unknown line %q", ll.ID, ll.Within)
		}
		for _, f := range ll.Drivers {
			if l.book.Facts.Field("nic", f) == nil {
				l.problem(ll.Place, "ledger line %s: the table nic has no field %q", ll.ID, f)
			}
		}
		for _, r := range ll.Reasons {
			if l.book.reasons[r] == nil {
				l.problem(ll.Place, "ledger line %s names the drop reason %q, which dropreasons.yaml does not describe", ll.ID, r)
			}
		}
		for _, c := range ll.Causes {
			if l.book.Cause(c) == nil {
				l.problem(ll.Place, "ledger line %s names the unknown cause %q", ll.ID, c)
			}
		}
	}
}

// validateLine checks what a line says of itself.
func (l *loader) validateLine(ll *LedgerLine) {
	if ll.Counter.Empty() || ll.Unit == "" || ll.Direction != "rx" && ll.Direction != "tx" {
		l.problem(ll.Place, "ledger line %s: expected a counter, a unit, and direction rx or tx", ll.ID)
	}
	if l.book.Hop(ll.Hop) == nil {
		l.problem(ll.Place, "ledger line %s is at the unknown hop %q", ll.ID, ll.Hop)
	}
	if ll.Loss != "yes" && ll.Loss != "maybe" {
		l.problem(ll.Place, "ledger line %s has loss %q: expected yes or maybe", ll.ID, ll.Loss)
	}
	for _, less := range ll.Less {
		if less.Counter.Empty() {
			l.problem(ll.Place, "ledger line %s: expected a counter in less", ll.ID)
		}
	}
	if ll.Estimate && len(ll.Reasons) == 0 {
		l.problem(ll.Place, "ledger line %s is an estimate: expected the reasons that it gives way to", ll.ID)
	}
}
