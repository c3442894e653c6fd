package content

import (
	"fmt"
	"maps"
	"math"
	"strings"
	"sync"

	"github.com/expr-lang/expr/vm"
)

// functions are the names that expressions can call besides expr's own.
var functions = map[string]bool{"rate": true, "share": true, "percent": true, "bytes": true, "ms": true}

// Env is what expressions are evaluated in: the facts of one observation, and a
// row of a table where a rule looks at each.
type Env struct {
	values map[string]any // flat: "TcpExt.ListenOverflows"
	table  string
	row    map[string]any
	extra  map[string]any

	outer *Env // for a row: the environment without it

	// What only programs need is made when the first one runs.
	once  sync.Once
	root  map[string]any // nested, as programs see it; nil for a row
	whole map[string]any // for a row: what its table's name stands for

	mu   sync.Mutex
	rows map[string]map[string]any // root with a row of a table in it, by table
}

// NewEnv makes an environment from flat fact names and their values (float64,
// string or bool). The values must not change any more.
func NewEnv(values map[string]any) *Env { return &Env{values: values} }

// nest makes the nested names of flat ones, and the functions.
func nest(values map[string]any) map[string]any {
	root := make(map[string]any, 64)
	for name, v := range values {
		put(root, name, v)
	}
	seconds, _ := values["window.seconds"].(float64)
	root["rate"] = func(x float64) float64 { return share(x, seconds) }
	root["share"] = share
	root["percent"] = percent
	root["bytes"] = bytesText
	root["ms"] = millis
	return root
}

func put(m map[string]any, name string, v any) {
	for {
		first, rest, more := strings.Cut(name, ".")
		if !more {
			m[name] = v
			return
		}
		next, ok := m[first].(map[string]any)
		if !ok {
			next = map[string]any{}
			m[first] = next
		}
		m, name = next, rest
	}
}

// Row returns the environment with a row of a table in it.
func (e *Env) Row(table string, row map[string]any) *Env {
	return &Env{values: e.values, table: table, row: row, extra: e.extra, outer: e}
}

// names returns the nested names.
func (e *Env) names() map[string]any {
	if e.outer != nil {
		return with(e.outer.names(), e.table, e.rowNames())
	}
	e.once.Do(func() {
		if e.root == nil {
			e.root = nest(e.values)
		}
	})
	return e.root
}

// rowNames returns what the name of a row's table stands for: its fields, and
// facts whose names begin like the table.
func (e *Env) rowNames() map[string]any {
	e.once.Do(func() {
		e.whole = e.row
		if scalars, ok := e.outer.names()[e.table].(map[string]any); ok {
			e.whole = maps.Clone(scalars)
			maps.Copy(e.whole, e.row)
		}
	})
	return e.whole
}

// run runs a program. The rows of a table share one set of names, in which they
// take turns: to copy it for each row would take longer than the programs.
func (e *Env) run(program *vm.Program) (any, error) {
	machine, _ := machines.Get().(*vm.VM)
	defer machines.Put(machine)
	if e.outer == nil {
		return machine.Run(program, e.names())
	}
	o := e.outer
	o.mu.Lock()
	defer o.mu.Unlock()
	root := o.rows[e.table]
	if root == nil {
		if o.rows == nil {
			o.rows = map[string]map[string]any{}
		}
		root = maps.Clone(o.names())
		o.rows[e.table] = root
	}
	root[e.table] = e.rowNames()
	return machine.Run(program, root)
}

// machines run programs, one after the other, without making garbage.
var machines = sync.Pool{New: func() any { return &vm.VM{} }}

// With returns the environment with one more name in it, such as the proposed
// value of a remedy.
func (e *Env) With(name string, v any) *Env {
	return &Env{
		values: e.values, table: e.table, row: e.row,
		extra: with(e.extra, name, v), root: with(e.names(), name, v),
	}
}

func with(m map[string]any, name string, v any) map[string]any {
	out := make(map[string]any, len(m)+1)
	for k, have := range m {
		out[k] = have
	}
	out[name] = v
	return out
}

func (e *Env) knows(name string) bool {
	_, ok := e.Value(name)
	return ok
}

// Value returns a fact, a field of the row ("listener.queue") or an extra name.
func (e *Env) Value(name string) (any, bool) {
	if n := len(e.table); n > 0 && len(name) > n && name[n] == '.' && name[:n] == e.table {
		if v, ok := e.row[name[n+1:]]; ok {
			return v, true
		}
	}
	if v, ok := e.extra[name]; ok {
		return v, true
	}
	v, ok := e.values[name]
	return v, ok
}

func share(a, b float64) float64 {
	if b == 0 {
		return 0
	}
	return a / b
}

func percent(x float64) string {
	switch x *= 100; {
	case x == 0 || x >= 10 || x == math.Trunc(x):
		return fmt.Sprintf("%.0f %%", x)
	case x >= 1:
		return fmt.Sprintf("%.1f %%", x)
	default:
		return fmt.Sprintf("%.2g %%", x)
	}
}

func bytesText(x float64) string {
	for _, unit := range []string{"B", "KiB", "MiB", "GiB"} {
		if math.Abs(x) < 1024 || unit == "GiB" {
			return Show(math.Round(x*10)/10) + " " + unit
		}
		x /= 1024
	}
	return ""
}

func millis(x float64) string {
	switch {
	case x > 0 && x < 0.05:
		return "<0.1 ms"
	case x >= 1000:
		return Show(math.Round(x/100)/10) + " s"
	}
	return Show(math.Round(x*10)/10) + " ms"
}
