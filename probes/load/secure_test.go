package load

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// secure is a web server that speaks TLS, and its address.
func secure(t *testing.T) (*httptest.Server, string) {
	t.Helper()
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		time.Sleep(20 * time.Millisecond)
		io.WriteString(w, strings.Repeat("x", 2000)+r.Host+r.TLS.ServerName)
	}))
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.StartTLS()
	t.Cleanup(s.Close)
	return s, s.Listener.Addr().String()
}

// Traffic within TLS fares as without, with a handshake for each connection; that the
// certificate is of nobody known is told, and is no failure.
func TestTLS(t *testing.T) {
	t.Parallel()
	_, address := secure(t)
	request, kept, down, rest := quick(Request), quick(Request), quick(Down), quick(Idle)
	kept.Keep = 4
	for _, traffic := range []*Traffic{&request, &kept, &down, &rest} {
		traffic.HTTP = "/"
	}
	for name, c := range map[string]struct {
		traffic    Traffic
		handshakes int
	}{
		"connect": {quick(Connect), 50}, "request": {request, 50}, "kept": {kept, 4}, "down": {down, 1}, "idle": {rest, 1}, "idle, by a probe": {quick(Idle), 1},
	} {
		c.traffic.TLS = true
		r := sent(t, t.Context(), address, c.traffic)
		if r.Failed > 0 || r.OK == 0 || r.Handshake.Count() != uint64(c.handshakes) {
			t.Errorf("%s: %d ok, %v, %d times of handshakes: want %d", name, r.OK, r.Failures, r.Handshake.Count(), c.handshakes)
		}
		if s := r.TLS; s == nil || s.Version != "TLS 1.3" || s.Handshakes != c.handshakes || s.Untrusted != c.handshakes || s.Why == "" || s.Name != "127.0.0.1" {
			t.Errorf("%s: told of TLS: %+v", name, s)
		}
		if c.traffic.Kind == Request && r.FirstByte.Min() < 20*time.Millisecond {
			t.Errorf("%s: the first byte came after %v", name, r.FirstByte.Min())
		}
	}
}

// What is no TLS, or says nothing, or breaks off, fails by a handshake and never by more.
func TestTLSFails(t *testing.T) {
	t.Parallel()
	quiet := answering(t, func(c net.Conn) { time.Sleep(3 * time.Second) })
	plain := answering(t, func(c net.Conn) { io.WriteString(c, "220 mail.example ESMTP\r\n"); time.Sleep(time.Second) })
	hangsUp := answering(t, func(c net.Conn) { c.Read(make([]byte, 1000)); c.(*net.TCPConn).CloseWrite(); io.Copy(io.Discard, c) })
	alert := answering(t, func(c net.Conn) {
		c.Read(make([]byte, 1000))
		c.Write([]byte{21, 3, 3, 0, 2, 2, 40})
		time.Sleep(time.Second)
	})
	for name, c := range map[string]struct{ address, want string }{
		"quiet": {quiet, "timeout"}, "plain": {plain, "no TLS"}, "hangs up": {hangsUp, "closed"}, "alert": {alert, "handshake failure"},
	} {
		traffic := quick(Connect)
		traffic.TLS, traffic.Rate, traffic.Timeout = true, 10, 0.3
		r := sent(t, t.Context(), c.address, traffic)
		if r.OK > 0 || len(r.Failures) != 1 || r.Failures[0].Step != "handshake" || !strings.Contains(r.Failures[0].Error, c.want) {
			t.Errorf("%s: %d ok, %+v: want %q", name, r.OK, r.Failures, c.want)
		}
		if r.TLS != nil || r.Handshake.Count() > 0 {
			t.Errorf("%s: told of TLS: %+v", name, r.TLS)
		}
	}
}

// TestVerdict: a certificate is good for its names and under its roots alone.
func TestVerdict(t *testing.T) {
	server, _ := secure(t)
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	state := tls.ConnectionState{PeerCertificates: []*x509.Certificate{server.Certificate()}}
	for _, c := range []struct {
		host  string
		roots *x509.CertPool
		state tls.ConnectionState
		want  string
	}{
		{"example.com", roots, state, ""},
		{"127.0.0.1", roots, state, ""},
		{"db1.example", roots, state, "not db1.example"},
		{"example.com", x509.NewCertPool(), state, "unknown authority"},
		{"example.com", roots, tls.ConnectionState{}, "showed none"},
	} {
		s := &TLS{roots: c.roots, verdicts: map[[32]byte]string{}}
		for range 2 { // the second is remembered
			if why := s.verdict(c.state, c.host); (why == "") != (c.want == "") || !strings.Contains(why, c.want) {
				t.Errorf("%s: %q, want %q", c.host, why, c.want)
			}
		}
	}
}

// The name to ask for is another one than the destination's if that is said, for TLS
// and for HTTP, and can be nothing but a name.
func TestHost(t *testing.T) {
	server, address := secure(t)
	asked := make(chan string, 100)
	server.Config.Handler = http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { asked <- r.Host + " " + r.TLS.ServerName })
	traffic := quick(Request)
	traffic.HTTP, traffic.TLS, traffic.Host, traffic.Rate = "/", true, "db1.example", 4
	if r := sent(t, t.Context(), address, traffic); r.OK != 2 || r.TLS.Name != "db1.example" {
		t.Errorf("%d ok, %+v", r.OK, r.TLS)
	}
	if got := <-asked; got != "db1.example db1.example" {
		t.Errorf("asked for %q", got)
	}
	for _, host := range []string{"a b", "a\r\nX: y", "höst", "a/b", strings.Repeat("a", 300)} {
		if traffic.Host = host; traffic.Check() == nil {
			t.Errorf("%q is taken for a name", host)
		}
	}
}

// A result whose handshakes do not add up was not written by whydrop.
func TestReadTLS(t *testing.T) {
	_, address := secure(t)
	traffic := quick(Connect)
	traffic.TLS, traffic.Rate = true, 10
	r := sent(t, t.Context(), address, traffic)
	for untrusted, ok := range map[int]bool{5: true, 0: true, 6: false, -1: false} {
		r.TLS.Untrusted = untrusted
		text, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := Read(text); (err == nil) != ok || ok && (got.TLS.Untrusted != untrusted || got.Handshake.Count() != 5) {
			t.Errorf("%d of 5 not trusted: %v", untrusted, err)
		}
	}
}
