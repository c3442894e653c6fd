package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A file that is no file of answers is told in a few short lines, with what was
// expected, and at once.
func TestAnswersThatAreNone(t *testing.T) {
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	large := file("large", "")
	if err := os.Truncate(large, 1<<30); err != nil {
		t.Fatal(err)
	}
	bomb := "a: &a [x,x,x,x,x,x,x,x,x]\n"
	for c := 'b'; c < 'k'; c++ {
		bomb += string(c) + ": &" + string(c) + " [" + strings.TrimSuffix(strings.Repeat("*"+string(c-1)+",", 9), ",") + "]\n"
	}
	var manyKeys strings.Builder
	for n := range 20_000 {
		fmt.Fprintf(&manyKeys, "k%d: x\n", n)
	}
	for _, tt := range []struct{ path, want string }{
		{filepath.Join(dir, "nowhere"), "no such file"},
		{dir, "is a directory"},
		{large, "is larger than"},
		{file("empty", ""), "holds no answers"},
		{file("comment", "# Q1a: one-host\n"), "holds no answers"},
		{file("binary", "\x7fELF\x02\x00\x00"), "is no text"},
		{file("sequence", "\x1b[2JQ1a: one-host"), "control characters"},
		{file("words", "hello world"), ":1: expected questions with their answers"},
		{file("list", "\n- Q1a"), ":2: expected questions with their answers"},
		{file("question", "Q99: one-host"), `:1: there is no question "Q99"`},
		{file("option", "Q1a: \"\\e[2J\""), `question Q1a has no option "\x1b[2J"`},
		{file("twice", "Q1a: one-host\nQ1a: one-host"), ":2: "},
		{file("bomb", bomb), "and "},
		{file("deep", strings.Repeat("[", 20_000)), "depth"},
		{file("many", strings.Repeat("Q: x\n", 20_000)), "20000 keys: expected at most 1000"},
		{file("inner", "Q1a: {"+strings.Repeat("note: x,", 500)+"}"), "stands in line 1 already"},
		{file("keys", manyKeys.String()), "20000 keys: expected at most 1000"},
		{file("note", "Q1a: {note: "+strings.Repeat("x", longestNote+1)+"}"), "expected at most 4000"},
	} {
		began := time.Now()
		err := readAnswers(t.Context(), newCase(t), tt.path, nil)
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s gives %v, want %q in it", filepath.Base(tt.path), err, tt.want)
			continue
		}
		if strings.Count(err.Error(), "\n") > mostMistakes+1 || len(err.Error()) > 2000 || strings.ContainsAny(err.Error(), "\x1b\x00") {
			t.Errorf("%s gives a screen of rubbish: %.300q", filepath.Base(tt.path), err)
		}
		t.Logf("%s: %v", filepath.Base(tt.path), time.Since(began))
	}
}

// Reading from a pipe that nobody writes to can be interrupted.
func TestAnswersFromASilentPipe(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Skipf("no named pipe: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- readAnswers(ctx, newCase(t), pipe, nil) }()
	cancel()
	select {
	case err := <-ended:
		if err == nil {
			t.Error("no error")
		}
	case <-time.After(10 * time.Second):
		t.Error("it still waits")
	}
}

// Keys that cannot work are a mistake in the call, told with its place, before
// anything else is done.
func TestKeysThatCannotWork(t *testing.T) {
	for _, tt := range []struct{ keys, want string }{
		{"", "expected ACTION=KEYS"},
		{"mark", `"mark": expected ACTION=KEYS`},
		{"mark=", "mark has no key"},
		{"nonsense=K", `no action "nonsense": expected one of enter, previous`},
		{"mark=K,pause=K", `"K" stands for mark and for pause`},
		{"mark=K,mark=J", "mark is given keys twice"},
		{"mark=shift+k", `no key "shift+k"`},
		{`mark="`, "expected ACTION=KEYS"},
	} {
		var told strings.Builder
		if code := run(t.Context(), []string{"--keys", tt.keys}, &told, &told); code != exitUsage || !strings.Contains(told.String(), tt.want) {
			t.Errorf("--keys %q: status %d, %s", tt.keys, code, told.String())
		}
		if tt.keys == "" {
			continue // as a variable that is not set
		}
		t.Run(tt.keys, func(t *testing.T) {
			t.Setenv("WHYDROP_KEYS", tt.keys)
			_, err := applySettings(rootCommand())
			var usage usageError
			if !errors.As(err, &usage) || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), "WHYDROP_KEYS: ") {
				t.Errorf("WHYDROP_KEYS=%s gives %v", tt.keys, err)
			}
		})
	}
}
