package apply

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/vishvananda/netlink"
)

// A token bucket can be given in bytes, as tc(8) does, or as the time that it takes to
// fill, as programs do. Either comes back as it was, to the tick.
func TestBucketComesBack(t *testing.T) {
	inHost(t)
	link, err := netlink.LinkByName("eth0")
	if err != nil {
		t.Fatal(err)
	}
	show := func() string { return command(t, "tc", "-d", "qdisc", "show", "dev", "eth0") }
	for n := range 60 {
		rate := rand.Uint64N(1 << (12 + rand.IntN(20))) // bytes a second, up to 34 Gbit/s
		rate = max(rate, 10000)
		size := 1500 + rand.Uint32N(1<<18)
		if n%2 == 0 {
			command(t, "tc", "qdisc", "replace", "dev", "eth0", "root", "handle", "1:", "tbf", "rate", fmt.Sprint(rate*8), "burst", fmt.Sprint(size), "limit", "300000")
		} else if err := netlink.QdiscReplace(&netlink.Tbf{
			QdiscAttrs: netlink.QdiscAttrs{LinkIndex: link.Attrs().Index, Handle: netlink.MakeHandle(1, 0), Parent: netlink.HANDLE_ROOT},
			Rate:       rate, Limit: 300000, Buffer: uint32(float64(size)/float64(rate)*1e9/64) + rand.Uint32N(40),
		}); err != nil {
			t.Logf("%d bytes at %d bytes/s: %v", size, rate, err)
			continue
		}
		before := show()
		c := Change{Knob: "qdisc", Of: "eth0", Field: "1: limit", To: "400000"}
		was, err := c.Read()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.set(); err != nil {
			t.Fatal(err)
		}
		if err := c.back(was); err != nil {
			t.Fatal(err)
		}
		if after := show(); after != before {
			t.Errorf("%d bytes at %d bytes/s, given in bytes: %t\nbefore %safter  %s", size, rate, n%2 == 0, before, after)
		}
		command(t, "tc", "qdisc", "del", "dev", "eth0", "root")
	}
}
