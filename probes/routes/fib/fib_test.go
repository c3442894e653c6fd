package fib

import "testing"

// TestRefused decodes what the programs write.
func TestRefused(t *testing.T) {
	v4 := kernelRefused{Addr: [16]uint8{192, 0, 2, 7}, Port: 443, Family: 4, Error: -22}
	v6 := kernelRefused{Addr: [16]uint8{0: 0x20, 1: 1, 15: 7}, Port: 443, Family: 6, Error: -113}
	for _, c := range []struct {
		key  kernelRefused
		want string
	}{{v4, "192.0.2.7:443 invalid argument"}, {v6, "[2001::7]:443 no route to host"}, {kernelRefused{}, ""}} {
		r, ok := c.key.refused(3)
		if got := r.To.String() + " " + r.Errno.Error(); ok != (c.want != "") || ok && (got != c.want || r.Count != 3) {
			t.Errorf("%+v: %s, %v", c.key, got, ok)
		}
	}
}
