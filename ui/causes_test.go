package ui

import (
	"fmt"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"

	"whydrop/checklist"
	"whydrop/content"
	"whydrop/probes/fact"
)

func TestCausesThatNothingSpeaksForAreFolded(t *testing.T) {
	o := sitDown(t, 80, 24)
	o.press("enter", "2")
	o.see("> Summary", "! ", "the rest (67)")
	if strings.Contains(o.screen(), "< 1 %") {
		t.Errorf("the rest stands open:\n%s", o.screen())
	}
	o.press("down", "down")
	o.see("> the rest (67)", "< 1 %", "/ finds one by")
	o.press("enter")
	o.see("> ........  < 1 %")
	o.press("home")
	if strings.Contains(o.screen(), "< 1 %") {
		t.Errorf("the rest stays open:\n%s", o.screen())
	}
}

// A cause that is no longer likely takes the cursor along.
func TestTheCursorStaysOnItsCause(t *testing.T) {
	o := sitDown(t, 80, 24)
	o.press("enter", "2", "down")
	o.see("> ######## > 99 %", "The accept queue of a listening socket overflows")
	o.send(factsMsg{quietHost(o.m.kase.Book.Facts)})
	o.see("> ........  < 1 %", "The accept queue of a listening socket overflows", "HEALTHY")
	if o.m.causes.at != "listen.accept-queue-full" {
		t.Errorf("the cursor is on %q", o.m.causes.at)
	}
}

func TestSearchingCauses(t *testing.T) {
	o := sitDown(t, 80, 24)
	o.press("enter", "2", "/", "ACCEPT que")
	o.see("1 of 68 causes with", "> ######## > 99 %")
	o.press("x", "enter")
	o.see("0 of 68", "No cause has these words")
	o.press("down", "up", "end", "y", "/", "backspace", "backspace", "backspace", "backspace", "backspace", "enter")
	o.see("causes with \"ACCEPT\"")
	o.press("4", "esc")
	o.see("causes with \"ACCEPT\"") // it is still there
}

func TestACauseSaysWhatSpeaksForIt(t *testing.T) {
	o := sitDown(t, 80, 40)
	o.press("enter", "space", "2", "down")
	o.see("+ 42 connection attempts found a full accept queue", "+30)", "hint, +3)", "as remembered", "evidence; named above",
		"Could not be looked at (1 of its", "To settle it (y copies)")
	o.press("y")
	o.see("to settle it: ss -lntp", "the cause: listen.accept-queue-full")
}

func TestTheTreeMarksWhatChanged(t *testing.T) {
	o := sitDown(t, 80, 40)
	at := o.m.now()
	o.m.now = func() time.Time { return at }
	f := quietHost(o.m.kase.Book.Facts)
	delete(f.Values, "softnet.dropped")
	o.send(factsMsg{f})
	o.press("enter", "3")
	if strings.Contains(o.screen(), "[new]") {
		t.Errorf("something is new at the first look:\n%s", o.screen())
	}
	o.see("o softnet")
	o.send(factsMsg{quietHost(o.m.kase.Book.Facts)})
	o.see("x softnet   [new] closed: ")
	at = at.Add(freshFor)
	o.see("x softnet   closed: ")
}

func TestTheTreeKeepsItsPlace(t *testing.T) {
	o := sitDown(t, 80, 24)
	o.press("enter", "3")
	o.see("> ! listen", "of 68 causes open, 1 named")
	o.press("up")
	o.see("> o socket")
	o.send(factsMsg{quietHost(o.m.kase.Book.Facts)})
	if hop := o.m.diagnosis.hops[o.m.tree.index(o.m.diagnosis.hops)].Hop.ID; hop != "socket" {
		t.Errorf("the cursor went to %s", hop)
	}
	o.send(factsMsg{sickHost(o.m.kase.Book.Facts)})
	o.press("right", "enter")
	o.see("[2 Causes]", "> ######## > 99 %")
	o.press("esc")
	o.see("[3 Tree]", "> ! listen")
}

// A place with more causes than the screen has lines is read by pages.
func TestTheTreeIsReadToTheEnd(t *testing.T) {
	o := sitDown(t, 40, 10)
	o.press("enter", "3", "home")
	all := ""
	for range 8 {
		all += o.screen()
		o.press("pgdown")
	}
	for _, want := range []string{"> o app", "The local application reads", "A cgroup CPU quota", "descriptors", "aborted by an application of", "> o ip"} {
		if !strings.Contains(all, want) {
			t.Errorf("%q is never to be seen:\n%s", want, all)
		}
	}
}

func TestComingFromAPlaceEndsASearchThatHidesIt(t *testing.T) {
	o := sitDown(t, 80, 24)
	o.press("enter", "2", "/", "accept", "enter", "3", "enter")
	o.see("causes with \"accept\"", "> ######## > 99 %")
	o.press("3", "home", "enter")
	o.see("the rest (67)", "> ........  < 1 %")
}

func TestClicksChoose(t *testing.T) {
	o := sitDown(t, 80, 24)
	o.press("enter")
	click := func(line string) {
		t.Helper()
		for y, l := range strings.Split(o.screen(), "\n") {
			if strings.HasPrefix(l, line) {
				o.send(tea.MouseClickMsg{X: 5, Y: y, Button: tea.MouseLeft})
				return
			}
		}
		t.Errorf("%q is not on the screen:\n%s", line, o.screen())
	}
	o.press("2")
	click("  the rest")
	o.see("> the rest")
	o.press("/", "overflows", "enter")
	click("  ........  < 1 %")
	o.see("> ........  < 1 %")
	o.press("3")
	click("  x softnet")
	o.see("> x softnet")
	o.press("4")
	click("    qdisc")
	o.see(">   qdisc", "Egress queue")
	click("  last 15 s   sent")
	o.see(">   qdisc")
}

func TestNamesOfRulesAreHarmless(t *testing.T) {
	o := sitDown(t, 120, 40)
	f := filteredHost(o.m.kase.Book.Facts, 1)
	f.Tables["rule"][0]["name"] = "inet \x1b[2J\u202eevil"
	o.send(factsMsg{f})
	o.press("enter", "4", "home", "tab")
	o.see("Packet filter", `inet \x1b[2J\u202eevil`)
	for _, l := range o.m.draw() {
		if strings.Contains(l, "\x1b[2J") || strings.Contains(l, "\u202e") {
			t.Errorf("hostile: %q", l)
		}
	}
}

// The screens of the causes stand also where the content or the host has none.
func TestNothingToShow(t *testing.T) {
	o := sitDown(t, 80, 24)
	o.press("enter")
	o.m.diagnosis = &judgement{Diagnosis: &checklist.Diagnosis{}, facts: &fact.Facts{}, way: func() []checklist.Stop { return nil }}
	for _, key := range []string{"2", "3", "4"} {
		o.press(key, "down", "up", "pgdown", "end", "right", "y", "esc")
		o.press(key)
		o.screen()
	}
}

func BenchmarkCauses(b *testing.B) {
	book, err := content.Load("")
	if err != nil {
		b.Fatal(err)
	}
	for _, screen := range []string{"2", "3"} {
		for _, size := range [][2]int{{80, 24}, {200, 60}} {
			b.Run(fmt.Sprintf("%s/%dx%d", tabs[screen[0]-'1'].title, size[0], size[1]), func(b *testing.B) {
				o := &operator{m: asciiModel(b, Options{})}
				o.resize(size[0], size[1])
				o.send(openMsg{kase: checklist.NewCase(book, time.Now())})
				o.send(factsMsg{sickHost(book.Facts)})
				o.press("enter", screen, "down", "down", "down")
				keys := []string{"down", "down", "up", "pgdown"}
				for i := 0; b.Loop(); i++ {
					o.press(keys[i%len(keys)])
					o.m.draw()
				}
			})
		}
	}
}

// Esc ends a search before it leaves the screen, and the cursor stays where it is.
func TestEscEndsTheSearch(t *testing.T) {
	o := sitDown(t, 80, 24)
	o.send(factsMsg{lossyHost(o.m.kase.Book.Facts)})
	for _, tt := range []struct {
		key, word string
		at        func() string
	}{
		{"2", "sack", func() string { return o.m.causes.at }},
		{"5", "billing", func() string { return o.m.flows.lists[o.m.flows.at].here().Name }},
		{"6", "retrans", func() string { return o.m.evidence.table.at }},
	} {
		o.press("1", tt.key, "/", tt.word, "enter", "down", "up")
		s := o.m.screen().(searchable)
		before, on := tt.at(), o.m.on
		if s.searching() != tt.word {
			t.Fatalf("screen %s searches for %q", tt.key, s.searching())
		}
		o.press("esc")
		o.screen()
		if s.searching() != "" || o.m.on != on || tt.at() != before {
			t.Errorf("screen %s: esc leaves the search at %q on screen %d with the cursor on %q, it was on %q", tt.key, s.searching(), o.m.on, tt.at(), before)
		}
		if o.press("esc"); o.m.on == on {
			t.Errorf("screen %s: a second esc stays", tt.key)
		}
	}
}
