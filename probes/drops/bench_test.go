package drops

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/cilium/ebpf"
	"github.com/google/nftables"
	"golang.org/x/sys/unix"

	"whydrop/probes/fact"
)

// TestMain lets the benchmarks start this binary as a program that does nothing
// but count drops.
func TestMain(m *testing.M) {
	switch os.Getenv("DROPS_TEST") {
	case "":
		os.Exit(m.Run())
	case "peer":
		os.Exit(peer())
	}
	s := New()
	for range 2 {
		if _, err := s.Look(context.Background()); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		time.Sleep(100 * time.Millisecond)
	}
	status, _ := os.ReadFile("/proc/self/status")
	for line := range strings.Lines(string(status)) {
		if kb, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			fmt.Print(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(kb), "kB")))
		}
	}
}

// oneLiner is what an engineer types to count drops by reason.
const oneLiner = "tracepoint:skb:kfree_skb { @[args->reason] = count(); }"

// peer becomes bpftrace, in a mount namespace that has the tracing files where
// it wants them.
func peer() int {
	_ = unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, "")
	if _, err := os.Stat("/sys/kernel/debug/tracing/events"); err != nil {
		_ = unix.Mount("debugfs", "/sys/kernel/debug", "debugfs", 0, "")
	}
	path, err := exec.LookPath("bpftrace")
	if err == nil {
		err = unix.Exec(path, []string{path, "-e", oneLiner}, os.Environ())
	}
	fmt.Fprintln(os.Stderr, err)
	return 1
}

// BenchmarkAttach is a first look: load, attach, read. MiB is the most that a
// process which does only this has resident.
func BenchmarkAttach(b *testing.B) {
	for b.Loop() {
		s := New()
		look(b, s)
		s.Close()
	}
	b.StopTimer()
	alone := exec.Command(os.Args[0])
	alone.Env = append(os.Environ(), "DROPS_TEST=alone")
	out, err := alone.Output()
	if err != nil {
		b.Fatal(err)
	}
	var kb float64
	if _, err := fmt.Sscan(string(out), &kb); err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(kb/1024, "MiB")
}

// BenchmarkLook is a later look.
func BenchmarkLook(b *testing.B) {
	s := New()
	defer s.Close()
	look(b, s)
	for b.Loop() {
		look(b, s)
	}
}

func look(b *testing.B, s *Source) {
	b.Helper()
	_, err := s.Look(context.Background())
	if errors.Is(err, fact.ErrUnavailable) {
		b.Skip(err)
	}
	if err != nil {
		b.Fatal(err)
	}
}

// BenchmarkDrop floods a namespace that drops all UDP: ns/op is a packet sent
// and dropped, bpf-ns/drop what the kernel's BPF statistics give for a drop.
// bpftrace is what an engineer would type.
func BenchmarkDrop(b *testing.B) {
	run := func(name string, do func(b *testing.B)) {
		b.Run(name, func(b *testing.B) {
			newLab(b).drop(b, nftables.ChainHookInput, 17)
			do(b)
		})
	}
	run("nobody", func(b *testing.B) { flood(b, nil) })
	run("drops", func(b *testing.B) { floodSource(b, New()) })
	run("drops-flow", func(b *testing.B) { floodSource(b, New(Flow{Port: 9})) })
	run("drops-other-flow", func(b *testing.B) { floodSource(b, New(Flow{Port: 10})) })
	run("bpftrace", func(b *testing.B) {
		if _, err := exec.LookPath("bpftrace"); err != nil {
			b.Skip("no bpftrace here")
		}
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), "DROPS_TEST=peer")
		cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: unix.CLONE_NEWNS}
		if err := cmd.Start(); err != nil {
			b.Skip(err)
		}
		defer func() {
			_ = cmd.Process.Signal(syscall.SIGINT)
			_ = cmd.Wait()
		}()
		time.Sleep(time.Second) // it takes a third of it to attach
		program := newest(b, ebpf.TracePoint)
		defer program.Close()
		flood(b, program)
	})
}

func floodSource(b *testing.B, s *Source) {
	defer s.Close()
	look(b, s)
	flood(b, s.kernel.program)
}

// newest finds the last loaded program of a type.
func newest(b *testing.B, want ebpf.ProgramType) *ebpf.Program {
	b.Helper()
	var found *ebpf.Program
	for id, err := ebpf.ProgramGetNextID(0); err == nil; id, err = ebpf.ProgramGetNextID(id) {
		p, err := ebpf.NewProgramFromID(id)
		if err != nil {
			continue
		}
		if p.Type() != want {
			p.Close()
			continue
		}
		if found != nil {
			found.Close()
		}
		found = p
	}
	if found == nil {
		b.Skip("the program is not there")
	}
	return found
}

func flood(b *testing.B, program *ebpf.Program) {
	stats, err := ebpf.EnableStats(uint32(unix.BPF_STATS_RUN_TIME))
	if err != nil {
		b.Skip(err)
	}
	defer stats.Close()
	conn, err := net.Dial("udp", "127.0.0.1:9")
	if err != nil {
		b.Fatal(err)
	}
	defer conn.Close()
	raw, err := conn.(*net.UDPConn).SyscallConn()
	if err != nil {
		b.Fatal(err)
	}
	payload := make([]byte, 64)
	read := func() ebpf.ProgramStats {
		if program == nil {
			return ebpf.ProgramStats{}
		}
		st, err := program.Stats()
		if err != nil {
			b.Fatal(err)
		}
		return *st
	}
	before := read()
	b.ResetTimer()
	_ = raw.Control(func(fd uintptr) {
		for range b.N {
			_ = unix.Send(int(fd), payload, 0)
		}
	})
	b.StopTimer()
	after := read()
	if n := after.RunCount - before.RunCount; n > 0 {
		b.ReportMetric(float64(after.Runtime-before.Runtime)/float64(n), "bpf-ns/drop")
	}
}
