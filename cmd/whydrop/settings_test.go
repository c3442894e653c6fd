package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/spf13/pflag"
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
	keys := *root.Flag("keys").Value.(*keyChanges)
	if keys["search"] != ", F" || keys["mark"] != `"` {
		t.Errorf("keys are %q", keys)
	}
}

// Every flag of the walkthrough and of all commands is a setting with a variable
// and a line in the file, or there is a reason why it can't be kept.
func TestEveryFlagIsASetting(t *testing.T) {
	notKept := map[string]string{
		"answers":       "they are of one incident",
		"at":            "a moment of one recording",
		"replay":        "kept, it would hide the host for good",
		"config":        "it says where the settings are",
		"demo":          "kept, it would hide the host for good",
		"host":          "kept, it would hide this machine for good",
		"ssh-option":    "ssh has a configuration of its own",
		"sudo":          "it goes with one host",
		"remote-binary": "it goes with one host",
		"help":          "an answer instead of the work",
		"version":       "an answer instead of the work",
	}
	example := map[string]string{
		"colour": "never", "content": t.TempDir(), "duration": "7s", "keys": "mark=K", "mouse": "true",
		"no-bpf": "true", "plain": "true", "redact": "true", "theme": "ascii",
	}
	root, n := whole(), 0
	root.InitDefaultHelpFlag()
	root.InitDefaultVersionFlag()
	root.LocalFlags().VisitAll(func(f *pflag.Flag) {
		n++
		if notKept[f.Name] == "" && !slices.Contains(settings, f.Name) {
			t.Errorf("--%s is no setting, and there is no reason", f.Name)
		}
	})
	if n != len(notKept)+len(settings) {
		t.Errorf("%d flags, but %d settings and %d reasons", n, len(settings), len(notKept))
	}
	for _, name := range settings {
		t.Run(name, func(t *testing.T) {
			if notKept[name] != "" || whole().Flag(name) == nil || example[name] == "" {
				t.Fatal("a setting without flag or example, or with a reason against it")
			}
			path := filepath.Join(t.TempDir(), "config.yaml")
			if err := os.WriteFile(path, []byte(name+": "+example[name]+"\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			for _, way := range []struct {
				args      []string
				env, from string
			}{
				{[]string{"--config", path, "--" + name + "=" + example[name]}, example[name], "--" + name},
				{[]string{"--config", path}, example[name], variable(name)},
				{[]string{"--config", path}, "", path + ":1"},
			} {
				t.Setenv(variable(name), way.env)
				root := rootCommand()
				if err := root.ParseFlags(way.args); err != nil {
					t.Fatal(err)
				}
				origins, err := applySettings(root)
				if err != nil {
					t.Fatal(err)
				}
				if !slices.Contains(origins, origin{name, example[name], way.from}) {
					t.Errorf("%v with %s=%q gives %v", way.args, variable(name), way.env, origins)
				}
			}
		})
	}
}

// A configuration that comes through a pipe is read once: there is nothing in it
// the second time.
func TestConfigFromAPipe(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if _, err := w.WriteString("theme: ascii\n"); err != nil {
		t.Fatal(err)
	}
	w.Close()
	var out strings.Builder
	code := run(t.Context(), []string{"config", "--config", fmt.Sprintf("/proc/self/fd/%d", r.Fd())}, &out, &out)
	if code != 0 || !regexp.MustCompile(`theme +ascii`).MatchString(out.String()) {
		t.Errorf("status %d: %s", code, out.String())
	}
}
