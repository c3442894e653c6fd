package bpf

import (
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/cilium/ebpf"
)

// compiler is what the programs' generate.go name: another version generates
// other code.
const compiler = "clang-14"

// TestGenerated compiles the programs anew and compares them with the objects that
// are in the repository.
func TestGenerated(t *testing.T) {
	if testing.Short() {
		t.Skip("short")
	}
	if _, err := exec.LookPath(compiler); err != nil {
		t.Skipf("needs %s: another version generates other code", compiler)
	}
	for _, c := range []struct {
		dir, source string
		programs    int
	}{
		{"../drops", "drops.bpf.c", 3},
		{"../routes/fib", "fib.bpf.c", 2},
	} {
		t.Run(c.source, func(t *testing.T) {
			// Read for the test cache, which can't see what the compiler reads.
			for _, file := range []string{"kernel.h", filepath.Join(c.dir, c.source)} {
				if _, err := os.ReadFile(file); err != nil {
					t.Fatal(err)
				}
			}
			for target, object := range map[string]string{"bpfel": "kernel_bpfel.o", "bpfeb": "kernel_bpfeb.o"} {
				want := compile(t, filepath.Join(c.dir, c.source), target)
				have := specOf(t, filepath.Join(c.dir, object))
				if len(want.Programs) != c.programs || len(have.Programs) != c.programs {
					t.Errorf("%s: %d programs, the source gives %d, expected %d", object, len(have.Programs), len(want.Programs), c.programs)
				}
				for _, what := range differences(want, have) {
					t.Errorf("%s: %s is not what the source gives; run go generate in %s", object, what, c.dir)
				}
			}
		})
	}
}

func compile(t *testing.T, source, target string) *ebpf.CollectionSpec {
	t.Helper()
	fresh := filepath.Join(t.TempDir(), "fresh.o")
	cmd := exec.Command(compiler, "-O2", "-g", "-mcpu=v1", "-Wall", "-Werror", "-target", target, "-c", source, "-o", fresh)
	out, err := cmd.CombinedOutput()
	if strings.Contains(string(out), "file not found") {
		t.Skipf("needs the headers of libbpf: %s", out)
	}
	if err != nil {
		t.Fatalf("%v: %v\n%s", cmd, err, out)
	}
	return specOf(t, fresh)
}

// differences names the programs and maps that are not the same.
func differences(want, have *ebpf.CollectionSpec) []string {
	var all []string
	for name, w := range want.Programs {
		if h := have.Programs[name]; h == nil || h.Instructions.String() != w.Instructions.String() {
			all = append(all, "program "+name)
		}
	}
	for name, w := range want.Maps {
		if h := have.Maps[name]; h == nil || h.Type != w.Type || h.ValueSize != w.ValueSize || h.Flags != w.Flags || !reflect.DeepEqual(h.Contents, w.Contents) {
			all = append(all, "map "+name)
		}
	}
	return all
}

// TestDifferences: objects of other programs are told apart.
func TestDifferences(t *testing.T) {
	drops, fib := specOf(t, "../drops/kernel_bpfel.o"), specOf(t, "../routes/fib/kernel_bpfel.o")
	if got := differences(fib, drops); len(got) < len(fib.Programs) {
		t.Errorf("differences are %v", got)
	}
	if got := differences(drops, drops); len(got) != 0 {
		t.Errorf("one object differs from itself in %v", got)
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
