package filters

import (
	"encoding/binary"
	"testing"
)

func TestXtLimit(t *testing.T) {
	native := binary.NativeEndian
	words := func(size int, at map[int]uint32) []byte {
		b := make([]byte, size)
		for offset, v := range at {
			native.PutUint32(b[offset:], v)
		}
		return b
	}
	hash3 := words(336, map[int]uint32{272: 1 << 2})
	native.PutUint64(hash3[256:], 1_000_000/4)
	recentOfDestination := words(212, map[int]uint32{0: 30, 4: 6})
	recentOfDestination[210] = 1
	for name, c := range map[string]struct {
		match    string
		revision uint32
		data     []byte
		want     allowance
	}{
		"5 a second for all":          {"limit", 0, words(40, map[int]uint32{0: 2000}), allowance{false, 5}},
		"4 a second each":             {"hashlimit", 3, hash3, allowance{true, 4}},
		"2 a second, by destination":  {"hashlimit", 1, words(80, map[int]uint32{16: 1, 20: 5000}), allowance{false, 2}},
		"bytes are no packets":        {"hashlimit", 1, words(80, map[int]uint32{16: 1<<5 | 1<<2, 20: 5000}), allowance{true, 0}},
		"6 in 30 seconds each":        {"recent", 0, words(212, map[int]uint32{0: 30, 4: 6}), allowance{true, 0.2}},
		"6 in 30 seconds, from here":  {"recent", 0, recentOfDestination, allowance{false, 0.2}},
		"no time":                     {"recent", 0, words(212, map[int]uint32{4: 6}), allowance{true, 0}},
		"10 connections each":         {"connlimit", 1, words(32, map[int]uint32{0: ^uint32(0), 16: 10}), allowance{true, 0}},
		"10 connections of all":       {"connlimit", 1, words(32, map[int]uint32{16: 10}), allowance{}},
		"10 connections to each":      {"connlimit", 1, words(32, map[int]uint32{0: ^uint32(0), 16: 10, 20: 2}), allowance{}},
		"too short":                   {"hashlimit", 3, hash3[:100], allowance{}},
		"nothing":                     {"limit", 0, nil, allowance{}},
		"a quota is no rate":          {"quota", 0, words(32, nil), allowance{}},
		"no rate: not divided by it":  {"limit", 0, words(40, nil), allowance{}},
		"a revision nobody knows yet": {"hashlimit", 0, words(80, nil), allowance{}},
	} {
		if got := xtLimit(c.match, c.revision, c.data); got != c.want {
			t.Errorf("%s: %+v, want %+v", name, got, c.want)
		}
	}
}

func TestFollowsLimit(t *testing.T) {
	asks := func(limit string, port int, parts ...string) rule {
		return rule{match: match{parts: parts, limit: limit, port: port}}
	}
	for name, c := range map[string]struct {
		accept, rest rule
		want         bool
	}{
		"the same":               {asks("limit", 80, "tcp dport 80"), asks("", 80, "tcp dport 80"), true},
		"everything":             {asks("limit", 80, "tcp dport 80"), asks("", 0), true},
		"narrower":               {asks("limit", 80, "tcp dport 80"), asks("", 80, "ct state established", "tcp dport 80"), true},
		"wider, of the port":     {asks("limit", 80, "tcp dport 80", "ct state new"), asks("", 80, "tcp dport 80"), true},
		"another port":           {asks("limit", 80, "tcp dport 80"), asks("", 81, "tcp dport 81"), false},
		"something of its own":   {asks("limit", 80, "tcp dport 80"), asks("", 0, "ip saddr 192.0.2.0/24"), false},
		"wider, but of no port":  {asks("limit", 0, "ip saddr 192.0.2.1", "ct state new"), asks("", 0, "ct state new"), false},
		"other parts, same port": {asks("limit", 80, "tcp dport 80", "ct state new"), asks("", 80, "tcp dport 80", "ip saddr 192.0.2.0/24"), false},
	} {
		within := []limited{{&c.accept.match, true}}
		if got := followsLimit(&c.rest, within) != nil; got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}
