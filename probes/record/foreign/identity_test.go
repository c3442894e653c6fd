package foreign

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"whydrop/probes/fact"
)

// Samples of hosts that nobody names are not compared if what they show cannot be of
// one host.
func TestUnnamedHosts(t *testing.T) {
	const counters = "$ nstat -az\nIpInReceives %d00 0.0\nTcpInSegs %d00 0.0\nTcpExtListenDrops %d 0.0\n"
	link := func(name, mac string) string {
		return "$ ip -s link\n1: lo: <LOOPBACK,UP,LOWER_UP> mtu 65536 qdisc noqueue state UNKNOWN\n    link/loopback 00:00:00:00:00:00 brd 00:00:00:00:00:00\n" +
			"2: " + name + ": <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc mq state UP\n    link/ether " + mac + " brd ff:ff:ff:ff:ff:ff\n" +
			"3: veth12@if2: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc noqueue state UP\n    link/ether 0a:00:00:00:00:01 brd ff:ff:ff:ff:ff:ff link-netnsid 0\n"
	}
	only := func(name, mac string) string {
		return "$ ip link show dev " + name + "\n2: " + name + ": <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc mq state UP\n    link/ether " + mac + " brd ff:ff:ff:ff:ff:ff\n"
	}
	address := func(a string) string {
		return "$ ip -o addr\n1: lo    inet 127.0.0.1/8 scope host lo\n2: eth0    inet " + a + "/24 brd 192.0.2.255 scope global eth0\n2: eth0    inet6 fe80::1/64 scope link\n"
	}
	sockets := func(a string) string {
		text := "$ ss -tn\nState Recv-Q Send-Q Local Address:Port Peer Address:Port\n"
		for port := range 4 {
			text += fmt.Sprintf("ESTAB 0 0 %s:44%d 198.51.100.9:443\n", a, port)
		}
		return text
	}
	const json = `$ ip -j addr` + "\n" + `[{"ifindex":1,"ifname":"lo","flags":["LOOPBACK","UP"],"link_type":"loopback"},{"ifindex":2,"ifname":"eth0","flags":["UP"],"link_type":"ether","address":"02:00:00:00:00:0%s","addr_info":[{"family":"inet","local":"192.0.2.%s"}]}]` + "\n"
	device := func(name string) string {
		return "$ cat /proc/net/dev\nInter-|   Receive\n face |bytes\n    lo: 1 1 0 0 0 0 0 0 1 1 0 0 0 0 0 0\n  " + name + ": 1 1 0 0 0 0 0 0 1 1 0 0 0 0 0 0\n"
	}
	tests := map[string]struct {
		a, b string
		says string // empty if they can be of one host
	}{
		"the same":                       {link("eth0", "02:00:00:00:00:01"), link("eth0", "02:00:00:00:00:01"), ""},
		"another NIC":                    {link("eth0", "02:00:00:00:00:01"), link("eth0", "02:00:00:00:00:02"), "no hardware address"},
		"another name":                   {device("eth0"), device("ens5"), "no interface is on both: eth0 and ens5"},
		"the same name":                  {device("eth0"), device("eth0"), ""},
		"two interfaces of a host":       {only("eth0", "02:00:00:00:00:01"), only("eth1", "02:00:00:00:00:02"), ""},
		"the same interface, other NICs": {only("eth0", "02:00:00:00:00:01"), only("eth0", "02:00:00:00:00:02"), "no hardware address"},
		"other addresses":                {address("192.0.2.7"), address("192.0.2.8"), "no address is on both: 192.0.2.7 and 192.0.2.8"},
		"a new address, the same NIC":    {link("eth0", "02:00:00:00:00:01") + address("192.0.2.7"), link("eth0", "02:00:00:00:00:01") + address("192.0.2.8"), ""},
		"other connections":              {sockets("192.0.2.7"), sockets("192.0.2.8"), "no local address of a TCP connection"},
		"the same connections":           {sockets("192.0.2.7"), sockets("192.0.2.7"), ""},
		"JSON":                           {strings.ReplaceAll(json, "%s", "1"), strings.ReplaceAll(json, "%s", "2"), "no hardware address"},
		"different things":               {link("eth0", "02:00:00:00:00:01"), sockets("192.0.2.7"), ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			var paths []string
			for i, text := range []string{test.a, test.b} {
				path := filepath.Join(dir, fmt.Sprintf("%d.txt", i))
				if err := os.WriteFile(path, []byte(text+strings.ReplaceAll(counters, "%d", fmt.Sprint(i+5))), 0o600); err != nil {
					t.Fatal(err)
				}
				paths = append(paths, path)
			}
			r, err := Open(paths, Knowledge{})
			if test.says != "" {
				if err == nil || !strings.Contains(err.Error(), "different hosts") || !strings.Contains(err.Error(), test.says) {
					t.Errorf("error %v, want one with %q", err, test.says)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if n, _ := last(t, r).Num("TcpExt.ListenDrops"); n != 1 {
				t.Errorf("ListenDrops grew by %v, want 1; notes %q", n, r.Notes)
			}
		})
	}
}

// A host is called as it calls itself, or as a prompt shows it, or is said to have no name.
func TestHostName(t *testing.T) {
	const sample = "TcpInSegs 1 0.0\n"
	for text, want := range map[string]string{
		"$ nstat -az\n":                                                         fact.Nameless,
		"[root@web1 ~]# nstat -az\n":                                            "web1",
		"root@web1:/var/log# nstat -az\n":                                       "web1",
		"ubuntu@ip-10-0-0-5:~$ sudo nstat -az\n":                                "ip-10-0-0-5",
		"web1:~ # nstat -az\n":                                                  "web1",
		"web1:/etc # nstat -az\n":                                               "web1",
		"root@web1 ~ # nstat -az\n":                                             "web1",
		"$ hostname\nweb1\n$ nstat -az\n":                                       "web1",
		"$ hostname -f\nweb1.example.com\n$ nstat -az\n":                        "web1.example.com",
		"Linux web1 6.1.0-18-amd64 #1 SMP x86_64 GNU/Linux\n$ nstat -az\n":      "web1",
		"$ sysctl -a\nkernel.hostname = web1\nnet.core.a = 1\n$ nstat -az\n":    "web1",
		"$ journalctl -k\nNov 21 20:00:00 web1 kernel: eth0: up\n$ nstat -az\n": "web1",
		"$ hostnamectl\n   Static hostname: web1\n$ nstat -az\n":                "web1",
	} {
		r, f := read(t, text+sample)
		if r.Header.Host != want || f.Host != want {
			t.Errorf("%q is of %q, its facts of %q, want %q", text, r.Header.Host, f.Host, want)
		}
	}
}
