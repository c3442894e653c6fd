package fib

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cilium/ebpf"
)

// compiler is what generate.go names: another version generates other code.
const compiler = "clang-14"

// TestGenerated compiles the programs anew and compares them with the objects that
// are in the repository.
func TestGenerated(t *testing.T) {
	if _, err := exec.LookPath(compiler); err != nil {
		t.Skipf("needs %s: another version generates other code", compiler)
	}
	for _, source := range []string{"fib.bpf.c", "kernel.h"} {
		// Read for the test cache, which can't see what the compiler reads.
		if _, err := os.ReadFile(source); err != nil {
			t.Fatal(err)
		}
	}
	for target, name := range map[string]string{"bpfel": "kernel_bpfel.o", "bpfeb": "kernel_bpfeb.o"} {
		fresh := filepath.Join(t.TempDir(), name)
		cmd := exec.Command(compiler, "-O2", "-g", "-mcpu=v1", "-Wall", "-Werror", "-target", target, "-c", "fib.bpf.c", "-o", fresh)
		out, err := cmd.CombinedOutput()
		if strings.Contains(string(out), "file not found") {
			t.Skipf("needs the headers of libbpf: %s", out)
		}
		if err != nil {
			t.Fatalf("%v: %v\n%s", cmd, err, out)
		}
		want, have := specOf(t, fresh), specOf(t, name)
		if len(want.Programs) != 2 || len(have.Programs) != len(want.Programs) {
			t.Errorf("%s: %d programs, expected %d", name, len(have.Programs), len(want.Programs))
		}
		for program, p := range want.Programs {
			if got := have.Programs[program]; got == nil || got.Instructions.String() != p.Instructions.String() {
				t.Errorf("%s: program %s is not what the source gives; run go generate ./probes/routes/fib", name, program)
			}
		}
	}
}

func specOf(t *testing.T, file string) *ebpf.CollectionSpec {
	t.Helper()
	spec, err := ebpf.LoadCollectionSpec(file)
	if err != nil {
		t.Fatal(err)
	}
	return spec
}

// TestRefused decodes what the programs write.
func TestRefused(t *testing.T) {
	v4 := kernelRefused{Addr: [16]uint8{192, 0, 2, 7}, Port: 443, Family: 4, Error: -22}
	v6 := kernelRefused{Addr: [16]uint8{0: 0x20, 1: 1, 15: 7}, Port: 443, Family: 6, Error: -113}
	for _, c := range []struct {
		key  kernelRefused
		want string
	}{{v4, "192.0.2.7:443 invalid argument"}, {v6, "[2001::7]:443 no route to host"}, {kernelRefused{}, ""}} {
		r, ok := c.key.refused(3)
		if got := r.To.String() + " " + r.Errno.Error(); ok != (c.want != "") || ok && (got != c.want || r.Count != 3) {
			t.Errorf("%+v: %s, %v", c.key, got, ok)
		}
	}
}
