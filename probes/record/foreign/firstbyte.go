package foreign

import (
	"regexp"
	"regexp/syntax"
)

// byFirst are the kinds whose first line can begin with a byte, in their order: to
// try all of them on each line of a large text would take long.
var byFirst [256][]*kind

func init() {
	for _, k := range kinds {
		if k.first == nil || k.json {
			continue
		}
		can := firstBytes(k.first)
		for b := range byFirst {
			if can[b] {
				byFirst[b] = append(byFirst[b], k)
			}
		}
	}
}

// firstBytes are the bytes with which a text can begin that an anchored expression
// matches.
func firstBytes(r *regexp.Regexp) (can [256]bool) {
	tree, err := syntax.Parse(r.String(), syntax.Perl)
	if err != nil || addFirst(tree, &can) {
		for b := range can {
			can[b] = true
		}
	}
	return can
}

// addFirst adds the bytes with which a match of the tree can begin, and returns
// whether it can be empty. Anything beyond ASCII stands for all bytes beyond.
func addFirst(tree *syntax.Regexp, can *[256]bool) (empty bool) {
	add := func(low, high rune) {
		for b := max(low, 0); b <= min(high, 255); b++ {
			can[b] = true
		}
		if high > 127 {
			for b := 128; b < 256; b++ {
				can[b] = true
			}
		}
	}
	switch tree.Op {
	case syntax.OpLiteral:
		if tree.Flags&syntax.FoldCase != 0 {
			add(0, 255)
			return false
		}
		add(tree.Rune[0], tree.Rune[0])
		return false
	case syntax.OpCharClass:
		for i := 0; i+1 < len(tree.Rune); i += 2 {
			add(tree.Rune[i], tree.Rune[i+1])
		}
		return false
	case syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		add(0, 255)
		return false
	case syntax.OpCapture, syntax.OpPlus:
		return addFirst(tree.Sub[0], can)
	case syntax.OpStar, syntax.OpQuest:
		addFirst(tree.Sub[0], can)
		return true
	case syntax.OpRepeat:
		return addFirst(tree.Sub[0], can) || tree.Min == 0
	case syntax.OpConcat:
		for _, sub := range tree.Sub {
			if !addFirst(sub, can) {
				return false
			}
		}
		return true
	case syntax.OpAlternate:
		for _, sub := range tree.Sub {
			empty = addFirst(sub, can) || empty
		}
		return empty
	}
	return true // a position: the beginning of a line
}
