package fib

//go:generate go run github.com/cilium/ebpf/cmd/bpf2go -cc clang-14 -strip llvm-strip-14 -no-global-types -type refused kernel fib.bpf.c
