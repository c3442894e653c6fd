package links

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"whydrop/probes/fact"
)

// TestNetlinkForbidden looks from a process that may open no netlink socket, as
// containers and services are confined: that is no failure.
func TestNetlinkForbidden(t *testing.T) {
	const child = "WHYDROP_TEST_FORBIDDEN"
	if os.Getenv(child) != "" {
		if err := forbidNetlink(); err != nil {
			t.Skip(err)
		}
		_, err := New(nil).Look(context.Background())
		if !errors.Is(err, fact.ErrUnavailable) || !strings.Contains(err.Error(), "AF_NETLINK") {
			t.Errorf("Look fails with %v", err)
		}
		return
	}
	cmd := exec.Command(os.Args[0], "-test.run=^TestNetlinkForbidden$", "-test.v")
	cmd.Env = append(os.Environ(), child+"=1")
	out, err := cmd.CombinedOutput()
	switch {
	case err != nil:
		t.Errorf("%v\n%s", err, out)
	case strings.Contains(string(out), "--- SKIP"):
		t.Skipf("%s", out)
	}
	if err := refused(unix.EMFILE); errors.Is(err, fact.ErrUnavailable) {
		t.Errorf("no descriptor left: %v", err)
	}
}

// forbidNetlink makes socket(2) fail for AF_NETLINK in all threads of this
// process (seccomp(2)), as systemd's RestrictAddressFamilies= does.
func forbidNetlink() error {
	const (
		load, equal, answer = unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, unix.BPF_RET | unix.BPF_K
		number, argument    = 0, 16 // in struct seccomp_data
	)
	filter := []unix.SockFilter{
		{Code: load, K: number},
		{Code: equal, K: unix.SYS_SOCKET, Jf: 3},
		{Code: load, K: argument},
		{Code: equal, K: unix.AF_NETLINK, Jf: 1},
		{Code: answer, K: unix.SECCOMP_RET_ERRNO | uint32(unix.EAFNOSUPPORT)},
		{Code: answer, K: unix.SECCOMP_RET_ALLOW},
	}
	program := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	runtime.LockOSThread()
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return err
	}
	if _, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, unix.SECCOMP_FILTER_FLAG_TSYNC, uintptr(unsafe.Pointer(&program))); errno != 0 {
		return errno
	}
	return nil
}
