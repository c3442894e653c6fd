package links

// SetStatistics sets the counters of a link as another tool told them, by the
// fields of the table link: "rx_packets". The others are zero, although they are not
// known: who calls it takes them out of the row.
func (l *Link) SetStatistics(byField map[string]uint64) {
	l.Stats = make([]uint64, len(statNames))
	for i, name := range statNames {
		l.Stats[i] = byField[name]
	}
}

// StatisticsFields are the fields of the table link that SetStatistics sets.
func StatisticsFields() []string {
	var names []string
	for _, name := range statNames {
		if name != "" {
			names = append(names, name)
		}
	}
	return names
}
