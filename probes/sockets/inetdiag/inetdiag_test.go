package inetdiag

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// tcpInfoBytes returns a struct tcp_info of the given length, with a few fields
// set as a kernel of that length would.
func tcpInfoBytes(length int) []byte {
	b := make([]byte, 248)
	order := binary.NativeEndian
	b[4] = 3                          // backoff
	order.PutUint32(b[8:], 1_632_000) // rto
	order.PutUint32(b[100:], 7)       // total_retrans
	order.PutUint64(b[120:], 1234)    // bytes_acked
	order.PutUint32(b[224:], 11)      // rcv_ooopack
	order.PutUint32(b[228:], 65536)   // snd_wnd
	order.PutUint16(b[240:], 4)       // total_rto
	return b[:length]
}

func message(family uint8, info []byte) []byte {
	b := make([]byte, messageSize)
	b[0], b[1], b[2], b[3] = family, uint8(Established), uint8(TimerRetransmit), 2
	binary.BigEndian.PutUint16(b[4:], 443)
	binary.BigEndian.PutUint16(b[6:], 51000)
	copy(b[8:], []byte{10, 9, 0, 1})
	copy(b[24:], []byte{10, 9, 0, 2})
	if family == unix.AF_INET6 { // v4-mapped
		mapped := []byte{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 9, 0, 1}
		copy(b[8:], mapped)
		mapped[15] = 2
		copy(b[24:], mapped)
	}
	binary.NativeEndian.PutUint32(b[44:], 0x11)
	binary.NativeEndian.PutUint32(b[48:], 0x22)
	b = attribute(b, attrInfo, info)
	b = attribute(b, attrCong, []byte("cubic\x00"))
	memory := make([]byte, 36)
	for i := range 9 {
		binary.NativeEndian.PutUint32(memory[4*i:], uint32(100+i))
	}
	return attribute(b, attrMemory, memory)
}

func attribute(b []byte, kind uint16, value []byte) []byte {
	b = binary.NativeEndian.AppendUint16(b, uint16(4+len(value)))
	b = binary.NativeEndian.AppendUint16(b, kind)
	b = append(b, value...)
	return append(b, make([]byte, align(len(value))-len(value))...)
}

// TestParseOfKernels: tcp_info grew at its end from kernel to kernel.
func TestParseOfKernels(t *testing.T) {
	for _, kernel := range []struct {
		name                      string
		length                    int
		acked                     uint64
		hasAcked, hasWnd, hasRTOs bool
	}{
		{"3.10", 104, 0, false, false, false},
		{"4.9", 168, 1234, true, false, false},
		{"4.18", 200, 1234, true, false, false},
		{"5.10", 232, 1234, true, true, false},
		{"6.1", 232, 1234, true, true, false},
		{"6.18", 248, 1234, true, true, true},
	} {
		for _, family := range []uint8{unix.AF_INET, unix.AF_INET6} {
			s := Socket{Info: Info{SndWnd: 99, BytesAcked: 99}, InfoLen: 999} // left by another
			if known, err := s.parse(message(family, tcpInfoBytes(kernel.length))); !known || err != nil {
				t.Fatalf("%s: not a socket: %v", kernel.name, err)
			}
			if s.Local.String() != "10.9.0.1:443" || s.Remote.String() != "10.9.0.2:51000" || s.Cookie != 0x2200000011 {
				t.Errorf("%s: %v %v %x", kernel.name, s.Local, s.Remote, s.Cookie)
			}
			if s.Has(LenBytesReceived) != kernel.hasAcked || s.Has(LenSndWnd) != kernel.hasWnd || s.Has(LenTotalRTO) != kernel.hasRTOs {
				t.Errorf("%s: tcp_info of %d bytes claims other fields", kernel.name, s.InfoLen)
			}
			if s.Info.Backoff != 3 || s.Info.RTO != 1_632_000 || s.Info.TotalRetrans != 7 || s.Info.BytesAcked != kernel.acked {
				t.Errorf("%s: %+v", kernel.name, s.Info)
			}
			if (s.Info.SndWnd == 65536) != kernel.hasWnd || (s.Info.TotalRTO == 4) != kernel.hasRTOs {
				t.Errorf("%s: %+v", kernel.name, s.Info)
			}
			if s.Congestion() != "cubic" || s.Mem != (Memory{RMem: 100, RcvBuf: 101, SndBuf: 103, WMem: 105, Drops: 108}) {
				t.Errorf("%s: %q %+v", kernel.name, s.Congestion(), s.Mem)
			}
		}
	}
}

func readProcFixture(t *testing.T, name string) []string {
	var got []string
	err := ReadProc(context.Background(), filepath.Join("testdata", name), func(s *Socket) {
		got = append(got, fmt.Sprintf("%s %s>%s q%d/%d timer%d x%d uid%d inode%d",
			s.State, s.Local, s.Remote, s.RQueue, s.WQueue, s.Timer, s.Retrans, s.UID, s.Inode))
	})
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func TestReadProc(t *testing.T) {
	if binary.NativeEndian.Uint16([]byte{1, 0}) != 1 {
		t.Skip("the fixtures are of little-endian hosts")
	}
	for name, want := range map[string][]string{
		"tcp-4.18": {
			"LISTEN 0.0.0.0:22>0.0.0.0:0 q3/0 timer0 x0 uid0 inode21733",
			"ESTAB 10.0.2.15:22>10.0.2.2:50646 q0/36 timer1 x2 uid0 inode24016",
			"SYN-SENT 10.0.2.15:41412>198.51.100.7:443 q0/1 timer1 x3 uid1000 inode31337",
			"TIME-WAIT 10.0.2.15:45298>198.51.100.7:80 q0/0 timer3 x0 uid0 inode0",
		},
		"tcp6-6.1": {
			"LISTEN [::]:80>[::]:0 q0/0 timer0 x0 uid0 inode18410",
			"ESTAB 10.0.2.15:80>10.0.2.2:49153 q4096/0 timer0 x0 uid33 inode18999",
			"SYN-RECV [2001:db8::1]:80>[2001:db8::2]:33333 q0/0 timer1 x1 uid0 inode0",
		},
	} {
		if got := readProcFixture(t, name); strings.Join(got, "\n") != strings.Join(want, "\n") {
			t.Errorf("%s:\n%s\nwant\n%s", name, strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	}
}

func TestReadProcRefusesOtherFiles(t *testing.T) {
	for _, content := range []string{"", "hello\n", strings.Repeat("x", 2*readSize)} {
		if err := scanProc(context.Background(), strings.NewReader(content), func(*Socket) {}); err == nil {
			t.Errorf("no error for %.10q", content)
		}
	}
	if err := ReadProc(context.Background(), "testdata/none", nil); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a file that is not there: %v", err)
	}
}

// TestDumpShowsOwnConnection compares what inet_diag shows with a connection that
// is known, and /proc/net/tcp with it.
func TestDumpShowsOwnConnection(t *testing.T) {
	c, err := Dial()
	if err != nil {
		t.Skip(err)
	}
	defer c.Close()
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Skip(err)
	}
	defer listener.Close()
	client, err := net.Dial("tcp4", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	client.Write([]byte("hello"))
	request := Request{Family: unix.AF_INET, States: AllStates, Extensions: WithInfo | WithMemory}
	byDiag, byProc := map[string]string{}, map[string]string{}
	show := func(into map[string]string) func(*Socket) {
		return func(s *Socket) {
			if s.Local.Port() == uint16(listener.Addr().(*net.TCPAddr).Port) {
				into[s.Remote.String()] = fmt.Sprint(s.State, s.RQueue, s.Inode)
			}
		}
	}
	if _, err := c.Dump(context.Background(), request, show(byDiag)); err != nil {
		t.Skipf("inet_diag: %v", err)
	}
	if err := ReadProc(context.Background(), "/proc/thread-self/net/tcp", show(byProc)); err != nil {
		t.Skip(err)
	}
	if len(byDiag) != 2 || fmt.Sprint(byDiag) != fmt.Sprint(byProc) {
		t.Errorf("inet_diag shows %v, /proc/net/tcp %v", byDiag, byProc)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := c.Dump(ctx, request, func(*Socket) {}); !errors.Is(err, context.Canceled) {
		t.Errorf("a dump that nobody waits for: %v", err)
	}
}

func TestAnswer(t *testing.T) {
	code := func(n int32) []byte { return binary.NativeEndian.AppendUint32(nil, uint32(n)) }
	for name, c := range map[string]struct {
		body []byte
		want error
	}{
		"success":    {code(0), nil},
		"no status":  {nil, nil},
		"not loaded": {code(-int32(unix.ENOENT)), unix.ENOENT},
		"forbidden":  {code(-int32(unix.EPERM)), unix.EPERM},
	} {
		if err := answer(c.body); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// answerOf returns a message of an answer.
func answerOf(kind uint16, body []byte) []byte {
	b := binary.NativeEndian.AppendUint32(nil, uint32(unix.SizeofNlMsghdr+len(body)))
	b = binary.NativeEndian.AppendUint16(b, kind)
	b = binary.NativeEndian.AppendUint16(b, unix.NLM_F_MULTI)
	b = binary.NativeEndian.AppendUint32(b, 1) // sequence number
	b = binary.NativeEndian.AppendUint32(b, 0)
	return append(b, body...)
}

// TestHostileAnswers: whatever comes in place of an answer ends the dump with an
// error that says from where it came.
func TestHostileAnswers(t *testing.T) {
	socket := message(unix.AF_INET, tcpInfoBytes(232))
	done := answerOf(unix.NLMSG_DONE, []byte{0, 0, 0, 0})
	whole := answerOf(unix.SOCK_DIAG_BY_FAMILY, socket)
	badAttribute := bytes.Clone(socket)
	binary.NativeEndian.PutUint16(badAttribute[messageSize:], 60_000)
	tooLong := bytes.Clone(whole)
	binary.NativeEndian.PutUint32(tooLong, 1<<31)
	for name, c := range map[string]struct {
		reads   [][]byte
		sockets int
		fails   bool
	}{
		"an answer":              {[][]byte{append(bytes.Clone(whole), whole...), done}, 2, false},
		"one of another request": {[][]byte{{16, 0, 0, 0, 3, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0}, done}, 0, false},
		"cut within a socket":    {[][]byte{whole[:100]}, 0, true},
		"cut within a header":    {[][]byte{append(bytes.Clone(whole), 1, 2, 3)}, 1, true},
		"a socket too short":     {[][]byte{answerOf(unix.SOCK_DIAG_BY_FAMILY, socket[:40])}, 0, true},
		"a length out of bounds": {[][]byte{tooLong}, 0, true},
		"an attribute too long":  {[][]byte{answerOf(unix.SOCK_DIAG_BY_FAMILY, badAttribute)}, 0, true},
		"zeros":                  {[][]byte{make([]byte, 64)}, 0, true},
		"the end before the end": {[][]byte{whole}, 1, true},
		"an error in the middle": {[][]byte{whole, answerOf(unix.NLMSG_ERROR, []byte{0xff, 0xff, 0xff, 0xff})}, 1, true},
		"garbage":                {[][]byte{bytes.Repeat([]byte{0xa5}, 4096)}, 0, true},
	} {
		pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, read := range c.reads {
			if err := unix.Sendto(pair[1], read, 0, nil); err != nil {
				t.Fatal(err)
			}
		}
		unix.Close(pair[1])
		conn, sockets := Conn{fd: pair[0], seq: 1, buf: make([]byte, readSize)}, 0
		_, err = conn.receive(context.Background(), func(*Socket) { sockets++ })
		if (err != nil) != c.fails || sockets != c.sockets || (err != nil && !strings.Contains(err.Error(), "inet_diag")) {
			t.Errorf("%s: %d sockets, %v", name, sockets, err)
		}
		conn.Close()
	}
}

func FuzzBatch(f *testing.F) {
	whole := message(unix.AF_INET, tcpInfoBytes(232))
	f.Add(answerOf(unix.SOCK_DIAG_BY_FAMILY, whole))
	f.Add(answerOf(unix.SOCK_DIAG_BY_FAMILY, whole)[:80])
	f.Add(answerOf(unix.SOCK_DIAG_BY_FAMILY, message(unix.AF_INET6, tcpInfoBytes(104))))
	f.Add(answerOf(unix.NLMSG_DONE, nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		c := Conn{seq: 1}
		done, _, err := c.batch(b, func(s *Socket) {
			if s.State < Established || s.State > NewSynRecv {
				t.Errorf("state %v", s.State)
			}
			_ = s.Congestion()
		})
		if err != nil && (!done || !strings.Contains(err.Error(), "inet_diag")) {
			t.Errorf("%v (done: %v)", err, done)
		}
	})
}

func FuzzClosed(f *testing.F) {
	f.Add(answerOf(unix.SOCK_DIAG_BY_FAMILY, message(unix.AF_INET, tcpInfoBytes(248))))
	f.Add([]byte{16, 0, 0, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		var c Closed
		if err := c.messages(b, func(*Socket) {}); err != nil && !strings.Contains(err.Error(), "inet_diag") {
			t.Error(err)
		}
	})
}

// TestSubscribe: the end of a connection is told, with its last figures.
func TestSubscribe(t *testing.T) {
	closed, err := Subscribe()
	if err != nil {
		t.Skip(err)
	}
	defer closed.Close()
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Skip(err)
	}
	defer listener.Close()
	client, err := net.Dial("tcp4", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	client.Write([]byte("hello"))
	own := client.LocalAddr().String()
	client.Close()
	for until := time.Now().Add(5 * time.Second); time.Now().Before(until); time.Sleep(5 * time.Millisecond) {
		found := false
		_, err := closed.Read(context.Background(), func(s *Socket) {
			if s.Local.String() == own {
				found = s.Cookie != 0 && s.Has(LenDataSegsOut) && s.Info.DataSegsOut == 1
			}
		})
		if err != nil {
			t.Fatal(err)
		}
		if found {
			return
		}
		// The client's end stays until the other end closes, too.
		if server, err := listener.Accept(); err == nil {
			server.Close()
			listener.Close()
		}
	}
	t.Error("the kernel did not tell of the end")
}

func FuzzScanProc(f *testing.F) {
	for _, name := range []string{"tcp-4.18", "tcp6-6.1"} {
		b, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Add([]byte("local_address\n0: :::: 0A"))
	f.Fuzz(func(t *testing.T, b []byte) {
		scanProc(context.Background(), bytes.NewReader(b), func(s *Socket) {
			if !s.Local.IsValid() || s.State < Established || s.State > NewSynRecv {
				t.Errorf("%+v", s)
			}
		})
	})
}
