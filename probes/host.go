package probes

import "golang.org/x/sys/unix"

// release is the running kernel's release, as uname(2) gives it.
func release() string {
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return ""
	}
	return unix.ByteSliceToString(u.Release[:])
}
