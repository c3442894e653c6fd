//go:build linux

package lab

import (
	"context"
	"slices"
	"testing"

	"golang.org/x/sys/unix"
)

// TestPlaying finds the programs of a bench, and misses one that is stopped.
func TestPlaying(t *testing.T) {
	if err := Supported(); err != nil {
		t.Skip(err)
	}
	t.Setenv(envGuarded, "")
	if pids := Playing(); len(pids) > 0 {
		t.Fatalf("on no bench %v play", pids)
	}
	s, _ := Find("port-closed")
	b, err := Start(context.Background(), s)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	t.Setenv(envGuarded, b.mark)
	all := Playing()
	if len(all) < 2 {
		t.Fatalf("only %v play", all)
	}
	if err := unix.Kill(all[0], unix.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	if left := Playing(); slices.Contains(left, all[0]) || len(left) != len(all)-1 {
		t.Errorf("%v is stopped; of %v still play %v", all[0], all, left)
	}
	if err := b.Close(); err != nil {
		t.Error(err)
	}
	if left := Playing(); len(left) > 0 {
		t.Errorf("of a bench that is gone %v play", left)
	}
}
