package links

import (
	"strconv"
	"strings"
)

// Dictionary knows what the statistics of drivers mean.
type Dictionary interface {
	// Translate says what a statistic means, spelled as the driver spells it
	// (ethtool -S). It is false for one that counts ordinary events. It is
	// called from several goroutines.
	Translate(driver, stat string) (Statistic, bool)
}

// Statistic is what is known of one statistic of a driver. The type has no name
// of its own, so that a dictionary can declare the same one.
type Statistic = struct {
	Name      string   // as the driver spells it, with {n} for each number that tells queues apart
	Queue     string   // the numbers that stand for {n}, with points between
	Meaning   string   // a word such as ring_overflow: a field of the table nic
	Means     string   // the meaning in a sentence
	Hop       string   // where on the packet's way it counts
	Direction string   // rx, tx or both
	Loss      string   // yes, maybe or no
	Link      string   // the field of the table link that counts it, too, "" for none
	Sums      []string // names of statistics that it counts again
	Guess     bool     // told by its name alone
}

// Layout is what the statistics of one driver mean, those of all queues
// together. It does not change.
type Layout struct {
	Driver string
	Stats  []Known
	// Sources is the place among the driver's statistics of each of the Values
	// of Counters.
	Sources []int
}

// Known is one statistic with a meaning.
type Known struct {
	Statistic
	Shown  string   // the name that people see: the driver's own where there is only one
	First  int      // place of its first value
	Queues []string // the queue of each of its values
}

// Counters are the values of the statistics with a meaning at one look.
type Counters struct {
	Layout *Layout
	Values []uint64 // those of Stats[0] first, one for each of its queues
}

// newLayout asks the dictionary about each statistic of a driver.
func newLayout(d Dictionary, driver string, names []string) *Layout {
	l := &Layout{Driver: driver}
	places := map[string]int{} // by name
	var sources [][]int
	for at, name := range names {
		s, ok := d.Translate(driver, name)
		if !ok {
			continue
		}
		i, seen := places[s.Name]
		if !seen {
			i = len(l.Stats)
			places[s.Name] = i
			l.Stats = append(l.Stats, Known{Statistic: s, Shown: strings.TrimSpace(name)})
			sources = append(sources, nil)
		}
		k := &l.Stats[i]
		if seen {
			k.Shown = s.Name
		}
		if s.Queue == "" { // vmxnet3 shows the same name for each queue
			s.Queue = strconv.Itoa(len(k.Queues))
		}
		k.Queues = append(k.Queues, s.Queue)
		sources[i] = append(sources[i], at)
	}
	for i := range l.Stats {
		l.Stats[i].First = len(l.Sources)
		l.Sources = append(l.Sources, sources[i]...)
	}
	return l
}

// counters picks the values with a meaning out of all of a driver's.
func (l *Layout) counters(all []byte) *Counters {
	c := &Counters{Layout: l, Values: make([]uint64, len(l.Sources))}
	for i, at := range l.Sources {
		if 8*at+8 <= len(all) {
			c.Values[i] = u64(all[8*at:])
		}
	}
	return c
}
