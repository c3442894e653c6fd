package ui

import (
	"slices"
	"strings"
	"testing"

	tea "charm.land/bubbletea/v2"
)

// TestTrainFindsByName types the name of each thing in each list, and its id: it is the
// first that is found, whatever else has these words in it.
func TestTrainFindsByName(t *testing.T) {
	c := sitAtTraining(t, 80, 24).press(trainConcluded...)
	m := c.m
	ask, measure := m.askPicker().items, m.measurePicker().items
	for _, tt := range []struct {
		name  string
		in    *picker
		items []pickItem
		ids   bool // can be typed, too
	}{
		{"question", m.askPicker(), ask, true},
		{"probe", m.measurePicker(), measure, true},
		{"search", m.anyPicker(), slices.Concat(ask, measure), true},
		{"hypothesis", m.suspectPicker(), m.suspectPicker().items, true},
		{"cause", m.causePicker(), m.causePicker().items, true},
		{"place", m.hopPicker(), m.hopPicker().items, true},
		{"plan step", m.planPicker(), m.planPicker().items, false},
	} {
		if len(tt.items) < 5 {
			t.Fatalf("%s: only %d to choose from", tt.name, len(tt.items))
		}
		for _, item := range tt.items {
			typed := []string{item.label, " " + strings.ToUpper(item.label) + " "}
			if tt.ids {
				typed = append(typed, item.id)
			}
			for _, words := range typed {
				tt.in.line = newLine(words)
				if tt.in.find(); len(tt.in.items) == 0 || tt.in.items[0].id != item.id {
					t.Errorf("%s: %q finds %v first", tt.name, words, tt.in.items[:min(1, len(tt.in.items))])
				}
			}
		}
	}
}

// TestTrainFindsByWord ranks what is called so before what begins with the words, and
// both before what has them somewhere.
func TestTrainFindsByWord(t *testing.T) {
	labels := []string{"Open TCP ports", "The net.ipv4.tcp_mem limit", "TCPdump", "TCP, and its timers", "Ports of TCP", "TCP"}
	p := (&picker{list: func(words string) []pickItem {
		var items []pickItem
		for _, l := range labels {
			items = append(items, pickItem{id: "id of " + l, label: l})
		}
		return items
	}}).opened()
	p.line = newLine("Tcp ")
	p.find()
	var got []string
	for _, i := range p.items {
		got = append(got, i.label)
	}
	if want := []string{"TCP", "TCP, and its timers", "Open TCP ports", "The net.ipv4.tcp_mem limit", "Ports of TCP", "TCPdump"}; !slices.Equal(got, want) {
		t.Errorf("found are %q", got)
	}
}

// TestTrainOwnWordsWhole keeps what is typed or pasted as own words whole, and tells when
// there is no more room.
func TestTrainOwnWordsWhole(t *testing.T) {
	for _, tt := range []struct {
		name   string
		keys   []string
		pasted int
		typed  string
		kept   int
		told   bool
	}{
		{"a note", []string{"enter", "n"}, 12000, "x", 12001, false},
		{"an explanation", slices.Concat(trainConcluded, []string{"end", "up", "enter"}), 12000, "", 12000, false},
		{"too long a note", []string{"enter", "n"}, longestText + 5, "", longestText, true},
		{"typed on", []string{"enter", "n"}, longestText - 1, "xy", longestText, true},
	} {
		c := sitAtTraining(t, 80, 24).press(tt.keys...)
		c.send(tea.PasteMsg{Content: strings.Repeat("p", tt.pasted)})
		c.press(tt.typed)
		if told := strings.Contains(c.screen(), "takes no more"); told != tt.told {
			t.Errorf("%s: told %v\n%s", tt.name, told, c.screen())
		}
		c.press("esc")
		text := c.draft.Note + c.draft.Conclusion.Verify
		if len(text) != tt.kept {
			t.Errorf("%s: %d characters are kept", tt.name, len(text))
		}
		if tt.name == "a note" {
			if c.press("n", "enter"); len(c.events[len(c.events)-1].Text) != tt.kept {
				t.Errorf("the note that is noted has %d characters", len(c.events[len(c.events)-1].Text))
			}
		}
	}
}

// TestTrainTellsItems tells the whole of what there is to say of each thing to choose, on
// a screen of the usual size.
func TestTrainTellsItems(t *testing.T) {
	m := sitAtTraining(t, 80, 24).press(trainConcluded...).m
	for _, p := range []*picker{m.askPicker(), m.measurePicker(), m.causePicker(), m.hopPicker(), m.planPicker()} {
		m.picker = p
		for n, item := range p.items {
			p.cursor = n
			told := strings.Join(strings.Fields(strings.Join(m.aboutItem(80, m.room()), " ")), " ")
			if !strings.Contains(told, strings.Join(strings.Fields(item.about), " ")) {
				t.Errorf("%s is cut: %s", item.label, told)
			}
		}
	}
}

// TestTrainUntickTold tells who presses enter once more that it has unticked something.
func TestTrainUntickTold(t *testing.T) {
	c := sitAtTraining(t, 80, 24).press("enter", "h", "accept queue", "enter")
	if strings.Contains(c.screen(), "Unticked") {
		t.Errorf("what is ticked is told as unticked:\n%s", c.screen())
	}
	if c.press("enter"); !strings.Contains(c.screen(), "Unticked: The accept queue") {
		t.Errorf("nothing tells that it is unticked:\n%s", c.screen())
	}
}

// TestTrainPlaceByWord finds a place by the words in which people speak of it, too.
func TestTrainPlaceByWord(t *testing.T) {
	m := sitAtTraining(t, 80, 24).press(trainSuspected...).m
	for words, want := range map[string]string{"tcp": "tcp", "firewall": "netfilter", "socket buffers": "socket", "routing": "ip", "NIC": "nic"} {
		p := m.hopPicker()
		p.line = newLine(words)
		if p.find(); len(p.items) == 0 || p.items[0].id != want {
			t.Errorf("%q finds %v first, not %s", words, p.items, want)
		}
	}
}

// TestTrainAsksByNumber lists the questions of a group by its number, and no others.
func TestTrainAsksByNumber(t *testing.T) {
	m := sitAtTraining(t, 80, 24).press("enter", "a", "9").m
	if len(m.picker.items) == 0 || slices.ContainsFunc(m.picker.items, func(i pickItem) bool { return !strings.HasPrefix(i.id, "Q9") }) {
		t.Errorf("9 lists %v", m.picker.items)
	}
}
