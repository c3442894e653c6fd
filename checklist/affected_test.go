package checklist

import (
	"strings"
	"testing"

	"whydrop/content"
	"whydrop/probes/fact"
)

// The commands of a plan name the connection that the evidence is about; where nobody
// knows it, they have something to fill in.
func TestAffectedEnd(t *testing.T) {
	f := &fact.Facts{Tables: map[string][]fact.Row{"flow": {
		{"name": "10.0.0.1:443 > 10.9.0.7:50000", "remote": "10.9.0.7:50000", "remote_port": 50000.0, "local_port": 443.0, "inbound": true, "retrans": 9.0},
		{"name": "10.0.0.1:40000 > 10.9.0.8:5432", "remote": "10.9.0.8:5432", "remote_port": 5432.0, "local_port": 40000.0, "inbound": false, "retrans": 3.0},
		{"name": "[2001:db8::1]:40000 > [2001:db8::2]:8080", "remote": "[2001:db8::2]:8080", "remote_port": 8080.0, "local_port": 40000.0, "inbound": false, "syn_retries": 4.0},
		{"name": "unseen", "remote": "10.9.0.9:50001", "remote_port": 50001.0, "local_port": 8443.0, "inbound": false, "retrans": 1.0},
		{"name": "hostile", "remote": "$(reboot):80", "remote_port": 80.0, "retrans": 99.0},
	}}}
	none := content.NewEnv(nil)
	row := func(table string, r fact.Row) *content.Env { return none.Row(table, r) }
	reason := func(name, value string) []Reason { return []Reason{{Facts: map[string]any{name: value}}} }
	for _, tt := range []struct {
		about      string
		row        *content.Env
		reasons    []Reason
		peer, port string
	}{
		{"the worst of all, by the port of its service", none, nil, "10.9.0.7", "443"},
		{"the row's own peer", row("peer", fact.Row{"name": "10.9.0.8"}), nil, "10.9.0.8", "5432"},
		{"a peer that no flow in trouble has", row("peer", fact.Row{"name": "10.9.0.99"}), nil, "10.9.0.99", "PORT"},
		{"a peer whose name is no address", row("peer", fact.Row{"name": "$(reboot)"}), nil, "PEER", "PORT"},
		{"what the evidence names", none, reason("flow.name", "[2001:db8::1]:40000 > [2001:db8::2]:8080"), "2001:db8::2", "8080"},
		{"the peer that the evidence names", none, reason("peer.name", "10.9.0.8"), "10.9.0.8", "5432"},
		{"a listener that nobody saw", none, reason("flow.name", "unseen"), "10.9.0.9", "8443"},
		{"an address that is none", none, reason("flow.name", "hostile"), "PEER", "PORT"},
	} {
		if peer, port := affectedEnd(f, tt.row, tt.reasons); peer != tt.peer || port != tt.port {
			t.Errorf("%s: %s %s, expected %s %s", tt.about, peer, port, tt.peer, tt.port)
		}
	}
	if peer, port := affectedEnd(&fact.Facts{}, none, nil); peer != "PEER" || port != "PORT" {
		t.Errorf("nothing known: %s %s, expected something to fill in", peer, port)
	}
}

// A plan for a lossy path names the end that loses, and offers BBR only to those that
// do without.
func TestPlanNamesTheAffected(t *testing.T) {
	c := newCase(t, "")
	c.Facts = recordings(t)["path-loss-sender"].Facts
	told := func() (all string) {
		for _, s := range c.Plan(c.Diagnose()) {
			all += s.Remedy.ID + ": " + s.Change + " " + s.Verify + "\n"
		}
		return all
	}
	plan := told()
	if !strings.Contains(plan, "host 10.76.1.2 and tcp port 873") || strings.Contains(plan, "PEER") {
		t.Errorf("the affected end is not named:\n%s", plan)
	}
	for _, cc := range []string{"cubic", "bbr"} {
		c.Facts = recordings(t)["loss-long-path"].Facts
		for _, flow := range c.Facts.Tables["flow"] {
			flow["congestion_control"] = cc
		}
		c.Facts.Values["sysctl.net.ipv4.tcp_congestion_control"] = fact.Value{Now: "cubic"}
		if offered := strings.Contains(told(), "congestion-control: "); offered != (cc == "cubic") {
			t.Errorf("BBR offered to connections that use %s: %v", cc, offered)
		}
	}
}

// TestLimitOfBefore is a listener whose limit is that of a somaxconn which was raised
// since: nobody can know that its application asked for no more, and all that it may
// need is to listen again.
func TestLimitOfBefore(t *testing.T) {
	c := newCase(t, "")
	c.Facts = recordings(t)["accept-queue-somaxconn"].Facts
	c.Facts.Values["sysctl.net.core.somaxconn"] = fact.Value{Now: 4096.0}
	for _, l := range c.Facts.Tables["listener"] {
		l["at_somaxconn"] = false
	}
	told := ""
	for _, s := range c.Plan(c.Diagnose()) {
		if strings.HasPrefix(s.Remedy.ID, "backlog") {
			told += s.Change + " " + s.Why + "\n"
		}
	}
	if !strings.Contains(told, "when it called listen()") || strings.Contains(told, "because the application asked") {
		t.Errorf("the plan does not say why the old limit stands:\n%s", told)
	}
}
