package apply

import (
	"encoding/binary"
	"os/exec"
	"strings"
	"testing"
)

// lines runs commands that make what a test needs; it skips where this kernel does
// not have it.
func lines(t *testing.T, commands ...string) {
	t.Helper()
	for _, line := range commands {
		args := strings.Fields(line)
		if out, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
			t.Skipf("%s: %s", line, out)
		}
	}
}

// TestLeaf gives classes queues in the place of what they have, and takes them back:
// the limit of the kernel's own fifo is that of before too, though the interface's
// txqueuelen has changed since it was made.
func TestLeaf(t *testing.T) {
	class := []string{"ip link set eth0 txqueuelen 24", "tc qdisc add dev eth0 root handle 1: htb default 10", "tc class add dev eth0 parent 1: classid 1:10 htb rate 4mbit"}
	with := func(more ...string) []string { return append(class[:3:3], more...) }
	for _, c := range []struct {
		name   string
		before []string
		to     string
		was    string
		shows  string // tc qdisc show, then
		leaf   string
	}{
		{"the kernel's own", class, "pfifo limit 200", "pfifo limit 24 by default", "parent 1:10 limit 200p", ""},
		{"made with another txqueuelen", with("ip link set eth0 txqueuelen 500"), "pfifo limit 200", "pfifo limit 24 by default", "parent 1:10 limit 200p", ""},
		{"in bytes", class, "bfifo limit 300000", "pfifo limit 24 by default", "bfifo", ""},
		{"one of somebody", with("tc qdisc add dev eth0 parent 1:10 handle 10: pfifo limit 7"), "pfifo limit 200", "pfifo limit 7", "limit 200p", "10:"},
		{"one of somebody to the kernel's own", with("tc qdisc add dev eth0 parent 1:10 handle 10: pfifo limit 7"), "default", "pfifo limit 7", "htb 1: root", "10:"},
		{"a shaper in a class", with("tc qdisc add dev eth0 parent 1:10 handle 10: tbf rate 1mbit burst 5000 limit 9000"), "pfifo limit 200", "tbf", "limit 200p", "10:"},
	} {
		t.Run(c.name, func(t *testing.T) {
			inHost(t)
			lines(t, c.before...)
			change := Change{Knob: "qdisc", Of: "eth0", Field: "1:10 leaf", To: c.to}
			before := picture(t)
			for range 2 { // what came back by itself stands in no list of the kernel's
				was, err := change.Read()
				if err != nil || was.Text != c.was {
					t.Fatalf("%q, %v, expected %q", was.Text, err, c.was)
				}
				if change.Reached(was) {
					t.Fatal("it is so already")
				}
				now, err := change.set()
				if err != nil {
					t.Fatal(err)
				}
				if out := command(t, "tc", "qdisc", "show", "dev", "eth0"); !strings.Contains(out, c.shows) || picture(t) == before {
					t.Errorf("no %q:\n%s", c.shows, out)
				}
				if !change.Reached(now) {
					t.Errorf("it reads %s", now.Text)
				}
				for range 2 {
					if err := change.back(was); err != nil {
						t.Fatal(err)
					}
					if after := picture(t); after != before {
						t.Errorf("not as before: %s", difference(before, after))
					}
				}
			}
		})
	}
}

// TestLeafKilled leaves the interface as a process does that was killed while it set
// the queue of a class back.
func TestLeafKilled(t *testing.T) {
	for _, c := range []struct {
		name  string
		leave []string
	}{
		{"before it was deleted", []string{"ip link set eth0 txqueuelen 24"}},
		{"after", []string{"ip link set eth0 txqueuelen 24", "tc qdisc del dev eth0 parent 1:10"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			inHost(t)
			lines(t, "ip link set eth0 txqueuelen 24", "tc qdisc add dev eth0 root handle 1: htb default 10", "tc class add dev eth0 parent 1: classid 1:10 htb rate 4mbit", "ip link set eth0 txqueuelen 500")
			before := picture(t)
			change := Change{Knob: "qdisc", Of: "eth0", Field: "1:10 leaf", To: "pfifo limit 200"}
			was, err := change.Read()
			if err != nil {
				t.Fatal(err)
			}
			if _, err := change.set(); err != nil {
				t.Fatal(err)
			}
			lines(t, c.leave...)
			if err := change.back(was); err != nil {
				t.Fatal(err)
			}
			if now, err := change.Read(); err != nil || now.Text != was.Text {
				t.Errorf("%q, %v", now.Text, err)
			}
			if after := picture(t); after != before {
				t.Errorf("not as before: %s", difference(before, after))
			}
		})
	}
}

// TestTimesOfCodel sends times as sendableQueue has them to what the kernel does with
// them: it tells the same again.
func TestTimesOfCodel(t *testing.T) {
	kept := func(us uint64) uint64 { return us * 1000 >> 10 } // codel_change()
	told := func(v uint64) uint64 { return v << 10 / 1000 }   // codel_time_to_us()
	for us := range uint64(300_000) {
		first := told(kept(us))
		options := appendAttribute(appendAttribute(nil, 1, binary.NativeEndian.AppendUint32(nil, uint32(first))), 2, []byte{1, 2, 3, 4})
		o := object{Attributes: splitAttributes(withTimes(options, 1, 3, 7))}
		if again := told(kept(word32(o.get(1), 0))); again != first || string(o.get(2)) != "\x01\x02\x03\x04" {
			t.Fatalf("%d us are told as %d, and set back as %d", us, first, again)
		}
	}
}
