package ui

// layout says where things stand on a screen of a size. It is a pure function
// of the size, so that tests can draw it.
type layout struct {
	width, height int
	// main is the screen that one is on; side the causes and the tree beside
	// it, of width 0 where there is no room.
	mainWidth, sideWidth int
	bodyHeight           int
	header, footer       int // lines
}

// wide is the width from which the causes stand beside the question.
const wide = 110

func arrange(width, height int) layout {
	l := layout{width: width, height: height, header: 3, footer: 1}
	if height < 16 {
		l.header = 2
	}
	if height < 6 {
		l.header = 1
	}
	l.bodyHeight = max(0, height-l.header-l.footer)
	l.mainWidth = width
	if width >= wide {
		l.sideWidth = min(width*2/5, 84)
		l.mainWidth = width - l.sideWidth - 3
	}
	return l
}
