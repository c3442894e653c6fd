// Package redact gives what people have named pseudonyms, so that a report can be
// shown to others: addresses, hosts, users, programs of their own, interfaces,
// chains, paths. What everybody knows stays: counters, settings, nginx, eth0.
//
// Pseudonyms follow from a key: the same name has the same one everywhere under
// one key, and without the key nobody can tell which names were there, not even by
// trying all IPv4 addresses. Addresses that share a prefix still share it, and
// stay private, link-local, multicast or the host's own; so the diagnosis of
// redacted facts is that of the originals.
package redact

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"slices"
	"strings"
	"sync"

	"whydrop/checklist"
	"whydrop/content"
	"whydrop/probes/fact"
)

// Notice tells the reader of a redacted report what the names are. It is the first
// of the notes of a redacted diagnosis.
const Notice = "names in this report are pseudonyms: addresses, hosts, users, programs, interfaces and firewall names that are not of common use were replaced. The same name has the same pseudonym throughout, and addresses that share a prefix still share it"

// Redactor replaces names. It remembers the names it has seen in facts, to find
// them again in sentences. It may be used from several goroutines.
type Redactor struct {
	book *content.Book
	key  [32]byte

	mu    sync.Mutex
	space *space
	names map[name]string // pseudonyms
	given map[string]name // whose a pseudonym is
	known map[string]name // names to look for in sentences, in lower case
	parts int             // the most pieces that a known name has
	odd   []string        // known names with spaces and the like, the longest first
}

// name is something that was named by people.
type name struct {
	kind kind
	text string
}

// New returns a redactor. Without a key it makes a random one, so that nobody can
// repeat what it does.
func New(book *content.Book, key []byte) *Redactor {
	r := &Redactor{book: book, names: map[name]string{}, given: map[string]name{}, known: map[string]name{}}
	if len(key) == 0 {
		rand.Read(r.key[:]) // does not fail (crypto/rand since Go 1.24)
	} else {
		r.key = sha256.Sum256(key)
	}
	r.space = newSpace([32]byte(r.sum("addresses", "")))
	return r
}

// sum is a pseudorandom function of a text, one for each kind.
func (r *Redactor) sum(kind, text string) []byte {
	h := hmac.New(sha256.New, r.key[:])
	h.Write([]byte(kind + "\x00" + text))
	return h.Sum(nil)
}

// Text returns a sentence with pseudonyms: for names that the facts have shown
// before, and for whatever looks like an address, a hardware address, a host's
// name, a path of somebody or a container's id. It is not for text that was
// redacted already: an address does not tell whether it is a pseudonym.
func (r *Redactor) Text(s string) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.text(s, true)
}

// User returns the pseudonym of a user's name, which is looked for in sentences from
// then on. The superuser is called the same everywhere.
func (r *Redactor) User(name string) string {
	if name == "" || name == "root" {
		return name
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.learn(kindUser, name)
	return r.pseudonym(kindUser, name)
}

// Facts returns facts with pseudonyms, as recordings need them. f is not changed.
func (r *Redactor) Facts(f *fact.Facts) *fact.Facts {
	if f == nil {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.replaced(f) // to know all names: a sentence may hold one that stands in a later table
	return r.replaced(f)
}

func (r *Redactor) replaced(f *fact.Facts) *fact.Facts {
	g := *f
	g.Host = r.host(f.Host)
	g.Values = make(map[string]fact.Value, len(f.Values))
	for name, v := range f.Values {
		if text, ok := v.Now.(string); ok {
			v.Now = r.value(r.book.Facts.Fact(name), text, "")
		}
		g.Values[name] = v
	}
	g.Tables = make(map[string][]fact.Row, len(f.Tables))
	for table, rows := range f.Tables {
		defs := r.textsOf(table)
		g.Tables[table] = make([]fact.Row, len(rows))
		for i, row := range rows {
			g.Tables[table][i] = r.row(defs, row)
		}
	}
	g.Probes = slices.Clone(f.Probes)
	for i := range g.Probes {
		p := &g.Probes[i]
		p.Why, p.Adapted = r.text(p.Why, false), r.text(p.Adapted, false)
	}
	g.Blind = slices.Clone(f.Blind)
	for i := range g.Blind {
		b := &g.Blind[i]
		b.What, b.Needs = r.text(b.What, false), r.text(b.Needs, false)
	}
	return &g
}

// Case returns the case with pseudonyms in its facts, notes and marks, and its
// diagnosis.
func (r *Redactor) Case(c *checklist.Case) (*checklist.Case, *checklist.Diagnosis) {
	k := c.Rewritten(r.Facts(c.Facts), r.Text)
	d := k.Diagnose()
	d.Notes = append([]string{Notice}, d.Notes...)
	return k, d
}

// textsOf are the fields of a table that are texts, by name.
func (r *Redactor) textsOf(table string) map[string]*content.FactDef {
	defs := map[string]*content.FactDef{}
	if t := r.book.Facts.TableOf(table); t != nil {
		for _, d := range t.Fields {
			if d.Type == content.String {
				defs[d.Name] = d
			}
		}
	}
	return defs
}

func (r *Redactor) row(defs map[string]*content.FactDef, row fact.Row) fact.Row {
	changed := make(fact.Row, len(row))
	about, _ := row["kind"].(string)
	for field, v := range row {
		if text, ok := v.(string); ok {
			v = r.value(defs[field], text, about)
		}
		changed[field] = v
	}
	return changed
}

// value replaces the names in a text of the vocabulary; about is the kind of its
// row. A text of which the vocabulary does not tell what it holds may hold
// anything.
func (r *Redactor) value(def *content.FactDef, text, about string) string {
	holds := "text"
	if def != nil {
		holds = def.Holds
	}
	if holds == "change" {
		return r.change(def.Name, text, about)
	}
	return r.holding(holds, text)
}

func (r *Redactor) holding(holds, text string) string {
	switch holds {
	case "word":
		return text
	case "sentence":
		return r.text(text, false)
	case "interface":
		if strings.HasPrefix(text, "/") { // a BPF program is attached to either
			return r.path(text)
		}
		first, rest, _ := cutSpace(text)
		return r.iface(first) + rest
	case "process":
		return r.programs(text)
	case "host":
		return r.destination(text)
	case "path":
		return r.paths(text)
	case "firewall":
		return r.firewall(text)
	case "name":
		first, rest, _ := cutSpace(text)
		return r.pieces(first, kindName) + rest
	}
	return r.text(text, true)
}

// change replaces the names in a row of the table change, whose kind says what was
// changed.
func (r *Redactor) change(field, text, about string) string {
	if field == "source" {
		return r.paths(text)
	}
	switch about {
	case "kernel", "boot", "module":
		return text
	case "package":
		if field == "was" || field == "is" {
			return text // versions, which can look like addresses
		}
		return r.packages(text)
	}
	if field != "name" {
		return r.text(text, true)
	}
	switch about {
	case "service":
		return r.unit(text)
	case "link":
		return r.iface(text)
	case "sysctl":
		return r.sysctl(text)
	}
	return r.path(text)
}

// cutSpace cuts a text before its first space.
func cutSpace(s string) (first, rest string, found bool) {
	if i := strings.IndexByte(s, ' '); i >= 0 {
		return s[:i], s[i:], true
	}
	return s, "", false
}
