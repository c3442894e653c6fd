package content

import (
	"cmp"
	"maps"
	"slices"
	"strings"
)

// Kind says what a name of the content stands for.
type Kind string

// The kinds of names. An item is a number of the brief (L2, Q1a, J5, I3b), with
// everything that carries it.
const (
	KindCause     Kind = "cause"
	KindHop       Kind = "hop"
	KindReason    Kind = "drop reason"
	KindSysctl    Kind = "sysctl"
	KindFact      Kind = "fact"
	KindTable     Kind = "table"
	KindField     Kind = "field"
	KindSign      Kind = "sign"
	KindItem      Kind = "item"
	KindStatistic Kind = "driver statistic"
)

// Entry is a name that the content knows.
type Entry struct {
	Kind  Kind
	Name  string
	Title string // what it means, in a line
}

// Entries returns every name that the content knows, the causes first, in the
// order of the hops.
func (b *Book) Entries() []Entry {
	var all []Entry
	add := func(k Kind, name, title string) { all = append(all, Entry{k, name, title}) }
	for _, c := range b.Causes {
		add(KindCause, c.ID, c.Title)
	}
	for _, h := range b.Hops {
		add(KindHop, h.ID, h.Title)
	}
	for _, r := range b.DropReasons {
		if !r.IsPattern() {
			add(KindReason, r.Name, r.Means)
		}
	}
	for _, s := range b.Symptoms {
		add(KindSign, s.ID, s.Says.Outline(b.Facts, s.Each))
	}
	for _, i := range b.Brief {
		add(KindItem, i.Number, i.Title)
	}
	sysctls := b.sysctls()
	for _, key := range slices.Sorted(maps.Keys(sysctls)) {
		add(KindSysctl, key, sysctls[key])
	}
	for _, d := range b.Facts.Facts() {
		_, reason := strings.CutPrefix(d.Name, ReasonFact(""))
		if _, setting := sysctlKey(d.Name); !setting && !reason {
			add(KindFact, d.Name, d.Means)
		}
	}
	for _, t := range b.Facts.Tables() {
		add(KindTable, t.Name, t.Means)
		for _, f := range t.Fields {
			if !strings.HasSuffix(f.Name, TotalOf("")) {
				add(KindField, t.Name+"."+f.Name, f.Means)
			}
		}
	}
	return append(all, b.statisticEntries()...)
}

// sysctls returns what is known of each key: its meaning as a fact, or the title
// of a remedy that sets it, or "".
func (b *Book) sysctls() map[string]string {
	keys := map[string]string{}
	defaults, _ := parseSysctls(sysctlDefaults) // embedded, and checked by a test
	for _, s := range defaults {
		keys[s.Name] = ""
	}
	for _, c := range b.Causes {
		for _, r := range c.Remedies {
			if r.Setting != "" {
				keys[r.Setting] = r.Title
			}
		}
	}
	for _, d := range b.Facts.Facts() {
		if key, ok := sysctlKey(d.Name); ok {
			keys[key] = d.Means
		}
	}
	return keys
}

// sysctlKey returns the key of a fact that is a sysctl's value.
func sysctlKey(fact string) (key string, ok bool) { return strings.CutPrefix(fact, "sysctl.") }

// Sysctl returns what is known of a key's defaults, nil if nothing is.
func (b *Book) Sysctl(key string) *Sysctl {
	all, _ := parseSysctls(sysctlDefaults)
	for _, s := range all {
		if s.Name == key {
			return s
		}
	}
	return nil
}

// statisticEntries are the statistics of drivers. {n} in a name stands for a
// number.
func (b *Book) statisticEntries() []Entry {
	titles := map[string]string{}
	for _, nic := range b.NICs {
		for id, names := range nic.Statistics {
			for _, s := range names {
				if m := b.meanings[id]; m != nil {
					titles[s.name] = m.Means
				}
			}
		}
	}
	var all []Entry
	for _, name := range slices.Sorted(maps.Keys(titles)) {
		all = append(all, Entry{KindStatistic, name, titles[name]})
	}
	return all
}

// Spelling is one driver's use of a statistic's name.
type Spelling struct {
	Driver  string
	Meaning *Meaning
}

// Spellings returns what a statistic means with each driver that has it.
func (b *Book) Spellings(statistic string) []Spelling {
	var all []Spelling
	for _, nic := range b.NICs {
		for id, names := range nic.Statistics {
			if slices.ContainsFunc(names, func(s spelling) bool { return s.name == statistic }) {
				all = append(all, Spelling{nic.Driver, b.meanings[id]})
			}
		}
	}
	slices.SortFunc(all, func(x, y Spelling) int { return cmp.Compare(x.Driver, y.Driver) })
	return all
}

// Find returns what a word can mean: the entries of exactly that name, else those
// whose last part it is, else the causes whose last part begins with it, else what
// begins with it or has it inside, else the causes whose title has all of its words. Capitals do not count; a counter may be
// spelled as nstat does, a sysctl as a path, a drop reason as the kernel's enum.
func (b *Book) Find(word string) []Entry {
	entries := b.Entries()
	want := plainName(word)
	if want == "" {
		return nil
	}
	for _, fits := range []func(name string, e Entry) bool{
		func(name string, _ Entry) bool { return name == want || strings.ReplaceAll(name, ".", "") == want },
		func(name string, _ Entry) bool { return strings.HasSuffix(name, "."+want) },
		func(name string, e Entry) bool { return e.Kind == KindCause && strings.Contains(name, "."+want) },
		func(name string, _ Entry) bool { return strings.HasPrefix(name, want) },
		func(name string, _ Entry) bool { return strings.Contains(name, want) },
		func(_ string, e Entry) bool { return e.Kind == KindCause && hasWords(strings.ToLower(e.Title), want) },
	} {
		var found []Entry
		for _, e := range entries {
			if fits(strings.ToLower(e.Name), e) {
				found = append(found, e)
			}
		}
		if len(found) > 0 {
			return found
		}
	}
	return nil
}

// plainName is a word in the spelling that entries have.
func plainName(word string) string {
	word = strings.ToLower(strings.Join(strings.Fields(word), " "))
	word = strings.TrimPrefix(word, "/proc/sys/")
	word = strings.TrimPrefix(word, strings.ToLower(reasonPrefix))
	if len(word) > len("sysctl.") {
		word = strings.TrimPrefix(word, "sysctl.")
	}
	return strings.ReplaceAll(word, "/", ".")
}

func hasWords(title, words string) bool {
	for _, w := range strings.Fields(words) {
		if !strings.Contains(title, w) {
			return false
		}
	}
	return true
}

// Near returns at most n names that are spelled like a word, the most alike
// first.
func (b *Book) Near(word string, n int) []Entry {
	want := plainName(word)
	if want == "" || len(want) > 80 { // longer than any name
		return nil
	}
	type near struct {
		Entry
		distance int
	}
	var all []near
	for _, e := range b.Entries() {
		name := strings.ToLower(e.Name)
		d := min(distance(name, want), 1+distance(name[strings.LastIndexByte(name, '.')+1:], want))
		if d <= max(1, len(want)/3) {
			all = append(all, near{e, d})
		}
	}
	slices.SortStableFunc(all, func(x, y near) int { return cmp.Compare(x.distance, y.distance) })
	var found []Entry
	for _, e := range all[:min(n, len(all))] {
		found = append(found, e.Entry)
	}
	return found
}
