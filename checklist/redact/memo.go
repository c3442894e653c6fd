package redact

import "whydrop/content"

// maxMemo is how many texts of a field are remembered twice over, and maxMemos of
// all fields together. From one observation to the next nearly all stay the same.
const (
	maxMemo  = 1 << 12
	maxMemos = 1 << 15
)

// memos remember what texts became, by field.
type memos struct {
	of  map[*content.FactDef]*memo
	all int
}

// memo holds the texts of late, so that it stays small in a recording of many days.
type memo struct{ young, old map[string]reply }

// reply is what a text became when so many names were known.
type reply struct {
	text    string
	learned int
}

// field returns the memory of a field.
func (m *memos) field(def *content.FactDef) *memo {
	f := m.of[def]
	if f == nil || m.all > maxMemos {
		if m.of == nil || m.all > maxMemos {
			m.of, m.all = map[*content.FactDef]*memo{}, 0
		}
		f = &memo{young: map[string]reply{}}
		m.of[def] = f
	}
	return f
}

// get returns what a text became, unless names were learned since.
func (m *memo) get(text string, learned int) (string, bool) {
	a, ok := m.young[text]
	if !ok {
		if a, ok = m.old[text]; ok && a.learned == learned {
			m.put(text, a)
		}
	}
	return a.text, ok && a.learned == learned
}

// put remembers what a text became.
func (m *memo) put(text string, a reply) {
	if len(m.young) >= maxMemo {
		m.young, m.old = map[string]reply{}, m.young
	}
	m.young[text] = a
}
