package ui

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// CheckKeys says what is wrong with keys that are to take the place of the
// actions' own, by action and separated by spaces: an action that does not exist,
// one without a key, a key for two, or one that no terminal sends.
func CheckKeys(changes map[string]string) error {
	if _, err := newKeymap(changes); err != nil {
		return err
	}
	for action, keys := range changes {
		for _, key := range strings.Fields(keys) {
			if !keyName(key) {
				return fmt.Errorf("keys: %s: there is no key %q: expected one such as K, ctrl+k, alt+k, f5, enter, pgup", action, key)
			}
		}
	}
	return nil
}

// namedKeys are the keys that have a name instead of a character.
var namedKeys = []string{
	"enter", "tab", "backspace", "esc", "space", "up", "down", "left", "right",
	"insert", "delete", "pgup", "pgdown", "home", "end", "begin", "find", "select",
	"f1", "f2", "f3", "f4", "f5", "f6", "f7", "f8", "f9", "f10", "f11", "f12",
	"f13", "f14", "f15", "f16", "f17", "f18", "f19", "f20",
}

// keyName says whether a key can be pressed: a character, or a name; with
// modifiers in the order in which the terminal library writes them. A character
// with shift is another character, and with ctrl is written small.
func keyName(key string) bool {
	rest := key
	modified := map[string]bool{}
	for _, m := range []string{"ctrl", "alt", "shift", "meta", "hyper", "super"} {
		if after, has := strings.CutPrefix(rest, m+"+"); has && after != "" {
			rest, modified[m] = after, true
		}
	}
	if slices.Contains(namedKeys, rest) {
		return true
	}
	r, size := utf8.DecodeRuneInString(rest)
	return size == len(rest) && r != utf8.RuneError && unicode.IsGraphic(r) && !unicode.IsSpace(r) &&
		!modified["shift"] && (!modified["ctrl"] || !unicode.IsUpper(r))
}
