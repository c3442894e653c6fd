package load

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"whydrop/probes/fact"
)

// TLS is what the handshakes told. Each is a full one: no session is resumed.
type TLS struct {
	Handshakes int    `json:"handshakes"`  // that came to their end
	Version    string `json:"version"`     // of the first, as in TLS 1.3
	Cipher     string `json:"cipher"`      // of the first
	Name       string `json:"name"`        // that the certificate was checked for
	Subject    string `json:"certificate"` // of the last one that is not trusted, or of the first
	Until      string `json:"valid_until"` // of that certificate, RFC 3339
	// Untrusted handshakes showed a certificate that a client of this host's roots
	// would refuse, and Why. The traffic goes on: it carries no secret.
	Untrusted int    `json:"untrusted"`
	Why       string `json:"why_untrusted,omitempty"`

	roots    *x509.CertPool // nil: this host's
	verdicts map[[sha256.Size]byte]string
}

// wire is a connection as crypto/tls wants it.
type wire struct{ *conn }

func (wire) LocalAddr() net.Addr  { return &net.TCPAddr{} }
func (wire) RemoteAddr() net.Addr { return &net.TCPAddr{} }

// Read passes on the end of the time as an error that crypto/tls takes for temporary:
// a connection that only rested can still be used.
func (w wire) Read(b []byte) (int, error) {
	n, err := w.conn.Read(b)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		err = os.ErrDeadlineExceeded
	}
	return n, err
}

// shake makes the TLS handshake, and tells the attempt how long it took.
func (r *run) shake(l *line, a *attempt) error {
	if err := l.until(r.ctx, time.Now().Add(r.traffic.Timeout.Duration())); err != nil {
		return err
	}
	host := r.traffic.Host
	if host == "" {
		name, _, err := net.SplitHostPort(r.name)
		if err != nil {
			return err
		}
		host, _, _ = strings.Cut(name, "%") // a zone is of this host alone
	}
	// Whom the certificate is of is judged afterwards, and told: a handshake that the
	// client breaks off would say nothing about the path.
	config := &tls.Config{ServerName: host, InsecureSkipVerify: true}
	if r.traffic.HTTP != "" {
		config.NextProtos = []string{"http/1.1"}
	}
	secure := tls.Client(wire{l.conn}, config)
	begin := time.Now()
	if err := secure.HandshakeContext(r.ctx); err != nil {
		return err
	}
	a.handshake = time.Since(begin)
	l.secure = secure
	l.in.Reset(secure)
	r.shaken(secure.ConnectionState(), host)
	return nil
}

// farewellWait is for how long the end of what the server says is waited for.
const farewellWait = 500 * time.Millisecond

// farewell ends TLS in order (close_notify, RFC 8446, 6.1), and reads what the server
// still says, session tickets above all: the kernel would answer it by a reset, which
// no path has any part in.
func (l *line) farewell() {
	_ = l.secure.CloseWrite()
	_ = l.raw.Control(func(fd uintptr) { _ = unix.Shutdown(int(fd), unix.SHUT_WR) })
	if l.until(l.r.ctx, time.Now().Add(farewellWait)) == nil {
		_, _ = io.CopyN(io.Discard, l.conn, 64<<10)
	}
}

// shaken notes what a handshake told.
func (r *recorder) shaken(s tls.ConnectionState, host string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	t := r.r.TLS
	if t == nil {
		t = &TLS{
			Version: tls.VersionName(s.Version), Cipher: tls.CipherSuiteName(s.CipherSuite), Name: host,
			verdicts: map[[sha256.Size]byte]string{},
		}
		r.r.TLS = t
	}
	t.Handshakes++
	why := t.verdict(s, host)
	if why != "" {
		t.Untrusted++
		t.Why = why
	}
	if leaf := s.PeerCertificates; len(leaf) > 0 && (why != "" || t.Subject == "") {
		t.Subject = fact.Clean(leaf[0].Subject.String(), 200)
		t.Until = leaf[0].NotAfter.UTC().Format(time.RFC3339)
	}
}

// adds fails where the counts do not fit together.
func (t *TLS) adds() error {
	if t != nil && (t.Untrusted < 0 || t.Handshakes < t.Untrusted || t.Handshakes > math.MaxInt32) {
		return fmt.Errorf("%d handshakes of which %d are not trusted", t.Handshakes, t.Untrusted)
	}
	return nil
}

// mostVerdicts of different certificates are remembered.
const mostVerdicts = 100

// verdict says why a client with this host's roots would refuse the certificate; ""
// if it would not.
func (t *TLS) verdict(s tls.ConnectionState, host string) string {
	if len(s.PeerCertificates) == 0 {
		return "the server showed none"
	}
	key := sha256.Sum256(s.PeerCertificates[0].Raw)
	if why, known := t.verdicts[key]; known {
		return why
	}
	options := x509.VerifyOptions{DNSName: host, Roots: t.roots, Intermediates: x509.NewCertPool()}
	for _, c := range s.PeerCertificates[1:] {
		options.Intermediates.AddCert(c)
	}
	why := ""
	if _, err := s.PeerCertificates[0].Verify(options); err != nil {
		why = fact.Clean(err.Error(), 200)
	}
	if len(t.verdicts) < mostVerdicts {
		t.verdicts[key] = why
	}
	return why
}

// tlsName is the short name of an error of a TLS handshake; "" for another one.
func tlsName(err error) string {
	var record tls.RecordHeaderError
	var alert tls.AlertError
	switch {
	case errors.As(err, &record):
		return "no TLS"
	case errors.As(err, &alert):
		return fmt.Sprintf("TLS alert %d, %s", uint8(alert), fact.Clean(alert.Error(), 60))
	}
	return ""
}
