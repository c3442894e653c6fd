package sockets

import (
	"encoding/binary"
	"net/netip"
	"os"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
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
