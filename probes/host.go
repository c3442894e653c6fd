package probes

import "golang.org/x/sys/unix"

// Release is the running kernel's release, as uname(2) gives it.
func Release() string {
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return ""
	}
	return unix.ByteSliceToString(u.Release[:])
}
