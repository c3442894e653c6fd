// Package redact gives what people have named pseudonyms, so that a report can be
// shown to others: addresses, hosts, users, programs of their own, interfaces,
// chains, paths. What everybody knows stays: counters, settings, nginx, eth0.
//
// Of sentences that others wrote (the kernel's log, notes, marks) every word that
// whydrop does not know may be a name, and gets a pseudonym, too: words.txt and the
// content are what it knows. So does what may be an address in another spelling
// (0x0a000001, 167772161, 012.0.0.01, 10.0.0.x), and numbers of telephones, cards and
// accounts: all of eight digits and more.
//
// # What is safe, and what is not
//
// Pseudonyms follow from a key by HMAC-SHA-256, those of addresses by AES: the same
// name has the same one everywhere under one key. The key is a random one of 256
// bits, is written nowhere and forgotten when the program ends. Without it nobody
// can tell which names were there, not even by trying all of them, as with a plain
// hash: there are only 2^32 IPv4 addresses. Pseudonyms of two recordings cannot be
// joined either: each has a key of its own.
//
// Addresses that share a prefix still share it, and stay private, link-local,
// multicast or the host's own; so the diagnosis of redacted facts is that of the
// originals. It has a price: who knows one of the addresses and finds its pseudonym
// knows the prefixes of its neighbours'. Times, ports, counts, versions, drivers and
// settings stay as well, and tell somebody who measured the same host that it is the
// same. Content of one's own is written as it is.
package redact

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"maps"
	"slices"
	"strings"
	"sync"

	"whydrop/checklist"
	"whydrop/content"
	"whydrop/probes/fact"
)

// Notice tells the reader of a redacted report what the names are. It is the first
// of the notes of a redacted diagnosis.
const Notice = "names in this report are pseudonyms: addresses, hosts, users, programs, interfaces and firewall names that are not of common use were replaced, and words of notes and of the kernel log that whydrop does not know. The same name has the same pseudonym throughout, and addresses that share a prefix still share it"

// Redactor replaces names. It remembers the names it has seen in facts, to find
// them again in sentences. It may be used from several goroutines.
type Redactor struct {
	book *content.Book
	key  [32]byte

	vocabulary map[string]bool // of the content

	mu    sync.Mutex
	space *space
	names map[name]string // pseudonyms
	given map[string]name // whose a pseudonym is
	known map[string]name // names to look for in sentences, in lower case
	parts int             // the most pieces that a known name has
	odd   []string        // known names with spaces and the like, the longest first
	memos memos

	learned int // how often known changed
}

// name is something that was named by people.
type name struct {
	kind kind
	text string
}

// New returns a redactor. Without a key it makes a random one, so that nobody can
// repeat what it does.
func New(book *content.Book, key []byte) *Redactor {
	r := &Redactor{book: book, names: map[name]string{}, given: map[string]name{}, known: map[string]name{}, vocabulary: vocabulary(book)}
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
	return r.text(s, mixed)
}

// Words returns a sentence of somebody else's with pseudonyms, as Text does, and for
// every word that whydrop does not know as well: it may be a name.
func (r *Redactor) Words(s string) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.text(s, theirs)
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
	learned := r.learned
	g := r.replaced(f)
	if r.learned != learned { // a sentence may hold a name that stood in a later table
		g = r.replaced(f)
	}
	return g
}

func (r *Redactor) replaced(f *fact.Facts) *fact.Facts {
	g := *f
	g.Here = false // its names are none of this machine
	g.Host, g.Kernel = r.host(f.Host), r.release(f.Kernel)
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
		p.Why, p.Adapted = r.text(p.Why, ours), r.text(p.Adapted, ours)
	}
	g.Blind = slices.Clone(f.Blind)
	for i := range g.Blind {
		b := &g.Blind[i]
		b.What, b.Needs = r.text(b.What, ours), r.text(b.Needs, ours)
	}
	return &g
}

// Case returns the case with pseudonyms in its facts, notes and marks, and its
// diagnosis.
func (r *Redactor) Case(c *checklist.Case) (*checklist.Case, *checklist.Diagnosis) {
	of := r.Facts(&fact.Facts{Host: c.Host, Kernel: c.Kernel}) // first: words may hold the name
	k := c.Rewritten(r.Facts, r.Words)
	k.Host, k.Kernel = of.Host, of.Kernel
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

// row replaces the names in a row. One that holds none stays the same row.
func (r *Redactor) row(defs map[string]*content.FactDef, row fact.Row) fact.Row {
	changed := row
	about := ""
	if what := defs["what"]; what != nil && what.Holds == "change" {
		about, _ = row["kind"].(string)
	}
	cloned := false
	for field, v := range row {
		text, ok := v.(string)
		if !ok {
			continue
		}
		p := r.value(defs[field], text, about)
		if p == text {
			continue
		}
		if !cloned {
			changed, cloned = maps.Clone(row), true
		}
		changed[field] = p
	}
	return changed
}

// value replaces the names in a text of the vocabulary; about is the kind of its
// row. A text of which the vocabulary does not tell what it holds may hold
// anything.
func (r *Redactor) value(def *content.FactDef, text, about string) string {
	if text == "" || def != nil && def.Holds == "word" && !named[def.Name] {
		return text
	}
	m, asked := r.memos.field(def), text
	if about != "" {
		asked = about + "\x00" + text
	}
	p, known := m.get(asked, r.learned)
	if !known {
		p = r.replace(def, text, about)
		m.put(asked, reply{p, r.learned})
		r.memos.all++
	}
	return p
}

// named are the words of the kernel's in which those may have named something who
// built it, or a module or BPF program for it.
var named = map[string]bool{
	"host.kernel": true, "host.os": true, "driver": true, "congestion_control": true, "sysctl.net.ipv4.tcp_congestion_control": true,
}

func (r *Redactor) replace(def *content.FactDef, text, about string) string {
	if def != nil && def.Name == "host.kernel" {
		return r.release(text)
	}
	if def != nil && named[def.Name] {
		return r.text(text, theirs)
	}
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
		return r.text(text, ours)
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
	return r.text(text, theirs)
}

// change replaces the names in a row of the table change, whose kind says what was
// changed.
func (r *Redactor) change(field, text, about string) string {
	if field == "source" {
		return r.paths(text)
	}
	switch about {
	case "boot":
		return text
	case "kernel", "module":
		return r.releases(text)
	case "package":
		if field == "was" || field == "is" {
			return text // versions, which can look like addresses
		}
		return r.packages(text)
	}
	if field != "name" {
		return r.text(text, theirs)
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
