package drops

import (
	"net"
	"testing"

	"github.com/google/nftables"
)

// udp sends n datagrams of the given size from this namespace.
func udp(t testing.TB, to string, n, size int) {
	t.Helper()
	conn, err := net.Dial("udp", to)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	payload := make([]byte, size)
	for range n {
		_, _ = conn.Write(payload) // an error tells of a drop or of a rejection
	}
}

func TestLabFilter(t *testing.T) {
	const n = 1000
	l := newLab(t)
	l.drop(t, nftables.ChainHookInput, 17)
	f := observe(t, func() {
		l.in(t, l.there, func() { udp(t, hereIP+":9", n, 100) })
	})
	if got := dropped(f, "NETFILTER_DROP", "rx", "packets"); got != n {
		t.Errorf("%v packets dropped by the filter, %d sent", got, n)
	}
	t.Log(f.Values, f.Tables)
}
