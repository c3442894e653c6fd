package inetdiag

import (
	"context"
	"io"
)

// ScanProc is ReadProc of a copy of /proc/net/tcp or /proc/net/tcp6, of a host whose
// byte order is that of this one.
func ScanProc(r io.Reader, visit func(*Socket)) error {
	return scanProc(context.Background(), r, visit)
}
