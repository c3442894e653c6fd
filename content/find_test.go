package content

import (
	"strings"
	"testing"
)

func TestFind(t *testing.T) {
	book, err := Load("")
	if err != nil {
		t.Fatal(err)
	}
	for word, want := range map[string]string{
		"listen.accept-queue-full":           "cause listen.accept-queue-full",
		"Accept-Queue-Full":                  "cause listen.accept-queue-full",
		"  accept   queue ":                  "cause listen.accept-queue-full",
		"TcpExtListenOverflows":              "fact TcpExt.ListenOverflows",
		"listenoverflows":                    "fact TcpExt.ListenOverflows",
		"sysctl.net.core.somaxconn":          "sysctl net.core.somaxconn",
		"net/core/somaxconn":                 "sysctl net.core.somaxconn",
		"SKB_DROP_REASON_TCP_ZEROWINDOW":     "drop reason TCP_ZEROWINDOW",
		"listener":                           "table listener",
		"listener.queue_peak":                "field listener.queue_peak",
		"stalled":                            "sign stalled",
		"Q10b":                               "item Q10b",
		"bpf":                                "hop bpf",
		"":                                   "",
		"nothing of this name":               "",
		strings.Repeat("ünknown\x1b[2J", 99): "",
	} {
		got := ""
		for _, e := range book.Find(word) {
			if got == "" {
				got = string(e.Kind) + " " + e.Name
			}
		}
		if got != want {
			t.Errorf("%q is %q, want %q", word, got, want)
		}
	}
	if near := book.Near("net.core.somaxcon", 3); len(near) == 0 || near[0].Name != "net.core.somaxconn" {
		t.Errorf("near: %v", near)
	}
}

func TestEntriesAreUnique(t *testing.T) {
	book, err := Load("")
	if err != nil {
		t.Fatal(err)
	}
	seen := map[Entry]bool{}
	for _, e := range book.Entries() {
		key := Entry{Kind: e.Kind, Name: e.Name}
		if seen[key] {
			t.Errorf("%s %s stands twice", e.Kind, e.Name)
		}
		seen[key] = true
	}
}

func TestOutline(t *testing.T) {
	book, err := Load("")
	if err != nil {
		t.Fatal(err)
	}
	for source, want := range map[string]string{
		"{TcpExt.ListenOverflows} attempts ({round(rate(Tcp.OutSegs))} a second)":               "N attempts (N a second)",
		"{listener.name} of {listener.process} (pid {listener.pid}) takes {listener.limit}":     "LISTENER of PROCESS (pid PID) takes N",
		"{percent(0.5)}, {bytes(1.0)}, {ms(1.0)}, {1 + 2}":                                      "N %, N bytes, N ms, N",
		`{listener.at_somaxconn ? "somaxconn" : "its own"}{host.container ? " in a box" : ""}.`: "somaxconn or its own in a box.",
		"{host.container}":   "yes or no",
		"awk '{{print $1}}'": "awk '{print $1}'",
	} {
		text := &Text{Source: source, scope: scope{vocabulary: book.Facts, table: "listener"}}
		if err := text.Check(); err != nil {
			t.Fatal(err)
		}
		if got := text.Outline(book.Facts, "listener"); got != want {
			t.Errorf("%s: %q, want %q", source, got, want)
		}
	}
	var none *Text
	if none.Outline(book.Facts, "") != "" {
		t.Error("no text has an outline")
	}
}
