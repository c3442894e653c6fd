package checklist

import (
	"slices"
	"strings"
	"testing"

	"whydrop/content"
	"whydrop/probes/fact"
)

func TestWay(t *testing.T) {
	ten, seven := 10.0, 7.0
	hops := []HopView{
		{Hop: &content.Hop{ID: "app", Direction: "both"}},
		{Hop: &content.Hop{ID: "listen", Direction: "rx"}},
		{Hop: &content.Hop{ID: "path", Direction: "both"}},
	}
	way := Way(hops, []LedgerEntry{
		{Hop: "listen", Direction: "rx", Counter: "unread", Unknown: "needs CAP_NET_ADMIN"},
		{Hop: "listen", Direction: "rx", Counter: "still", Loss: true},
		{Hop: "listen", Direction: "rx", Counter: "past", Loss: true, Total: &ten},
		{Hop: "listen", Direction: "rx", Counter: "perhaps", Drops: 9},
		{Hop: "listen", Direction: "rx", Counter: "few", Loss: true, Drops: 1},
		{Hop: "listen", Direction: "rx", Counter: "many", Loss: true, Drops: 5, Total: &seven},
		{Hop: "app", Direction: "tx", Counter: "out", Loss: true, Drops: 3},
		{Hop: "elsewhere", Direction: "rx", Counter: "no such hop", Loss: true, Drops: 3},
	})
	var order []string
	for _, e := range way[1].Received.Places {
		order = append(order, e.Counter)
	}
	if want := []string{"many", "few", "perhaps", "past", "still", "unread"}; !slices.Equal(order, want) {
		t.Errorf("places are %v, want %v", order, want)
	}
	if l := way[1].Received; l.Lost != 6 || l.Maybe != 9 || l.Before != 12 || l.Unread != 1 {
		t.Errorf("received lane: %+v", l)
	}
	if way[1].Sent.Passes || !way[1].Received.Passes || !way[0].Sent.Passes {
		t.Error("lanes that packets don't pass, or the other way round")
	}
	if way[0].Outside || way[1].Outside || !way[2].Outside {
		t.Error("only what no place counts is outside")
	}
	if way[0].Sent.Lost != 3 || way[0].Received.Lost != 0 {
		t.Errorf("app: %+v", way[0])
	}
}

// A counter that is one scalar fact names it; one of a table's rows, or one that
// is worked out, does not.
func TestPlacesNameTheirFact(t *testing.T) {
	c := newCase(t, "")
	c.Facts = facts(map[string]float64{"TcpExt.ListenOverflows": 4, "TcpExt.ListenDrops": 4, "TcpExt.TCPReqQFullDrop": 0})
	c.Facts.Add("link", fact.Row{"name": "eth0", "rx_crc": 3.0, "rx_crc_total": 12.0})
	places := c.Places(c.Diagnose())
	if e := place(t, places, "TcpExt.ListenOverflows"); e.Fact != "TcpExt.ListenOverflows" {
		t.Errorf("overflows: %+v", e)
	}
	for _, e := range places {
		if e.Fact != "" && c.Book.Facts.Fact(e.Fact) == nil {
			t.Errorf("%s names the unknown fact %s", e.Counter, e.Fact)
		}
		if e.Fact != "" && (strings.Contains(e.Counter, "eth0") || strings.Contains(e.Counter, "less")) {
			t.Errorf("%+v names a fact", e)
		}
	}
}

func TestLacks(t *testing.T) {
	c := newCase(t, theory)
	c.Facts = facts(map[string]float64{"TcpExt.ListenOverflows": 4})
	c.Facts.Probes = []fact.Status{{Name: c.Book.Facts.Fact("memory.oom_kills").Probe, Status: "failed", Why: "it broke"}}
	d := c.Diagnose()
	lacks := c.Lacks(d, d.Finding("app.plain"))
	broke := slices.IndexFunc(lacks, func(l Lack) bool { return l.Why == "it broke" })
	if broke < 0 || len(lacks[broke].What) != 1 || !strings.HasPrefix(lacks[broke].What[0], "memory.oom_kills (") {
		t.Fatalf("lacks are %+v", lacks)
	}
	all := ""
	for _, l := range lacks {
		all += strings.Join(l.What, "\n") + "\n"
	}
	if strings.Count(all, "TcpExt.ListenDrops (") != 1 || !strings.Contains(all, "listener (") {
		t.Errorf("lacks are %q", all)
	}
	if got := c.Lacks(d, &Finding{Cause: &content.Cause{}}); len(got) != 0 {
		t.Errorf("nothing lacks: %v", got)
	}
}

func TestBalanceInWords(t *testing.T) {
	tests := []struct {
		balance Balance
		want    string
	}{
		{Balance{}, "could not be read"},
		{Balance{Known: true}, "no segment was sent again"},
		{Balance{Known: true, Retrans: 4, Unlocated: 3}, "segments sent again: 4 = 1 lost on this host"},
	}
	for _, tt := range tests {
		if got := tt.balance.Sentence(); !strings.Contains(got, tt.want) {
			t.Errorf("%+v is told as %q", tt.balance, got)
		}
	}
}
