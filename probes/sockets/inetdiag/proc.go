package inetdiag

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
)

// ReadProc visits the sockets of /proc/net/tcp or /proc/net/tcp6: addresses,
// states, queues and timers, and nothing of tcp_info or memory. A listener's
// WQueue (the limit) is not shown there and is 0. The Socket is reused.
//
// Errors: the file's own, the context's, and a first line that is not the header.
func ReadProc(ctx context.Context, path string, visit func(*Socket)) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := scanProc(ctx, f, visit); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

func scanProc(ctx context.Context, r io.Reader, visit func(*Socket)) error {
	lines := bufio.NewScanner(r)
	lines.Buffer(make([]byte, 0, readSize), readSize)
	if !lines.Scan() || !bytes.Contains(lines.Bytes(), []byte("local_address")) {
		return errors.Join(errors.New("no header line"), lines.Err())
	}
	var s Socket
	for n := 0; lines.Scan(); n++ {
		if n%1024 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		if s.parseProc(lines.Bytes()) {
			visit(&s)
		}
	}
	return lines.Err()
}

// parseProc reads a line such as
//
//	0: 0100007F:1F90 00000000:0000 0A 00000000:00000003 00:00000000 00000000 0 0 4711 1 ...
//
// The columns are slot, local, remote, state, send:receive queue, timer:when,
// retransmits, uid, timeout, inode (net/ipv4/tcp_ipv4.c, get_tcp4_sock).
func (s *Socket) parseProc(line []byte) bool {
	var column [10][]byte
	for i := range column {
		line = bytes.TrimLeft(line, " ")
		end := bytes.IndexByte(line, ' ')
		if end < 0 {
			end = len(line)
		}
		column[i], line = line[:end], line[end:]
	}
	*s = Socket{}
	var okLocal, okRemote bool
	s.Local, okLocal = procAddress(column[1])
	s.Remote, okRemote = procAddress(column[2])
	state, okState := number(column[3], 16)
	sendQueue, receiveQueue := pair(column[4])
	timer, _ := pair(column[5])
	retrans, _ := number(column[6], 16)
	uid, _ := number(column[7], 10)
	inode, okInode := number(column[9], 10)
	s.State, s.Timer, s.Retrans = State(state), Timer(timer), uint8(retrans)
	s.WQueue, s.RQueue, s.UID, s.Inode = sendQueue, receiveQueue, uid, inode
	return okLocal && okRemote && okState && okInode && state >= uint32(Established) && state <= uint32(NewSynRecv)
}

// procAddress reads "0100007F:1F90": the address as 32-bit words in the host's
// byte order, 1 for IPv4 and 4 for IPv6, and the port.
func procAddress(b []byte) (netip.AddrPort, bool) {
	colon := bytes.IndexByte(b, ':')
	if colon != 8 && colon != 32 {
		return netip.AddrPort{}, false
	}
	port, ok := number(b[colon+1:], 16)
	if !ok || port > 0xffff {
		return netip.AddrPort{}, false
	}
	var raw [16]byte
	for i := 0; i < colon; i += 8 {
		word, ok := number(b[i:i+8], 16)
		if !ok {
			return netip.AddrPort{}, false
		}
		binary.NativeEndian.PutUint32(raw[i/2:], word)
	}
	if colon == 8 {
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte(raw[:4])), uint16(port)), true
	}
	return netip.AddrPortFrom(netip.AddrFrom16(raw).Unmap(), uint16(port)), true
}

// pair reads "0000000A:0000001F".
func pair(b []byte) (first, second uint32) {
	before, after, _ := bytes.Cut(b, []byte{':'})
	first, _ = number(before, 16)
	second, _ = number(after, 16)
	return first, second
}

// number reads an unsigned number without allocating, as strconv would.
func number(b []byte, base uint64) (uint32, bool) {
	var n uint64
	for _, c := range b {
		var d byte
		switch {
		case c >= '0' && c <= '9':
			d = c - '0'
		case c >= 'A' && c <= 'F':
			d = c - 'A' + 10
		case c >= 'a' && c <= 'f':
			d = c - 'a' + 10
		default:
			return 0, false
		}
		n = n*base + uint64(d)
		if uint64(d) >= base || n > 1<<32-1 {
			return 0, false
		}
	}
	return uint32(n), len(b) > 0
}
