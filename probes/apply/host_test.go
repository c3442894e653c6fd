package apply

import (
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"

	"github.com/vishvananda/netns"
)

// inHost runs a test in a network namespace of its own with a pair of interfaces, a
// shaper and some routes. Nothing outside of it changes.
func inHost(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root to make a network namespace")
	}
	runtime.LockOSThread()
	own, err := netns.Get()
	if err != nil {
		t.Fatal(err)
	}
	ns, err := netns.New()
	if err != nil {
		runtime.UnlockOSThread()
		t.Skip("cannot make a network namespace: ", err)
	}
	t.Cleanup(func() {
		netns.Set(own)
		ns.Close()
		own.Close()
		runtime.UnlockOSThread()
	})
	command(t, "sysctl", "-q", "net.ipv6.conf.default.accept_dad=0") // addresses that are there at once
	command(t, "ip", "link", "add", "eth0", "type", "veth", "peer", "name", "eth1")
	command(t, "ip", "addr", "add", "10.9.0.1/24", "dev", "eth0")
	command(t, "ip", "link", "set", "eth0", "up")
	command(t, "ip", "link", "set", "eth1", "up")
	command(t, "ip", "link", "set", "lo", "up")
	command(t, "ip", "route", "add", "10.20.0.0/16", "via", "10.9.0.2", "mtu", "1400", "initcwnd", "20")
	command(t, "ip", "route", "add", "default", "via", "10.9.0.2")
	command(t, "ip", "route", "add", "blackhole", "10.66.0.0/16")
	command(t, "ip", "route", "add", "prohibit", "10.67.0.0/16", "table", "77", "metric", "5")
	command(t, "ip", "-6", "addr", "add", "fd00:9::1/64", "dev", "eth0", "nodad")
	command(t, "ip", "-6", "route", "add", "fd00:20::/64", "via", "fd00:9::2")
	until(t, "the routes of the addresses are there", func() bool {
		return strings.Count(command(t, "ip", "-6", "route", "show", "table", "local"), "local f") == 3
	})
}

// command runs a tool in the namespace of the calling thread.
func command(t *testing.T, name string, args ...string) string {
	t.Helper()
	if _, err := exec.LookPath(name); err != nil {
		t.Skip("needs ", name)
	}
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}

// picture is all that the usual commands show of the settings.
func picture(t *testing.T) string {
	t.Helper()
	var b strings.Builder
	for _, c := range []string{
		"sysctl -a -r ^net", "tc qdisc show", "tc class show dev eth0", "tc qdisc show dev eth1", "ip route show table all", "ip -6 route show table all", "ip link show",
		"ethtool -k eth0", "ethtool -k eth1",
	} {
		args := strings.Fields(c)
		out, err := exec.Command(args[0], args[1:]...).Output()
		if err != nil && args[0] != "sysctl" {
			t.Fatal(c, err)
		}
		b.WriteString("# " + c + "\n" + string(out))
	}
	return b.String()
}

// TestSetAndBack sets each kind of setting and sets it back: the usual command shows
// the new value, and in the end everything as it was before.
func TestSetAndBack(t *testing.T) {
	for _, c := range []struct {
		name   string
		before []string // commands that make what is to be changed
		change Change
		show   string // the command that shows it
		as     string // in its words
	}{
		{"sysctl", nil, Change{Knob: "sysctl", Of: "net.core.somaxconn", To: "8192"}, "sysctl net.core.somaxconn", "= 8192"},
		{"sysctl of several numbers", nil, Change{Knob: "sysctl", Of: "net.ipv4.ip_local_port_range", To: "15000 60999"}, "sysctl net.ipv4.ip_local_port_range", "15000\t60999"},
		{"sysctl with a dot in the interface", []string{"ip link add link eth0 name eth0.7 type vlan id 7"}, Change{Knob: "sysctl", Of: "net/ipv4/conf/eth0.7/rp_filter", To: "2"}, "sysctl net/ipv4/conf/eth0.7/rp_filter", "= 2"},
		{"congestion control", nil, Change{Knob: "sysctl", Of: "net.ipv4.tcp_congestion_control", To: "reno"}, "sysctl net.ipv4.tcp_congestion_control", "= reno"},
		{"txqueuelen", nil, Change{Knob: "txqueuelen", Of: "eth0", To: "2345"}, "ip link show eth0", "qlen 2345"},
		{"offload", nil, Change{Knob: "feature", Of: "eth0", Field: "tso", To: "off"}, "ethtool -k eth0", "tcp-segmentation-offload: off"},
		{"offload that takes others along", nil, Change{Knob: "feature", Of: "eth0", Field: "sg", To: "off"}, "ethtool -k eth0", "scatter-gather: off"},
		{"default to fifo", nil, Change{Knob: "qdisc", Of: "eth0", To: "pfifo limit 500"}, "tc qdisc show dev eth0", "pfifo"},
		{"fifo to default", []string{"tc qdisc add dev eth0 root handle 5: pfifo limit 3"}, Change{Knob: "qdisc", Of: "eth0", To: "default"}, "tc qdisc show dev eth0", "noqueue 0:"},
		{"fifo's limit", []string{"tc qdisc add dev eth0 root handle 5: pfifo limit 3"}, Change{Knob: "qdisc", Of: "eth0", Field: "5: limit", To: "300"}, "tc qdisc show dev eth0", "limit 300p"},
		{"tbf's rate", []string{"tc qdisc add dev eth0 root handle 1: tbf rate 6mbit burst 1514 limit 30000"}, Change{Knob: "qdisc", Of: "eth0", Field: "1: rate", To: "50mbit"}, "tc qdisc show dev eth0", "rate 50Mbit burst 151"},
		{"tbf's rate above a fifo of its own", []string{"tc qdisc add dev eth0 root handle 1: tbf rate 6mbit burst 2000 limit 30000", "tc qdisc add dev eth0 parent 1:1 handle 2: pfifo limit 6"}, Change{Knob: "qdisc", Of: "eth0", Field: "1: rate", To: "12mbit"}, "tc qdisc show dev eth0", "limit 6p"},
		{"tbf's limit", []string{"tc qdisc add dev eth0 root handle 1: tbf rate 900mbit burst 200k limit 30000"}, Change{Knob: "qdisc", Of: "eth0", Field: "1: limit", To: "300000"}, "tc qdisc show dev eth0", "rate 900Mbit burst 204"},
		{"tbf's burst", []string{"tc qdisc add dev eth0 root handle 1: tbf rate 30mbit burst 1000 limit 100k"}, Change{Knob: "qdisc", Of: "eth0", Field: "1: burst", To: "30280"}, "tc qdisc show dev eth0", "burst 3027"},
		{"tbf's burst at a high rate", []string{"tc qdisc add dev eth0 root handle 1: tbf rate 40gbit burst 60k limit 10m"}, Change{Knob: "qdisc", Of: "eth0", Field: "1: burst", To: "20000000"}, "tc qdisc show dev eth0", "burst 1999"},
		{"tbf's burst above a fifo of its own", []string{"tc qdisc add dev eth0 root handle 1: tbf rate 6mbit burst 1000 limit 30000", "tc qdisc add dev eth0 parent 1:1 handle 2: pfifo limit 6"}, Change{Knob: "qdisc", Of: "eth0", Field: "1: burst", To: "20000"}, "tc qdisc show dev eth0", "limit 6p"},
		{"htb's ceil", []string{"tc qdisc add dev eth0 root handle 1: htb default 10", "tc class add dev eth0 parent 1: classid 1:10 htb rate 5mbit ceil 8mbit burst 20k cburst 20k"}, Change{Knob: "qdisc", Of: "eth0", Field: "1:10 ceil", To: "80mbit"}, "tc class show dev eth0", "ceil 80Mbit burst 20Kb cburst 20Kb"},
		{"htb's rate above 32 bits", []string{"tc qdisc add dev eth0 root handle 1: htb default 10", "tc class add dev eth0 parent 1: classid 1:10 htb rate 50gbit ceil 50gbit"}, Change{Knob: "qdisc", Of: "eth0", Field: "1:10 rate", To: "40gbit"}, "tc class show dev eth0", "rate 40Gbit"},
		{"route's mtu", nil, Change{Knob: "route", Of: "10.20.0.0/16", Field: "mtu", To: "1300"}, "ip route", "10.20.0.0/16 via 10.9.0.2 dev eth0 mtu 1300 initcwnd 20"},
		{"route's advmss, new", nil, Change{Knob: "route", Of: "default", Field: "advmss", To: "1200"}, "ip route", "default via 10.9.0.2 dev eth0 advmss 1200"},
		{"route's congestion control", nil, Change{Knob: "route", Of: "default", Field: "congctl", To: "reno"}, "ip route", "congctl reno"},
		{"IPv6 route's mtu", nil, Change{Knob: "route", Of: "fd00:20::/64", Field: "mtu", To: "1400"}, "ip -6 route", "fd00:20::/64 via fd00:9::2 dev eth0 metric 1024 mtu 1400"},
		{"route's metric taken away", nil, Change{Knob: "route", Of: "10.20.0.0/16", Field: "mtu", To: "none"}, "ip route", "10.20.0.0/16 via 10.9.0.2 dev eth0 initcwnd 20"},
		{"route's rto_min, which must be locked", nil, Change{Knob: "route", Of: "default", Field: "rto_min", To: "5"}, "ip route", "rto_min lock 5ms"},
		{"route of several hops, one of them dead", []string{"ip link add d0 type veth peer name d1", "ip link set d0 up", "ip route add 10.30.0.0/16 mtu 1450 nexthop via 10.9.0.2 dev eth0 weight 3 nexthop dev d0"}, Change{Knob: "route", Of: "10.30.0.0/16", Field: "mtu", To: "1300"}, "ip route", "mtu 1300"},
		{"IPv6 route of several hops", []string{"ip -6 route add fd00:30::/64 nexthop via fd00:9::2 dev eth0 nexthop via fd00:9::3 dev eth0"}, Change{Knob: "route", Of: "fd00:30::/64", Field: "mtu", To: "1300"}, "ip -6 route", "mtu 1300"},
		{"route by a next hop object", []string{"ip nexthop add id 7 via 10.9.0.2 dev eth0", "ip route add 10.40.0.0/16 nhid 7"}, Change{Knob: "route", Of: "10.40.0.0/16", Field: "mtu", To: "1300"}, "ip route", "nhid 7 via 10.9.0.2 dev eth0 mtu 1300"},
		{"IPv6 blackhole", []string{"ip -6 route add blackhole fd00:66::/64"}, Change{Knob: "route", Of: "blackhole fd00:66::/64", To: "gone"}, "ip -6 route", ""},
		{"one route of several metrics", []string{"ip route add 10.50.0.0/16 via 10.9.0.2 metric 5 initcwnd 20", "ip route add 10.50.0.0/16 via 10.9.0.3 metric 77 advmss 1240"}, Change{Knob: "route", Of: "10.50.0.0/16 metric 77", Field: "mtu", To: "1300"}, "ip route", "10.50.0.0/16 via 10.9.0.3 dev eth0 metric 77 mtu 1300 advmss 1240"},
		{"one default route of several metrics", []string{"ip route add default via 10.9.0.3 metric 77"}, Change{Knob: "route", Of: "default metric 77", Field: "mtu", To: "1300"}, "ip route", "default via 10.9.0.3 dev eth0 metric 77 mtu 1300"},
		{"default route without a metric beside others", []string{"ip route add default via 10.9.0.3 metric 77"}, Change{Knob: "route", Of: "default metric 0", Field: "mtu", To: "1300"}, "ip route", "default via 10.9.0.2 dev eth0 mtu 1300"},
		{"connected route", nil, Change{Knob: "route", Of: "10.9.0.0/24", Field: "mtu", To: "1300"}, "ip route", "10.9.0.0/24 dev eth0 proto kernel scope link src 10.9.0.1 mtu 1300"},
		{"IPv6 connected route", nil, Change{Knob: "route", Of: "fd00:9::/64 metric 256", Field: "mtu", To: "1300"}, "ip -6 route", "fd00:9::/64 dev eth0 proto kernel metric 256 mtu 1300"},
		{"route with a metric in another table", []string{"ip route add 10.50.0.0/16 via 10.9.0.2 table 77 metric 5"}, Change{Knob: "route", Of: "10.50.0.0/16 metric 5 table 77", Field: "mtu", To: "1300"}, "ip route show table 77", "10.50.0.0/16 via 10.9.0.2 dev eth0 metric 5 mtu 1300"},
		{"receive packet steering", nil, Change{Knob: "rps", Of: "eth0", To: "1"}, "cat /proc/uptime", ""},
		{"blackhole", nil, Change{Knob: "route", Of: "blackhole 10.66.0.0/16", To: "gone"}, "ip route", ""},
		{"prohibit in another table", nil, Change{Knob: "route", Of: "prohibit 10.67.0.0/16 table 77", To: "gone"}, "ip route", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			inHost(t)
			for _, b := range c.before {
				args := strings.Fields(b)
				if out, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
					t.Skipf("%s: %s", b, out)
				}
			}
			before := picture(t)
			was, err := c.change.Read()
			if err != nil {
				t.Fatal(err)
			}
			if c.change.Reached(was) {
				t.Fatalf("%s is %s already", c.change.Name(), was.Text)
			}
			if _, err := c.change.set(); err != nil {
				t.Fatal(err)
			}
			args := strings.Fields(c.show)
			if out := command(t, args[0], args[1:]...); !strings.Contains(out, c.as) {
				t.Errorf("%s shows no %q:\n%s", c.show, c.as, out)
			}
			if c.change.Knob != "rps" && picture(t) == before { // which only /sys shows
				t.Error("nothing changed")
			}
			if now, err := c.change.Read(); err != nil || !c.change.Reached(now) {
				t.Errorf("it reads %s, %v", now.Text, err)
			}
			if err := c.change.back(was); err != nil {
				t.Fatal(err)
			}
			if after := picture(t); after != before {
				t.Errorf("not as before: %s", difference(before, after))
			}
			if err := c.change.back(was); err != nil {
				t.Errorf("a second time: %v", err)
			}
			if after := picture(t); after != before {
				t.Errorf("not as before after the second time: %s", difference(before, after))
			}
		})
	}
}

// difference is the lines that only one of two texts has.
func difference(a, b string) string {
	var out strings.Builder
	in := func(s string) map[string]bool {
		m := map[string]bool{}
		for l := range strings.Lines(s) {
			m[l] = true
		}
		return m
	}
	left, right := in(a), in(b)
	for l := range strings.Lines(a) {
		if !right[l] {
			out.WriteString("- " + l)
		}
	}
	for l := range strings.Lines(b) {
		if !left[l] {
			out.WriteString("+ " + l)
		}
	}
	return out.String()
}
