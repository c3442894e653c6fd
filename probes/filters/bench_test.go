package filters

import (
	"context"
	"encoding/binary"
	"fmt"
	"testing"
	"time"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"

	"whydrop/probes/fact"
	"whydrop/probes/links/dump"
)

// manyRules makes a table whose base chain has n rules that drop by source
// address and count.
func manyRules(t testing.TB, n int) {
	t.Helper()
	conn, err := nftables.New()
	if err != nil {
		t.Skip("no nf_tables here: ", err)
	}
	table := conn.AddTable(&nftables.Table{Family: nftables.TableFamilyINet, Name: "many"})
	chain := conn.AddChain(&nftables.Chain{
		Name: "in", Table: table, Type: nftables.ChainTypeFilter,
		Hooknum: nftables.ChainHookInput, Priority: nftables.ChainPriorityFilter,
	})
	for i := range n {
		conn.AddRule(&nftables.Rule{Table: table, Chain: chain, Exprs: []expr.Any{
			&expr.Meta{Key: expr.MetaKeyNFPROTO, Register: 1},
			&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: []byte{2}},
			&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseNetworkHeader, Offset: 12, Len: 4},
			&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: binary.BigEndian.AppendUint32(nil, 0x0a000000+uint32(i))},
			&expr.Counter{},
			&expr.Verdict{Kind: expr.VerdictDrop},
		}})
		if i%100 == 99 || i == n-1 {
			if err := conn.Flush(); err != nil {
				t.Skip("nf_tables rules cannot be made here: ", err)
			}
		}
	}
}

// The benchmarks read 20,000 rules: for the first time, again when nothing was
// changed, and the bare dump, which is the kernel's part of it.

func BenchmarkRulesFirst(b *testing.B) {
	inNamespace(b)
	manyRules(b, 20000)
	b.ReportAllocs()
	for b.Loop() {
		lookAtMany(b, New())
	}
}

func BenchmarkRulesAgain(b *testing.B) {
	inNamespace(b)
	manyRules(b, 20000)
	s := New()
	lookAtMany(b, s)
	b.ReportAllocs()
	for b.Loop() {
		lookAtMany(b, s)
	}
}

func BenchmarkRulesKernel(b *testing.B) {
	inNamespace(b)
	manyRules(b, 20000)
	conn, err := dump.Dial(unix.NETLINK_NETFILTER, lookLimit)
	if err != nil {
		b.Fatal(err)
	}
	defer conn.Close()
	b.ReportAllocs()
	for b.Loop() {
		n := 0
		if err := (nft{conn}).request(unix.NFT_MSG_GETRULE, 0, nil, func(string, []byte) { n++ }); err != nil {
			b.Fatal(err)
		}
		if n != 20000 {
			b.Fatalf("%d rules", n)
		}
	}
}

func lookAtMany(b *testing.B, s *Source) {
	b.Helper()
	s.programsNext = time.Now().Add(time.Hour)
	r, err := s.Look(context.Background())
	if err != nil {
		b.Fatal(err)
	}
	if n := len(r.(*Reading).Packets); n != 20000 {
		b.Fatalf("%d rules", n)
	}
}

// BenchmarkRuleFacts tells what 20,000 rules did in a window of 15 looks.
func BenchmarkRuleFacts(b *testing.B) {
	fw := &Firewall{Total: 20000}
	for i := range 20000 {
		fw.Rules = append(fw.Rules, Rule{Name: fmt.Sprint("inet many in handle ", i), Text: "drop", Verdict: verdictDrop, TCP: true, Counted: true})
	}
	var readings []fact.Reading
	for look := range 15 {
		packets := make([]uint64, len(fw.Rules))
		packets[7] = uint64(look)
		readings = append(readings, fact.Reading{Data: &Reading{Firewall: fw, Packets: packets}})
	}
	b.ReportAllocs()
	for b.Loop() {
		f := fact.New(time.Unix(0, 0), 15)
		New().Facts(readings, f)
		if len(f.Tables["rule"]) != 1 {
			b.Fatal(f.Tables["rule"])
		}
	}
}
