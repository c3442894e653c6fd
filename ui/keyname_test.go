package ui

import (
	"strings"
	"testing"
)

// Every key of the program itself passes, what no terminal sends does not.
func TestKeyNames(t *testing.T) {
	for _, a := range Actions() {
		for _, key := range strings.Fields(a.Keys) {
			if !keyName(key) {
				t.Errorf("%s: %q is refused", a.Name, key)
			}
		}
	}
	for _, key := range []string{"K", "é", "+", "ctrl++", "ctrl+k", "alt+K", "ctrl+alt+k", "f12", "shift+tab", "ctrl+pgup", "="} {
		if !keyName(key) {
			t.Errorf("%q is refused", key)
		}
	}
	for _, key := range []string{"", "foo", "kk", "shift+k", "ctrl+K", "Ctrl+k", "alt+ctrl+k", "ctrl+", "ctrl", "f99", "\x1b", "\xff", "PgUp"} {
		if keyName(key) {
			t.Errorf("%q passes", key)
		}
	}
}

func TestCheckKeys(t *testing.T) {
	tests := []struct {
		changes map[string]string
		want    string // in the error
	}{
		{nil, ""},
		{map[string]string{"mark": "K ctrl+k", "pause": "m"}, ""},
		{map[string]string{"nonsense": "K"}, `no action "nonsense": expected one of enter, previous`},
		{map[string]string{"mark": " "}, "mark has no key"},
		{map[string]string{"mark": "K", "pause": "K"}, `"K" stands for mark and for pause`},
		{map[string]string{"mark": "q ctrl+c"}, "has no key left"},
		{map[string]string{"mark": "foo"}, `no key "foo"`},
	}
	for _, tt := range tests {
		err := CheckKeys(tt.changes)
		if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%v gives %v, want %q", tt.changes, err, tt.want)
		}
	}
}
