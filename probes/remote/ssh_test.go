package remote

import "testing"

// TestReasons: of what ssh tells, warnings are no reason why a session ended.
func TestReasons(t *testing.T) {
	const added = "Warning: Permanently added '[192.0.2.7]:2222' (ED25519) to the list of known hosts.\r\n"
	for _, tt := range []struct{ told, want string }{
		{added, ""},
		{added + "Connection closed by 192.0.2.7 port 22\r\n", "Connection closed by 192.0.2.7 port 22"},
		{added + "client_loop: send disconnect: Broken pipe\nKilled by signal 15.\n", "client_loop: send disconnect: Broken pipe"},
		{"** WARNING: connection is not using a post-quantum key exchange algorithm.\n** This session may be vulnerable to \"store now, decrypt later\" attacks.\n** The server may need to be upgraded. See https://openssh.com/pq.html\nadmin@192.0.2.7: Permission denied (publickey).\n", "admin@192.0.2.7: Permission denied (publickey)."},
		{"debug1: Exit status 255\nssh: connect to host a port 22: No route to host\n" + added, "ssh: connect to host a port 22: No route to host"},
	} {
		var words tail
		_, _ = words.Write([]byte(tt.told)) // never fails
		if got := words.last(); got != tt.want {
			t.Errorf("%q: got %q, want %q", tt.told, got, tt.want)
		}
	}
}
