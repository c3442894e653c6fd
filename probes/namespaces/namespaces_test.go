package namespaces

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"whydrop/probes/fact"
	"whydrop/probes/fact/facttest"
)

// proc makes a /proc of processes and the namespaces they are in.
type proc struct {
	t   *testing.T
	dir string
}

func newProc(t *testing.T) *proc {
	p := &proc{t, t.TempDir()}
	p.link("thread-self", "net:[1]")
	return p
}

func (p *proc) link(of, ns string) {
	dir := filepath.Join(p.dir, of, "ns")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		p.t.Fatal(err)
	}
	if err := os.Symlink(ns, filepath.Join(dir, "net")); err != nil && !errors.Is(err, os.ErrExist) {
		p.t.Fatal(err)
	}
}

func (p *proc) process(pid int, comm, ns string, retrans, overflows int) {
	p.t.Helper()
	of := fmt.Sprint(pid)
	p.link(of, ns)
	for name, text := range map[string]string{
		"comm":        comm + "\n",
		"net/snmp":    fmt.Sprintf("Tcp: OutSegs RetransSegs\nTcp: 100 %d\n", retrans),
		"net/netstat": fmt.Sprintf("TcpExt: ListenOverflows TCPSynRetrans\nTcpExt: %d 0\n", overflows),
	} {
		name = filepath.Join(p.dir, of, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			p.t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			p.t.Fatal(err)
		}
	}
}

func look(t *testing.T, s *Source) fact.Reading {
	t.Helper()
	r, err := s.Look(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return fact.Reading{At: time.Now(), Data: r}
}

// Only namespaces other than the own one count, each once, and only by what
// moved.
func TestFacts(t *testing.T) {
	p := newProc(t)
	p.process(10, "self", "net:[1]", 5, 5)
	p.process(11, "quiet", "net:[2]", 7, 7)
	p.process(12, "orders", "net:[3]", 1, 0)
	p.process(13, "orders-worker", "net:[3]", 1, 0)
	s := &Source{proc: p.dir}
	before := look(t, s)
	p.process(10, "self", "net:[1]", 50, 50)
	p.process(12, "orders", "net:[3]", 4, 9)
	p.process(14, "new", "net:[4]", 3, 3)
	f := fact.New(before.At, 1)
	s.Facts([]fact.Reading{before, look(t, s)}, f)
	facttest.InVocabulary(t, "../../content/facts/namespaces.yaml", f)
	rows := f.Tables["namespace"]
	if len(rows) != 1 {
		t.Fatalf("rows: %v", rows)
	}
	row := rows[0]
	for name, want := range map[string]any{
		"process": "orders", "pid": 12.0, "retrans": 3.0, "retrans_total": 4.0, "listen_overflows": 9.0, "out_segs": 0.0,
	} {
		if row[name] != want {
			t.Errorf("%s = %v, want %v", name, row[name], want)
		}
	}
	if _, known := row["backlog_drops"]; known {
		t.Error("a counter that the kernel lacks became zero")
	}
	if n, _ := f.Num("namespaces.others"); n != 3 {
		t.Errorf("%v other namespaces", n)
	}
}

// One reading has no growth: what went wrong stays unknown.
func TestOneReading(t *testing.T) {
	p := newProc(t)
	p.process(12, "orders", "net:[3]", 4, 9)
	s := &Source{proc: p.dir}
	f := fact.New(time.Now(), 1)
	s.Facts([]fact.Reading{look(t, s)}, f)
	if _, looked := f.Tables["namespace"]; looked {
		t.Error("a single look told what moved")
	}
}

// A process that ends while it is read, or whose files make no sense, is left
// out.
func TestBrokenProcess(t *testing.T) {
	p := newProc(t)
	p.link("20", "net:[5]")
	p.process(21, "odd", "net:[6]", 1, 1)
	if err := os.WriteFile(filepath.Join(p.dir, "21/net/netstat"), []byte("TcpExt: A B\nTcpExt: 1\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	r := look(t, &Source{proc: p.dir}).Data.(*Reading)
	if len(r.Namespaces) != 0 {
		t.Errorf("namespaces %v", r.Namespaces)
	}
}

// A host's own namespaces can be read: every one that is found has counters.
func TestHost(t *testing.T) {
	r, err := New().Look(context.Background())
	if err != nil {
		t.Skip(err)
	}
	for id, n := range r.(*Reading).Namespaces {
		if n.PID == 0 || len(n.Counts) == 0 {
			t.Errorf("%s: %+v", id, n)
		}
	}
}

func BenchmarkLook(b *testing.B) {
	s := New()
	for b.Loop() {
		if _, err := s.Look(context.Background()); err != nil {
			b.Skip(err)
		}
	}
}
