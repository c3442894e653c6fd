//go:build linux

package lab

import (
	"encoding/binary"
	"testing"
	"time"
)

// segment is an Ethernet frame with an IPv4 or IPv6 TCP segment between two ends.
func segment(six bool, flags byte, back bool) []byte {
	at := 20
	if six {
		at = 40
	}
	f := make([]byte, etherSize+at+20+100)
	ip := f[etherSize:]
	src, dst := []byte{10, 0, 0, 1}, []byte{10, 0, 0, 2}
	if back {
		src, dst = dst, src
	}
	if six {
		f[12], f[13], ip[0], ip[1], ip[6] = 0x86, 0xdd, 0x60, 0x20, 6
		copy(ip[8+12:], src)
		copy(ip[24+12:], dst)
	} else {
		f[12], ip[0], ip[1], ip[9] = 8, 0x45, 2, 6
		copy(ip[12:], src)
		copy(ip[16:], dst)
		checksumIPv4(ip)
	}
	tcp := ip[at:]
	ports := []uint16{40000, 443}
	if back {
		ports[0], ports[1] = ports[1], ports[0]
	}
	binary.BigEndian.PutUint16(tcp, ports[0])
	binary.BigEndian.PutUint16(tcp[2:], ports[1])
	binary.BigEndian.PutUint32(tcp[4:], 7000)
	binary.BigEndian.PutUint32(tcp[8:], 9000)
	tcp[12], tcp[13] = 5<<4, flags
	return f
}

// rightIPv4 says whether the header checksum of an IPv4 frame is right.
func rightIPv4(f []byte) bool {
	ip := append([]byte(nil), f[etherSize:]...)
	want := [2]byte(ip[10:12])
	checksumIPv4(ip)
	return want == [2]byte(ip[10:12])
}

func TestMarksOnlyWhatUnderstandsThem(t *testing.T) {
	four, six, deaf := segment(false, flagACK, false), segment(true, flagACK, false), segment(false, flagACK, false)
	deaf[etherSize+1] = 0
	if !markCE(four) || four[etherSize+1]&3 != 3 || !rightIPv4(four) {
		t.Errorf("IPv4: not marked, or with a wrong header checksum")
	}
	if !markCE(six) || six[etherSize+1]&0x30 != 0x30 {
		t.Errorf("IPv6: not marked")
	}
	if markCE(deaf) || deaf[etherSize+1] != 0 {
		t.Errorf("a packet without ECN was marked")
	}
}

func TestWireForgetsSilentConnections(t *testing.T) {
	for _, six := range []bool{false, true} {
		up, down := newLine(way{}), newLine(way{})
		up.state = newFlowState(3, true)
		down.state, up.back, down.back = up.state, down, up
		now := time.Unix(1000, 0)
		for _, step := range []struct {
			after time.Duration
			line  *line
			frame []byte
			event string
		}{
			{0, up, segment(six, flagSYN, false), ""},
			{0, down, segment(six, flagSYN|flagACK, true), ""},
			{2 * time.Second, up, segment(six, flagACK, false), ""},
			{2 * time.Second, down, segment(six, flagACK, true), ""},
			{4 * time.Second, up, segment(six, flagACK, false), "forgotten"},
			{0, down, segment(six, flagACK, true), "forgotten"},
			{0, up, segment(six, flagSYN, false), ""},
		} {
			now = now.Add(step.after)
			up.queue, down.queue = nil, nil
			if event := step.line.take(step.frame, now); event != step.event {
				t.Fatalf("IPv6 %v: event %q, expected %q", six, event, step.event)
			}
			if step.event == "forgotten" && (len(up.queue) != 1 || len(down.queue) != 1) {
				t.Fatalf("%d and %d resets, expected one to each end", len(up.queue), len(down.queue))
			}
		}
	}
}

func TestResetsAreValid(t *testing.T) {
	for _, six := range []bool{false, true} {
		ahead, back := resets(segment(six, flagACK, false))
		for i, f := range [][]byte{ahead, back} {
			ip, tcp := f[etherSize:], tcpOf(f)
			src, dst := ip[12:16], ip[16:20]
			if six {
				src, dst = ip[8:24], ip[24:40]
			} else if !rightIPv4(f) {
				t.Errorf("the header checksum is wrong")
			}
			if sum := tcpChecksum(src, dst, tcp); sum != 0 {
				t.Errorf("IPv6 %v: the checksum is wrong by %#x", six, sum)
			}
			// Ahead it continues the sender; back it is what the sender expects.
			if seq := binary.BigEndian.Uint32(tcp[4:]); seq != []uint32{7000, 9000}[i] || tcp[13] != flagRST {
				t.Errorf("sequence %d, flags %#x", seq, tcp[13])
			}
			if from := src[len(src)-1]; from != byte(i+1) {
				t.Errorf("it comes from .%d, expected .%d", from, i+1)
			}
		}
		if a, b := resets(segment(six, flagRST, false)); a != nil || b != nil {
			t.Errorf("a RST was answered")
		}
	}
}

// A timestamp that is set back leaves the rest as it was, and a right checksum.
func TestSetBack(t *testing.T) {
	for _, odd := range []bool{false, true} {
		f := segment(false, flagACK, false)
		tcp := f[etherSize+20:]
		tcp[12] = 8 << 4
		options := []byte{1, 1, 8, 10, 0, 1, 0, 5, 0, 0, 0, 9}
		if odd {
			options = []byte{1, 8, 10, 0, 1, 0, 5, 0, 0, 0, 9, 0}
		}
		copy(tcp[20:], options)
		src, dst := f[etherSize+12:etherSize+16], f[etherSize+16:etherSize+20]
		binary.BigEndian.PutUint16(tcp[16:], tcpChecksum(src, dst, tcp))
		if !setBack(f) {
			t.Fatal("there is a timestamp")
		}
		at := 24
		if odd {
			at = 23
		}
		if v := binary.BigEndian.Uint32(tcp[at:]); v != 0x10005-minute {
			t.Errorf("odd %v: the timestamp is %#x", odd, v)
		}
		have := binary.BigEndian.Uint16(tcp[16:])
		tcp[16], tcp[17] = 0, 0
		if want := tcpChecksum(src, dst, tcp); have != want {
			t.Errorf("odd %v: checksum %#x, want %#x", odd, have, want)
		}
	}
	if setBack(segment(false, flagACK, false)) || setBack(segment(true, flagSYN, false)) {
		t.Error("there was no timestamp to set back")
	}
}
