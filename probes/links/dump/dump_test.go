package dump

import (
	"encoding/binary"
	"errors"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func message(kind uint16, seq uint32, payload ...byte) []byte {
	b := binary.NativeEndian.AppendUint32(nil, uint32(unix.NLMSG_HDRLEN+len(payload)))
	b = binary.NativeEndian.AppendUint16(b, kind)
	b = binary.NativeEndian.AppendUint16(b, 0)
	b = binary.NativeEndian.AppendUint32(b, seq)
	b = binary.NativeEndian.AppendUint32(b, 0)
	b = append(b, payload...)
	for len(b)%4 != 0 {
		b = append(b, 0)
	}
	return b
}

func errno(e unix.Errno) []byte {
	return binary.NativeEndian.AppendUint32(nil, uint32(-int32(e)))
}

func TestWalk(t *testing.T) {
	const kind = unix.RTM_NEWLINK
	for _, c := range []struct {
		name string
		raw  []byte
		want []byte // first byte of each payload handed out
		done bool
		err  error // nil, or what the error has to wrap; errAny for any
	}{
		{"two, more to come", slices.Concat(message(kind, 7, 1), message(kind, 7, 2)), []byte{1, 2}, false, nil},
		{"the end", slices.Concat(message(kind, 7, 1), message(unix.NLMSG_DONE, 7)), []byte{1}, true, nil},
		{"an answer to somebody else", slices.Concat(message(kind, 6, 1), message(unix.NLMSG_DONE, 6)), nil, false, nil},
		{"not permitted", message(unix.NLMSG_ERROR, 7, errno(unix.EPERM)...), nil, true, unix.EPERM},
		{"acknowledged", message(unix.NLMSG_ERROR, 7, errno(0)...), nil, true, nil},
		{"error without number", message(unix.NLMSG_ERROR, 7), nil, true, errAny},
		{"longer than the datagram", message(kind, 7, 1)[:unix.NLMSG_HDRLEN], nil, true, errAny},
		{"shorter than a header", make([]byte, 64), nil, true, errAny},
		{"enough", slices.Concat(message(kind, 7, 1), message(kind, 7, 9), message(kind, 7, 2)), []byte{1, 9}, true, ErrCut},
	} {
		var got []byte
		done, err := walk(c.raw, 7, func(payload []byte) bool {
			got = append(got, payload[0])
			return payload[0] != 9
		})
		if !slices.Equal(got, c.want) || done != c.done {
			t.Errorf("%s: got %v done %v, want %v %v", c.name, got, done, c.want, c.done)
		}
		if (c.err == nil) != (err == nil) || c.err != nil && c.err != errAny && !errors.Is(err, c.err) {
			t.Errorf("%s: error %v, want %v", c.name, err, c.err)
		}
	}
}

var errAny = errors.New("any error")

func TestAttributes(t *testing.T) {
	good := []byte{5, 0, 1, 0, 'x', 0, 0, 0, 8, 0, 2, 0x80, 1, 2, 3, 4}
	kinds := map[uint16]string{}
	if !Attributes(good, func(k uint16, v []byte) { kinds[k] = string(v) }) {
		t.Error("two good attributes were called malformed")
	}
	if kinds[1] != "x" || kinds[2] != "\x01\x02\x03\x04" {
		t.Errorf("attributes %v, want x and 1 2 3 4 with the nested flag off", kinds)
	}
	if Attributes([]byte{200, 0, 1, 0}, func(uint16, []byte) { t.Error("handed out an attribute that is cut off") }) {
		t.Error("an attribute that is cut off was not noticed")
	}
}

// TestDump asks this kernel for its links, which every user may.
func TestDump(t *testing.T) {
	c, err := Dial(unix.NETLINK_ROUTE, time.Second)
	if err != nil {
		t.Skip("no rtnetlink here: ", err)
	}
	defer c.Close()
	for range 2 { // a socket serves one dump after the other
		n := 0
		if err := c.Dump(unix.RTM_GETLINK, make([]byte, unix.SizeofIfInfomsg), func([]byte) bool { n++; return true }); err != nil {
			t.Fatal(err)
		}
		if n == 0 {
			t.Error("no link, not even lo")
		}
	}
}

func FuzzWalk(f *testing.F) {
	f.Add(message(unix.RTM_NEWLINK, 7, 1, 2, 3))
	f.Add(slices.Concat(message(unix.NLMSG_ERROR, 7, 1), message(unix.NLMSG_DONE, 7)))
	f.Fuzz(func(t *testing.T, b []byte) {
		_, _ = walk(b, 7, func(payload []byte) bool {
			Attributes(payload, func(_ uint16, v []byte) { Attributes(v, func(uint16, []byte) {}) })
			return true
		})
	})
}
