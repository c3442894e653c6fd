package inetdiag

import (
	"net/netip"
	"strings"
	"testing"
)

// A copy of /proc/net/tcp is read as the file is.
func TestScanProc(t *testing.T) {
	const text = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n" +
		"   0: 0100007F:1F90 00000000:0000 0A 00000000:00000003 00:00000000 00000000     0        0 4711 1\n"
	var got []Socket
	if err := ScanProc(strings.NewReader(text), func(s *Socket) { got = append(got, *s) }); err != nil {
		t.Fatal(err)
	}
	if len(got) != 1 || got[0].State != Listen || got[0].RQueue != 3 || got[0].Local.Port() != 0x1f90 || !got[0].Local.Addr().Is4() {
		t.Errorf("sockets %+v", got)
	}
	if want := netip.MustParseAddr("127.0.0.1"); got[0].Local.Addr() != want && got[0].Local.Addr() != netip.MustParseAddr("1.0.0.127") {
		t.Errorf("address %v, want %v", got[0].Local.Addr(), want)
	}
	if err := ScanProc(strings.NewReader("nothing\n"), func(*Socket) {}); err == nil {
		t.Error("no header: no error")
	}
}
