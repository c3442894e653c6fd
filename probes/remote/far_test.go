package remote

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// without lets the far side have all the tools that the script uses but for some, and
// others as scripts.
func without(t *testing.T, missing []string, own map[string]string) {
	t.Helper()
	bin := filepath.SplitList(os.Getenv("PATH"))[0] // with ssh alone
	for _, tool := range []string{"sh", "uname", "true", "gzip", "sha256sum", "head", "tail", "df", "wc", "mktemp", "chmod", "rm", "timeout", "cat", "mount", "unshare"} {
		if slices.Contains(missing, tool) || own[tool] != "" {
			continue
		}
		path, err := exec.LookPath(tool)
		if err != nil {
			t.Skipf("%s is not installed", tool)
		}
		if err := os.Symlink(path, filepath.Join(bin, tool)); err != nil {
			t.Fatal(err)
		}
	}
	for tool, text := range own {
		if err := os.WriteFile(filepath.Join(bin, tool), []byte("#!/bin/sh\n"+text+"\n"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", bin)
}

// A far side that lacks a tool is served nevertheless, and one that cannot be is told so.
func TestFarSides(t *testing.T) {
	for name, tt := range map[string]struct {
		missing []string
		own     map[string]string
		sudo    bool
		want    string // part of the error; "" for none
	}{
		"no gzip":             {missing: []string{"gzip"}},
		"no sha256sum":        {missing: []string{"sha256sum"}},
		"neither":             {missing: []string{"gzip", "sha256sum"}},
		"no df":               {missing: []string{"df"}},
		"no timeout":          {missing: []string{"timeout"}},
		"another machine":     {own: map[string]string{"uname": `[ "$1" = -s ] && echo Linux || echo s390x`}, want: "GOARCH=s390x"},
		"another system":      {own: map[string]string{"uname": "echo FreeBSD"}, want: "needs Linux"},
		"full disk":           {own: map[string]string{"df": "echo x; echo dev 100 100 12 100% /tmp"}, want: "no room"},
		"no directory":        {own: map[string]string{"mktemp": "exit 1"}, want: "no program may be started"},
		"breaks the program":  {own: map[string]string{"gzip": "cat >/dev/null; echo not a program"}, want: "did not arrive there as it was sent"},
		"without hash":        {missing: []string{"sha256sum"}, own: map[string]string{"gzip": "cat >/dev/null"}, want: "did not arrive there as it was sent"},
		"sudo":                {own: map[string]string{"sudo": `[ "$1" = -n ] && shift; exec 4<&-; exec "$@"`}, sudo: true},
		"sudo with password":  {own: map[string]string{"sudo": "echo sudo: a password is required >&2; exit 1"}, sudo: true, want: "NOPASSWD"},
		"no sudo":             {sudo: true, want: "NOPASSWD"},
		"lies about its hash": {own: map[string]string{"gzip": `cat >/dev/null; echo "echo whydrop-remote stream 1"`, "sha256sum": `echo "$LIE  x"`}, want: "not what a whydrop sends"},
	} {
		t.Run(name, func(t *testing.T) {
			o, dir, log := there(t, "shell")
			p, err := load("")
			if err != nil {
				t.Fatal(err)
			}
			t.Setenv("LIE", p.sum)
			without(t, tt.missing, tt.own)
			o.Sudo = tt.sudo
			h, err := Dial(t.Context(), o)
			switch {
			case tt.want == "" && err != nil:
				t.Fatalf("%v: %s", err, log())
			case tt.want != "" && err == nil:
				h.Close()
				t.Fatal("no error")
			case tt.want != "" && !strings.Contains(err.Error(), tt.want):
				t.Errorf("error %q: expected %q in it", err, tt.want)
			case err == nil:
				if _, err := h.Observe(t.Context(), Request{Observe: time.Second}); err != nil {
					t.Error(err)
				}
			}
			if names := left(t, dir); len(names) > 0 {
				t.Errorf("left on the far disk: %v", names)
			}
		})
	}
}

// Where nothing may be started from the first directory, the next is taken.
func TestNoExec(t *testing.T) {
	if err := exec.Command("unshare", "-m", "sh", "-c", "mount -t tmpfs -o noexec none /mnt").Run(); err != nil {
		t.Skipf("no file system can be mounted here: %v", err)
	}
	o, dir, log := there(t, "noexec")
	dialled(t, o).Close()
	if text := log(); !strings.Contains(text, "brought=true") || strings.Contains(text, "whydrop "+dir) {
		t.Errorf("started from %s: %s", dir, text)
	}
}

// Login shells of all kinds understand the command.
func TestLoginShells(t *testing.T) {
	for _, shell := range []string{"sh", "bash", "dash", "zsh", "fish", "tcsh", "csh", "ksh", "mksh"} {
		path, err := exec.LookPath(shell)
		if err != nil {
			t.Logf("%s is not installed", shell)
			continue
		}
		t.Run(shell, func(t *testing.T) {
			o, _, _ := there(t, "shell")
			t.Setenv("FAKE_SHELL", path)
			dialled(t, o).Close()
		})
	}
}
