package ui

// layout says where things stand on a screen of a size. It is a pure function
// of the size, so that tests can draw it.
type layout struct {
	width, height int
	// header is how many lines stand above the body: the verdict always, the
	// tabs and a rule where there is room. One line below is for the keys.
	header int
	// banner is how many of them are for a change of the host that is not kept.
	banner     int
	bodyHeight int
	// mainWidth is of the screen that one is on, at the left.
	mainWidth int
	// sides are what stands beside it where there is room, from left to right.
	sides []side
}

// side is a column beside the screen that one is on.
type side struct {
	shows screenID // what it shows in small: the causes or the journey; both where it is one column
	both  bool
	width int
}

// gap is between two columns: a space, a line and a space.
const gap = 3

// From these widths on one column or two stand beside the screen.
const (
	wide     = 110
	veryWide = 170
)

// roomy takes from what stands beside a screen the room that a list with many
// columns makes better use of: of two columns one remains, of one none.
func (l layout) roomy() layout {
	switch {
	case len(l.sides) == 2:
		l.sides = []side{{shows: causesID, both: true, width: min(l.width*2/5, 64)}}
	default:
		l.sides = nil
	}
	l.mainWidth = l.width
	for _, s := range l.sides {
		l.mainWidth -= s.width + gap
	}
	return l
}

// tabbed says whether the tabs stand in the first line.
func (l layout) tabbed() bool { return l.header-l.banner > 1 }

// bannered makes room for a line about a change of the host that is not kept.
func (l layout) bannered() layout {
	if l.bodyHeight > 1 {
		l.header, l.banner, l.bodyHeight = l.header+1, 1, l.bodyHeight-1
	}
	return l
}

func arrange(width, height int) layout {
	l := layout{width: width, height: height, header: 3}
	switch {
	case height < 8:
		l.header = 1
	case height < 30:
		l.header = 2
	}
	l.bodyHeight = max(0, height-l.header-1)
	switch {
	case width >= veryWide:
		each := min(width*27/100, 64)
		l.sides = []side{{shows: causesID, width: each}, {shows: journeyID, width: each}}
	case width >= wide:
		l.sides = []side{{shows: causesID, both: true, width: min(width*2/5, 64)}}
	}
	l.mainWidth = width
	for _, s := range l.sides {
		l.mainWidth -= s.width + gap
	}
	return l
}
