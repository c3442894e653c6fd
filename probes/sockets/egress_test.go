package sockets

import (
	"encoding/binary"
	"net/netip"
	"os"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"whydrop/probes/sockets/inetdiag"
)

func TestOwnAddresses(t *testing.T) {
	own, names := addresses()
	if len(own) == 0 {
		t.Skip("rtnetlink tells no address here")
	}
	if link, ok := own[netip.MustParseAddr("127.0.0.1")]; ok && !strings.HasPrefix(names[link], "lo") {
		t.Errorf("127.0.0.1 is on %q", names[link])
	}
	// A link between two hosts: IFA_ADDRESS is the other end.
	message := append(make([]byte, unix.SizeofNlMsghdr), unix.AF_INET, 32, 0, 0, 7, 0, 0, 0)
	for kind, addr := range map[byte]byte{unix.IFA_ADDRESS: 2, unix.IFA_LOCAL: 1} {
		message = append(message, 8, 0, kind, 0, 10, 0, 0, addr)
	}
	binary.NativeEndian.PutUint32(message, uint32(len(message)))
	binary.NativeEndian.PutUint16(message[4:], unix.RTM_NEWADDR)
	own = map[netip.Addr]int{}
	if err := ownAddresses(message, own); err != nil || len(own) != 1 || own[netip.MustParseAddr("10.0.0.1")] != 7 {
		t.Errorf("%v, %v", own, err)
	}
}

func FuzzOwnAddresses(f *testing.F) {
	if table, err := syscall.NetlinkRIB(unix.RTM_GETADDR, unix.AF_UNSPEC); err == nil {
		f.Add(table)
		f.Add(table[:len(table)-3])
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		own := map[netip.Addr]int{}
		if err := ownAddresses(b, own); err != nil && !strings.Contains(err.Error(), "rtnetlink") {
			t.Error(err)
		}
		for addr := range own {
			if !addr.IsValid() {
				t.Error("an address that is none")
			}
		}
	})
}

func TestSocketInode(t *testing.T) {
	for target, want := range map[string]uint32{
		"socket:[4711]": 4711, "socket:[4294967295]": 4294967295,
		"socket:[4294967296]": 0, "socket:[]": 0, "socket:[1": 0, "socket:[1x]": 0, "pipe:[1]": 0, "": 0,
	} {
		if got, ok := socketInode([]byte(target)); got*uint32(index(ok)) != want || ok != (want > 0) {
			t.Errorf("%q: %d, %v", target, got, ok)
		}
	}
}

// TestEachName compares with what the standard library reads.
func TestEachName(t *testing.T) {
	dir, err := os.Open("/proc/self/fd")
	if err != nil {
		t.Skip(err)
	}
	defer dir.Close()
	want, err := dir.Readdirnames(-1)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := dir.Seek(0, 0); err != nil {
		t.Fatal(err)
	}
	var entries [8 << 10]byte
	n, err := unix.Getdents(int(dir.Fd()), entries[:])
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]bool{}
	eachName(entries[:n], func(name []byte) { found[unix.ByteSliceToString(name)] = true })
	for _, name := range want {
		if !found[name] {
			t.Errorf("%s is missing among %v", name, found)
		}
	}
}

func FuzzEachName(f *testing.F) {
	f.Add([]byte("12345678abcdefgh\x18\x00\x0afd\x00\x00\x00"))
	f.Fuzz(func(t *testing.T, b []byte) {
		eachName(b, func(name []byte) {
			if len(name) < 2 || name[len(name)-1] != 0 {
				t.Errorf("%q", name)
			}
		})
	})
}

// A listener with a full accept queue leaves SYNs of its own host unanswered: they
// say nothing of the way to others.
func TestAttemptsToOwnAddresses(t *testing.T) {
	attempt := func(cookie uint64, remote string, again uint8) inetdiag.Socket {
		return with(connection(cookie, remote), func(k *inetdiag.Socket) {
			k.State, k.Retrans = inetdiag.SynSent, again
			k.Info.TotalRetrans = uint32(again)
		})
	}
	look := func(again uint8) []inetdiag.Socket {
		return []inetdiag.Socket{attempt(1, "10.9.0.1:7443", again), attempt(2, "10.9.0.7:7443", again), attempt(3, "192.0.2.5:443", again)}
	}
	s, _ := scripted(t, look(1), look(2), look(3))
	f := looksAt(t, s, 3, 0)
	numbers(t, f, map[string]float64{"tcp.syn_sent": 3, "tcp.syn_sent_retrying": 1, "tcp.syn_sent_retrying_here": 2})
	if row := rowOf(t, f, "peer", "name", "192.0.2.5"); row["syn_retrying"] != 1.0 || row["retrans"] != 2.0 {
		t.Errorf("the other host: %v", row)
	}
	for _, own := range []string{"10.9.0.1", "10.9.0.7"} {
		row := rowOf(t, f, "peer", "name", own)
		if _, known := row["syn_retrying"]; known || row["retrans"] != 2.0 {
			t.Errorf("own address: %v", row)
		}
		if flow := rowOf(t, f, "flow", "remote", own+":7443"); flow["same_host"] != true {
			t.Errorf("own address: %v", flow)
		}
	}
}
