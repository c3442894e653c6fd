package remote

import (
	"encoding/binary"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	cryptossh "golang.org/x/crypto/ssh"
)

// loopback listens there.
func loopback(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// server is an SSH server that runs each command in a shell. drop lets all its
// connections break.
func server(t *testing.T, dir string, l net.Listener) (addr string, drop func()) {
	t.Helper()
	pem, err := os.ReadFile(filepath.Join(dir, "host"))
	if err != nil {
		t.Fatal(err)
	}
	key, err := cryptossh.ParsePrivateKey(pem)
	if err != nil {
		t.Fatal(err)
	}
	config := &cryptossh.ServerConfig{PublicKeyCallback: func(cryptossh.ConnMetadata, cryptossh.PublicKey) (*cryptossh.Permissions, error) { return nil, nil }}
	config.AddHostKey(key)
	t.Cleanup(func() { l.Close() })
	var mu sync.Mutex
	var all []net.Conn
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			all = append(all, c)
			mu.Unlock()
			go serveSSH(c, config)
		}
	}()
	return l.Addr().String(), func() {
		mu.Lock()
		defer mu.Unlock()
		for _, c := range all {
			c.Close()
		}
	}
}

func serveSSH(c net.Conn, config *cryptossh.ServerConfig) {
	defer c.Close()
	_, channels, requests, err := cryptossh.NewServerConn(c, config)
	if err != nil {
		return
	}
	go func() {
		for r := range requests {
			_ = r.Reply(false, nil) // keepalives
		}
	}()
	for n := range channels {
		channel, asked, err := n.Accept()
		if err != nil {
			return
		}
		go func() {
			for r := range asked {
				_ = r.Reply(r.Type == "exec", nil)
				if r.Type == "exec" {
					go runSSH(channel, string(r.Payload[4:]))
				}
			}
		}()
	}
}

func runSSH(channel cryptossh.Channel, command string) {
	defer channel.Close()
	c := exec.Command("/bin/sh", "-c", command)
	in, _ := c.StdinPipe()
	c.Stdout, c.Stderr = channel, channel.Stderr()
	if c.Start() != nil {
		return
	}
	go func() {
		buf := make([]byte, 32<<10)
		for {
			n, err := channel.Read(buf)
			if _, werr := in.Write(buf[:n]); err != nil || werr != nil {
				in.Close()
				return
			}
		}
	}()
	_ = c.Wait()
	_, _ = channel.SendRequest("exit-status", false, binary.BigEndian.AppendUint32(nil, uint32(c.ProcessState.ExitCode())))
}

// The system's ssh and a server that speaks the protocol, over a good and a bad wire.
func TestServer(t *testing.T) {
	dir := keys(t)
	for _, wire := range []string{"", "bad"} {
		addr, _ := server(t, dir, loopback(t))
		follows(t, reached(t, dir, addr, wire), 5)
	}
}
