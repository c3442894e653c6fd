package sockets

import (
	"fmt"
	"net"
	"runtime"
	"testing"
	"time"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// otherHost makes a second network namespace, joined to that of the test by a veth
// pair: 10.7.0.1 here, 10.7.0.11 and on there, where everything sent to port 8080
// is read. Of what comes for the address numbered bad, or for all if it is 0, every
// 20th packet is dropped.
func otherHost(t *testing.T, addresses, bad int) {
	t.Helper()
	ready, leave := make(chan error), make(chan struct{})
	t.Cleanup(func() { close(leave) })
	var thread int
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread ends with the goroutine
		err := unix.Unshare(unix.CLONE_NEWNET)
		thread = unix.Gettid()
		ready <- err
		if err != nil {
			return
		}
		<-ready // the wire is there
		listener, err := receiver(addresses, bad)
		ready <- err
		if err == nil {
			<-leave
			listener.Close()
		}
	}()
	if err := <-ready; err != nil {
		t.Skipf("cannot make a network namespace: %v", err)
	}
	fd, err := unix.Open(fmt.Sprintf("/proc/self/task/%d/ns/net", thread), unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	veth := &netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: "here"}, PeerName: "there", PeerNamespace: netlink.NsFd(fd)}
	if err := netlink.LinkAdd(veth); err != nil {
		t.Skipf("cannot make a veth pair: %v", err)
	}
	if err := raise("here", "10.7.0.1/24"); err != nil {
		t.Fatal(err)
	}
	ready <- nil
	if err := <-ready; err != nil {
		t.Skip(err)
	}
}

func raise(name string, addresses ...string) error {
	link, err := netlink.LinkByName(name)
	if err != nil {
		return err
	}
	for _, address := range addresses {
		a, err := netlink.ParseAddr(address)
		if err != nil {
			return err
		}
		if err := netlink.AddrAdd(link, a); err != nil {
			return err
		}
	}
	return netlink.LinkSetUp(link)
}

// receiver reads what comes, in the namespace of the calling thread.
func receiver(addresses, bad int) (net.Listener, error) {
	var own []string
	for i := range addresses {
		own = append(own, fmt.Sprintf("10.7.0.%d/24", 11+i))
	}
	if err := raise("there", own...); err != nil {
		return nil, err
	}
	if err := lossyAddress(bad); err != nil {
		return nil, err
	}
	listener, err := net.Listen("tcp4", ":8080")
	if err != nil {
		return nil, err
	}
	go func() {
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				buffer := make([]byte, 1<<16)
				for n, err := 1, error(nil); n > 0 && err == nil; n, err = c.Read(buffer) {
				}
				c.Close()
			}()
		}
	}()
	return listener, nil
}

func lossyAddress(bad int) error {
	c, err := nftables.New()
	if err != nil {
		return err
	}
	table := c.AddTable(&nftables.Table{Family: nftables.TableFamilyIPv4, Name: "t"})
	chain := c.AddChain(&nftables.Chain{
		Name: "loss", Table: table, Type: nftables.ChainTypeFilter,
		Hooknum: nftables.ChainHookInput, Priority: nftables.ChainPriorityFilter,
	})
	var match []expr.Any
	if bad > 0 {
		match = []expr.Any{
			&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseNetworkHeader, Offset: 16, Len: 4},
			&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: []byte{10, 7, 0, byte(bad)}},
		}
	}
	c.AddRule(&nftables.Rule{Table: table, Chain: chain, Exprs: append(match,
		&expr.Numgen{Register: 1, Modulus: 20, Type: unix.NFT_NG_RANDOM},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: []byte{0, 0, 0, 0}},
		&expr.Verdict{Kind: expr.VerdictDrop},
	)})
	return c.Flush()
}

// TestSpreadOnTheWire: twelve connections to six addresses of another host. What is
// lost for one of them is told from what is lost for all.
func TestSpreadOnTheWire(t *testing.T) {
	for name, c := range map[string]struct {
		bad      int
		word, to string
	}{
		"one destination": {13, spreadPeer, "10.7.0.13"},
		"all of them":     {0, spreadAll, ""},
	} {
		t.Run(name, func(t *testing.T) {
			inNamespace(t)
			otherHost(t, 6, c.bad)
			var connections []net.Conn
			for i := range 12 {
				conn, err := net.DialTimeout("tcp4", fmt.Sprintf("10.7.0.%d:8080", 11+i%6), 5*time.Second)
				if err != nil {
					t.Fatal(err)
				}
				defer conn.Close()
				connections = append(connections, conn)
			}
			request := make([]byte, 1000)
			f := observe(t, 8, 20*time.Millisecond, func(int) {
				for range 40 {
					for _, conn := range connections {
						conn.SetWriteDeadline(time.Now().Add(time.Second))
						conn.Write(request)
					}
					time.Sleep(time.Millisecond)
				}
			})
			if word, to := f.Values["retrans.spread"].Now, f.Values["retrans.spread_to"].Now; word != c.word || (c.to != "" && to != c.to) {
				t.Errorf("%v %v, want %v %v; %v", word, to, c.word, c.to, f.Tables["peer"])
			}
			if seen, _ := f.Num("retrans.seen_share"); seen < 0.9 {
				t.Errorf("retrans.seen_share is %v", seen)
			}
			row := rowOf(t, f, "egress", "name", "here")
			expect(t, "egress", row, row["flows"] == 12.0 && row["retrans"].(float64) > 5)
		})
	}
}
