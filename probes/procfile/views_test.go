package procfile

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func TestViews(t *testing.T) {
	proc := t.TempDir()
	for pid, stat := range map[string]string{
		"self": "70 (why) drop) R 60 70 70 0\n", "60": "60 (ip) S 50 1 1\n", "50": "50 (tmux: server) S 1 1 1\n",
	} {
		dir := filepath.Join(proc, pid)
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "stat"), []byte(stat), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want := []View{{60, filepath.Join(proc, "60/root")}, {50, filepath.Join(proc, "50/root")}, {1, filepath.Join(proc, "1/root")}}
	if got := Views(proc); !slices.Equal(got, want) {
		t.Errorf("Views = %v, want %v", got, want)
	}
	for _, stat := range []string{"", ")", "60 (x", "60 (x) S -4", "60 (x) S 0", "60 (x) S 60"} {
		if err := os.WriteFile(filepath.Join(proc, "60/stat"), []byte(stat), 0o644); err != nil {
			t.Fatal(err)
		}
		if got := Views(proc); len(got) > maxAncestors+1 || got[0] != want[0] {
			t.Errorf("stat %q: %v", stat, got)
		}
	}
}
