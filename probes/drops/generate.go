package drops

//go:generate go run github.com/cilium/ebpf/cmd/bpf2go -cc clang-14 -strip llvm-strip-14 -no-global-types -type ledger -type slot -type sample -type end kernel drops.bpf.c
