package apply

import (
	"fmt"
	"os/exec"
	"strings"
	"testing"
)

// devices are commands that make an interface of each kind, as far as this kernel has
// them; the interface is called dev0.
var devices = map[string][]string{
	"veth of several queues": {"ip link add dev0 numtxqueues 4 numrxqueues 4 type veth peer name dev1 numtxqueues 4 numrxqueues 4"},
	"veth without a length":  {"ip link add dev0 txqueuelen 0 type veth peer name dev1"},
	"bridge":                 {"ip link add dev0 type bridge"},
	"vlan":                   {"ip link add link eth0 name dev0 type vlan id 7"},
	"bond":                   {"ip link add dev0 type bond"},
	"dummy":                  {"ip link add dev0 type dummy"},
	"ifb":                    {"ip link add dev0 numtxqueues 2 type ifb"},
	"macvlan":                {"ip link add link eth0 name dev0 type macvlan"},
	"vxlan":                  {"ip link add dev0 type vxlan id 3 dev eth0 dstport 4789"},
	"tun":                    {"ip tuntap add dev0 mode tun"},
	"tap of several queues":  {"ip tuntap add dev0 mode tap multi_queue"},
}

// allOf shows all that the usual commands show of dev0.
func allOf(t *testing.T) string {
	t.Helper()
	var b strings.Builder
	for _, c := range []string{"tc qdisc show invisible dev dev0", "tc class show dev dev0", "ip link show dev dev0", "ethtool -k dev0", "ethtool -g dev0", "ethtool -c dev0", "ethtool -a dev0"} {
		args := strings.Fields(c)
		out, _ := exec.Command(args[0], args[1:]...).CombinedOutput() // not every driver has all of it
		b.WriteString("# " + c + "\n" + string(out))
	}
	for _, knob := range []string{"rps", "xps"} {
		masks, err := readMasks(Change{Knob: knob, Of: "dev0", To: "0"})
		fmt.Fprintln(&b, knob, masks, err)
	}
	return b.String()
}

// TestDevices sets all that an interface of each kind lets whydrop set, and sets it
// back: everything is as before. What cannot be read is not written either.
func TestDevices(t *testing.T) {
	changes := []Change{
		{Knob: "txqueuelen", To: "77"},
		{Knob: "ring", Field: "rx", To: "128"}, {Knob: "ring", Field: "tx", To: "128"},
		{Knob: "coalesce", Field: "rx-usecs", To: "33"}, {Knob: "coalesce", Field: "adaptive-rx", To: "on"},
		{Knob: "pause", Field: "rx", To: "on"}, {Knob: "pause", Field: "autoneg", To: "off"},
		{Knob: "feature", Field: "tso", To: "off"}, {Knob: "feature", Field: "gso", To: "off"}, {Knob: "feature", Field: "gro", To: "on"}, {Knob: "feature", Field: "gro", To: "off"},
		{Knob: "feature", Field: "sg", To: "off"}, {Knob: "feature", Field: "tx", To: "off"}, {Knob: "feature", Field: "rx", To: "off"}, {Knob: "feature", Field: "lro", To: "on"},
		{Knob: "rps", To: "all"}, {Knob: "rps", To: "1"}, {Knob: "rps", Field: "rx-0", To: "1"}, {Knob: "xps", To: "1"}, {Knob: "xps", Field: "tx-1", To: "1"},
		{Knob: "qdisc", To: "pfifo limit 500"}, {Knob: "qdisc", To: "bfifo limit 100000"}, {Knob: "qdisc", To: "pfifo_fast"}, {Knob: "qdisc", To: "fq_codel"},
	}
	for name, commands := range devices {
		t.Run(name, func(t *testing.T) {
			inHost(t)
			lines(t, commands...)
			lines(t, "ip link set dev0 up")
			set := 0
			for _, c := range changes {
				c.Of = "dev0"
				before := allOf(t)
				was, err := c.Read()
				if err != nil || c.Reached(was) {
					continue
				}
				if _, err := c.set(); err == nil {
					set++
				}
				for range 2 { // also where it could not be set
					if err := c.back(was); err != nil {
						t.Errorf("%s to %s and back: %v", c.Name(), c.To, err)
					}
					if after := allOf(t); after != before {
						t.Errorf("%s to %s: not as before: %s", c.Name(), c.To, difference(before, after))
					}
				}
			}
			if set < 3 {
				t.Errorf("only %d of %d settings could be set", set, len(changes))
			}
			t.Logf("%d settings were set and set back", set)
		})
	}
}

// TestRootsOfSeveralQueues asks for the roots of an interface of several queues: one
// that somebody set, and one below which somebody put queues, are left alone; the
// kernel's own comes back.
func TestRootsOfSeveralQueues(t *testing.T) {
	for _, c := range []struct {
		name   string
		before []string
		fails  string
	}{
		{"somebody's", []string{"tc qdisc add dev dev0 root handle 8001: mq"}, "does not replace it"},
		{"with an estimator", []string{"tc qdisc add dev dev0 root handle 5: estimator 1s 8s pfifo limit 3"}, "does not replace it"},
		{"with a queue below", []string{"tc qdisc add dev dev0 root handle 8001: mq", "tc qdisc replace dev dev0 parent 8001:2 handle 5: pfifo limit 7"}, "does not replace it"},
		{"with filters on the way in", []string{"tc qdisc add dev dev0 ingress", "tc filter add dev dev0 parent ffff: protocol ip u32 match u32 0 0 flowid ffff:1"}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			inHost(t)
			lines(t, devices["veth of several queues"]...)
			lines(t, "ip link set dev0 up")
			lines(t, c.before...)
			filters := func() string { return allOf(t) + command(t, "tc", "filter", "show", "dev", "dev0", "ingress") }
			before := filters()
			for _, to := range []string{"pfifo limit 500", "default"} {
				change := Change{Knob: "qdisc", Of: "dev0", To: to}
				was, err := change.Read()
				if c.fails != "" {
					if err == nil || !strings.Contains(err.Error(), c.fails) {
						t.Errorf("%v, expected %q", err, c.fails)
					}
					continue
				}
				if err != nil {
					t.Fatal(err)
				}
				if change.Reached(was) {
					continue
				}
				if _, err := change.set(); err != nil {
					t.Fatal(err)
				}
				if err := change.back(was); err != nil {
					t.Fatal(err)
				}
			}
			if after := filters(); after != before {
				t.Errorf("not as before: %s", difference(before, after))
			}
		})
	}
}

// TestLeafRefused asks for the queues of classes below which the kernel would leave
// none, and of what is no class.
func TestLeafRefused(t *testing.T) {
	for _, c := range []struct {
		name   string
		before []string
		field  string
	}{
		{"of mq", []string{"tc qdisc add dev dev0 root handle 8001: mq"}, "8001:2 leaf"},
		{"of tbf", []string{"tc qdisc add dev dev0 root handle 1: tbf rate 6mbit burst 2000 limit 30000"}, "1:1 leaf"},
		{"of a class that is not there", []string{"tc qdisc add dev dev0 root handle 1: htb default 10", "tc class add dev dev0 parent 1: classid 1:10 htb rate 4mbit"}, "1:11 leaf"},
		{"of a class with classes", []string{"tc qdisc add dev dev0 root handle 1: htb default 10", "tc class add dev dev0 parent 1: classid 1:1 htb rate 4mbit", "tc class add dev dev0 parent 1:1 classid 1:10 htb rate 4mbit"}, "1:1 leaf"},
		{"with classes of its own", []string{"tc qdisc add dev dev0 root handle 1: htb default 10", "tc class add dev dev0 parent 1: classid 1:10 htb rate 4mbit", "tc qdisc add dev dev0 parent 1:10 handle 2: htb default 1"}, "1:10 leaf"},
		{"of an interface without classes", nil, "1:1 leaf"},
	} {
		t.Run(c.name, func(t *testing.T) {
			inHost(t)
			lines(t, devices["veth of several queues"]...)
			lines(t, "ip link set dev0 up")
			lines(t, c.before...)
			before := allOf(t)
			r, err := Start(t.TempDir(), "a test")
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			for _, to := range []string{"pfifo limit 500", "default"} {
				if err := r.Do(Change{Knob: "qdisc", Of: "dev0", Field: c.field, To: to}); err == nil {
					t.Errorf("%s was set", to)
				}
			}
			if after := allOf(t); after != before {
				t.Errorf("changed: %s", difference(before, after))
			}
		})
	}
}
