package checklist

import (
	"slices"
	"strings"
	"testing"

	"whydrop/probes/fact"
)

func TestListPutsTheGravestFirst(t *testing.T) {
	c := newCase(t, "")
	f := facts(nil)
	f.Add("flow", fact.Row{"name": "quick", "trouble": ""})
	f.Add("flow", fact.Row{"name": "lossy", "retrans": 3.0, "segs_out": 90.0})
	f.Add("flow", fact.Row{"name": "stuck", "stalled": true, "since_ack_ms": 1500.0, "backoff": 3.0, "retrans": 2.0})
	f.Add("flow", fact.Row{"name": "lossy", "retrans": 1.0, "segs_out": 10.0})
	f.Add("flow", fact.Row{})
	c.Facts = f
	d := c.Diagnose()
	rows, looked := d.List(c.Book.List("flow"))
	if !looked {
		t.Fatal("nobody looked")
	}
	var got []string
	for i := range rows {
		got = append(got, rows[i].Name+": "+rows[i].Trouble())
	}
	want := "stuck: no ACK in 1.5 s, backoff 3|lossy: sent again: 3 of 90|lossy (2): sent again: 1 of 10|quick: |: "
	if s := strings.Join(got, "|"); s != want {
		t.Errorf("the list is\n%s\nwant\n%s", s, want)
	}
	if _, looked := d.List(c.Book.List("peer")); looked {
		t.Error("a table that nobody read was looked at")
	}
	if text, complete := rows[0].Copy(c.Book.List("flow").Copies[0]); complete {
		t.Errorf("an address that is not known is copied as %q", text)
	}
}

// A row is told the causes that speak of it, not those that speak of another.
func TestCausesSpeakOfARow(t *testing.T) {
	c := newCase(t, "")
	f := facts(map[string]float64{"TcpExt.ListenOverflows": 40, "TcpExt.ListenDrops": 40})
	f.Add("listener", fact.Row{"name": "full", "process": "a", "queue": 9.0, "queue_peak": 9.0, "limit": 8.0})
	f.Add("listener", fact.Row{"name": "idle", "process": "b", "queue": 0.0, "queue_peak": 1.0, "limit": 8.0})
	c.Facts = f
	d := c.Diagnose()
	rows, _ := d.List(c.Book.List("listener"))
	charges := d.SpeakOf(&rows[0])
	if len(charges) == 0 || charges[0].Finding.Cause.ID != "listen.accept-queue-full" || !strings.Contains(charges[0].Says, "full (a) held 9") {
		t.Errorf("of the full one speak %+v", charges)
	}
	if charges := d.SpeakOf(&rows[1]); len(charges) != 0 {
		t.Errorf("of the idle one speak %+v", charges)
	}
	if used := d.Used(Named); !used["listener"] || !used["TcpExt.ListenOverflows"] || used["flow"] {
		t.Errorf("the named cause stands on %v", used)
	}
	readers := Readers(c.Book)
	for _, name := range []string{"TcpExt.ListenOverflows", "listener", "listener.queue_peak"} {
		if !slices.Contains(readers[name], c.Book.Cause("listen.accept-queue-full")) {
			t.Errorf("%s is used for %d causes, and not for a full accept queue", name, len(readers[name]))
		}
	}
}

func TestUnseenSaysWhy(t *testing.T) {
	c := newCase(t, "")
	f := facts(map[string]float64{"TcpExt.ListenOverflows": 1})
	f.Probes = []fact.Status{{Name: "sockets", Status: "ok"}, {Name: "history", Status: "skipped", Why: "no sar"}, {Name: "log", Status: "failed"}}
	f.CannotSee("filters", "firewall rules", "CAP_NET_ADMIN")
	f.CannotSee("filters", "BPF programs", "")
	c.Facts = f
	d := c.Diagnose()
	for probe, want := range map[string]string{
		"sockets": "", "history": "skipped: no sar", "log": "failed", "nobody": "",
		"filters": "cannot see firewall rules: needs CAP_NET_ADMIN; cannot see BPF programs",
	} {
		if got := d.Unseen(probe); got != want {
			t.Errorf("%s: %q, want %q", probe, got, want)
		}
	}
	v, known := d.Value("TcpExt.ListenOverflows")
	if !known || v.Now != 1.0 || v.Total == nil || *v.Total != 1001 {
		t.Errorf("the counter is %+v", v)
	}
	if _, known := d.Value("Tcp.InSegs"); known {
		t.Error("a counter that nobody read is known")
	}
	c.Facts = nil
	if _, known := c.Diagnose().Value("Tcp.InSegs"); known {
		t.Error("a counter is known before anything is measured")
	}
}
