package main

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// A configuration that is no configuration gives an error, at once.
func TestConfigThatIsNone(t *testing.T) {
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	for _, tt := range []struct{ path, want string }{
		{dir, "directory"},
		{filepath.Join(dir, "nowhere"), "no such file"},
		{file("long", strings.Repeat("# \n", configLimit)), "larger than"},
		{file("list", "- theme"), "expected settings"},
		{file("odd", "colors: 16"), `no setting "colors"`},
		{file("deep", "keys: "+strings.Repeat("[", 20_000)), "depth"},
	} {
		if _, err := readConfig(tt.path); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s gives %v, want %q in it", filepath.Base(tt.path), err, tt.want)
		}
	}
	pipe := filepath.Join(dir, "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Skipf("no named pipe: %v", err)
	}
	if values, err := readConfig(pipe); err != nil || len(values) > 0 {
		t.Errorf("a pipe that nobody writes to gives %v, %v", values, err)
	}
}

// A key may be a comma or a quote.
func TestConfigQuotesKeys(t *testing.T) {
	path := filepath.Join(t.TempDir(), "config.yaml")
	if err := os.WriteFile(path, []byte("keys:\n  search: \", F\"\n  mark: '\"'\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	root := rootCommand()
	if err := root.ParseFlags([]string{"--config", path}); err != nil {
		t.Fatal(err)
	}
	if _, err := applySettings(root); err != nil {
		t.Fatal(err)
	}
	keys, err := root.Flags().GetStringToString("keys")
	if err != nil || keys["search"] != ", F" || keys["mark"] != `"` {
		t.Errorf("keys are %q, %v", keys, err)
	}
}
