package ui

// layout says where things stand on a screen of a size. It is a pure function
// of the size, so that tests can draw it.
type layout struct {
	width, height int
	// header is how many lines stand above the body: the verdict always, the
	// tabs and a rule where there is room. One line below is for the keys.
	header int
	// main is the screen that one is on; side the causes and the tree beside
	// it, of width 0 where there is no room.
	mainWidth, sideWidth int
	bodyHeight           int
}

// wide is the width from which the causes stand beside the question.
const wide = 110

func arrange(width, height int) layout {
	l := layout{width: width, height: height, header: 3}
	switch {
	case height < 8:
		l.header = 1
	case height < 30:
		l.header = 2
	}
	l.bodyHeight = max(0, height-l.header-1)
	l.mainWidth = width
	if width >= wide {
		l.sideWidth = min(width*2/5, 84)
		l.mainWidth = width - l.sideWidth - 3
	}
	return l
}
