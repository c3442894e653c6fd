package drops

import (
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/cilium/ebpf"
)

// compiler is what generate.go names: another version generates other code.
const compiler = "clang-14"

// TestGenerated compiles the program anew and compares it with the objects that
// are in the repository.
func TestGenerated(t *testing.T) {
	if testing.Short() {
		t.Skip("short")
	}
	for _, tool := range []string{compiler, "llvm-strip-14"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("needs %s: another version generates other code", tool)
		}
	}
	for _, source := range []string{"drops.bpf.c", "kernel.h"} {
		// Read for the test cache, which can't see what the compiler reads.
		if _, err := os.ReadFile(source); err != nil {
			t.Fatal(err)
		}
	}
	dir := t.TempDir()
	for target, name := range map[string]string{"bpfel": "kernel_bpfel.o", "bpfeb": "kernel_bpfeb.o"} {
		fresh := filepath.Join(dir, name)
		cmd := exec.Command(compiler, "-O2", "-g", "-mcpu=v1", "-Wall", "-Werror", "-target", target, "-c", "drops.bpf.c", "-o", fresh)
		out, err := cmd.CombinedOutput()
		if strings.Contains(string(out), "file not found") {
			t.Skipf("needs the headers of libbpf: %s", out)
		}
		if err != nil {
			t.Fatalf("%v: %v\n%s", cmd, err, out)
		}
		compare(t, name, specOf(t, fresh), specOf(t, name))
	}
}

func compare(t *testing.T, name string, want, have *ebpf.CollectionSpec) {
	t.Helper()
	if len(want.Programs) != len(have.Programs) || len(want.Programs) != 3 {
		t.Errorf("%s: %d programs, expected %d", name, len(have.Programs), len(want.Programs))
	}
	for program, p := range want.Programs {
		if got := have.Programs[program]; got == nil || text(got) != text(p) {
			t.Errorf("%s: program %s is not what the source gives; run go generate ./probes/drops", name, program)
		}
	}
	for m, w := range want.Maps {
		if h := have.Maps[m]; h == nil || h.Type != w.Type || h.ValueSize != w.ValueSize || h.Flags != w.Flags || !reflect.DeepEqual(h.Contents, w.Contents) {
			t.Errorf("%s: map %s is not what the source gives; run go generate ./probes/drops", name, m)
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

// text is the instructions with what they refer to.
func text(p *ebpf.ProgramSpec) string {
	return p.Instructions.String()
}
