package content

// JudgementOrder returns the causes in an order in which each comes after those
// that can explain its evidence away. Causes that can explain each other, in a
// circle, stand together; all others stand alone.
func (b *Book) JudgementOrder() [][]*Cause { return b.order }

func (b *Book) judgementOrder() [][]*Cause {
	o := &ordering{book: b, found: map[string]int{}, lowest: map[string]int{}, waiting: map[string]bool{}}
	for _, c := range b.Causes {
		if o.found[c.ID] == 0 {
			o.visit(c)
		}
	}
	return o.order
}

// ordering finds the strongly connected components of "is explained by" with
// Tarjan's algorithm, which yields them in the order wanted here.
type ordering struct {
	book    *Book
	found   map[string]int // when a cause was found, from 1
	lowest  map[string]int // the earliest found cause that it leads back to
	waiting map[string]bool
	stack   []*Cause
	order   [][]*Cause
}

func (o *ordering) visit(c *Cause) {
	o.found[c.ID] = len(o.found) + 1
	o.lowest[c.ID] = o.found[c.ID]
	o.stack, o.waiting[c.ID] = append(o.stack, c), true
	for _, id := range c.Explainers() {
		other := o.book.Cause(id)
		switch {
		case other == nil:
		case o.found[id] == 0:
			o.visit(other)
			o.lowest[c.ID] = min(o.lowest[c.ID], o.lowest[id])
		case o.waiting[id]:
			o.lowest[c.ID] = min(o.lowest[c.ID], o.found[id])
		}
	}
	if o.lowest[c.ID] < o.found[c.ID] {
		return
	}
	at := len(o.stack) - 1
	for o.stack[at] != c {
		at--
	}
	circle := append([]*Cause{}, o.stack[at:]...)
	for _, member := range circle {
		o.waiting[member.ID] = false
	}
	o.stack = o.stack[:at]
	o.order = append(o.order, circle)
}
