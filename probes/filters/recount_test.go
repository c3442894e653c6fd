package filters

import (
	"context"
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// packetsByRule looks and returns what each rule has counted.
func packetsByRule(t *testing.T, s *Source) map[string]uint64 {
	t.Helper()
	d, err := s.Look(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	r := d.(*Reading)
	out := map[string]uint64{}
	for i := range r.Firewall.Rules {
		out[r.Firewall.Rules[i].Name] = r.Packets[i]
	}
	return out
}

// Counters that are read again, without the rules, are those of the rules; and
// rules that have changed are decoded anew. With many chains they are read in
// one dump, with few chain by chain.
func TestLabRecount(t *testing.T) {
	for _, chains := range []int{2, maxChainDumps + 8} {
		t.Run(fmt.Sprint(chains, " chains"), func(t *testing.T) { recounts(t, chains) })
	}
}

func recounts(t *testing.T, chains int) {
	inNamespace(t)
	conn, err := nftables.New()
	if err != nil {
		t.Skip("no nf_tables here: ", err)
	}
	table := conn.AddTable(&nftables.Table{Family: nftables.TableFamilyINet, Name: "lab"})
	conn.AddObj(&nftables.CounterObj{Table: table, Name: "hits"})
	base := conn.AddChain(&nftables.Chain{
		Name: "in", Table: table, Type: nftables.ChainTypeFilter,
		Hooknum: nftables.ChainHookInput, Priority: nftables.ChainPriorityFilter,
	})
	add := func(chain *nftables.Chain, exprs ...expr.Any) {
		conn.AddRule(&nftables.Rule{Table: table, Chain: chain, Exprs: exprs})
	}
	for i := range chains {
		c := conn.AddChain(&nftables.Chain{Name: fmt.Sprint("port", i), Table: table})
		add(base, portRule(uint16(8000+i), &expr.Verdict{Kind: expr.VerdictJump, Chain: c.Name})...)
		add(c, &expr.Counter{}, &expr.Verdict{Kind: expr.VerdictDrop})
	}
	add(base, portRule(9000, &expr.Objref{Type: objectCounter, Name: "hits"}, &expr.Verdict{Kind: expr.VerdictDrop})...)
	if err := conn.Flush(); err != nil {
		t.Skip("nf_tables rules cannot be made here: ", err)
	}
	s := New()
	before := packetsByRule(t, s)
	known := s.last
	for port := 8000; port < 8000+chains; port++ {
		for range port - 7999 {
			knockHere(t, port)
		}
	}
	knockHere(t, 9000)
	after := packetsByRule(t, s)
	if s.last != known {
		t.Error("rules that did not change were decoded again")
	}
	if fresh := packetsByRule(t, New()); !maps.Equal(after, fresh) {
		t.Errorf("counters alone:\n%v\nwith the rules:\n%v", after, fresh)
	}
	if maps.Equal(before, after) {
		t.Error("nothing was counted")
	}
	add(base, portRule(9001, &expr.Counter{}, &expr.Verdict{Kind: expr.VerdictDrop})...)
	if err := conn.Flush(); err != nil {
		t.Fatal(err)
	}
	if more := packetsByRule(t, s); len(more) != len(after)+1 {
		t.Errorf("%d rules after one was added to %d", len(more), len(after))
	}
}

// A table of xtables whose counters alone have moved is not decoded again, and
// tells what a new look at it tells.
func TestXTRecount(t *testing.T) {
	fam := &xtFamilies[0]
	s := &Source{}
	info, raw := inputTable(fam)
	first, err := s.xtDecode(fam, "filter", info, slices.Clone(raw))
	if err != nil {
		t.Fatal(err)
	}
	if want := []uint64{5, 3, 9, 7}; !slices.Equal(first.packets, want) {
		t.Fatalf("packets %v, want %v", first.packets, want)
	}
	moved := slices.Clone(raw)
	second := xtEntry(fam, 100, nil, standard(-2), xtPart("conntrack", 3, make([]byte, 160))) // as long as the first
	binary.NativeEndian.PutUint64(moved[len(second)+fam.counters:], 50)
	again, err := s.xtDecode(fam, "filter", info, moved)
	if err != nil {
		t.Fatal(err)
	}
	if again != first {
		t.Error("a table that did not change was decoded again")
	}
	if want := []uint64{50, 3, 9, 7}; !slices.Equal(again.packets, want) {
		t.Errorf("packets %v, want %v", again.packets, want)
	}
	changed := slices.Clone(raw)
	changed[len(second)+fam.proto] = unix.IPPROTO_UDP
	if other, err := s.xtDecode(fam, "filter", info, changed); err != nil || other == first {
		t.Errorf("a table that changed was not decoded: %v", err)
	}
	if _, err := s.xtDecode(fam, "filter", info, raw[:len(raw)-1]); err == nil {
		t.Error("a table that is cut off was read")
	}
}

func FuzzParseCounted(f *testing.F) {
	f.Add(ruleOf(f, &expr.Counter{Packets: 7}, &expr.Verdict{Kind: expr.VerdictDrop}))
	f.Add(marshal(f, netlink.Attribute{Type: unix.NFTA_GEN_ID, Data: []byte{0, 0, 0, 1}}))
	f.Fuzz(func(t *testing.T, b []byte) {
		if c := parseCounted(b); !c.found && c.packets != 0 {
			t.Errorf("packets without a counter: %+v", c)
		}
		parseGeneration(b)
	})
}

func TestParseCounted(t *testing.T) {
	c := parseCounted(ruleOf(t, &expr.Counter{Packets: 3}, &expr.Counter{Packets: 7, Bytes: 900}, &expr.Verdict{Kind: expr.VerdictDrop}))
	if string(c.table) != "t" || string(c.chain) != "input" || c.handle != 7 || c.packets != 7 || !c.found {
		t.Errorf("%+v", c)
	}
	if c := parseCounted(ruleOf(t, &expr.Verdict{Kind: expr.VerdictDrop})); c.found {
		t.Errorf("a counter was found where there is none: %+v", c)
	}
}
