package counters

import "testing"

// Copies of files are read as the files are; what is not among them stays unknown.
func TestFrom(t *testing.T) {
	r, errs := From(map[string][]byte{
		"net/netstat":      []byte("TcpExt: ListenDrops\nTcpExt: 7\n"),
		"net/softnet_stat": []byte("00000005 00000001 00000002\n"),
		"net/sockstat":     []byte("nonsense\n"),
	})
	if v, _ := r.Netstat.Get("TcpExt.ListenDrops"); v != 7 || len(r.CPUs) != 1 || r.CPUs[0].Dropped != 1 {
		t.Errorf("reading %+v", r)
	}
	if r.SNMP != nil || r.SNMP6 != nil || r.Sent != nil || r.Sockets != nil {
		t.Errorf("parts are known that were not among the copies: %+v", r)
	}
	if len(errs) != 1 {
		t.Errorf("errors %v, want one about sockstat", errs)
	}
}
