package main

import (
	"encoding/csv"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"whydrop/ui"
)

// keyChanges is a flag with other keys for actions: mark=K,pause=ctrl+p. What
// cannot work is refused when it is set, wherever that is done.
type keyChanges map[string]string

// Set adds changes to those there are.
func (k *keyChanges) Set(s string) error {
	pairs, err := csv.NewReader(strings.NewReader(s)).Read()
	if err != nil {
		return fmt.Errorf("expected ACTION=KEYS, several separated by commas: %w", err)
	}
	changes := maps.Clone(*k)
	if changes == nil {
		changes = keyChanges{}
	}
	for _, pair := range pairs {
		action, keys, ok := strings.Cut(pair, "=")
		action = strings.TrimSpace(action)
		if !ok {
			return fmt.Errorf("%q: expected ACTION=KEYS", pair)
		}
		if _, twice := changes[action]; twice {
			return fmt.Errorf("%s is given keys twice: name all of them at once, as in %s=\"K ctrl+k\"", action, action)
		}
		changes[action] = keys
	}
	if err := ui.CheckKeys(changes); err != nil {
		return errors.New(strings.TrimPrefix(err.Error(), "keys: ")) // the flag's name stands before it
	}
	*k = changes
	return nil
}

// String returns the changes as Set takes them.
func (k *keyChanges) String() string {
	var pairs []string
	for _, action := range slices.Sorted(maps.Keys(*k)) {
		pairs = append(pairs, action+"="+(*k)[action])
	}
	if len(pairs) == 0 {
		return ""
	}
	line, err := commaSeparated(pairs)
	if err != nil {
		return err.Error()
	}
	return line
}

// Type names the value in the help.
func (k *keyChanges) Type() string { return "ACTION=KEYS" }
