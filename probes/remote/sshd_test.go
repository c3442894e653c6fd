package remote

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"whydrop/probes/fact"
)

// keys makes a key for the server and one for the client, and returns the directory.
func keys(t *testing.T) string {
	t.Helper()
	for _, tool := range []string{"ssh", "ssh-keygen"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("%s is not installed", tool)
		}
	}
	dir := t.TempDir()
	for _, name := range []string{"host", "client"} {
		if out, err := exec.Command("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", filepath.Join(dir, name)).CombinedOutput(); err != nil {
			t.Fatalf("ssh-keygen: %v: %s", err, out)
		}
	}
	return dir
}

// reached is how the system's ssh gets to a server, through a wire that
// behaves as wire says; "" for a good one.
func reached(t *testing.T, dir, addr, wire string) Options {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		t.Fatal(err)
	}
	key, err := os.ReadFile(filepath.Join(dir, "host.pub"))
	if err != nil {
		t.Fatal(err)
	}
	known := filepath.Join(dir, "known")
	if err := os.WriteFile(known, fmt.Appendf(nil, "[%s]:%s %s", host, port, key), 0o600); err != nil {
		t.Fatal(err)
	}
	o := Options{Destination: host, Version: "(devel)", SSHOptions: []string{
		"Port=" + port, "IdentityFile=" + filepath.Join(dir, "client"), "IdentitiesOnly=yes", "UserKnownHostsFile=" + known, "StrictHostKeyChecking=yes",
	}}
	if wire != "" {
		o.SSHOptions = append(o.SSHOptions, fmt.Sprintf("ProxyCommand=%s wire %s %s", self, wire, addr))
	}
	t.Setenv("FAKE_SSH", "")
	t.Setenv("FAKE_VERSION", "(devel)")
	t.Setenv("FAKE_LOG", filepath.Join(t.TempDir(), "log"))
	return o
}

// A real sshd: the program is brought, and observations come.
func TestSSHD(t *testing.T) {
	path := "/usr/sbin/sshd"
	if _, err := os.Stat(path); err != nil {
		t.Skip("there is no sshd on this machine")
	}
	dir := keys(t)
	addr := freeAddr(t)
	_, port, _ := net.SplitHostPort(addr)
	config := fmt.Sprintf("ListenAddress 127.0.0.1\nPort %s\nHostKey %s\nAuthorizedKeysFile %s\nStrictModes no\nPidFile none\nPasswordAuthentication no\n",
		port, filepath.Join(dir, "host"), filepath.Join(dir, "client.pub"))
	if err := os.WriteFile(filepath.Join(dir, "config"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	if os.Geteuid() == 0 {
		_ = os.MkdirAll("/run/sshd", 0o755) // what sshd separates its rights with
	}
	server := exec.Command(path, "-D", "-e", "-f", filepath.Join(dir, "config"))
	server.Stderr = os.Stderr
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Process.Kill(); _ = server.Wait() })
	for range 100 {
		if c, err := net.Dial("tcp", addr); err == nil {
			c.Close()
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
	follows(t, reached(t, dir, addr, ""), 3)
	follows(t, reached(t, dir, addr, "bad"), 3)
}

func freeAddr(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// follows watches a host until so many observations came.
func follows(t *testing.T, o Options, n int) {
	t.Helper()
	began := time.Now()
	h := dialled(t, o)
	t.Logf("connected and brought in %v", time.Since(began).Round(time.Millisecond))
	ctx, stop := context.WithTimeout(t.Context(), time.Minute)
	defer stop()
	seen := 0
	err := h.Watch(ctx, Request{Window: time.Second}, func(*fact.Facts) {
		if seen++; seen == n {
			stop()
		}
	})
	if err != nil || seen < n {
		t.Errorf("%d observations, error %v", seen, err)
	}
}
