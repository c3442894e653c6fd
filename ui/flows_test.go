package ui

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"

	"whydrop/checklist"
	"whydrop/content"
	"whydrop/probes/fact"
)

// lossyHost has connections, listeners, services and peers, some of them in
// trouble.
func lossyHost(v *content.Vocabulary) *fact.Facts {
	f := quietHost(v)
	f.Probes = append(f.Probes, fact.Status{Name: "sockets", Status: "ok", Millis: 2})
	flow := func(local, remote, process, state string, more fact.Row) {
		row := fact.Row{
			"name": local + " > " + remote, "local": local, "remote": remote, "state": state, "trouble": "loss",
			"local_port": port(local), "remote_port": port(remote), "retrans": 0.0, "segs_out": 120.0, "retrans_share": 0.0,
			"rtt_ms": 12.0, "send_queue": 0.0, "recv_queue": 0.0, "backoff": 0.0, "age_looks": 15.0, "cwnd": 10.0,
		}
		if process != "" {
			row["process"] = process
		}
		for name, v := range more {
			row[name] = v
		}
		f.Add("flow", row)
	}
	flow("10.0.0.5:443", "198.51.100.7:51034", "nginx", "ESTAB", fact.Row{"retrans": 7.0, "segs_out": 90.0, "retrans_share": 0.0778, "rtt_ms": 210.0})
	flow("10.0.0.5:47120", "10.0.9.20:5432", "billing", "SYN-SENT", fact.Row{"syn_retries": 3.0, "trouble": "connecting", "segs_out": 0.0})
	flow("[2001:db8:10::5]:443", "[2001:db8:7c0f:11:2ac4:5ff:fe01:9]:60112", "", "ESTAB", fact.Row{"stalled": true, "since_ack_ms": 8200.0, "backoff": 4.0, "send_queue": 43440.0})
	flow("10.0.0.5:8080", "10.0.3.3:41200", "reports", "ESTAB", fact.Row{"not_read": true, "recv_queue": 524288.0, "recv_queue_min": 393216.0, "rcvbuf": 786432.0, "trouble": "reader", "received": 0.0})
	for i := range 3 {
		f.Add("listener", fact.Row{
			"name": fmt.Sprintf("0.0.0.0:%d", 8080+i), "port": 8080.0 + float64(i), "process": "api", "pid": 700.0 + float64(i),
			"queue": float64(i), "queue_peak": float64(60 * i), "limit": 128.0, "drops": 0.0, "full_share": 0.0,
		})
	}
	for _, table := range []string{"service", "peer"} {
		f.Add(table, fact.Row{"name": "198.51.100.7", "port": 443.0, "flows": 9.0, "retrans": 7.0, "segs_out": 90.0, "retrans_share": 0.0778, "rtt_ms": 210.0, "min_rtt_ms": 35.0, "inflation": 6.0, "syn_retrying": 0.0, "timeouts": 0.0})
		f.Add(table, fact.Row{"name": "10.0.3.3", "port": 8080.0, "flows": 1.0, "retrans": 0.0, "segs_out": 400.0, "retrans_share": 0.0, "rtt_ms": 0.4, "syn_retrying": 0.0, "timeouts": 0.0})
	}
	return f
}

func port(address string) float64 {
	var n float64
	fmt.Sscan(address[strings.LastIndexByte(address, ':')+1:], &n)
	return n
}

// lookAt sits an operator down at a host, on a screen.
func lookAt(t *testing.T, width, height int, host func(*content.Vocabulary) *fact.Facts, keys ...string) *operator {
	t.Helper()
	o := sitDown(t, width, height)
	o.send(factsMsg{host(o.m.kase.Book.Facts)})
	return o.press(append([]string{"enter"}, keys...)...)
}

func TestFlowsSayWhatIsWrong(t *testing.T) {
	o := lookAt(t, 110, 24, lossyHost, "5")
	o.m.layout.sides, o.m.layout.mainWidth = nil, 110
	o.see("[Connections 4/4]", "Listeners 1/3", "Peers 1/2", "Networks 0/0",
		"4 SYNs without an answer", "no ACK in 8.2 s, backoff 4",
		"unread here: 512 KiB", "sent again: 7 of 90")
	// The gravest first, and all of it for what is under the cursor.
	if first := o.m.flows.lists[0].here().Row["state"]; first != "SYN-SENT" {
		t.Errorf("the first connection is in state %v", first)
	}
	o.press("down", "enter")
	o.see("[2001:db8:10::5]:443 > [2001:db8:7c0f:11:2ac4:5ff:fe01:9]:60112", "42.4 KiB", "bytes not yet acknowledged, last look")
	o.press("end")
	o.see("not known here: ", "mss")
	o.press("esc")
	o.see("[Connections 4/4]")
	if o.m.flows.lists[0].table.index != 1 {
		t.Error("the cursor moved")
	}
	o.press("esc")
	o.see("[1 Walk]")
	o.press("1", "2", "3", "5")
	o.see("[Connections 4/4]")
}

func TestFlowsAreFilteredSortedAndSearched(t *testing.T) {
	o := lookAt(t, 80, 24, lossyHost, "5", "right")
	names := func() string {
		l := o.m.flows.update(o.m)
		var all []string
		for _, i := range l.shown {
			all = append(all, l.rows[i].Name)
		}
		return strings.Join(all, " ")
	}
	for _, step := range []struct {
		keys []string
		want string
		see  string
	}{
		{nil, "0.0.0.0:8082", "those in trouble: 1 of 3"},
		{[]string{"v"}, "0.0.0.0:8082 0.0.0.0:8080 0.0.0.0:8081", "all 3, 1 in trouble; the gravest first"},
		{[]string{"o"}, "0.0.0.0:8080 0.0.0.0:8081 0.0.0.0:8082", "ordered by listens on"},
		{[]string{"o", "o"}, "0.0.0.0:8082 0.0.0.0:8081 0.0.0.0:8080", "ordered by queue"},
		{[]string{"v"}, "0.0.0.0:8082", "those in trouble: 1 of 3"},
		{[]string{"/", ":808", "enter"}, "0.0.0.0:8082 0.0.0.0:8081 0.0.0.0:8080", `3 of 3 with ":808" in them`},
		{[]string{"/", "1", "enter"}, "0.0.0.0:8081", `1 of 3 with ":8081" in them`},
		{[]string{"/", "x", "enter"}, "", `Nothing here has ":8081x" in it. / changes the search.`},
		{[]string{"/", "backspace", "backspace", "backspace", "backspace", "backspace", "backspace", "queue NEARLY", "enter"}, "0.0.0.0:8082", "nearly full"},
		{[]string{"left", "right"}, "0.0.0.0:8082", "queue NEARLY"},
	} {
		o.press(step.keys...)
		if got := names(); got != step.want {
			t.Errorf("after %v: %s, want %s", step.keys, got, step.want)
		}
		o.see(step.see)
	}
}

// An empty list says why it is empty.
func TestFlowsSayWhyTheyAreEmpty(t *testing.T) {
	cannot := func(v *content.Vocabulary) *fact.Facts {
		f := quietHost(v)
		delete(f.Tables, "flow")
		f.CannotSee("sockets", "sockets over sock_diag", "a kernel with CONFIG_INET_DIAG")
		return f
	}
	skipped := func(v *content.Vocabulary) *fact.Facts {
		f := quietHost(v)
		delete(f.Tables, "flow")
		f.Probes = []fact.Status{{Name: "sockets", Status: "failed", Why: "netlink: no buffer space"}}
		return f
	}
	idle := func(v *content.Vocabulary) *fact.Facts {
		f := lossyHost(v)
		f.Tables["listener"] = f.Tables["listener"][:2]
		return f
	}
	o := lookAt(t, 80, 24, quietHost, "5")
	o.see("Connections 0/0", "No connection is in trouble")
	o = lookAt(t, 80, 24, cannot, "5")
	o.see("Connections ?", "Nobody could look at these. cannot see sockets over sock_diag: needs a kernel", "with CONFIG_INET_DIAG")
	o = lookAt(t, 80, 24, skipped, "5")
	o.see("Nobody could look at these. failed: netlink: no buffer space")
	o = lookAt(t, 80, 24, idle, "5", "right")
	o.see("No listener is in trouble", "v shows all 2.")
	o.press("v")
	o.see("0.0.0.0:8081", "in no trouble")
	before := &operator{t, asciiModel(t, Options{})}
	before.send(openMsg{kase: checklist.NewCase(o.m.kase.Book, time.Now())})
	before.press("enter", "5")
	before.see("Nothing is measured yet")
}

// Rows come, go and change their order: the cursor stays on its row, at its
// place on the screen, and what is open stays open.
func TestFlowsMoveUnderTheCursor(t *testing.T) {
	o := lookAt(t, 80, 24, lossyHost, "5", "down", "down")
	l := o.m.flows.lists[0]
	at := l.here().Name
	f := lossyHost(o.m.kase.Book.Facts)
	slices.Reverse(f.Tables["flow"])
	for i := range 40 {
		f.Add("flow", fact.Row{"name": fmt.Sprintf("worse %d", i), "stalled": true, "backoff": 1.0, "since_ack_ms": 1.0})
		f.Add("flow", fact.Row{"name": fmt.Sprintf("better %d", i), "retrans": 1.0})
	}
	line := func() int {
		for i, l := range strings.Split(o.screen(), "\n") {
			if strings.HasPrefix(l, "> ") {
				return i
			}
		}
		return -1
	}
	before := line()
	o.send(factsMsg{f})
	if l.here().Name != at || line() != before {
		t.Errorf("the cursor was on %s in line %d, and is on %s in line %d", at, before, l.here().Name, line())
	}
	o.press("enter")
	gone := lossyHost(o.m.kase.Book.Facts)
	gone.Tables["flow"] = slices.DeleteFunc(gone.Tables["flow"], func(r fact.Row) bool { return r["name"] == at })
	o.send(factsMsg{gone})
	o.see(at, "It is not in the list any more")
	o.press("y")
	o.see("ss -tinmop")
	o.press("esc", "esc")
	o.see("[Connections 3/3]")
	o.send(factsMsg{f})
	o.screen()
	o.send(factsMsg{quietHost(o.m.kase.Book.Facts)})
	o.see("No connection is in trouble")
	o.press("enter", "down", "v", "y", "esc")
	o.screen()
}

// What is over does not vanish from under the cursor.
func TestTroubleThatIsOverStaysUnderTheCursor(t *testing.T) {
	o := lookAt(t, 80, 24, lossyHost, "5", "right")
	o.see("0.0.0.0:8082")
	f := lossyHost(o.m.kase.Book.Facts)
	f.Tables["listener"][2]["queue_peak"] = 0.0
	o.send(factsMsg{f})
	o.see("those in trouble: 0 of 3", "> 0.0.0.0:8082", "in no trouble")
	o.press("v", "v")
	o.see("No listener is in trouble")
}

func TestFlowsAreCopied(t *testing.T) {
	o := lookAt(t, 80, 24, lossyHost, "5")
	o.press("y")
	o.see("the remote address: 10.0.9.20:5432", "ss -tinmop 'src 10.0.0.5:47120 and dst 10.0.9.20:5432'",
		"tcpdump -ni any -s 128 'tcp port 47120 and tcp port 5432'")
	o.press("esc", "enter", "y")
	o.see("the remote address: 10.0.9.20:5432")
}

// A named cause that a list shows leads to that list, its row names the cause,
// and the cause is a key away.
func TestFlowsLeadToTheCause(t *testing.T) {
	o := lookAt(t, 80, 24, sickHost, "5")
	o.see("[Listeners 1/1]", "speaks for The accept queue of a listening socket overflows")
	o.press("enter", "enter")
	o.see("[2 Causes]", "listen.accept-queue-full")
	o.press("esc", "esc")
	o.see("[Listeners 1/1]")
}

// The mouse puts the cursor on a row, and opens it the second time.
func TestFlowsAreClicked(t *testing.T) {
	o := lookAt(t, 80, 24, lossyHost, "5")
	row := slices.IndexFunc(strings.Split(o.screen(), "\n"), func(l string) bool { return strings.Contains(l, "10.0.3.3:41200") })
	click := tea.MouseClickMsg{X: 10, Y: row, Button: tea.MouseLeft}
	o.send(click)
	o.see("> 10.0.3.3:41200", "10.0.0.5:8080 > 10.0.3.3:41200")
	o.send(click)
	o.see("esc the list")
	o.press("/", "nginx", "enter")
	o.see("> 198.51.100.7:51034", "[Connections 4/4]")
	o.press("6")
	o.press("v", "v", "home")
	o.screen()
	o.send(tea.MouseClickMsg{X: 10, Y: 7, Button: tea.MouseLeft})
	if got := o.m.evidence.table.index; got != 3 {
		t.Errorf("the cursor is on %d", got)
	}
}

func TestHostileFlows(t *testing.T) {
	evil := "e\x1b[2J\x1b]0;x\x07\u202e" + strings.Repeat("ü界", 300)
	o := lookAt(t, 80, 24, func(v *content.Vocabulary) *fact.Facts {
		f := quietHost(v)
		for _, table := range v.Tables() {
			f.Tables[table.Name] = []fact.Row{{}, {"name": evil}, {"name": evil}, {"name": 7.0}}
			for _, d := range table.Fields {
				f.Tables[table.Name][2][d.Name] = evil
				f.Tables[table.Name][3][d.Name] = true
			}
		}
		return f
	}, "5")
	for _, size := range [][2]int{{1, 1}, {20, 5}, {40, 10}, {80, 24}, {200, 60}} {
		o.resize(size[0], size[1])
		for _, screen := range []string{"5", "6"} {
			o.press(screen)
			for _, key := range []string{"v", "v", "o", "down", "down", "enter", "down", "end", "y", "esc", "esc", "space", "right", "pgdown", "/", evil, "enter", "/", "e", "esc"} {
				if key == evil {
					key = "[2J界"
				}
				o.press(key)
				for _, l := range o.m.draw() {
					if strings.Contains(l, "\x1b[2J") || strings.ContainsAny(l, "\x07\u202e") {
						t.Fatalf("on %v: %q", key, l)
					}
				}
				o.screen()
			}
			o.press(screen)
		}
	}
}

func benchmarkFlows(b *testing.B, width, height int, key string) {
	book, err := content.Load("")
	if err != nil {
		b.Fatal(err)
	}
	o := &operator{m: asciiModel(b, Options{})}
	o.resize(width, height)
	o.send(openMsg{kase: checklist.NewCase(book, time.Now())})
	f := lossyHost(book.Facts)
	for i := range 10_000 {
		remote := fmt.Sprintf("198.51.%d.%d:443", i/250, i%250)
		f.Add("flow", fact.Row{
			"name": "10.0.0.5:40000 > " + remote, "local": "10.0.0.5:40000", "remote": remote, "process": "nginx", "state": "ESTAB",
			"retrans": float64(i%7 + 1), "segs_out": 100.0, "retrans_share": 0.01, "rtt_ms": float64(i % 300), "trouble": "loss",
		})
	}
	o.send(factsMsg{f})
	o.press("enter", "5")
	o.m.draw()
	b.ReportAllocs()
	for b.Loop() {
		if key == "" {
			o.m.flows.of = nil
		} else {
			o.press(key)
		}
		o.m.draw()
	}
}

// A key and the drawing after it, on a list of 10,000 connections.
func BenchmarkScrollFlows80(b *testing.B)  { benchmarkFlows(b, 80, 24, "down") }
func BenchmarkScrollFlows200(b *testing.B) { benchmarkFlows(b, 200, 60, "down") }
func BenchmarkPageFlows200(b *testing.B)   { benchmarkFlows(b, 200, 60, "pgdown") }

// What new measurements of them cost, and another order.
func BenchmarkNewFlows80(b *testing.B)  { benchmarkFlows(b, 80, 24, "") }
func BenchmarkSortFlows80(b *testing.B) { benchmarkFlows(b, 80, 24, "o") }

// A list with nothing in it does not say that all is well where a sign says that it
// is not.
func TestAnEmptyListTellsTheSigns(t *testing.T) {
	o := sitDown(t, 80, 24)
	o.send(factsMsg{stuckHost(o.m.kase.Book.Facts)})
	o.press("enter", "5")
	o.see("No connection is in trouble", "Something is wrong that this list does not show (2 tells more)", "! 3 connections have unacknowledged data")
	o.send(factsMsg{quietHost(o.m.kase.Book.Facts)})
	if s := o.screen(); strings.Contains(s, "Something is wrong") {
		t.Errorf("a quiet host is accused:\n%s", s)
	}
}
