package ui

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// action is something that a key does. Its name is the one that stands in the
// configuration.
type action string

const (
	actUp        action = "up"
	actDown      action = "down"
	actPageUp    action = "page-up"
	actPageDown  action = "page-down"
	actFirst     action = "first"
	actLast      action = "last"
	actEnter     action = "enter"
	actTick      action = "tick"
	actNext      action = "next"
	actPrevious  action = "previous"
	actDontKnow  action = "dont-know"
	actNote      action = "note"
	actFindOut   action = "find-out"
	actNextGroup action = "next-group"
	actSuggested action = "suggested"
	actSearch    action = "search"
	actSort      action = "sort"
	actFilter    action = "filter"
	actPause     action = "pause"
	actStepBack  action = "step-back"
	actStep      action = "step"
	actSkipBack  action = "skip-back"
	actSkip      action = "skip"
	actSlower    action = "slower"
	actFaster    action = "faster"
	actTry       action = "try"
	actApply     action = "apply"
	actMark      action = "mark"
	actCopy      action = "copy"
	actPrint     action = "print"
	actReport    action = "write-report"
	actMouse     action = "mouse"
	actRedraw    action = "redraw"
	actHelp      action = "help"
	actBack      action = "back"
	actSuspend   action = "suspend"
	actLeave     action = "leave"
	actQuit      action = "quit"

	actWalk     action = "walk"
	actCauses   action = "causes"
	actTree     action = "tree"
	actJourney  action = "journey"
	actFlows    action = "flows"
	actEvidence action = "evidence"
	actPlan     action = "plan"
	actPreview  action = "report"
)

// binding is an action with the keys that it has by default, and what it does
// for the page of keys.
type binding struct {
	action action
	keys   string // separated by spaces, as the terminal library names them
	does   string
}

// bindings are all actions in the order of the page of keys.
var bindings = []binding{
	{actEnter, "enter", "go on: the next question, the plan of a cause, what is under the cursor"},
	{actPrevious, "b left shift+tab h", "the question before"},
	{actNext, "right tab l", "the next question"},
	{actTick, "space x", "tick or untick; several answers may be ticked"},
	{actDontKnow, "d", "don't know, and on to the next question"},
	{actNote, "n", "write a note to the question"},
	{actFindOut, "f", "why it is asked, and how to find out"},
	{actSuggested, "s", "go to the open question that would tell most"},
	{actNextGroup, "g", "the next group of questions"},
	{actUp, "up k", "move or scroll up"},
	{actDown, "down j", "move or scroll down"},
	{actPageUp, "pgup", "a page up"},
	{actPageDown, "pgdown", "a page down"},
	{actFirst, "home", "to the first"},
	{actLast, "end G", "to the last"},
	{actSearch, "/", "search or filter the list by text"},
	{actSort, "o", "order the list by something else"},
	{actFilter, "v", "show all of the list, or only what moves or is in trouble"},
	{actWalk, "1", "the checklist, one question at a time"},
	{actCauses, "2", "the causes, ranked, for and against"},
	{actTree, "3", "the tree: places and causes, closed branches with the reason"},
	{actJourney, "4", "the packet's way with what each place lost"},
	{actFlows, "5", "the services and connections in trouble"},
	{actEvidence, "6", "every fact with its source and history"},
	{actPlan, "7", "what to do"},
	{actPreview, "8", "the incident report"},
	{actPause, "p P", "hold the measurements as they are; again goes on"},
	{actStepBack, ", ctrl+left", "in a recording: the observation before, and hold it there"},
	{actStep, ". ctrl+right", "in a recording: the next observation, and hold it there"},
	{actSkipBack, "<", "in a recording: back by a minute"},
	{actSkip, ">", "in a recording: on by a minute"},
	{actSlower, "-", "in a recording: slower"},
	{actFaster, "+ =", "in a recording: faster"},
	{actApply, "a", "apply the step of the plan under the cursor: shows the change and asks first"},
	{actMark, "m", "mark this moment ('the load test begins'); it lands in the report"},
	{actTry, "t", "try a destination: the only key that sends packets"},
	{actCopy, "y", "copy a command or value to the clipboard, also over SSH"},
	{actPrint, "Y", "leave the screen for a moment and print it plainly"},
	{actReport, "e", "write the incident report (markdown) to a file"},
	{actMouse, "M", "give the mouse to whydrop, or back to the terminal"},
	{actHelp, "?", "the keys of this screen"},
	{actBack, "esc", "back to the screen before"},
	{actRedraw, "ctrl+l", "draw the screen anew"},
	{actSuspend, "ctrl+z", "suspend; fg comes back"},
	{actLeave, "q", "leave; asks first. The answers are kept"},
	{actQuit, "ctrl+c", "leave at once. The answers are kept"},
}

// keymap says which key does what.
type keymap struct {
	actions map[string]action
	first   map[action]string // the key that is shown for an action
}

// newKeymap returns the default keys with those of the configuration in the
// place of an action's own: its name, and its keys separated by spaces. It is an
// error to name an action that does not exist, to leave it without a key, or to
// give one key to two.
func newKeymap(changes map[string]string) (keymap, error) {
	k := keymap{actions: map[string]action{}, first: map[action]string{}}
	for name := range changes {
		if !slices.ContainsFunc(bindings, func(b binding) bool { return string(b.action) == name }) {
			return k, fmt.Errorf("keys: there is no action %q: expected one of %s", name, strings.Join(actionNames(), ", "))
		}
	}
	taken := map[string]bool{}
	for _, name := range slices.Sorted(maps.Keys(changes)) {
		keys := strings.Fields(changes[name])
		if len(keys) == 0 {
			return k, fmt.Errorf("keys: %s has no key", name)
		}
		for _, key := range keys {
			if have, twice := k.actions[key]; twice {
				return k, fmt.Errorf("keys: %q stands for %s and for %s", key, have, name)
			}
			k.actions[key], taken[key] = action(name), true
		}
		k.first[action(name)] = keys[0]
	}
	for _, b := range bindings {
		if _, changed := changes[string(b.action)]; changed {
			continue
		}
		for _, key := range strings.Fields(b.keys) {
			if taken[key] {
				continue
			}
			k.actions[key] = b.action
			if k.first[b.action] == "" {
				k.first[b.action] = key
			}
		}
		if k.first[b.action] == "" {
			return k, fmt.Errorf("keys: %s has no key left: give it one", b.action)
		}
	}
	return k, nil
}

func actionNames() []string {
	names := make([]string, len(bindings))
	for i, b := range bindings {
		names[i] = string(b.action)
	}
	return names
}

// of returns what a key does, "" for nothing.
func (k keymap) of(key string) action { return k.actions[key] }

// key returns the key to show for an action.
func (k keymap) key(a action) string { return k.first[a] }

// all returns the keys of an action as they are shown, the first one first.
func (k keymap) all(a action) []string {
	keys := []string{k.first[a]}
	for _, key := range slices.Sorted(maps.Keys(k.actions)) {
		if k.actions[key] == a && key != k.first[a] {
			keys = append(keys, key)
		}
	}
	return keys
}

// hint is an action with what it does at this moment, in a word or two.
type hint struct {
	action action
	words  string
}
