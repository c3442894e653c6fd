package content

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
)

// A book is read from several goroutines: what is compiled when it is first needed is
// compiled once, and is the same for all.
func TestBookIsShared(t *testing.T) {
	book := mustLoad(t)
	env := NewEnv(map[string]any{"TcpExt.ListenOverflows": 3.0, "Tcp.InSegs": 100.0, "window.seconds": 5.0})
	read := func() string {
		var b strings.Builder
		for _, c := range book.Causes {
			for _, r := range slices.Concat(c.For, c.Against) {
				at := env
				if r.Each != "" {
					at = env.Row(r.Each, map[string]any{"name": "x"})
				}
				holds, known := r.When.Holds(at)
				says, _ := r.Says.Render(at)
				fmt.Fprintln(&b, c.ID, r.ID, r.When.Uses(), holds, known, says)
			}
		}
		for _, n := range book.NICs {
			s, known := book.Translate(n.Driver, "rx_queue_3_drops")
			fmt.Fprintln(&b, n.Driver, s.Meaning, known)
		}
		return b.String()
	}
	var all sync.WaitGroup
	got := make([]string, 4)
	for i := range got {
		all.Go(func() { got[i] = read() })
	}
	all.Wait()
	for _, g := range got[1:] {
		if g != got[0] {
			t.Error("two goroutines read two books")
		}
	}
	if !strings.Contains(got[0], "listen.accept-queue-full overflow") || strings.Contains(got[0], "[] false false") {
		t.Error("something was not compiled")
	}
}

// What is wrong with an expression is told where all is checked, and makes its value
// unknown where it is not.
func TestWrongExpression(t *testing.T) {
	in := scope{vocabulary: mustLoad(t).Facts, table: "listener"}
	for source, want := range map[string]string{
		"Tcp.Nothing > 0":    "unknown fact Nothing",
		"qdisc.drops > 0":    "unknown fact drops", // a field of another table
		"listener.queue > ":  "unexpected token",
		"listener.name > 1":  "invalid operation",
		"listener.queue + 1": "",
	} {
		e := &Expr{Source: source, scope: in}
		err := e.Check()
		if want == "" {
			if err != nil {
				t.Errorf("%s: %v", source, err)
			}
			continue
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", source, err, want)
		}
		if v, known := e.Eval(NewEnv(map[string]any{"qdisc.drops": 1.0})); known || e.Uses() != nil {
			t.Errorf("%s has the value %v", source, v)
		}
		text := &Text{Source: "{" + source + "}", scope: in}
		if s, _ := text.Render(NewEnv(nil)); s != text.Source {
			t.Errorf("a text that is wrong reads %q", s)
		}
	}
	if err := (&Expr{Source: "Tcp.InSegs"}).Check(); err == nil {
		t.Error("an expression that stands nowhere has a meaning")
	}
}
